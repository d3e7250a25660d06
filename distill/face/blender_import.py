"""Key the shape keys of a head in Blender from a Live Link Face CSV. One file, no installation.

In Blender: open this file in the Text Editor, set `CSV` below, select the head, press Run Script.
From a shell, into a copy of a scene:

    blender face.blend --background --python blender_import.py -- speech.csv
        --object Head --rotate HeadControl --save speaking.blend

Shape keys are found by name whatever their case and underscores (`jawOpen`, `JawOpen`,
`jaw_open`). Every frame of the CSV becomes a key at its own time, so the scene may run at any
rate. `--rotate` names an object, the head itself or what it hangs on, that takes the rotation of
the head: it looks along -Y and stands along Z, as imported GLB and FBX heads do. `--start` is the
frame that time 0 falls on.

The reading half needs no Blender.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

CSV = ""
LABELS_HZ = 60
"""Labels per second in the time codes of Live Link Face, hh:mm:ss:ff.mmm."""
HEAD = ("headYaw", "headPitch", "headRoll")


def plain(name: str) -> str:
    """Return a name as it is compared: `Jaw_Open` is `jawopen`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def seconds_of(code: str) -> float:
    """Return the time of a time code in seconds; a recording's own codes need not start at 0."""
    hours, minutes, seconds, label = code.replace(";", ":").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(label) / LABELS_HZ


def read_csv(path: str) -> tuple[list[float], dict[str, list[float]]]:
    """Return the time of each frame in seconds from the first, and curves by `plain` name.

    Raises:
        ValueError: It is no Live Link Face CSV, or a row is not complete.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2 or [plain(name) for name in rows[0][:2]] != ["timecode", "blendshapecount"]:
        raise ValueError(f"{path} is not a Live Link Face CSV with at least one frame")
    names = [plain(name) for name in rows[0][2:]]
    if bad := [number for number, row in enumerate(rows) if len(row) != len(rows[0])]:
        raise ValueError(f"{path}: line {bad[0] + 1} has not as many values as there are names")
    times = [seconds_of(row[0]) for row in rows[1:]]
    columns = zip(*(map(float, row[2:]) for row in rows[1:]), strict=True)
    curves = {name: list(values) for name, values in zip(names, columns, strict=True)}
    return [time - times[0] for time in times], curves


def matches(shapes: Iterable[str], curves: Mapping[str, Any]) -> dict[str, str]:
    """Return the curve of each shape key that has one."""
    return {shape: plain(shape) for shape in shapes if plain(shape) in curves}


def key_shapes(
    head: Any, frames: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> list[str]:
    """Key the shape keys of a mesh object at these frames; returns the names of those keyed.

    Raises:
        ValueError: No shape key of the object has a curve.
    """
    blocks = head.data.shape_keys.key_blocks if head.data.shape_keys else {}
    found = matches(blocks.keys(), curves)
    if not found:
        raise ValueError(f"no shape key of {head.name!r} is named like a curve (jawOpen, ...)")
    for shape, curve in found.items():
        block = blocks[shape]
        for frame, value in zip(frames, curves[curve], strict=True):
            block.value = value
            block.keyframe_insert("value", frame=frame)
    return list(found)


def euler_of(yaw: float, pitch: float, roll: float) -> tuple[float, float, float]:
    """Return Blender's angles, of order YXZ, of a head that looks along -Y and stands along Z."""
    return pitch, -roll, -yaw


def key_rotation(
    turned: Any, frames: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> None:
    """Key the rotation of an object at these frames from that of the head."""
    turned.rotation_mode = "YXZ"
    angles = zip(*(curves[plain(name)] for name in HEAD), strict=True)
    for frame, (yaw, pitch, roll) in zip(frames, angles, strict=True):
        turned.rotation_euler = euler_of(yaw, pitch, roll)
        turned.keyframe_insert("rotation_euler", frame=frame)


def parser() -> argparse.ArgumentParser:
    """Return the options after `--` of Blender's command line."""
    options = argparse.ArgumentParser(prog="blender_import.py")
    options.add_argument("csv", help="Live Link Face CSV")
    options.add_argument("--object", help="mesh with shape keys; default: the active object")
    options.add_argument("--rotate", help="object that turns with the head")
    options.add_argument("--start", type=float, default=1.0, help="frame of time 0")
    options.add_argument("--save", help="write the scene to this .blend file")
    return options


def main(arguments: Sequence[str]) -> None:
    """Key the current scene."""
    import bpy  # type: ignore[import-not-found]

    options = parser().parse_args(arguments)
    times_s, curves = read_csv(options.csv)
    scene, objects = bpy.context.scene, bpy.data.objects
    head = objects[options.object] if options.object else bpy.context.view_layer.objects.active
    fps = scene.render.fps / scene.render.fps_base
    frames = [options.start + time_s * fps for time_s in times_s]
    keyed = key_shapes(head, frames, curves)
    if options.rotate:
        key_rotation(objects[options.rotate], frames, curves)
    scene.frame_start = int(options.start)
    scene.frame_end = ceil(frames[-1])
    if options.save:
        bpy.ops.wm.save_as_mainfile(filepath=options.save)
    sys.stdout.write(f"{len(keyed)} shape keys, {len(frames)} frames\n")


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    main(given or [CSV])
