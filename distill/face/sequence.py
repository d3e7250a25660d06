"""Folders of OBJ or PLY files, one for each frame, in the rig's units."""

import re
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float

from distill.face.posed import posed_frames
from distill.face.space import MotionSpace
from distill.storage import atomic_folder

FRAME = re.compile(r".+_\d{6}\.(obj|ply)")


def write_sequence(
    folder: str | Path, motion: Float[np.ndarray, "F D"], space: MotionSpace, *, suffix: str
) -> None:
    """Write frame k of raw motion as `<folder>_<k>.obj` or `.ply` in a folder, all or nothing.

    A sequence that the folder already holds is replaced; anything else is left alone.

    Raises:
        UserError: The folder cannot be written, or holds other files.
    """
    folder, write = Path(folder), WRITERS[suffix]
    triangles = space.rig.triangles.cpu().numpy()
    about = f"{space.rig.name}, {space.rig.units}, {space.fps:g} frames per second"
    with atomic_folder(folder, lambda path: bool(FRAME.fullmatch(path.name))) as work:
        for frame, points in enumerate(posed_frames(space.rig, torch.from_numpy(motion))):
            write(work / f"{folder.name}_{frame:06d}{suffix}", points, triangles, about)


def _obj(path: Path, points: np.ndarray, triangles: np.ndarray, about: str) -> None:
    lines = [f"# {about}\n"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in points.tolist()]
    lines += [f"f {a} {b} {c}\n" for a, b, c in (triangles + 1).tolist()]
    path.write_text("".join(lines), encoding="ascii")


def _ply(path: Path, points: np.ndarray, triangles: np.ndarray, about: str) -> None:
    faces = np.empty(len(triangles), [("count", "u1"), ("vertices", "<i4", 3)])
    faces["count"], faces["vertices"] = 3, triangles
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {about}\nelement vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode("ascii") + points.astype("<f4").tobytes() + faces.tobytes())


WRITERS: MappingProxyType[str, Callable[[Path, np.ndarray, np.ndarray, str], None]] = (
    MappingProxyType({".obj": _obj, ".ply": _ply})
)
