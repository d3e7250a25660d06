"""Classifier-free guidance as a wrapper around a denoiser (arXiv 2207.12598)."""

from jaxtyping import Float
from torch import Tensor

from distill.protocols import Denoiser
from distill.types import Conditions


class GuidedDenoiser(Denoiser):
    """Extrapolates from the prediction without `dropped` conditions to the one with them.

    out = out_without + scale * (out_with - out_without); scale 1 is the plain network.

    Args:
        denoiser: Network trained with condition dropout.
        scale: Guidance scale.
        dropped: Names of the conditions that the unguided call lacks.
    """

    def __init__(self, denoiser: Denoiser, scale: float, dropped: tuple[str, ...] = ("persona",)):
        super().__init__()
        self.denoiser, self.scale, self.dropped = denoiser, scale, dropped
        self.prediction, self.schedule = denoiser.prediction, denoiser.schedule
        self.motion_dim, self.audio_dim = denoiser.motion_dim, denoiser.audio_dim
        self.persona_dim, self.hidden = denoiser.persona_dim, denoiser.hidden

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Prepare as the wrapped network does."""
        return self.denoiser.prepare(cond, frames)

    def expect(self, cond: Conditions, frames: int) -> Conditions:
        """Expect what the wrapped network does; the mean itself is not extrapolated."""
        return self.denoiser.expect(cond, frames)

    def forward(
        self, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
    ) -> Float[Tensor, "B F D"]:
        """Call the network with and without the dropped conditions."""
        with_all = self.denoiser(z, t, cond)
        without = self.denoiser(z, t, cond.drop(*self.dropped))
        return without + self.scale * (with_all - without)
