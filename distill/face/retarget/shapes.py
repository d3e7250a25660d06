"""ARKit shapes for a mesh of any topology."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from distill.errors import UserError
from distill.face.retarget.align import Found, fitted, search
from distill.face.retarget.landmarks import Marks
from distill.face.retarget.loose import loose_shapes
from distill.face.retarget.meshes import Mesh
from distill.face.retarget.register import Laid, register
from distill.face.retarget.report import Report, report_of
from distill.face.retarget.source import FACE_MM, OPEN, Source
from distill.face.retarget.store import Kept
from distill.face.retarget.surface import Surface, openness, parts, vertex_normals
from distill.face.retarget.transfer import Matched, Transfer, matched

SAMPLES = 240
UNITS_MM, UNIT_RANGE = (1.0, 10.0, 25.4, 100.0, 1000.0), 1.45
WORST_FIT_MM = 7.5
"""A search that ends with a larger error has not found a face."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shapes:
    """A mesh with 52 ARKit shapes.

    Attributes:
        mesh: The mesh as the user gave it.
        shapes: Displacements in `ARKIT_52` order, in the units of the mesh (52 V 3).
        mm_per_unit: Length of one unit of the mesh, guessed from the size of its face.
        to_front: Quarter turns that stand the mesh y up, z forward.
        lips: Vertices of the lips.
        upper: Vertices of eyes and forehead.
        lip_pairs: Facing inner lip vertices (P 2).
        report: How well source and mesh correspond.
    """

    mesh: Mesh
    shapes: Float[np.ndarray, "52 V 3"]
    mm_per_unit: float
    to_front: Float[np.ndarray, "3 3"]
    lips: Int[np.ndarray, " L"]
    upper: Int[np.ndarray, " U"]
    lip_pairs: Int[np.ndarray, "P 2"]
    report: Report

    def kept(self) -> Kept:
        """Return what goes into a file."""
        names = [f.name for f in fields(Kept) if f.name not in ("points", "triangles")]
        values = {name: getattr(self, name) for name in names}
        return Kept(points=self.mesh.points, triangles=self.mesh.triangles, **values)


def retarget(source: Source, mesh: Mesh, marks: Marks | None = None) -> Shapes:
    """Give a mesh the ARKit shapes of a rig.

    The source is placed by landmarks or by search, bent onto the mesh, and its deformation
    gradients are carried over. Parts that hang on nothing that moves stay still.

    Args:
        source: The rig's skin, see `source_of`.
        mesh: The target; its largest connected part, or that of the landmarks, is the skin.
        marks: Landmarks; without them the mesh must stand y or z up and show a bare face.

    Raises:
        UserError: No face is found.
    """
    points, triangles, index = mesh.welded()
    label = parts(len(points), triangles)
    skin = _skin(points, label, marks)
    own = np.flatnonzero(label == skin)
    number = np.full(len(points), -1)
    number[own] = np.arange(len(own))
    faces = number[triangles[(label[triangles] == skin).all(1)]]
    found = place(source, points[own], faces, marks)
    placed = found.similarity.back(points)
    laid, open_ = lay(source, placed[own], faces, marks, found)
    match = matched(source, laid.points, placed[own], faces)
    transfer = Transfer(source, placed[own], faces, match)
    shapes, others = loose_shapes(source, laid.points, placed, label, skin)
    for k, shape in enumerate(source.shapes):
        if np.abs(shape).max() > 0:
            shapes[k, own] = transfer(shape)
    first = np.zeros(len(points), int)
    first[index[::-1]] = np.arange(len(index))[::-1]
    lips, upper = (_corresponding(source, match, r) for r in (source.lips, source.upper))
    return Shapes(
        mesh=mesh,
        shapes=found.similarity.vectors(shapes)[:, index],
        mm_per_unit=unit_mm(1 / found.similarity.scale),
        to_front=upright(found.similarity.rotation.T),
        lips=first[own[lips]],
        upper=first[own[upper]],
        lip_pairs=first[own[match.lips]],
        report=report_of(
            source, laid, match, placed[own], faces, open_, shapes[:, own], others, found
        ),
    )


def unit_mm(scale: float) -> float:
    """Return the usual unit of length, in mm, that a scale is near to, or the scale itself."""
    near = min(UNITS_MM, key=lambda unit: abs(np.log(scale / unit)))
    return near if abs(np.log(scale / near)) < np.log(UNIT_RANGE) else scale


def upright(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Return the quarter turns nearest to a rotation, or itself where none is within 30 degrees."""
    turns = np.round(rotation) + 0.0
    near = np.abs(turns).sum() == 3 and np.linalg.det(turns) > 0.5
    return turns if near and np.trace(turns @ rotation.T) > 1 + 2 * np.cos(np.pi / 6) else rotation


def _skin(points: np.ndarray, label: np.ndarray, marks: Marks | None) -> int:
    """Return the part that most landmarks lie on; without landmarks the largest."""
    if marks is None:
        return 0
    from scipy.spatial import KDTree

    return int(np.bincount(label[KDTree(points).query(marks[1])[1]]).argmax())


def place(source: Source, points: np.ndarray, triangles: np.ndarray, marks: Marks | None) -> Found:
    """Find the similarity that puts the source on the mesh."""
    if marks is not None:
        own = source.points[source.landmarks[marks[0]]]
        similarity = fitted(own, marks[1])
        error = np.linalg.norm(similarity.back(marks[1]) - own, axis=1).mean()
        return Found(similarity, float(error), "as the landmarks say")
    face = np.flatnonzero(source.face)
    chosen = np.random.default_rng(0).choice(face, min(SAMPLES, len(face)), replace=False)
    size = 0.3 * float(np.ptp(points, axis=0).max())
    seen = openness(points, triangles, size) > OPEN
    normals = vertex_normals(points, triangles)
    found = search(
        source.points[chosen], source.normals[chosen], source.points[source.landmarks[30]],
        points[seen], normals[seen],
    )  # fmt: skip
    if not found.error_mm < WORST_FIT_MM:
        raise UserError(
            f"no face is found on the mesh (error {found.error_mm:.1f} mm, at most "
            f"{WORST_FIT_MM:g} is accepted); give landmarks"
        )
    return found


def lay(
    source: Source, points: np.ndarray, triangles: np.ndarray, marks: Marks | None, found: Found
) -> tuple[Laid, np.ndarray]:
    """Bend the source onto the mesh, given in source mm; also which vertices of it are open."""
    open_ = openness(points, triangles, FACE_MM) > OPEN
    held = []
    if marks is not None:
        places = found.similarity.back(marks[1])
        held = list(zip(source.landmarks[marks[0]].tolist(), places, strict=True))
    surface = Surface(points, triangles[open_[triangles].any(1)])
    return register(source.points, source.triangles, source.face, surface, held), open_


def _corresponding(source: Source, match: Matched, region: np.ndarray) -> np.ndarray:
    """Vertices of the target that lie on a region of the source."""
    inside = np.zeros((len(source.points), 1))
    inside[region] = 1.0
    share = match.places.read(source.triangles, inside)[:, 0]
    return np.flatnonzero((share > 0.5) & (match.vertex_trust > 0.5))
