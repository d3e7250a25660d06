"""Every way a file can be useless gives one sentence that names it and says what to do."""

import struct

import numpy as np
import pytest
import soundfile

from distill.audio.decode import load_audio, resample
from distill.errors import UserError
from tests.distill.audio.recordings import chirp_bursts, write, write_ffmpeg


def missing(folder):
    return folder / "missing.wav"


def directory(folder):
    return folder


def empty(folder):
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def no_samples(folder):
    return write(folder / "none.wav", np.zeros(0), 16000)


def cut_to_the_header(folder):
    path = write(folder / "header.wav", chirp_bursts(16000), 16000)
    path.write_bytes(path.read_bytes()[:44])
    return path


def text(folder):
    (folder / "notes.wav").write_text("these are only words, " * 400)
    return folder / "notes.wav"


def noise_bytes(folder):
    (folder / "bytes.mp3").write_bytes(np.random.default_rng(0).bytes(20_000))
    return folder / "bytes.mp3"


def picture(folder):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(folder / "picture.png")
    return folder / "picture.png"


def cut_m4a(folder):
    write_ffmpeg(folder / "cut.m4a", chirp_bursts(16000), 16000, "aac")
    path = folder / "cut.m4a"
    path.write_bytes(path.read_bytes()[:2000])
    return path


def not_a_number(folder):
    audio = chirp_bursts(16000)
    audio[12000] = np.nan
    return write(folder / "nan.wav", audio, 16000, subtype="FLOAT")


def infinite(folder):
    audio = np.stack([chirp_bursts(8000)] * 2, 1)
    audio[4000, 1] = -np.inf
    return write(folder / "inf.wav", audio, 8000, subtype="FLOAT")


def one_hertz(folder):
    return write(folder / "slow.wav", np.zeros(10), 1)


def megahertz(folder):
    return write(folder / "fast.wav", np.zeros(10), 1_000_000)


TABLE = [
    (missing, "does not exist"),
    (directory, "is a folder"),
    (empty, "empty file"),
    (no_samples, "holds no audio samples"),
    (cut_to_the_header, "nothing to decode"),
    (text, "not audio|no sound track"),
    (noise_bytes, "not audio|no sound track|nothing to decode"),
    (picture, "not audio|no sound track"),
    (cut_m4a, "not audio|nothing to decode"),
    (not_a_number, r"not finite audio at sample 12000 \(0.750 s\)"),
    (infinite, r"not finite audio at sample 4000 \(0.500 s\)"),
    (one_hertz, "1 Hz, outside 1000 to 768000 Hz"),
    (megahertz, "1000000 Hz, outside 1000 to 768000 Hz"),
]


@pytest.mark.parametrize(("make", "message"), TABLE, ids=[make.__name__ for make, _ in TABLE])
def test_a_useless_file_is_one_clear_sentence(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load_audio(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300 + len(str(path))


def test_a_recording_over_the_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = write(tmp_path / "long.flac", np.zeros(16000 * 600), 16000)
    taken = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile, "read", lambda *a, **k: taken.append(1) or read(*a, **k)
    )
    monkeypatch.setattr("distill.audio.containers.BLOCK_VALUES", 16000)
    with pytest.raises(UserError, match="longer than the limit of 5 s"):
        load_audio(path, max_seconds=5)
    assert len(taken) == 6


def test_resampling_refuses_what_loading_refuses():
    with pytest.raises(UserError, match="outside 1000"):
        resample(np.zeros(10, np.float32), 1)
    with pytest.raises(UserError, match="not finite"):
        resample(np.array([np.nan], np.float32), 16000)
    assert len(resample(np.zeros(0, np.float32), 16000)) == 0


def test_a_header_chunk_that_promises_too_much_is_survived(tmp_path):
    path = tmp_path / "odd.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 100) + b"WAVE" + b"junk\xff\xff\xff\x7f")
    with pytest.raises(UserError, match=r"not audio|nothing to decode|no audio"):
        load_audio(path)
