import numpy as np
import pytest

from distill.errors import UserError
from distill.face.names import ARKIT_52
from distill.face.retarget import Mesh, Shapes, Source, retarget
from distill.face.retarget.landmarks import Marks
from distill.face.retarget.loose import rigid
from distill.face.retarget.report import turned_over
from distill.face.retarget.shapes import unit_mm, upright


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def test_transfer_onto_the_same_mesh_gives_back_the_same_shapes(made: Shapes, source: Source):
    assert relative(made.shapes, source.shapes) < 1e-6
    assert made.mm_per_unit == 1.0
    np.testing.assert_array_equal(np.sort(made.lips), np.sort(source.lips))


def test_shapes_turn_and_grow_with_the_mesh(
    made: Shapes, source: Source, twin: Mesh, marks: Marks, turn: np.ndarray
):
    moved = Mesh(points=0.1 * twin.points @ turn.T + (5, -3, 2), triangles=twin.triangles)
    places = 0.1 * marks[1] @ turn.T + (5, -3, 2)
    found = retarget(source, moved, (marks[0], places))
    assert relative(found.shapes, 0.1 * made.shapes @ turn.T) < 1e-3
    assert found.mm_per_unit == 10.0
    np.testing.assert_allclose(found.to_front, turn.T, atol=1e-3)


def test_another_topology_of_the_same_face_moves_alike(source: Source, marks: Marks):
    import trimesh

    count = len(source.points)
    flat = source.shapes.transpose(1, 0, 2).reshape(count, -1)
    points, triangles, split = trimesh.remesh.subdivide(
        source.points, source.triangles, vertex_attributes={"shapes": flat}
    )
    wanted = split["shapes"].reshape(len(points), -1, 3).transpose(1, 0, 2)
    found = retarget(source, Mesh(points=points, triangles=triangles), marks)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkRight", "browInnerUp"):
        own = wanted[ARKIT_52.index(name)]
        error = np.linalg.norm(found.shapes[ARKIT_52.index(name)] - own, axis=1)
        assert np.sqrt((error**2).mean()) < 0.03 * np.sqrt((own**2).sum(1).mean())


def test_search_finds_a_head_that_stands_otherwise(source: Source, twin: Mesh):
    z_up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    moved = Mesh(points=0.001 * twin.points @ z_up.T + 0.3, triangles=twin.triangles)
    found = retarget(source, moved)
    assert found.report.stands == "z up, -y front"
    assert found.mm_per_unit == 1000.0
    assert relative(found.shapes, 0.001 * source.shapes @ z_up.T) < 0.02
    np.testing.assert_array_equal(found.to_front, z_up.T)


def test_split_vertices_move_together_and_far_parts_stay(
    source: Source, twin: Mesh, marks: Marks, made: Shapes
):
    count = len(twin.points)
    box = np.random.default_rng(0).normal(size=(30, 3)) + np.array((400, 0, 0))
    points = np.concatenate([twin.points, twin.points, box])
    split = twin.triangles + count * (np.arange(len(twin.triangles)) % 2)[:, None]
    away = 2 * count + np.arange(30).reshape(10, 3)
    found = retarget(source, Mesh(points=points, triangles=np.concatenate([split, away])), marks)
    np.testing.assert_array_equal(found.shapes[:, :count], found.shapes[:, count : 2 * count])
    np.testing.assert_allclose(found.shapes[:, :count], made.shapes, atol=1e-3)
    assert np.abs(found.shapes[:, 2 * count :]).max() == 0
    assert found.report.parts == {"still": 10}
    assert any("stay still" in hint for hint in found.report.hints)


def test_lips_part_and_eyes_close(made: Shapes):
    jaw = made.mesh.points + made.shapes[ARKIT_52.index("jawOpen")]
    gap = jaw[made.lip_pairs[:, 0], 1] - jaw[made.lip_pairs[:, 1], 1]
    assert gap.min() > 10
    assert max(made.report.eyes_left_open.values()) < 0.25
    assert made.report.folded == {}
    assert made.report.hints == ()


def test_a_mesh_without_a_face_is_refused(source: Source):
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=3)
    mesh = Mesh(points=np.array(ball.vertices) * (1, 3, 1), triangles=np.array(ball.faces))
    with pytest.raises(UserError, match=r"no face is found.*landmarks"):
        retarget(source, mesh)


def test_rigid_motion_is_kept_and_bending_is_not_forced(turn: np.ndarray):
    points = np.random.default_rng(0).normal(size=(40, 3))
    exact = points @ turn.T - points + (1, 2, 3)
    np.testing.assert_allclose(rigid(points, exact), exact, atol=1e-9)
    noisy = exact + 0.01 * np.random.default_rng(1).normal(size=(40, 3))
    assert np.abs(rigid(points, noisy) - exact).max() < 0.02
    bent = points * (0.5, -0.5, 0.0)
    np.testing.assert_array_equal(rigid(points, bent), bent)


def test_turned_over_surface_is_counted_by_area():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0]], float)
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    flipped = points * (1, 1, 1)
    flipped[1], flipped[2] = points[2], points[1]
    flipped[3:, 2] += 1
    assert turned_over(points, flipped, triangles) == pytest.approx(0.5)


def test_units_and_orientation_snap_to_usual_ones_only(turn: np.ndarray):
    assert [unit_mm(s) for s in (1.1, 9.0, 23.0, 1100.0)] == [1.0, 10.0, 25.4, 1000.0]
    assert unit_mm(4.0) == 4.0
    np.testing.assert_array_equal(upright(turn), turn)
