"""One distillation round as a LightningModule: a student against one frozen teacher."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from distill.data.corpus import joint_labels
from distill.diffusion.sampling import ddim_step, predict_x0
from distill.face.space import MotionSpace
from distill.methods.progressive.plan import Round
from distill.methods.progressive.targets import one_step_target, snr_weight, two_step_target
from distill.protocols import Denoiser
from distill.training.denoising import first_step, noised
from distill.training.losses import LossWeights, MotionLoss, masked_mean
from distill.training.objective import Objective
from distill.types import Batch, Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundWeights:
    """Weight of each term of a round; 0 switches a term off.

    Attributes:
        dis: `L_dis`, the student's output against the teacher's target.
        ae: `L_ae`, small against large audio features through a learned projection.
        pc: `L_pc`, the personalizer enhancer.
        gt: The student's output against real motion, so that teacher error is not inherited: all
            of it in the shrink round, where teacher and truth ask for the same mean; the lips
            only when halving, where the mean would cost diversity.
        snr_limit: Upper limit of the signal-to-noise weight of `L_dis`; 1 is no weighting.
        on_policy: Share of samples whose noisy motion the student's own step before led to, as
            when it is used (the backward simulation of DMD2, arXiv 2405.14867, one step deep).
    """

    dis: float = 1.0
    ae: float = 0.5
    pc: float = 0.02
    gt: float = 0.5
    snr_limit: float = 4.0
    on_policy: float = 0.5


class DistillationRound(Objective):
    """Train `student` to do in one step what the frozen `teacher` does in one or two.

    Args:
        student: Network that learns; named `model` inside, as in every training module here.
        teacher: Network that does not.
        round_: Step counts of both.
        space: Motion space of the data.
        weights: Weight of each term.
        losses: Weights of the motion terms inside `L_dis`.
        enhancer: Maps both personas and both upper faces to `L_pc`; None leaves it out.
        optimizer: Arguments of `distill.training.optim.configure`.
        time_power: As in `DenoisingTraining`, on the student's grid.
    """

    model: Denoiser

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        round_: Round,
        space: MotionSpace,
        *,
        weights: RoundWeights,
        losses: LossWeights,
        enhancer: nn.Module | None,
        optimizer: Mapping[str, Any],
        time_power: float = 1.0,
    ):
        super().__init__(student, optimizer)
        self.teacher = teacher.requires_grad_(False)
        self.time_power = time_power
        self.steps, self.halving = round_.student_steps, round_.teacher_steps > round_.student_steps
        self.weights, self.loss = weights, MotionLoss(space, losses)
        lips_only = LossWeights(x0=0.0, lips=1.0, gap=0.5, upper=0.0, velocity=0.0)
        self.truth = MotionLoss(space, lips_only if self.halving else losses)
        self.upper = space.groups["upper"]
        self.project = feature_projection(student.audio_dim, teacher.audio_dim)
        self.enhancer = enhancer

    def train(self, mode: bool = True) -> "DistillationRound":
        """Keep the teacher in eval mode whatever Lightning asks for."""
        super().train(mode)
        self.teacher.eval()
        return self

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a student time, build the target, compare."""
        x = batch.motion
        t = grid_times(torch.rand(len(x)), self.steps, self.time_power).to(x)
        cond = self.model.prepare(batch.cond, x.shape[1])
        z = self._noisy(x, t, cond)
        with torch.no_grad():
            cond_teacher = self.teacher.prepare(batch.cond, x.shape[1])
        target = self._target(z, t, cond_teacher)
        predicted = predict_x0(self.model, z, t, cond)
        return self._compare(batch, t, predicted, target, cond, cond_teacher)

    @torch.no_grad()
    def _noisy(self, x: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        """Return real motion noised to `t`, in part through the student's step before `t`."""
        before = (t + 1.0 / self.steps).clamp(max=1.0)
        led = (torch.rand(len(x)).to(x) < self.weights.on_policy) & (before > t)
        noise = torch.randn(x.shape).to(x)
        z = noised(self.model, x, t, noise)
        if not led.any():
            return z
        z_before = noised(self.model, x, before, noise)
        x_before = predict_x0(self.model, z_before, before, cond)
        own = ddim_step(z_before, x_before, before, t, self.model.schedule)
        return torch.where(led[:, None, None], own, z)

    def _target(self, z: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        if self.halving:
            return two_step_target(self.teacher, z, t, self.steps, cond)
        return one_step_target(self.teacher, z, t, cond)

    def _compare(
        self,
        batch: Batch,
        t: Tensor,
        predicted: Tensor,
        target: Tensor,
        cond: Conditions,
        cond_teacher: Conditions,
    ) -> dict[str, Tensor]:
        w, mask = self.weights, batch.mask
        snr = snr_weight(self.model.schedule, t, w.snr_limit)
        terms: dict[str, Tensor] = {}
        if w.dis:
            matched = self.loss(predicted, target, mask, snr)
            terms["dis"] = w.dis * torch.stack(list(matched.values())).sum()
        if w.gt:
            real = self.truth(predicted, batch.motion, mask)
            terms["gt"] = w.gt * torch.stack(list(real.values())).sum()
        if w.ae and cond.audio is not None and cond_teacher.audio is not None:
            projected = self.project(cond.audio)
            terms["ae"] = w.ae * feature_distance(projected, cond_teacher.audio, mask)
        if w.pc and self.enhancer is not None and cond.persona is not None:
            terms["pc"] = w.pc * self.enhancer(
                cond_teacher.persona,
                cond.persona,
                target[..., self.upper],
                predicted[..., self.upper],
                mask,
                joint_labels(batch.speaker, batch.emotion, 1 + max(int(batch.emotion.max()), 0)),
            )
        return terms

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the student's first step from pure noise against real motion."""
        predicted = first_step(self.model, batch, seed=batch_idx)
        terms = self.truth(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)

    def learning(self) -> nn.Module:
        """Only the student, the projection and the enhancer learn."""
        parts = [self.model, self.project, self.enhancer]
        return nn.ModuleList([part for part in parts if part is not None])


def grid_times(u: Float[Tensor, " B"], steps: int, power: float) -> Float[Tensor, " B"]:
    """Map uniform draws to times i / steps, i = 1 ... steps; power 1 draws all alike.

    Powers above 1 favour high noise, where the audio decides most.
    """
    return (steps * (1 - u**power)).ceil().clamp(1, steps) / steps


def feature_projection(small: int, large: int) -> nn.Linear:
    """Return the learned map from small to large audio features; the identity at equal sizes."""
    project = nn.Linear(small, large)
    if small == large:
        nn.init.eye_(project.weight)
        nn.init.zeros_(project.bias)
    return project


def feature_distance(
    small: Float[Tensor, "B F A"], large: Float[Tensor, "B F A"], mask: Bool[Tensor, "B F"]
) -> Float[Tensor, ""]:
    """Mean squared distance of per-frame normalized features, so that scale does not matter."""
    normal = nn.functional.layer_norm
    error = normal(small, small.shape[-1:]) - normal(large, large.shape[-1:])
    return masked_mean(error.square().mean(-1), mask)
