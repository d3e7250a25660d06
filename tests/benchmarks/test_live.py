import json
import time

import numpy as np
import pytest

from benchmarks.live import live_tables, main
from benchmarks.live_quality import lip_error, measure_silence, one_minute
from benchmarks.live_streams import CHUNK, CHUNK_S, Crowd, measure_alone, measure_crowd
from distill.audio.frames import sample_at
from distill.audio.grid import WindowGrid
from distill.talker import Talker, load
from tests.benchmarks.fakes import FPS, FakeCorpus, recording, space
from tests.streaming import save_stream_model, speech


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    return load(save_stream_model(tmp_path_factory.mktemp("live") / "stream"))


def test_the_first_frame_needs_the_sound_of_its_delay_in_whole_chunks(talker):
    found = measure_alone(talker, 1.0)
    chunk_ms = 1000 * CHUNK_S
    assert found["first_sound_ms"] == chunk_ms * np.ceil(found["algorithmic_ms"] / chunk_ms)
    assert found["first_motion_ms"] > found["first_sound_ms"]
    assert found["latency_frames"] == np.ceil(found["algorithmic_ms"] * FPS / 1000)
    assert 0 < found["compute_p50_ms"] <= found["compute_p95_ms"] <= found["compute_p99_ms"]


def test_a_crowd_hears_every_chunk_once_it_is_there_and_makes_all_its_frames(talker):
    together = Crowd(talker, 3)
    together.hear(1.0)
    made = np.zeros(3, int)
    while who := together.advance():
        made[who] += 1
    assert [together.arrived_s(i) for i in range(3)] == pytest.approx(
        [0.98 + phase for phase in together.phases_s]
    )
    shape = talker.stream().engine.stream
    ends = [WindowGrid(FPS, shape.per_frame).end(k + shape.shift_frames) for k in range(60)]
    heard = together.heard[0] * CHUNK
    hearing_ahead = shape.shift_frames  # blocks before the first frame
    assert made.tolist() == [hearing_ahead + sum(end <= heard for end in ends)] * 3


def test_lateness_counts_from_the_chunk_that_completes_a_frame(talker):
    found = measure_crowd(talker, 2, 0.5, time.time() + 4.0)
    assert len(found["late_ms"]) >= 2 * 13
    assert min(found["late_ms"]) > 0
    assert 0 < found["busy"] < 1.5


def test_a_minute_is_made_of_whole_frames_of_clips_again_and_again():
    corpus = FakeCorpus()
    clips = [clip for clip in corpus.clips if clip.split == "test" and clip.speaker == "ann"]
    audio, motion = one_minute(corpus, clips, FPS)
    assert len(motion) == 60 * FPS
    assert len(audio) == 60 * 16_000
    first, second = (corpus.read(clip) for clip in clips)
    np.testing.assert_array_equal(motion[60:120], second.motion)
    np.testing.assert_array_equal(audio[sample_at(120, FPS) :][:32_000], first.audio[:32_000])


def test_lip_error_is_zero_for_the_real_motion_alone():
    _, motion = recording(0)
    assert lip_error(space(), motion, motion) == 0.0
    wider = motion + np.array([0.1, 0, 0, 0], np.float32)  # a lip of 10 mm per jaw: 1 mm off
    assert lip_error(space(), wider, motion) == pytest.approx(1.0, rel=1e-3)


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
    words = ["--seconds", "0.5", "--json", str(out)]
    assert main([*words, "--streams", "3", "--workers", "2"]) == 0
    value = json.loads(out.read_text())
    (row,) = value["crowds"]
    assert row["workers"] == 2
    assert 0 < row["late_p50_ms"] <= row["late_p99_ms"]
    alone, together = live_tables(value)
    assert alone.body[0][0] == "70.9"
    assert together.body[0][:2] == ("3", "2")


def test_numbers_that_are_not_positive_are_refused(capsys):
    assert main(["--streams", "0"]) == 2
    assert "must be positive" in capsys.readouterr().err
