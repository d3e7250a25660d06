"""Lightning without its advertisements and its advice."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = (
    "pytorch_lightning",
    "lightning",
    "lightning.pytorch",
    "lightning_fabric",
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric.utilities.rank_zero",
)
_HARMLESS = (
    ".*does not have many workers.*",
    ".*not resumable.*",
    ".*smaller than the logging interval.*",
    ".*exists and is not empty.*",
    ".*GPU available but not used.*",
    ".*in eval mode at the start of training.*",
    ".*is set, but there is no.*",
    ".*Trying to infer the `batch_size`.*",
    ".*`IterableDataset` has `__len__` defined.*",
    ".*lr_scheduler.step.*before.*optimizer.step.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*Starting from v1.9.0, `tensorboardX`.*",
    ".*overwriting the callback state.*",
    ".*litlogger.*",
    ".*`self.log\\(.*sync_dist=True\\)`.*",
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hide messages that ask nothing of the user; errors and our own warnings pass."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            for message in _HARMLESS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
