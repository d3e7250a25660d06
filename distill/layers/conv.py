"""Convolutions over frames for (B F C) tensors, with an exact say on how far ahead they look."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from distill.errors import UserError


def split_lookahead(total: int | None, layers: int, kernel: int) -> list[int]:
    """Share `total` future frames among `layers` convolutions; None gives symmetric kernels.

    Raises:
        UserError: The layers cannot look that far ahead.
    """
    if total is None:
        return [(kernel - 1) // 2] * layers
    if not 0 <= total <= layers * (kernel - 1):
        raise UserError(
            f"lookahead_frames={total} is outside 0 to {layers * (kernel - 1)}, which {layers} "
            f"blocks of kernel {kernel} can cover; add blocks or ask for less"
        )
    return [(total + layer) // layers for layer in range(layers)] if layers else []


class DepthwiseConv1d(nn.Module):
    """A convolution of each channel over frames, zero padded so that F stays F.

    Frame k sees frames k - left to k + right, left = kernel - 1 - right. On two CPU cores a
    channels-last 2-D convolution in float32 with the bias added outside is the fastest of those
    tried, about 1.5x a 1-D convolution and 3x shifted sums, forward plus backward.

    Attributes:
        left: Past frames an output depends on.
        right: Future frames an output depends on.
    """

    def __init__(self, width: int, kernel: int, right: int) -> None:
        super().__init__()
        if not 0 <= right < kernel:
            raise UserError(f"right={right} must be at least 0 and below kernel={kernel}")
        self.left, self.right = kernel - 1 - right, right
        bound = kernel**-0.5
        self.weight = nn.Parameter(torch.empty(width, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "B F C"]) -> Float[Tensor, "B F C"]:
        """Convolve; computed in full precision whatever autocast says (bfloat16 is slower here)."""
        if torch.compiler.is_exporting():  # padding and bias here become part of ONNX's Conv
            image = functional.pad(x.transpose(1, 2).unsqueeze(2), (self.left, self.right))
            kernel = self.weight[:, None, None]
            out = functional.conv2d(image, kernel, self.bias, groups=len(kernel))
            return out.squeeze(2).transpose(1, 2)
        with torch.autocast(x.device.type, enabled=False):
            full = torch.promote_types(self.weight.dtype, torch.float32)
            padded = functional.pad(x.to(full), (0, 0, self.left, self.right))
            image = padded.transpose(1, 2).unsqueeze(2)
            kernel = self.weight.to(full)[:, None, None]
            out = functional.conv2d(image, kernel, groups=len(kernel))
            return out.squeeze(2).transpose(1, 2) + self.bias.to(full)

    def step(
        self, x: Float[Tensor, "B N C"], past: Float[Tensor, "B P C"]
    ) -> tuple[Float[Tensor, "B N C"], Float[Tensor, "B P C"]]:
        """Convolve the frames that follow `past` (the last `left` frames); needs `right` 0.

        Returns what `forward` gives there, and the past of the frames to come.
        """
        joined, taps = torch.cat([past, x], dim=1), self.weight.T
        seen = [joined[:, k : k + len(taps)] for k in range(x.shape[1])]
        out = torch.cat([(part * taps).sum(1, keepdim=True) for part in seen], 1) + self.bias
        return out, joined[:, joined.shape[1] - self.left :]


class ConvBlock(nn.Module):
    """ConvNeXt block over frames: depthwise convolution, normalization, channel MLP, residual.

    Source: Liu et al., A ConvNet for the 2020s (arXiv 2201.03545).
    """

    def __init__(self, width: int, kernel: int = 7, right: int = 3, expansion: int = 2) -> None:
        super().__init__()
        self.conv = DepthwiseConv1d(width, kernel, right)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)

    def forward(self, x: Float[Tensor, "B F C"]) -> Float[Tensor, "B F C"]:
        """Return `x` plus what the block adds."""
        return self._added(x, self.conv(x))

    def step(
        self, x: Float[Tensor, "B N C"], past: Float[Tensor, "B P C"]
    ) -> tuple[Float[Tensor, "B N C"], Float[Tensor, "B P C"]]:
        """Do the same to the frames that follow `past`; returns the past of those to come too."""
        mixed, past = self.conv.step(x, past)
        return self._added(x, mixed), past

    def _added(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + self.contract(functional.gelu(self.expand(self.norm(mixed))))
