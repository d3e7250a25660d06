"""What every method with a teacher shares: the frozen teacher and the terms beside its target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.data.corpus import joint_labels
from distill.diffusion.schedule import CosineSchedule
from distill.face.space import MotionSpace
from distill.protocols import Denoiser
from distill.training.denoising import first_step
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
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
        gt: The student's output against real motion, so that teacher error is not inherited: all
            of it in the shrink round, where teacher and truth ask for the same mean; afterwards
            lips and posture only, since the mean of the rest would cost diversity.
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
        settled_only: Whether real motion is compared only in what speech and speaker settle:
            lips and posture.
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
        settled_only: bool = True,
    ):
        super().__init__(student, optimizer)
        self.teacher = teacher.requires_grad_(False)
        self.time_power = time_power
        self.weights, self.loss = weights, MotionLoss(space, losses)
        settled = LossWeights(x0=0.0, lips=1.0, gap=0.5, upper=0.0, velocity=0.0, posture=1.0)
        self.truth = MotionLoss(space, settled if settled_only else losses)
        self.upper, self.hidden = space.groups["upper"], list(student.hidden)
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

        Channels whose noise the student does not see have nothing to be distilled: teacher and
        truth estimate the same mean, truth without error, so it is the target there.

        Args:
            batch: Real motion and labels.
            predicted: The student's motion.
            target: What the method asks for.
            cond: Conditions as the student prepared them.
            cond_teacher: Conditions as the teacher prepared them.
            weight: Scales each sample's error against its target.
        """
        w, mask = self.weights, batch.mask
        if w.gt and self.hidden:
            target = target.clone()
            target[..., self.hidden] = batch.motion[..., self.hidden]
        terms: dict[str, Tensor] = {}
        if w.dis:
            matched = self.loss(predicted, target, mask, weight)
            terms["dis"] = w.dis * torch.stack(list(matched.values())).sum()
        if w.gt:
            real = self.truth(predicted, batch.motion, mask)
            terms["gt"] = w.gt * torch.stack(list(real.values())).sum()
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
        predicted = first_step(self.model, batch, seed=batch_idx)
        terms = self.truth(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)

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


def snr_weight(
    schedule: CosineSchedule, t: Float[Tensor, " B"], limit: float
) -> Float[Tensor, " B"]:
    """Truncated signal-to-noise weight min(max(alpha^2 / sigma^2, 1), limit)."""
    alpha, sigma = schedule.alpha_sigma(t)
    return (alpha / sigma).square().clamp(min=1.0, max=limit)
