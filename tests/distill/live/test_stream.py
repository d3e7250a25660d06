"""Streams over a real socket: what comes back is the motion of the recording."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from distill.engines.engine import build_memory
from tests.distill.live.clients import opened, pcm16, rest, spoken
from tests.distill.test_talker import speech

AUDIO = speech(0.7)


def expected(talker, audio=AUDIO, name=None, emotion=None, strength=1.0, seed=0):
    stream = talker.stream(persona=name, emotion=emotion, strength=strength, seed=seed)
    frames = [stream.push(audio), stream.flush()]
    return np.concatenate([f.values for f in frames])


@pytest.mark.parametrize("size", [77, 20_000])
@pytest.mark.parametrize("mode", ["binary", "json"])
def test_a_stream_gives_the_motion_of_the_recording(door, talker, size, mode):
    values, times = spoken(door, AUDIO, size, mode=mode, seed=5)
    np.testing.assert_allclose(values, expected(talker, seed=5), atol=1e-6)
    np.testing.assert_allclose(times, np.arange(len(values)) / 30, atol=1e-12)
    assert len(values) == 21


def test_persona_emotion_and_strength_reach_the_face(door, talker):
    plain, _ = spoken(door, AUDIO)
    np.testing.assert_allclose(plain, expected(talker), atol=1e-6)
    happy, _ = spoken(door, AUDIO, persona="ann", emotion="happy", strength=2.0)
    want = expected(talker, name="ann", emotion="happy", strength=2.0)
    np.testing.assert_allclose(happy, want, atol=1e-6)
    assert np.abs(happy - plain).max() > 1e-3


def test_other_rates_and_integers_are_heard(door, talker):
    values, _ = spoken(door, pcm16(AUDIO), format="pcm16")
    heard = pcm16(AUDIO).astype(np.float32) / 32768
    np.testing.assert_allclose(values, expected(talker, heard), atol=1e-6)
    fast, _ = spoken(door, speech(0.5).repeat(3), 700, sample_rate=48_000)
    assert fast.shape == (15, 55)


def test_the_delay_that_is_told_is_that_of_the_sound(door, talker):
    for rate_hz in (16_000, 48_000):
        stream = talker.stream()
        stream.tune(rate_hz)
        with opened(door, sample_rate=rate_hz) as (_, ready):
            assert ready["delay_ms"] == pytest.approx(1000 * stream.delay_s)
    assert stream.delay_s > talker.stream().delay_s


def test_many_at_once_are_computed_together_and_stay_apart(door, talker):
    jobs = [(seed, "ann" if seed % 2 else "bob", 300 + 211 * seed) for seed in range(6)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        calls = [pool.submit(spoken, door, AUDIO, n, persona=p, seed=s) for s, p, n in jobs]
    for (seed, persona, _), call in zip(jobs, calls, strict=True):
        want = expected(talker, name=persona, seed=seed)
        np.testing.assert_allclose(call.result()[0], want, atol=1e-5)


def test_frames_come_while_the_sound_still_goes_on(door):
    with opened(door) as (socket, ready):
        assert ready["fps"] == 30 and len(ready["channels"]) == 55
        due = ready["latency_frames"] / 30
        assert 0 < ready["delay_ms"] <= 1000 * due
        socket.send(AUDIO[: int(16_000 * (due + 0.01))].tobytes())
        count, channels = struct.unpack_from("<II", socket.recv(10))
        assert (count, channels) == (1, 55)


def test_silence_and_nothing_at_all_have_an_end(door):
    assert len(spoken(door, np.zeros(8000, np.float32))[0]) == 15
    with opened(door) as (socket, _):
        socket.send('{"type": "flush"}')
        values, _, last = rest(socket)
    assert not len(values) and last == {"type": "end"}


def test_a_model_tells_what_another_runtime_needs(door, talker):
    from httpx import get

    told = get(f"http://{door}/v1/model").json()
    assert told["channels"] == list(talker.channels) and told["models"] == ["toy"]
    assert told["rotations"] == [52, 53, 54] and told["fps"] == 30 and told["level"] == 1
    for rows in (1, 3):
        memory = build_memory(told["stream"]["memory"], rows)
        for name, want in talker.engine.begin(rows).items():
            np.testing.assert_array_equal(memory.pop(name), want, strict=True)
        assert not memory
    assert told["latency_frames"] == talker.stream().latency_frames
    np.testing.assert_allclose(told["personas"]["bob"], talker.bank.pick("bob"))
    assert json.dumps(told)
