"""`python -m distill.release RUN --name NAME`: a run's student as a model that ships.

Writes `students/pretrained/NAME`: weights, int8 export, config, card, hashes, and a few clips with
the lip error that the model has on them, so that anyone can see that it still does.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill.command import guarded
from distill.errors import UserError
from distill.folder import CARD, CONFIG, DEFAULT_MODEL, SHIPPED, WEIGHTS, file_digest, read_config

SUMS, CHECK_CLIPS = "SHA256SUMS", 6
MOST_BYTES = 15_000_000
USE = "## Use and limits"
REAL_FIGURES = {
    "sync_r en": "sync_r, English speech",
    "sync_r zh": "sync_r, Mandarin speech",
    "sync_lag_ms en": "lag of the best sync, English, ms",
    "mismatched_r en": "sync_r against another file's voice, English",
    "closed": "lips closed at labelled /p b m/, share",
    "opened": "mouth open at labelled open vowels, share",
    "recorded_r facegood": "correlation with FACEGOOD's lip gap",
    "recorded_r grid_s1": "correlation with GRID's lip height",
}
"""Means of `benchmarks.recordings` that stand in a card."""


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    from benchmarks.real.sources import DATA

    options = argparse.ArgumentParser(prog="python -m distill.release", description=__doc__)
    options.add_argument("run", type=Path, help="directory of a measured run")
    options.add_argument("--name", default=DEFAULT_MODEL, help="name to ship it under")
    options.add_argument(
        "--data", type=Path, default=DATA, help="folder of real recordings for the card"
    )
    options.add_argument("--into", type=Path, default=SHIPPED, help="folder of shipped models")
    return options


def release(run: Path, into: Path, name: str, data: Path) -> Path:
    """Write `into/name` from the student of a measured run and return it.

    Raises:
        UserError: The run is not measured, or its student is too large or cannot be exported.
    """
    from benchmarks.collect import command_of
    from distill.compress import INT8
    from distill.compress.check import write_check
    from distill.compress.write import export
    from distill.export import trial_clips
    from distill.pipeline.build import build_rig
    from distill.pipeline.runs import RunDirectory

    student, target = run / "student", into / name
    read_config(student)
    if not (student / CARD).is_file():
        raise UserError(f"{student} has no card; let the run finish or `benchmarks.run run={run}`")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".tmp-") as temporary:
        work = Path(temporary) / name
        work.mkdir()
        for file in (WEIGHTS, CONFIG, CARD):
            shutil.copyfile(student / file, work / file)
        trial = trial_clips(student, run, data / "speech_plain")
        parity = export(work, INT8, work, trial)
        checked = write_check(work, trial.clips[:CHECK_CLIPS])
        _, _, card = (work / CARD).read_text(encoding="utf-8").partition("\n")
        config = RunDirectory(run).config()
        sections = "\n".join(
            [
                f"## Made by\n`{command_of(config)}`, then `python -m distill.release`.\n",
                compressed(parity),
                check_section(checked, build_rig(config).units),
                voices(config["data"]),
                real_speech(work, data),
            ]
        )
        card = f"# {name}\n" + card.replace(USE, f"{sections}\n{USE}")
        (work / CARD).write_text(card, encoding="utf-8")
        write_sums(work)
        size = sum(path.stat().st_size for path in work.iterdir())
        if size > MOST_BYTES:
            raise UserError(
                f"{name} would be {size:,} bytes, more than {MOST_BYTES:,}; make it smaller"
            )
        if target.exists():
            target.rename(Path(temporary) / "before")
        work.rename(target)
    return target


def compressed(parity: Mapping[str, Any]) -> str:
    """Return the card's section on the exported form."""
    best = next(row for row in parity["tried"] if row["scheme"] == parity["chosen"])
    lines = [
        "## Compressed",
        f"* `{parity['form']}` ({parity['chosen']}): {best['bytes']:,} bytes, with all it needs",
    ]
    for kind in ("clips", "recordings"):
        if best[kind]:
            found = best[kind]
            change = found.get("lve_change_percent")
            lve = "" if change is None else f", LVE {change:+.2f} %"
            lines.append(
                f"* against float on {found['clips']} {kind}: motion error at most "
                f"{found['max_error']:.3g}, rms {found['rms_error']:.3g}{lve}"
            )
    return "\n".join([*lines, ""])


def check_section(found: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Return the card's section on the clips that lie beside the model."""
    errors = [
        f"* {b}: LVE {v['mean']:.4g} {unit}^2, spread {v['std']:.2g}" for b, v in found.items()
    ]
    head = f"{CHECK_CLIPS} test clips lie beside the model in `check.safetensors`; on them:"
    return "\n".join(["## Check", head, "", *errors, ""])


def voices(data: Mapping[str, Any]) -> str:
    """Return the card's section on who spoke, in which language, and under which licence."""
    lines = [f"Corpus `{data['name']}`; its own licence holds for what was learned from it."]
    if data["name"] == "synthetic":
        from distill.data.synthetic import EMOTIONS
        from distill.data.synthetic.speakers import make_speaker

        speakers = [make_speaker(i, engine=data["engine"]) for i in range(data["speakers"])]
        engines = sorted({speaker.engine for speaker in speakers})
        lines = [
            f"* {len(speakers)} voices made from {len({s.voice for s in speakers})} of "
            f"{' and '.join(engines)}, in {len(EMOTIONS)} emotions; {data['clips']:,} clips",
            "* languages: English; others move the mouth by sound alone",
            "* licence of the data: ours; what speech programs say carries no licence of theirs",
        ]
    return "\n".join(["## Voices and languages", *lines, ""])


def real_speech(model: Path, data: Path) -> str:
    """Return the card's section on real recordings; without them it says so."""
    from benchmarks.real.summary import means
    from benchmarks.recordings import judge_all
    from benchmarks.tables import number
    from distill.talker import load

    head = "## On real recordings, and known failures"
    if not data.is_dir():
        return f"{head}\nNot measured.\n"
    talker = load(model, "onnx")
    rows = judge_all(talker, talker.space(), data, validation=False)
    found, heard = means(rows), [row for row in rows if np.isfinite(row.sync_r)]
    lines = [
        f"* {meaning}: {number(found['reported'][key], 3)} ({number(found['all'][key], 3)})"
        for key, meaning in REAL_FIGURES.items()
    ]
    if heard:
        worst = min(heard, key=lambda row: row.sync_r)
        lines.append(f"* worst file: `{worst.name}`, sync_r {worst.sync_r:.3f}")
    note = (
        "The int8 form on files that no setting was chosen by; in brackets all files. "
        "None was trained on (`python -m benchmarks.recordings`)."
    )
    return "\n".join([head, note, "", *lines, ""])


def write_sums(folder: Path) -> None:
    """Write the hashes of a folder's files as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    text = "".join(f"{file_digest(path)}  {path.name}\n" for path in files)
    (folder / SUMS).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = parser().parse_args(arguments)

    def work() -> None:
        sys.stdout.write(f"{release(given.run, given.into, given.name, given.data)}\n")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
