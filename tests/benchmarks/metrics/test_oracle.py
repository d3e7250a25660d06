"""Parity with the numbers that published evaluation code prints on the same arrays."""

import json

import numpy as np
import pytest
import torch

from benchmarks.metrics.diversity import Diversity
from benchmarks.metrics.fdd import Fdd, FddAbs
from benchmarks.metrics.lve import Lve
from benchmarks.metrics.mve import Mve

CASES = {
    "equal_length": "pred_{}",
    "prediction_longer_by_3_frames (pred_long_i)": "pred_long_{}",
    "prediction_shorter_by_4_frames (pred_i[:-4])": "pred_{}",
}
NAMES = {"LVE": "lve", "FDD_signed": "fdd", "FDD_abs": "fdd_abs", "MVE": "mve"}


@pytest.fixture(scope="module")
def oracle(shared_data):
    numbers = json.loads((shared_data / "metric_oracle.json").read_text())["cases"]
    with np.load(shared_data / "metric_oracle.npz", allow_pickle=False) as file:
        return numbers, {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.mark.parametrize("case", CASES)
def test_metrics_print_the_published_numbers(oracle, case):
    numbers, arrays = oracle
    neutral, lips, upper = (arrays[k] for k in ("template", "lip_idx", "upper_idx"))
    metrics = {
        "lve": Lve(lips),
        "mve": Mve(),
        "fdd": Fdd(neutral, upper),
        "fdd_abs": FddAbs(neutral, upper),
    }
    for i in range(3):
        pred = arrays[CASES[case].format(i)]
        pred = pred[:-4] if "shorter" in case else pred
        for metric in metrics.values():
            metric.update(pred, arrays[f"gt_{i}"])
    compared = 0
    for published in numbers[case].values():
        for name, ours in NAMES.items():
            if name in published:
                assert float(metrics[ours].compute()) == pytest.approx(published[name], rel=1e-9)
                compared += 1
    assert compared >= 4


def test_diversity_prints_the_published_number(oracle):
    numbers, arrays = oracle
    metric = Diversity()
    for i in range(3):
        metric.update(torch.stack([arrays[f"sample_{i}_{k}"] for k in range(4)]))
    published = numbers["equal_length"]["facediffuser_diversity"]["diversity"]
    assert float(metric.compute()) == pytest.approx(published, rel=1e-9)
