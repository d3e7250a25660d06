"""Retargeting: ARKit shapes for a user's mesh, and ARKit curves for moving vertices."""

from distill.face.retarget.landmarks import NAMES, marks_of, read_landmarks
from distill.face.retarget.meshes import Mesh, read_mesh
from distill.face.retarget.shapes import Shapes, retarget
from distill.face.retarget.source import Source, source_of

__all__ = [
    "NAMES",
    "Mesh",
    "Shapes",
    "Source",
    "marks_of",
    "read_landmarks",
    "read_mesh",
    "retarget",
    "source_of",
]
