"""Sweeps over a launcher that runs every member in a process of its own."""

import subprocess
import sys
from pathlib import Path

from hydra import compose, initialize_config_dir

from distill.command import config_folder

ROOT = Path(__file__).parents[2]


def sweep(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.distill.sweeping", "--multirun"]
    command += ["hydra/launcher=submitit_local", "budget=smoke", f"run.dir={folder}", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_member_runs_in_its_own_folder(tmp_path):
    done = sweep(tmp_path, "seed=0,1")
    assert done.returncode == 0, done.stderr
    for seed in (0, 1):
        assert (tmp_path / f"seed={seed}" / "seed.txt").read_text() == str(seed)


def test_a_member_that_fails_fails_the_sweep_with_its_sentence(tmp_path):
    done = sweep(tmp_path, "seed=13,2")
    assert done.returncode == 2
    assert "error: seed 13 is unlucky" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "seed=2" / "seed.txt").exists()


def test_slurm_jobs_ask_for_a_gpu_and_continue_when_their_time_is_over():
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("run", ["hydra/launcher=slurm"], return_hydra_config=True)
    launcher = config.hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert launcher.gpus_per_node == 1 and launcher.max_num_timeout > 0
