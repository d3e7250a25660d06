"""The clips that the doctor opens, and what it keeps of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from distill.audio.frames import sample_at
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.protocols import Corpus, Rig
from distill.types import SAMPLE_RATE_HZ, Clip

LONGEST_S = 30.0
"""Of a clip, no more is looked at."""
KEPT_CHANNELS = 256
"""Of motion with more channels, evenly spread ones are kept."""
STEP = 1e-4
"""Frames that differ by less count as the same frame."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """What is kept of an opened clip.

    Attributes:
        clip: Its description.
        audio: Sound at 16 kHz (S).
        motion: Its kept channels (F K); None for sound without motion.
        gap: Opening of the lips per frame, in rig units (F).
        rows: A number per frame that equal frames share (F).
        audio_s: Length of the whole sound.
        motion_s: Length of the whole motion.
    """

    clip: Clip
    audio: Float[np.ndarray, " S"]
    motion: Float[np.ndarray, "F K"] | None
    gap: Float[np.ndarray, " F"]
    rows: Int[np.ndarray, " F"]
    audio_s: float
    motion_s: float


@dataclass(eq=False, kw_only=True)
class Sample:
    """The readings of a corpus with running statistics over all of its channels.

    Attributes:
        corpus: Where the clips come from.
        rig: The face that the motion drives.
        kept: Channels that `Reading.motion` holds.
        readings: Opened clips in corpus order.
        unreadable: Clips that could not be opened, with the reader's sentence.
        low: Least value of each channel (D).
        high: Largest value of each channel (D).
        total: Sum of each channel over frames (D).
        frames: Frames summed.
        broken: Names of clips whose motion or sound is not finite, with the channels at fault.
        misshapen: Clips whose motion has another number of channels than the rig.
    """

    corpus: Corpus
    rig: Rig
    kept: Int[np.ndarray, " K"]
    low: Float[np.ndarray, " D"]
    high: Float[np.ndarray, " D"]
    total: Float[np.ndarray, " D"]
    frames: int = 0
    readings: list[Reading] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    misshapen: dict[str, int] = field(default_factory=dict)

    @property
    def moving(self) -> list[Reading]:
        """Readings that have motion."""
        return [reading for reading in self.readings if reading.motion is not None]

    @property
    def mean(self) -> Float[np.ndarray, " D"]:
        """Mean of each channel."""
        return self.total / max(self.frames, 1)

    @property
    def names(self) -> list[str]:
        """Names of the kept channels."""
        return [self.rig.channels[i] for i in self.kept]

    def motion(self) -> Float[np.ndarray, "N K"]:
        """Return the kept channels of all frames without gaps between clips."""
        parts = [r.motion for r in self.moving if r.motion is not None]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.kept)), np.float32)


def choose(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Return at most about `most` clips: every split in its share, evenly spread, the same ones
    every time."""
    if len(clips) <= most:
        return list(clips)
    chosen: list[int] = []
    for split in dict.fromkeys(clip.split for clip in clips):
        own = [i for i, clip in enumerate(clips) if clip.split == split]
        count = max(1, round(most * len(own) / len(clips)))
        chosen += [own[k] for k in np.linspace(0, len(own) - 1, count).round().astype(int)]
    return [clips[i] for i in sorted(set(chosen))]


def read_sample(
    corpus: Corpus,
    rig: Rig,
    clips: Sequence[Clip],
    progress: Callable[[int, int], None] | None = None,
) -> Sample:
    """Open `clips` one after another; a clip that cannot be opened is kept by name."""
    count = len(rig.channels)
    kept = np.linspace(0, count - 1, min(count, KEPT_CHANNELS)).round().astype(int)
    sample = Sample(
        corpus=corpus,
        rig=rig,
        kept=kept,
        low=np.full(count, np.inf),
        high=np.full(count, -np.inf),
        total=np.zeros(count),
    )
    space = MotionSpace.identity(rig, corpus.fps)
    weights = np.random.default_rng(0).integers(1, 2**31, count)
    for done, clip in enumerate(clips, 1):
        _read(sample, clip, space, weights)
        if progress:
            progress(done, len(clips))
    return sample


