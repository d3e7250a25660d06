"""What every method with a teacher shares: the frozen teacher and the terms beside its target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.data.corpus import joint_labels
from distill.face.space import MotionSpace
from distill.protocols import Denoiser
from distill.training.denoising import first_step, noised, trunk_alone
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
from distill.training.rows import drawn_noise
from distill.types import Batch, Conditions

MOST_EMOTIONS = 1 << 16
"""More than any corpus names, so that (speaker, emotion) pairs get the same number everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundWeights:
    """Weight of each term of a round; 0 switches a term off.

    Attributes:
        dis: `L_dis`, the student's output against the method's target.
        ae: `L_ae`, small against large audio features through a learned projection.
        pc: `L_pc`, the personalizer enhancer.
        gt: The student's output against real motion, so that teacher error is not inherited: where
            a mean is learned and in the shrink round, where real motion and teacher ask for the
            same mean. A longer step asks for more than a mean: real motion is no target of it.
        snr_limit: Upper limit of the signal-to-noise weight of `L_dis`; 1 is no weighting.
    """

    dis: float = 1.0
    ae: float = 0.5
    pc: float = 0.02
    gt: float = 0.5
    snr_limit: float = 4.0


class Taught(Objective):
    """Base of objectives in which `student` learns from a frozen `teacher`.

    Args:
        student: Network that learns; named `model` inside, as in every training module here.
        teacher: Network that does not.
        space: Motion space of the data.
        weights: Weight of each term.
        losses: Weights of the motion terms inside `L_dis`.
        enhancer: Maps both personas and both upper faces to `L_pc`; None leaves it out.
        optimizer: Arguments of `distill.training.optim.configure`.
        time_power: Above 1 favours high noise when times are drawn.
        truth: Whether real motion is compared with the student's output.
    """

    model: Denoiser

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        space: MotionSpace,
        *,
        weights: RoundWeights,
        losses: LossWeights,
        enhancer: nn.Module | None,
        optimizer: Mapping[str, Any],
        time_power: float = 1.0,
        truth: bool = False,
    ):
        super().__init__(trunk_alone(student), optimizer)
        self.teacher = teacher.requires_grad_(False)
        self.time_power = time_power
        self.weights, self.loss = weights, MotionLoss(space, losses)
        self.space, self.truth = space, truth
        self.upper = space.groups["upper"]
        self.enhancer = enhancer

    def train(self, mode: bool = True) -> "Taught":
        """Keep the teacher in eval mode whatever Lightning asks for."""
        super().train(mode)
        self.teacher.eval()
        return self

    def prepared(self, batch: Batch) -> tuple[Conditions, Conditions]:
        """Return the conditions as the student and as the teacher hears them."""
        frames = batch.motion.shape[1]
        with torch.no_grad():
            heard = self.teacher.prepare(batch.cond, frames)
        return self.model.prepare(batch.cond, frames), heard

    def compared(
        self,
        batch: Batch,
        predicted: Float[Tensor, "B F D"],
        target: Float[Tensor, "B F D"],
        cond: Conditions,
        cond_teacher: Conditions,
        weight: Float[Tensor, " B"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the terms that all methods share, those that are on: `dis`, `gt` and `pc`.

        Args:
            batch: Real motion and labels.
            predicted: The student's motion.
            target: What the method asks for.
            cond: Conditions as the student prepared them.
            cond_teacher: Conditions as the teacher prepared them.
            weight: Scales each sample's error against its target.
        """
        w, mask = self.weights, batch.mask
        terms: dict[str, Tensor] = {}
        if w.dis:
            terms["dis"] = w.dis * self._distance(predicted, target, mask, weight)
        if w.gt and self.truth:
            terms["gt"] = w.gt * self._distance(predicted, batch.motion, mask, weight)
        if w.pc and self.enhancer is not None and cond.persona is not None:
            terms["pc"] = w.pc * self.enhancer(
                cond_teacher.persona,
                cond.persona,
                target[..., self.upper],
                predicted[..., self.upper],
                mask,
                joint_labels(batch.speaker, batch.emotion, MOST_EMOTIONS),
            )
        return terms

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the student's first step from pure noise against real motion."""
        predicted = first_step(self.model, batch, self.space, seed=batch_idx)
        terms = self.loss(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)

    def noised(self, x: Float[Tensor, "B F D"], t: Float[Tensor, " B"]) -> Float[Tensor, "B F D"]:
        """Return motion noised to `t` by freshly drawn noise."""
        return noised(self.model, x, t, drawn_noise(x, self.space.noise))

    def _distance(
        self, a: Tensor, b: Tensor, mask: Tensor, weight: Tensor | None = None
    ) -> Float[Tensor, ""]:
        return torch.stack(list(self.loss(a, b, mask, weight).values())).sum()

    def learning(self) -> nn.Module:
        """Only the student and the enhancer learn."""
        parts = [self.model, self.enhancer]
        return nn.ModuleList([part for part in parts if part is not None])

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return whose calls are counted."""
        return {"teacher": (self.teacher,), "student": (self.model,)}


def grid_times(u: Float[Tensor, " B"], steps: int, power: float) -> Float[Tensor, " B"]:
    """Map uniform draws to times i / steps, i = 1 ... steps; power 1 draws all alike.

    Powers above 1 favour high noise, where the audio decides most.
    """
    return (steps * (1 - u**power)).ceil().clamp(1, steps) / steps
