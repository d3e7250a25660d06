"""Curves of motions side by side: `python -m benchmarks.curves FILES --checkpoint DIR`.

Pictures of frames hide trembling, curves do not.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from distill.command import guarded
from distill.errors import UserError
from distill.face.parts import motion_parts
from distill.face.space import MotionSpace
from distill.storage import atomic_path

SECONDS = 8.0
COLOURS = ("#222222", "#b5473c", "#2f6f9f", "#6b8f3a", "#7a5c99", "#b8952d")
COLUMN_IN, ROW_IN, AROUND_IN = 3.6, 1.15, 0.9
LONG_LABEL = 30
LEAST_RANGE = 1e-3
"""Curves that move less are drawn as the still line they are, not blown up."""
Curves = dict[str, Float[np.ndarray, " F"]]


def curves_of(space: MotionSpace, motion: Float[np.ndarray, "F D"]) -> Curves:
    """Return what a viewer watches, by name with its unit, as far as the rig has it.

    The jaw's channel, the gap between the lips, the mean of the brow channels that raise them (of
    all where none does), the mean of the lids, and the head's yaw and pitch.
    """
    names, found = space.channels, Curves()
    parts = motion_parts(names)
    picked = {
        "jaw": [i for i in parts.get("mouth", []) if names[i] == "jawOpen"],
        "brows": _raising(names, parts.get("brows", [])),
        "blink": parts.get("blink", []),
        "yaw, degrees": [i for i, name in enumerate(names) if name == "headYaw"],
        "pitch, degrees": [i for i, name in enumerate(names) if name == "headPitch"],
    }
    for title, channels in picked.items():
        if channels:
            curve = motion[:, channels].astype(np.float64).mean(1)
            found[title] = np.degrees(curve) if title.endswith("degrees") else curve
        if title == "jaw" and len(space.rig.lip_pairs):
            gap = space.lip_gap_mm(torch.from_numpy(np.asarray(motion, np.float32)))
            found[f"lip gap, {space.rig.units}"] = gap.double().numpy()
    return found


def plot_curves(
    space: MotionSpace,
    motions: Mapping[str, np.ndarray],
    path: Path,
    *,
    seconds: float = SECONDS,
    title: str = "",
) -> Path:
    """Write a png with a column per motion and a row per curve, to one scale along each row.

    Args:
        space: Rig and frame rate.
        motions: Raw motion (F D) by label, left to right; there need be no real motion.
        path: File to write.
        seconds: How much of the motions is shown, from the beginning.
        title: What stands above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frames = round(seconds * space.fps)
    curves = {label: curves_of(space, motion[:frames]) for label, motion in motions.items()}
    rows = list(next(iter(curves.values())))
    size = (0.6 + COLUMN_IN * len(curves), AROUND_IN + ROW_IN * len(rows))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(curves), sharex=True, sharey="row", squeeze=False)
    for column, (label, found) in enumerate(curves.items()):
        grid[0, column].set_title(label, fontsize=11 if len(label) < LONG_LABEL else 8)
        grid[-1, column].set_xlabel("seconds", fontsize=9)
        for row, name in enumerate(rows):
            colour = COLOURS[column % len(COLOURS)]
            _draw_curve(grid[row, column], found[name], space.fps, colour)
    for row, name in enumerate(rows):
        grid[row, 0].set_ylabel(name, fontsize=9)
        low, high = grid[row, 0].get_ylim()
        if high - low < LEAST_RANGE:
            grid[row, 0].set_ylim(low - 0.5, high + 0.5)
    figure.suptitle(title, fontsize=10)
    with atomic_path(Path(path)) as temporary:
        figure.savefig(temporary, format="png")
    return Path(path)


def plot_recordings(
    files: Sequence[Path], checkpoints: Sequence[str], path: Path, *, seed: int = 0
) -> Path:
    """Draw what models make of recordings without real motion, a column per recording and model.

    Raises:
        UserError: A recording or a model cannot be read, or models are of different rigs.
    """
    from distill.talker import load

    talkers = {Path(name).name: load(name) for name in checkpoints}
    motions = {
        f"{file.stem}, {name}" if len(talkers) > 1 else file.stem: talker.generate(file, seed=seed)
        for file in files
        for name, talker in talkers.items()
    }
    spaces = [talker.space() for talker in talkers.values()]
    if len({(space.channels, space.fps) for space in spaces}) > 1:
        raise UserError("models of different rigs or frame rates have no common curves")
    values = {label: motion.values for label, motion in motions.items()}
    return plot_curves(spaces[0], values, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="recordings of speech")
    parser.add_argument("--checkpoint", action="append", required=True, help="model; repeatable")
    parser.add_argument("--out", type=Path, default=Path("curves.png"), help="picture to write")
    given = parser.parse_args(arguments)

    def work() -> None:
        path = plot_recordings(given.files, given.checkpoint, given.out)
        sys.stdout.write(f"{path}\n")

    return guarded(work)


def _raising(names: tuple[str, ...], brows: list[int]) -> list[int]:
    """Return the brow channels that raise: they and those that lower would cancel in a mean."""
    return [i for i in brows if "Up" in names[i]] or brows


def _draw_curve(axes: Any, curve: Any, fps: float, colour: str) -> None:
    axes.plot(np.arange(len(curve)) / fps, curve, color=colour, linewidth=1.0)
    axes.grid(color="0.9")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    sys.exit(main())
