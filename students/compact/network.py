"""A small convolutional denoiser: few operations per frame, and a receptive field that is exact."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as fn

from distill.layers.conv import DepthwiseConv1d, split_lookahead
from distill.layers.modulation import Modulation, modulate
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
        super().__init__(width=width, **common)
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


class ModulatedConvBlock(nn.Module):
    """Depthwise convolution over frames, then a modulated pointwise perceptron."""

    def __init__(self, width: int, kernel: int, right: int, expansion: int, cond_dim: int):
        super().__init__()
        self.mix = DepthwiseConv1d(width, kernel, right)
        self.modulation = Modulation(width, cond_dim, 3)
        nn.init.ones_(self.modulation.project.bias[2 * width :])
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Update every frame."""
        shift, scale, gate = self.modulation(c)
        mixed = modulate(self.mix(h), shift, scale)
        return h + gate * self.down(fn.gelu(self.up(mixed)))
