"""Motion while somebody speaks: push audio of any length, get the frames that are final.

Nothing here needs torch.

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
from jaxtyping import Float, Num

from distill.audio.decode import LARGEST_SAMPLE
from distill.audio.frames import frames_for
from distill.audio.grid import WindowGrid
from distill.audio.resampler import StreamResampler
from distill.engines.engine import StreamingEngine, StreamState
from distill.errors import UserError
from distill.feed import Feed, Work, advance_together
from distill.noise import MotionNoise
from distill.units import SAMPLE_RATE_HZ

RATES_HZ = (4_000, 384_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Finished frames: values (F D) in rig units and the time of each in seconds (F,)."""

    values: np.ndarray
    times_s: np.ndarray


@dataclass(kw_only=True)
class MotionStream:
    """One voice in, one face out.

    Attributes:
        engine: Its networks.
        persona: Personalized embedding (1 E), or None.
        noise: Draws what motion starts from.
        fps: Motion frames per second.
        seed: Seed of the motion that speech leaves open.
        level: Scale of the noise.
        rotations: Channels that are not blendshape weights and so are not clamped to [0, 1];
            None clamps nothing.
    """

    engine: StreamingEngine
    persona: np.ndarray | None
    noise: MotionNoise
    fps: float
    seed: int = 0
    level: float = 1.0
    rotations: Sequence[int] | None = None
    _resampler: StreamResampler | None = field(default=None, init=False)
    _rate_hz: int = field(default=0, init=False)
    _whole: int | None = field(default=None, init=False)
    _bounds: tuple[np.ndarray, np.ndarray] | None = field(default=None, init=False)
    _none: Frames = field(init=False)

    def __post_init__(self) -> None:
        none = np.zeros((0, self.noise.motion_dim), np.float32)
        self._none = Frames(values=none, times_s=np.zeros(0))
        if self.rotations is not None:
            free = np.isin(np.arange(self.noise.motion_dim), self.rotations)
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
            self.engine, self.persona, self.noise, seed=self.seed, level=self.level, fps=self.fps,
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

    def push(self, pcm: Num[np.ndarray, "..."], sample_rate: int = SAMPLE_RATE_HZ) -> Frames:
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

    def hear(self, pcm: Num[np.ndarray, "..."], sample_rate: int = SAMPLE_RATE_HZ) -> None:
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


def checked(pcm: Num[np.ndarray, "..."]) -> Float[np.ndarray, " N"]:
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
