"""A small causal network that moves while it hears, within a bounded look-ahead.

Idea: what is heard is computed once per frame, the trunk that denoises is small (StreamingTalker,
arXiv 2511.14223). There, blocks are denoised one after the other and look back at finished motion;
here every sampler step is a causal network over its own noisy motion, so that a stream is the same
function as one pass over a whole clip, and nothing made can be fed back and drift.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as fn

from distill.audio.encoders import MelEncoder
from distill.errors import UserError
from distill.layers.blocks import ModulatedConvBlock
from distill.networks.conditioned import ConditionedDenoiser, through
from distill.protocols import CausalDenoiser
from distill.types import Conditions
from students.stream.memory import Memory, MemoryShape


class StreamDenoiser(ConditionedDenoiser, CausalDenoiser):
    """Causal convolutions over what is heard, then causal convolutions over noisy motion.

    What is heard of a frame, and the mean that it lets expect, depend on neither noise nor step, so
    both are computed once (`prepare`, or `hear` as audio comes in). The trunk runs at every step.

    Args:
        width: Hidden size, also of the audio encoder.
        blocks: Convolution blocks over what is heard.
        kernel: Frames that one of them mixes.
        expansion: Hidden size of the pointwise parts over `width`.
        head_blocks: Convolution blocks over noisy motion, run at every step.
        head_kernel: Frames that one of those mixes.
        block_frames: Frames that a stream makes at a time, K.
        lookahead_ms: Sound after a frame's time that its motion may depend on, at most.
        fps: Motion frames per second.
        audio: Keyword arguments of the log-mel encoder.
        common: Further arguments of `ConditionedDenoiser`.

    Raises:
        UserError: The encoder is not made of log-mels or is of another width, or a number is
            outside its range.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        kernel: int,
        expansion: int,
        head_blocks: int,
        head_kernel: int,
        block_frames: int,
        lookahead_ms: float | int,
        fps: float | int,
        audio: Mapping[str, Any],
        **common: Any,
    ):
        heard = {**audio, "lookahead_frames": 0}
        super().__init__(width=width, fps=fps, audio=heard, bounded=True, **common)
        if not isinstance(self.encoder, MelEncoder) or self.encoder.out_dim != width:
            raise UserError(
                f"a streaming student hears log-mels at its own width {width}; "
                f"use audio.name=mel and audio.width={width}"
            )
        if not 1 <= block_frames <= 8:
            raise UserError(f"block_frames={block_frames} is outside 1 to 8")
        self.width, self.block_frames = width, block_frames
        self.shift_frames = shift_of(lookahead_ms, fps, self.encoder)
        self.heard, self.head = (
            nn.ModuleList(
                ModulatedConvBlock(width, size, 0, expansion, self.persona_dim)
                for _ in range(count)
            )
            for count, size in ((blocks, kernel), (head_blocks, head_kernel))
        )

    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Mix noisy motion, and what is heard, over past frames."""
        return through(self.head, h, c)

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Hear `frames` frames, the look-ahead beyond them as far as the audio goes."""
        count, raw = frames + self.early_frames, cond
        if cond.audio is not None or cond.features is not None:
            raw = replace(cond, audio=None, features=self._mels(cond, frames))
        made = self.encode(raw, count)
        rows = next((len(v) for v in (made.audio, made.persona) if v is not None), 1)
        c = fn.silu(self.persona.or_null(made.persona, rows))
        h = through(self.heard, self._audio(made.audio, rows, count), c)
        made = self.expect(replace(made, audio=h), count)
        mean = None if made.mean is None else made.mean[:, self.early_frames :]
        return replace(made, audio=h[:, self.early_frames :], mean=mean)

    def conditions(self) -> list[nn.Module | nn.Parameter]:
        """Return what depends on neither noise nor step, what mixes what is heard included."""
        return [*super().conditions(), self.heard]

    def initial_state(self, rows: int, steps: int) -> tuple[Tensor, ...]:
        """Return the memory of a stream that has heard nothing.

        That is the encoder's levels, all else that `hear` remembers, and the memory of each step.
        """
        levels, zeros = self._encoder.mel.initial_levels(rows), self.null_audio.new_zeros
        shapes = [self._hearing_shape, *[self._step_shape] * steps]
        return levels, *(zeros(rows, sum(shape.sizes)) for shape in shapes)

    def hear(
        self,
        windows: Float[Tensor, "B N L"],
        persona: Float[Tensor, "B E"] | None,
        state: tuple[Tensor, ...],
    ) -> tuple[Conditions, tuple[Tensor, ...]]:
        """Hear the windows of the next frames: their conditions, and the memory after them."""
        levels, memory = state[0], Memory(self._hearing_shape, state[1])
        adapted = None if persona is None else self.persona(persona)
        pasts = [next(memory.convolved) for _ in self._encoder.pasts()]
        h, (levels, *memory.after) = self._encoder.step(windows, (levels, *pasts))
        rows = windows.shape[0]  # `len` would fix the rows of a traced graph
        known = self.persona.or_null(adapted, rows)
        h = memory.through(_blocks(self.heard), h, fn.silu(known))
        mean = None
        if self.residual:
            blocks = _blocks(self.mean.blocks)
            mean = self.mean.of_blocks(h, known, lambda h, c: memory.through(blocks, h, c))
            mean = memory.smooth(mean, self.kernels)
        return Conditions(audio=h, persona=adapted, mean=mean), (levels, memory.kept())

    def denoise(
        self,
        z: Float[Tensor, "B K D"],
        t: Float[Tensor, " B"],
        cond: Conditions,
        state: Tensor,
    ) -> tuple[Float[Tensor, "B K D"], Tensor]:
        """Return what `forward` returns for the next frames, and the memory of this step."""
        memory, blocks = Memory(self._step_shape, state), _blocks(self.head)
        out = self.predict(
            z,
            t,
            cond,
            trunk=lambda h, c: memory.through(blocks, h, c),
            smooth=lambda x: memory.smooth(x, self.kernels),
        )
        return out, memory.kept()

    def _mels(self, cond: Conditions, frames: int) -> Float[Tensor, "B F M"]:
        """Return log-mels of all frames that are heard, `early_frames` before motion begins.

        Frames before the first and after the audio are silent.
        """
        mel, ahead = self._encoder.mel, max(self.shift_frames, 0)
        features = cond.features
        if features is None or features.shape[-1] != mel.out_dim:
            assert cond.audio is not None
            features = mel(cond.audio, frames + ahead)
        before = self.early_frames - self.shift_frames
        missing = max(frames + self.shift_frames - features.shape[1], 0)
        silence = mel.of_windows(mel.window.new_zeros(1, mel.per_frame, len(mel.window)))
        before, after = (silence.expand(len(features), n, -1) for n in (before, missing))
        return torch.cat([before, features, after], 1)[:, : frames + self.early_frames]

    @property
    def _hearing_shape(self) -> MemoryShape:
        means = _blocks(self.mean.blocks) if self.residual else []
        lefts = [block.mix.left for block in (*_blocks(self.heard), *means)]
        return self._shape((*self._encoder.pasts(), *lefts), smooth=self.residual)

    @property
    def _step_shape(self) -> MemoryShape:
        return self._shape([block.mix.left for block in _blocks(self.head)], smooth=True)

    def _shape(self, pasts: Iterable[int], *, smooth: bool) -> MemoryShape:
        return MemoryShape(
            pasts=tuple(pasts),
            width=self.width,
            taps=len(self.kernels) if smooth else 1,
            channels=self.motion_dim,
        )

    @property
    def _encoder(self) -> MelEncoder:
        return cast(MelEncoder, self.encoder)


def _blocks(modules: nn.Module) -> list[ModulatedConvBlock]:
    return list(cast(Iterable[ModulatedConvBlock], modules))


def shift_of(lookahead_ms: float | int, fps: float | int, encoder: MelEncoder) -> int:
    """Return by how many frames hearing may be ahead so that a frame waits `lookahead_ms` at most.

    Windows of a frame reach beyond the frame itself, so without any waiting frames must lag.

    Raises:
        UserError: The look-ahead is negative or over a second.
    """
    if not 0 <= lookahead_ms <= 1000:
        raise UserError(f"lookahead_ms={lookahead_ms} is outside 0 to 1000")
    return math.floor((lookahead_ms / 1000 - encoder.mel.grid.reach_s()) * fps + 1e-9)
