"""The procedural ARKit head: 52 shapes and head rotation on a face made by code alone."""

from distill.face.arkit.rig import build_rig

__all__ = ["build_rig"]
