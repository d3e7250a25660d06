"""Live Link Face recordings: the CSV of 52 ARKit shapes, head and eye rotations."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS, HEAD
from distill.face.timecode import TIMECODE_HZ, Timecodes, timecodes
from distill.storage import atomic_path

EYES = ("leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch", "rightEyeRoll")
COLUMNS = tuple(n[0].upper() + n[1:] for n in ARKIT_52 + HEAD + EYES)
"""Value columns of a recording, 61 of them."""
EYE_YAW_RAD, EYE_PITCH_RAD = 0.60, 0.52
"""Eye rotation per unit of look weight, fitted to real recordings (r > 0.99)."""
COMMON_RATES_HZ = (24.0, 25.0, 30.0, 50.0, 60.0)


def timecode(frame: int, fps: float) -> str:
    """Time of a frame as `hh:mm:ss:ff.mmm`, ff counted at 60 per second."""
    seconds, thousandths = divmod(round(frame * TIMECODE_HZ * 1000 / fps), TIMECODE_HZ * 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{thousandths / 1000:06.3f}"


def eye_rotations(motion: Float[np.ndarray, "F 55"]) -> Float[np.ndarray, "F 6"]:
    """Yaw (to the character's right), pitch (down) and roll of both eyes from the look shapes."""
    column = {name: motion[:, i] for i, name in enumerate(ARKIT_CHANNELS)}
    out = np.zeros((len(motion), 6), motion.dtype)
    out[:, 0] = EYE_YAW_RAD * (column["eyeLookInLeft"] - column["eyeLookOutLeft"])
    out[:, 3] = EYE_YAW_RAD * (column["eyeLookOutRight"] - column["eyeLookInRight"])
    for i, side in ((1, "Left"), (4, "Right")):
        out[:, i] = EYE_PITCH_RAD * (column[f"eyeLookDown{side}"] - column[f"eyeLookUp{side}"])
    return out


def write_livelink_csv(path: str | Path, motion: Float[np.ndarray, "F 55"], fps: float) -> None:
    """Write a recording whose time code starts at zero, atomically."""
    values = np.concatenate([motion, eye_rotations(motion)], 1)
    with (
        atomic_path(Path(path)) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Timecode", "BlendShapeCount", *COLUMNS])
        for i, row in enumerate(values):
            writer.writerow([timecode(i, fps), len(COLUMNS), *(f"{v:.10f}" for v in row)])


def read_livelink_csv(path: str | Path) -> tuple[Float[np.ndarray, "F 55"], float]:
    """Read a recording; returns motion of the `arkit` channels (float32) and frames per second.

    Frames come as they were recorded; `read_livelink_frames` also says when each of them was.

    Raises:
        UserError: Missing file, missing columns, no frames, a value that is not a number, or time
            codes that stand still or go back.
    """
    motion, codes = _rows(Path(path))
    times = timecodes(codes, Path(path))
    return motion, _rate_hz(times, Path(path))


def read_livelink_frames(
    path: str | Path,
) -> tuple[Float[np.ndarray, "F 55"], Float[np.ndarray, " F"]]:
    """Read a recording; returns motion and the time of every frame in seconds from the first.

    Frames that the phone has left out leave a gap in the times. Head rotation is part of motion;
    the eye rotations of the file follow from the look shapes (`eye_rotations`) and are not read.

    Raises:
        UserError: As `read_livelink_csv`.
    """
    motion, codes = _rows(Path(path))
    return motion, timecodes(codes, Path(path)).times_s


def _rate_hz(times: Timecodes, path: Path) -> float:
    """Return frames per second over the whole recording."""
    frames, duration_s = len(times.times_s), float(times.times_s[-1])
    if frames < 2:
        return 30.0
    if duration_s <= 0:
        raise UserError(f"{path}: time codes do not advance, so its frame rate is unknown")
    rate = (frames - 1) / duration_s
    slower = 1.001 if times.drop else 1.0
    near = min((r / slower for r in COMMON_RATES_HZ), key=lambda r: abs(r - rate))
    return near if abs(near - rate) < 0.005 * near else rate


def _rows(path: Path) -> tuple[Float[np.ndarray, "F 55"], list[str]]:
    """Return the curves of a recording and its time codes."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} as a Live Link Face CSV ({error})") from error
    header = [name[:1].lower() + name[1:] for name in rows[0]] if rows else []
    missing = [n for n in ("timecode", *ARKIT_CHANNELS) if n not in header]
    if missing:
        raise UserError(
            f"{path} lacks {len(missing)} columns of a Live Link Face CSV, first {missing[0]!r}"
        )
    body = [row for row in rows[1:] if row]
    if not body:
        raise UserError(f"{path} has a header but no frames")
    index = [header.index(n) for n in ARKIT_CHANNELS]
    try:
        motion = np.array([[float(row[i]) for i in index] for row in body], np.float32)
        return motion, [row[header.index("timecode")] for row in body]
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} has a row with a missing or non-numeric value") from error
