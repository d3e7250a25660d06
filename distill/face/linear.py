"""A rig whose vertices are linear in its channels, but for bounded correctives."""

from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from distill.face.names import HEAD, MOUTH, UPPER

R = TypeVar("R")


def on_device(rig: R, device: torch.device | str, *, non_blocking: bool = False) -> R:
    """Return a copy of a rig, a dataclass with `groups`, with every tensor on `device`."""
    moved = {
        k: v.to(device, non_blocking=non_blocking)
        for k, v in vars(rig).items()
        if isinstance(v, Tensor)
    }
    groups = {k: v.to(device, non_blocking=non_blocking) for k, v in vars(rig)["groups"].items()}
    return replace(rig, **moved, groups=groups)  # type: ignore[type-var]


@dataclass(eq=False, kw_only=True)
class LinearRig:
    """Neutral face plus weighted displacement fields; implements `distill.protocols.Rig`.

    Attributes:
        basis: Displacement of every vertex per unit of a channel (D V 3); zero for head rotation.
        colors: Diffuse colour of each vertex in [0, 1] (V 3).
        pivot: Point the head turns about (3,), used when rendering.
        capped: Triples (i, j, share): channel i counts only up to `share` times channel j.
            `mouthClose` is a corrective of `jawOpen`; more would push the lips through each other.
        view: Height of the middle of a portrait and the height it shows, in mm; (0, 0) shows all.
        landmarks: Vertices of the 68 Multi-PIE landmarks; none where the rig does not know them.
    """

    name: str
    channels: tuple[str, ...]
    groups: dict[str, Int[Tensor, " _"]]
    neutral: Float[Tensor, "V 3"]
    triangles: Int[Tensor, "T 3"]
    lips: Int[Tensor, " L"]
    upper: Int[Tensor, " U"]
    lip_pairs: Int[Tensor, "P 2"]
    basis: Float[Tensor, "D V 3"]
    colors: Float[Tensor, "V 3"]
    pivot: Float[Tensor, " 3"]
    capped: tuple[tuple[int, int, float], ...] = ()
    view: tuple[float, float] = (0.0, 0.0)
    units: str = "mm"
    landmarks: Int[Tensor, " K"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))

    def effective(self, motion: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Return the weights that act: correctives capped by the channel they correct."""
        if not self.capped:
            return motion
        columns = list(motion.unbind(-1))
        for i, j, share in self.capped:
            columns[i] = torch.minimum(columns[i], share * columns[j])
        return torch.stack(columns, -1)

    def to_vertices(
        self, motion: Float[Tensor, "... D"], vertices: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "... V 3"]:
        """Shape the face in the head's own frame, differentiably; units are `units`.

        `vertices` restricts the result to those indices, at proportionally lower cost.
        """
        neutral, basis = self.neutral, self.basis
        if vertices is not None:
            neutral, basis = neutral[vertices], basis[:, vertices]
        moved = self.effective(motion) @ basis.flatten(1)
        return moved.unflatten(-1, neutral.shape) + neutral

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "LinearRig":
        """Return a copy with every tensor on `device`."""
        return on_device(self, device, non_blocking=non_blocking)


def channel_groups(channels: tuple[str, ...]) -> dict[str, Int[Tensor, " _"]]:
    """Return the channel indices of `mouth`, `upper` and `head` (disjoint, together all)."""
    names = {"mouth": MOUTH, "upper": UPPER, "head": HEAD}
    return {
        group: torch.tensor([i for i, name in enumerate(channels) if name in members])
        for group, members in names.items()
    }
