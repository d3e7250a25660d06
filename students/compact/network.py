"""A small convolutional denoiser: few operations per frame, and a receptive field that is exact."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from distill.layers.blocks import ModulatedConvBlock
from distill.layers.conv import split_lookahead
from distill.networks.conditioned import ConditionedDenoiser


class CompactDenoiser(ConditionedDenoiser):
    """Denoiser made of modulated ConvNeXt blocks (arXiv 2201.03545) over frames.

    Args:
        width: Hidden size.
        blocks: Number of blocks.
        kernel: Frames that one block mixes (odd).
        expansion: Hidden size of the pointwise part over `width`.
        lookahead_frames: Future frames the trunk may use; None shares the kernel out evenly.
        common: Arguments of `ConditionedDenoiser`.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        kernel: int,
        expansion: int,
        lookahead_frames: int | None = None,
        **common: Any,
    ):
        super().__init__(width=width, bounded=lookahead_frames is not None, **common)
        rights = split_lookahead(lookahead_frames, blocks, kernel)
        self.blocks = nn.ModuleList(
            ModulatedConvBlock(width, kernel, right, expansion, self.persona_dim)
            for right in rights
        )

    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Run the blocks."""
        for block in self.blocks:
            h = block(h, c)
        return h
