"""Tracks of a few frames in the layouts that FLAME corpora are published in."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SEGMENT, FRAME_SAMPLES = 20, 640


def track(frames: int, expressions: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Coefficients as trackers write them; head and jaw are axis-angle."""
    rng = np.random.default_rng(seed)
    return {
        "exp": rng.normal(size=(frames, expressions)).astype(np.float32),
        "pose": rng.normal(scale=0.2, size=(frames, 6)).astype(np.float32),
        "shape": rng.normal(size=(frames, 100)).astype(np.float32),
    }


def sound(frames: int, seed: int = 0) -> np.ndarray:
    """Quiet noise at 16 kHz of the length of `frames` at 25 fps."""
    return np.random.default_rng(seed).normal(scale=0.05, size=frames * FRAME_SAMPLES)


def encoded(audio: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, 16_000, format=kind)
    return buffer.getvalue()


def write_lmdb(
    folder: Path,
    clips: dict[str, int],
    *,
    kind: str = "FLAC",
    changes: dict[str, Any] | None = None,
) -> Path:
    """Write clips of so many frames as `make_combined_dataset.py` of DiffPoseTalk does."""
    import lmdb

    values: dict[str, Any] = {"metadata": {"seg_len": SEGMENT}}
    for seed, (name, frames) in enumerate(clips.items()):
        values[f"{name}/metadata"] = {"n_frames": frames}
        coefficients, audio = track(frames, 50, seed), sound(frames, seed)
        for index, start in enumerate(range(0, frames, SEGMENT)):
            part = slice(start, min(start + SEGMENT, frames))
            heard = audio[part.start * FRAME_SAMPLES : part.stop * FRAME_SAMPLES]
            values[f"{name}/{index:03d}"] = {
                "audio": encoded(heard, kind),
                "coef": {key: value[part] for key, value in coefficients.items()},
            }
    folder.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder), map_size=1 << 25) as database, database.begin(write=True) as write:
        for key, value in (values | (changes or {})).items():
            if value is not None:
                write.put(key.encode(), pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
    return folder


def write_artalk(root: Path, frames: dict[str, int]) -> Path:
    """Write clips as TRAINING.md of ARTalk says."""
    entries = []
    for folder in ("audios", "motions"):
        (root / folder).mkdir(parents=True)
    for seed, (name, count) in enumerate(frames.items()):
        values = track(count, 100, seed)
        motion = np.concatenate([values["exp"], values["pose"]], 1)
        np.save(root / f"motions/{name}.npy", motion)
        soundfile.write(root / f"audios/{name}.wav", sound(count, seed), 16_000)
        entries.append({"audio_path": f"audios/{name}.wav", "motion_path": f"motions/{name}.npy",
                        "duration": count / 25})  # fmt: skip
    (root / "metadata.json").write_text(json.dumps(entries))
    return root
