"""A small network that moves while it hears: bounded look-ahead, a short memory of its own motion.

Idea: autoregressive diffusion whose condition is heard once per frame and whose denoising head is
small (StreamingTalker, arXiv 2511.14223); here the head takes one or two steps.
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
from distill.layers.blocks import ModulatedConvBlock, ModulatedPerceptron
from distill.layers.modulation import modulate
from distill.networks.conditioned import ConditionedDenoiser
from distill.protocols import BlockDenoiser
from distill.types import Conditions


class StreamDenoiser(ConditionedDenoiser, BlockDenoiser):
    """Causal convolutions over what is heard, then a perceptron per block that sees the noise.

    What is heard of a frame depends on neither noise nor step, so it is computed once (`prepare`,
    or `listen` as audio comes in). The head, run at every step, adds noisy motion and the frames
    before the block.

    Args:
        width: Hidden size, also of the audio encoder.
        blocks: Causal convolution blocks.
        kernel: Frames that one block mixes.
        expansion: Hidden size of the pointwise parts over `width`.
        head_blocks: Perceptron blocks per step.
        block_frames: Frames made at a time, K.
        history_frames: Frames of its own motion that a block looks back at, H.
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
        block_frames: int,
        history_frames: int,
        lookahead_ms: float | int,
        fps: float | int,
        audio: Mapping[str, Any],
        **common: Any,
    ):
        heard = {**audio, "lookahead_frames": 0}
        super().__init__(width=width, fps=fps, audio=heard, **common)
        if not isinstance(self.encoder, MelEncoder) or self.encoder.out_dim != width:
            raise UserError(
                f"a streaming student hears log-mels at its own width {width}; "
                f"use audio.name=mel and audio.width={width}"
            )
        if not (1 <= block_frames <= 8 and history_frames >= 1):
            raise UserError(
                f"block_frames={block_frames} is outside 1 to 8, or "
                f"history_frames={history_frames} is below 1"
            )
        self.block_frames, self.history_frames = block_frames, history_frames
        self.shift_frames = shift_of(lookahead_ms, fps, self.encoder)
        self.blocks = nn.ModuleList(
            ModulatedConvBlock(width, kernel, 0, expansion, self.persona_dim) for _ in range(blocks)
        )
        self.history_flag.requires_grad_(False)  # it looks back through `past` instead
        self.past = nn.Sequential(
            nn.Linear(history_frames * self.motion_dim, width), nn.GELU(), nn.Linear(width, width)
        )
        self.place = nn.Parameter(torch.zeros(block_frames, width))
        self.head = nn.ModuleList(
            ModulatedPerceptron(width, expansion, self.persona_dim) for _ in range(head_blocks)
        )

    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Mix what is heard over past frames."""
        for block in self.blocks:
            h = block(h, c)
        return h

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Hear `frames` frames, the look-ahead beyond them as far as the audio goes."""
        if cond.audio is None and cond.features is None:
            return super().prepare(cond, frames)
        mel = self._encoder.mel
        features = cond.features
        if features is None or features.shape[-1] != mel.out_dim:
            assert cond.audio is not None
            features = mel(cond.audio, frames + max(self.shift_frames, 0))
        features = self._shifted(features, frames)
        adapted = super().prepare(replace(cond, audio=None, features=features), features.shape[1])
        assert adapted.audio is not None
        h = adapted.audio + self._posture(adapted, len(features))[:, None]
        h = self.trunk(h, fn.silu(self.persona.or_null(adapted, len(features))))
        return replace(adapted, audio=h[:, max(self.shift_frames, 0) :])

    def initial_state(self, rows: int) -> tuple[Tensor, Tensor]:
        """Return the memory of a stream that has heard nothing: levels, the pasts of all blocks."""
        levels, *pasts = self._encoder.initial_state(rows)
        blocks = cast(Iterable[ModulatedConvBlock], self.blocks)
        pasts += [levels.new_zeros(rows, b.mix.left, self.place.shape[1]) for b in blocks]
        return levels, torch.cat(pasts, 1)  # few tensors: each costs when it goes in and out

    def listen(
        self,
        windows: Float[Tensor, "B N L"],
        persona: Float[Tensor, "B E"] | None,
        state: tuple[Tensor, ...],
    ) -> tuple[Float[Tensor, "B K A"], tuple[Tensor, ...]]:
        """Hear the windows of the next frames."""
        levels, joined = state
        blocks = list(cast(Iterable[ModulatedConvBlock], self.blocks))
        own = self._encoder.pasts()
        pasts = joined.split([*own, *(block.mix.left for block in blocks)], 1)
        features, (levels, *after) = self._encoder.step(windows, (levels, *pasts[: len(own)]))
        cond = Conditions(persona=persona)
        h = features + self._posture(cond, windows.shape[0])[:, None]
        c = fn.silu(self.persona.or_null(cond, windows.shape[0]))
        for block, past in zip(blocks, pasts[len(own) :], strict=True):
            h, past = block.step(h, c, past)
            after.append(past)
        return h, (levels, torch.cat(after, 1))

    def forward(
        self, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
    ) -> Float[Tensor, "B F D"]:
        """Predict every block from its noise, what is heard, and the frames before the block."""
        rows, frames = z.shape[:2]
        known = self.audio_in(self._audio(cond, rows, frames))
        h = self.motion_in(z * self.seen) + (known + self._looked_back(cond.history, rows, frames))
        c = fn.silu(self.step(t) + self.persona.or_null(cond, rows))
        for block in self.head:
            h = block(h, c)
        shift, scale = self.out_modulation(c)
        return self.out(modulate(h, shift, scale))

    def _looked_back(self, history: Tensor | None, rows: int, frames: int) -> Tensor:
        """Return what each frame takes from the frames before its block (B F W)."""
        size, seen = self.block_frames, self.history_frames
        blocks = -(-frames // size)
        if history is None:
            history = self.place.new_zeros(rows, seen + (blocks - 1) * size, self.motion_dim)
        if missing := seen + (blocks - 1) * size - history.shape[1]:
            history = fn.pad(history, (0, 0, 0, missing))
        before = history.unfold(1, seen, size).transpose(2, 3).flatten(2)
        past = self.past(before)[:, :, None] + self.place
        return past.flatten(1, 2)[:, :frames]

    def _posture(self, cond: Conditions, rows: int) -> Tensor:
        return self.posture_in(self.persona.or_null(cond, rows))

    def _shifted(self, features: Tensor, frames: int) -> Tensor:
        """Put silence before features that motion waits for, or where the look-ahead ends."""
        mel, shift = self._encoder.mel, self.shift_frames
        window = mel.window.new_zeros(1, mel.per_frame, len(mel.window))
        missing = max(frames + shift - features.shape[1], 0)
        before, after = (
            mel.of_windows(window).expand(len(features), count, -1)
            for count in (max(-shift, 0), missing)
        )
        return torch.cat([before, features, after], 1)[:, : frames + max(shift, 0)]

    @property
    def _encoder(self) -> MelEncoder:
        return cast(MelEncoder, self.encoder)


def shift_of(lookahead_ms: float | int, fps: float | int, encoder: MelEncoder) -> int:
    """Return by how many frames hearing may be ahead so that a frame waits `lookahead_ms` at most.

    Windows of a frame reach beyond the frame itself, so without any waiting frames must lag.

    Raises:
        UserError: The look-ahead is negative or over a second.
    """
    if not 0 <= lookahead_ms <= 1000:
        raise UserError(f"lookahead_ms={lookahead_ms} is outside 0 to 1000")
    return math.floor((lookahead_ms / 1000 - encoder.mel.grid.reach_s()) * fps + 1e-9)
