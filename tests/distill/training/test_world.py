"""Real processes over gloo: their number changes neither losses nor weights."""

import csv
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from distill.errors import UserError
from distill.pipeline.execute import require_equal_shares
from distill.training.world import joined
from tests.distill.training.processes import (
    OBJECTIVES,
    UPDATES,
    rows_of_toy_batch,
    said,
    torchrun_variables,
    train_together,
)

ALL = tuple(OBJECTIVES)
ANY_VALUE = ("score.2.bias", "attend.in_proj_bias")
"""A softmax ignores shifts: their gradient is rounding alone, which Adam makes a step of."""
ROUNDING = 3e-4
"""Muon computes in bfloat16: in which order rows are summed shows in a tenth of an update."""


def train(
    processes: Any, folder: Path, world: int, names: tuple[str, ...] = ALL, *more: Any
) -> list[int | None]:
    """Train in `world` processes; return how each of them ended, and repeat what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        processes.Process(target=train_together, args=(folder, rank, world, port, names, *more))
        for rank in range(world)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    sys.stderr.writelines(said(folder, rank).read_text() for rank in range(world))
    return [rank.exitcode for rank in ranks]


@pytest.fixture(scope="module")
def alone(processes, tmp_path_factory) -> Path:
    """The folder of a training by one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert train(processes, folder, 1) == [0]
    return folder


def curve(folder: Path, name: str) -> list[dict[str, float]]:
    with open(folder / name / "metrics.csv", newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def require_same(folder: Path, world: int, reference: Path, names: tuple[str, ...] = ALL) -> None:
    for name in names:
        found = load_file(folder / name / f"{world}.safetensors")
        for key, value in load_file(reference / name / "1.safetensors").items():
            if key.endswith(ANY_VALUE):
                continue
            torch.testing.assert_close(
                found[key], value, rtol=2e-3, atol=ROUNDING, msg=f"{name} {key}"
            )


@pytest.mark.parametrize("world", [2, 3])
def test_the_number_of_processes_changes_neither_curve_nor_weights(
    processes, alone, tmp_path, world
):
    assert train(processes, tmp_path, world) == [0] * world
    require_same(tmp_path, world, alone)
    for name in OBJECTIVES:
        expected, found = curve(alone, name), curve(tmp_path, name)
        assert len(found) == len(expected) >= UPDATES
        for want, row in zip(expected, found, strict=True):
            assert row == pytest.approx(want, rel=1e-3, abs=1e-4), name


def test_a_killed_process_ends_the_others_with_a_sentence_and_any_number_continues(
    processes, alone, tmp_path
):
    one = ALL[:1]
    codes = train(processes, tmp_path, 2, one, 1)
    assert codes == [2, -signal.SIGKILL]
    sentence = said(tmp_path, 0).read_text()
    assert "another process of this job has ended" in sentence and "Traceback" not in sentence
    assert (tmp_path / "denoising" / "last.ckpt").is_file()
    assert train(processes, tmp_path, 3, one) == [0, 0, 0]
    require_same(tmp_path, 3, alone, one)


def test_parts_are_disjoint_and_complete():
    whole = rows_of_toy_batch(5, 0, 1)
    parts = [rows_of_toy_batch(5, rank, 3) for rank in range(3)]
    joined_motion = torch.stack([part.motion for part in parts], 1).flatten(0, 1)
    assert torch.equal(joined_motion, whole.motion)


def test_config_and_launcher_must_agree(monkeypatch):
    with pytest.raises(UserError, match="torchrun --standalone"), joined({"strategy": "ddp"}):
        pass
    for name, value in torchrun_variables(0, 2, 1).items():
        monkeypatch.setitem(os.environ, name, value)
    with pytest.raises(UserError, match="add trainer=ddp"), joined({}):
        pass


def test_batches_that_cannot_be_shared_equally_are_refused():
    config = {
        "budget": {"batch_size": 8},
        "personalizer": {"batch_size": 32},
        "teacher": {"training": {"noises": 2}},
    }
    require_equal_shares(config, 4)
    with pytest.raises(UserError, match=r"budget.batch_size=8 .* by 3 processes; set it to 12"):
        require_equal_shares(config, 3)


def test_a_sharded_teacher_learns_as_a_whole_one_and_its_checkpoint_fits_one_process(
    processes, alone, tmp_path
):
    one = ALL[:1]
    codes = train(processes, tmp_path, 2, one, 1, "fsdp")
    assert codes == [2, -signal.SIGKILL]
    assert train(processes, tmp_path, 2, one, None, "fsdp") == [0, 0]
    require_same(tmp_path, 2, alone, one)
    for want, row in zip(curve(alone, one[0]), curve(tmp_path, one[0]), strict=True):
        assert row == pytest.approx(want, rel=1e-3, abs=1e-4)
