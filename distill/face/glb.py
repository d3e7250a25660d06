"""GLB files of one mesh with named morph targets, as animation tools read them (glTF 2.0)."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from distill.errors import UserError
from distill.storage import atomic_path

POSITIONS, INDICES = 34962, 34963
"""Buffer targets of vertex attributes and of vertex indices."""
FLOAT, UINT = 5126, 5125
TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}


@dataclass(frozen=True, eq=False, kw_only=True)
class Morphs:
    """A mesh and its morph targets.

    Attributes:
        points: Rest positions (V 3).
        triangles: Vertex indices (T 3).
        shapes: Displacements at weight 1 (K V 3).
        names: Names of the targets, K of them.
        extras: Further JSON values kept with the mesh.
    """

    points: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shapes: Float[np.ndarray, "K V 3"]
    names: tuple[str, ...]
    extras: Mapping[str, Any] = field(default_factory=dict)


def _library() -> Any:
    try:
        import pygltflib
    except ModuleNotFoundError as error:
        raise UserError(
            "GLB files need pygltflib; run `python -m pip install facedistill[mesh]`"
        ) from error
    return pygltflib


class _Buffer:
    """The binary chunk, built array by array."""

    def __init__(self, gltf: Any) -> None:
        self.gltf, self.data = gltf, bytearray()

    def add(self, values: np.ndarray, target: int) -> int:
        """Append an array of vectors (N 3) or scalars (N); returns its accessor."""
        library = _library()
        view = library.BufferView(
            buffer=0, byteOffset=len(self.data), byteLength=values.nbytes, target=target
        )
        self.data += values.tobytes()
        vectors = values.ndim == 2
        accessor = library.Accessor(
            bufferView=len(self.gltf.bufferViews),
            componentType=FLOAT if vectors else UINT,
            count=len(values),
            type="VEC3" if vectors else "SCALAR",
            min=values.min(0).tolist() if vectors else None,
            max=values.max(0).tolist() if vectors else None,
        )
        self.gltf.bufferViews.append(view)
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1


def build_gltf(
    morphs: Morphs, *, scale: float = 1.0, rotation: Sequence[float] = (0.0, 0.0, 0.0, 1.0)
) -> Any:
    """Return a `pygltflib.GLTF2` with one node, to which animation can be added.

    `scale` and `rotation` (quaternion x y z w) stand on the node: positions stay as they are.
    """
    library = _library()
    gltf = library.GLTF2()
    buffer = _Buffer(gltf)
    index = buffer.add(morphs.triangles.astype(np.uint32).ravel(), INDICES)
    rest = buffer.add(morphs.points.astype(np.float32), POSITIONS)
    targets = [{"POSITION": buffer.add(s.astype(np.float32), POSITIONS)} for s in morphs.shapes]
    primitive = library.Primitive(
        attributes=library.Attributes(POSITION=rest), indices=index, targets=targets
    )
    extras = {"targetNames": list(morphs.names), **morphs.extras}
    weights = [0.0] * len(targets)
    gltf.meshes = [library.Mesh(primitives=[primitive], weights=weights, extras=extras)]
    gltf.nodes = [library.Node(mesh=0, name="head", scale=[scale] * 3, rotation=list(rotation))]
    gltf.scenes, gltf.scene = [library.Scene(nodes=[0])], 0
    gltf.asset = library.Asset(version="2.0", generator="facedistill")
    gltf.buffers = [library.Buffer(byteLength=len(buffer.data))]
    gltf.set_binary_blob(bytes(buffer.data))
    return gltf


def write_glb(path: str | Path, gltf: Any) -> None:
    """Write a `pygltflib.GLTF2` as one binary file, atomically."""
    with atomic_path(Path(path)) as temporary:
        gltf.save_binary(str(temporary))


def read_morphs(path: str | Path) -> Morphs:
    """Read the mesh with morph targets of a GLB file; several parts of it become one.

    Raises:
        UserError: Missing or foreign file, or no mesh with named morph targets in it.
    """
    library = _library()
    try:
        gltf = library.GLTF2().load_binary(str(path))
        blob = gltf.binary_blob()
        found = [m for m in gltf.meshes if (m.extras or {}).get("targetNames")]
        mesh = max(found, key=lambda m: len(m.extras["targetNames"]), default=None)
        if mesh is None:
            raise UserError(f"{path} has no mesh with named morph targets (mesh.extras)")
        pieces = [_piece(gltf, blob, p) for p in mesh.primitives]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise UserError(f"{path} is not a readable GLB file ({error})") from error
    starts = np.cumsum([0] + [len(p[0]) for p in pieces])
    extras = {k: v for k, v in mesh.extras.items() if k != "targetNames"}
    return Morphs(
        points=np.concatenate([p[0] for p in pieces]),
        triangles=np.concatenate([p[1] + s for p, s in zip(pieces, starts, strict=False)]),
        shapes=np.concatenate([p[2] for p in pieces], 1),
        names=tuple(mesh.extras["targetNames"]),
        extras=json.loads(json.dumps(extras)),
    )


def _piece(gltf: Any, blob: bytes, primitive: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points = _values(gltf, blob, primitive.attributes.POSITION)
    triangles = _values(gltf, blob, primitive.indices).reshape(-1, 3).astype(int)
    shapes = [_values(gltf, blob, _position(t)) for t in primitive.targets]
    return points, triangles, np.stack(shapes)


def _position(target: Any) -> int:
    return target["POSITION"] if isinstance(target, dict) else target.POSITION


def _values(gltf: Any, blob: bytes, number: int) -> np.ndarray:
    accessor = gltf.accessors[number]
    if accessor.sparse is not None or accessor.bufferView is None:
        raise ValueError("sparse accessors are not supported; export without them")
    view = gltf.bufferViews[accessor.bufferView]
    kind = np.dtype(TYPES[accessor.componentType])
    width = {"SCALAR": 1, "VEC3": 3}[accessor.type]
    start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
    step = view.byteStride or kind.itemsize * width
    values = np.ndarray((accessor.count, width), kind, blob, start, (step, kind.itemsize))
    return values.copy() if width > 1 else values[:, 0].copy()
