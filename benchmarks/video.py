"""Teacher and student side by side with the real motion, as a video and as a sheet of frames."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.measure import OpenedRun
from benchmarks.report import SHEET, VIDEO
from benchmarks.results import STUDENT
from distill.errors import UserError
from distill.face.render import contact_sheet, render_frames, render_image
from distill.face.space import MotionSpace
from distill.face.video import AUDIO_HZ, sound_track
from distill.storage import atomic_path

LABEL_PX = 28
SHEET_FRAMES = 8


def compare_run(opened: OpenedRun, report: Path, *, split: str = "test") -> Path | None:
    """Render one clip of a split by the run's teacher and student; None without both.

    Writes `teacher-vs-student.mp4` and `teacher-vs-student.png` into the report folder.
    """
    from distill.talker import load

    models = {name: (path, steps) for name, path, steps in opened.checkpoints()}
    teachers = [name for name in models if name.startswith("teacher-")]
    students = [name for name in models if name.startswith("student-")]
    corpus = opened.corpus()
    clips = [clip for clip in corpus.clips if clip.split == split and clip.frames > 1]
    if not teachers or not students or not clips:
        return None
    clip = max(clips, key=lambda candidate: candidate.frames)
    recording = corpus.read(clip)
    motions = {} if recording.motion is None else {"real": recording.motion}
    for name in (teachers[0], STUDENT if STUDENT in students else students[-1]):
        path, steps = models[name]
        motions[name] = load(path).generate(recording.audio, seed=0, steps=steps or None).values
    comparison_sheet(opened.space, motions, Path(report) / SHEET)
    return comparison_clip(opened.space, motions, recording.audio, Path(report) / VIDEO)


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
        size: Width and height of one face in pixels, both even.
    """
    return write_video(path, side_by_side(space, motions, size), space.fps, audio)


def side_by_side(
    space: MotionSpace, motions: Mapping[str, np.ndarray], size: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yield frames of all faces in a row below a strip of labels, uint8 (H W 3)."""
    strip = _labels(list(motions), size[0])
    faces = [
        render_frames(space.rig, torch.from_numpy(np.asarray(motion, np.float32)), size=size)
        for motion in motions.values()
    ]
    for row in zip(*faces, strict=False):
        yield np.concatenate([strip, np.concatenate(row, axis=1)], axis=0)


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
