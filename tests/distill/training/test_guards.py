import logging
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from safetensors import safe_open

from distill.errors import UserError
from distill.training.fit import fit
from distill.training.guards import StaticFaceGuard, named_tensors
from distill.types import Batch, Conditions
from tests.distill.training.toy import Toy, fake_trainer, make_batch, toy_data


class _Breaks(Toy):
    """Turns bad at the third update."""

    def __init__(self, factor: float):
        super().__init__(6)
        self.factor = factor

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss * self.factor if batch_idx == 2 else loss


def _stopped(module: Toy, folder) -> str:
    with pytest.raises(UserError) as error:
        fit(module, toy_data(), folder=folder, updates=6, ema="model")
    return str(error.value)


def test_a_loss_that_is_not_finite_stops_before_the_update_and_keeps_the_batch(tmp_path):
    module = _Breaks(float("nan"))
    message = _stopped(module, tmp_path)
    assert "update 2: the loss is nan" in message and "non_finite_batch.safetensors" in message
    with safe_open(tmp_path / "non_finite_batch.safetensors", "pt") as file:
        assert torch.equal(file.get_tensor("batch"), make_batch(2, 0, 1))
        assert file.metadata()["update"] == "2"
    assert all(p.isfinite().all() for p in module.parameters())


def test_a_gradient_that_is_not_finite_names_its_parameter(tmp_path):
    module = Toy(6)
    module.model[3].bias.register_hook(lambda gradient: gradient / 0.0)
    assert "the gradient of model.3.bias is not finite" in _stopped(module, tmp_path)


def test_every_tensor_of_a_batch_is_found():
    batch = Batch(
        motion=torch.zeros(1, 2, 3),
        mask=torch.ones(1, 2, dtype=torch.bool),
        speaker=torch.zeros(1, dtype=torch.int64),
        emotion=torch.zeros(1, dtype=torch.int64),
        cond=Conditions(audio=torch.zeros(1, 9)),
    )
    names = {name for name, _ in named_tensors({"b": [batch]}, "x")}
    assert names == {f"x.b.0.{n}" for n in ("motion", "mask", "speaker", "emotion", "cond.audio")}


def _trainer(step: int, **metrics: float) -> Any:
    return fake_trainer(global_step=step, is_global_zero=True, callback_metrics=metrics)


def test_a_static_face_is_said_once_and_a_moving_one_never(caplog):
    guard = StaticFaceGuard("predicted", "data", smallest_ratio=0.1, after_updates=100)
    module: Any = pl.LightningModule()
    module.data = 2.0
    with caplog.at_level(logging.WARNING):
        guard.check(_trainer(500, predicted=0.2), module)
        guard.check(_trainer(50, predicted=0.0), module)
        guard.check(_trainer(500), module)
        assert caplog.records == []
        guard.check(_trainer(500, predicted=0.19), module)
        guard.check(_trainer(600, predicted=0.19), module)
    assert len(caplog.records) == 1
    assert "9.5% as much as the data's" in caplog.records[0].message


def test_a_strict_guard_stops_training(tmp_path):
    class Static(Toy):
        def validation_step(self, batch, batch_idx):
            self.log("val/motion_ratio", 0.01, batch_size=1)

    guard = StaticFaceGuard(after_updates=4, strict=True)
    with pytest.raises(UserError, match="hardly moves after 4 updates"):
        fit(
            Static(6),
            toy_data(),
            folder=tmp_path,
            updates=6,
            validate_every_updates=2,
            callbacks=[guard],
        )
