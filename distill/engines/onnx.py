"""Networks run by onnxruntime: nothing here imports torch."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.engines.engine import StreamShape, StreamState, build_memory
from distill.errors import UserError
from distill.folder import check_digest
from distill.persona import VoiceEmbedder

VOICE_BLOCK_SAMPLES = 640
"""The graph `voice` takes audio of a multiple of this length; silence is added."""
RUN_FILES = ("model", "stream", "style", "voice", "fusion", "bank", "noise")
"""What running an export needs; `encoder` and `denoiser` are for programs of other people."""
MOST_STYLES = 1_000
"""Personas whose style is kept."""
WEIGHTS_ONLY = "weights"
"""Scheme of int8 files that compute in float: their weights are widened once, at load."""


class OnnxEngine(VoiceEmbedder):
    """The graphs of an exported folder; each is opened when it is first needed."""

    calls_per_step = 1

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.folder, self.onnx = folder, config["onnx"]
        self.params = int(self.onnx["params"])
        needed = [self.onnx["files"][role] for role in RUN_FILES if role in self.onnx["files"]]
        for entry in needed:
            check_digest(folder / entry["name"], entry["sha256"])
        self.bytes = sum(int(entry["bytes"]) for entry in needed)
        self._sessions: dict[str, Any] = {}

    def embed(
        self, audio: Float[np.ndarray, " S"]
    ) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, " E"]]:
        """Return unit (identity, emotion)."""
        padded = np.pad(audio, (0, -len(audio) % VOICE_BLOCK_SAMPLES))
        identity, emotion = self._run("voice", waveform=padded[None])
        return identity[0], emotion[0]

    def fuse(
        self, identity: Float[np.ndarray, "B E"], emotion: Float[np.ndarray, "B E"]
    ) -> Float[np.ndarray, "B E"]:
        """Return the personalized embedding, row by row."""
        pairs = zip(identity, emotion, strict=True)
        rows = [self._run("fusion", identity=i[None], emotion=e[None])[0] for i, e in pairs]
        return np.concatenate(rows)

    def sample(
        self,
        audio: Float[np.ndarray, " S"],
        persona: Float[np.ndarray, "1 E"] | None,
        noise: Float[np.ndarray, "B F D"],
        steps: int,
    ) -> Float[np.ndarray, "B F D"]:
        """Run the unrolled sampler; `steps` are those it was exported with."""
        feeds = {} if persona is None else {"persona": persona}
        return self._run("model", waveform=audio[None], noise=noise, **feeds)[0]

    def _run(self, role: str, **feeds: np.ndarray) -> list[np.ndarray]:
        arrays = {name: np.asarray(value, np.float32) for name, value in feeds.items()}
        return self._session(role).run(None, arrays)

    def _session(self, role: str) -> Any:
        if role not in self._sessions:
            path = self.folder / self.onnx["files"][role]["name"]
            self._sessions[role] = open_session(path, self.onnx["scheme"] == WEIGHTS_ONLY)
        return self._sessions[role]


class OnnxStreamEngine(OnnxEngine):
    """The graphs of an exported streaming model."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder, config)
        self.memory: dict[str, Any] = self.onnx["stream"]["memory"]
        self.stream = StreamShape(**self.onnx["stream"]["shape"])
        self._styles: dict[bytes, np.ndarray] = {}

    def begin(self, rows: int) -> StreamState:
        """Return the memory of streams that have heard nothing; opens the graph for what comes."""
        self._session("stream")
        return build_memory(self.memory, rows)

    def advance(
        self,
        windows: Float[np.ndarray, "B N L"],
        persona: Float[np.ndarray, "B E"] | None,
        noise: Float[np.ndarray, "B K D"],
        state: StreamState,
    ) -> tuple[Float[np.ndarray, "B K D"], StreamState]:
        """Hear the next windows, make the next block of motion, remember."""
        feeds = {"windows": windows, "noise": noise, **state}
        if persona is not None:
            styles = [self._style(row) for row in persona]
            feeds["style"] = styles[0] if len(styles) == 1 else np.concatenate(styles)
        motion, *after = self._session("stream").run(None, feeds)
        return motion, dict(zip(state, after, strict=True))

    def _style(self, persona: Float[np.ndarray, " E"]) -> np.ndarray:
        """Return what the network takes of a persona, computed when it is first met."""
        key = persona.tobytes()
        if key not in self._styles:
            if len(self._styles) >= MOST_STYLES:
                self._styles.pop(next(iter(self._styles)))
            self._styles[key] = self._run("style", persona=persona[None])[0]
        return self._styles[key]


def open_session(path: Path, widen: bool = False) -> Any:
    """Open a graph on the CPU, on `OMP_NUM_THREADS` threads where that is set.

    Args:
        path: The ONNX file.
        widen: Turn int8 weights into float once, instead of on every call.

    Raises:
        UserError: onnxruntime is not installed, or cannot read the file.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise UserError(
            "--backend onnx needs onnxruntime, which is not installed; "
            "run `python -m pip install onnxruntime`"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
    options.log_severity_level = 3
    if widen:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise UserError(f"{path} cannot be run by onnxruntime: {str(error).strip()}") from error


def open_onnx(folder: Path, config: Mapping[str, Any]) -> OnnxEngine:
    """Open the ONNX files of an exported folder.

    Raises:
        UserError: The folder holds no export, or a file of it is missing or damaged.
    """
    if "onnx" not in config:
        raise UserError(
            f"{folder} has no ONNX files; run `python -m distill.export {folder} --to onnx-int8` "
            "and load the folder that this names"
        )
    kind = OnnxStreamEngine if "stream" in config["onnx"] else OnnxEngine
    return kind(Path(folder), config)
