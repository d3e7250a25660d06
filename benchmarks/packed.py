"""Packed corpora against plain files: `python -m benchmarks.packed`.

Measures, each in a process of its own, how memory and start of training grow with the number of
clips (the index is made up and names one real shard again and again), and how fast batches come
from shards and from plain wav and npy files. Prints ratios and writes JSON.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.screen import console, rich_table
from benchmarks.speed import peak_memory_mb, speech_like_audio, speed_in_process
from benchmarks.tables import Table, number
from distill.command import guarded
from distill.data.batches import MotionBatches
from distill.data.corpus import labels_of, require_trainable, split
from distill.data.packed.reading import INDEX, TABLE, PackedCorpus, open_packed
from distill.data.packed.shards import INDEX as SHARDS
from distill.data.packed.writing import pack
from distill.data.readers.folder import FolderCorpus
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.storage import read_json, write_json
from distill.types import Clip, Recording

MODULE = "benchmarks.packed"
KIND = "packed"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
REAL_CLIPS, SPEAKERS, FPS, CLIP_S, BATCH, BATCHES = 200, 20, 30.0, 4.0, 32, 12


def plain_files(folder: Path) -> Corpus:
    """Write clips as wav and npy files; return a corpus of them."""
    import soundfile

    rig, rng = load_rig("arkit"), np.random.default_rng(0)
    frames = round(CLIP_S * FPS)
    speech = speech_like_audio(CLIP_S)
    for number_ in range(REAL_CLIPS):
        noisy = speech + 0.002 * rng.standard_normal(len(speech)).astype(np.float32)
        soundfile.write(folder / f"{number_}.wav", noisy, 16_000, subtype="PCM_16")
        moved = 0.5 + 0.1 * np.cumsum(rng.standard_normal((frames, len(rig.channels))), 0) / 10
        np.save(folder / f"{number_}.npy", moved.astype(np.float32))
    return described_files(folder)


def described_files(folder: Path, times: int = 1) -> Corpus:
    """Return the corpus of plain files, every one of them named `times` times."""
    clips = [
        Clip(
            id=f"{number_}+{again}",
            split="train",
            speaker=f"s{number_ % SPEAKERS:03d}",
            frames=round(CLIP_S * FPS),
            samples=round(CLIP_S * 16_000),
            extra={"stem": str(folder / str(number_))},
        )
        for again in range(times)
        for number_ in range(REAL_CLIPS)
    ]
    channels = tuple(load_rig("arkit").channels)
    return FolderCorpus(
        name="plain", rig="arkit", channels=channels, fps=FPS, clips=clips, content_hash="",
        opener=read_plain,
    )  # fmt: skip


def read_plain(clip: Clip) -> Recording:
    """Open a clip of plain files."""
    import soundfile

    audio, _ = soundfile.read(f"{clip.extra['stem']}.wav", dtype="float32")
    return Recording(audio=audio, motion=np.load(f"{clip.extra['stem']}.npy"))


def multiplied(packed: Path, folder: Path, clips: int) -> None:
    """Write the index of a corpus of `clips` clips whose shards are all those of `packed`."""
    times = clips // REAL_CLIPS
    shards, columns = read_json(packed / SHARDS), np.load(packed / TABLE)
    for chunk in shards["chunks"]:
        os.link(packed / chunk["filename"], folder / chunk["filename"])
    write_json(folder / SHARDS, shards | {"chunks": shards["chunks"] * times})
    np.save(folder / TABLE, np.tile(columns, times))
    write_json(folder / INDEX, read_json(packed / INDEX) | {"clips": clips})


def measure_start(root: Path, *, plain_times: int | None) -> dict[str, float]:
    """Measure a start of training, from opening the corpus to its first batch, in this process."""
    rig = load_rig("arkit")
    warm = time.perf_counter()
    before_mb = peak_memory_mb()
    corpus = opened(root, plain_times)
    require_trainable(corpus)
    batches = loader(corpus, rig)
    batches(0)
    start_s = time.perf_counter() - warm
    return {"start_s": start_s, "added_mb": peak_memory_mb() - before_mb}


def measure_rate(root: Path, *, plain_times: int | None) -> dict[str, float]:
    """Measure clips per second of batches after the first."""
    batches = loader(opened(root, plain_times), load_rig("arkit"))
    batches(0)
    began = time.perf_counter()
    for index in range(1, BATCHES + 1):
        batches(index)
    return {"clips_per_s": BATCH * BATCHES / (time.perf_counter() - began)}


def opened(root: Path, plain_times: int | None) -> Corpus | PackedCorpus:
    """Open shards, or plain files named so many times."""
    if plain_times is None:
        return open_packed(str(root), cache=root)
    return described_files(root, plain_times)


def loader(corpus: Corpus, rig: Any) -> MotionBatches:
    """Return batches as training asks for them, without augmentation."""
    return MotionBatches(
        corpus,
        MotionSpace.identity(rig, FPS),
        labels_of(split(corpus, "train")),
        batch_size=BATCH,
        window_frames=72,
        seed=0,
    )


def measure_packed(sizes: Sequence[int], words: Sequence[str]) -> dict[str, Any]:
    """Measure all of it; return what the JSON file holds."""
    from distill.pipeline.runs import git_commit

    rows = []
    with TemporaryDirectory() as name:
        plain, packed = Path(name) / "plain", Path(name) / "packed"
        plain.mkdir()
        made = pack(plain_files(plain), str(packed), shard_mb=4.0)
        for clips in sizes:
            large = Path(name) / f"packed-{clips}"
            large.mkdir()
            multiplied(packed, large, clips)
            times = clips // REAL_CLIPS
            for kind, root, extra in (
                ("shards", large, []),
                ("plain files", plain, ["--times", str(times)]),
            ):
                found = speed_in_process(["--start", str(root), *extra], module=MODULE)
                rows.append({"clips": clips, "kind": kind, **found})
        rates = {
            "shards": speed_in_process(["--rate", str(packed)], module=MODULE),
            "plain files": speed_in_process(["--rate", str(plain), "--times", "1"], module=MODULE),
        }
        plain_bytes = sum(path.stat().st_size for path in plain.iterdir())
    return {
        "kind": KIND,
        "command": " ".join([f"python -m {MODULE}", *words]),
        "commit": git_commit(),
        "starts": rows,
        "rates": [{"kind": kind, **found} for kind, found in rates.items()],
        "bytes_ratio": made["bytes"] / plain_bytes,
        "motion_error": made["motion"]["largest_error"],
    }


def packed_tables(value: Mapping[str, Any]) -> list[Table]:
    """Return starts and rates as tables of ratios."""
    first = {row["kind"]: row for row in reversed(value["starts"])}
    starts = tuple(
        (
            row["kind"],
            f"{row['clips']:,}",
            number(row["start_s"] / first[row["kind"]]["start_s"], 3),
            number(row["added_mb"] - first[row["kind"]]["added_mb"], 3),
        )
        for row in value["starts"]
    )
    plain = next(row for row in value["rates"] if row["kind"] == "plain files")["clips_per_s"]
    size = {"shards": number(value["bytes_ratio"], 3), "plain files": "1"}
    rates = tuple(
        (row["kind"], number(row["clips_per_s"] / plain, 3), size[row["kind"]])
        for row in value["rates"]
    )
    fewest = f"{min(row['clips'] for row in value['starts']):,}"
    head = ("from", "clips", f"start, ratio to\n{fewest} clips", f"MiB more than\n{fewest} clips")
    return [
        Table(title="From opening a corpus to the first batch", head=head, body=starts),
        Table(
            title="Batches against plain files",
            head=("from", "clips per second\nratio", "bytes\nratio"),
            body=rates,
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="clips")
    parser.add_argument("--json", type=Path, default=Path("packed.json"), help="file to write")
    for own in ("--start", "--rate"):
        parser.add_argument(own, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(words)

    def work() -> None:
        if given.start or given.rate:
            measure = measure_start if given.start else measure_rate
            write_json(given.json, measure(given.start or given.rate, plain_times=given.times))
            return
        value = measure_packed(given.sizes, words)
        write_json(given.json, value)
        for table in packed_tables(value):
            console().print(rich_table(table))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
