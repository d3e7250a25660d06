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

ATTRIBUTES, INDICES = 34962, 34963
"""Buffer targets of vertex attributes and of vertex indices."""
COMPONENTS = {"float32": 5126, "uint32": 5125, "uint16": 5123}
SHAPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
SCREEN_GAMMA, ROUGHNESS = 2.2, 0.65
"""GLTF keeps colours of vertices linear; skin shines a little."""
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
        normals: Unit normals at rest (V 3).
        colors: Colour of each vertex as on a screen, 0 to 1 (V 3).
    """

    points: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shapes: Float[np.ndarray, "K V 3"]
    names: tuple[str, ...]
    extras: Mapping[str, Any] = field(default_factory=dict)
    normals: Float[np.ndarray, "V 3"] | None = None
    colors: Float[np.ndarray, "V 3"] | None = None


def gltf_library() -> Any:
    """Return pygltflib.

    Raises:
        UserError: It is not installed.
    """
    try:
        import pygltflib
    except ModuleNotFoundError as error:
        raise UserError(
            "GLB files need pygltflib; run `python -m pip install facedistill[mesh]`"
        ) from error
    return pygltflib


class Buffer:
    """The binary chunk of a `pygltflib.GLTF2`, to which arrays are added one by one."""

    def __init__(self, gltf: Any) -> None:
        self.gltf, self.data = gltf, bytearray(gltf.binary_blob() or b"")

    def add(self, values: np.ndarray, target: int | None = None) -> int:
        """Append float32, uint32 or uint16 of one of `SHAPES` (N ...); returns its accessor."""
        library = gltf_library()
        view = library.BufferView(
            buffer=0, byteOffset=len(self.data), byteLength=values.nbytes, target=target
        )
        self.data += values.tobytes()
        bounded = values.dtype == np.float32 and values.ndim < 3
        accessor = library.Accessor(
            bufferView=len(self.gltf.bufferViews),
            componentType=COMPONENTS[values.dtype.name],
            count=len(values),
            type=SHAPES[values.shape[1:]],
            min=np.atleast_1d(values.min(0)).tolist() if bounded else None,
            max=np.atleast_1d(values.max(0)).tolist() if bounded else None,
        )
        self.gltf.bufferViews.append(view)
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1

    def close(self) -> None:
        """Give the bytes to the GLTF2."""
        self.gltf.buffers = [gltf_library().Buffer(byteLength=len(self.data))]
        self.gltf.set_binary_blob(bytes(self.data))


def build_gltf(
    morphs: Morphs, *, scale: float = 1.0, rotation: Sequence[float] = (0.0, 0.0, 0.0, 1.0)
) -> Any:
    """Return a `pygltflib.GLTF2` with one node, to which animation can be added.

    `scale` and `rotation` (quaternion x y z w) stand on the node: positions stay as they are.
    """
    library = gltf_library()
    gltf = library.GLTF2()
    buffer = Buffer(gltf)
    index = buffer.add(morphs.triangles.astype(np.uint32).ravel(), INDICES)
    attributes = library.Attributes(POSITION=_vertices(buffer, morphs.points))
    if morphs.normals is not None:
        attributes.NORMAL = _vertices(buffer, morphs.normals)
    if morphs.colors is not None:
        attributes.COLOR_0 = _vertices(buffer, morphs.colors**SCREEN_GAMMA)
    targets = [{"POSITION": _vertices(buffer, shape)} for shape in morphs.shapes]
    primitive = library.Primitive(attributes=attributes, indices=index, targets=targets, material=0)
    surface = library.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=ROUGHNESS)
    gltf.materials = [library.Material(pbrMetallicRoughness=surface)]
    extras = {"targetNames": list(morphs.names), **morphs.extras}
    weights = [0.0] * len(targets)
    gltf.meshes = [library.Mesh(primitives=[primitive], weights=weights, extras=extras)]
    gltf.nodes = [library.Node(mesh=0, name="head", scale=[scale] * 3, rotation=list(rotation))]
    gltf.scenes, gltf.scene = [library.Scene(nodes=[0])], 0
    gltf.asset = library.Asset(version="2.0", generator="facedistill")
    buffer.close()
    return gltf


def _vertices(buffer: Buffer, values: np.ndarray) -> int:
    return buffer.add(values.astype(np.float32), ATTRIBUTES)


def write_glb(path: str | Path, gltf: Any) -> None:
    """Write a `pygltflib.GLTF2` as one binary file, atomically."""
    with atomic_path(Path(path)) as temporary:
        gltf.save_binary(str(temporary))


def read_morphs(path: str | Path) -> Morphs:
    """Read the mesh with morph targets of a GLB file; several parts of it become one.

    Raises:
        UserError: Missing or foreign file, or no mesh with named morph targets in it.
    """
    library = gltf_library()
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
