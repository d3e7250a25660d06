"""A small streaming model of random weights, exported, and the head that the page shows."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from distill.compress.write import Trial, export
from distill.face.glb import Morphs, build_gltf, write_glb
from distill.face.rigs import load_rig
from distill.persona import PersonaBank
from distill.pipeline.build import Network, PersonaModel, save_model
from distill.talker import Talker, load
from personalizer.audio_contrastive import build as build_personalizer
from students.stream import build
from tests.toys import PERSONA, toy_space

PERSONALIZER = {"speakers": 3, "emotions": 2, "embed_dim": PERSONA, "width": 16, "blocks": 1}
STUDENT = {
    "width": 24, "blocks": 2, "kernel": 5, "expansion": 2, "head_blocks": 2, "block_frames": 1,
    "history_frames": 5, "lookahead_ms": 80, "fps": 30.0, "motion_dim": 55, "cond_dim": 16,
    "persona_in": PERSONA,
    "audio": {"name": "mel", "width": 24, "blocks": 2, "per_frame": 2},
}  # fmt: skip


def exported_stream(folder: Path) -> Path:
    """Write a streaming student as training would leave it, and export it to int8."""
    torch.manual_seed(4)
    student, embedder = build(**STUDENT), build_personalizer(**PERSONALIZER)
    for parameter in student.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    rows = np.eye(PERSONA, dtype=np.float32)
    bank = PersonaBank(
        identity=rows[:3], emotion=rows[3:5], identities=("ann", "bob", "cleo"),
        emotions=("happy", "neutral"),
    )  # fmt: skip
    voices = Network(family="personalizer.audio_contrastive", kwargs=PERSONALIZER, module=embedder)
    save_model(
        folder / "student",
        Network(family="students.stream", kwargs=STUDENT, module=student),
        toy_space(),
        PersonaModel(network=voices, bank=bank),
        name="stream", steps=2, any_steps=False, noise=1.0, provenance={},
    )  # fmt: skip
    export(folder / "student", "onnx-int8", folder / "stream", Trial(clips=()), force=True)
    return folder / "stream"


def manifest(folder: Path) -> dict:
    """Return what the page needs to run a model by itself."""
    talker = load(folder, "onnx")
    stream, onnx = talker.stream(), talker.config["onnx"]
    bank = talker.bank
    assert bank is not None
    return {
        "name": "stream", "models": ["stream"], "steps": [talker.steps], "sample_rate": 16_000,
        "channels": list(talker.channels), "rotations": list(stream.rotations or ()),
        "fps": talker.fps, "level": stream.level, "seed": 0,
        "delay_ms": 1000 * stream.delay_s, "latency_frames": stream.latency_frames,
        "stream": asdict(stream.engine.stream) | {"memory": onnx["stream"]["memory"]},
        "personas": dict(zip(bank.identities, bank.identity.tolist(), strict=True)),
        "emotions": dict(zip(bank.emotions, bank.emotion.tolist(), strict=True)),
        "files": {role: f"/model/{entry['name']}" for role, entry in onnx["files"].items()},
    }  # fmt: skip


def write_head(path: Path) -> None:
    """Write our own head with what the page must know of it."""
    rig = load_rig("arkit")
    names = [i for i, name in enumerate(rig.channels) if not name.startswith("head")]
    morphs = Morphs(
        points=rig.neutral.numpy(),
        triangles=rig.triangles.numpy(),
        shapes=rig.basis[names].numpy(),
        names=tuple(rig.channels[i] for i in names),
        extras={
            "pivot": rig.pivot.tolist(),
            "lip_pairs": rig.lip_pairs.tolist(),
            "view": list(rig.view),
            "capped": [[rig.channels[i], rig.channels[j], s] for i, j, s in rig.capped],
        },
    )
    write_glb(path, build_gltf(morphs, scale=1e-3))


def streamed(talker: Talker, samples: np.ndarray, **options) -> np.ndarray:
    """Return what Python's stream says to samples at 16 kHz (F D)."""
    stream = talker.stream(**options)
    return np.concatenate([stream.push(samples).values, stream.flush().values])
