"""The baseline trains in a process of its own while the rounds do: each needs one core only."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from distill.errors import UserError
from distill.pipeline.context import Context
from distill.pipeline.data import prepare_data
from distill.pipeline.models import BASELINE, train_regression
from distill.pipeline.personas import prepare_personas
from distill.pipeline.plan import students
from distill.pipeline.runs import RunDirectory
from distill.training.progress import Progress

LOG = "process.log"
ORPHAN_CHECK_S = 0.5


@contextmanager
def baseline_beside(context: Context) -> Iterator[None]:
    """Train the baseline during the block and to its end after it.

    Without a spare core, and where it is the only student, it trains after the block.

    Its weights are the same either way. The process ends with this one, however that ends.

    Raises:
        UserError: Training the baseline failed; the sentence carries the reason.
    """
    spare = core_to_spare(context.config["trainer"]) and students(context.config)
    if context.run.stage(BASELINE).complete or not spare:
        yield
        train_regression(context)
        return
    folder = context.run.stage(BASELINE).folder
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", __name__, json.dumps(context.config), str(os.getpid())]
    context.progress.say(f"{BASELINE}  trains beside the rounds, see {folder / LOG}")
    with open(folder / LOG, "w", encoding="utf-8") as log:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
        if child.wait():
            lines = (folder / LOG).read_text(encoding="utf-8").strip().splitlines()
            raise UserError(f"training the baseline failed: {(lines or ['no message'])[-1]}")
        context.progress.skip(BASELINE, "trained beside the rounds")
        (folder / LOG).unlink()
    finally:
        child.kill()
        child.wait()


def core_to_spare(trainer: Mapping[str, Any]) -> bool:
    """Return whether a second training slows the first down little, and no threads were asked."""
    alone = trainer["lightning"].get("devices", 1) == 1 and not torch.cuda.is_available()
    return alone and trainer["threads"] is None and torch.get_num_threads() > 1


def main(config: Mapping[str, Any], parent: int) -> None:
    """Train the baseline of a run whose data and personas are complete."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    run, progress = RunDirectory(Path(config["run"]["dir"])), Progress(stages=[BASELINE])
    train_regression(prepare_personas(prepare_data(config, run, progress)))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_S)
    os._exit(1)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
