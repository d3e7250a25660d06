"""Pictures of a rig without a screen: a z-buffer rasterizer compiled by numba."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.face.posed import posed_frames
from distill.face.raster import Canvas
from distill.protocols import Rig

FIELD_OF_VIEW_RAD = 0.42
BACKGROUND = ((0.93, 0.94, 0.95), (0.72, 0.76, 0.80))
"""Colours of the top and the bottom of the picture."""


def _background(width: int, height: int) -> np.ndarray:
    top, bottom = (np.array(c) * 255 for c in BACKGROUND)
    ramp = np.linspace(0, 1, height)[:, None, None]
    return np.ascontiguousarray(
        np.broadcast_to(top + (bottom - top) * ramp, (height, width, 3)).astype(np.uint8)
    )


def _camera(rig: Rig) -> np.ndarray:
    """Place the camera so that it sees the rig's `view`, or all of the rest pose."""
    low, high = rig.neutral.amin(0), rig.neutral.amax(0)
    middle, span = getattr(rig, "view", (0.0, 0.0))
    if span <= 0:
        middle, span = float(low[1] + high[1]) / 2, 1.12 * float(high[1] - low[1])
    distance = span / (2 * np.tan(FIELD_OF_VIEW_RAD / 2))
    return np.array([0, middle, distance + 0.3 * float(high[2])], np.float32)


def render_frames(
    rig: Rig, motion: Float[Tensor, "F D"], *, size: tuple[int, int] = (512, 512)
) -> Iterator[np.ndarray]:
    """Draw every frame of raw motion as uint8 (H W 3); `size` is (width, height) in pixels.

    Head rotation, of rigs that have one, is applied; memory stays flat however long the motion is.
    """
    canvas, camera = Canvas(_background(*size)), _camera(rig)
    triangles = rig.triangles.cpu().numpy().astype(np.int32)
    colors = getattr(rig, "colors", torch.full_like(rig.neutral, 0.7))
    colors = np.ascontiguousarray(colors.cpu().numpy(), np.float32)
    for points in posed_frames(rig, motion):
        yield canvas.draw(points, triangles, colors, camera, FIELD_OF_VIEW_RAD)


def render_image(
    rig: Rig, motion: Float[Tensor, " D"], *, size: tuple[int, int] = (512, 512)
) -> np.ndarray:
    """Draw one frame of raw motion as uint8 (H W 3)."""
    return next(render_frames(rig, motion[None], size=size))


def contact_sheet(
    images: Sequence[np.ndarray], *, columns: int, labels: Sequence[str] | None = None
) -> np.ndarray:
    """Lay pictures of one size out in rows, each with its label below, as uint8 (H W 3)."""
    from PIL import Image, ImageDraw

    height, width = images[0].shape[:2]
    strip = 22 if labels else 0
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + strip)), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for i, image in enumerate(images):
        x, y = (i % columns) * width, (i // columns) * (height + strip)
        sheet.paste(Image.fromarray(image), (x, y))
        if labels:
            draw.text((x + width / 2, y + height + 3), labels[i], fill=(40, 40, 40), anchor="ma",
                      font_size=14)  # fmt: skip
    return np.asarray(sheet)
