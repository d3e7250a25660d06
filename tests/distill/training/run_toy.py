"""Train the toy in a process of its own: `python -m tests.distill.training.run_toy FOLDER ...`."""

import sys
import time
from pathlib import Path

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from distill.training.fit import fit
from tests.distill.training.toy import Toy, toy_data


class Slow(pl.Callback):
    """Leaves time to be killed."""

    def __init__(self, pause_s: float):
        self.pause_s = pause_s

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        time.sleep(self.pause_s)


def main(folder: Path, updates: int, pause_s: float) -> None:
    torch.set_num_threads(1)
    module = Toy(updates)
    fit(
        module,
        toy_data(),
        folder=folder,
        updates=updates,
        ema="model",
        checkpoint_every_updates=5,
        validate_every_updates=7,
        callbacks=[Slow(pause_s)],
    )
    save_file(module.state_dict(), folder / "final.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
