"""A job that only notes that it ran; started as a command by the tests of sweeps."""

import sys
from pathlib import Path

from distill.command import guarded, hydra_main
from distill.errors import UserError


def job(config: dict) -> None:
    if config["seed"] == 13:
        raise UserError("seed 13 is unlucky; choose another")
    folder = Path(config["run"]["dir"])
    folder.mkdir(parents=True)
    (folder / "seed.txt").write_text(str(config["seed"]))


if __name__ == "__main__":
    sys.exit(guarded(lambda: hydra_main("run", job, sys.argv[1:])))
