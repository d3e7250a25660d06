"""The `vertices` rig: any mesh, moved by components of recorded motion or vertex by vertex.

All of it lies in one safetensors file, which `python -m distill.data basis` makes from a corpus:

    neutral (V 3) mm     triangles (T 3)     lips (L)     upper (U)     lip_pairs (P 2)
    basis (K V 3) mm per standard deviation, explained (K): share of the motion a component makes

Without `basis` the channels are the displacements of the vertices themselves, in mm. Both ways
zero motion is the face at rest. Components and vertices cannot be told apart by what they move: all
channels are in the group `mouth`.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from distill.errors import UserError
from distill.face.linear import LinearRig
from distill.storage import atomic_path

FORMAT = "facedistill vertices 1"
SKIN, LIP = (0.80, 0.66, 0.60), (0.74, 0.40, 0.39)
HOW_TO_MAKE = "make it with `python -m distill.data basis data=NAME data.root=PATH --out FILE`"
_INDICES = {"triangles": (3,), "lips": (), "upper": (), "lip_pairs": (2,)}
"""Arrays of vertex indices and the shape of an entry."""


@dataclass(frozen=True, eq=False, kw_only=True)
class VertexModel:
    """What the file holds, in mm; regions that are not known are empty.

    Attributes:
        neutral: Face at rest.
        triangles: Its surface.
        lips: Vertices of lip error.
        upper: Vertices of upper-face error.
        lip_pairs: Facing inner-lip vertices, upper first.
        basis: Displacement per standard deviation of each component; None for raw vertices.
        explained: Share of the training motion that each component makes.
    """

    neutral: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    lips: Int[np.ndarray, " L"]
    upper: Int[np.ndarray, " U"]
    lip_pairs: Int[np.ndarray, "P 2"]
    basis: Float[np.ndarray, "K V 3"] | None = None
    explained: Float[np.ndarray, " K"] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """`pc000`, ... for components, `v00000x`, `v00000y`, ... for vertices."""
        if self.basis is not None:
            return tuple(f"pc{index:03d}" for index in range(len(self.basis)))
        return raw_channels(len(self.neutral))


class RawRig(LinearRig):
    """A rig that a channel moves one coordinate of one vertex of; its `basis` is empty."""

    def to_vertices(
        self, motion: Float[Tensor, "... D"], vertices: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "... V 3"]:
        """Add displacements (x, y, z of each vertex in turn) to the face at rest."""
        moved = motion.unflatten(-1, self.neutral.shape)
        if vertices is None:
            return moved + self.neutral
        return moved[..., vertices, :] + self.neutral[vertices]


def raw_channels(count: int) -> tuple[str, ...]:
    """Return the names of the coordinates of `count` vertices."""
    return tuple(f"v{index:05d}{axis}" for index in range(count) for axis in "xyz")


def write_model(path: Path, model: VertexModel) -> None:
    """Write the file atomically."""
    from safetensors.numpy import save_file

    arrays = {k: np.ascontiguousarray(v) for k, v in vars(model).items() if v is not None}
    with atomic_path(Path(path)) as temporary:
        save_file(arrays, temporary, metadata={"format": FORMAT, "units": "mm"})


def read_model(path: str | Path | None) -> VertexModel:
    """Read and check the file.

    Raises:
        UserError: No path, or the file is not of this format, damaged or inconsistent.
    """
    from safetensors import SafetensorError, safe_open

    if path is None or not Path(path).is_file():
        raise UserError(
            f"rig 'vertices' needs rig.path=FILE.safetensors, not {path}; {HOW_TO_MAKE}"
        )
    try:
        with safe_open(str(path), framework="np") as file:
            names, form = file.keys(), (file.metadata() or {}).get("format")
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a complete safetensors file ({error})") from error
    fault = f"its format is {form!r}, not {FORMAT!r}" if form != FORMAT else _fault(arrays)
    if fault:
        raise UserError(f"{path} is no file of rig 'vertices': {fault}; {HOW_TO_MAKE}")
    return VertexModel(**arrays)


def _fault(arrays: dict[str, np.ndarray]) -> str:
    """Say what is wrong with the arrays of a file; nothing when they fit each other."""
    if missing := {"neutral", *_INDICES} - set(arrays):
        return f"it lacks {', '.join(sorted(missing))}"
    shape = arrays["neutral"].shape
    if len(shape) != 2 or arrays.get("basis", arrays["neutral"][None]).shape[1:] != shape:
        return f"its components do not fit a face of shape {shape}"
    for name, width in _INDICES.items():
        index = arrays[name]
        if index.shape[1:] != width or (
            index.size and not 0 <= index.min() <= index.max() < shape[0]
        ):
            return f"{name} names a vertex outside 0 to {shape[0] - 1}"
    wild = [k for k, v in arrays.items() if v.dtype.kind == "f" and not np.isfinite(v).all()]
    return f"{wild[0]} holds values that are not finite" if wild else ""


@lru_cache(maxsize=2)
def build_rig(path: str | Path | None = None) -> LinearRig:
    """Build the rig that a file describes.

    Raises:
        UserError: There is no such file, or it cannot be used.
    """
    model = read_model(path)
    colors = np.tile(np.array(SKIN, np.float32), (len(model.neutral), 1))
    colors[model.lips] = LIP
    still = np.zeros((0, *model.neutral.shape), np.float32)
    nothing = torch.zeros(0, dtype=torch.long)
    return (RawRig if model.basis is None else LinearRig)(
        name="vertices",
        channels=model.channels,
        groups={"mouth": torch.arange(len(model.channels)), "upper": nothing, "head": nothing},
        neutral=torch.tensor(model.neutral).float(),
        basis=torch.tensor(still if model.basis is None else model.basis).float(),
        colors=torch.tensor(colors),
        pivot=torch.tensor(model.neutral.mean(0)).float(),
        triangles=torch.tensor(model.triangles).long(),
        lips=torch.tensor(model.lips).long(),
        upper=torch.tensor(model.upper).long(),
        lip_pairs=torch.tensor(model.lip_pairs).long(),
    )
