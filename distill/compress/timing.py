"""Times one model folder, waveform to motion, in a process that runs nothing else.

`python -m distill.compress.timing FOLDER BACKEND` prints the median milliseconds.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from distill.errors import UserError
from distill.talker import load
from distill.units import SAMPLE_RATE_HZ

TIMED_S, REPEATS = 10.0, 15


def milliseconds(folder: Path, backend: str) -> float:
    """Return the median time of 10 s of audio on one thread, in a process of its own.

    Raises:
        UserError: The process failed.
    """
    words = [sys.executable, "-m", __name__, str(folder), backend]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"timing {folder} failed: {last}")
    return float(done.stdout)


def main(folder: str, backend: str) -> None:
    """Time noise of 10 s, persona given, and print the median."""
    talker, rng = load(folder, backend), np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal(round(TIMED_S * SAMPLE_RATE_HZ))).astype(np.float32)
    persona = talker.persona(audio)
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        talker.generate_batch(audio, persona, seeds=(0,))
        times.append(1000 * (time.perf_counter() - start))
    sys.stdout.write(f"{median(times[1:])}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
