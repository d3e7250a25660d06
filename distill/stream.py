"""Motion while somebody speaks: push audio of any length, get the frames that are final.

Nothing here needs torch. What a stream says depends on the audio alone, never on how it was cut
into pieces: every block of frames is computed by the same operations on the same numbers.

Beside other tasks, the networks run in a thread (README has the loop without one):

```python
import asyncio

from distill import load


async def talk(voice, show):
    stream = load("stream").stream()
    async for pcm in voice:
        await show(await asyncio.to_thread(stream.push, pcm, 48_000))
    await show(stream.flush())
```
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from distill.audio.decode import LARGEST_SAMPLE
from distill.audio.frames import frames_for
from distill.audio.grid import FFT_SAMPLES, HALF_WINDOW_SAMPLES, WindowGrid
from distill.audio.resampler import StreamResampler
from distill.engines.engine import StreamingEngine, StreamState
from distill.errors import UserError
from distill.noise import seeded_noise
from distill.units import SAMPLE_RATE_HZ

_EDGE = FFT_SAMPLES // 2 - HALF_WINDOW_SAMPLES
RATES_HZ = (4_000, 384_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Finished frames: values (F D) in rig units and the time of each in seconds (F,)."""

    values: np.ndarray
    times_s: np.ndarray


@dataclass(slots=True, kw_only=True)
class Work:
    """One block of one stream, ready to be computed: windows (1 N L), noise (1 K D), memory."""

    windows: np.ndarray
    noise: np.ndarray
    persona: np.ndarray | None
    state: StreamState


class Feed:
    """What one stream has heard and not yet answered; `take` and `give` let others batch the work.

    Args:
        engine: Its networks; used for shapes and the first memory only.
        persona: Personalized embedding (1 E), or None.
        seed: Seed of the motion that speech leaves open.
        level: Scale of the noise.
        fps: Motion frames per second.
        motion_dim: Channels D.
    """

    def __init__(
        self,
        engine: StreamingEngine,
        persona: Float[np.ndarray, "1 E"] | None,
        *,
        seed: int,
        level: float,
        fps: float,
        motion_dim: int,
    ) -> None:
        self.engine, self.persona, self.seed = engine, persona, seed
        self.level, self.fps, self.motion_dim = np.float32(level), fps, motion_dim
        self.shape = engine.stream
        self.grid = WindowGrid(fps, self.shape.per_frame)
        self.state = engine.begin(1)
        self.heard = 0  # samples
        self._kept, self._start = np.zeros(0, np.float32), 0
        self._expect(min(self.shape.shift_frames, 0))

    @property
    def frame(self) -> int:
        """The next motion frame; negative while hearing gets ahead."""
        return self.hearing - self.shape.shift_frames

    def hear(self, audio: Float[np.ndarray, " S"]) -> None:
        """Add audio at 16 kHz."""
        self._kept = np.concatenate([self._kept, audio])
        self.heard += len(audio)

    def take(self) -> Work | None:
        """Return the next block, or None until more is heard."""
        if self._needed > self.heard:
            return None
        size, first = self.shape.block_frames, max(self.frame, 0)
        noise = seeded_noise((self.seed,), size, self.motion_dim, start_frame=first)
        return Work(
            windows=self._windows(),
            noise=self.level * noise,
            persona=self.persona,
            state=self.state,
        )

    def give(self, motion: Float[np.ndarray, "1 K D"], state: StreamState) -> np.ndarray:
        """Take the answer to the block that was taken; returns its frames (N D), N <= K."""
        size = self.shape.block_frames
        early = min(max(-self.frame, 0), size)
        self._expect(self.hearing + size)
        self._forget(self._firsts[0])
        history = state["history"].copy()
        history[:, -size:] *= np.float32(self.shape.history_keep)
        if early:  # motion of frames before the first was never shown: nothing to look back at
            history[:, : max(history.shape[1] - size + early, 0)] = 0.0
        self.state = {**state, "history": history}
        return motion[0, early:]

    def _expect(self, hearing: int) -> None:
        """Turn to the block whose windows are those of frames from `hearing` on."""
        self.hearing, size = hearing, self.shape.block_frames
        # Windows of frames before the first are silent: they need no sound.
        self._needed = self.grid.end(hearing + size - 1) if hearing + size > 0 else 0
        indices = range(hearing * self.shape.per_frame, (hearing + size) * self.shape.per_frame)
        self._firsts = [self.grid.centre(index) - HALF_WINDOW_SAMPLES for index in indices]
        if hearing < 0:
            self._firsts = [
                -FFT_SAMPLES if i < 0 else f for i, f in zip(indices, self._firsts, strict=True)
            ]

    def _windows(self) -> Float[np.ndarray, "1 N L"]:
        """Return the windows of the block; silence before the start and after what was heard."""
        out = np.zeros((1, len(self._firsts), FFT_SAMPLES), np.float32)
        for row, first in zip(out[0], self._firsts, strict=True):
            low, high = max(first, 0), min(first + 2 * HALF_WINDOW_SAMPLES, self.heard)
            if high > low:
                part = self._kept[low - self._start : high - self._start]
                row[_EDGE + low - first : _EDGE + high - first] = part
        return out

    def _forget(self, sample: int) -> None:
        drop = min(max(sample - self._start, 0), len(self._kept))
        self._kept, self._start = self._kept[drop:], self._start + drop


