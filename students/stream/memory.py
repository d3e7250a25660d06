"""What causal layers remember of a stream, in one tensor: small graphs cost by the tensor."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from distill.layers.blocks import ModulatedConvBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShape:
    """How a memory (B P) is made up: past frames of each convolution, then of a smoothing filter.

    Attributes:
        pasts: Past frames that each convolution sees, in the order of use.
        width: Channels of the convolutions.
        taps: Length of the smoothing filter; 1 when nothing is smoothed.
        channels: Channels of the smoothing filter.
    """

    pasts: tuple[int, ...]
    width: int
    taps: int
    channels: int

    @property
    def sizes(self) -> tuple[int, int]:
        """Values kept for the convolutions and for the smoothing filter."""
        smoothed = self.taps * self.channels if self.taps > 1 else 0
        return sum(self.pasts) * self.width, smoothed


class Memory:
    """Runs causal layers on the frames that follow those remembered, in a fixed order.

    Attributes:
        convolved: What the convolutions saw last, to be taken in the order of use.
        after: The same for the call to come.
    """

    def __init__(self, shape: MemoryShape, kept: Float[Tensor, "B P"]) -> None:
        self.shape = shape
        convolved, self._smoothed = kept.split(shape.sizes, 1)
        frames = convolved.unflatten(1, (sum(shape.pasts), shape.width))
        self.convolved: Iterator[Tensor] = iter(frames.split(shape.pasts, 1))
        self.after: list[Tensor] = []

    def through(
        self, blocks: Iterable[ModulatedConvBlock], h: Float[Tensor, "B N W"], c: Tensor
    ) -> Float[Tensor, "B N W"]:
        """Run frames through modulated blocks, one after the other."""
        for block in blocks:
            h, past = block.step(h, c, next(self.convolved))
            self.after.append(past)
        return h

    def smooth(
        self, x: Float[Tensor, "B N D"], kernels: Float[Tensor, "K D"]
    ) -> Float[Tensor, "B N D"]:
        """Filter as `distill.diffusion.filters.smoothed` does, which repeats the first frame."""
        if self.shape.taps == 1:
            return x * kernels[0]
        out, past = smooth_step(x, kernels, self._smoothed.unflatten(1, kernels.shape))
        self._smoothed = past.flatten(1)
        return out

    def kept(self) -> Float[Tensor, "B P"]:
        """Return the memory after these frames."""
        convolved = torch.cat(self.after, 1).flatten(1)
        return convolved if self.shape.taps == 1 else torch.cat([convolved, self._smoothed], 1)


def smooth_step(
    x: Float[Tensor, "B N D"], kernels: Float[Tensor, "K D"], past: Float[Tensor, "B K D"]
) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B K D"]]:
    """Filter the frames that follow `past`; returns the past of those to come too.

    Its first row says whether there were any (1 or 0), the others are the last K - 1 frames. Before
    the first frame, all of them are as that one.
    """
    begun, count = past[:, :1], len(kernels)
    fresh = 1 - begun
    joined = torch.cat([past[:, 1:] + fresh * x[:, :1], x], 1)
    taps = kernels.flip(0)
    seen = [joined[:, k : k + count] for k in range(x.shape[1])]
    out = torch.cat([(part * taps).sum(1, keepdim=True) for part in seen], 1)
    return out, torch.cat([begun + fresh, joined[:, joined.shape[1] - count + 1 :]], 1)
