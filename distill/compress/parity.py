"""How far a compressed model is from the one it was made of, in motion and lip error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.multimodal.lve import lip_vertex_error

from distill.talker import Talker


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A clip to compare on: audio (S,) at 16 kHz and, where it is known, real motion (F D)."""

    audio: np.ndarray
    motion: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What a comparison found.

    Attributes:
        clips: Clips compared.
        frames: Motion frames compared.
        max_error: Largest difference of any channel, in rig units.
        rms_error: Root of the mean squared difference.
        deviation: How far the motion of the model it was made of deviates from each clip's mean.
        lve: Lip vertex error of the compressed model; None without real motion.
        lve_reference: The same of the model it was made of.
    """

    clips: int
    frames: int
    max_error: float
    rms_error: float
    deviation: float
    lve: float | None = None
    lve_reference: float | None = None

    @property
    def lve_change_percent(self) -> float | None:
        """How much the lip vertex error rose."""
        if self.lve is None or self.lve_reference is None:
            return None
        return 100.0 * (self.lve - self.lve_reference) / max(self.lve_reference, 1e-9)

    @property
    def motion_change_percent(self) -> float:
        """How far motion differs, in percent of how far it moves."""
        return 100.0 * self.rms_error / max(self.deviation, 1e-9)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            **vars(self),
            "lve_change_percent": self.lve_change_percent,
            "motion_change_percent": self.motion_change_percent,
        }


def compare(reference: Talker, made: Talker, samples: Sequence[Sample]) -> Parity | None:
    """Let both models speak every clip with the same seed; the persona comes from the audio.

    Returns None when there are no clips. Lip vertex error is CodeTalker's (torchmetrics), frames
    of all clips pooled, and is left out when a clip has no real motion.
    """
    if not samples:
        return None
    theirs = [reference.generate(sample.audio).values for sample in samples]
    ours = [made.generate(sample.audio).values for sample in samples]
    errors = np.concatenate([a - b for a, b in zip(ours, theirs, strict=True)])
    moved = np.concatenate([motion - motion.mean(0) for motion in theirs])
    truths = [sample.motion for sample in samples if sample.motion is not None]
    known = len(truths) == len(samples)
    lips = LipError(reference) if known else None
    return Parity(
        clips=len(samples),
        frames=len(errors),
        max_error=float(np.abs(errors).max()),
        rms_error=_rms(errors),
        deviation=_rms(moved),
        lve=lips(ours, truths) if lips else None,
        lve_reference=lips(theirs, truths) if lips else None,
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


class LipError:
    """Lip vertex error on the rig that a model drives."""

    def __init__(self, talker: Talker) -> None:
        self.space = talker.space()

    def __call__(self, motions: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
        """Return the mean over all frames of the largest squared distance of a lip vertex."""
        lips = self.space.rig.lips
        total, frames = 0.0, 0
        for pair in zip(motions, truths, strict=True):
            count = min(map(len, pair))
            made, real = (
                self.space.rig.to_vertices(torch.from_numpy(m[:count]), lips).double() for m in pair
            )
            total += float(lip_vertex_error(made, real, list(range(len(lips))))) * count
            frames += count
        return total / frames
