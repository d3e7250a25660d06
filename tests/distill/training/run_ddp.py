"""Note one update's gradients: `python -m tests.distill.training.run_ddp FOLDER WORLD`."""

import sys
from pathlib import Path

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from distill.training.fit import fit
from tests.distill.training.toy import Toy, toy_data


class NoteGradients(pl.Callback):
    def __init__(self, path: Path):
        self.path = path

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        gradients = {name: p.grad.clone() for name, p in pl_module.named_parameters()}
        save_file(gradients, f"{self.path}_{trainer.global_step}_{trainer.global_rank}.safetensors")


def main(folder: Path, world: int) -> None:
    torch.set_num_threads(1)
    module = Toy(2, noise=0.0)
    module.model[1] = torch.nn.Identity()  # statistics of a half batch differ
    module.model[2] = torch.nn.Identity()
    fit(
        module,
        toy_data(),
        folder=folder,
        updates=2,
        ema="model",
        clip=0.0,
        trainer={
            "accelerator": "cpu",
            "devices": world,
            "strategy": "ddp" if world > 1 else "auto",
        },
        callbacks=[NoteGradients(folder / f"world{world}")],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
