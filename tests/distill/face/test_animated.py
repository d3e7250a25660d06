"""GLB, USD and sequences, read back by readers that share nothing with the writers."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation

from distill.data.readers.flame import read_track
from distill.errors import UserError
from distill.face.files import read_npz, write_motion
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52
from distill.face.posed import posed_frames
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.face.vertices import VertexModel, write_model
from tests.distill.face.flame_example import write_model as write_flame

FPS, FRAMES = 25.0, 6
VALUES = {5126: "<f4", 5125: "<u4", 5123: "<u2"}
WIDTHS = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


@pytest.fixture(scope="module", params=["arkit", "flame", "landmarks", "components"])
def space(request, tmp_path_factory) -> MotionSpace:
    folder = tmp_path_factory.mktemp("rig")
    if request.param == "flame":
        rig = load_rig("flame", path=write_flame(folder / "flame.pkl"), expressions=5)
    elif request.param == "components":
        rig = load_rig("vertices", path=components(folder / "c.safetensors", shapes=4))
    else:
        rig = load_rig(request.param)
    return MotionSpace.identity(rig, FPS)


def components(path: Path, shapes: int | None) -> Path:
    rng = np.random.default_rng(0)
    triangles = np.array([[0, 1, 2], [2, 1, 3]])
    basis = None if shapes is None else rng.normal(size=(shapes, 4, 3)).astype(np.float32)
    nothing = np.zeros(0, int)
    write_model(
        path,
        VertexModel(
            neutral=rng.normal(size=(4, 3)).astype(np.float32), triangles=triangles, lips=nothing,
            upper=nothing, lip_pairs=nothing.reshape(0, 2), basis=basis,
        ),
    )  # fmt: skip
    return path


def motion_of(space: MotionSpace) -> np.ndarray:
    values = np.random.default_rng(3).random((FRAMES, space.motion_dim)).astype(np.float32)
    return values * 0.8 - 0.2 * (space.rig.name != "arkit")


def vertices(space: MotionSpace, motion: np.ndarray) -> np.ndarray:
    return np.stack(list(posed_frames(space.rig, torch.from_numpy(motion))))


class Glb:
    """A reader of its own, from the text of the standard."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        assert struct.unpack("<4sII", data[:12]) == (b"glTF", 2, len(data))
        size = struct.unpack("<I4s", data[12:20])[0]
        self.json = json.loads(data[20 : 20 + size])
        self.bytes = data[28 + size :]

    def array(self, number: int) -> np.ndarray:
        accessor = self.json["accessors"][number]
        view = self.json["bufferViews"][accessor["bufferView"]]
        assert view.get("byteOffset", 0) % 4 == 0
        kind, width = VALUES[accessor["componentType"]], WIDTHS[accessor["type"]]
        count = accessor["count"] * int(np.prod(width))
        flat = np.frombuffer(self.bytes, kind, count, view.get("byteOffset", 0))
        return flat.reshape(accessor["count"], *width)

    def tracks(self) -> dict[tuple[int, str], tuple[np.ndarray, np.ndarray]]:
        (clip,) = self.json["animations"]
        found = {}
        for channel in clip["channels"]:
            sampler = clip["samplers"][channel["sampler"]]
            found[channel["target"]["node"], channel["target"]["path"]] = (
                self.array(sampler["input"]),
                self.array(sampler["output"]),
            )
        return found

    def shown(self, frame: int) -> np.ndarray:
        """The vertices that a viewer shows: morph targets, then the skin."""
        node, tracks = self.json["nodes"][0], self.tracks()
        (primitive,) = self.json["meshes"][node["mesh"]]["primitives"]
        targets = np.stack([self.array(target["POSITION"]) for target in primitive["targets"]])
        amounts = tracks[0, "weights"][1].reshape(-1, len(targets))[frame]
        points = self.array(primitive["attributes"]["POSITION"])
        points = points + np.tensordot(amounts, targets, 1)
        skin = self.json["skins"][node["skin"]]
        unbind = self.array(skin["inverseBindMatrices"]).transpose(0, 2, 1)
        world = self.placed(skin["joints"], frame) @ unbind
        joints = self.array(primitive["attributes"]["JOINTS_0"])
        shares = self.array(primitive["attributes"]["WEIGHTS_0"])
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
        matrices = (shares[..., None, None] * world[joints]).sum(1)
        lifted = np.pad(points, ((0, 0), (0, 1)), constant_values=1)
        return (matrices @ lifted[..., None])[:, :3, 0]

    def placed(self, joints: list[int], frame: int) -> np.ndarray:
        world, tracks = {}, self.tracks()

        def visit(number: int, above: np.ndarray) -> None:
            node, own = self.json["nodes"][number], np.eye(4)
            own[:3, 3] = node.get("translation", [0, 0, 0])
            if (number, "translation") in tracks:
                own[:3, 3] = tracks[number, "translation"][1][frame]
            if (number, "rotation") in tracks:
                turn = Rotation.from_quat(tracks[number, "rotation"][1][frame])
                own[:3, :3] = turn.as_matrix()
            world[number] = above @ own
            for child in node.get("children", []):
                visit(child, world[number])

        for root in self.json["scenes"][0]["nodes"]:
            visit(root, np.eye(4))
        return np.stack([world[joint] for joint in joints])


