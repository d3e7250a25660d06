from pathlib import Path

import numpy as np
import pytest

from distill.errors import UserError
from distill.face.retarget import Mesh, marks_of, read_landmarks, read_mesh
from distill.storage import write_json


@pytest.fixture(scope="module")
def ball() -> Mesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=2)
    return Mesh(points=np.array(made.vertices), triangles=np.array(made.faces))


@pytest.mark.parametrize("suffix", ["obj", "ply", "glb"])
def test_every_format_gives_back_vertices_in_order(suffix: str, ball: Mesh, tmp_path: Path):
    import trimesh

    path = tmp_path / f"ball.{suffix}"
    trimesh.Trimesh(ball.points, ball.triangles, process=False).export(path)
    found = read_mesh(path)
    np.testing.assert_allclose(found.points, ball.points, atol=1e-6)
    np.testing.assert_array_equal(found.triangles, ball.triangles)


def test_texture_seams_do_not_split_an_obj(ball: Mesh, tmp_path: Path):
    lines = [f"v {x} {y} {z}" for x, y, z in ball.points]
    lines += [f"vt {i / 1000} 0.5" for i in range(3 * len(ball.triangles))]
    for t, (a, b, c) in enumerate(ball.triangles + 1):
        lines.append(f"f {a}/{3 * t + 1} {b}/{3 * t + 2} {c}/{3 * t + 3}")
    (tmp_path / "ball.obj").write_text("\n".join(lines))
    np.testing.assert_array_equal(read_mesh(tmp_path / "ball.obj").triangles, ball.triangles)


def test_welding_joins_equal_places_and_keeps_the_surface(ball: Mesh):
    loose = ball.points[ball.triangles].reshape(-1, 3)
    split = Mesh(points=loose, triangles=np.arange(len(loose)).reshape(-1, 3))
    places, triangles, index = split.welded()
    assert len(places) == len(ball.points)
    np.testing.assert_array_equal(places[index], loose)
    np.testing.assert_array_equal(places[triangles], ball.points[ball.triangles])


def test_lips_that_touch_are_not_glued(ball: Mesh):
    shifted = ball.points + ball.points[0] - ball.points[1]
    both = Mesh(
        points=np.concatenate([ball.points, shifted]),
        triangles=np.concatenate([ball.triangles, ball.triangles + len(ball.points)]),
    )
    assert len(both.welded()[0]) == len(both.points)


def test_a_vertex_without_triangles_joins_what_lies_at_its_place(ball: Mesh):
    spare = np.concatenate([ball.points[5:8], ball.points[5:8] + 9.0])
    mesh = Mesh(points=np.concatenate([ball.points, spare]), triangles=ball.triangles)
    places, _, index = mesh.welded()
    count = len(ball.points)
    np.testing.assert_array_equal(index[count : count + 3], index[5:8])
    assert len(places) == count + 3
    np.testing.assert_array_equal(places[index], mesh.points)


def test_what_is_no_surface_is_refused(ball: Mesh, tmp_path: Path):
    holed = ball.points.copy()
    holed[3, 1] = np.nan
    cases = {
        "has 0 faces": (ball.points, np.zeros((0, 3), int)),
        "1 vertices that are not finite": (holed, ball.triangles),
        "faces that name vertex": (ball.points[:-1], ball.triangles),
        "no area": (np.zeros_like(ball.points), ball.triangles),
    }
    for message, (points, triangles) in cases.items():
        with pytest.raises(UserError, match=message):
            Mesh(points=points, triangles=triangles)
    (tmp_path / "points.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
        "property float z\nend_header\n0 0 0\n"
    )
    (tmp_path / "broken.glb").write_bytes(b"glTF????")
    refused = {
        "points.ply": "0 faces",
        "broken.glb": "not a readable",
        "absent.obj": "does not exist",
        "head.fbx": "use one of",
    }
    for name, message in refused.items():
        with pytest.raises(UserError, match=message):
            read_mesh(tmp_path / name)


def test_landmarks_are_vertices_or_places_by_name_or_number(ball: Mesh, tmp_path: Path):
    given = {
        "noseTip": 3,
        "8": [0.0, -1.0, 0.5],
        "mouthLeft": 5,
        "mouthRight": 7,
        "36": 11,
        "45": 2,
    }
    write_json(tmp_path / "marks.json", given)
    numbers, places = read_landmarks(tmp_path / "marks.json", ball.points)
    assert numbers.tolist() == [30, 8, 54, 48, 36, 45]
    np.testing.assert_array_equal(places[0], ball.points[3])
    np.testing.assert_array_equal(places[1], [0.0, -1.0, 0.5])


def test_landmarks_that_place_nothing_are_refused(ball: Mesh):
    names = ("noseTip", "chin", "mouthLeft", "mouthRight", "lipTop", "noseBase")
    good = {name: i for i, name in enumerate(names)}
    cases = {
        "too few.*at least 6": dict(list(good.items())[:5]),
        "unknown landmark 'nose'": {**good, "nose": 1},
        "unknown landmark '68'": {**good, "68": 1},
        "vertex 9999": {**good, "chin": 9999},
        r"vertex index or \[x, y, z\]": {**good, "chin": [1.0, 2.0]},
        "on one line": {name: [0.0, float(i), 0.0] for i, name in enumerate(names)},
    }
    for message, found in cases.items():
        with pytest.raises(UserError, match=message):
            marks_of(found, ball.points)
