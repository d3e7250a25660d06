import numpy as np
import pytest
import torch

from distill.audio.frames import frames_for
from distill.audio.grid import HALF_WINDOW_SAMPLES, WindowGrid
from distill.diffusion.sampling import ddim_sample
from distill.diffusion.schedule import step_grid
from distill.engines.eager import EagerStreamEngine
from distill.engines.engine import StreamingEngine, StreamShape
from distill.errors import UserError
from distill.feed import advance_together, generate
from distill.noise import MotionNoise
from distill.stream import MotionStream
from distill.types import Conditions
from students.stream import build

D, E, FPS = 7, 6, 30.0


@pytest.fixture(scope="module", params=[(0, 1), (40, 1), (80, 2), (160, 3)], ids=str)
def engine(request):
    lookahead_ms, block_frames = request.param
    torch.manual_seed(1)
    model = build(
        width=12, blocks=2, kernel=4, expansion=2, head_blocks=2, head_kernel=5,
        block_frames=block_frames, lookahead_ms=lookahead_ms, fps=FPS, motion_dim=D, cond_dim=8,
        persona_in=E, smoothing=[0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 0.0],
        audio={"name": "mel", "width": 12, "blocks": 2, "per_frame": 2},
    )  # fmt: skip
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return EagerStreamEngine(model.eval(), None, torch.zeros(D), torch.ones(D), 0, steps=2)


@pytest.fixture(scope="module")
def audio():
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(16_001)).astype(np.float32)


PERSONA = np.ones((1, E), np.float32)
NOISE = MotionNoise(np.random.default_rng(4).standard_normal((40, D)) / 6)


def open_stream(engine):
    return MotionStream(engine=engine, persona=PERSONA, noise=NOISE, fps=FPS, seed=3)


def pieces(audio, sizes, **options):
    start = 0
    for size in sizes:
        yield audio[start : start + size]
        start += size
    yield audio[start:]


def streamed(stream, chunks, sample_rate=16_000):
    found = [stream.push(chunk, sample_rate) for chunk in chunks] + [stream.flush()]
    return (np.concatenate([f.values for f in found]), np.concatenate([f.times_s for f in found]))


def test_any_cut_of_the_sound_gives_the_same_bits_as_the_whole_file(engine, audio):
    rng = np.random.default_rng(1)
    whole = generate(engine, audio, PERSONA, NOISE, seeds=(3,), level=1.0, fps=FPS)[0]
    assert len(whole) == frames_for(len(audio), FPS)
    for sizes in ([], [1] * 600, rng.integers(1, 900, 30), [533] * 20, [0, 7, 0, 5000]):
        values, times_s = streamed(open_stream(engine), pieces(audio, sizes))
        np.testing.assert_array_equal(values, whole)
        np.testing.assert_array_equal(times_s, np.arange(len(whole)) / FPS)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000, 192_000])
def test_no_frame_waits_longer_than_the_delay_and_one_waits_as_long(engine, rate_hz):
    stream, heard, waited_s = open_stream(engine), 0, list[float]()
    step = rate_hz // 1000
    while len(waited_s) < 40:
        heard += step
        made = stream.push(np.zeros(step, np.float32), rate_hz)
        waited_s += [heard / rate_hz - time_s for time_s in made.times_s]
    assert max(waited_s) < stream.delay_s + 1.1 * step / rate_hz
    assert max(waited_s) > stream.delay_s - 1e-9 or stream.delay_s == 0
    assert stream.latency_frames == np.ceil(stream.delay_s * FPS - 1e-9)


def test_another_rate_is_cut_alike_too(engine, audio):
    rng = np.random.default_rng(2)
    whole, _ = streamed(open_stream(engine), [audio], 48_000)
    cut, _ = streamed(open_stream(engine), pieces(audio, rng.integers(1, 700, 20)), 48_000)
    np.testing.assert_array_equal(cut, whole)
    assert len(whole) == pytest.approx(len(audio) / 48_000 * FPS, abs=1)


def test_memory_and_state_do_not_grow(engine, audio):
    stream = open_stream(engine)
    stream.push(audio)
    sizes = {name: value.shape for name, value in stream._feed.state.items()}
    for _ in range(5):
        stream.push(audio)
    assert {name: value.shape for name, value in stream._feed.state.items()} == sizes
    assert len(stream._feed._kept) < 4000


