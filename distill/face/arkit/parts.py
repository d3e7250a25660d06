"""Parts that are not skin: eyeballs, teeth, tongue, brows, lashes and ears."""

import numpy as np

from distill.face.arkit import layout
from distill.face.arkit.curves import Array, profile
from distill.face.arkit.surface import EYE, EYE_RADIUS

Mesh = tuple[Array, Array, Array]
"""Positions (N 3), triangles (T 3), colours (N 3)."""

WHITE, IRIS_EDGE, IRIS, PUPIL = (
    (0.93, 0.92, 0.90),
    (0.10, 0.14, 0.18),
    (0.30, 0.44, 0.52),
    (0.03,) * 3,
)
EYE_RINGS = ((0.0, PUPIL), (0.16, PUPIL), (0.19, IRIS), (0.36, IRIS), (0.44, IRIS_EDGE),
             (0.475, IRIS_EDGE), (0.52, WHITE), (0.75, WHITE), (1.05, WHITE),
             (1.45, (0.8, 0.72, 0.7)))  # fmt: skip
"""Rings of the eyeball: angle from the optical axis (rad) and colour."""
TOOTH, GUM, TONGUE = (0.90, 0.87, 0.80), (0.62, 0.28, 0.28), (0.70, 0.33, 0.34)
BROW = (0.33, 0.225, 0.165)


def grid_faces(rows: int, columns: int) -> Array:
    """Triangles of a grid of `rows` x `columns` vertices in row order."""
    return layout.ring_quads(rows, columns, False)


def mirrored(mesh: Mesh) -> Mesh:
    """Return the mesh of the other side."""
    points, faces, colors = mesh
    return points * np.array([-1, 1, 1]), faces[:, ::-1], colors


def merged(meshes: list[Mesh]) -> Mesh:
    """Concatenate meshes."""
    starts = np.cumsum([0] + [len(m[0]) for m in meshes])
    return (
        np.concatenate([m[0] for m in meshes]),
        np.concatenate([m[1] + s for m, s in zip(meshes, starts, strict=False)]),
        np.concatenate([m[2] for m in meshes]),
    )


def eyeball() -> Mesh:
    """The left eye, looking ahead."""
    around = np.arange(24) * 2 * np.pi / 24
    points, colors = [], []
    for angle, color in EYE_RINGS:
        bulge = EYE_RADIUS + 0.5 * np.exp(-((angle / 0.4) ** 4))
        ring = np.stack([np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around),
                         np.full(24, np.cos(angle))], -1)  # fmt: skip
        points.append(ring * bulge + np.array(EYE))
        shade = 1 + 0.25 * (np.sin(around) < -0.2) * (color == IRIS)
        colors.append(np.array(color) * np.broadcast_to(shade, 24)[:, None])
    faces = layout.ring_quads(len(EYE_RINGS), 24, True)
    return np.concatenate(points), faces, np.concatenate(colors)


def catchlight() -> Mesh:
    """A small reflection on the left cornea; it does not turn with the eye."""
    around = np.arange(8) * np.pi / 4
    disc = np.stack([0.95 * np.cos(around), 0.95 * np.sin(around), 0 * around], -1)
    points = np.concatenate([np.zeros((1, 3)), disc]) + np.array(EYE) + (2.1, 2.5, 12.55)
    a = np.arange(8)
    return points, np.stack([0 * a, 1 + a, 1 + (a + 1) % 8], 1), np.ones((9, 3)) * 1.2


