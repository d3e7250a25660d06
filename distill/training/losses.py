"""Losses on motion: normalized channels, vertices with extra weight on lips, and velocity."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from distill.face.parts import motion_parts
from distill.face.space import MotionSpace
from distill.layers.precision import full_precision
from distill.training.rows import over_processes
from distill.training.world import world_size

SEAL_MM = 1.0
"""Gaps are compared as log(gap + 1 mm): lips that miss each other by 1 mm weigh as much as a mouth
that is open twice too wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weight of each term; 0 switches a term off.

    Attributes:
        x0: Channels, each in units of its deviation inside clips, parts of the face by their share.
        lips: Lip vertices.
        gap: Logarithm of the opening between the lips: decides whether /p b m/ and silence close.
        upper: Upper-face vertices.
        velocity: Change of normalized channels from frame to frame.
        posture: Mean of normalized channels over the window: who speaks and how, without the
            moment to moment that speech leaves open.
    """

    x0: float = 1.0
    lips: float = 1.0
    gap: float = 0.5
    upper: float = 0.1
    velocity: float = 0.5
    posture: float = 0.0


PART_SHARES = {"mouth": 0.6, "blink": 0.6, "eyes": 0.4, "brows": 0.15, "head": 0.2}
"""Share of each part of the face in the x0 term. Without them the 33 channels of the mouth leave
nothing to the rest, and lips have terms of their own. Blinks are rare: at a third of this share a
teacher needs twice the updates to see one in noise, at no gain for the lips (tuned on validation
clips)."""
LEAST_INSIDE = 0.1
"""Channels that move less inside clips than this count as if they moved so much."""


def channel_weights(space: MotionSpace) -> Float[Tensor, " D"]:
    """Return the weight of each channel's squared error: share of its part, in its own units.

    Channels that hardly move share in the unit of those that do, and each part counts alike however
    many channels it has. The weights of a part's moving channels, times their variance, sum to its
    share of all parts that the rig has.
    """
    parts = motion_parts(space.channels)
    total = sum(PART_SHARES[part] for part in parts)
    inside = space.noise_deviation.clamp(min=LEAST_INSIDE)
    weights = torch.zeros_like(inside)
    for part, index in parts.items():
        weights[index] = PART_SHARES[part] / (total * len(index)) / inside[index].square()
    return weights


def masked_mean(
    error: Float[Tensor, "B F"],
    mask: Bool[Tensor, "B F"],
    weight: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Average over valid frames, each sample's error times its weight.

    Where several processes share a batch, errors are divided by the mean of their frame counts.
    """
    if weight is not None:
        error = error * weight[:, None]
    return (error * mask).sum() / over_processes(mask.sum()).clamp(min=1 / world_size())


def thinned(vertices: Int[Tensor, " N"], most: int = 96) -> Int[Tensor, " M"]:
    """Return at most `most` of the vertices, evenly spread: a region moves as one in a loss."""
    return vertices[:: -(-len(vertices) // most)]


class MotionLoss(nn.Module):
    """Distance between predicted and target motion, all terms masked and scaled to order one.

    Vertex terms are mean squared distances divided by the variance that the training motion
    gives the same vertices, so that a face at the training mean scores about one in each term.
    A term whose vertices the rig lacks (the upper face of a lip contour) is left out.

    Args:
        space: Motion space; its rig shapes the vertices.
        weights: Weight of each term.
    """

    def __init__(self, space: MotionSpace, weights: LossWeights):
        super().__init__()
        regions = {"lips": space.rig.lips, "upper": space.rig.upper}
        needed = regions | {"gap": space.rig.lip_pairs}
        absent = {name: 0.0 for name, index in needed.items() if not len(index)}
        self.space, self.weights = space, replace(weights, **absent)
        self.channels = channel_weights(space)
        self.regions = {name: thinned(index) for name, index in regions.items() if len(index)}
        self.scales = {name: self._variance(index) for name, index in self.regions.items()}
        spread = space.lip_gap_mm(space.mean + torch.diag(space.std))
        center = space.lip_gap_mm(space.mean[None])
        slope = 1.0 / (center.clamp(min=0.0) + SEAL_MM)
        self.gap_scale = max(float(((spread - center) * slope).square().sum()), 1e-6)

    def _move(self, device: torch.device) -> None:
        self.space, self.channels = self.space.to(device), self.channels.to(device)
        self.regions = {name: index.to(device) for name, index in self.regions.items()}

    def _variance(self, vertices: Tensor) -> float:
        center = self.space.mean
        spread = center + torch.diag(self.space.std)
        moved = self.space.rig.to_vertices(spread, vertices)
        still = self.space.rig.to_vertices(center[None], vertices)
        return max(float((moved - still).square().sum((0, 2)).mean()), 1e-6)

    @full_precision
    def forward(
        self,
        predicted: Float[Tensor, "B F D"],
        target: Float[Tensor, "B F D"],
        mask: Bool[Tensor, "B F"],
        weight: Float[Tensor, " B"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted terms that are on; their sum is the loss."""
        if self.space.mean.device != predicted.device:
            self._move(predicted.device)
        pairs = mask[:, 1:] & mask[:, :-1]
        error = predicted - target
        terms = {
            "x0": (
                self.weights.x0,
                lambda: masked_mean((error.square() * self.channels).sum(-1), mask, weight),
            ),
            "lips": (
                self.weights.lips,
                lambda: self._region("lips", predicted, target, mask, weight),
            ),
            "gap": (self.weights.gap, lambda: self._gap(predicted, target, mask, weight)),
            "upper": (
                self.weights.upper,
                lambda: self._region("upper", predicted, target, mask, weight),
            ),
            "velocity": (
                self.weights.velocity,
                lambda: masked_mean(error.diff(dim=1).square().mean(-1), pairs, weight),
            ),
            "posture": (self.weights.posture, lambda: self._posture(error, mask, weight)),
        }
        return {name: scale * make() for name, (scale, make) in terms.items() if scale}

    def _posture(self, error: Tensor, mask: Tensor, weight: Tensor | None) -> Tensor:
        frames = mask.sum(1, keepdim=True)
        mean = (error * mask[..., None]).sum(1) / frames.clamp(min=1)
        return masked_mean(mean.square().mean(-1)[:, None], frames > 0, weight)

    def _gap(
        self, predicted: Tensor, target: Tensor, mask: Tensor, weight: Tensor | None
    ) -> Tensor:
        seal = [
            (self.space.lip_gap_mm(self.space.denormalize(motion)).clamp(min=0.0) + SEAL_MM).log()
            for motion in (predicted, target)
        ]
        return masked_mean((seal[0] - seal[1]).square(), mask, weight) / self.gap_scale

    def _region(
        self, name: str, predicted: Tensor, target: Tensor, mask: Tensor, weight: Tensor | None
    ) -> Tensor:
        index = self.regions[name]
        shapes = [
            self.space.rig.to_vertices(self.space.denormalize(motion), index)
            for motion in (predicted, target)
        ]
        distance = (shapes[0] - shapes[1]).square().sum(-1).mean(-1)
        return masked_mean(distance, mask, weight) / self.scales[name]
