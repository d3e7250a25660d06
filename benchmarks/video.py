"""Teacher and student side by side with the real motion: a video, a sheet of frames, curves."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.curves import plot_curves
from benchmarks.measure import OpenedRun
from benchmarks.report import CURVES, SHEET, VIDEO
from benchmarks.results import STUDENT, TEACHER
from distill.errors import UserError
from distill.face.parts import motion_parts
from distill.face.render import contact_sheet, render_frames, render_image
from distill.face.space import MotionSpace
from distill.face.video import AUDIO_HZ, sound_track
from distill.storage import atomic_path

LABEL_PX = 28
SHEET_FRAMES = 8
FINER = 2
"""Faces are drawn so many times larger than shown: shrunk they are smooth, and eyes are cut out."""
EYES_SHARE = 0.42
"""Height of the strip of eyes over its width."""
EYES_MARGIN = 0.25
"""Room around the eyes for brows and for a head that turns, in widths of what lids move."""


def compare_run(opened: OpenedRun, report: Path, *, split: str = "test") -> Path | None:
    """Render one clip of a split by the run's teacher and exported student; None without both.

    Writes `teacher-vs-student.mp4`, `teacher-vs-student.png` and `curves.png` into the report
    folder; the curves show the regression too, where the run has one.
    """
    models = {name: (path, steps) for name, path, steps in opened.checkpoints()}
    teacher, student = f"{TEACHER}-{opened.teacher_steps}", f"{STUDENT}-{opened.export_steps}"
    corpus = opened.corpus()
    clips = [clip for clip in corpus.clips if clip.split == split and clip.frames > 1]
    if teacher not in models or student not in models or not clips:
        return None
    clip = max(clips, key=lambda candidate: candidate.frames)
    recording = corpus.read(clip)
    real = {} if recording.motion is None else {"real": recording.motion}
    shown = [name for name in (teacher, student, "regression") if name in models]
    made = {name: _spoken(*models[name], recording.audio) for name in shown}
    plot_curves(opened.space, real | made, Path(report) / CURVES, title=clip.text)
    faces = real | {name: made[name] for name in (teacher, student)}
    comparison_sheet(opened.space, faces, Path(report) / SHEET)
    return comparison_clip(opened.space, faces, recording.audio, Path(report) / VIDEO)


def _spoken(path: Path, steps: int, audio: np.ndarray) -> np.ndarray:
    from distill.talker import load

    return load(path).generate(audio, seed=0, steps=steps or None).values


def comparison_clip(
    space: MotionSpace,
    motions: Mapping[str, np.ndarray],
    audio: Float[np.ndarray, " S"],
    path: Path,
    *,
    size: tuple[int, int] = (360, 360),
) -> Path:
    """Write faces side by side, each under its label, as an mp4 with the sound.

    Args:
        space: Rig and frame rate.
        motions: Raw motion (F D) by label, left to right; cut to the shortest.
        audio: Waveform at 16 kHz.
        path: File to write.
        size: Width and height of one face in pixels, both even; its eyes stand enlarged below.
    """
    return write_video(path, side_by_side(space, motions, size), space.fps, audio)


def side_by_side(
    space: MotionSpace, motions: Mapping[str, np.ndarray], size: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yield frames of all faces in a row, uint8 (H W 3): labels, faces, and the eyes enlarged.

    The head turns in both; rigs without lids have no strip of eyes.
    """
    strip = _labels(list(motions), size[0])
    large = (FINER * size[0], FINER * size[1])
    eyes = eyes_box(space, large)
    faces = [
        render_frames(space.rig, torch.from_numpy(np.asarray(motion, np.float32)), size=large)
        for motion in motions.values()
    ]
    for row in zip(*faces, strict=False):
        lines = [strip, np.concatenate([_shrunk(face) for face in row], axis=1)]
        if eyes is not None:
            cut = [_resized(face[eyes], (size[0], _even(EYES_SHARE * size[0]))) for face in row]
            lines.append(np.concatenate(cut, axis=1))
        yield np.concatenate(lines, axis=0)


def eyes_box(space: MotionSpace, size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return rows and columns of a picture that hold eyes and brows; None for a rig without lids.

    Found by what a blink changes in a picture of the face at rest.
    """
    lids = motion_parts(space.channels).get("blink", [])
    if not lids:
        return None
    rest, blink = torch.zeros(2, space.motion_dim)
    blink[lids] = 1.0
    pictures = [render_image(space.rig, motion, size=size).astype(int) for motion in (rest, blink)]
    rows, columns = np.nonzero(np.abs(pictures[0] - pictures[1]).max(-1))
    if not len(rows):
        return None
    width = min(size[0], _even((1 + EYES_MARGIN) * (np.ptp(columns) + 1)))
    height = min(size[1], _even(EYES_SHARE * width))
    top = round((rows.min() + rows.max() - height) / 2)
    left = round((columns.min() + columns.max() - width) / 2)
    top, left = min(max(0, top), size[1] - height), min(max(0, left), size[0] - width)
    return slice(top, top + height), slice(left, left + width)


def _even(length: float) -> int:
    """Return the next even length: videos have no odd ones."""
    return 2 * round(length / 2)


def _shrunk(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).reduce(FINER))


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def comparison_sheet(
    space: MotionSpace,
    motions: Mapping[str, np.ndarray],
    path: Path,
    *,
    frames: int = SHEET_FRAMES,
    size: tuple[int, int] = (240, 240),
) -> Path:
    """Write a png with one row per motion and the same moments in every row."""
    from PIL import Image

    shortest = min(len(motion) for motion in motions.values())
    chosen = np.linspace(0, shortest - 1, min(frames, shortest) + 2)[1:-1].round().astype(int)
    images, labels = [], []
    for name, motion in motions.items():
        for frame in chosen:
            values = torch.from_numpy(np.asarray(motion[frame], np.float32))
            images.append(render_image(space.rig, values, size=size))
            labels.append(f"{name}  {frame / space.fps:.2f} s")
    sheet = contact_sheet(images, columns=len(chosen), labels=labels)
    with atomic_path(Path(path)) as temporary:
        Image.fromarray(sheet).save(temporary, format="png")
    return Path(path)


def write_video(
    path: Path, frames: Iterable[np.ndarray], fps: float, audio: Float[np.ndarray, " S"]
) -> Path:
    """Write frames (H W 3) as h264 and 16 kHz sound as aac, cut or padded to the pictures.

    Raises:
        UserError: There are no frames, or the file cannot be written.
    """
    import av

    count = 0
    with atomic_path(Path(path)) as temporary, av.open(str(temporary), "w", format="mp4") as file:
        rate = Fraction(fps).limit_denominator(1001)
        video = file.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        video.pix_fmt = "yuv420p"
        sound = file.add_stream("aac", rate=AUDIO_HZ, layout="mono")
        for count, frame in enumerate(frames, 1):
            if count == 1:
                video.height, video.width = frame.shape[:2]
            file.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if not count:
            raise UserError(f"{path} would be a video without frames; give motion of some length")
        file.mux(video.encode())
        block = av.AudioFrame.from_ndarray(
            sound_track(audio, count / fps)[None], format="fltp", layout="mono"
        )
        block.sample_rate = AUDIO_HZ
        file.mux(sound.encode(block))
        file.mux(sound.encode())
    return Path(path)


def _labels(names: list[str], width: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width * len(names), LABEL_PX), "white")
    draw = ImageDraw.Draw(strip)
    for index, name in enumerate(names):
        draw.text((width * (index + 0.5), 5), name, fill=(40, 40, 40), anchor="ma", font_size=15)
    return np.asarray(strip)
