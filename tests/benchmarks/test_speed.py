import json
import math

import numpy as np
import pytest

from benchmarks.speed import (
    cold_start_s,
    main,
    speech_like_audio,
    speed_in_process,
    time_calls,
    timing,
)
from distill.errors import UserError
from distill.folder import DEFAULT_MODEL, SHIPPED


def test_median_percentile_and_real_time_factor_agree():
    found = timing(np.arange(1.0, 101.0), seconds=10.0)
    assert found["p50_ms"] == pytest.approx(50.5)
    assert found["p95_ms"] == pytest.approx(95.05)
    assert found["rtf"] == pytest.approx(10_000 / 50.5)


@pytest.mark.parametrize(("limit_s", "timed"), [(0.0, 3), (1e9, 200)])
def test_calls_are_bounded_by_repeats_and_number(limit_s, timed):
    calls = []
    times_ms = time_calls(lambda: calls.append(1), repeats=3, limit_s=limit_s)
    assert len(times_ms) == timed
    assert len(calls) == timed + (2 if limit_s else 0)


def test_the_audio_is_the_same_every_time_and_audible():
    first = speech_like_audio(0.5)
    assert first.shape == (8000,)
    assert first.dtype == np.float32
    assert np.array_equal(first, speech_like_audio(0.5))
    assert 0.05 < np.abs(first).max() < 1


def test_matrix_products_are_measured_in_a_process_of_their_own():
    found = speed_in_process(["--matmul", "--threads", "1", "--limit-s", "0.05"])
    assert set(found) == {"matmul_gflops_1t"}
    assert found["matmul_gflops_1t"] > 0
    assert math.isfinite(found["matmul_gflops_1t"])


def test_a_missing_checkpoint_is_one_sentence_and_status_2(tmp_path, capsys):
    out = tmp_path / "speed.json"
    assert main(["--checkpoint", str(tmp_path / "absent"), "--json", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()


def test_a_failing_process_passes_its_last_line_on():
    with pytest.raises(UserError, match=r"measuring speed failed .*either --checkpoint or"):
        speed_in_process(["--threads", "1"])


def test_a_new_process_is_timed_to_its_first_file_and_must_write_one(tmp_path):
    assert cold_start_s(SHIPPED / DEFAULT_MODEL, "onnx", runs=1) > 0
    with pytest.raises(UserError, match=r"animating with .*nowhere failed: "):
        cold_start_s(tmp_path / "nowhere", "onnx", runs=1)


def test_a_talker_is_timed_at_every_thread_count(tmp_path, monkeypatch):
    import distill.talker
    from tests.benchmarks.fakes import FakeTalker

    seen = []

    class Timed(FakeTalker):
        def persona(self, audio):
            return "ann"

        def generate_batch(self, audio, persona, *, seeds, steps=None):
            seen.append((len(audio), persona, seeds, steps))
            return np.zeros((1, 1, 4))

        def calls(self, steps):
            return steps

    monkeypatch.setattr(distill.talker, "load", lambda path, backend: Timed())
    out = tmp_path / "speed.json"
    words = ["--checkpoint", "x", "--steps", "4", "--threads", "1", "2", "--seconds", "0.5"]
    assert main([*words, "--repeats", "2", "--limit-s", "0.01", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert set(found) == {"threads_1", "threads_2", "peak_mb", "calls"}
    assert found["calls"] == 4
    assert found["peak_mb"] > 0
    assert set(seen) == {(8000, "ann", (0,), 4)}
