"""What retargeting takes from a rig: its skin, shapes, landmarks and where the lids meet."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from distill.errors import UserError
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52
from distill.face.retarget.surface import (
    Points,
    Triangles,
    edges,
    openness,
    parts,
    vertex_normals,
)
from distill.protocols import Rig

OPEN = 0.5
"""Vertices that at least this share of the views sees belong to the outside."""
FACE_MM = 200.0
MOVED_MM = 0.02
EYES = {"eyeBlinkLeft": ((42, 43, 44, 45), (45, 46, 47, 42)),
        "eyeBlinkRight": ((36, 37, 38, 39), (39, 40, 41, 36))}  # fmt: skip
"""Landmarks along the upper and the lower lid."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """The skin of a rig near the face, in mm, y up and z forward; numbers are its own vertices.

    Attributes:
        points: Rest positions (V 3).
        triangles: Vertex indices (T 3).
        shapes: Displacements in `ARKIT_52` order (52 V 3).
        landmarks: Vertices of the 68 Multi-PIE landmarks.
        lips: Vertices of the lips.
        upper: Vertices of eyes and forehead.
        lip_pairs: Facing inner lip vertices (P 2).
        loose: Rest positions of all that is no skin: eyes, teeth, tongue, brows (W 3).
        loose_shapes: Its displacements (52 W 3).
        name: Name of the rig.
    """

    points: Points
    triangles: Triangles
    shapes: Float[np.ndarray, "52 V 3"]
    landmarks: Int[np.ndarray, " 68"]
    lips: Int[np.ndarray, " L"]
    upper: Int[np.ndarray, " U"]
    lip_pairs: Int[np.ndarray, "P 2"]
    loose: Float[np.ndarray, "W 3"]
    loose_shapes: Float[np.ndarray, "52 W 3"]
    name: str

    @cached_property
    def normals(self) -> Points:
        """Unit normals."""
        return vertex_normals(self.points, self.triangles)

    @cached_property
    def open(self) -> Bool[np.ndarray, " V"]:
        """Vertices that are seen from outside."""
        return openness(self.points, self.triangles, FACE_MM) > OPEN

    @cached_property
    def face(self) -> Bool[np.ndarray, " V"]:
        """Open vertices between the ears, from below the chin to the forehead."""
        marks = self.points[self.landmarks]
        low, high = marks.min(0) - (10, 6, 0), marks.max(0) + np.array((10, 25, 1e3))
        return self.open & ((self.points > low) & (self.points < high)).all(1)

    @cached_property
    def lid_pairs(self) -> Int[np.ndarray, "P 2"]:
        """Vertices of upper and lower lids that meet when the eyes blink."""
        found = []
        for shape, (upper, lower) in EYES.items():
            rims = [self._rim(chain) for chain in (upper, lower)]
            shut = self.points + self.shapes[ARKIT_52.index(shape)]
            near, index = KDTree(shut[rims[1]]).query(shut[rims[0]])
            gap = np.linalg.norm(self.points[rims[0]] - self.points[rims[1][index]], axis=1)
            chosen = (near < 3.0) & (gap > 3.0)
            found.append(np.stack([rims[0], rims[1][index]], 1)[chosen])
        return np.concatenate(found)

    def _rim(self, chain: tuple[int, ...]) -> Int[np.ndarray, " N"]:
        marks = self.points[self.landmarks[list(chain)]]
        share = np.linspace(0, 1, 9)[:, None, None]
        line = (marks[:-1] + (marks[1:] - marks[:-1]) * share).reshape(-1, 3)
        return np.flatnonzero((KDTree(line).query(self.points)[0] < 2.0) & self.open)


def source_of(rig: Rig) -> Source:
    """Take the skin of a rig near the face: all that any shape moves, and its surroundings.

    Raises:
        UserError: The rig is not linear in ARKit shapes or does not know its landmarks.
    """
    if not isinstance(rig, LinearRig) or len(rig.landmarks) != 68:
        raise UserError(f"shapes cannot be taken from rig {rig.name!r}; use arkit or ict")
    points, triangles = (t.numpy() for t in (rig.neutral.double(), rig.triangles))
    columns = [rig.channels.index(n) for n in ARKIT_52]
    shapes = rig.basis[columns].double().numpy()
    skin = parts(len(points), triangles) == 0
    near = _near(points, triangles, skin, shapes, rig.landmarks.numpy())
    kept = triangles[near[triangles].all(1)]
    used = np.unique(kept)
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    pairs = number[rig.lip_pairs.numpy()]
    return Source(
        points=points[used],
        triangles=number[kept],
        shapes=shapes[:, used],
        landmarks=number[rig.landmarks.numpy()],
        lips=_inside(number[rig.lips.numpy()]),
        upper=_inside(number[rig.upper.numpy()]),
        lip_pairs=pairs[(pairs >= 0).all(1)],
        loose=points[~skin],
        loose_shapes=shapes[:, ~skin],
        name=rig.name,
    )


def _inside(index: np.ndarray) -> np.ndarray:
    return index[index >= 0]


def _near(
    points: Points,
    triangles: Triangles,
    skin: Bool[np.ndarray, " V"],
    shapes: np.ndarray,
    landmarks: np.ndarray,
) -> Bool[np.ndarray, " V"]:
    """Skin vertices that move, with two rings around them, and those of the face."""
    links = edges(triangles)
    near = np.abs(shapes).max((0, 2)) > MOVED_MM
    for _ in range(2):
        touched = near[links].any(1)
        near[links[touched]] = True
    marks = points[landmarks]
    low, high = marks.min(0) - 15, marks.max(0) + np.array((15, 40, 1e3))
    return skin & (near | ((points > low) & (points < high)).all(1))
