"""Live Link Face recordings: the CSV of 52 ARKit shapes, head and eye rotations."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS, HEAD
from distill.storage import atomic_path

EYES = ("leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch", "rightEyeRoll")
COLUMNS = tuple(n[0].upper() + n[1:] for n in ARKIT_52 + HEAD + EYES)
"""Value columns of a recording, 61 of them."""
TIMECODE_HZ = 60
"""Frames per second that Live Link Face counts its time code in, whatever the recording rate."""
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


def _rate_hz(codes: list[str], path: Path) -> float:
    """Frames per second of a list of time codes."""
    try:
        parts = [code.split(":") for code in codes]
        seconds = np.array([int(h) * 3600 + int(m) * 60 + int(s) for h, m, s, _ in parts])
        frames = np.array([float(f) for *_, f in parts])
    except ValueError as error:
        raise UserError(f"{path}: time codes are not of the form hh:mm:ss:ff.mmm") from error
    if len(codes) < 2:
        return 30.0
    step = float(np.median(np.diff(frames)))
    turns = [
        step - (after - before)
        for (t0, before), (t1, after) in pairwise(zip(seconds, frames, strict=True))
        if t1 == t0 + 1
    ]
    base = (
        min((24, 25, 30, 50, 60), key=lambda r: abs(r - np.median(turns))) if turns else TIMECODE_HZ
    )
    duration_s = float((seconds[-1] - seconds[0]) % 86400 + (frames[-1] - frames[0]) / base)
    if duration_s <= 0:
        raise UserError(f"{path}: time codes do not advance, so its frame rate is unknown")
    rate = (len(codes) - 1) / duration_s
    near = min(COMMON_RATES_HZ, key=lambda r: abs(r - rate))
    return near if abs(near - rate) < 0.005 * near else rate


def read_livelink_csv(path: str | Path) -> tuple[Float[np.ndarray, "F 55"], float]:
    """Read a recording; returns motion of the `arkit` channels (float32) and frames per second.

    Raises:
        UserError: Missing file, missing columns, no frames or a value that is not a number.
    """
    path = Path(path)
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
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} has a row with a missing or non-numeric value") from error
    return motion, _rate_hz([row[header.index("timecode")] for row in body], path)
