import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.errors import UserError
from distill.training.checkpoints import AtomicCheckpointIO
from distill.training.fit import fit
from tests.distill.training.processes import train_slowly
from tests.distill.training.toy import Toy, toy_data

UPDATES = 40


def _wait_for(path: Path, process: Any) -> None:
    while not path.exists():
        assert process.is_alive(), "training ended before it wrote a checkpoint"
        time.sleep(0.01)


def _equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _train(folder: Path, updates: int = UPDATES, **options) -> dict[str, torch.Tensor]:
    torch.set_num_threads(1)
    module = Toy(updates)
    fit(module, toy_data(), folder=folder, updates=updates, ema="model", **options)
    return module.state_dict()


def test_killed_training_ends_with_exactly_the_weights_of_uninterrupted_training(
    tmp_path, processes
):
    killed = processes.Process(target=train_slowly, args=(tmp_path / "killed", UPDATES))
    killed.start()
    _wait_for(tmp_path / "killed" / "last.ckpt", killed)
    time.sleep(0.15)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert 0 < _read(tmp_path / "killed" / "last.ckpt")["global_step"] < UPDATES
    assert _equal(_train(tmp_path / "killed"), _train(tmp_path / "whole"))


def _read(path: Path) -> dict:
    return torch.load(path, weights_only=True)


def test_checkpoints_hold_plain_types_and_know_the_update(tmp_path):
    _train(tmp_path, 4)
    checkpoint = _read(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == 4
    assert "ema:model" in checkpoint["callbacks"]


def test_training_a_finished_stage_again_changes_nothing(tmp_path):
    first = _train(tmp_path, 6)
    module = Toy(6)
    calls = []
    module.training_step = lambda *args: calls.append(args)
    fit(module, toy_data(), folder=tmp_path, updates=6, ema="model")
    assert calls == [] and _equal(module.state_dict(), first)


def test_validating_more_often_does_not_change_the_weights(tmp_path):
    often = _train(tmp_path / "often", 12, validate_every_updates=1)
    assert _equal(often, _train(tmp_path / "never", 12))


def test_the_seed_changes_the_weights(tmp_path):
    assert not _equal(_train(tmp_path / "a", 4, seed=1), _train(tmp_path / "b", 4, seed=2))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_to_the_given_norm(tmp_path, precision):
    norms = []

    class Norm(Toy):
        def on_after_backward(self):
            self.raw = [p.grad.clone() for p in self.parameters() if p.grad is not None]

        def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure=None):
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
            used = [p.grad for p in self.parameters() if p.grad is not None]
            norms.append((_norm(self.raw), _norm(used)))

    fit(Norm(3), toy_data(), folder=tmp_path, updates=3, clip=0.01, precision=precision)
    assert all(raw > 0.02 and used == pytest.approx(0.01, rel=1e-3) for raw, used in norms)


def _norm(tensors: list[torch.Tensor]) -> float:
    return torch.stack([t.norm() for t in tensors]).norm().item()


def test_accumulated_batches_count_as_one_update_and_resume_where_they_stopped(tmp_path):
    options = {"trainer": {"accumulate_grad_batches": 2}}
    whole = _train(tmp_path / "whole", 8, **options)
    module = Toy(8)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(
            _Interrupted(8, after=10),
            toy_data(),
            folder=tmp_path / "cut",
            updates=8,
            ema="model",
            checkpoint_every_updates=3,
            **options,
        )
    assert _read(tmp_path / "cut" / "last.ckpt")["global_step"] == 3
    fit(module, toy_data(), folder=tmp_path / "cut", updates=8, ema="model", **options)
    assert _equal(module.state_dict(), whole)


class _Interrupted(Toy):
    def __init__(self, updates: int, after: int):
        super().__init__(updates)
        self.left = after

    def training_step(self, batch, batch_idx):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("power cut")
        return super().training_step(batch, batch_idx)


def test_a_broken_checkpoint_is_named(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"last\.ckpt is not a readable checkpoint"):
        _train(tmp_path, 4)


def test_a_full_disk_keeps_the_old_checkpoint_and_says_so(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"old": 1}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UserError, match="free some space"):
            AtomicCheckpointIO().save_checkpoint({"new": torch.zeros(10**6)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert _read(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="choose another folder"):
        _train(tmp_path / "file" / "below", 2)