@pytest.mark.parametrize("frames", [1, FRAMES])
def test_a_glb_shows_the_vertices_of_the_rig_in_metres(
    space: MotionSpace, tmp_path: Path, frames: int
):
    motion = motion_of(space)[:frames]
    written = write_motion(tmp_path / "a.glb", motion, space)
    found, expected = Glb(written), vertices(space, motion)
    for frame in range(frames):
        np.testing.assert_allclose(1000 * found.shown(frame), expected[frame], atol=2e-3)


def test_a_glb_is_as_long_as_its_sound_and_names_its_shapes(tmp_path: Path):
    space = MotionSpace.identity(load_rig("arkit"), FPS)
    motion = motion_of(space)
    audio = np.zeros(round(16_000 * 0.23), np.float32)  # 6 frames at 25 per second: the last is cut
    found = Glb(write_motion(tmp_path / "a.glb", motion, space, audio=audio))
    times, amounts = found.tracks()[0, "weights"]
    np.testing.assert_allclose(times, [*(np.arange(FRAMES) / FPS), 0.23], atol=1e-6)
    assert found.json["meshes"][0]["extras"]["targetNames"] == list(ARKIT_52)
    amounts = amounts.reshape(FRAMES + 1, 52)
    np.testing.assert_array_equal(amounts[-1], amounts[-2])
    jaw, close = ARKIT_52.index("jawOpen"), ARKIT_52.index("mouthClose")
    np.testing.assert_array_equal(amounts[:-1, jaw], motion[:, jaw])
    assert (amounts[:, close] <= amounts[:, jaw]).all()


def test_the_mesh_of_a_glb_opens_in_trimesh(tmp_path: Path):
    space = MotionSpace.identity(load_rig("arkit"), FPS)
    scene = trimesh.load_scene(write_motion(tmp_path / "a.glb", motion_of(space), space))
    (mesh,) = scene.geometry.values()
    assert isinstance(mesh, trimesh.Trimesh) and isinstance(space.rig, LinearRig)
    np.testing.assert_allclose(1000 * mesh.vertices, space.rig.neutral, atol=1e-3)
    np.testing.assert_array_equal(mesh.faces, space.rig.triangles)
    attributes = Glb(tmp_path / "a.glb").json["meshes"][0]["primitives"][0]["attributes"]
    colors = Glb(tmp_path / "a.glb").array(attributes["COLOR_0"])
    assert colors.min() >= 0 and colors.max() <= 1 and colors.std(0).min() > 0.02
    outward = (mesh.vertex_normals * (mesh.vertices - mesh.centroid)).sum(1)
    assert (outward > 0).mean() > 0.8


