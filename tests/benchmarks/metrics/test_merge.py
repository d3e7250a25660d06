"""Metrics of parts, merged, equal the metric of the whole: in one process and across two."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from benchmarks.metrics.base import Observation, PersonaLabeller
from benchmarks.metrics.registry import build_metrics, measures
from benchmarks.reference import Reference, face_context, window_spaces
from distill.face.space import MotionSpace
from distill.types import Interval
from tests.benchmarks.fakes import FPS, TinyRig, recording

SEQUENCES, SAMPLES = 5, 3
EXACT = 1e-9
"""Sums agree to 1e-12; a Fréchet distance of few windows takes roots of nearly nothing."""


class LiddedRig(TinyRig):
    channels = ("jawOpen", "eyeBlinkLeft", "browUp", "headYaw")


def space():
    return MotionSpace.identity(LiddedRig(), FPS)


class Brows(PersonaLabeller):
    labels = ("up", "down")

    def predict(self, motion):
        return "up" if motion[:, 2].mean() > 0 else "down"


def all_metrics():
    parts = {"mouth": [0], "blink": [1], "brows": [2], "eyes": [1, 2], "head": [3]}
    training = [recording(seed, frames=90)[1] for seed in range(10, 16)]
    reference = Reference(
        gap_ranges_mm={"": (0.0, 10.0)},
        classifiers={"identity": Brows(), "emotion": Brows()},
        parts=parts,
        windows=window_spaces(space(), training, parts),
    )
    context = face_context(space(), reference)
    kinds = ("seed", "pair", "samples")
    return {name: m for kind in kinds for name, m in build_metrics(context, kind).items()}


def observation(seed):
    audio, real = recording(seed, frames=50 + seed)
    motion = real + np.random.default_rng(seed).normal(0, 0.2, real.shape).astype(np.float32)
    motion[::9, 1] = 0.7
    samples = np.stack([motion + k * real for k in range(SAMPLES)])
    to_vertices = space().to_vertices
    pred = to_vertices(torch.from_numpy(motion))
    return Observation(
        pred=pred,
        target=to_vertices(torch.from_numpy(real)),
        other=pred + seed,
        motion=motion,
        lip_gap_mm=motion[:, 0].astype(np.float64) * 10,
        audio=audio,
        phones=tuple(Interval(label="m", start_s=k / 4, end_s=k / 4 + 0.05) for k in range(6)),
        gap_range_mm=(0.0, 20.0),
        labels={"identity": "up", "emotion": "down"},
        truth=real,
        samples=samples,
        teacher_samples=samples[::-1].copy(),
        neighbour_distance=np.full(1 + (len(real) - 30) // 10, 4.0 + seed),
    )


def measured(seeds):
    metrics = all_metrics()
    for seed in seeds:
        for metric in metrics.values():
            metric.observe(observation(seed))
    return metrics


def numbers(metrics):
    return {name: float(metric.compute()) for name, metric in metrics.items()}


def test_every_metric_takes_part():
    assert set(all_metrics()) == set(measures())


@pytest.mark.parametrize("cut", [1, 3])
def test_merged_parts_equal_the_whole(cut):
    first, second = measured(range(cut)), measured(range(cut, SEQUENCES))
    for name, metric in first.items():
        metric.merge_state(second[name])
    whole = numbers(measured(range(SEQUENCES)))
    assert numbers(first) == pytest.approx(whole, rel=EXACT)
    assert any(value not in (0.0, 1.0) for value in whole.values())


def _process(rank, store, folder):
    torch.set_num_threads(1)  # a forked process must not touch its parent's thread pool
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    metrics = measured(range(SEQUENCES)[rank * 3 : 3 + rank * 3])
    torch.save(numbers(metrics), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_with_unequal_shares_agree_on_the_whole(tmp_path):
    arguments = (tmp_path / "store", tmp_path)
    mp.start_processes(_process, args=arguments, nprocs=2, start_method="fork")
    whole = numbers(measured(range(SEQUENCES)))
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == pytest.approx(whole, rel=EXACT)
