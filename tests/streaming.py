"""A small streaming model of random weights, saved and loaded as a shipped one is."""

from pathlib import Path

import numpy as np
import torch

from distill.persona import PersonaBank
from distill.pipeline.build import Network, PersonaModel, save_model
from personalizer.audio_contrastive import build as build_personalizer
from students.stream import build
from tests.toys import COMMON, PERSONA, toy_space

PERSONALIZER = {"speakers": 2, "emotions": 2, "embed_dim": PERSONA, "width": 16, "blocks": 1}
STREAM = COMMON | {
    "width": 12, "blocks": 2, "kernel": 4, "expansion": 2, "head_blocks": 2, "head_kernel": 5,
    "block_frames": 1, "lookahead_ms": 80, "smoothing": [0.0] * 40 + [0.5] * 12 + [2.0] * 3,
    "audio": {"name": "mel", "width": 12, "blocks": 2, "per_frame": 2},
}  # fmt: skip


def save_stream_model(folder: Path) -> Path:
    """Write the model folder; its faces are called ann and bob, happy and neutral."""
    torch.manual_seed(4)
    model, embedder = build(**STREAM), build_personalizer(**PERSONALIZER)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    axes = np.eye(PERSONA, dtype=np.float32)
    bank = PersonaBank(
        identity=axes[:2], emotion=axes[2:4], identities=("ann", "bob"),
        emotions=("happy", "neutral"),
    )  # fmt: skip
    voices = Network(family="personalizer.audio_contrastive", kwargs=PERSONALIZER, module=embedder)
    save_model(
        folder,
        Network(family="students.stream", kwargs=STREAM, module=model),
        toy_space(),
        PersonaModel(network=voices, bank=bank),
        name="stream",
        steps=1,
        any_steps=False,
        provenance={},
    )
    return folder


def speech(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    """Noise in syllables."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(0).standard_normal(len(times_s))
    return (0.1 * noise * np.sin(2 * np.pi * 2 * times_s) ** 2).astype(np.float32)
