"""Throughput and memory of training: `python -m benchmarks.training`.

Measures updates of the teacher and of the first distillation round against batch size and clip
length, every point in a process of its own; writes JSON and a plot and prints a table.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.screen import console, rich_table
from benchmarks.speed import speed_in_process
from benchmarks.tables import Table, number
from distill.command import guarded, has_cuda
from distill.errors import UserError
from distill.storage import atomic_path, write_json

BATCHES, WINDOW_S = (1, 2, 4, 8), 2.4
LENGTHS_S = (4.0, 10.0, 30.0, 60.0)
VARIANTS = {"cpu": ("fp32",), "cuda": ("fp32", "bf16", "bf16 compiled")}
MODULE = "benchmarks.training"
KIND = "training"
FPS = 30.0


def points(
    stages: Sequence[str], batches: Sequence[int], lengths_s: Sequence[float], device: str
) -> list[dict[str, Any]]:
    """Return what to measure: batch sizes at one window, then clip lengths at a batch of one."""
    sizes = [(batch, WINDOW_S) for batch in batches] + [(1, length) for length in lengths_s]
    return [
        {"stage": stage, "batch_size": batch, "seconds": seconds, "variant": variant}
        for stage in stages
        for variant in VARIANTS[device]
        for batch, seconds in sizes
    ]


def measured(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a measured point with its rates and its share of the matrix-product peak."""
    update_s, frames = found["update_s"], found["batch_size"] * round(found["seconds"] * FPS)
    achieved = found["gflop"] / update_s
    return {
        **found,
        "updates_per_s": 1 / update_s,
        "samples_per_s": found["batch_size"] / update_s,
        "frames_per_s": frames / update_s,
        "ms_per_frame": 1000 * update_s / frames,
        "gflop_per_frame": found["gflop"] / frames,
        "gflops": achieved,
        "peak_share": achieved / found["peak_gflops"],
    }


