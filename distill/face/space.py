"""Motion of one rig at one frame rate, and its normalization."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from distill.diffusion.movement import Movement
from distill.errors import UserError
from distill.protocols import Rig

STD_FLOOR = 0.02
"""Channels that hardly move are scaled as if they moved this much, so noise is not blown up."""


@dataclass(frozen=True, eq=False)
class MotionSpace:
    """What a motion array means: channels, frames per second, normalization, and how it moves.

    Attributes:
        rig: The face the motion drives.
        fps: Motion frames per second.
        mean: Mean of each channel over the training split (D).
        std: Standard deviation of each channel, floored (D).
        noise: Causal filter (K D) that gives white noise the covariance in time that normalized
            motion has inside clips; one tap of 1 is white noise.
    """

    rig: Rig
    fps: float
    mean: Float[Tensor, " D"]
    std: Float[Tensor, " D"]
    noise: Float[Tensor, "K D"]

    @classmethod
    def fit(cls, rig: Rig, fps: float, motions: Iterable[np.ndarray]) -> "MotionSpace":
        """Measure mean, deviation and movement of `motions` (each F D), in one pass.

        Raises:
            UserError: There is no frame, or the channels are not the rig's.
        """
        channels, frames = len(rig.channels), 0
        total, squares = np.zeros(channels), np.zeros(channels)
        movement = Movement(channels, fps)
        for motion in motions:
            if motion.ndim != 2 or motion.shape[1] != channels:
                raise UserError(
                    f"motion of shape {motion.shape} does not fit rig {rig.name!r} with "
                    f"{channels} channels; choose the rig the data was made for"
                )
            values = motion.astype(np.float64)
            frames += len(values)
            total += values.sum(0)
            squares += (values**2).sum(0)
            movement.add(values)
        if not frames:
            raise UserError("no motion frames to normalize by; the training split is empty")
        mean = total / frames
        std = np.sqrt(np.maximum(squares / frames - mean**2, 0)).clip(STD_FLOOR)
        found = (mean, std, movement.noise_taps(std))
        return cls(rig, fps, *(torch.tensor(values).float() for values in found))

    @classmethod
    def identity(cls, rig: Rig, fps: float) -> "MotionSpace":
        """Return a space that leaves motion as it is (mean 0, deviation 1, white noise)."""
        channels = len(rig.channels)
        return cls(rig, fps, torch.zeros(channels), torch.ones(channels), torch.ones(1, channels))

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the D channels."""
        return self.rig.channels

    @property
    def groups(self) -> Mapping[str, Int[Tensor, " _"]]:
        """Channel indices of `mouth`, `upper` and `head`."""
        return self.rig.groups

    @property
    def noise_deviation(self) -> Float[Tensor, " D"]:
        """Deviation of each channel's noise: a little over that of normalized motion in clips."""
        return self.noise.square().sum(0).sqrt()

    @property
    def motion_dim(self) -> int:
        """Number of channels, D."""
        return len(self.rig.channels)

    def normalize(self, motion: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Map raw rig values to zero mean and unit deviation."""
        return (motion - self.mean) / self.std

    def denormalize(self, motion: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Map normalized motion back to raw rig values."""
        return motion * self.std + self.mean

    def to_vertices(
        self, motion: Float[Tensor, "... D"], vertices: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "... V 3"]:
        """Shape the face from raw motion, in the rig's units; head rotation is not applied."""
        return self.rig.to_vertices(motion, vertices)

    def lip_gap_mm(self, motion: Float[Tensor, "... D"]) -> Float[Tensor, "..."]:
        """Mean vertical opening between facing lip vertices of raw motion, in the rig's unit.

        Zero for a rig whose lips face each other nowhere.
        """
        pairs = self.rig.lip_pairs
        if not len(pairs):
            return motion.new_zeros(motion.shape[:-1])
        points = self.rig.to_vertices(motion, pairs.flatten())
        height = points[..., 1].unflatten(-1, (len(pairs), 2))
        return (height[..., 0] - height[..., 1]).mean(-1)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "MotionSpace":
        """Return a copy with the statistics and the rig on `device`."""
        move = getattr(self.rig, "to", None)
        return replace(
            self,
            rig=move(device, non_blocking=non_blocking) if move else self.rig,
            mean=self.mean.to(device, non_blocking=non_blocking),
            std=self.std.to(device, non_blocking=non_blocking),
            noise=self.noise.to(device, non_blocking=non_blocking),
        )
