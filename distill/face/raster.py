"""Compiled inner loops of the renderer: normals, lighting and triangles with a z-buffer."""

import numba
import numpy as np

KEY = np.array([0.45, 0.55, 0.75], np.float32)
FILL = np.array([-0.75, 0.15, 0.55], np.float32)
KEY /= np.linalg.norm(KEY)
FILL /= np.linalg.norm(FILL)


@numba.njit(fastmath=True)
def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals of the vertices (V 3)."""
    normals = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t]
        ux, uy, uz = points[b] - points[a]
        vx, vy, vz = points[c] - points[a]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz
    for i in range(len(normals)):
        n = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + 1e-12
        normals[i] /= n
    return normals


@numba.njit(fastmath=True)
def shade(
    points: np.ndarray, normals: np.ndarray, colors: np.ndarray, camera: np.ndarray
) -> np.ndarray:
    """Light every vertex: warm key, cool fill, sky light and a soft highlight (V 3)."""
    lit = np.empty_like(colors)
    for i in range(len(points)):
        n = normals[i]
        view = camera - points[i]
        view /= np.sqrt((view**2).sum())
        key = max((n * KEY).sum() * 0.75 + 0.25, 0.0)
        fill = max((n * FILL).sum() * 0.7 + 0.3, 0.0)
        half = KEY + view
        half /= np.sqrt((half**2).sum())
        gloss = 0.07 * max((n * half).sum(), 0.0) ** 24
        sky = 0.5 + 0.5 * n[1]
        lit[i, 0] = colors[i, 0] * (0.26 + 0.58 * key + 0.22 * fill + 0.10 * sky) + gloss
        lit[i, 1] = colors[i, 1] * (0.25 + 0.57 * key + 0.22 * fill + 0.11 * sky) + gloss
        lit[i, 2] = colors[i, 2] * (0.26 + 0.54 * key + 0.23 * fill + 0.12 * sky) + gloss
    return lit


@numba.njit(fastmath=True)
def _project(points: np.ndarray, camera: np.ndarray, focal: float, w: int, h: int) -> np.ndarray:
    screen = np.empty_like(points)
    for i in range(len(points)):
        depth = camera[2] - points[i, 2]
        scale = focal / depth
        screen[i, 0] = w * 0.5 + (points[i, 0] - camera[0]) * scale
        screen[i, 1] = h * 0.5 - (points[i, 1] - camera[1]) * scale
        screen[i, 2] = 1.0 / depth
    return screen


@numba.njit(fastmath=True)
def _fill(screen: np.ndarray, triangles: np.ndarray, lit: np.ndarray, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    nearest = np.zeros((h, w), np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -1e-6:
            continue
        x0, x1 = max(int(min(ax, bx, cx)), 0), min(int(max(ax, bx, cx)) + 1, w - 1)
        y0, y1 = max(int(min(ay, by, cy)), 0), min(int(max(ay, by, cy)) + 1, h - 1)
        inverse = 1.0 / area
        da, db = (by - cy) * inverse, (cy - ay) * inverse
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                wc = 1.0 - wa - wb
                if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                    depth = wa * screen[a, 2] + wb * screen[b, 2] + wc * screen[c, 2]
                    if depth > nearest[y, x]:
                        nearest[y, x] = depth
                        for k in range(3):
                            image[y, x, k] = wa * lit[a, k] + wb * lit[b, k] + wc * lit[c, k]


@numba.njit(fastmath=True)
def _reduce(image: np.ndarray, factor: int) -> np.ndarray:
    h, w = image.shape[0] // factor, image.shape[1] // factor
    out = np.empty((h, w, 3), np.uint8)
    share = 255.0 / (factor * factor)
    for y in range(h):
        for x in range(w):
            for k in range(3):
                total = 0.0
                for j in range(factor):
                    for i in range(factor):
                        total += min(max(image[y * factor + j, x * factor + i, k], 0.0), 1.0)
                out[y, x, k] = int(total * share + 0.5)
    return out


def rasterize(
    points: np.ndarray,
    triangles: np.ndarray,
    lit: np.ndarray,
    camera: np.ndarray,
    focal: float,
    background: np.ndarray,
    factor: int,
) -> np.ndarray:
    """Draw triangles seen from `camera` along -z over a copy of `background`, then average
    `factor` x `factor` pixels; returns uint8 (H W 3)."""
    image = background.copy()
    screen = _project(points, camera, focal, image.shape[1], image.shape[0])
    _fill(screen, triangles, lit, image)
    return _reduce(image, factor)
