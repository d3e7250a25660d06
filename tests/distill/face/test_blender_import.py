import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.face import blender_import
from distill.face.blender_import import euler_of, matches, plain, read_csv
from distill.face.livelink import eye_rotations, read_livelink_frames, write_livelink_csv
from distill.face.names import ARKIT_CHANNELS
from distill.face.rotations import head_rotation

FPS = 25.0
KEYS = ["Basis", "jawOpen", "Mouth_Smile_Left", "MouthClose", "Frown"]
IN_BLENDER = """
import json, runpy, sys
import bpy
script, csv, keys, count, fps = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
mesh = bpy.data.meshes.new("head")
mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
head = bpy.data.objects.new("Head", mesh)
bpy.context.collection.objects.link(head)
for name in json.loads(keys):
    head.shape_key_add(name=name).value = 0
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 24, 1
runpy.run_path(script)["main"]([csv, "--object", "Head", "--rotate", "Head", "--start", "10"])
found = []
for frame in range(int(count)):
    at = 10 + frame / float(fps) * 24
    scene.frame_set(int(at), subframe=at % 1)
    shapes = {block.name: block.value for block in head.data.shape_keys.key_blocks}
    turn = [list(row)[:3] for row in head.matrix_world][:3]
    found.append({"shapes": shapes, "turn": turn})
print("FOUND" + json.dumps([scene.frame_start, scene.frame_end, found]))
"""
"""Builds a scene, keys it with the script, and plays it."""


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Path, np.ndarray]:
    motion = np.random.default_rng(0).random((9, 55)).astype(np.float32)
    write_livelink_csv(tmp_path / "a.csv", motion, FPS)
    return tmp_path / "a.csv", motion


def in_background(*words: object) -> str:
    """Run Blender without a window; returns what it printed."""
    program = shutil.which("blender")
    assert program, "this test runs Blender 3.4 or newer: `apt-get install blender`"
    command = [program, "--background", "--factory-startup", "--python-exit-code", "1"]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curves_and_times_are_read_without_blender(recording):
    path, motion = recording
    times_s, curves = read_csv(str(path))
    np.testing.assert_allclose(times_s, np.arange(9) / FPS, atol=1e-5)
    for column, name in enumerate(ARKIT_CHANNELS):
        np.testing.assert_allclose(curves[plain(name)], motion[:, column], atol=1e-7)
    np.testing.assert_allclose(curves["lefteyeyaw"], eye_rotations(motion)[:, 0], atol=1e-7)


def test_a_real_recording_is_read_as_the_toolkit_reads_it(shared_data: Path):
    path = sorted((shared_data / "livelinkface").glob("*.csv"))[0]
    times_s, curves = read_csv(str(path))
    motion, expected_s = read_livelink_frames(path)
    assert len(curves) == 61
    np.testing.assert_allclose(times_s, expected_s, atol=1e-6)
    np.testing.assert_allclose(curves["jawopen"], motion[:, ARKIT_CHANNELS.index("jawOpen")])


def test_shape_keys_are_found_whatever_their_case():
    found = matches(KEYS, {plain(name): [] for name in ARKIT_CHANNELS})
    assert found == {
        "jawOpen": "jawopen",
        "Mouth_Smile_Left": "mouthsmileleft",
        "MouthClose": "mouthclose",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a Live Link Face CSV"),
        ("Timecode,BlendShapeCount,JawOpen\n", "at least one frame"),
        ("a,b\n1,2\n", "not a Live Link Face CSV"),
        ("Timecode,BlendShapeCount,JawOpen\n00:00:00:00.000,1\n", "line 2"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_csv(str(tmp_path / "a.csv"))


def axis_turn(axis: int, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    out = np.eye(3)
    rows = [(axis + 1) % 3, (axis + 2) % 3]
    out[np.ix_(rows, rows)] = [[c, -s], [s, c]]
    return out


def in_blender(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rig's rotation of the head in Blender's axes: x is x, y is -z, z is y."""
    swap = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn = head_rotation(torch.tensor([yaw, pitch, roll], dtype=torch.float64)).numpy()
    return swap @ turn @ swap.T


def test_the_head_turns_as_in_the_rig():
    for angles in ((0.3, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.1), (0.5, -0.4, 0.3)):
        x, y, z = euler_of(*angles)
        made = axis_turn(2, z) @ axis_turn(0, x) @ axis_turn(1, y)
        np.testing.assert_allclose(made, in_blender(*angles), atol=1e-12)


def test_blender_shows_the_values_of_the_file_at_its_times(recording, tmp_path: Path):
    path, motion = recording
    (tmp_path / "play.py").write_text(IN_BLENDER)
    words = [blender_import.__file__, path, json.dumps(KEYS), len(motion), FPS]
    printed = in_background("--python", tmp_path / "play.py", "--", *words)
    assert "3 shape keys, 9 frames" in printed
    first, last, found = json.loads(printed.split("FOUND")[1].splitlines()[0])
    assert (first, last) == (10, 18)
    names = {"jawOpen": "jawOpen", "Mouth_Smile_Left": "mouthSmileLeft", "MouthClose": "mouthClose"}
    for frame, values in zip(found, motion, strict=True):
        for key, name in names.items():
            expected = values[ARKIT_CHANNELS.index(name)]
            assert frame["shapes"][key] == pytest.approx(expected, abs=1e-4)
        assert frame["shapes"]["Frown"] == 0
        np.testing.assert_allclose(frame["turn"], in_blender(*values[52:].tolist()), atol=1e-4)


def test_a_scene_is_keyed_and_saved_from_a_shell(recording, tmp_path: Path):
    path, motion = recording
    face, speaking = tmp_path / "face.blend", tmp_path / "speaking.blend"
    make = (
        "import bpy; cube = bpy.data.objects['Cube']; cube.shape_key_add(name='Basis'); "
        f"cube.shape_key_add(name='JawOpen'); bpy.ops.wm.save_as_mainfile(filepath={str(face)!r})"
    )
    in_background("--python-expr", make)
    words = ["--python", blender_import.__file__, "--", path, "--object", "Cube"]
    assert "1 shape keys, 9 frames" in in_background(face, *words, "--save", speaking)
    look = (
        "import bpy; bpy.context.scene.frame_set(1); "
        "print('JAW', bpy.data.objects['Cube'].data.shape_keys.key_blocks['JawOpen'].value)"
    )
    value = float(in_background(speaking, "--python-expr", look).split("JAW")[1].split()[0])
    assert value == pytest.approx(motion[0, ARKIT_CHANNELS.index("jawOpen")], abs=1e-6)
