"""How a model does on real recordings: `python -m benchmarks.recordings --checkpoint DIR`.

Without inputs, every recording under `--data` is judged (`benchmarks.real`): how well the lips
follow the voice, close at labelled bilabials, stay open at open vowels, and follow the recorded
mouth, per file and as means over validation files and reported files.

With inputs, prints per file how well the lips follow the voice (sync_r and lag) and the same
against the next file's voice (which should be low). Both say how still and closed the mouth is on
silence, and can write one contact sheet.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from rich.table import Table

from benchmarks.real import summary
from benchmarks.real.judge import Judged, judge, sync
from benchmarks.real.sources import DATA, find_real
from benchmarks.screen import console
from distill.audio.decode import load_audio
from distill.audio.inputs import find_inputs
from distill.command import guarded
from distill.face.render import contact_sheet, render_image
from distill.face.space import MotionSpace
from distill.pipeline.runs import git_commit
from distill.storage import atomic_path, write_json
from distill.talker import Talker, load
from distill.types import SAMPLE_RATE_HZ

SILENCE_S = 3.0
FRAMES_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What was measured on one recording.

    Attributes:
        name: File name.
        seconds: Length.
        sync_r: Correlation of lip gap and log envelope inside speech.
        sync_lag_ms: Lag of its peak; positive when motion is late.
        mismatched_r: The same correlation with the next file's voice.
    """

    name: str
    seconds: float
    sync_r: float
    sync_lag_ms: float
    mismatched_r: float


def measure(talker: Talker, space: MotionSpace, files: Sequence[Path]) -> list[Followed]:
    """Animate every file and compare its lips with its own and another voice."""
    audios = [load_audio(path) for path in files]
    gaps = []
    for audio in audios:
        motion = talker.generate(audio).values
        gaps.append(space.lip_gap_mm(torch.from_numpy(motion)).numpy())
    found = []
    for index, (path, audio, gap) in enumerate(zip(files, audios, gaps, strict=True)):
        other = np.resize(audios[(index + 1) % len(audios)], len(audio))
        own_r, lag_ms = sync(gap, audio, talker.fps)
        found.append(
            Followed(
                name=path.name,
                seconds=len(audio) / SAMPLE_RATE_HZ,
                sync_r=own_r,
                sync_lag_ms=lag_ms,
                mismatched_r=sync(gap, other, talker.fps)[0] if len(audios) > 1 else math.nan,
            )
        )
    return found


def silence(talker: Talker, space: MotionSpace) -> dict[str, float]:
    """Return the widest lip gap over rest and its greatest change per frame, in silence, in mm."""
    still = np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.float32)
    motion = torch.from_numpy(talker.generate(still).values)
    gap = space.lip_gap_mm(motion)
    rest = space.lip_gap_mm(torch.zeros(space.motion_dim))
    return {
        "widest_gap_mm": float((gap - rest).max()),
        "greatest_change_mm": float(gap.diff().abs().max()),
    }


def sheet(talker: Talker, space: MotionSpace, files: Sequence[Path], out: Path) -> None:
    """Write a png with a row per recording: frames spread over its loud part."""
    from PIL import Image

    images, labels = [], []
    for path in files:
        motion = talker.generate(load_audio(path)).values
        for frame in np.linspace(0, len(motion) - 1, FRAMES_SHOWN + 2)[1:-1].round().astype(int):
            images.append(render_image(space.rig, torch.from_numpy(motion[frame]), size=(200, 200)))
            labels.append(f"{path.stem[:18]} {frame / talker.fps:.1f} s")
    with atomic_path(out) as temporary:
        picture = contact_sheet(images, columns=FRAMES_SHOWN, labels=labels)
        Image.fromarray(picture).save(temporary, format="png")


def show(found: Sequence[Followed], still: dict[str, float]) -> None:
    """Print the table and the means."""
    table = Table("file", "seconds", "sync_r", "lag ms", "mismatched r")
    for row in found:
        values = (row.sync_r, row.sync_lag_ms, row.mismatched_r)
        table.add_row(row.name, f"{row.seconds:.1f}", *(f"{value:.2f}" for value in values))
    rows = np.array([(f.sync_r, f.sync_lag_ms, f.mismatched_r) for f in found])
    table.add_row("mean", "", *(f"{value:.2f}" for value in np.nanmean(rows, axis=0)))
    screen = console()
    screen.print(table)
    screen.print("silence: " + ", ".join(f"{key} {value:.2f}" for key, value in still.items()))


def judge_all(talker: Talker, space: MotionSpace, data: Path, validation: bool) -> list[Judged]:
    """Judge every real recording under `data`, or only those declared as validation."""
    clips = [clip for clip in find_real(data) if clip.validation or not validation]
    with Progress(*Progress.get_default_columns(), transient=True) as bars:
        task = bars.add_task("recordings", total=len(clips))
        return judge(talker, space, clips, lambda done, _: bars.update(task, completed=done))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordings", description=__doc__)
    parser.add_argument("inputs", nargs="*", type=Path, help="audio files or folders of them")
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder")
    parser.add_argument(
        "--data", type=Path, default=DATA, help=f"folder of real recordings (default {DATA})"
    )
    parser.add_argument(
        "--validation", action="store_true", help="only the recordings that tuning may look at"
    )
    parser.add_argument("--sheet", type=Path, help="png to write, a row per recording")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    given = parser.parse_args(arguments)

    def work() -> None:
        talker = load(given.checkpoint)
        space = talker.space()
        still = silence(talker, space)
        if given.inputs:
            files = find_inputs(given.inputs)
            found = measure(talker, space, files)
            figures = {"recordings": [{**vars(row)} for row in found], "silence": still}
            show(found, still)
        else:
            judged = judge_all(talker, space, given.data, given.validation)
            spoken = [row for row in judged if row.group in summary.SPEECH]
            files = [given.data / row.group / row.name for row in spoken]
            figures = {
                "kind": summary.KIND,
                "model": given.checkpoint.name,
                "sha256": talker.config["sha256"],
                "commit": git_commit(),
                **summary.as_json(judged, still),
            }
            summary.show(judged, still, console())
        if given.json:
            write_json(given.json, figures)
        if given.sheet:
            sheet(talker, space, files, given.sheet)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
