"""How soon a face moves, what a frame costs, how many move at once: `python -m benchmarks.live`.

Every measurement runs in processes of its own, on one thread each, without torch. The algorithmic
delay (sound that must be heard first) and the delay by computing are given apart.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reach import Check, at_most, below
from benchmarks.screen import console, rich_table
from benchmarks.speed import speed_in_process
from benchmarks.tables import Table, checked, number
from distill.command import guarded
from distill.errors import UserError
from distill.folder import find_model, read_config
from distill.storage import write_json

MODULE, KIND = "benchmarks.live", "live"
CROWDS, STARTS_S, ASKED_STREAMS = (1, 10, 25, 50, 75, 100, 150), 6.0, 50
RATES_HZ = (16_000, 44_100, 48_000)


def measure_live(given: argparse.Namespace, words: Sequence[str]) -> dict[str, Any]:
    """Measure a streaming model alone and in crowds, and what its motion is worth."""
    from distill.pipeline.runs import git_commit

    fps = float(read_config(find_model(given.checkpoint))["fps"])
    shared = ["--checkpoint", given.checkpoint, "--seconds", str(given.seconds)]
    alone = [
        speed_in_process([*shared, "--alone", str(rate)], module=MODULE) for rate in given.rates
    ]
    crowds = [crowd(shared, streams, given.workers, fps) for streams in given.streams]
    kept_up = [row["streams"] for row in crowds if row["late_p99_ms"] < row["frame_ms"]]
    return {
        "kind": KIND,
        "command": " ".join([f"python -m {MODULE}", *words]),
        "commit": git_commit(),
        "model": given.checkpoint,
        "alone": alone,
        "workers": given.workers,
        "crowds": crowds,
        "streams_per_core": max(kept_up, default=0) / given.workers,
        **measure_quality(given),
    }


def measure_quality(given: argparse.Namespace) -> dict[str, Any]:
    """Measure lips, drift and silence on the test clips beside a shipped model."""
    from benchmarks.live_quality import measure_drift, measure_silence
    from distill.compress.check import check_clips, clip_error
    from distill.talker import load

    clips, talker = check_clips(find_model(given.clips)), load(given.checkpoint, "onnx")
    if clips[0].motion.shape[1] != len(talker.channels):
        raise UserError(
            f"the clips beside {given.clips} have {clips[0].motion.shape[1]} channels, "
            f"{given.checkpoint} has {len(talker.channels)}; name another model with --clips"
        )
    whole = load(given.offline, "onnx")
    return {
        "clips": len(clips),
        "offline": given.offline,
        "lve": clip_error(talker, clips)["mean"],
        "lve_offline": clip_error(whole, clips)["mean"],
        "drift": measure_drift(talker, clips, given.minutes),
        "silence": measure_silence(talker, max((clip.audio for clip in clips), key=len)),
    }


def crowd(shared: Sequence[str], streams: int, workers: int, fps: float) -> dict[str, Any]:
    """Measure streams shared among worker processes that start at one moment."""
    parts = [part for part in np.bincount(np.arange(streams) % workers) if part]
    start = ["--start-at", str(time.time() + STARTS_S)]
    run = partial(speed_in_process, module=MODULE)
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(run, [[*shared, "--crowd", str(part), *start] for part in parts]))
    late_ms = np.concatenate([one["late_ms"] for one in found])
    return {
        "streams": streams,
        "workers": len(parts),
        "frame_ms": 1000 / fps,
        "late_p50_ms": float(np.percentile(late_ms, 50)),
        "late_p99_ms": float(np.percentile(late_ms, 99)),
        "late_share": float((late_ms > 1000 / fps).mean()),
        "busy": float(np.mean([one["busy"] for one in found])),
    }


def live_tables(value: Mapping[str, Any]) -> list[Table]:
    """Return what was measured as tables."""
    return [alone_table(value), crowd_table(value), quality_table(value), reach_table(value)]


def alone_table(value: Mapping[str, Any]) -> Table:
    """Return the delays of one stream, by the rate of its sound."""
    names = ("algorithmic_ms", "compute_p50_ms", "compute_p95_ms", "compute_p99_ms",
             "first_sound_ms", "first_motion_ms")  # fmt: skip
    body = [
        (f"{row['rate_hz'] / 1000:g}", *(number(row[name], 3) for name in names))
        for row in value["alone"]
    ]
    return Table(
        title=f"One stream of {value['model']}, one thread, sound in chunks of 20 ms",
        head=("sound kHz", "algorithmic\ndelay ms", "compute of a\nframe p50 ms", "p95 ms",
              "p99 ms", "first frame:\nsound heard ms", "and\ncomputed ms"),
        body=tuple(body),
    )  # fmt: skip


def crowd_table(value: Mapping[str, Any]) -> Table:
    """Return how late frames are, by the number of streams."""
    body = [
        (
            str(row["streams"]), str(row["workers"]), number(row["late_p50_ms"], 3),
            number(row["late_p99_ms"], 3), f"{row['late_share']:.2%}", f"{row['busy']:.0%}",
        )
        for row in value["crowds"]
    ]  # fmt: skip
    return Table(
        title=f"Streams at once, in real time ({value['streams_per_core']:g} per core keep up)",
        head=("streams", "processes of\none thread", "frames late\np50 ms", "p99 ms",
              "over one\nframe", "busy"),
        body=tuple(body),
    )  # fmt: skip


def quality_table(value: Mapping[str, Any]) -> Table:
    """Return lips, drift and silence as a table."""
    drift, silence = value["drift"], value["silence"]
    cells = (value["lve"], value["lve_offline"], drift["lve"][0], drift["lve"][-1])
    cells += (silence["closed_after_ms"], silence["moves_mm"])
    return Table(
        title=f"{value['clips']} test clips, each over and over in its own voice; then silence",
        head=(
            f"LVE, {drift['unit']}^2", f"of {value['offline']},\noffline", "of minute 1",
            f"of minute {len(drift['lve'])}", "mouth closed\nafter ms", "then moves\nmm",
        ),
        body=(tuple(number(cell, 3) for cell in cells),),
    )  # fmt: skip


def reach_table(value: Mapping[str, Any]) -> Table:
    """Return what was measured beside what is asked."""
    found, silence = list[Check](), value["silence"]
    for row in value["alone"]:
        sound = f"{row['rate_hz'] / 1000:g} kHz"
        found += [
            at_most(f"{sound}: algorithmic delay, ms <= 80", row["algorithmic_ms"], 80.0),
            below(f"{sound}: first motion, ms < 100", row["first_motion_ms"], 100.0),
            below(f"{sound}: compute of a frame p50, ms < 1", row["compute_p50_ms"], 1.0),
            below(f"{sound}: compute of a frame p95, ms < 2", row["compute_p95_ms"], 2.0),
        ]
    asked = next((row for row in value["crowds"] if row["streams"] == ASKED_STREAMS), None)
    late_ms = None if asked is None else asked["late_p99_ms"]
    return checked(
        "Reach",
        [
            *found,
            below(f"{ASKED_STREAMS} streams: frames late p99, ms < 33", late_ms, 33.0),
            at_most("lve / offline lve <= 1.10", value["lve"] / value["lve_offline"], 1.1),
            at_most("last minute lve / first <= 1.05", value["drift"]["last_over_first"], 1.05),
            at_most("mouth closed after the voice, ms <= 200", silence["closed_after_ms"], 200.0),
        ],
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options.

    Raises:
        UserError: A number is not positive.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--checkpoint", default="stream", help="streaming model with ONNX files")
    parser.add_argument("--streams", type=int, nargs="+", default=list(CROWDS), help="crowds")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--seconds", type=float, default=10.0, help="of sound per measurement")
    parser.add_argument("--rates", type=int, nargs="+", default=list(RATES_HZ), help="of sound, Hz")
    parser.add_argument("--clips", default="stream", help="model whose test clips it speaks")
    parser.add_argument("--offline", default="small", help="model that hears whole clips")
    parser.add_argument("--minutes", type=int, default=10, help="of speech for the drift")
    parser.add_argument("--json", type=Path, default=Path("live.json"), help="file to write")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--crowd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--start-at", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if min(*given.streams, *given.rates, given.workers, given.seconds, given.minutes) <= 0:
        raise UserError("--streams, --rates, --workers, --seconds and --minutes must be positive")
    return given


def measure_here(given: argparse.Namespace) -> Mapping[str, Any]:
    """Measure in this process what its parent asked for."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from benchmarks.live_streams import measure_alone, measure_crowd
    from distill.talker import load

    talker = load(given.checkpoint, "onnx")
    if given.alone:
        return measure_alone(talker, given.seconds, given.alone)
    return measure_crowd(talker, given.crowd, given.seconds, given.start_at)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)

    def work() -> None:
        given = parse(words)
        if given.alone or given.crowd:
            write_json(given.json, measure_here(given))
            return
        value = measure_live(given, words)
        write_json(given.json, value)
        for table in live_tables(value):
            console().print(rich_table(table))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