@pytest.mark.parametrize("suffix", [".usd", ".usda", ".usdc"])
def test_usd_evaluates_to_the_vertices_of_the_rig(space: MotionSpace, tmp_path: Path, suffix: str):
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    motion = motion_of(space)
    stage = Usd.Stage.Open(str(write_motion(tmp_path / f"a{suffix}", motion, space)))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1 and UsdGeom.GetStageUpAxis(stage) == "Y"
    assert stage.GetTimeCodesPerSecond() == FPS
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, FRAMES - 1)
    root = UsdSkel.Root(stage.GetDefaultPrim())
    assert UsdSkel.BakeSkinning(root, Gf.Interval(0, FRAMES - 1))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/face/mesh")).GetPointsAttr()
    for frame, expected in enumerate(vertices(space, motion)):
        np.testing.assert_allclose(1000 * np.array(points.Get(frame)), expected, atol=2e-3)


def test_usd_names_the_shapes_and_their_amounts(tmp_path: Path):
    from pxr import Usd, UsdSkel

    space = MotionSpace.identity(load_rig("arkit"), FPS)
    motion = motion_of(space)
    stage = Usd.Stage.Open(str(write_motion(tmp_path / "a.usdc", motion, space)))
    track = UsdSkel.Animation(stage.GetPrimAtPath("/face/speech"))
    names = list(track.GetBlendShapesAttr().Get())
    assert names == list(ARKIT_52)
    jaw = names.index("jawOpen")
    found = [track.GetBlendShapeWeightsAttr().Get(frame)[jaw] for frame in range(FRAMES)]
    np.testing.assert_array_equal(np.float32(found), motion[:, jaw])


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_a_sequence_is_a_folder_of_frames(space: MotionSpace, tmp_path: Path, suffix: str):
    motion = motion_of(space)
    for count in (FRAMES, 3):  # a shorter one replaces it wholly
        written = write_motion(tmp_path / f"face{suffix}", motion[:count], space)
        assert written == tmp_path / "face" and list(tmp_path.iterdir()) == [written]
        files = sorted(written.iterdir())
        assert [file.name for file in files] == [f"face_{k:06d}{suffix}" for k in range(count)]
        for file, expected in zip(files, vertices(space, motion), strict=False):
            mesh = trimesh.load(file, process=False, maintain_order=True)
            assert isinstance(mesh, trimesh.Trimesh)
            np.testing.assert_allclose(mesh.vertices, expected, atol=1e-4)
            np.testing.assert_array_equal(mesh.faces, space.rig.triangles)


def test_a_sequence_leaves_other_files_alone(tmp_path: Path):
    space = MotionSpace.identity(load_rig("landmarks"), FPS)
    (tmp_path / "face").mkdir()
    (tmp_path / "face" / "mine.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other files"):
        write_motion(tmp_path / "face.ply", motion_of(space), space)
    assert [path.name for path in tmp_path.rglob("*")] == ["face", "mine.txt"]


def test_flame_npz_is_a_track_too(tmp_path: Path):
    model = write_flame(tmp_path / "flame.pkl")
    space = MotionSpace.identity(load_rig("flame", path=model, expressions=5), FPS)
    motion = motion_of(space)
    written = write_motion(tmp_path / "a.npz", motion, space)
    np.testing.assert_array_equal(read_npz(written)["motion"], motion)
    np.testing.assert_allclose(read_track(written), motion, atol=1e-6)


@pytest.mark.parametrize("suffix", [".glb", ".usd"])
def test_a_face_without_shapes_names_the_way_out(tmp_path: Path, suffix: str):
    rig = load_rig("vertices", path=components(tmp_path / "raw.safetensors", shapes=None))
    space = MotionSpace.identity(rig, FPS)
    with pytest.raises(UserError, match=r"write \.obj or \.ply"):
        write_motion(tmp_path / f"a{suffix}", motion_of(space), space)
    assert [path.name for path in tmp_path.iterdir()] == ["raw.safetensors"]
    assert len(list(write_motion(tmp_path / "a.ply", motion_of(space), space).iterdir())) == FRAMES
