import builtins
import csv
import importlib.util

import pytest

from distill.errors import UserError
from distill.training.csv_logger import CsvLogger
from distill.training.fit import fit
from distill.training.loggers import build_loggers, has_wandb_key, wandb_mode, wandb_run_id
from tests.distill.training.toy import Toy, toy_data


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return tmp_path / "netrc"


def _rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_rows_of_an_interrupted_attempt_are_kept_up_to_where_the_next_begins(tmp_path):
    first = CsvLogger(tmp_path)
    for step in range(6):
        first.log_metrics({"loss": float(step)}, step)
    first.finalize("success")
    second = CsvLogger(tmp_path)
    second.log_metrics({"loss": 40.0, "lr": 0.5}, 4)
    second.log_metrics({"val": 1.0}, 4)
    second.finalize("success")
    rows = _rows(tmp_path / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [0, 1, 2, 3, 4]
    assert rows[3] == {"step": "3", "loss": "3.0", "lr": "", "val": ""}
    assert rows[4] == {"step": "4", "loss": "40.0", "lr": "0.5", "val": "1.0"}


def test_training_logs_to_csv_by_step(tmp_path):
    loggers = build_loggers("csv", folder=tmp_path, run_name="r", stage="s", config={})
    options = {"trainer": {"log_every_n_steps": 2}, "validate_every_updates": 4}
    fit(Toy(8), toy_data(), folder=tmp_path, updates=8, loggers=loggers, **options)
    rows = _rows(tmp_path / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [1, 3, 5, 7]
    assert all(row["train/loss"] for row in rows)
    assert [bool(row["val/loss"]) for row in rows] == [False, True, False, True]


def test_wandb_is_online_only_with_a_key(no_key, monkeypatch):
    assert not has_wandb_key() and wandb_mode() == "offline"
    no_key.write_text("machine api.wandb.ai\n  login user\n  password secret\n")
    assert has_wandb_key() and wandb_mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_mode() == "offline"
    no_key.write_text("machine elsewhere.example\n  login user\n  password secret\n")
    assert not has_wandb_key()
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert has_wandb_key()


def test_tensorboard_writes_events_and_its_absence_is_one_sentence(tmp_path, monkeypatch):
    arguments = {"folder": tmp_path, "run_name": "r", "stage": "s", "config": {}}
    loggers = build_loggers("tensorboard", **arguments)
    options = {"trainer": {"log_every_n_steps": 1}}
    fit(Toy(2), toy_data(), folder=tmp_path, updates=2, loggers=loggers, **options)
    assert list(tmp_path.glob("tensorboard/events*"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="tensorboard extra"):
        build_loggers("tensorboard", **arguments)


def test_unknown_kinds_are_refused_and_none_is_nothing(tmp_path):
    arguments = {"folder": tmp_path, "run_name": "r", "stage": "s", "config": {}}
    assert build_loggers("none", **arguments) == []
    with pytest.raises(UserError, match="wandbb"):
        build_loggers("wandbb", **arguments)


def test_wandb_never_asks(no_key, tmp_path, monkeypatch):
    import wandb

    def ask(*args):
        raise AssertionError("W&B asked")

    monkeypatch.setattr(builtins, "input", ask)
    for stage in ("teacher", "round_01"):
        loggers = build_loggers(
            "wandb", folder=tmp_path, run_name="r", stage=stage, config={"a": {"b": 1}}
        )
        run = wandb.run
        assert run is not None and run.offline
        assert (run.group, run.job_type, run.name) == ("r", stage, f"r-{stage}")
        assert run.id == wandb_run_id(tmp_path, "r", stage)
        assert run.config["a"] == {"b": 1}
        fit(Toy(2), toy_data(), folder=tmp_path / stage, updates=2, loggers=loggers)
        assert wandb.run is None
    assert wandb_run_id(tmp_path, "r", "a") != wandb_run_id(tmp_path, "r", "b")
