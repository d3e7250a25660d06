"""How far two encoders' audio features are apart."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from distill.layers.precision import full_precision
from distill.training.losses import masked_mean


def feature_projection(small: int, large: int) -> nn.Linear:
    """Return the learned map from small to large audio features; the identity at equal sizes."""
    project = nn.Linear(small, large)
    if small == large:
        nn.init.eye_(project.weight)
        nn.init.zeros_(project.bias)
    return project


@full_precision
def feature_distance(
    small: Float[Tensor, "B F A"], large: Float[Tensor, "B F A"], mask: Bool[Tensor, "B F"]
) -> Float[Tensor, ""]:
    """Mean squared distance of per-frame normalized features, so that scale does not matter."""
    normal = nn.functional.layer_norm
    error = normal(small, small.shape[-1:]) - normal(large, large.shape[-1:])
    return masked_mean(error.square().mean(-1), mask)
