"""Distribution matching distillation as a LightningModule."""

from typing import Any

import torch
from torch import Tensor, nn

from distill.diffusion.sampling import predict_x0
from distill.face.space import MotionSpace
from distill.methods.distribution_matching.targets import matching_target, own_input
from distill.methods.taught import Taught
from distill.protocols import Denoiser
from distill.training.denoising import trunk_alone
from distill.training.optim import parameter_groups, scheduled
from distill.training.rows import drawn_noise, stratified
from distill.types import Batch, Conditions

LOWEST_TIME, HIGHEST_TIME = 0.02, 0.98


class DistributionMatching(Taught):
    """Train a few-step generator until its motion is as likely to the teacher as real motion.

    Generator and fake score learn in the same update from disjoint gradients: the generator's
    target is made without gradient, and the fake score sees generated motion as data. So one
    optimizer with two learning rates serves both, and one checkpoint holds all of it.

    Args:
        student: The generator.
        teacher: The real score.
        fake: The fake score, a denoiser that learns what the generator makes.
        space: Motion space of the data.
        steps: Sampler steps of the generator.
        fake_ratio: Learning rate of the fake score over the generator's: the fake score has to
            follow a moving generator.
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        fake: Denoiser,
        space: MotionSpace,
        *,
        steps: int,
        fake_ratio: float,
        **common: Any,
    ):
        super().__init__(student, teacher, space, **common)
        self.fake, self.steps, self.fake_ratio = trunk_alone(fake), steps, fake_ratio

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Generate, move towards the teacher's distribution, and let the fake score follow."""
        cond, cond_teacher = self.prepared(batch)
        cond_fake = self.fake.prepare(batch.cond, batch.motion.shape[1])
        made = self._generate(batch, cond)
        z, t = self._diffused(made.detach())
        with torch.no_grad():
            x0_real = predict_x0(self.teacher, z, t, cond_teacher)
            x0_fake = predict_x0(self.fake, z, t, cond_fake)
        target = matching_target(made, x0_real, x0_fake, batch.mask)
        terms = self.compared(batch, made, target, cond, cond_teacher)
        z, t = self._diffused(made.detach())
        learned = self.loss(predict_x0(self.fake, z, t, cond_fake), made.detach(), batch.mask)
        terms["fake"] = torch.stack(list(learned.values())).sum()
        return terms

    def _generate(self, batch: Batch, cond: Conditions) -> Tensor:
        """Return the x0 of one step of the generator's sampler, drawn for the whole batch."""
        x = batch.motion
        step = int(torch.randint(self.steps, ()))
        z, t = own_input(self.model, drawn_noise(x, self.space.noise), cond, self.steps, step)
        return predict_x0(self.model, z, t, cond)

    def _diffused(self, made: Tensor) -> tuple[Tensor, Tensor]:
        u = stratified(len(made)).to(made)
        t = HIGHEST_TIME - (HIGHEST_TIME - LOWEST_TIME) * u**self.time_power
        return self.noised(made, t), t

    def learning(self) -> nn.Module:
        """The fake score learns too."""
        parts = [self.model, self.enhancer, self.fake]
        return nn.ModuleList([part for part in parts if part is not None])

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return whose calls are counted: the fake score is as large as the student."""
        return {"teacher": (self.teacher,), "student": (self.model, self.fake)}

    def configure_optimizers(self) -> Any:
        """One optimizer: the fake score at its own learning rate."""
        options = dict(self.optimizer_options)
        lr, decay = options.pop("lr"), options.pop("weight_decay")
        slow = [part for part in (self.model, self.enhancer) if part is not None]
        groups = parameter_groups(nn.ModuleList(slow), decay)
        fast = [{**g, "lr": lr * self.fake_ratio} for g in parameter_groups(self.fake, decay)]
        return scheduled([*groups, *fast], lr=lr, **options)
