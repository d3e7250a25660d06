from pathlib import Path

import pytest

from distill.errors import UserError
from distill.training import precision


def test_auto_uses_bf16_only_where_the_processor_multiplies_it(monkeypatch):
    for flags, expected in [("fpu avx512_bf16", "bf16-mixed"), ("fpu avx2", "32-true")]:
        monkeypatch.setattr(Path, "read_text", lambda *args, flags=flags, **kwargs: flags)
        assert precision.resolve_precision("auto", cuda=False) == expected


def test_a_named_precision_is_kept_and_an_unknown_one_refused():
    assert precision.resolve_precision("32-true", cuda=True) == "32-true"
    with pytest.raises(UserError, match="fp8"):
        precision.resolve_precision("fp8")
