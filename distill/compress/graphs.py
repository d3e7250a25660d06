"""The parts of a model as ONNX graphs: torch networks traced with dynamic lengths."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jaxtyping
import onnx
import torch
from jaxtyping import Float
from onnx import ModelProto
from torch import Tensor, nn
from torch.export import Dim

from distill.audio.mel import FFT_SAMPLES, LogMel
from distill.compress.framing import OPSET, chain, framing
from distill.compress.hoist import hoist
from distill.compress.tidy import quiet, tidy
from distill.diffusion.sampling import unrolled_sample
from distill.diffusion.schedule import step_grid
from distill.engines.eager import EagerStreamEngine
from distill.engines.onnx import VOICE_BLOCK_SAMPLES
from distill.errors import UserError
from distill.protocols import Denoiser, PersonaEmbedder
from distill.types import Conditions

EXAMPLE_FRAMES, EXAMPLE_ROWS = 38, 3
_LONGEST_FRAMES, _MOST_ROWS = 2**24, 2**12


class Hearing(nn.Module):
    """Windows of audio (1 N L), as `LogMel.windows` cuts them, to audio features (1 F A)."""

    def __init__(self, denoiser: Denoiser, mel: LogMel) -> None:
        super().__init__()
        self.denoiser, self.mel = denoiser, mel

    def forward(self, windows: Float[Tensor, "1 N L"]) -> Float[Tensor, "1 F A"]:
        """Encode the audio."""
        heard = self.mel.of_windows(windows)
        features = self.denoiser.prepare(Conditions(features=heard), heard.shape[1]).audio
        assert features is not None
        return features


class Moving(nn.Module):
    """Features, persona and noise to motion in rig units, all sampler steps unrolled."""

    mean: Tensor
    std: Tensor

    def __init__(self, denoiser: Denoiser, steps: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.denoiser, self.grid = denoiser, step_grid(steps)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(
        self,
        features: Float[Tensor, "1 F A"],
        noise: Float[Tensor, "B F D"],
        persona: Float[Tensor, "1 E"] | None = None,
    ) -> Float[Tensor, "B F D"]:
        """Sample with DDIM."""
        adapted = self.denoiser.prepare(Conditions(persona=persona), noise.shape[1]).persona
        cond = Conditions(audio=features, persona=adapted)
        cond = self.denoiser.expect(cond, noise.shape[1])
        motion = unrolled_sample(self.denoiser, noise, cond, self.grid)
        return motion * self.std + self.mean


class Voice(nn.Module):
    """Waveform (1 S), S a multiple of `VOICE_BLOCK_SAMPLES`, to unit identity and emotion (1 E)."""

    def __init__(self, embedder: PersonaEmbedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, waveform: Float[Tensor, "1 S"]) -> tuple[Tensor, Tensor]:
        """Embed who speaks and how."""
        return self.embedder.embed(waveform)


class Fusing(nn.Module):
    """Identity and emotion (1 E) to the personalized embedding (1 E)."""

    def __init__(self, embedder: PersonaEmbedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, identity: Float[Tensor, "1 E"], emotion: Float[Tensor, "1 E"]) -> Tensor:
        """Fuse them."""
        return self.embedder.fuse(identity, emotion)


def model_graphs(
    denoiser: Denoiser, *, steps: int, mean: Tensor, std: Tensor, persona_in: int | None
) -> dict[str, ModelProto]:
    """Return `encoder`, `denoiser` and both in one, `model`, of a denoiser.

    Args:
        denoiser: The network.
        steps: Sampler steps to unroll.
        mean: Mean of each motion channel.
        std: Deviation of each motion channel.
        persona_in: Size of the personalizer's embedding; None without one.

    Raises:
        UserError: The network's audio encoder does not start from log-mels.
    """
    mel = getattr(getattr(denoiser, "encoder", None), "mel", None)
    if not isinstance(mel, LogMel):
        raise UserError(
            "only models that hear log-mels can be exported to ONNX, and this one has another "
            "audio encoder; distil a student with audio.name=mel"
        )
    frames = Dim("frames", min=1, max=_LONGEST_FRAMES)
    windows = torch.randn(1, EXAMPLE_FRAMES * mel.per_frame, FFT_SAMPLES)
    hearing = trace(
        Hearing(denoiser, mel), {"windows": (windows, {1: mel.per_frame * frames})}, ["features"]
    )
    encoder = chain(framing(mel), hearing, "windows")
    inputs = {
        "features": (torch.randn(1, EXAMPLE_FRAMES, denoiser.audio_dim), {1: frames}),
        "noise": (
            torch.randn(EXAMPLE_ROWS, EXAMPLE_FRAMES, len(mean)),
            {0: Dim("rows", min=1, max=_MOST_ROWS), 1: frames},
        ),
    }
    if persona_in is not None:
        inputs["persona"] = (torch.randn(1, persona_in), {})
    moving = trace(Moving(denoiser, steps, mean, std), inputs, ["motion"])
    return {
        "model": chain(encoder, moving, "features"), "encoder": encoder, "denoiser": moving,
    }  # fmt: skip


def stream_graphs(engine: EagerStreamEngine, persona_in: int | None) -> dict[str, ModelProto]:
    """Return `stream`, one block of `Streaming`, and with personas `style`, what it takes of one.

    Memory is explicit: input `x` comes out as `x_next`. Rows are dynamic: streams can be batched.
    """
    rows = Dim("rows", min=2, max=_MOST_ROWS)
    shape, state = engine.stream, engine.begin(EXAMPLE_ROWS)
    windows = torch.randn(EXAMPLE_ROWS, shape.block_frames * shape.per_frame, FFT_SAMPLES)
    memory = [torch.from_numpy(value) for value in state.values()]
    heard, steps = memory[: -engine.steps], memory[-engine.steps :]
    noise = torch.randn(EXAMPLE_ROWS, shape.block_frames, engine.causal.motion_dim)
    inputs: dict[str, tuple[Any, Any]] = {
        "windows": (windows, {0: rows}),
        "noise": (noise, {0: rows}),
        "heard": (heard, [{0: rows} for _ in heard]),
        "steps": (steps, [{0: rows} for _ in steps]),
    }
    if persona_in is not None:
        inputs["persona"] = (torch.randn(EXAMPLE_ROWS, persona_in), {0: rows})
    whole = trace(engine.streaming, inputs, ["motion", *(f"{name}_next" for name in state)])
    if persona_in is None:
        return {"stream": whole}
    style, stream = hoist(tidy(whole), "persona", "style")
    return {"stream": stream, "style": style}


def persona_graphs(embedder: PersonaEmbedder) -> dict[str, ModelProto]:
    """Return `voice` (waveform to identity and emotion) and `fusion` of a personalizer."""
    frames = Dim("frames", min=1, max=_LONGEST_FRAMES)
    audio = 0.1 * torch.randn(1, EXAMPLE_FRAMES * VOICE_BLOCK_SAMPLES)
    waveform = {"waveform": (audio, {1: VOICE_BLOCK_SAMPLES * frames})}
    pair = {name: (torch.randn(1, embedder.embed_dim), {}) for name in ("identity", "emotion")}
    return {
        "voice": trace(Voice(embedder), waveform, ["identity", "emotion"]),
        "fusion": trace(Fusing(embedder), pair, ["persona"]),
    }


@contextmanager
def symbolic_sizes() -> Iterator[None]:
    """Let sizes be symbols while a network is traced, which tests would refuse as no `int`."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def trace(
    module: nn.Module, inputs: Mapping[str, tuple[Any, Any]], outputs: Sequence[str]
) -> ModelProto:
    """Return a module as an ONNX model whose named inputs have the dynamic axes given.

    An input is a tensor with its axes, or a list of tensors with a list of them; entry i of a list
    called `x` is named `x_i`.
    """
    names = []
    for name, (example, _) in inputs.items():
        several = isinstance(example, list)
        names += [f"{name}_{i}" for i in range(len(example))] if several else [name]
    with quiet(), symbolic_sizes():
        program = torch.onnx.export(
            module.eval(),
            kwargs={name: example for name, (example, _) in inputs.items()},
            dynamic_shapes={name: axes for name, (_, axes) in inputs.items()},
            input_names=names,
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.checker.check_model(model)
    return model
