"""Corpora in their published layouts, a few frames each, made from our own rig."""

import json
import pickle
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile
import torch

from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.face.rigs import load_rig

STRIDE = 40
"""Every so many vertices of our rig are kept: a small topology with lips."""


def small_rig() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neutral (V 3), indices of lips and inner lip pairs of a thinned `arkit` rig, in mm."""
    rig = load_rig("arkit")
    kept = np.unique(np.concatenate([np.arange(0, len(rig.neutral), STRIDE), rig.lips.numpy()]))
    place = {int(old): new for new, old in enumerate(kept)}
    lips = np.array([place[int(i)] for i in rig.lips])
    pairs = np.array([[place[int(i)] for i in pair] for pair in rig.lip_pairs])
    return kept, lips, pairs


def talking(frames: int, seed: int = 0) -> np.ndarray:
    """Jaw, lips and brows that move (F 55)."""
    rng = np.random.default_rng(seed)
    motion = np.zeros((frames, len(ARKIT_CHANNELS)), np.float32)
    for name in ("jawOpen", "mouthPucker", "mouthSmileLeft", "browInnerUp"):
        slow = np.repeat(rng.random(frames // 4 + 2), 4)[:frames]
        motion[:, ARKIT_CHANNELS.index(name)] = np.convolve(slow, np.ones(3) / 3, "same")
    return motion


def shapes(motion: np.ndarray, size: float = 1.0) -> np.ndarray:
    """Vertices (F V 3) of the thinned rig in mm, of a person `size` times as large."""
    rig = load_rig("arkit")
    kept = torch.tensor(small_rig()[0])
    return rig.to_vertices(torch.tensor(motion), kept).numpy() * size


def write_sound(path: Path, seconds: float, rate_hz: int = 22_050) -> None:
    """Write noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * rate_hz))
    soundfile.write(path, noise, rate_hz)


def latin1_table(faces: Mapping[str, np.ndarray]) -> bytes:
    """A dict of arrays as Python 2 pickled it: names and bytes are `str`, here not ASCII."""

    def text(data: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(data)) + data

    out = b"\x80\x02}"
    for name, face in faces.items():
        out += text(name.encode("latin1"))
        out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b")
        out += b"\x87R(K\x01J" + struct.pack("<i", len(face)) + b"K\x03\x86cnumpy\ndtype\n"
        out += text(b"f8") + b"K\x00K\x01\x87R(K\x03" + text(b"<")
        out += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        out += text(face.astype("<f8").tobytes()) + b"tbs"
    return out + b"."


def write_vertices(
    root: Path,
    sequences: Iterable[str],
    subjects: Mapping[str, float],
    *,
    fps: float,
    mm_per_unit: float,
    seconds: float = 0.5,
    seed: int = 0,
) -> Path:
    """Write `vertices_npy`, `wav` and `templates.pkl`; `subjects` are names with their sizes."""
    (root / "vertices_npy").mkdir(parents=True)
    rest = shapes(np.zeros((1, len(ARKIT_CHANNELS)), np.float32))[0]
    table = {name: rest * size / mm_per_unit for name, size in subjects.items()}
    (root / "templates.pkl").write_bytes(latin1_table(table))
    for number, name in enumerate(sequences):
        subject = max((s for s in subjects if name.startswith(s)), key=len)
        motion = talking(round(seconds * fps), seed + number)
        moved = shapes(motion, subjects[subject]) / mm_per_unit
        np.save(root / f"vertices_npy/{name}.npy", moved.reshape(len(moved), -1))
        write_sound(root / f"wav/{name}.wav", seconds)
    return root


def write_beat(path: Path, weights: np.ndarray, fps: float = 60.0, names=None) -> None:
    """Write a facial file of BEAT: 51 names in alphabetical order, without `tongueOut`."""
    names = names or sorted(set(ARKIT_52) - {"tongueOut"})
    columns = [ARKIT_CHANNELS.index(name) for name in names]
    frames = [
        {"weights": row[columns].tolist(), "time": index / fps, "rotation": []}
        for index, row in enumerate(weights.astype(np.float64))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"names": names, "frames": frames}))


def python_3_table(faces: Mapping[str, np.ndarray]) -> bytes:
    """The same dict, pickled by Python 3."""
    return pickle.dumps(dict(faces))
