"""The examples of streaming that README and `distill.stream` show are run as they stand."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill import folder, load, stream
from tests.conftest import REPOSITORY
from tests.streaming import save_stream_model, speech

RATE_HZ = 48_000
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[str]:
    texts = [(REPOSITORY / "README.md").read_text(encoding="utf-8"), stream.__doc__ or ""]
    return [code for text in texts for code in BLOCK.findall(text) if ".stream(" in code]


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A sound in the working folder, beside a shipped model called `stream`."""
    save_stream_model(tmp_path / "shipped" / "stream")
    monkeypatch.setattr(folder, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    sound = speech(1.0, RATE_HZ)
    soundfile.write("speech.wav", sound, RATE_HZ, subtype="FLOAT")
    return sound


def test_there_is_one_for_scripts_and_one_for_servers():
    assert {"async def talk" in code for code in examples()} == {False, True}


@pytest.mark.parametrize("code", examples())
def test_an_example_runs_as_it_stands(code: str, voice: np.ndarray):
    names: dict[str, object] = {}
    exec(code, names)
    if "talk" not in names:
        return
    shown: list[np.ndarray] = []

    async def speak():
        for start in range(0, len(voice), 1000):
            yield voice[start : start + 1000]

    async def show(frames):
        shown.append(frames.values)

    asyncio.run(names["talk"](speak(), show))
    whole = load("stream").stream()
    expected = np.concatenate([whole.push(voice, RATE_HZ).values, whole.flush().values])
    np.testing.assert_allclose(np.concatenate(shown), expected, atol=1e-4)
    assert len(expected) == 30
