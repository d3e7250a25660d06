"""The trainable log-mel encoder, and the one place that turns an encoder's name into a module."""

import difflib
from collections.abc import Iterable
from typing import Any, cast

from jaxtyping import Float
from torch import Tensor, nn

from distill.audio.backbones import BACKBONES, load_backbone
from distill.audio.frozen import FrozenEncoder, refuse_lookahead
from distill.audio.mel import LogMel
from distill.errors import UserError
from distill.layers.conv import ConvBlock, split_lookahead
from distill.protocols import AudioEncoder
from distill.types import Conditions

ENCODERS = ("mel", *BACKBONES)


class MelEncoder(AudioEncoder):
    """Log-mel, a projection and convolution blocks over frames, normalized.

    Given `cond.features` as wide as the log-mel (320) it takes them for the log-mel itself, so
    that networks trained side by side can share it; otherwise it starts from `cond.audio`.

    Attributes:
        out_dim: `width`.
        lookahead_frames: Motion frames after k that feature k depends on. The log-mel window adds
            up to 12.5 ms to the last of them.
        lookback_frames: The same before k, not counting the level memory of `LogMel`.
    """

    def __init__(
        self,
        *,
        fps: float | int,
        width: int,
        blocks: int,
        lookahead_frames: int | None = None,
        kernel: int = 7,
        expansion: int = 2,
        per_frame: int = 4,
        mels: int = 80,
    ) -> None:
        super().__init__()
        rights = split_lookahead(lookahead_frames, blocks, kernel)
        self.out_dim, self.lookahead_frames = width, sum(rights)
        self.lookback_frames = blocks * (kernel - 1) - sum(rights)
        self.mel = LogMel(fps, per_frame, mels)
        self.project = nn.Linear(self.mel.out_dim, width)
        self.blocks = nn.Sequential(
            *(ConvBlock(width, kernel, right, expansion) for right in rights)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, cond: Conditions, frames: int) -> Float[Tensor, "B F A"]:
        """Encode the first `frames` motion frames of `cond.audio` (or of shared log-mels)."""
        features = cond.features
        if features is None or features.shape[-1] != self.mel.out_dim:
            if cond.audio is None:
                raise ValueError("MelEncoder needs cond.audio")
            features = self.mel(cond.audio, frames)
        return self.norm(self.blocks(self.project(features[:, :frames])))

    def initial_state(self, rows: int) -> tuple[Tensor, ...]:
        """Return the memory of a stream that has heard nothing: levels, then a past per block."""
        zeros = self.project.weight.new_zeros
        pasts = [zeros(rows, frames, self.out_dim) for frames in self.pasts()]
        return self.mel.initial_levels(rows), *pasts

    def pasts(self) -> list[int]:
        """Return how many past frames each block remembers."""
        return [block.conv.left for block in cast(Iterable[ConvBlock], self.blocks)]

    def step(
        self, windows: Float[Tensor, "B N L"], state: tuple[Tensor, ...]
    ) -> tuple[Float[Tensor, "B K A"], tuple[Tensor, ...]]:
        """Encode the windows of the next frames; only encoders without look-ahead can."""
        features, levels = self.mel.step(windows, state[0])
        h, pasts = self.project(features), []
        for block, past in zip(cast(Iterable[ConvBlock], self.blocks), state[1:], strict=True):
            h, past = block.step(h, past)
            pasts.append(past)
        return self.norm(h), (levels, *pasts)


def build_encoder(
    *,
    name: str,
    fps: float | int,
    width: int,
    blocks: int,
    lookahead_frames: int | None = None,
    **kwargs: Any,
) -> AudioEncoder:
    """Build the encoder called `name`: mel, hubert, wav2vec2 or wavlm.

    A backbone is loaded from `path` (a folder or a hub id), unless `backbone_config` is given:
    then it gets random weights, to be replaced by those of an artifact.

    Raises:
        UserError: There is no such encoder, or its weights cannot be had.
    """
    common = {"fps": fps, "width": width, "blocks": blocks, **kwargs}
    if name == "mel":
        return MelEncoder(lookahead_frames=lookahead_frames, **common)
    if name in BACKBONES:
        refuse_lookahead(name, lookahead_frames)
        path = common.pop("path", None)
        if common.get("backbone_config") is None:
            common["backbone"] = load_backbone(name, path)
        return FrozenEncoder(name=name, **common)
    close = difflib.get_close_matches(name, ENCODERS, n=1, cutoff=0)[0]
    raise UserError(
        f"audio={name} is unknown; did you mean {close}? (one of {', '.join(ENCODERS)})"
    )
