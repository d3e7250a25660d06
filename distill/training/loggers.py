"""Where metrics go: a CSV file, Weights & Biases or TensorBoard."""

import hashlib
import importlib.util
import logging
import netrc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import Logger

from distill.errors import UserError
from distill.training.csv_logger import CsvLogger

KINDS = ("csv", "wandb", "tensorboard", "none")
PROJECT = "facedistill"
_INIT_TIMEOUT_S = 30.0
_log = logging.getLogger(__name__)


def has_wandb_key() -> bool:
    """Whether W&B can log in without asking: a key in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "")).hostname or "api.wandb.ai"
    named = os.environ.get("NETRC")
    paths = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    for path in paths:
        try:
            if path.is_file() and netrc.netrc(path).authenticators(host):
                return True
        except (netrc.NetrcParseError, OSError):
            continue
    return False


def wandb_mode() -> str:
    """Return `online` only with a key, so that W&B never asks; `WANDB_MODE` may say less."""
    wanted = os.environ.get("WANDB_MODE", "online")
    if wanted == "disabled":
        return "disabled"
    return "online" if wanted == "online" and has_wandb_key() else "offline"


def wandb_run_id(folder: Path, run_name: str, stage: str) -> str:
    """Return the identifier under which a stage, started again, continues its W&B run."""
    return hashlib.sha256(f"{folder.resolve()}:{run_name}:{stage}".encode()).hexdigest()[:12]


def start_wandb(
    *, folder: Path, run_name: str, stage: str, config: Mapping[str, Any], mode: str | None = None
) -> Any:
    """Start the W&B run of a stage; the same stage continues the same run.

    Args:
        folder: Offline files go to `folder/wandb`.
        run_name: Groups the runs of all stages.
        stage: Such as `teacher` or `round_01_16to8`; the job type.
        config: Plain values.
        mode: `online`, `offline` or `disabled`; found out when absent.

    Raises:
        UserError: The folder cannot be written.
    """
    import wandb

    try:
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write to folder {folder} ({error.strerror}); choose another folder"
        ) from error
    # Tables and artifacts of offline runs wait here for `wandb sync`, not in the home directory.
    os.environ.setdefault("WANDB_DATA_DIR", str(folder.resolve() / "wandb"))
    mode = mode or wandb_mode()
    options: dict[str, Any] = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": f"{run_name}-{stage}",
        "group": run_name,
        "job_type": stage,
        "id": wandb_run_id(folder, run_name, stage),
        "dir": str(folder),
        "config": dict(config),
        "reinit": "finish_previous",
        "settings": wandb.Settings(
            console="off", silent=True, init_timeout=_INIT_TIMEOUT_S, x_disable_meta=True
        ),
    }
    if mode == "online":
        try:
            return wandb.init(mode="online", resume="allow", **options)
        except Exception as error:
            _log.warning("W&B cannot be reached (%s); this stage is logged offline", error)
            wandb.teardown()
    return wandb.init(mode="disabled" if mode == "disabled" else "offline", **options)


def finish_wandb() -> None:
    """End the current W&B run, if there is one, so that the next stage can start its own."""
    import sys

    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


def _build_wandb(
    folder: Path, run_name: str, stage: str, config: Mapping[str, Any]
) -> list[Logger]:
    if getattr(rank_zero_only, "rank", 0) != 0:
        return []
    from pytorch_lightning.loggers import WandbLogger

    run = start_wandb(folder=folder, run_name=run_name, stage=stage, config=config)
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return [WandbLogger(experiment=run, save_dir=str(folder))]


def _build_tensorboard(folder: Path) -> list[Logger]:
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "logger=tensorboard needs the tensorboard extra; pip install "
            '"facedistill[tensorboard]" or choose logger=csv'
        )
    from pytorch_lightning.loggers import TensorBoardLogger

    return [TensorBoardLogger(str(folder), name="tensorboard", version="", default_hp_metric=False)]


def build_loggers(
    kind: str, *, folder: Path, run_name: str, stage: str, config: Mapping[str, Any]
) -> list[Logger]:
    """Build the loggers of one stage; hand them to `fit`, which closes them.

    Every kind but `none` writes `folder/metrics.csv` as well.

    Args:
        kind: `csv`, `wandb`, `tensorboard` or `none`.
        folder: The stage's directory.
        run_name: Name of the whole run.
        stage: Name of the stage or round.
        config: Resolved configuration as plain dicts, lists and numbers.

    Raises:
        UserError: The kind is unknown or its extra is not installed.
    """
    if kind not in KINDS:
        raise UserError(f"logger {kind!r} is unknown; choose one of {', '.join(KINDS)}")
    if kind == "none":
        return []
    loggers: list[Logger] = [CsvLogger(folder)]
    if kind == "wandb":
        loggers += _build_wandb(folder, run_name, stage, config)
    elif kind == "tensorboard":
        loggers += _build_tensorboard(folder)
    return loggers


def close_loggers(loggers: Sequence[Logger]) -> None:
    """Write everything out and end the stage's W&B run."""
    for logger in loggers:
        logger.finalize("success")
    if any(type(logger).__name__ == "WandbLogger" for logger in loggers):
        finish_wandb()
