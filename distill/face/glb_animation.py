"""GLB files of moving faces: named morph targets, a skin, and one animation (glTF 2.0)."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.face.animation import Animation
from distill.face.glb import ATTRIBUTES, Buffer, build_gltf, gltf_library, write_glb

FOLLOWED = 4
"""Joints that a vertex can follow."""


def write_animated_glb(path: str | Path, animation: Animation, seconds: float) -> None:
    """Write a moving face of `seconds` length as one GLB file, atomically.

    What the last frame shows is held to the end of the sound.
    """
    gltf = build_gltf(animation.morphs)
    buffer = Buffer(gltf)
    _add_skin(gltf, buffer, animation)
    _add_tracks(gltf, buffer, animation, seconds)
    buffer.close()
    write_glb(path, gltf)


def _add_skin(gltf: Any, buffer: Buffer, animation: Animation) -> None:
    """Add a node for each joint after the mesh, and bind the mesh to them."""
    library = gltf_library()
    strongest, shares = followed(animation.bound)
    attributes = gltf.meshes[0].primitives[0].attributes
    attributes.JOINTS_0 = buffer.add(strongest, ATTRIBUTES)
    attributes.WEIGHTS_0 = buffer.add(shares, ATTRIBUTES)
    first = len(gltf.nodes)
    for joint, (name, arm) in enumerate(zip(animation.joints, animation.arms, strict=True)):
        children = [first + i for i, parent in enumerate(animation.parents) if parent == joint]
        node = library.Node(name=name, translation=arm.tolist(), children=children)
        gltf.nodes.append(node)
    unbind = np.tile(np.eye(4, dtype=np.float32), (len(animation.joints), 1, 1))
    unbind[:, 3, :3] = -animation.places  # matrices are stored column by column
    joints = list(range(first, first + len(animation.joints)))
    skin = library.Skin(joints=joints, inverseBindMatrices=buffer.add(unbind), skeleton=first)
    gltf.skins, gltf.nodes[0].skin = [skin], 0
    gltf.nodes[0].name = gltf.meshes[0].name = "face"
    gltf.scenes[0].nodes.append(first)


def followed(bound: Float[np.ndarray, "V J"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints that each vertex follows most (V 4), uint16, and their shares."""
    padded = np.pad(bound, ((0, 0), (0, max(FOLLOWED - bound.shape[1], 0))))
    strongest = np.argsort(-padded, 1, kind="stable")[:, :FOLLOWED]
    shares = np.take_along_axis(padded, strongest, 1)
    strongest = np.where(shares > 0, strongest, 0).astype(np.uint16)
    return strongest, (shares / shares.sum(1, keepdims=True)).astype(np.float32)


def _add_tracks(gltf: Any, buffer: Buffer, animation: Animation, seconds: float) -> None:
    """Add the movement of shapes and of the joints that move."""
    library = gltf_library()
    clip = library.Animation(name="speech")
    times_s = np.append(np.arange(len(animation.amounts)) / animation.fps, seconds)
    times = buffer.add(times_s.astype(np.float32))

    def add(node: int, path: str, values: np.ndarray) -> None:
        held = np.concatenate([values, values[-1:]]).astype(np.float32)
        output = buffer.add(held.ravel() if path == "weights" else held)
        target = library.AnimationChannelTarget(node=node, path=path)
        clip.channels.append(library.AnimationChannel(sampler=len(clip.samplers), target=target))
        clip.samplers.append(
            library.AnimationSampler(input=times, output=output, interpolation="LINEAR")
        )

    add(0, "weights", animation.amounts)
    for joint in range(len(animation.joints)):
        turn, offset = animation.turns[:, joint], animation.offsets[:, joint]
        if np.ptp(turn, 0).any() or turn[0, :3].any():
            add(1 + joint, "rotation", turn)
        if (offset != animation.arms[joint]).any():
            add(1 + joint, "translation", offset)
    gltf.animations = [clip]
