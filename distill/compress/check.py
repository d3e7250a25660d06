"""Clips that lie beside a shipped model: whoever has it can see that it does what its card says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from distill.compress.parity import LipError
from distill.errors import UserError
from distill.talker import Talker, load

CHECK, SEEDS = "check.safetensors", (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A test clip: audio (S,) at 16 kHz and its real motion (F D) in rig units."""

    audio: Float[np.ndarray, " S"]
    motion: Float[np.ndarray, "F D"]


def write_check(folder: Path, clips: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Keep clips beside a model, with its lip error on them by backend, and return those errors."""
    arrays: dict[str, np.ndarray] = {}
    for index, clip in enumerate(clips):
        arrays[f"audio.{index}"] = np.round(clip.audio * 32767).clip(-32768, 32767).astype(np.int16)
        arrays[f"motion.{index}"] = clip.motion.astype(np.float32)
    save_file(arrays, folder / CHECK)
    found = {backend: measure_check(folder, backend) for backend in ("torch", "onnx")}
    save_file(arrays, folder / CHECK, metadata={"lve": json.dumps(found)})
    return found


def read_check(folder: Path) -> dict[str, dict[str, float]]:
    """Return the lip errors that a model was shipped with, by backend."""
    with safe_open(str(folder / CHECK), framework="np") as file:
        return json.loads(file.metadata()["lve"])


def check_clips(folder: Path) -> list[Spoken]:
    """Return the clips beside a model.

    Raises:
        UserError: There are none.
    """
    if not (folder / CHECK).is_file():
        raise UserError(f"{folder} has no {CHECK}; name a model that `distill.release` made")
    arrays = load_file(folder / CHECK)
    return [
        Spoken(audio=arrays[f"audio.{i}"].astype(np.float32) / 32767, motion=arrays[f"motion.{i}"])
        for i in range(len(arrays) // 2)
    ]


def measure_check(folder: Path, backend: str) -> dict[str, float]:
    """Return mean and spread over seeds of the squared lip vertex error on a model's own clips."""
    return clip_error(load(folder, backend), check_clips(folder))


def clip_error(talker: Talker, clips: Sequence[Spoken]) -> dict[str, float]:
    """Return mean and spread over seeds of the squared lip vertex error on clips."""
    motions, lips = [clip.motion for clip in clips], LipError(talker)
    errors = [
        lips([talker.generate(clip.audio, seed=seed).values for clip in clips], motions)
        for seed in SEEDS
    ]
    return {"mean": float(np.mean(errors)), "std": float(np.std(errors, ddof=1))}
