import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from distill import load
from distill.errors import UserError
from distill.face.livelink import read_livelink_csv
from distill.microphone import Microphone, Tempo, follow, main, parser, record
from tests.distill.test_talker import save
from tests.streaming import save_stream_model, speech


class WavSource:
    """A wav file in pieces, as a sound card hands sound over; `stop_after` presses ctrl-c."""

    def __init__(self, path: Path, stop_after: int | None = None) -> None:
        self.path, self.stop_after = path, stop_after
        self.sample_rate_hz = soundfile.info(path).samplerate

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, piece in enumerate(soundfile.blocks(self.path, 320, dtype="float32")):
            if number == self.stop_after:
                raise KeyboardInterrupt
            yield piece


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_stream_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def wav(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("voice") / "speech.wav"
    soundfile.write(path, speech(2.5), 16_000, subtype="FLOAT")
    return path


def options(model: Path, out: Path, *words: str):
    return parser().parse_args(["--model", str(model), "--out", str(out), *words])


def test_a_recording_of_the_microphone_is_that_of_the_file(model, wav, tmp_path, capsys):
    record(options(model, tmp_path / "a.csv", "--persona", "ann"), WavSource(wav))
    found, fps = read_livelink_csv(tmp_path / "a.csv")
    expected = load(model).generate(wav, persona="ann")
    assert fps == expected.fps == 30.0
    np.testing.assert_allclose(found, expected.values, atol=1e-6)
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'a.csv'}\n"
    delay_ms = 1000 * load(model).stream().delay_s
    assert "2.5 s heard, 30.0 frames per second" in told.err
    assert told.err.endswith(f"waits for {delay_ms:.0f} ms of sound\n")


def test_ctrl_c_writes_what_was_heard_so_far(model, wav, tmp_path):
    record(options(model, tmp_path / "a.csv"), WavSource(wav, stop_after=50))
    found, _ = read_livelink_csv(tmp_path / "a.csv")
    assert len(found) == 30


def test_it_stops_by_itself(model, wav, tmp_path):
    record(options(model, tmp_path / "a.npz", "--seconds", "0.5"), WavSource(wav))
    assert len(np.load(tmp_path / "a.npz")["motion"]) == 15


def test_it_tells_once_a_second(model, wav):
    told: list[tuple[float, int]] = []
    source = WavSource(wav)
    stream = load(model).stream()
    motion = follow(
        stream, source, 16_000, tell=lambda tempo: told.append((tempo.heard_s, tempo.frames))
    )
    assert [heard for heard, _ in told] == pytest.approx([1.0, 2.0, 2.5])
    assert told[-1][1] == len(motion) == 75
    for heard_s, frames in told[:-1]:
        assert abs(frames - heard_s * 30) <= stream.latency_frames + 1


def test_the_first_line_divides_by_nothing():
    assert Tempo().line(0.08).startswith("0.0 s heard, 0.0 frames per second")


def test_silence_before_the_first_sample_writes_nothing(model, wav, tmp_path):
    with pytest.raises(UserError, match="nothing was heard"):
        record(options(model, tmp_path / "a.csv"), WavSource(wav, stop_after=0))
    assert not list(tmp_path.iterdir())


class Busy(Exception):
    """Stands for `sounddevice.PortAudioError`."""


@pytest.mark.parametrize("stage", ["InputStream", "start"])
def test_a_microphone_that_does_not_open_is_one_sentence(
    model, tmp_path, monkeypatch, capsys, stage
):
    def refuse(**options):
        raise Busy("Device unavailable")

    opened = refuse if stage == "InputStream" else lambda **_: SimpleNamespace(start=refuse)
    library = SimpleNamespace(
        PortAudioError=Busy,
        query_devices=lambda *_: {"default_samplerate": 48_000.0},
        InputStream=opened,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    assert main(["--model", str(model), "--out", str(tmp_path / "a.csv")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the microphone does not open (Device unavailable); ")
    assert "--device" in told and not list(tmp_path.iterdir())


def test_mistakes_are_one_sentence(model, wav, tmp_path, capsys):
    with pytest.raises(UserError, match=r"use one of \.csv, \.npz"):
        record(options(model, tmp_path / "a.mp4"), WavSource(wav))
    with pytest.raises(UserError, match="cannot stream"):
        record(options(save(tmp_path / "offline"), tmp_path / "a.csv"), WavSource(wav))
    with pytest.raises(UserError, match="microphone"):
        Microphone("no such device at all")
    assert main(["--model", str(tmp_path / "none"), "--out", str(tmp_path / "a.csv")]) == 2
    assert "neither a model folder nor a shipped model" in capsys.readouterr().err
