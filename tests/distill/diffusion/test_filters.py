"""Noise that moves as the data does, smoothing, and the share that is exact for Gaussian motion."""

import numpy as np
import pytest
import torch

from distill.diffusion.filters import causal_kernels, colored, gaussian_kernels, smoothed
from distill.diffusion.movement import Movement, fastest_hz, inside_deviation, minimum_phase
from distill.diffusion.parameterization import gaussian_gain
from distill.diffusion.sampling import ddim_step
from distill.diffusion.schedule import SCHEDULES, build_schedule
from distill.errors import UserError
from distill.noise import BLOCK_FRAMES, MotionNoise


def decay(frames=40, rate=0.9):
    return rate ** np.arange(frames)[:, None] * np.array([1.0, 0.5])


def test_a_minimum_phase_filter_is_found_again_from_its_power():
    taps = decay() / np.sqrt((decay() ** 2).sum(0))
    power = np.abs(np.fft.rfft(taps, n=1024, axis=0)) ** 2
    np.testing.assert_allclose(minimum_phase(power, 40), taps, atol=1e-3)


def test_noise_has_deviation_and_slowness_of_the_clips_it_was_measured_on():
    rng, fps = np.random.default_rng(0), 30.0
    movement = Movement(2, fps)
    for _ in range(60):
        white = rng.standard_normal((400, 2))
        slow = np.stack([np.convolve(white[:, c], decay()[:, c])[40:400] for c in range(2)], 1)
        movement.add(slow + rng.standard_normal(2) * 20)  # where a clip rests is no movement
    taps = movement.noise_taps(np.array([2.0, 2.0]))
    noise = MotionNoise(taps).draw(range(8), 2000)
    true = np.sqrt((decay() ** 2).sum(0)) / 2.0
    np.testing.assert_allclose(noise.std((0, 1)), true, rtol=0.1)
    steps = np.diff(noise, axis=1).std((0, 1)) / noise.std((0, 1))
    np.testing.assert_allclose(steps, np.sqrt(2 * (1 - 0.9)), rtol=0.15)


def test_a_channel_that_never_moves_gets_faint_noise():
    movement = Movement(1, 30.0)
    movement.add(np.ones((300, 1)))
    taps = movement.noise_taps(np.ones(1))
    assert inside_deviation(taps, 300) == pytest.approx(0.05)


def test_noise_moves_as_slowly_as_clips_do_inside_clips_of_their_length():
    rng, movement, clips = np.random.default_rng(0), Movement(1, 30.0), []
    for _ in range(200):
        smooth = np.convolve(rng.standard_normal(330), np.hanning(31), mode="valid")
        clips.append(smooth[-130:, None] / 4)
        movement.add(clips[-1])
    noise = MotionNoise(movement.noise_taps(np.ones(1))).draw(range(200), 130)
    for order in (0, 2):  # deviation inside clips, and the second difference: how rough it is
        made, true = (
            np.sqrt(np.mean([np.var(np.diff(c, n=order, axis=0)) for c in many]))
            for many in (noise, clips)
        )
        assert made == pytest.approx(true, rel=0.2)


def test_the_deviation_inside_a_window_is_that_of_drawn_noise():
    taps = decay(64)
    noise = MotionNoise(taps).draw(range(300), 50)
    np.testing.assert_allclose(np.sqrt(noise.var(1).mean(0)), inside_deviation(taps, 50), rtol=0.05)


def test_torch_and_numpy_filter_alike():
    taps = decay()
    white = torch.randn(1, 30 + len(taps) - 1, 2, dtype=torch.float64)
    expected = np.stack(
        [np.convolve(white[0, :, c].numpy(), taps[:, c], mode="valid") for c in range(2)], 1
    )
    np.testing.assert_allclose(colored(white, torch.tensor(taps))[0].numpy(), expected, atol=1e-12)
    assert torch.equal(colored(white, torch.ones(1, 2).double()), white)


@pytest.mark.parametrize("start", [0, 7, BLOCK_FRAMES - 1, 3 * BLOCK_FRAMES + 5])
def test_a_stream_draws_the_noise_of_the_whole_recording_frame_by_frame(start):
    noise = MotionNoise(decay())
    whole = noise.draw([5], start + 20)
    framewise = [MotionNoise(decay()).draw([5], 1, start_frame=start + k)[0, 0] for k in range(20)]
    assert np.array_equal(np.stack(framewise), whole[0, start:])


