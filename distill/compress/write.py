"""Writes exported model folders: ONNX or fp16 files, their hashes, and what the export costs."""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto
from safetensors import safe_open
from safetensors.numpy import save_file

from distill.audio.frames import frames_for
from distill.compress import FP16, INT8
from distill.compress.framing import OPSET
from distill.compress.graphs import model_graphs, persona_graphs, stream_graphs
from distill.compress.parity import Parity, Sample, compare
from distill.compress.quantize import SCHEMES, quantize
from distill.compress.tidy import strip, tidy
from distill.compress.timing import milliseconds
from distill.engines.eager import EagerEngine, EagerStreamEngine
from distill.engines.engine import describe_memory
from distill.engines.onnx import WEIGHTS_ONLY
from distill.errors import UserError
from distill.folder import BANK, CONFIG, NOISE, WEIGHTS, file_digest
from distill.storage import read_json, write_json
from distill.talker import Talker, load

PARITY = "parity.json"
LIMIT_PERCENT = 2.0
MOTION_LIMIT_PERCENT = 5.0
"""A lip error that sees lips alone lets blinks and heads go elsewhere: int8 activations moved a
student's face by half of its own movement and lowered its lip error."""
MOST_STEPS = 8
CALIBRATION_CLIPS = 8


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What an export is judged on.

    Attributes:
        clips: Test clips with real motion.
        recordings: Real recordings, without motion.
        calibration: Audio (S,) of training clips, for the ranges of int8 activations.
    """

    clips: Sequence[Sample]
    recordings: Sequence[Sample] = ()
    calibration: Sequence[np.ndarray] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A written form of a model and what it costs.

    Attributes:
        folder: Where it lies.
        scheme: How it is quantized; empty for float.
        bytes: Size of the files that running it needs.
        milliseconds: Waveform to motion, 10 s of audio, one thread of this machine.
        clips: Comparison on clips with real motion.
        recordings: Comparison on real recordings.
    """

    folder: Path
    scheme: str
    bytes: int
    milliseconds: float
    clips: Parity | None
    recordings: Parity | None

    @property
    def lve_change_percent(self) -> float:
        """How much the lip vertex error rose; 0 where it cannot be known."""
        change = None if self.clips is None else self.clips.lve_change_percent
        return change or 0.0

    @property
    def motion_change_percent(self) -> float:
        """How far motion differs, in percent of how far it moves; the largest of what is known."""
        kinds = (self.clips, self.recordings)
        return max((kind.motion_change_percent for kind in kinds if kind is not None), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """Return everything but the folder as plain values."""
        plain = {k: v for k, v in vars(self).items() if k != "folder"}
        kinds = ("clips", "recordings")
        return plain | {k: plain[k] and plain[k].as_json() for k in kinds}


def export(source: Path, form: str, out: Path, trial: Trial, *, force: bool = False) -> Any:
    """Write a compressed form of a model folder and return its parity, which lies there too.

    Of int8, every scheme is tried; the fastest on this machine within the limits is kept. Files
    are moved in place at the end, the config last.

    Args:
        source: A model folder with torch weights.
        form: One of `FORMS`.
        out: The folder to write; `source` itself is possible for ONNX.
        trial: Clips to compare on.
        force: Write the model even when its lip vertex error rises beyond the limit.

    Raises:
        UserError: The model cannot be exported, or its motion or lip error changes too much.
    """
    reference = load(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".tmp-") as name:
        work = Path(name)
        if form == FP16:
            _write_half(source, reference, work)
            found = [judge(reference, work, "torch", trial)]
        else:
            graphs, found = _graphs(reference), []
            schemes = SCHEMES if "model" in graphs else (WEIGHTS_ONLY,)
            for scheme in schemes if form == INT8 else ("",):
                folder = work / (scheme or "float")
                _write_onnx(source, reference, graphs, scheme, folder, trial)
                found.append(judge(reference, folder, "onnx", trial))
        best = choose(found, form, force=force)
        report = {"form": form, "chosen": best.scheme, "tried": [c.as_json() for c in found]}
        write_json(best.folder / PARITY, report)
        _move(best.folder, out)
    return report


def judge(reference: Talker, folder: Path, backend: str, trial: Trial) -> Candidate:
    """Measure a written form against the model it was made of."""
    made = load(folder, backend)
    return Candidate(
        folder=folder,
        scheme=made.config["onnx"]["scheme"] if backend == "onnx" else "",
        bytes=made.bytes,
        milliseconds=milliseconds(folder, backend),
        clips=compare(reference, made, trial.clips),
        recordings=compare(reference, made, trial.recordings),
    )


def choose(found: Sequence[Candidate], form: str, *, force: bool) -> Candidate:
    """Return the fastest candidate within the limits, or by force the truest of all.

    Raises:
        UserError: All move otherwise or raise the lip vertex error by more than the limits, and no
            force is used.
    """
    alike = [c for c in found if c.motion_change_percent <= MOTION_LIMIT_PERCENT]
    allowed = [c for c in alike if c.lve_change_percent <= LIMIT_PERCENT]
    if allowed:
        return min(allowed, key=lambda c: c.milliseconds)
    truest = min(alike or found, key=lambda c: (c.lve_change_percent, c.motion_change_percent))
    if not force and not alike:
        raise UserError(
            f"{form} changes motion by {truest.motion_change_percent:.2f} % of how far it moves "
            f"(limit {MOTION_LIMIT_PERCENT:g} %), so nothing was written; use --to onnx, or add "
            "--force"
        )
    if not force:
        raise UserError(
            f"{form} raises the lip vertex error by {truest.lve_change_percent:.2f} % (limit "
            f"{LIMIT_PERCENT:g} %), so nothing was written; use --to onnx, or add --force"
        )
    return truest


def _graphs(reference: Talker) -> dict[str, ModelProto]:
    """Return the graphs of a model, tidy, in float."""
    engine = reference.engine
    assert isinstance(engine, EagerEngine)
    if reference.steps > MOST_STEPS:
        raise UserError(
            f"this model takes {reference.steps} sampler steps and at most {MOST_STEPS} are "
            "unrolled into a graph; export a student of fewer steps"
        )
    embedder = None if reference.bank is None else engine.embedder
    persona_in = None if embedder is None else embedder.embed_dim
    if isinstance(engine, EagerStreamEngine):
        graphs = stream_graphs(engine, persona_in)
    else:
        graphs = model_graphs(
            engine.denoiser,
            steps=reference.steps,
            mean=engine.mean,
            std=engine.std,
            persona_in=persona_in,
        )
    if embedder is not None:
        graphs |= persona_graphs(embedder)
    return {role: tidy(graph) for role, graph in graphs.items()}


def _write_onnx(
    source: Path,
    reference: Talker,
    graphs: Mapping[str, ModelProto],
    scheme: str,
    folder: Path,
    trial: Trial,
) -> None:
    """Write the graphs of one scheme (empty: float) with bank and config."""
    folder.mkdir()
    files: dict[str, Any] = {}
    for role, graph in graphs.items():
        made = onnx.ModelProto()
        made.CopyFrom(graph)
        if scheme:
            whole = role in ("model", "encoder", "denoiser")
            feeds = _feeds(reference, trial.calibration, graphs["encoder"], role) if whole else ()
            made = quantize(graph, scheme if whole else WEIGHTS_ONLY, feeds)
        strip(made)
        onnx.helper.set_model_props(made, _properties(reference, scheme))
        name = f"{role}.int8.onnx" if scheme else f"{role}.onnx"
        onnx.save(made, folder / name)
        files[role] = _entry(folder / name)
    if reference.bank is not None:
        arrays, _ = reference.bank.state()
        save_file({f"tensor.bank.{k}": v for k, v in arrays.items()}, folder / BANK)
        files["bank"] = _entry(folder / BANK)
    save_file({"tensor.noise": reference.noise.taps.astype(np.float32)}, folder / NOISE)
    files["noise"] = _entry(folder / NOISE)
    config = read_json(source / CONFIG)
    config["any_steps"] = False  # they are unrolled
    config["onnx"] = {
        "opset": OPSET,
        "precision": "int8" if scheme else "fp32",
        "scheme": scheme,
        "params": reference.params,
        "files": files,
    }
    if isinstance(reference.engine, EagerStreamEngine):
        config["onnx"]["stream"] = {
            "shape": asdict(reference.engine.stream),
            "memory": describe_memory(reference.engine.begin(1)),
        }
    write_json(folder / CONFIG, config)


def _properties(reference: Talker, scheme: str) -> dict[str, str]:
    config = reference.config
    return {
        "opset": str(OPSET),
        "steps": str(reference.steps),
        "rig": str(config["rig"]),
        "fps": f"{reference.fps:g}",
        "sample_rate_hz": str(config["sample_rate_hz"]),
        "precision": scheme or "fp32",
        "channels": ",".join(reference.channels),
        "bounded": "clip all but head channels to 0..1" if config["bounded"] else "no",
    }


def _feeds(
    reference: Talker, audios: Iterable[np.ndarray], encoder: ModelProto, role: str
) -> Iterable[dict[str, np.ndarray]]:
    """Yield what a graph is fed with on clips."""
    import onnxruntime

    session = None
    for seed, audio in enumerate(audios):
        frames = frames_for(len(audio), reference.fps)
        feeds: dict[str, np.ndarray] = {"waveform": audio[None].astype(np.float32)}
        if role == "denoiser":
            session = session or onnxruntime.InferenceSession(encoder.SerializeToString())
            feeds = {"features": np.asarray(session.run(None, feeds)[0])}
        if role != "encoder":
            level = np.float32(reference.config["noise"])
            feeds["noise"] = level * reference.noise.draw([seed], frames)
            persona = reference.persona(audio)
            feeds |= {} if persona is None else {"persona": persona}
        yield feeds


def _write_half(source: Path, reference: Talker, folder: Path) -> None:
    """Store the networks' weights in fp16; statistics and bank stay float."""
    with safe_open(str(source / WEIGHTS), framework="np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = file.metadata()
    half = {
        name: value.astype(np.float16)
        if value.dtype == np.float32 and not name.startswith("tensor.")
        else value
        for name, value in weights.items()
    }
    save_file(half, folder / WEIGHTS, metadata=header)
    config = {k: v for k, v in reference.config.items() if k != "onnx"}
    write_json(folder / CONFIG, config | {"sha256": file_digest(folder / WEIGHTS)})


def _entry(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_digest(path)}


def _move(folder: Path, out: Path) -> None:
    """Move all files to their place, the config last."""
    out.mkdir(exist_ok=True)
    last: Callable[[Path], bool] = lambda path: path.name == CONFIG  # noqa: E731
    for path in sorted((p for p in folder.iterdir() if p.is_file()), key=last):
        os.chmod(path, 0o644)
        os.replace(path, out / path.name)