def test_motion_is_that_of_one_pass_over_the_clip(engine, audio):
    model, frames = engine.causal, frames_for(len(audio), FPS)
    raw = Conditions(audio=torch.from_numpy(audio)[None], persona=torch.from_numpy(PERSONA))
    noise = torch.from_numpy(NOISE.draw([3], frames))
    whole = ddim_sample(model, noise, model.prepare(raw, frames), step_grid(2))[0].numpy()
    made = generate(engine, audio, PERSONA, NOISE, seeds=(3,), level=1.0, fps=FPS)[0]
    np.testing.assert_allclose(made, whole, rtol=0, atol=1e-4 * np.abs(whole).max())


def answered(engine, stream):
    work = stream.take()
    assert work is not None
    return advance_together(engine, [work])[0]


def test_motion_before_the_first_frame_is_neither_shown_nor_remembered(engine, audio):
    stream, begun = open_stream(engine), engine.begin(1)
    stream.hear(audio)
    for _ in range(engine.stream.early_frames // engine.stream.block_frames):
        motion, state = answered(engine, stream)
        assert not len(stream.give(motion, state).values)
        for name, value in stream._feed.state.items():
            kept = begun if name.startswith("steps_") else state
            np.testing.assert_array_equal(value, kept[name])
    assert stream._feed.frame == 0
    assert len(stream.give(*answered(engine, stream)).values)
    assert any(value.any() for name, value in stream._feed.state.items() if "steps" in name)


SLOW_FPS = 3.7


class Listener(StreamingEngine):
    """An engine that moves as loud as what it hears: what a feed cuts can be seen in its motion."""

    params = bytes = calls_per_step = 0
    stream = StreamShape(block_frames=8, shift_frames=1, early_frames=8, per_frame=2)

    def begin(self, rows):
        return {"heard_0": np.zeros((rows, 10, 1), np.float32)}

    def advance(self, windows, persona, noise, state):
        loud = np.abs(windows).max(-1).reshape(len(windows), 8, 2).max(-1)
        return loud[..., None], state


def test_after_ten_hours_time_is_aligned_to_the_sample_and_nothing_has_grown():
    white = MotionNoise(np.ones((1, 1)))
    stream = MotionStream(engine=Listener(), persona=None, noise=white, fps=SLOW_FPS)
    minute, hours = 60 * 16_000, 10
    heard = [stream.push(np.zeros(minute, np.float32)) for _ in range(60 * hours)]
    assert len(stream._feed._kept) < 3 * 16_000
    grid, click = WindowGrid(SLOW_FPS, 2), np.zeros(minute, np.float32)
    seen = frames_for(60 * hours * minute, SLOW_FPS) + 100  # the frame whose second window hears it
    click[grid.centre(2 * seen + 1) + HALF_WINDOW_SAMPLES - 1 - 60 * hours * minute] = 1.0
    heard += [stream.push(click), stream.flush()]
    values, times_s = (
        np.concatenate([getattr(frames, name) for frames in heard])
        for name in ("values", "times_s")
    )
    assert len(values) == frames_for((60 * hours + 1) * minute, SLOW_FPS)
    np.testing.assert_array_equal(times_s, np.arange(len(times_s)) / SLOW_FPS)
    assert np.flatnonzero(values[:, 0]).tolist() == [seen - Listener.stream.shift_frames]


def test_reset_and_flush_forget(engine, audio):
    stream = open_stream(engine)
    first, _ = streamed(stream, [audio])
    again, _ = streamed(stream, [audio])
    np.testing.assert_array_equal(again, first)
    stream.push(audio[:5000])
    stream.reset()
    np.testing.assert_array_equal(streamed(stream, [audio])[0], first)
    assert len(stream.flush().values) == 0


def test_the_end_can_be_said_twice(engine, audio):
    once, twice = open_stream(engine), open_stream(engine)
    for stream, ends in ((once, 1), (twice, 2)):
        stream.hear(audio, 48_000)
        for _ in range(ends):
            stream.finish()
    np.testing.assert_array_equal(twice.flush().values, once.flush().values)


def test_what_cannot_be_heard_is_refused(engine, audio):
    stream = open_stream(engine)
    with pytest.raises(UserError, match="mono"):
        stream.push(np.zeros((5, 2), np.float32))
    for value in (np.nan, np.inf, 1e20):
        with pytest.raises(UserError, match="no sound"):
            stream.push(np.array([value], np.float32))
    with pytest.raises(UserError, match="not int16"):
        stream.push(np.array([100], np.int16))
    with pytest.raises(UserError, match="outside 4000"):
        stream.push(audio, 10)
    stream.push(audio[:100], 48_000)
    with pytest.raises(UserError, match="has one rate"):
        stream.push(audio[:100], 44_100)
