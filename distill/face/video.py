"""Rendered faces as mp4 with sound, or gif."""

from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.render import render_frames
from distill.face.space import MotionSpace
from distill.units import SAMPLE_RATE_HZ

AUDIO_HZ = 48_000
AAC_PRIMING = 1024
"""Samples that an AAC track counts before its first; half of them are taken off its end, so that
the durations of sound and picture differ by 11 ms at most."""
GIF_PIXELS = 2**29
"""Pixels of all pictures of a gif, each a byte: they are in memory together."""


def write_mp4(
    path: Path,
    motion: Float[np.ndarray, "F D"],
    space: MotionSpace,
    *,
    audio: Float[np.ndarray, " S"] | None = None,
    title: str | None = None,
    size: tuple[int, int] = (512, 512),
) -> None:
    """Write the rendered face as h264, with `audio` (16 kHz) as aac cut or padded to the motion.

    Odd sizes grow by a pixel: h264 has even ones only.
    """
    import av
    import torch

    width, height = (pixels + pixels % 2 for pixels in size)
    rate = Fraction(space.fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4") as container:
        if title:
            container.metadata["title"] = title
        video = container.add_stream(
            "libx264", rate=rate, options={"crf": "20", "preset": "veryfast"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = None
        if audio is not None:
            sound = container.add_stream("aac", rate=AUDIO_HZ, layout="mono")
        for image in render_frames(space.rig, torch.from_numpy(motion), size=(width, height)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None and audio is not None:
            samples = sound_track(audio, len(motion) / space.fps)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = AUDIO_HZ
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))


def sound_track(audio: Float[np.ndarray, " S"], seconds: float) -> np.ndarray:
    """Resample 16 kHz audio to `AUDIO_HZ` and cut or pad it to `seconds`."""
    import soxr

    samples = soxr.resample(audio.astype(np.float32), SAMPLE_RATE_HZ, AUDIO_HZ)
    out = np.zeros(max(round(seconds * AUDIO_HZ) - AAC_PRIMING // 2, 1), np.float32)
    count = min(len(out), len(samples))
    out[:count] = np.clip(samples[:count], -1, 1)
    return out


def write_gif(
    path: Path,
    motion: Float[np.ndarray, "F D"],
    space: MotionSpace,
    *,
    size: tuple[int, int] = (320, 320),
) -> None:
    """Write the rendered face as an animation that repeats; times are exact to 10 ms.

    Raises:
        UserError: More frames a second, or in all, than a gif can hold.
    """
    import torch
    from PIL import Image

    if space.fps > 50:
        raise UserError(f"gif cannot show {space.fps:g} frames per second (limit 50); write mp4")
    most = GIF_PIXELS // (size[0] * size[1])
    if len(motion) > most:
        raise UserError(
            f"a gif of {len(motion)} frames of {size[0]} x {size[1]} pixels is above the limit of "
            f"{most}; write mp4"
        )
    times = np.round(np.arange(len(motion) + 1) * 100 / space.fps).astype(int) * 10
    drawn = map(Image.fromarray, render_frames(space.rig, torch.from_numpy(motion), size=size))
    first = next(drawn)
    palette = first.quantize(128)
    images = (
        image.quantize(palette=palette, dither=Image.Dither.NONE) for image in chain([first], drawn)
    )
    next(images).save(path, "GIF", save_all=True, append_images=images, loop=0,
                      duration=[int(d) for d in np.diff(times)])  # fmt: skip
