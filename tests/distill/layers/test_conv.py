import pytest
import torch
from torch.nn import functional

from distill.errors import UserError
from distill.layers.conv import ConvBlock, DepthwiseConv1d


@pytest.mark.parametrize("right", [0, 2, 3, 6])
def test_it_is_the_textbook_convolution(right):
    layer = DepthwiseConv1d(5, 7, right).double().float()
    x = torch.randn(2, 20, 5)
    padded = functional.pad(x.transpose(1, 2), (6 - right, right))
    expected = functional.conv1d(padded, layer.weight[:, None], layer.bias, groups=5)
    torch.testing.assert_close(layer(x), expected.transpose(1, 2))


@pytest.mark.parametrize("right", [0, 1, 4])
def test_it_looks_exactly_as_far_as_it_says(right):
    block = ConvBlock(4, kernel=5, right=right)
    x = torch.randn(1, 30, 4, requires_grad=True)
    block(x)[0, 15].square().sum().backward()
    seen = x.grad[0].abs().sum(1).nonzero()
    assert (int(seen.min()), int(seen.max())) == (15 - block.conv.left, 15 + right)


@pytest.mark.parametrize("right", [-1, 5])
def test_a_kernel_that_looks_past_itself_is_refused(right):
    with pytest.raises(UserError, match="below kernel=5"):
        DepthwiseConv1d(4, 5, right)
