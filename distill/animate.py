"""`python -m distill.animate speech.wav --out face.glb`: speech in, animation files out."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from distill.audio.inputs import find_inputs
from distill.command import guarded
from distill.errors import UserError
from distill.face.files import CURVES, SUFFIXES, write_curves, write_motion
from distill.folder import DEFAULT_MODEL

FORMATS = tuple(suffix.lstrip(".") for suffix in SUFFIXES)
RATES_HZ = (24.0, 25.0, 30.0, 60.0)


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    options = argparse.ArgumentParser(
        prog="python -m distill.animate",
        description="Turn speech into facial animation curves or a rendered face.",
    )
    options.add_argument("inputs", nargs="+", type=Path, help="audio files or folders of them")
    options.add_argument(
        "--checkpoint",
        default=DEFAULT_MODEL,
        help="model folder, such as runs/NAME/student, or name of a shipped model (default small)",
    )
    options.add_argument(
        "--persona", help="name in the model's bank, or a recording to take it from"
    )
    options.add_argument("--emotion", help="name in the model's bank; default: heard in the audio")
    options.add_argument("--strength", type=float, default=1.0, help="0 average, 1 as is, 2 strong")
    options.add_argument("--steps", type=int, help="sampler steps; default: the model's own")
    options.add_argument("--seed", type=int, default=0, help="seed of blinks, brows and head")
    options.add_argument("--rig", help="face to show; default: the model's own")
    options.add_argument("--rig-path", help="file or folder of a rig that is not made by code")
    options.add_argument(
        "--backend",
        choices=("torch", "onnx"),
        default="torch",
        help="onnx runs a folder made by `python -m distill.export`",
    )
    options.add_argument(
        "--size", type=int, default=512, help="pixels of a picture; odd ones of mp4 grow by 1"
    )
    options.add_argument(
        "--out", type=Path, help=f"file ({', '.join(FORMATS)}), or a folder for several inputs"
    )
    options.add_argument("--format", choices=FORMATS, help="format in a folder; default csv")
    options.add_argument(
        "--fps", type=float, choices=RATES_HZ, help="frames per second; default: the model's own"
    )
    return options


def plan_outputs(
    inputs: Sequence[Path], out: Path | None, form: str | None
) -> list[tuple[Path, Path]]:
    """Pair every input with the file it becomes.

    Raises:
        UserError: Several inputs for one file, two inputs that would write the same file, or one
            that would replace an input.
    """
    if out is not None and out.suffix.lower().lstrip(".") in FORMATS and not out.is_dir():
        if len(inputs) > 1:
            raise UserError(f"--out {out} is one file for {len(inputs)} inputs; name a folder")
        pairs = [(inputs[0], out)]
    elif out is not None and out.suffix and not out.is_dir():
        raise UserError(f"--out {out}: unknown format; use one of {', '.join(FORMATS)} or a folder")
    else:
        pairs = [(p, (out or p.parent) / f"{p.stem}.{form or 'csv'}") for p in inputs]
    kept = {source.resolve() for source in inputs}
    seen: dict[Path, Path] = {}
    for source, target in pairs:
        if target.resolve() in kept:
            raise UserError(f"{target} would replace an input; name another --out or --format")
        if seen.setdefault(target, source) != source:
            raise UserError(f"{seen[target]} and {source} would both become {target}; rename one")
    return pairs


def animate(options: argparse.Namespace) -> None:
    """Do what the command line says.

    Raises:
        UserError: An option, an input or the model cannot be used.
    """
    if not 0.0 <= options.strength <= 5.0:
        raise UserError(f"--strength {options.strength} is not between 0 and 5")
    if not 16 <= options.size <= 4096:
        raise UserError(f"--size {options.size} is not between 16 and 4096")
    pairs = plan_outputs(find_inputs(options.inputs), options.out, options.format)
    from distill.audio.decode import load_audio
    from distill.talker import load
    from distill.training.progress import Progress

    talker = load(options.checkpoint, options.backend)
    drawn = any(target.suffix.lower() not in CURVES for _, target in pairs)
    shown = drawn or options.rig or options.rig_path
    space = talker.space(options.rig, **_rig_options(options)) if shown else None
    with Progress().stage("animate", total=len(pairs), unit="file") as bar:
        for source, target in pairs:
            audio = load_audio(source)
            motion = talker.generate(
                audio,
                persona=options.persona,
                emotion=options.emotion,
                strength=options.strength,
                steps=options.steps,
                seed=options.seed,
            )
            if options.fps:
                motion = motion.at(options.fps, samples=len(audio))
            if space is None:
                written = write_curves(
                    target, motion.values, motion.channels, fps=motion.fps, rig=motion.rig
                )
            else:
                face = replace(space, fps=motion.fps)
                written = write_motion(target, motion.values, face, audio=audio, size=options.size)
            bar.advance()
            sys.stdout.write(f"{written}\n")


def _rig_options(options: argparse.Namespace) -> dict[str, str]:
    return {"path": options.rig_path} if options.rig_path else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    return guarded(lambda: animate(options))


if __name__ == "__main__":
    sys.exit(main())
