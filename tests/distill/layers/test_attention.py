import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.flops import count_flops
from distill.layers.attention import DENSE_REACHES, band_attention, band_mask, block_attention

REACH = 8


def queries_keys_values(frames):
    return torch.randn(3, 2, 3, frames, 4, requires_grad=True).unbind(0)


def masked(q, k, v, reach):
    """Attention as the definition says: all scores, those outside the band taken away."""
    return scaled_dot_product_attention(q, k, v, attn_mask=band_mask(q.shape[2], reach, q.device))


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 16, 17, 63, 64, 100])
def test_blocks_equal_the_dense_mask_in_values_and_gradients(frames):
    qkv = queries_keys_values(frames)
    found, wanted = block_attention(*qkv, REACH), masked(*qkv, REACH)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    weights = torch.randn_like(wanted)
    gradients = [torch.autograd.grad((out * weights).sum(), qkv) for out in (found, wanted)]
    for a, b in zip(*gradients, strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [DENSE_REACHES * REACH, DENSE_REACHES * REACH + 1])
def test_both_paths_are_the_same_attention(frames):
    qkv = queries_keys_values(frames)
    torch.testing.assert_close(band_attention(*qkv, REACH), masked(*qkv, REACH), atol=1e-5, rtol=0)


def test_short_clips_need_no_mask():
    assert band_mask(9, 8, torch.device("cpu")) is None
    band = band_mask(10, 8, torch.device("cpu"))
    assert band is not None and band.sum() == 10 * 10 - 2


def flops(frames):
    qkv = queries_keys_values(frames)
    return count_flops(lambda: band_attention(*qkv, REACH).sum().backward())


def test_the_work_grows_linearly_with_frames():
    first = flops(20 * REACH)
    assert first > 20 * REACH * 3 * REACH
    assert flops(200 * REACH) == 10 * first
