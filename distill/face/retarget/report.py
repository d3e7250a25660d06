"""How far retargeted shapes can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from distill.face.names import ARKIT_52
from distill.face.retarget.align import Found
from distill.face.retarget.loose import STILL, Part
from distill.face.retarget.register import Laid
from distill.face.retarget.source import Source
from distill.face.retarget.surface import Points, Triangles, open_edges, triangle_normals, unit
from distill.face.retarget.transfer import Matched

BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
FOLDED = 0.01
LEFT_OPEN, FIT_MM, WEAK = 0.25, 2.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a user should look at before trusting the shapes.

    Attributes:
        stands: Which way the mesh stands.
        place_mm: Mean error of the rigid placement.
        fit_mm: Median and 95th percentile distance of the bent source from the mesh.
        weak: Share of the moving surface that corresponds to nothing near.
        open_edges: Edges at the rims of holes.
        eyes_left_open: Share of the eye openings that a blink leaves, left and right.
        folded: Shapes in which surface turns over that does not in the source, with its share.
        parts: How many parts besides the skin move rigidly, with the skin, or not at all.
        hints: What to do about it, in sentences.
    """

    stands: str
    place_mm: float
    fit_mm: tuple[float, float]
    weak: float
    open_edges: int
    eyes_left_open: dict[str, float] = field(default_factory=dict)
    folded: dict[str, float] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


def report_of(
    source: Source,
    laid: Laid,
    match: Matched,
    points: Points,
    triangles: Triangles,
    open_: Bool[np.ndarray, " V"],
    shapes: Float[np.ndarray, "52 V 3"],
    others: Sequence[Part],
    found: Found,
) -> Report:
    """Measure what came out of retargeting; lengths in source mm."""
    away = laid.distance_mm[source.face]
    fit_mm = float(np.median(away)), float(np.quantile(away, 0.95))
    moving = open_ & (np.abs(shapes).max((0, 2)) > 0.5)
    weak = float((match.vertex_trust[moving] < 0.5).mean()) if moving.any() else 1.0
    left = {name: _left_open(points, shapes[ARKIT_52.index(name)], match, source, name)
            for name in BLINKS}  # fmt: skip
    outside = triangles[open_[triangles].all(1)]
    over = {name: turned_over(points, points + shape, outside)
            for name, shape in zip(ARKIT_52, shapes, strict=True)}  # fmt: skip
    counts: dict[str, int] = {}
    for part in others:
        counts[part.moves] = counts.get(part.moves, 0) + 1
    folded = {name: share for name, share in over.items() if share > FOLDED}
    rims = len(open_edges(triangles))
    return Report(
        stands=found.stands, place_mm=found.error_mm, fit_mm=fit_mm, weak=weak, open_edges=rims,
        eyes_left_open=left, folded=folded, parts=counts,
        hints=tuple(_hints(fit_mm, weak, left, folded, counts)),
    )  # fmt: skip


def turned_over(rest: Points, moved: Points, triangles: Triangles) -> float:
    """Return the share of the moving surface whose normal turns by more than 120 degrees."""
    before, after = triangle_normals(rest, triangles), triangle_normals(moved, triangles)
    area = np.linalg.norm(before, axis=1)
    moving = np.linalg.norm((moved - rest)[triangles], axis=-1).max(1) > 0.5
    over = (unit(before) * unit(after)).sum(1) < -0.5
    total = float(area[moving].sum())
    return float(area[moving & over].sum()) / total if total else 0.0


def _left_open(points: Points, shape: Points, match: Matched, source: Source, name: str) -> float:
    side = 1 if name.endswith("Left") else -1
    own = source.points[match.source_lids[:, 0], 0] * side > 0
    one, two = match.lids[own].T
    if not len(one):
        return 1.0
    rest = np.linalg.norm(points[one] - points[two], axis=1)
    shut = np.linalg.norm(points[one] + shape[one] - points[two] - shape[two], axis=1)
    return float(shut.mean() / rest.mean())


def _hints(
    fit_mm: tuple[float, float],
    weak: float,
    left: dict[str, float],
    folded: dict[str, float],
    counts: dict[str, int],
) -> list[str]:
    hints = []
    if fit_mm[1] > FIT_MM or weak > WEAK:
        hints.append("the face does not lie well on the mesh: give landmarks")
    if max(left.values()) > LEFT_OPEN:
        hints.append("blinks do not close the eyes: give landmarks at the eye corners")
    if folded:
        hints.append(f"surface turns over in {', '.join(folded)}: look at these shapes")
    if counts.get(STILL):
        hints.append(f"{counts[STILL]} parts lie far from everything that moves and stay still")
    return hints
