"""What a stream has heard and not yet answered, block by block; whoever has many batches them.

Nothing here needs torch. What comes out depends on the audio alone, never on how it was cut into
pieces: every block of frames is computed by the same operations on the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from distill.audio.frames import frames_for
from distill.audio.grid import FFT_SAMPLES, HALF_WINDOW_SAMPLES, WindowGrid
from distill.engines.engine import StreamingEngine, StreamState, begin_motion
from distill.noise import MotionNoise

_EDGE = FFT_SAMPLES // 2 - HALF_WINDOW_SAMPLES


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
        noise: Draws what motion starts from.
        seed: Seed of the motion that speech leaves open.
        level: Scale of the noise.
        fps: Motion frames per second.
    """

    def __init__(
        self,
        engine: StreamingEngine,
        persona: Float[np.ndarray, "1 E"] | None,
        noise: MotionNoise,
        *,
        seed: int,
        level: float,
        fps: float,
    ) -> None:
        self.engine, self.persona, self.noise, self.seed = engine, persona, noise, seed
        self.level, self.fps = np.float32(level), fps
        self.shape = engine.stream
        self.grid = WindowGrid(fps, self.shape.per_frame)
        self.state = self._begun = engine.begin(1)
        self.heard = 0  # samples
        self._kept, self._start = np.zeros(0, np.float32), 0
        self._expect(self.shape.shift_frames - self.shape.early_frames)

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
        noise = self.noise.draw((self.seed,), size, start_frame=first)
        return Work(
            windows=self._windows(),
            noise=self.level * noise,
            persona=self.persona,
            state=self.state,
        )

    def give(self, motion: Float[np.ndarray, "1 K D"], state: StreamState) -> np.ndarray:
        """Take the answer to the block that was taken; returns frames, none before the first."""
        early = self.frame < 0
        self._expect(self.hearing + self.shape.block_frames)
        self._forget(self._firsts[0])
        # Motion of frames before the first is never shown, nor remembered.
        self.state = begin_motion(state, self._begun) if early else state
        return motion[0, :0] if early else motion[0]

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
    noise: MotionNoise,
    *,
    seeds: Sequence[int],
    level: float,
    fps: float,
) -> Float[np.ndarray, "B F D"]:
    """Return the motion of a whole recording in rig units, a row per seed, as a stream makes it."""
    frames, shape = frames_for(len(audio), fps), engine.stream
    feeds = [Feed(engine, persona, noise, seed=seed, level=level, fps=fps) for seed in seeds]
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