def test_noise_looks_back_only_and_has_no_edges_between_blocks():
    taps = decay(300)
    noise = MotionNoise(taps).draw([1], 4 * BLOCK_FRAMES)[0]
    inside, across = [], []
    for k in range(BLOCK_FRAMES, 3 * BLOCK_FRAMES):
        (across if k % BLOCK_FRAMES == 0 else inside).append(abs(noise[k] - noise[k - 1]).mean())
    assert max(across) < 4 * np.mean(inside)


@pytest.mark.parametrize("make", [gaussian_kernels, causal_kernels])
def test_smoothing_keeps_what_is_constant_and_damps_what_flickers(make):
    kernels = make(torch.tensor([0.0, 1.0, 2.0]))
    still = torch.full((1, 40, 3), 0.7)
    causal = make is causal_kernels
    torch.testing.assert_close(smoothed(still, kernels, causal=causal), still)
    flicker = torch.ones(1, 60, 3) * (-1.0) ** torch.arange(60)[None, :, None]
    left = smoothed(flicker, kernels, causal=causal)[0, 30].abs()
    assert left[0] > 0.95 and left[1] < 0.05 and left[2] < 0.05


def test_causal_smoothing_looks_back_only_and_waits_less_than_a_centred_kernel_would():
    kernels = causal_kernels(torch.tensor([2.0]))
    x = torch.zeros(1, 40, 1)
    x[0, 20] = 1.0
    y = smoothed(x, kernels, causal=True)[0, :, 0]
    assert not y[:20].any()
    delay = (torch.arange(40) * y).sum() / y.sum() - 20
    assert 0 < delay < len(kernels) // 2


def test_fastest_hz_is_where_that_share_of_the_power_ends():
    frames = torch.arange(128)[:, None]
    taps = torch.sin(2 * np.pi * torch.tensor([3.0, 9.0]) / 30.0 * frames).numpy()
    np.testing.assert_allclose(fastest_hz(taps, 30.0, 0.5), [3.0, 9.0], atol=0.15)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("ends", [(1.0, 0.0), (1.0, 0.5), (0.5, 0.0), (0.75, 0.7)])
def test_one_step_of_any_length_is_exact_for_gaussian_motion(name, ends):
    schedule, k, m = build_schedule({"name": name}), torch.tensor([0.4, 1.0, 1.7]).double(), 0.3
    t, s = (torch.tensor([end]).double() for end in ends)
    (alpha, sigma), (alpha_s, sigma_s) = schedule.alpha_sigma(t), schedule.alpha_sigma(s)
    z = torch.randn(1, 9, 3, dtype=torch.float64)
    rest = z - alpha * m
    gain = gaussian_gain((alpha, sigma), (alpha_s, sigma_s), k)
    landed = ddim_step(z, m + gain * rest, t, s, schedule)
    scale = lambda a, g: ((k * a) ** 2 + g**2).sqrt()  # noqa: E731
    exact = alpha_s * m + scale(alpha_s, sigma_s) / scale(alpha, sigma) * rest
    torch.testing.assert_close(landed, exact)


def test_a_step_of_no_length_asks_for_the_posterior_mean():
    k, t = torch.tensor([0.4, 1.0, 1.7]).double(), torch.tensor([0.3, 0.9]).double()
    alpha, sigma = build_schedule().alpha_sigma(t)
    gain = gaussian_gain((alpha, sigma), (alpha, sigma), k)
    a, g = alpha[:, None, None], sigma[:, None, None]
    torch.testing.assert_close(gain, a * k**2 / ((k * a) ** 2 + g**2))
    short = build_schedule().alpha_sigma(t - 1e-4)
    torch.testing.assert_close(gaussian_gain((alpha, sigma), short, k), gain, rtol=1e-3, atol=1e-4)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UserError, match="cosine, linear"):
        build_schedule({"name": "square"})
    with pytest.raises(UserError, match="does not take"):
        build_schedule({"name": "linear", "logsnr_min": 3})
