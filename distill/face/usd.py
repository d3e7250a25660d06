"""USD files of moving faces: UsdSkel blend shapes and joints, with one animation."""

from pathlib import Path
from typing import Any

import numpy as np

from distill.errors import UserError
from distill.face.animation import Animation
from distill.face.glb import SCREEN_GAMMA
from distill.storage import atomic_path

FACE = "/face"


def write_usd(path: str | Path, animation: Animation) -> None:
    """Write a moving face, atomically: metres, y up, a time code for every frame.

    Raises:
        UserError: usd-core is not installed.
    """
    try:
        from pxr import Usd, UsdGeom, UsdSkel
    except ModuleNotFoundError as error:
        raise UserError(
            "USD files need usd-core; run `python -m pip install facedistill[usd]`"
        ) from error
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(animation.fps)
    stage.SetFramesPerSecond(animation.fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(animation.amounts) - 1)
    root = UsdSkel.Root.Define(stage, FACE)
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
    from pxr import Gf, UsdSkel

    def moves(places: np.ndarray) -> list[Any]:
        return [Gf.Matrix4d().SetTranslate(Gf.Vec3d(*map(float, place))) for place in places]

    skeleton = UsdSkel.Skeleton.Define(stage, f"{FACE}/skeleton")
    skeleton.CreateJointsAttr(_paths(animation))
    skeleton.CreateBindTransformsAttr(moves(animation.places))
    skeleton.CreateRestTransformsAttr(moves(animation.arms))
    binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([f"{FACE}/speech"])


def _add_mesh(stage: Any, animation: Animation) -> None:
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    morphs, joints = animation.morphs, len(animation.joints)
    mesh = UsdGeom.Mesh.Define(stage, f"{FACE}/mesh")
    mesh.CreatePointsAttr(_vectors(morphs.points))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(morphs.triangles), 3))
    mesh.CreateFaceVertexIndicesAttr(
        Vt.IntArray.FromNumpy(morphs.triangles.astype(np.int32).ravel())
    )
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(_vectors(np.stack([morphs.points.min(0), morphs.points.max(0)])))
    if morphs.colors is not None:
        mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(
            _vectors(morphs.colors**SCREEN_GAMMA)
        )
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([f"{FACE}/skeleton"])
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    follows = np.tile(np.arange(joints, dtype=np.int32), len(morphs.points))
    shares = animation.bound.astype(np.float32).ravel()
    binding.CreateJointIndicesPrimvar(False, joints).Set(Vt.IntArray.FromNumpy(follows))
    binding.CreateJointWeightsPrimvar(False, joints).Set(Vt.FloatArray.FromNumpy(shares))
    binding.CreateBlendShapesAttr(list(morphs.names))
    targets = [f"{FACE}/mesh/{name}" for name in morphs.names]
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    for target, shape in zip(targets, morphs.shapes, strict=True):
        moved = np.flatnonzero(shape.any(1)).astype(np.int32)
        made = UsdSkel.BlendShape.Define(stage, target)
        made.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moved))
        made.CreateOffsetsAttr(_vectors(shape[moved]))


def _add_tracks(stage: Any, animation: Animation) -> None:
    from pxr import Gf, UsdSkel, Vt

    track = UsdSkel.Animation.Define(stage, f"{FACE}/speech")
    track.CreateJointsAttr(_paths(animation))
    track.CreateBlendShapesAttr(list(animation.morphs.names))
    track.CreateScalesAttr(Vt.Vec3hArray(len(animation.joints), Gf.Vec3h(1, 1, 1)))
    turns, places = track.CreateRotationsAttr(), track.CreateTranslationsAttr()
    amounts = track.CreateBlendShapeWeightsAttr()
    for frame, values in enumerate(animation.amounts.astype(np.float32)):
        amounts.Set(Vt.FloatArray.FromNumpy(values), frame)
        quaternions = [Gf.Quatf(w, x, y, z) for x, y, z, w in animation.turns[frame].tolist()]
        turns.Set(Vt.QuatfArray(quaternions), frame)
        places.Set(_vectors(animation.offsets[frame]), frame)


def _vectors(values: np.ndarray) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))
