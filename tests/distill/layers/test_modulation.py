import pytest
import torch

from distill.layers.modulation import modulate


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_one_condition_for_all_is_that_condition_for_each(kind):
    x, shift, scale = torch.randn(3, 5, 8), torch.randn(1, 1, 8), torch.randn(1, 1, 8)
    shift, scale = shift.to(kind), scale.to(kind)  # as a layer under autocast returns them
    each = modulate(x, shift.expand(3, 1, 8), scale.expand(3, 1, 8))
    torch.testing.assert_close(
        modulate(x, shift, scale), each, atol=1e-5 if kind.itemsize == 4 else 0.05, rtol=0
    )