def growth(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return cost per frame of the longest clip over the shortest, by stage and variant.

    1 is linear growth: a frame costs the same in a clip of any length.
    """
    ladders: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["batch_size"] == 1 and row["seconds"] != WINDOW_S:
            ladders.setdefault((row["stage"], row["variant"]), []).append(row)
    found = []
    for (stage, variant), ladder in ladders.items():
        ordered = sorted(ladder, key=lambda row: row["seconds"])
        short, long = ordered[0], ordered[-1]
        ratio = {key: long[key] / short[key] for key in ("ms_per_frame", "gflop_per_frame")}
        ends = {"from_s": short["seconds"], "to_s": long["seconds"]}
        found.append({"stage": stage, "variant": variant, **ends, **ratio})
    return found


def training_tables(value: Mapping[str, Any]) -> list[Table]:
    """Return the points and the growth of a training file as tables."""
    head = ("stage", "variant", "batch", "clip\ns", "updates\n/s", "samples\n/s", "frames\n/s")
    head += ("ms/\nframe", "peak\nMiB", "GFLOP", "GFLOP\n/s", "of\nmatmul")
    body = []
    for row in value["points"]:
        names = ("updates_per_s", "samples_per_s", "frames_per_s", "ms_per_frame", "peak_mb")
        rates = [number(row[name], 3) for name in (*names, "gflop", "gflops")]
        first = (row["stage"], row["variant"], str(row["batch_size"]), f"{row['seconds']:g}")
        body.append((*first, *rates, f"{row['peak_share']:.0%}"))
    lines = []
    for row in value["growth"]:
        ratios = (number(row[name], 3) for name in ("ms_per_frame", "gflop_per_frame"))
        ends = f"{row['from_s']:g} s to {row['to_s']:g} s"
        lines.append((row["stage"], row["variant"], ends, *ratios))
    columns = ("stage", "variant", "clip", "time of a frame\nratio", "operations of a frame\nratio")
    return [
        Table(title=f"Training updates, {value['device']}", head=head, body=tuple(body)),
        Table(title="Growth of the cost of a frame", head=columns, body=tuple(lines)),
    ]


def plot_training(value: Mapping[str, Any], path: Path, *, about: str = "") -> Path:
    """Draw frames per second against batch size and milliseconds per frame against clip length.

    `about` is kept inside the png.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name in dict.fromkeys((p["stage"], p["variant"]) for p in value["points"]):
        mine = [p for p in value["points"] if (p["stage"], p["variant"]) == name]
        short = [p for p in mine if p["seconds"] == WINDOW_S]
        long = [p for p in mine if p["batch_size"] == 1 and p not in short]
        for axes, chosen, x, y in (
            (left, short, "batch_size", "frames_per_s"),
            (right, long, "seconds", "ms_per_frame"),
        ):
            axes.plot([p[x] for p in chosen], [p[y] for p in chosen], "o-", label=", ".join(name))
    left.set(xlabel=f"batch of {WINDOW_S:g} s windows", ylabel="frames per second")
    right.set(xlabel="clip length (s), batch 1", ylabel="ms per frame")
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(color="0.92")
        axes.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Description": about})
    return path


def measure_training(given: argparse.Namespace, screen: Console) -> dict[str, Any]:
    """Measure every point that the command line asks for, each in a fresh process."""
    from distill.pipeline.runs import git_commit

    command = " ".join(["python -m benchmarks.training", *given.words])
    shared = ["--options", *given.options, "--limit-s", str(given.limit_s)]
    shared += ["--device", given.device, "--threads", str(given.threads)]
    rows = []
    for point in points(given.stages, given.batches, given.lengths, given.device):
        words = [f"--point={point['stage']}", f"--batches={point['batch_size']}"]
        words += [f"--lengths={point['seconds']}", f"--variant={point['variant']}", *shared]
        found = speed_in_process(words, module=MODULE, gpu=given.device == "cuda")
        rows.append(measured(point | found))
        screen.print(f"{point}  {number(rows[-1]['frames_per_s'])} frames/s", soft_wrap=True)
    return {
        "kind": KIND,
        "command": command,
        "commit": git_commit(),
        "device": device_name(given.device, given.threads),
        "points": rows,
        "growth": growth(rows),
    }


def device_name(device: str, threads: int) -> str:
    """Return what the updates run on."""
    if device == "cuda":
        return "one CUDA device"
    return f"{threads} of {os.cpu_count()} cores"


def measure_here(given: argparse.Namespace) -> dict[str, Any]:
    """Measure one point, or the peak, in this process."""
    import torch

    from benchmarks.training_update import measure_update

    torch.set_num_threads(given.threads)
    return measure_update(
        given.point,
        options=given.options,
        batch_size=given.batches[0],
        seconds=given.lengths[0],
        limit_s=given.limit_s,
        device=given.device,
        bf16="bf16" in given.variant,
        compiled="compiled" in given.variant,
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument(
        "--options", nargs="*", default=[], help="words of distill.run: teacher=big"
    )
    parser.add_argument("--stages", nargs="+", default=["teacher", "round"], help="what to train")
    parser.add_argument("--batches", type=int, nargs="*", default=list(BATCHES))
    parser.add_argument("--lengths", type=float, nargs="+", default=list(LENGTHS_S), help="seconds")
    parser.add_argument("--limit-s", type=float, default=2.0, help="time to fill per point")
    parser.add_argument("--device", choices=sorted(VARIANTS), default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("training.json"), help="file to write")
    for own in ("--point", "--variant"):
        parser.add_argument(own, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    given.device = given.device or ("cuda" if has_cuda() else "cpu")
    given.words = list(arguments)
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = parse(sys.argv[1:] if arguments is None else arguments)

    def work() -> None:
        if min(given.lengths) <= 0 or min(given.batches, default=1) < 1 or given.threads < 1:
            raise UserError("lengths, batches and threads must be positive")
        if given.point:
            write_json(given.json, measure_here(given))
            return
        screen = console()
        value = measure_training(given, screen)
        write_json(given.json, value)
        plot_training(value, given.json.with_name(f"{given.json.stem}-plot.png"))
        for table in training_tables(value):
            screen.print(rich_table(table))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
