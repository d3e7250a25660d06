import numpy as np
import pytest
import torch

from distill.diffusion.filters import colored
from distill.noise import BLOCK_FRAMES, MotionNoise, white_block

D = 4


def white(channels):
    return MotionNoise(np.ones((1, channels)))


def filtered(taps):
    return MotionNoise(np.random.default_rng(taps).standard_normal((taps, D)))


def test_a_sample_depends_on_its_own_seed_only():
    noise = filtered(50)
    alone, together = noise.draw([7], 300), noise.draw([3, 7, 11], 300)
    assert np.array_equal(together[1], alone[0])
    assert not np.array_equal(together[0], together[1])


@pytest.mark.parametrize("taps", [1, 2, 128, 300])
@pytest.mark.parametrize(("start", "frames"), [(0, 10), (100, 300), (255, 2), (512, 256)])
def test_noise_of_a_window_is_the_noise_of_the_whole_to_the_bit(taps, start, frames):
    whole = filtered(taps).draw([5], 1000)
    window = filtered(taps).draw([5], frames, start_frame=start)
    assert np.array_equal(window, whole[:, start : start + frames])


def test_a_stream_draws_the_noise_of_the_clip_frame_by_frame_to_the_bit():
    whole, streamed = filtered(128).draw([9], 300)[0], filtered(128)
    drawn = [streamed.draw([9], 1, start_frame=k)[0, 0] for k in range(300)]
    assert np.array_equal(drawn, whole)


@pytest.mark.parametrize("taps", [1, 64, 300])
def test_it_is_white_noise_through_the_filter_that_training_uses(taps):
    noise, before = filtered(taps), 2 * BLOCK_FRAMES
    blocks = [white_block(3, block, D) for block in range(-2, 2)]
    drawn = torch.from_numpy(np.concatenate(blocks))[None, before - taps + 1 :].double()
    expected = colored(drawn, torch.from_numpy(noise.taps))[0]
    np.testing.assert_allclose(noise.draw([3], 2 * BLOCK_FRAMES)[0], expected, atol=1e-5)


def test_white_noise_is_standard_normal():
    noise = white(10).draw(range(8), 2000)
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64 - 1])
def test_any_integer_is_a_seed(seed):
    assert np.isfinite(filtered(3).draw([seed], 3)).all()


def test_neighbouring_seeds_and_blocks_are_unrelated():
    rows = white(4).draw([0, 1], 2560).reshape(20, -1)
    assert (np.abs(np.corrcoef(rows)) - np.eye(20)).max() < 0.15


def test_the_values_of_a_seed_are_pinned():
    """Re-record only when numpy changes its generator, and say so in CHANGELOG."""
    pinned = [0.059911035, 0.015559634, -1.1644385]
    np.testing.assert_allclose(white(3).draw([0], 1)[0, 0], pinned, atol=1e-6)
