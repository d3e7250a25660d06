"""Starts real runs in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

TINY = (
    "budget=smoke",
    "teacher=tiny",
    "student=tiny",
    "distill.start_steps=4",
    "trainer.threads=1",
    "benchmark.speed=false",
    "benchmark.video=false",
    "benchmark.max_clips=2",
)


def start(folder: Path, cache: Path, *words: str, threads: int = 1) -> subprocess.Popen:
    command = [sys.executable, "-m", "distill.run", *TINY, f"run.dir={folder}", *words]
    environment = os.environ | {"FACEDISTILL_CACHE": str(cache), "OMP_NUM_THREADS": str(threads)}
    for key in ("WANDB_API_KEY", "WANDB_MODE"):
        environment.pop(key, None)
    return subprocess.Popen(
        command,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(folder: Path, cache: Path, *words: str, threads: int = 1) -> str:
    process = start(folder, cache, *words, threads=threads)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, f"{out[-1500:]}\n{err[-3000:]}"
    return out + err
