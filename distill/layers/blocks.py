"""Blocks that a condition vector modulates."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as fn

from distill.layers.conv import DepthwiseConv1d
from distill.layers.modulation import Modulation, modulate


class ModulatedPerceptron(nn.Module):
    """Residual perceptron of every frame by itself, modulated; it adds what its gate lets pass."""

    def __init__(self, width: int, expansion: int, cond_dim: int):
        super().__init__()
        self.modulation = Modulation(width, cond_dim, 3)
        nn.init.ones_(self.modulation.project.bias[2 * width :])
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(
        self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"], mixed: Tensor | None = None
    ) -> Float[Tensor, "B F W"]:
        """Update every frame, from `mixed` (B F W) where that is given instead of `h` itself."""
        shift, scale, gate = self.modulation(c)
        heard = modulate(h if mixed is None else mixed, shift, scale)
        return h + gate * self.down(fn.gelu(self.up(heard)))


class ModulatedConvBlock(ModulatedPerceptron):
    """Depthwise convolution over frames, then a modulated pointwise perceptron."""

    def __init__(self, width: int, kernel: int, right: int, expansion: int, cond_dim: int):
        mix = DepthwiseConv1d(width, kernel, right)  # drawn first: seeds decide weights in order
        super().__init__(width, expansion, cond_dim)
        self.mix = mix

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B F W"]:
        """Update every frame."""
        return super().forward(h, c, self.mix(h))

    def step(
        self, h: Float[Tensor, "B N W"], c: Float[Tensor, "B E"], past: Float[Tensor, "B P W"]
    ) -> tuple[Float[Tensor, "B N W"], Float[Tensor, "B P W"]]:
        """Update the frames that follow `past`; returns the past of those to come too."""
        mixed, past = self.mix.step(h, past)
        return super().forward(h, c, mixed), past
