"""Small real networks and batches on the default rig."""

import numpy as np
import torch

from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.types import Batch, Conditions
from students.compact import build as build_student
from teachers.diffusion import build as build_teacher

FPS, FRAMES, PERSONA = 30.0, 18, 8
AUDIO = {"name": "mel", "width": 16, "blocks": 1}
COMMON = {"motion_dim": 55, "fps": FPS, "persona_in": PERSONA, "cond_dim": 16, "audio": AUDIO}


def toy_space() -> MotionSpace:
    rng = np.random.default_rng(0)
    return MotionSpace.fit(load_rig("arkit"), FPS, [rng.random((200, 55)).astype(np.float32) * 0.3])


def toy_teacher(**kwargs):
    torch.manual_seed(1)
    options = {"width": 32, "layers": 2, "heads": 2, "expansion": 2, "reach_frames": 8}
    return build_teacher(**(COMMON | options | kwargs))


def toy_student(**kwargs):
    torch.manual_seed(2)
    options = {"width": 16, "blocks": 2, "kernel": 5, "expansion": 2}
    return build_student(**(COMMON | {"audio": AUDIO | {"width": 12}} | options | kwargs))


def toy_batch(size: int = 4, seed: int = 0, frames: int = FRAMES) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(
        motion=torch.randn(size, frames, 55, generator=rng),
        mask=torch.ones(size, frames, dtype=torch.bool),
        speaker=torch.arange(size) % 2,
        emotion=torch.arange(size) % 2,
        cond=Conditions(
            audio=0.1 * torch.randn(size, frames * 16000 // 30, generator=rng),
            persona=torch.randn(size, PERSONA, generator=rng),
        ),
        clip=torch.arange(size) % 2,
        start=torch.zeros(size, dtype=torch.long),
    )
