"""USD files of moving faces: UsdSkel blend shapes and joints, with one animation."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from distill.errors import UserError
from distill.face.animation import Animation
from distill.face.glb import linear_colors
from distill.storage import atomic_path

FACE = "/face"
PARTS = ("Gf", "Usd", "UsdGeom", "UsdSkel", "Vt")


def usd_library() -> Any:
    """Return the modules of pxr that are used here.

    Raises:
        UserError: It is not installed.
    """
    try:
        parts = {name: import_module(f"pxr.{name}") for name in PARTS}
    except ModuleNotFoundError as error:
        raise UserError(
            "USD files need usd-core; run `python -m pip install facedistill[usd]`"
        ) from error
    return SimpleNamespace(**parts)


def write_usd(path: str | Path, animation: Animation) -> None:
    """Write a moving face, atomically: metres, y up, a time code for every frame.

    Raises:
        UserError: usd-core is not installed.
    """
    pxr = usd_library()
    stage = pxr.Usd.Stage.CreateInMemory()
    pxr.UsdGeom.SetStageUpAxis(stage, pxr.UsdGeom.Tokens.y)
    pxr.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(animation.fps)
    stage.SetFramesPerSecond(animation.fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(animation.amounts) - 1)
    root = pxr.UsdSkel.Root.Define(stage, FACE)
    stage.SetDefaultPrim(root.GetPrim())
    _add_skeleton(stage, animation)
    _add_mesh(stage, animation)
    _add_tracks(stage, animation)
    with atomic_path(Path(path)) as temporary:
        stage.GetRootLayer().Export(str(temporary))


def _paths(animation: Animation) -> list[str]:
    """Return joints as USD names them, each with those above it."""
    paths: list[str] = []
    for name, parent in zip(animation.joints, animation.parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _add_skeleton(stage: Any, animation: Animation) -> None:
    pxr = usd_library()

    def moves(places: np.ndarray) -> list[Any]:
        return [
            pxr.Gf.Matrix4d().SetTranslate(pxr.Gf.Vec3d(*map(float, place))) for place in places
        ]

    skeleton = pxr.UsdSkel.Skeleton.Define(stage, f"{FACE}/skeleton")
    skeleton.CreateJointsAttr(_paths(animation))
    skeleton.CreateBindTransformsAttr(moves(animation.places))
    skeleton.CreateRestTransformsAttr(moves(animation.arms))
    binding = pxr.UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([f"{FACE}/speech"])


def _add_mesh(stage: Any, animation: Animation) -> None:
    pxr = usd_library()

    morphs, joints = animation.morphs, len(animation.joints)
    mesh = pxr.UsdGeom.Mesh.Define(stage, f"{FACE}/mesh")
    mesh.CreatePointsAttr(_vectors(morphs.points))
    mesh.CreateFaceVertexCountsAttr(pxr.Vt.IntArray(len(morphs.triangles), 3))
    mesh.CreateFaceVertexIndicesAttr(
        pxr.Vt.IntArray.FromNumpy(morphs.triangles.astype(np.int32).ravel())
    )
    mesh.CreateSubdivisionSchemeAttr(pxr.UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(_vectors(np.stack([morphs.points.min(0), morphs.points.max(0)])))
    if morphs.colors is not None:
        mesh.CreateDisplayColorPrimvar(pxr.UsdGeom.Tokens.vertex).Set(
            _vectors(linear_colors(morphs.colors))
        )
    binding = pxr.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([f"{FACE}/skeleton"])
    binding.CreateGeomBindTransformAttr(pxr.Gf.Matrix4d(1.0))
    follows = np.tile(np.arange(joints, dtype=np.int32), len(morphs.points))
    shares = animation.bound.astype(np.float32).ravel()
    binding.CreateJointIndicesPrimvar(False, joints).Set(pxr.Vt.IntArray.FromNumpy(follows))
    binding.CreateJointWeightsPrimvar(False, joints).Set(pxr.Vt.FloatArray.FromNumpy(shares))
    binding.CreateBlendShapesAttr(list(morphs.names))
    targets = [f"{FACE}/mesh/{name}" for name in morphs.names]
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    for target, shape in zip(targets, morphs.shapes, strict=True):
        moved = np.flatnonzero(shape.any(1)).astype(np.int32)
        made = pxr.UsdSkel.BlendShape.Define(stage, target)
        made.CreatePointIndicesAttr(pxr.Vt.IntArray.FromNumpy(moved))
        made.CreateOffsetsAttr(_vectors(shape[moved]))


def _add_tracks(stage: Any, animation: Animation) -> None:
    pxr = usd_library()

    track = pxr.UsdSkel.Animation.Define(stage, f"{FACE}/speech")
    track.CreateJointsAttr(_paths(animation))
    track.CreateBlendShapesAttr(list(animation.morphs.names))
    track.CreateScalesAttr(pxr.Vt.Vec3hArray(len(animation.joints), pxr.Gf.Vec3h(1, 1, 1)))
    turns, places = track.CreateRotationsAttr(), track.CreateTranslationsAttr()
    amounts = track.CreateBlendShapeWeightsAttr()
    for frame, values in enumerate(animation.amounts.astype(np.float32)):
        amounts.Set(pxr.Vt.FloatArray.FromNumpy(values), frame)
        quaternions = [pxr.Gf.Quatf(w, x, y, z) for x, y, z, w in animation.turns[frame].tolist()]
        turns.Set(pxr.Vt.QuatfArray(quaternions), frame)
        places.Set(_vectors(animation.offsets[frame]), frame)


def _vectors(values: np.ndarray) -> Any:
    pxr = usd_library()

    return pxr.Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))
