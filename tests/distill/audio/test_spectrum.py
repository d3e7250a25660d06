import pytest
import torch

from distill.audio.spectrum import SpectralProduct, periodic_windows


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [0, 1, 50, 400])
def test_windows_start_where_the_period_says(samples, count):
    audio = torch.arange(1.0, samples + 1)[None].repeat(2, 1)
    found = periodic_windows(audio, first=(0, 7, 13), period=20, count=count, length=33)
    padded = torch.cat([audio, torch.zeros(2, 500)], dim=1)
    starts = [(0, 7, 13)[i % 3] + 20 * (i // 3) for i in range(count)]
    expected = torch.stack([padded[:, s : s + 33] for s in starts], dim=1)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("size", [32, 256, 512])
@pytest.mark.parametrize("exponent", [1.0, 1 / 3])
def test_matrix_products_give_the_spectrum_of_the_transform(size, exponent):
    windows, weights = torch.randn(3, 5, size), torch.rand(size // 2 + 1, 7)
    product = SpectralProduct(weights, exponent)
    torch.testing.assert_close(product.by_products(windows), product(windows), rtol=1e-5, atol=1e-5)


def test_the_whole_spectrum_has_the_energy_of_the_window():
    window, sides = torch.randn(512), torch.full((257, 1), 2.0)
    sides[0] = sides[-1] = 1.0
    energy = SpectralProduct(sides)(window[None])[0, 0] / 512
    torch.testing.assert_close(energy, window.square().sum())
