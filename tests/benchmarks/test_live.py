import json
import time

import numpy as np
import pytest

from benchmarks.live import live_tables, main
from benchmarks.live_quality import measure_drift, measure_silence, one_minute
from benchmarks.live_streams import CHUNK, CHUNK_S, Crowd, measure_alone, measure_crowd
from distill.audio.frames import sample_at
from distill.audio.grid import WindowGrid
from distill.compress.check import Spoken
from distill.talker import Talker, load
from tests.benchmarks.fakes import FPS, recording
from tests.streaming import save_stream_model, speech


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    return load(save_stream_model(tmp_path_factory.mktemp("live") / "stream"))


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_first_frame_needs_the_sound_of_its_delay_in_whole_chunks(talker, rate_hz):
    found = measure_alone(talker, 1.0, rate_hz)
    chunk_ms = 1000 * CHUNK_S
    assert found["first_sound_ms"] == chunk_ms * np.ceil(found["algorithmic_ms"] / chunk_ms)
    assert found["first_motion_ms"] > found["first_sound_ms"]
    assert found["latency_frames"] == np.ceil(found["algorithmic_ms"] * FPS / 1000)
    assert 0 < found["compute_p50_ms"] <= found["compute_p95_ms"] <= found["compute_p99_ms"]


def test_a_crowd_hears_every_chunk_once_it_is_there_and_makes_all_its_frames(talker):
    together = Crowd(talker, 3)
    together.hear(1.0)
    while together.advance():
        pass
    shape = talker.stream().engine.stream
    ends = [WindowGrid(FPS, shape.per_frame).end(k + shape.shift_frames) for k in range(60)]
    heard = together.heard[0] * CHUNK
    hearing_ahead = shape.shift_frames  # blocks before the first frame
    assert together.blocks.tolist() == [hearing_ahead + sum(end <= heard for end in ends)] * 3


def test_lateness_counts_from_the_chunk_that_completes_a_frame(talker):
    found = measure_crowd(talker, 2, 0.5, time.time() + 4.0)
    assert len(found["late_ms"]) >= 2 * 13
    assert min(found["late_ms"]) > 0
    assert 0 < found["busy"] < 1.5


def test_what_a_stall_holds_up_is_late_from_when_it_was_due(talker):
    crowd = Crowd(talker, 1)
    crowd.hear(1.0)
    while crowd.advance():
        pass
    crowd.hear(1.5)  # half a second of sound that was not heard when it came
    due_s = []
    while found := crowd.advance():
        due_s += found
    assert len(due_s) in (14, 15, 16)
    assert 1.0 < min(due_s) < 1.04 and 1.46 < max(due_s) < 1.5
    np.testing.assert_allclose(np.diff(due_s), 1 / FPS, atol=CHUNK_S)


def test_what_is_missing_at_the_end_is_late_too(talker):
    crowd = Crowd(talker, 2)
    crowd.hear(1.0)
    while crowd.advance():
        pass
    due_s = crowd.overdue(1.5)
    assert len(due_s) in range(28, 33) and crowd.overdue(1.5) == []
    assert min(due_s) > 1.0 and max(due_s) < 1.5


def test_a_minute_is_made_of_whole_frames_of_a_clip_again_and_again():
    audio, motion = recording(0)
    clip = Spoken(audio=audio[:-100], motion=motion)
    minute, truth = one_minute(clip, FPS)
    assert len(truth) == 60 * FPS and len(minute) == 60 * 16_000
    np.testing.assert_array_equal(truth[120:180], motion)
    at = sample_at(120, FPS)
    np.testing.assert_array_equal(minute[at : at + len(clip.audio)], clip.audio)


def test_drift_is_the_error_of_the_last_minute_over_that_of_the_first(talker, monkeypatch):
    audio = speech(2.0)
    clip = Spoken(audio=audio, motion=np.zeros((60, 55), np.float32))
    jaw = talker.channels.index("jawOpen")

    def opening(self, audio, persona, *, seeds):
        motion = np.zeros((1, 2 * 60 * round(FPS), 55), np.float32)
        motion[..., jaw] = np.repeat([0.1, 0.2], 60 * round(FPS))
        return motion

    monkeypatch.setattr(Talker, "generate_batch", opening)
    assert measure_drift(talker, [clip], 2)["last_over_first"] == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_mouth_is_closed_from_the_last_frame_it_was_open(talker, monkeypatch, after):
    jaw = talker.channels.index("jawOpen")

    def opened(self, audio, persona, *, seeds):
        motion = np.zeros((1, round(len(audio) * FPS / 16_000), 55), np.float32)
        motion[0, : 4 * round(FPS) + after, jaw] = 0.5
        return motion

    monkeypatch.setattr(Talker, "generate_batch", opened)
    found = measure_silence(talker, speech(4.0))
    assert found["closed_after_ms"] == pytest.approx(1000 * after / FPS)
    assert found["moves_mm"] == 0.0


def test_crowds_in_processes_are_joined_and_told_as_tables(tmp_path):
    out = tmp_path / "live.json"
    words = ["--seconds", "0.5", "--minutes", "1", "--rates", "16000", "48000", "--json", str(out)]
    assert main([*words, "--streams", "3", "--workers", "2"]) == 0
    value = json.loads(out.read_text())
    (row,) = value["crowds"]
    assert row["workers"] == 2
    assert 0 < row["late_p50_ms"] <= row["late_p99_ms"]
    alone, together, _, reach = live_tables(value)
    assert [row[:2] for row in alone.body] == [("16", "70.9"), ("48", "73")]
    assert together.body[0][:2] == ("3", "2")
    told = {target: reached for target, reached, _ in reach.body}
    assert told["48 kHz: algorithmic delay, ms <= 80"] == "yes"
    assert told["50 streams: frames late p99, ms < 33"] == "not measured"


@pytest.mark.parametrize("option", ["--streams", "--minutes", "--rates"])
def test_numbers_that_are_not_positive_are_refused(option, capsys):
    assert main([option, "0"]) == 2
    assert "must be positive" in capsys.readouterr().err
