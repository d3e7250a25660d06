import numpy as np
import pytest

from distill.audio.cache import FeatureCache
from distill.audio.frames import frames_for

AUDIO = np.linspace(-1, 1, 16000, dtype=np.float32)


@pytest.fixture
def cache(tmp_path):
    calls = []

    def compute(audio, fps):
        calls.append(fps)
        return np.full((frames_for(len(audio), fps), 4), audio.sum() + fps, np.float32)

    made = FeatureCache(tmp_path, "encoder-a", compute)
    made.calls = calls
    return made


def test_the_same_audio_is_computed_once(cache):
    first = cache.features(AUDIO, 30)
    again = FeatureCache(cache.folder, "encoder-a", cache.compute).features(AUDIO.copy(), 30.0)
    assert first.dtype == np.float16 and first.shape == (30, 4)
    assert np.array_equal(first, again)
    assert len(cache.calls) == 1


def test_other_audio_rate_or_encoder_is_another_entry(cache):
    other = FeatureCache(cache.folder, "encoder-b", cache.compute)
    paths = {cache.path(AUDIO, 30), cache.path(AUDIO, 25), other.path(AUDIO, 30)}
    paths |= {cache.path(AUDIO[1:], 30)}
    assert len(paths) == 4


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "pickle"])
def test_a_damaged_entry_is_computed_again(cache, damage):
    right = cache.features(AUDIO, 30)
    path = cache.path(AUDIO, 30)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    elif damage == "empty":
        content = b""
    elif damage == "foreign":
        content = b"something else entirely"
    path.write_bytes(content)
    if damage == "pickle":
        np.savez(path, features=np.array([{"run": "me"}], dtype=object))
    assert np.array_equal(cache.features(AUDIO, 30), right)
    assert len(cache.calls) == 2
    assert np.array_equal(cache.features(AUDIO, 30), right)
    assert len(cache.calls) == 2


def test_no_half_written_files_remain(cache):
    cache.features(AUDIO, 30)
    assert [path.suffix for path in cache.folder.rglob("*") if path.is_file()] == [".npz"]
