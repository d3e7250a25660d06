"""A face of six vertices, a corpus of made-up motion, and talkers that need no training."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from distill.face.space import MotionSpace
from distill.types import Clip, Interval, Recording

CHANNELS = ("jawOpen", "mouthSmile", "browUp", "headYaw")
FPS = 30.0


class TinyRig:
    """Four channels move six vertices: two lips, two brows, two cheeks."""

    name = "tiny"
    units = "mm"
    channels = CHANNELS
    triangles = torch.tensor([[0, 1, 2]])
    lips = torch.tensor([0, 1])
    upper = torch.tensor([2, 3])
    lip_pairs = torch.tensor([[0, 1]])

    def __init__(self):
        groups = {"mouth": [0, 1], "upper": [2], "head": [3]}
        self.groups = {name: torch.tensor(indices) for name, indices in groups.items()}
        self.neutral = torch.arange(18.0).reshape(6, 3)
        self.neutral[0], self.neutral[1] = torch.tensor([0.0, 0, 5]), torch.tensor([0.0, 0, 5])
        basis = torch.zeros(4, 6, 3)
        basis[0, 1, 1] = -10.0
        basis[1, 0:2, 0] = 3.0
        basis[2, 2:4, 1] = 4.0
        self.basis = basis

    def to_vertices(self, motion, vertices=None):
        picked = slice(None) if vertices is None else vertices
        basis, neutral = self.basis[:, picked], self.neutral[picked]
        return neutral + torch.einsum("...d,dvc->...vc", motion, basis)


def space() -> MotionSpace:
    unit = MotionSpace.identity(TinyRig(), FPS)
    return replace(unit, mean=torch.full((4,), 0.2), std=torch.full((4,), 0.25))


def recording(seed: int, frames: int = 60, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return audio and a motion whose jaw follows the loudness of the audio."""
    rng = np.random.default_rng(seed)
    loud = np.abs(np.sin(np.arange(frames) / FPS * 2 * np.pi * 2 + seed)) + 0.05
    motion = rng.normal(0, 0.05, (frames, 4)) + offset
    motion[:, 0] = loud
    at = np.arange(round(frames * 16000 / FPS))
    amplitude = np.interp(at / 16000 * FPS, np.arange(frames), loud**2)
    audio = 0.3 * amplitude * rng.standard_normal(len(at))
    return audio.astype(np.float32), motion.astype(np.float32)


@dataclass
class FakeCorpus:
    """Two speakers who hold their brows differently; 4 training and 2 test clips each."""

    name: str = "fake"
    rig: str = "tiny"
    channels: tuple[str, ...] = CHANNELS
    fps: float = FPS
    content_hash: str = "cafe"
    clips: list[Clip] = field(default_factory=list)

    def __post_init__(self):
        phones = (Interval(label="b", start_s=0.2, end_s=0.3),)
        for split, count in (("train", 4), ("test", 2), ("test_unseen", 1)):
            for number in range(count):
                for speaker in ("ann", "bob") if split != "test_unseen" else ("eve",):
                    clip = Clip(
                        id=f"{split}-{number}-{speaker}",
                        split=split,
                        speaker=speaker,
                        emotion=("calm", "glad")[number % 2],
                        frames=60,
                        samples=32000,
                        phones=phones,
                        seed=len(self.clips),
                    )
                    self.clips.append(clip)

    def read(self, clip: Clip) -> Recording:
        offset = {"ann": -1.0, "bob": 1.0, "eve": 0.0}[clip.speaker]
        audio, motion = recording(clip.seed, clip.frames, offset)
        return Recording(audio=audio, motion=motion)


@dataclass
class FakeTalker:
    """Noise of a given size, drawn from the seed."""

    noise: float = 0.1
    params: int = 1000
    bytes: int = 4000
    config: dict[str, Any] = field(
        default_factory=lambda: {"modules": {"denoiser": {"family": "students.fake"}}}
    )
    seen: list[tuple[tuple[int, ...], int | None]] = field(default_factory=list)

    def persona(self, audio):
        return None

    def generate_batch(self, audio, persona, *, seeds, steps=None):
        self.seen.append((tuple(seeds), steps))
        frames = int(np.ceil(len(audio) * FPS / 16000))
        draws = [np.random.default_rng(seed).normal(0, self.noise, (frames, 4)) for seed in seeds]
        return np.stack(draws).astype(np.float32)