def generate(
    engine: StreamingEngine,
    audio: Float[np.ndarray, " S"],
    persona: Float[np.ndarray, "1 E"] | None,
    *,
    seeds: Sequence[int],
    level: float,
    fps: float,
    motion_dim: int,
) -> Float[np.ndarray, "B F D"]:
    """Return the motion of a whole recording in rig units, a row per seed, as a stream makes it."""
    frames, shape = frames_for(len(audio), fps), engine.stream
    feeds = [
        Feed(engine, persona, seed=seed, level=level, fps=fps, motion_dim=motion_dim)
        for seed in seeds
    ]
    end = feeds[0].grid.end(frames + shape.shift_frames + shape.block_frames)
    made: list[np.ndarray] = []
    for feed in feeds:
        feed.hear(np.pad(audio, (0, max(end - len(audio), 0))))
    while feeds[0].frame < frames:
        works = [work for feed in feeds if (work := feed.take()) is not None]
        answers = advance_together(engine, works)
        given = [feed.give(*answer) for feed, answer in zip(feeds, answers, strict=True)]
        made.append(np.stack(given))
    return np.concatenate(made, axis=1)[:, :frames]


def advance_together(
    engine: StreamingEngine, works: Sequence[Work]
) -> list[tuple[np.ndarray, StreamState]]:
    """Compute blocks of several streams in one call."""
    if len(works) == 1:
        return [engine.advance(works[0].windows, works[0].persona, works[0].noise, works[0].state)]
    voices = [work.persona for work in works]
    persona = None if voices[0] is None else np.concatenate([v for v in voices if v is not None])
    motion, state = engine.advance(
        np.concatenate([work.windows for work in works]),
        persona,
        np.concatenate([work.noise for work in works]),
        {name: np.concatenate([work.state[name] for work in works]) for name in works[0].state},
    )
    rows = [slice(i, i + 1) for i in range(len(works))]
    return [(motion[at], {name: value[at] for name, value in state.items()}) for at in rows]