def _read(sample: Sample, clip: Clip, space: MotionSpace, weights: np.ndarray) -> None:
    try:
        recording = sample.corpus.read(clip)
    except (UserError, OSError, ValueError) as problem:
        sample.unreadable[clip.id] = str(problem)
        return
    audio, motion, fps = recording.audio, recording.motion, sample.corpus.fps
    if not np.isfinite(audio).all():
        sample.broken.setdefault(clip.id, []).append("sound")
        audio = np.nan_to_num(audio, posinf=0.0, neginf=0.0)
    lengths = {
        "audio_s": len(audio) / SAMPLE_RATE_HZ,
        "motion_s": 0.0 if motion is None else len(motion) / fps,
    }
    audio = audio[: round(LONGEST_S * SAMPLE_RATE_HZ)]
    if motion is not None and (motion.ndim != 2 or motion.shape[1] != len(weights)):
        sample.misshapen[clip.id] = motion.shape[-1]
        motion = None
    if motion is None or not len(motion):
        nothing = np.zeros(0, np.int64)
        sample.readings.append(
            Reading(clip=clip, audio=audio, motion=None, gap=np.zeros(0), rows=nothing, **lengths)
        )
        return
    motion = _finite(sample, clip, motion[: round(LONGEST_S * fps)])
    sample.low = np.minimum(sample.low, motion.min(0))
    sample.high = np.maximum(sample.high, motion.max(0))
    sample.total += motion.sum(0, dtype=np.float64)
    sample.frames += len(motion)
    with torch.no_grad():
        gap = space.lip_gap_mm(torch.from_numpy(motion)).double().numpy()
    sample.readings.append(
        Reading(
            clip=clip,
            audio=audio,
            motion=motion[:, sample.kept],
            gap=gap,
            rows=(np.rint(motion / STEP).astype(np.int64) * weights).sum(1),
            **lengths,
        )
    )


def _finite(sample: Sample, clip: Clip, motion: np.ndarray) -> np.ndarray:
    """Return motion with values that are no numbers set to zero, after noting them."""
    bad = ~np.isfinite(motion)
    if bad.any():
        names = [sample.rig.channels[i] for i in np.flatnonzero(bad.any(0))]
        sample.broken.setdefault(clip.id, []).extend(names)
    return np.ascontiguousarray(np.where(bad, 0.0, motion), np.float32)


def takes(readings: Sequence[Reading], fps: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (lip gap, sound) of whole stretches: segments of one recording joined where one
    begins on the frame after the other (`recording` and `start_frame` of `Clip.extra`).

    Drift against the sound shows over minutes where it hides within seconds.
    """
    joined: list[tuple[list[Reading], object]] = []
    for reading in readings:
        extra = reading.clip.extra
        recording, start = extra.get("recording"), extra.get("start_frame")
        whole = len(reading.gap) == reading.clip.frames
        if joined and recording is not None and joined[-1][1] == (recording, start):
            joined[-1][0].append(reading)
        else:
            joined.append(([reading], None))
        after = (recording, start + len(reading.gap)) if whole and start is not None else None
        joined[-1] = (joined[-1][0], after)
    return [_joined(parts, fps) for parts, _ in joined]


def _joined(parts: Sequence[Reading], fps: float) -> tuple[np.ndarray, np.ndarray]:
    sounds, frames, samples = [], 0, 0
    for part in parts[:-1]:
        frames += len(part.gap)
        wanted = sample_at(frames, fps) - samples
        sounds.append(np.pad(part.audio[:wanted], (0, max(wanted - len(part.audio), 0))))
        samples += wanted
    gap = np.concatenate([part.gap for part in parts])
    return gap, np.concatenate([*sounds, parts[-1].audio])
