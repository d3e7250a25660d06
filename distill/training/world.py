"""The processes that train together: who this one is, and in which order they work.

`torchrun` starts the same command in every process. All of them train; what is not training is
done by process 0 while the others wait, or by process 0 before the others.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from distill.errors import UserError

T = TypeVar("T")
LONGEST_WAIT = timedelta(days=7)
"""How long processes wait for work that process 0 does alone; a process that ends is noticed at
once, however long this is."""
START = "torchrun --standalone --nproc-per-node {count} -m distill.run trainer=ddp ..."
_LOST_PEER = ("connection closed by peer", "connection reset by peer", "broken pipe", "timed out")


def rank() -> int:
    """Return the number of this process among all; 0 when it is alone."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Return whether this is the process that writes and shows."""
    return rank() == 0


@contextmanager
def joined(lightning: Mapping[str, Any]) -> Iterator[None]:
    """Join the processes that torchrun started, for the length of the block; alone, do nothing.

    Args:
        lightning: Options of `pl.Trainer`; they name a strategy where several processes train.

    Raises:
        UserError: Config and launcher contradict each other, or another process has ended.
    """
    if not _launched(shared=lightning.get("strategy", "auto") != "auto"):
        yield
        return
    cuda = lightning.get("accelerator") != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
        yield
    except RuntimeError as error:
        if any(words in str(error).lower() for words in _LOST_PEER):
            raise UserError(
                "another process of this job has ended (its own message, or torchrun's, says why); "
                "the same command continues from the last checkpoint"
            ) from error
        raise
    dist.destroy_process_group()


def _launched(*, shared: bool) -> bool:
    """Return whether torchrun started this process; refuse what does not fit the config."""
    count = int(os.environ.get("WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 0
    if shared and not count:
        raise UserError(
            "this trainer= shares the work between processes that torchrun starts; run "
            f"{START.format(count=2)}, or leave trainer= out to train in one process"
        )
    if count > 1 and not shared:
        raise UserError(
            f"torchrun started {count} processes, but this trainer= trains in one; add trainer=ddp"
        )
    return shared


def placement() -> dict[str, int]:
    """Return the options of `pl.Trainer` that say where the processes are; none when alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return {}
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": local, "num_nodes": world_size() // local}


def on_first(work: Callable[[], object]) -> None:
    """Let process 0 do `work` while the others wait.

    Raises:
        UserError: In the others, when the work failed in process 0.
    """
    if is_first():
        _first(work)
    else:
        _wait()


def first_then_others(work: Callable[[], T]) -> T:
    """Let process 0 do `work`, then all others, who find what it has left on disk.

    Raises:
        UserError: In the others, when the work failed in process 0.
    """
    if is_first():
        return _first(work)
    _wait()
    return work()


def _first(work: Callable[[], T]) -> T:
    try:
        done = work()
    except BaseException:
        _tell(failed=True)
        raise
    _tell(failed=False)
    return done


def _tell(*, failed: bool) -> None:
    if world_size() > 1:
        dist.broadcast(torch.tensor(int(failed)), src=0, group=_patient_group())


def _wait() -> None:
    failed = torch.tensor(0)
    dist.broadcast(failed, src=0, group=_patient_group())
    if failed:
        raise UserError("process 0 of this job has failed; its own message says why")


_patient: list[Any] = []


def _patient_group() -> Any:
    """Return a group of all processes that waits longer than training does."""
    if not _patient or _patient[0] is not dist.group.WORLD:
        _patient[:] = [dist.group.WORLD, dist.new_group(backend="gloo", timeout=LONGEST_WAIT)]
    return _patient[1]
