"""The models that a server offers, and what a page needs to run one by itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill.audio.grid import FFT_SAMPLES, HALF_WINDOW_SAMPLES
from distill.engines.engine import StreamingEngine, describe_memory
from distill.errors import UserError
from distill.folder import find_model, read_config, runs_on, shipped_models
from distill.live.wire import Header
from distill.stream import MotionStream
from distill.talker import Persona, Talker, load
from distill.units import SAMPLE_RATE_HZ


@dataclass(frozen=True, kw_only=True)
class Served:
    """One model: its name, its folder, and itself."""

    name: str
    folder: Path
    talker: Talker

    @property
    def streams(self) -> bool:
        """Whether it can move while it hears."""
        return isinstance(self.talker.engine, StreamingEngine)

    def open(self, header: Header) -> MotionStream:
        """Open a stream as a client asks for it.

        Raises:
            UserError: The model cannot stream, or persona or emotion are unknown.
        """
        stream = self.talker.stream(
            persona=self.known(header.persona), emotion=header.emotion, strength=header.strength,
            seed=header.seed,
        )  # fmt: skip
        stream.tune(header.sample_rate)
        return stream

    def known(self, persona: str | None) -> Persona | str | None:
        """Return a persona of the bank by name: what a client sends is never taken for a path.

        Raises:
            UserError: The bank has no such persona.
        """
        bank = self.talker.bank
        if persona is None or bank is None:
            return persona
        return Persona(identity=bank.pick(persona), emotion=bank.neutral_emotion)

    def file(self, name: str) -> Path | None:
        """Return a file of the model that clients may have, None for any other name."""
        return self.folder / name if name in self._files().values() else None

    def describe(self) -> dict[str, Any]:
        """Return all that running the model elsewhere needs, as JSON values."""
        talker = self.talker
        files = {role: f"/model/{n}?model={self.name}" for role, n in self._files().items()}
        return {
            "name": self.name,
            "rig": talker.config["rig"],
            "channels": list(talker.channels),
            "rotations": talker.rotations,
            "fps": talker.fps,
            "sample_rate": SAMPLE_RATE_HZ,
            "level": float(talker.config["noise"]),
            "seed": 0,
            "steps": [talker.steps],
            "bytes": talker.bytes,
            "params": talker.params,
            "files": files,
            **self._personas(),
            **self._stream(),
        }

    def _stream(self) -> dict[str, Any]:
        engine = self.talker.engine
        if not isinstance(engine, StreamingEngine):
            return {"stream": None, "delay_ms": None, "latency_frames": None}
        stream, memory = self.talker.stream(), describe_memory(engine.begin(1))
        windows = {"fft_samples": FFT_SAMPLES, "half_window_samples": HALF_WINDOW_SAMPLES}
        return {
            "stream": asdict(engine.stream) | windows | {"memory": memory},
            "delay_ms": 1000.0 * stream.delay_s,
            "latency_frames": stream.latency_frames,
        }

    def _personas(self) -> dict[str, Any]:
        bank = self.talker.bank
        if bank is None:
            return {"personas": {}, "emotions": {}}
        return {
            "personas": dict(zip(bank.identities, bank.identity.tolist(), strict=True)),
            "emotions": dict(zip(bank.emotions, bank.emotion.tolist(), strict=True)),
            "average_identity": bank.average_identity.tolist(),
            "neutral_emotion": bank.neutral_emotion.tolist(),
        }

    def _files(self) -> dict[str, str]:
        """Return files by role; names that would leave the folder are none."""
        entries = self.talker.config.get("onnx", {}).get("files", {})
        names = {role: str(entry["name"]) for role, entry in entries.items()}
        return {role: name for role, name in names.items() if Path(name).name == name}


class Models:
    """Models by name; the first one is used where none is named.

    Raises:
        UserError: A folder cannot be opened, or two have one name.
    """

    def __init__(self, names: Sequence[str], backend: str | None) -> None:
        served = [_open(name, backend) for name in names or shipped_models()]
        if not names:
            served.sort(key=lambda model: not model.streams)
        self.by_name = {model.name: model for model in served}
        if not served or len(self.by_name) < len(served):
            found = ", ".join(model.name for model in served) or "none"
            raise UserError(f"--model: every model needs a name of its own (given: {found})")
        self.first = served[0]

    def pick(self, name: str | None) -> Served:
        """Return a model by name, the first for None; an unknown name is a `UserError`."""
        if name is not None and name not in self.by_name:
            raise UserError(f"unknown model {name!r}; known here: {', '.join(self.by_name)}")
        return self.first if name is None else self.by_name[name]


def _open(name: str, backend: str | None) -> Served:
    folder = find_model(name)
    exported = "onnx" in read_config(folder) or runs_on(folder) == "onnx"
    talker = load(folder, backend or ("onnx" if exported else "torch"))
    return Served(name=folder.resolve().name, folder=folder, talker=talker)
