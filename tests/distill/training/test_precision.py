from pathlib import Path

import pytest

from distill.errors import UserError
from distill.training import precision


def test_auto_uses_bf16_only_where_the_processor_multiplies_it(monkeypatch):
    for flags, halved in [("fpu avx512_bf16", True), ("fpu avx2", False)]:
        monkeypatch.setattr(Path, "read_text", lambda *args, flags=flags, **kwargs: flags)
        chosen = precision.precision_options("auto", cuda=False)
        assert chosen.get("precision") == (None if halved else "32-true")
        assert [plugin.precision for plugin in chosen.get("plugins", [])] == ["bf16-mixed"] * halved


def test_a_named_precision_is_kept_and_an_unknown_one_refused():
    assert precision.precision_options("32-true", cuda=True) == {"precision": "32-true"}
    with pytest.raises(UserError, match="fp8"):
        precision.precision_options("fp8", cuda=False)