def teeth(upper: bool) -> Mesh:
    """One row of teeth with its gum, on a parabolic arch."""
    columns = 45
    x = np.linspace(-23.5, 23.5, columns)
    front = 86.5 - 0.040 * x**2 - (0.0 if upper else 2.2)
    bounds = np.array([0, 8.6, 15.4, 23.0] if upper else [0, 5.4, 11.2, 18.0, 25.0])
    inside = np.min(np.abs(np.abs(x)[:, None] - bounds), 1)
    gap = np.exp(-((inside / 0.55) ** 2))
    sign = 1.0 if upper else -1.0
    edge = (-72.3 if upper else -71.4) + sign * (0.9 * gap + 0.012 * np.abs(x) ** 1.5)
    rows = ((-4.0, 0.6, TOOTH), (0.0, 0.0, TOOTH), (0.6, 1.5, TOOTH), (0.9, 5.0, TOOTH),
            (0.5, 8.2, TOOTH), (0.7, 9.2, GUM), (0.0, 16.0, GUM))  # fmt: skip
    points, colors = [], []
    for dz, dy, color in rows:
        groove = 0.7 * gap if dy < 9 else 0.0
        points.append(np.stack([x, edge + sign * dy, front + dz - groove], -1))
        dim = (1 - 0.28 * gap * (dy < 9)) * (1 - 0.022 * np.abs(x))
        colors.append(np.array(color) * dim[:, None])
    faces = grid_faces(len(rows), columns)
    return np.concatenate(points), faces if not upper else faces[:, ::-1], np.concatenate(colors)


def tongue() -> Mesh:
    """A flattened tongue behind the lower teeth."""
    rows, columns = 11, 13
    along, across = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    half = 16.0 * np.sqrt(np.maximum(1 - (0.99 * along) ** 3.5, 0))
    angle = across * np.pi * 0.5
    x = half * np.sin(angle)
    thick = 6.5 * np.sqrt(np.maximum(1 - (0.99 * along) ** 4, 0))
    y = -79.5 + thick * np.cos(angle) - 1.2 * np.exp(-((x / 3) ** 2)) * (1 - along) - 3.0 * along**2
    z = 36.0 + 43.0 * along
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    dim = (0.45 + 0.5 * along).reshape(-1, 1)
    return points, grid_faces(rows, columns), np.array(TONGUE) * dim


def brow_layout() -> tuple[Array, Array, Array, Array]:
    """Layout x, y, height over the skin and triangles of the left brow."""
    columns, rows = 16, 4
    along = np.linspace(0, 1, columns)
    x = 10.5 + 41.0 * along
    middle = profile(((0, 18.6), (0.35, 21.3), (0.65, 22.6), (1, 18.4)), along)
    half = profile(((0, 0.8), (0.05, 1.9), (0.16, 2.6), (0.5, 2.2), (1, 0.3)), along)
    across = np.array([-1.0, -0.45, 0.45, 1.0])
    y = middle + across[:, None] * half
    lift = np.broadcast_to(np.array([-0.2, 0.7, 0.7, -0.2])[:, None], y.shape)
    return (
        np.broadcast_to(x, y.shape).ravel(),
        y.ravel(),
        lift.ravel(),
        grid_faces(rows, columns)[:, ::-1],
    )


def ear() -> Mesh:
    """The left ear: a rim, a hollow and a lobe."""
    rings, steps = 7, 22
    radius = np.linspace(0, 1, rings)[:, None]
    around = (np.arange(steps) * 2 * np.pi / steps)[None]
    height = np.where(np.sin(around) > 0, 27.0, 33.0)
    width = 15.5 + 3.0 * np.sin(around) - 2.5 * np.exp(-(((around - 4.7) / 0.5) ** 2))
    up, back = radius * height * np.sin(around), radius * width * np.cos(around)
    lobe = np.clip(-np.sin(around), 0, 1) ** 2
    shape = profile(
        ((0, -2.0), (0.35, -1.0), (0.62, 3.5), (0.85, 5.5), (1, 2.0)), radius + 0 * around
    )
    out = shape * (1 - 0.6 * lobe) + 7.0 * (radius * np.cos(around)).clip(-0.4, 1)
    x = 73.0 + out + 0.10 * up
    points = np.stack([x, -14 + up + 0 * x, -8.0 - back - 0.22 * up], -1).reshape(-1, 3)
    dim = profile(((0, 0.62), (0.35, 0.75), (0.6, 0.97), (1, 0.92)), radius + 0 * around)
    faces = layout.ring_quads(rings, steps, True)
    return points, faces, np.array((0.86, 0.62, 0.53)) * dim.reshape(-1, 1)
