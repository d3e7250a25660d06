"""`python -m distill.export STUDENT --to FORM`: a model folder as ONNX, int8 or fp16 files."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill.command import guarded
from distill.compress import FORMS, FP16
from distill.errors import UserError

CLIPS, RECORDINGS, LONGEST_RECORDING_S = 16, 6, 20.0
FALLBACK_CLIPS = 48
"""Size of the synthetic corpus that is made when the model lies in no run."""


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    root = Path(__file__).parents[1]
    options = argparse.ArgumentParser(
        prog="python -m distill.export",
        description="Write a compressed form of a model and say what that costs.",
    )
    options.add_argument("model", type=Path, help="model folder, such as runs/NAME/student")
    options.add_argument("--to", choices=FORMS, required=True, help="form to write")
    options.add_argument("--out", type=Path, help="folder to write; default: MODEL-FORM")
    options.add_argument("--force", action="store_true", help="write it even when lips are worse")
    options.add_argument(
        "--run", type=Path, help="run to take test clips from; default: where the model lies"
    )
    options.add_argument(
        "--recordings",
        type=Path,
        default=root.parent / "shared" / "data" / "speech_plain",
        help="folder of real recordings to compare on, where it exists",
    )
    return options


def trial_clips(model: Path, run: Path | None, recordings: Path) -> Any:
    """Collect what the export is compared on: clips of the model's corpus and real recordings."""
    from distill.audio.decode import load_audio
    from distill.audio.inputs import find_inputs
    from distill.compress.parity import Sample
    from distill.compress.write import CALIBRATION_CLIPS, Trial

    corpus = _corpus(model, run)
    test, train = (spread(corpus.clips, name, CLIPS) for name in ("test", "train"))
    pairs = [corpus.read(clip) for clip in test]
    files = find_inputs([recordings]) if recordings.is_dir() else []
    samples = int(LONGEST_RECORDING_S * 16_000)
    return Trial(
        clips=[Sample(audio=r.audio, motion=r.motion) for r in pairs],
        recordings=[Sample(audio=load_audio(path)[:samples]) for path in files[:RECORDINGS]],
        calibration=[corpus.read(clip).audio for clip in train[:CALIBRATION_CLIPS]],
    )


def spread(clips: Sequence[Any], split: str, most: int) -> list[Any]:
    """Return at most `most` clips of a split, spread evenly."""
    found = [clip for clip in clips if clip.split == split and clip.frames > 1]
    return found[:: max(1, -(-len(found) // most))]


def _corpus(model: Path, run: Path | None) -> Any:
    """Open the corpus of the run that holds the model, or make a small synthetic one."""
    from distill.pipeline.opened import open_run

    run = run or model.resolve().parent
    if (run / "run.json").is_file():
        return open_run(run).corpus()
    from distill.data.synthetic import build_corpus

    cache = os.environ.get("FACEDISTILL_CACHE", Path.home() / ".cache" / "facedistill")
    return build_corpus(Path(cache), clips=FALLBACK_CLIPS)


def show(report: dict[str, Any], out: Path) -> None:
    """Print what the export costs."""
    for row in report["tried"]:
        parts = [row["scheme"] or report["form"], f"{row['bytes']:,} bytes"]
        parts.append(f"{row['milliseconds']:.1f} ms for 10 s of audio")
        for kind in ("clips", "recordings"):
            if row[kind]:
                errors = f"max {row[kind]['max_error']:.2g}, rms {row[kind]['rms_error']:.2g}"
                parts.append(f"motion error on {row[kind]['clips']} {kind}: {errors}")
        if row["clips"] and row["clips"]["lve_change_percent"] is not None:
            parts.append(f"LVE {row['clips']['lve_change_percent']:+.2f} %")
        sys.stdout.write("; ".join(parts) + "\n")
    chosen = f" ({report['chosen']})" if report["chosen"] else ""
    sys.stdout.write(f"{out}{chosen}\n")


def export(options: argparse.Namespace) -> None:
    """Do what the command line says.

    Raises:
        UserError: The model cannot be exported, or becomes worse than allowed.
    """
    from distill.folder import read_config

    model = options.model
    read_config(model)
    out = options.out or model.with_name(f"{model.resolve().name}-{options.to}")
    if out.resolve() == model.resolve() and options.to == FP16:
        raise UserError(f"--out {out} is the model itself; fp16 weights need a folder of their own")
    try:
        from distill.compress.write import export as write
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed; run `python -m pip install facedistill[onnx]`"
        ) from error
    trial = trial_clips(model, options.run, options.recordings)
    show(write(model, options.to, out, trial, force=options.force), out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    return guarded(lambda: export(options))


if __name__ == "__main__":
    sys.exit(main())
