"""Pairs of noise and motion that a teacher made once."""

import numpy as np
import pytest
import torch

from distill.diffusion.sampling import ddim_sample
from distill.diffusion.schedule import step_grid
from distill.methods.cached.samples import Samples, sample_clips
from distill.noise import MotionNoise
from distill.types import Conditions
from tests.worlds import Gaussian

FRAMES = [5, 9, 3]


def made(folder, steps=4):
    told = []
    samples = sample_clips(
        Gaussian(), lambda clip: (Conditions(), FRAMES[clip]), len(FRAMES),
        MotionNoise(np.ones((1, 3))), steps=steps, path=folder / "samples.safetensors",
        done=told.append,
    )  # fmt: skip
    return samples, told


def test_every_pair_is_the_noise_of_its_clip_and_what_the_sampler_makes_of_it(tmp_path):
    samples, told = made(tmp_path)
    assert told == [1, 2, 3] and samples.first.tolist() == [0, 5, 14, 17]
    noise = torch.from_numpy(MotionNoise(np.ones((1, 3))).draw((1,), 9))
    assert torch.equal(samples.noise[5:14], noise[0])
    expected = ddim_sample(Gaussian(), noise, Conditions(), step_grid(4))[0]
    torch.testing.assert_close(samples.motion[5:14], expected)


def test_kept_samples_are_not_made_again(tmp_path):
    first, _ = made(tmp_path)
    again, told = made(tmp_path, steps=1)
    assert told == [] and torch.equal(again.motion, first.motion)


def test_windows_stay_inside_their_clip(tmp_path):
    samples, _ = made(tmp_path)
    motion, noise = samples.windows(torch.tensor([1, 0, 2]), torch.tensor([2, 0, 0]), 6)
    assert torch.equal(motion[0], samples.motion[7:13]) and torch.equal(
        noise[0, 0], samples.noise[7]
    )
    assert torch.equal(motion[1, :5], samples.motion[:5]) and not motion[1, 5:].any()
    assert torch.equal(motion[2, :3], samples.motion[14:]) and not noise[2, 3:].any()


def test_an_unfinished_file_is_not_taken_for_samples(tmp_path):
    def broken(clip):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_clips(
            Gaussian(), broken, 1, MotionNoise(np.ones((1, 3))), steps=1,
            path=tmp_path / "s.safetensors", done=print,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
    assert isinstance(made(tmp_path)[0], Samples)
