"""The interface between a talker and whatever runs its networks, in numpy float32 throughout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.persona import VoiceEmbedder

BACKENDS = ("torch", "onnx")


@runtime_checkable
class Engine(VoiceEmbedder, Protocol):
    """The networks of one model.

    Attributes:
        params: Number of parameters, personalizer included.
        bytes: Size of the files it needs.
        calls_per_step: Network calls that one sampler step takes.
    """

    params: int
    bytes: int
    calls_per_step: int

    def sample(
        self,
        audio: Float[np.ndarray, " S"],
        persona: Float[np.ndarray, "1 E"] | None,
        noise: Float[np.ndarray, "B F D"],
        steps: int,
    ) -> Float[np.ndarray, "B F D"]:
        """Turn noise into motion in rig units; `audio` covers exactly the F frames."""
        ...


StreamState = dict[str, np.ndarray]
"""What a stream remembers, of constant size, rows first: `heard_i` of sound, `steps_i` of the noisy
motion of sampler step i."""


def begin_motion(state: StreamState, start: StreamState) -> StreamState:
    """Return the memory of a stream whose motion begins now, `start` having heard nothing."""
    return state | {name: value for name, value in start.items() if name.startswith("steps_")}


def describe_memory(start: StreamState) -> dict[str, dict[str, Any]]:
    """Return the memory of one stream that has heard nothing as JSON: its shapes and values."""
    return {
        name: {"shape": list(value.shape[1:]), "fill": float(value.flat[0])}
        for name, value in start.items()
    }


def build_memory(described: Mapping[str, Any], rows: int) -> StreamState:
    """Return the memory of streams that have heard nothing, as `describe_memory` describes it."""
    return {
        name: np.full((rows, *start["shape"]), start["fill"], np.float32)
        for name, start in described.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShape:
    """How a streaming model takes audio and gives motion.

    Attributes:
        block_frames: Frames made at a time, K.
        shift_frames: Frames by which hearing is ahead of motion.
        early_frames: Frames that are heard before motion begins, whole blocks.
        per_frame: Windows of audio under a frame.
    """

    block_frames: int
    shift_frames: int
    early_frames: int
    per_frame: int


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """The networks of a model that can stream."""

    stream: StreamShape

    def begin(self, rows: int) -> StreamState:
        """Return the memory of streams that have heard nothing."""
        ...

    def advance(
        self,
        windows: Float[np.ndarray, "B N L"],
        persona: Float[np.ndarray, "B E"] | None,
        noise: Float[np.ndarray, "B K D"],
        state: StreamState,
    ) -> tuple[Float[np.ndarray, "B K D"], StreamState]:
        """Hear the next windows, make the next block of motion in rig units, remember."""
        ...


def open_engine(folder: Path, config: Mapping[str, Any], backend: str) -> Engine:
    """Load the networks of a model folder; only the chosen backend is imported.

    Raises:
        UserError: The backend is unknown, or the files it needs are missing or damaged.
    """
    if backend == "torch":
        from distill.engines.eager import open_eager

        return open_eager(folder)
    if backend == "onnx":
        from distill.engines.onnx import open_onnx

        return open_onnx(folder, config)
    raise UserError(f"backend={backend} is unknown; use one of {', '.join(BACKENDS)}")
