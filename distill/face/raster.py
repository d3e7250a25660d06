"""Compiled inner loops of the renderer: normals, lighting and triangles with a z-buffer."""

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

KEY = np.array([0.445, 0.544, 0.711], np.float32)
"""Direction towards the main light (unit)."""
FILL = np.array([-0.796, 0.159, 0.584], np.float32)
"""Direction towards the weaker light of the other side (unit)."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, keeping the machine code on disk where some cache folder is writable.

    Wrappers of run-time type checking are taken off first: numba cannot compile them.
    """
    function = inspect.unwrap(function)
    try:
        return numba.njit(fastmath=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(fastmath=True)(function)


@compiled
def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals of the vertices (V 3)."""
    normals = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (points[b, 0] - points[a, 0], points[b, 1] - points[a, 1],
                      points[b, 2] - points[a, 2])  # fmt: skip
        vx, vy, vz = (points[c, 0] - points[a, 0], points[c, 1] - points[a, 1],
                      points[c, 2] - points[a, 2])  # fmt: skip
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz
    for i in range(len(normals)):
        square = normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2
        scale = np.float32(1.0) / np.sqrt(square + np.float32(1e-20))
        for k in range(3):
            normals[i, k] *= scale
    return normals


@compiled
def shade(
    points: np.ndarray, normals: np.ndarray, colors: np.ndarray, camera: np.ndarray
) -> np.ndarray:
    """Light every vertex: warm key, cool fill, sky light and a soft highlight; 0..255 (V 3)."""
    lit = np.empty_like(colors)
    for i in range(len(points)):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        vx, vy, vz = camera[0] - points[i, 0], camera[1] - points[i, 1], camera[2] - points[i, 2]
        scale = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
        hx, hy, hz = KEY[0] + vx * scale, KEY[1] + vy * scale, KEY[2] + vz * scale
        scale = 1.0 / np.sqrt(hx * hx + hy * hy + hz * hz)
        key = max((nx * KEY[0] + ny * KEY[1] + nz * KEY[2]) * 0.75 + 0.25, 0.0)
        fill = max((nx * FILL[0] + ny * FILL[1] + nz * FILL[2]) * 0.7 + 0.3, 0.0)
        shine = max((nx * hx + ny * hy + nz * hz) * scale, 0.0)
        gloss = 0.07 * shine**24
        sky = 0.5 + 0.5 * ny
        red = colors[i, 0] * (0.26 + 0.58 * key + 0.18 * fill + 0.10 * sky) + gloss
        green = colors[i, 1] * (0.25 + 0.57 * key + 0.20 * fill + 0.11 * sky) + gloss
        blue = colors[i, 2] * (0.26 + 0.54 * key + 0.23 * fill + 0.12 * sky) + gloss
        lit[i, 0] = 255.0 * min(red, 1.0)
        lit[i, 1] = 255.0 * min(green, 1.0)
        lit[i, 2] = 255.0 * min(blue, 1.0)
    return lit


@compiled
def _project(
    points: np.ndarray, camera: np.ndarray, focal: float, width: int, height: int
) -> np.ndarray:
    """Screen x and y in pixels and inverse depth (V 3); points behind the camera get depth 0."""
    screen = np.empty_like(points)
    for i in range(len(points)):
        depth = camera[2] - points[i, 2]
        inverse = 1.0 / depth if depth > 1.0 else 0.0
        screen[i, 0] = width * 0.5 + (points[i, 0] - camera[0]) * focal * inverse
        screen[i, 1] = height * 0.5 - (points[i, 1] - camera[1]) * focal * inverse
        screen[i, 2] = inverse
    return screen


@compiled
def _fill(
    screen: np.ndarray,
    triangles: np.ndarray,
    lit: np.ndarray,
    nearest: np.ndarray,
    image: np.ndarray,
    w: int,
) -> None:
    """Draw triangles that face the viewer into rows of `w` pixels.

    `nearest` (inverse depth, H*W) decides what is seen; `image` is uint8 (H*W 3).
    """
    h = len(nearest) // w
    one = np.float32(1.0)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -1e-6 or min(screen[a, 2], screen[b, 2], screen[c, 2]) <= 0:
            continue
        x0, x1 = max(int(min(ax, bx, cx)), 0), min(int(max(ax, bx, cx)), w - 1)
        y0, y1 = max(int(min(ay, by, cy)), 0), min(int(max(ay, by, cy)), h - 1)
        inverse = one / area
        ax_step, bx_step = (by - cy) * inverse, (cy - ay) * inverse
        ay_step, by_step = (cx - bx) * inverse, (ax - cx) * inverse
        px, py = np.float32(x0 + 0.5) - cx, np.float32(y0 + 0.5) - cy
        row_a, row_b = px * ax_step + py * ay_step, px * bx_step + py * by_step
        za, zb, zc = screen[a, 2] - screen[c, 2], screen[b, 2] - screen[c, 2], screen[c, 2]
        ra, rb, rc = lit[a, 0], lit[b, 0], lit[c, 0]
        ga, gb, gc = lit[a, 1], lit[b, 1], lit[c, 1]
        ba, bb, bc = lit[a, 2], lit[b, 2], lit[c, 2]
        for y in range(y0, y1 + 1):
            wa, wb = row_a, row_b
            entered = False
            for x in range(x0, x1 + 1):
                if wa >= 0 and wb >= 0 and wa + wb <= one:
                    entered = True
                    depth = wa * za + wb * zb + zc
                    at = np.uint32(y * w + x)
                    if depth > nearest[at]:
                        nearest[at] = depth
                        wc = one - wa - wb
                        image[at, 0] = wa * ra + wb * rb + wc * rc
                        image[at, 1] = wa * ga + wb * gb + wc * gc
                        image[at, 2] = wa * ba + wb * bb + wc * bc
                elif entered:
                    break
                wa += ax_step
                wb += bx_step
            row_a += ay_step
            row_b += by_step


@compiled
def _reduce(image: np.ndarray, nearest: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Average 2x2 pixels of `image` where something was drawn, `background` elsewhere."""
    out = background.copy()
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            drawn = 0
            red, green, blue = 2, 2, 2
            for j in range(2 * y, 2 * y + 2):
                for i in range(2 * x, 2 * x + 2):
                    if nearest[j, i] > 0:
                        drawn += 1
                        red += image[j, i, 0]
                        green += image[j, i, 1]
                        blue += image[j, i, 2]
            if drawn:
                rest = 4 - drawn
                out[y, x, 0] = (red + rest * background[y, x, 0]) // 4
                out[y, x, 1] = (green + rest * background[y, x, 1]) // 4
                out[y, x, 2] = (blue + rest * background[y, x, 2]) // 4
    return out


class Canvas:
    """Buffers for pictures of one size, used again for every frame."""

    def __init__(self, background: np.ndarray) -> None:
        """Make buffers of twice the size of `background`, uint8 (H W 3)."""
        height, width = background.shape[:2]
        self.background = background
        self._image = np.zeros((2 * height, 2 * width, 3), np.uint8)
        self._nearest = np.zeros((2 * height, 2 * width), np.float32)

    def draw(
        self,
        points: np.ndarray,
        triangles: np.ndarray,
        colors: np.ndarray,
        camera: np.ndarray,
        field_of_view_rad: float,
    ) -> np.ndarray:
        """Draw triangles lit and seen from `camera` along -z; returns uint8 (H W 3)."""
        height, width = self._nearest.shape
        focal = height / (2 * np.tan(field_of_view_rad / 2))
        lit = shade(points, vertex_normals(points, triangles), colors, camera)
        screen = _project(points, camera, focal, width, height)
        self._nearest[:] = 0
        _fill(screen, triangles, lit, self._nearest.ravel(), self._image.reshape(-1, 3), width)
        return _reduce(self._image, self._nearest, self.background)
