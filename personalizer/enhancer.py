"""The personalizer enhancer `L_pc`: personas and upper faces of teacher and student agree."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, gelu, normalize

from distill.layers.precision import full_precision
from distill.training.rows import joined_rows
from personalizer.losses import Temperature


class UpperFaceEncoder(nn.Module):
    """Pools upper-face motion to one vector: two convolutions, then masked mean and deviation."""

    def __init__(self, motion_dim: int, embed_dim: int, width: int = 64) -> None:
        super().__init__()
        self.near = nn.Conv1d(2 * motion_dim, width, 3, padding=1)
        self.far = nn.Conv1d(width, width, 3, padding=2, dilation=2)
        self.out = nn.Linear(2 * width, embed_dim)

    def forward(
        self, motion: Float[Tensor, "B F D"], mask: Bool[Tensor, "B F"]
    ) -> Float[Tensor, "B E"]:
        """Return unit vectors; frames outside `mask` have no influence."""
        keep = mask.unsqueeze(-1).to(motion.dtype)
        motion = motion * keep
        step = torch.diff(motion, dim=1, prepend=motion[:, :1])
        step[:, 1:] *= keep[:, 1:] * keep[:, :-1]
        keep = keep.transpose(1, 2)
        hidden = gelu(self.near(torch.cat([motion, step], dim=-1).transpose(1, 2))) * keep
        hidden = (hidden + gelu(self.far(hidden))) * keep
        count = keep.sum(dim=-1).clamp(min=1.0)
        mean = hidden.sum(dim=-1) / count
        spread = ((hidden - mean.unsqueeze(-1)) * keep).square().sum(dim=-1) / count
        return normalize(self.out(torch.cat([mean, (spread + 1e-6).sqrt()], dim=-1)), dim=-1)


@full_precision
def symmetric_info_nce(
    a: Float[Tensor, "B E"],
    b: Float[Tensor, "B E"],
    tau: Float[Tensor, ""] | float,
    labels: Int[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """InfoNCE over the similarity matrix of pairs (a_i, b_i), by rows and by columns.

    `L = (CE(S, diag) + CE(S^T, diag)) / 2` with `S = a b^T / tau`. Pairs of equal known label are
    no negatives of each other; a label below 0 is unknown and equals no other.
    """
    similarity = a @ b.T / tau
    target = torch.arange(len(a), device=a.device)
    if labels is not None:
        same = (labels[:, None] == labels[None, :]) & (labels[:, None] >= 0)
        same &= target[:, None] != target[None, :]
        similarity = similarity.masked_fill(same, torch.finfo(torch.float32).min)
    return (cross_entropy(similarity, target) + cross_entropy(similarity.T, target)) / 2


class PersonaEnhancer(nn.Module):
    """Contrasts personalized embeddings (teacher's, student's) with upper-face motion (both).

    The similarity matrix has four blocks, persona x motion, each a symmetric InfoNCE whose
    diagonal is positive. Who learns from which block:

    * teacher persona, teacher motion: only the projections here, which makes the shared space;
    * teacher persona, student motion: the student's motion, since persona and encoder are frozen;
    * student persona, teacher motion: the student's persona and its projection;
    * student persona, student motion: both sides of the student.

    The student's motion always passes a frozen copy of the motion encoder: else the encoder could
    lower the loss instead of the student. No gradient reaches the teacher. The module has
    parameters: they belong to the round's optimizer and are dropped after it.
    """

    def __init__(
        self,
        motion_dim_upper: int,
        teacher_persona_dim: int,
        student_persona_dim: int,
        embed_dim: int = 64,
        width: int = 64,
        tau: float = 0.1,
    ) -> None:
        super().__init__()
        self.motion = UpperFaceEncoder(motion_dim_upper, embed_dim, width)
        self.teacher = nn.Linear(teacher_persona_dim, embed_dim)
        self.student = nn.Linear(student_persona_dim, embed_dim)
        self.tau = Temperature(tau, low=0.03)

    @full_precision
    def forward(
        self,
        persona_teacher: Float[Tensor, "B E"],
        persona_student: Float[Tensor, "B E2"],
        upper_teacher: Float[Tensor, "B F D"],
        upper_student: Float[Tensor, "B F D"],
        mask: Bool[Tensor, "B F"],
        labels: Int[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean loss of the four blocks; `labels` number the personas of the batch.

        Where several processes share a batch, rows of all of them are contrasted.
        """
        persona_t = normalize(self.teacher(persona_teacher.detach()), dim=-1)
        persona_s = normalize(self.student(persona_student), dim=-1)
        motion_t = self.motion(upper_teacher.detach(), mask)
        frozen = {name: p.detach() for name, p in self.motion.named_parameters()}
        motion_s = functional_call(self.motion, frozen, (upper_student, mask))
        persona_t, persona_s, motion_t, motion_s = map(
            joined_rows, (persona_t, persona_s, motion_t, motion_s)
        )
        labels = None if labels is None else joined_rows(labels)
        tau = self.tau()
        learned, fixed = tau, tau.detach()
        blocks = (
            symmetric_info_nce(persona_t, motion_t, learned, labels),
            symmetric_info_nce(persona_t.detach(), motion_s, fixed, labels),
            symmetric_info_nce(persona_s, motion_t.detach(), fixed, labels),
            symmetric_info_nce(persona_s, motion_s, fixed, labels),
        )
        return torch.stack(blocks).mean()