@dataclass(kw_only=True)
class MotionStream:
    """One voice in, one face out.

    Attributes:
        engine: Its networks.
        persona: Personalized embedding (1 E), or None.
        fps: Motion frames per second.
        motion_dim: Channels D.
        seed: Seed of the motion that speech leaves open.
        level: Scale of the noise.
        rotations: Channels that are not blendshape weights and so are not clamped to [0, 1];
            None clamps nothing.
    """

    engine: StreamingEngine
    persona: np.ndarray | None
    fps: float
    motion_dim: int
    seed: int = 0
    level: float = 1.0
    rotations: Sequence[int] | None = None
    _resampler: StreamResampler | None = field(default=None, init=False)
    _rate_hz: int = field(default=0, init=False)
    _whole: int | None = field(default=None, init=False)
    _bounds: tuple[np.ndarray, np.ndarray] | None = field(default=None, init=False)
    _none: Frames = field(init=False)

    def __post_init__(self) -> None:
        none = np.zeros((0, self.motion_dim), np.float32)
        self._none = Frames(values=none, times_s=np.zeros(0))
        if self.rotations is not None:
            free = np.isin(np.arange(self.motion_dim), self.rotations)
            low, high = np.where(free, -np.inf, 0.0), np.where(free, np.inf, 1.0)
            self._bounds = low.astype(np.float32), high.astype(np.float32)
        self.reset()

    @property
    def delay_s(self) -> float:
        """Sound after a frame's time that must be heard before the frame can be made.

        Before the first sound, that of sound at 16 kHz; other rates wait for the resampler too.
        """
        shape = self.engine.stream
        waits = WindowGrid(self.fps, shape.per_frame).reach_s()
        resampler = 0.0 if self._resampler is None else self._resampler.delay_s
        ahead = (shape.shift_frames + shape.block_frames - 1) / self.fps
        return max(ahead + waits + resampler, 0.0)

    @property
    def latency_frames(self) -> int:
        """The same in whole frames."""
        return int(np.ceil(self.delay_s * self.fps - 1e-9))

    def reset(self) -> None:
        """Forget everything that was heard."""
        self._feed = Feed(
            self.engine, self.persona, seed=self.seed, level=self.level, fps=self.fps,
            motion_dim=self.motion_dim,
        )  # fmt: skip
        self._resampler, self._rate_hz, self._whole = None, 0, None

    def tune(self, sample_rate: int) -> None:
        """Say the rate of the sound to come; `push` does so too.

        Raises:
            UserError: It changed or cannot be used.
        """
        if not RATES_HZ[0] <= sample_rate <= RATES_HZ[1]:
            raise UserError(
                f"sample_rate={sample_rate} is outside {RATES_HZ[0]} to {RATES_HZ[1]}; "
                "pass the rate of the samples in Hz"
            )
        if self._rate_hz and sample_rate != self._rate_hz:
            raise UserError(
                f"sample_rate={sample_rate} after {self._rate_hz}: a stream has one rate; "
                "call reset() or open another stream"
            )
        if not self._rate_hz and sample_rate != SAMPLE_RATE_HZ:
            self._resampler = StreamResampler(sample_rate)
        self._rate_hz = sample_rate

    def push(self, pcm: Float[np.ndarray, "..."], sample_rate: int = SAMPLE_RATE_HZ) -> Frames:
        """Hear a piece of mono audio of any length in [-1, 1]; return the frames it completes.

        Raises:
            UserError: The audio is not mono and finite, or its rate changed or cannot be used.
        """
        self.hear(pcm, sample_rate)
        return self._run()

    def flush(self) -> Frames:
        """End the sound: return the frames still held back, and start anew with the next push."""
        self.finish()
        rest = self._run()
        self.reset()
        return rest

    def hear(self, pcm: Float[np.ndarray, "..."], sample_rate: int = SAMPLE_RATE_HZ) -> None:
        """Take audio as `push` does without computing: several streams can then be batched.

        Who batches calls `take` on each stream, `advance_together` on what they gave, and `give`
        with the answers, until `take` gives None; `finish` ends the sound.

        Raises:
            UserError: The audio is not mono and finite, or its rate changed or cannot be used.
        """
        pcm = checked(pcm)
        self.tune(sample_rate)
        self._feed.hear(pcm if self._resampler is None else self._resampler.push(pcm))

    def finish(self) -> None:
        """End the sound: `take` then gives the blocks of all frames held back."""
        feed, shape = self._feed, self.engine.stream
        if self._whole is not None:
            return
        if self._resampler is not None:
            feed.hear(self._resampler.finish())
        self._whole = frames_for(feed.heard, self.fps) if feed.heard else 0
        end = feed.grid.end(self._whole + shape.shift_frames + shape.block_frames)
        feed.hear(np.zeros(max(end - feed.heard, 0), np.float32))

    def take(self) -> Work | None:
        """Return the next block to be computed, or None until more is heard or after the end."""
        ended = self._whole is not None and self._feed.frame >= self._whole
        return None if ended else self._feed.take()

    def give(self, motion: Float[np.ndarray, "1 K D"], state: StreamState) -> Frames:
        """Take the answer to the block that was taken; returns its frames."""
        first = max(self._feed.frame, 0)
        values = self._feed.give(motion, state)
        if self._whole is not None:
            values = values[: max(self._whole - first, 0)]
        if self._bounds is not None:
            values = values.clip(*self._bounds)
        return Frames(values=values, times_s=(first + np.arange(len(values))) / self.fps)

    def _run(self) -> Frames:
        made = []
        while (work := self.take()) is not None:
            made.append(self.give(*advance_together(self.engine, [work])[0]))
        if len(made) <= 1:
            return made[0] if made else self._none
        return Frames(
            values=np.concatenate([frames.values for frames in made]),
            times_s=np.concatenate([frames.times_s for frames in made]),
        )


def checked(pcm: Float[np.ndarray, "..."]) -> Float[np.ndarray, " N"]:
    """Return mono samples as float32.

    Raises:
        UserError: They are not mono, are integers, or no sound.
    """
    pcm = np.asarray(pcm)
    if pcm.ndim != 1:
        raise UserError(f"a stream takes mono samples (N,), not shape {pcm.shape}; mix them down")
    if len(pcm) and not np.issubdtype(pcm.dtype, np.floating):
        raise UserError(f"a stream takes floats in [-1, 1], not {pcm.dtype}; divide by its range")
    if not (np.abs(pcm) <= LARGEST_SAMPLE).all():
        raise UserError("the sound holds values that are no sound; send finite samples in [-1, 1]")
    return pcm.astype(np.float32, copy=False)
