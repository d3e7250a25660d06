"""A user's mesh: read, checked and welded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from distill.errors import UserError
from distill.face.retarget.surface import Points, Triangles, open_edges, triangle_normals

SUFFIXES = (".glb", ".gltf", ".obj", ".ply")
LEAST_TRIANGLES = 100


@dataclass(frozen=True, eq=False, kw_only=True)
class Mesh:
    """A triangle mesh in the user's units and orientation.

    Attributes:
        points: Vertices as the file has them (V 3).
        triangles: Vertex indices (T 3).
        name: What to call it in messages.
    """

    points: Points
    triangles: Triangles
    name: str = "mesh"

    def __post_init__(self) -> None:
        checked(self)

    def welded(self) -> tuple[Points, Triangles, Int[np.ndarray, " V"]]:
        """Join vertices of rims that lie at one place: files split them at seams of textures.

        Lips that touch but are no rims stay apart. A vertex that no triangle has joins whatever
        lies at its place.

        Returns:
            Places (W 3), triangles between them without those that shrank to a line, and for
            every vertex the place it lies at (V).
        """
        place = np.unique(self.points, axis=0, return_inverse=True)[1].ravel()
        own = np.arange(len(self.points))
        own[np.unique(open_edges(self.triangles))] = -1
        used = np.unique(self.triangles)
        bare, there = np.setdiff1d(np.arange(len(own)), used), np.full(len(own), -1)
        there[place[used]] = own[used]
        own[bare] = there[place[bare]]
        keyed = np.column_stack([place, own])
        _, first, index = np.unique(keyed, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        index = rank[index.ravel()]
        triangles = index[self.triangles]
        a, b, c = triangles.T
        return self.points[first[order]], triangles[(a != b) & (b != c) & (c != a)], index


def checked(mesh: Mesh) -> None:
    """Refuse what is no surface.

    Raises:
        UserError: No faces, values that are not finite, indices out of range or no area.
    """
    points, triangles = mesh.points, mesh.triangles
    if len(triangles) < LEAST_TRIANGLES:
        raise UserError(
            f"{mesh.name} has {len(triangles)} faces, but a face needs at least "
            f"{LEAST_TRIANGLES}; export it as a polygon mesh, not as points or curves"
        )
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(1)).sum())
        raise UserError(
            f"{mesh.name} has {bad} vertices that are not finite numbers; export it again"
        )
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise UserError(
            f"{mesh.name} has faces that name vertex {int(triangles.max())} of {len(points)}"
        )
    if not np.linalg.norm(triangle_normals(points, triangles), axis=1).sum() > 0:
        raise UserError(f"{mesh.name} has no area: all its faces are points or lines")


def read_mesh(path: str | Path) -> Mesh:
    """Read an OBJ, PLY, GLB or glTF file; several objects in it become one mesh.

    Vertices keep the order of the file, so shapes made for the mesh fit it.

    Raises:
        UserError: Missing or foreign file, or no usable surface in it.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"cannot read {path} as a mesh; use one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        import trimesh
    except ModuleNotFoundError as error:
        raise UserError(
            "reading meshes needs trimesh; run `python -m pip install facedistill[mesh]`"
        ) from error
    try:
        options: dict[str, Any] = {"process": False, "maintain_order": True, "skip_materials": True}
        scene = trimesh.load_scene(path, **options)
        found = scene.to_mesh()
        points, triangles = np.array(found.vertices, float), np.array(found.faces, int)
    except Exception as error:
        raise UserError(f"{path} is not a readable mesh ({error})") from error
    return Mesh(points=points.reshape(-1, 3), triangles=triangles.reshape(-1, 3), name=str(path))


def as_mesh(
    points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], name: str = "mesh"
) -> Mesh:
    """Return a mesh of arrays, checked."""
    return Mesh(points=np.asarray(points, float), triangles=np.asarray(triangles, int), name=name)
