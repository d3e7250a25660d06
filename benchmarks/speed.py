"""Times one model, waveform to motion, in a process of its own: `python -m benchmarks.speed`."""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float

from distill.engines import BACKENDS
from distill.errors import UserError
from distill.storage import read_json, write_json
from distill.units import SAMPLE_RATE_HZ

MATMUL_SIZE = 1024
REPEATS = 5
TIME_LIMIT_S = 8.0
WARM_UP = 2
COLD_AUDIO_S, COLD_RUNS = 4.0, 3


def time_calls(
    call: Callable[[], object], *, repeats: int = REPEATS, limit_s: float = TIME_LIMIT_S
) -> Float[np.ndarray, " N"]:
    """Return wall milliseconds of each call after warm-up.

    Calls until both `repeats` and `limit_s` are reached, so slow models get `repeats` calls and
    fast ones as many as fit (at most 200). The second warm-up call is skipped when the first
    took more than `limit_s`.
    """
    start = time.perf_counter()
    for _ in range(WARM_UP):
        if time.perf_counter() - start < limit_s:
            call()
    times_ms: list[float] = []
    start = time.perf_counter()
    while len(times_ms) < repeats or (
        time.perf_counter() - start < limit_s and len(times_ms) < 200
    ):
        before = time.perf_counter()
        call()
        times_ms.append(1000 * (time.perf_counter() - before))
    return np.array(times_ms)


def timing(times_ms: Float[np.ndarray, " N"], seconds: float) -> dict[str, float]:
    """Return median, 95th percentile and audio seconds per wall second at the median."""
    p50_ms, p95_ms = (float(np.percentile(times_ms, q)) for q in (50, 95))
    return {"p50_ms": p50_ms, "p95_ms": p95_ms, "rtf": 1000 * seconds / p50_ms}


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MiB.

    Linux starts `ru_maxrss` of a new program at its parent's size, so `VmHWM` is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(w for w in status.read_text().splitlines() if w.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def speech_like_audio(seconds: float) -> Float[np.ndarray, " S"]:
    """Return a deterministic voice-like sound: syllables of filtered noise at 16 kHz."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    at = np.arange(samples) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(0).standard_normal(samples)
    smooth = np.convolve(noise, np.ones(8) / 8, mode="same")
    syllables = np.clip(np.sin(2 * np.pi * 4 * at), 0, None)
    return (0.2 * syllables * (smooth + np.sin(2 * np.pi * 140 * at))).astype(np.float32)


def measure_talker(
    checkpoint: Path,
    *,
    steps: int | None,
    threads: Sequence[int] = (1, 2),
    seconds: float = 10.0,
    repeats: int = REPEATS,
    limit_s: float = TIME_LIMIT_S,
    backend: str = "torch",
) -> dict[str, Any]:
    """Load a checkpoint here and time it at each thread count; batch of one, seed fixed.

    From waveform to motion, audio encoder included; the persona is chosen beforehand, as it is
    once for a live avatar. Only the chosen backend is imported.
    """
    from distill.talker import load

    audio = speech_like_audio(seconds)
    found: dict[str, Any] = {}
    for count in threads:
        _use_threads(count, backend)
        talker = load(checkpoint, backend)
        persona = talker.persona(audio)
        times_ms = time_calls(
            partial(talker.generate_batch, audio, persona, seeds=(0,), steps=steps),
            repeats=repeats,
            limit_s=limit_s,
        )
        found[f"threads_{count}"] = timing(times_ms, seconds)
        found |= {"peak_mb": peak_memory_mb(), "calls": int(talker.calls(steps))}
    return found


def _use_threads(count: int, backend: str) -> None:
    """Set the threads of what is loaded from here on."""
    if backend == "onnx":
        os.environ["OMP_NUM_THREADS"] = str(count)
        return
    import torch

    torch.set_num_threads(count)


def measure_matmul(threads: int, limit_s: float = 1.0) -> float:
    """Return float32 GFLOP/s of 1024 x 1024 matrix products at a thread count."""
    import torch

    torch.set_num_threads(threads)
    return matmul_gflops(MATMUL_SIZE, "cpu", torch.float32, limit_s)


def matmul_gflops(size: int, device: str, dtype: Any, limit_s: float = 1.0) -> float:
    """Return GFLOP/s of square matrix products of a torch type on a device."""
    import torch

    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)
        if device == "cuda":
            torch.cuda.synchronize()

    median_ms = float(np.median(time_calls(product, limit_s=limit_s)))
    return 2 * size**3 / (median_ms * 1e6)


def cold_start_s(checkpoint: Path, backend: str, runs: int = COLD_RUNS) -> float:
    """Return the median time from the start of a process to its first motion file, in seconds.

    The process is `python -m distill.animate` on a wav of 4 s, with the chosen backend.

    Raises:
        UserError: The command failed; the sentence carries its last line.
    """
    times = []
    with TemporaryDirectory() as folder:
        wav, out = Path(folder) / "speech.wav", Path(folder) / "curves.csv"
        soundfile.write(wav, speech_like_audio(COLD_AUDIO_S), SAMPLE_RATE_HZ)
        words = ["-m", "distill.animate", str(wav), "--out", str(out)]
        command = [sys.executable, *words, "--checkpoint", str(checkpoint), "--backend", backend]
        for _ in range(runs):
            out.unlink(missing_ok=True)
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, env=_environment())
            times.append(time.perf_counter() - began)
            if done.returncode or not out.exists():
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise UserError(f"animating with {checkpoint} failed: {last}")
    return float(np.median(times))


def _environment(*, gpu: bool = False) -> dict[str, str]:
    """Return the environment of a process that finds this checkout, and a GPU only if asked to."""
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path} | ({} if gpu else {"CUDA_VISIBLE_DEVICES": ""})


def speed_in_process(
    arguments: Sequence[str], *, module: str = "benchmarks.speed", gpu: bool = False
) -> dict[str, Any]:
    """Run this file (or another `module`) as a command in a fresh process; return its JSON.

    Raises:
        UserError: The process failed; the sentence carries its last line.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder) / "speed.json"
        command = [sys.executable, "-m", module, *arguments, "--json", str(out)]
        environment = _environment(gpu=gpu)
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"measuring speed failed ({' '.join(arguments)}): {last}")
        return read_json(out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for and write it as JSON; exit code 2 on a mistake."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="folder of the model to time")
    parser.add_argument("--backend", choices=BACKENDS, default="torch", help="what runs it")
    parser.add_argument("--matmul", action="store_true", help="time matrix products instead")
    parser.add_argument("--steps", type=int, help="sampler steps (default: the checkpoint's own)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="thread counts")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the audio")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="least number of calls")
    parser.add_argument("--limit-s", type=float, default=TIME_LIMIT_S, help="time to fill")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    given = parser.parse_args(arguments)
    if given.matmul == (given.checkpoint is not None):
        parser.error("give either --checkpoint or --matmul")
    try:
        write_json(given.json, _measure(given))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    if given.matmul:
        limit_s = min(given.limit_s, 1.0)
        return {f"matmul_gflops_{n}t": measure_matmul(n, limit_s) for n in given.threads}
    return measure_talker(
        given.checkpoint,
        steps=given.steps,
        threads=given.threads,
        seconds=given.seconds,
        repeats=given.repeats,
        limit_s=given.limit_s,
        backend=given.backend,
    )


if __name__ == "__main__":
    sys.exit(main())
