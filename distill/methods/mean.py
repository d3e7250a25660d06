"""What a student learns before any noise: to hear, and to expect what its teacher expects."""

from typing import Any

from torch import Tensor, nn

from distill.face.space import MotionSpace
from distill.methods.taught import Taught
from distill.networks.conditioned import ConditionedDenoiser
from distill.protocols import Denoiser
from distill.training.features import feature_distance, feature_projection
from distill.types import Batch


class TaughtMean(Taught):
    """Train what depends on neither noise nor step: encoder, persona and the mean motion.

    L = dis d(m_student, m_teacher) + gt d(m_student, x_real) + ae |P a_student - a_teacher|^2 + pc.

    Args:
        student: Network that learns; its trunk is left alone.
        teacher: Network that does not.
        space: Motion space of the data.
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: ConditionedDenoiser,
        teacher: Denoiser,
        space: MotionSpace,
        **common: Any,
    ):
        super().__init__(student, teacher, space, truth=True, **common)
        student.learn("conditions")
        self.project = feature_projection(student.audio_dim, teacher.audio_dim)

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """No network is called."""
        return {}

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Compare what both expect, and what both hear."""
        cond, cond_teacher = self.prepared(batch)
        assert cond.mean is not None and cond_teacher.mean is not None
        terms = self.compared(batch, cond.mean, cond_teacher.mean, cond, cond_teacher)
        if self.weights.ae and cond.audio is not None and cond_teacher.audio is not None:
            apart = feature_distance(self.project(cond.audio), cond_teacher.audio, batch.mask)
            terms["ae"] = self.weights.ae * apart
        return terms

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the mean against real motion."""
        mean = self.model.prepare(batch.cond, batch.motion.shape[1]).mean
        assert mean is not None
        terms = self.loss(mean, batch.motion, batch.mask)
        self.log_validation(terms, mean, batch.motion, batch.mask)

    def learning(self) -> nn.Module:
        """The projection learns too."""
        parts = [self.model, self.project, self.enhancer]
        return nn.ModuleList([part for part in parts if part is not None])
