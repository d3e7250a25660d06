"""Which real recordings there are, and which of them may be used for choosing settings.

Of each group every second file, in the order of sorted names and beginning with the first, is
*validation*: it may be looked at while tuning. All others are only reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.real.alignments import phones_of
from distill.audio.inputs import AUDIO
from distill.errors import UserError
from distill.types import Interval

DATA = Path("../shared/data")
"""Where they are looked for."""
VALIDATION_STRIDE = 2
MANDARIN_WORD = "mandarin"
"""A recording whose file name has this word is Mandarin, and so is all of FACEGOOD."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A recorded mouth opening: frame k is the time k / fps."""

    values: Float[np.ndarray, " T"]
    fps: float


@dataclass(frozen=True, kw_only=True)
class RealClip:
    """A real recording and what is known of it.

    Attributes:
        group: Folder it belongs to: `speech_plain`, `speech_aligned`, `facegood` or `grid_s1`.
        name: Path inside the folder.
        path: The sound file.
        language: `en` or `zh`.
        validation: Whether it may be used for choosing settings.
        phones: Aligned phones; empty when there are none.
        recorded: Mouth opening measured from video; None when there is none.
    """

    group: str
    name: str
    path: Path
    language: str
    validation: bool
    phones: tuple[Interval, ...] = field(default=(), repr=False)
    recorded: Curve | None = field(default=None, repr=False)


def find_real(root: Path) -> list[RealClip]:
    """Return every recording of the known groups under `root`; a group may be absent.

    Raises:
        UserError: There is none at all, or a motion file does not fit its recordings.
    """
    clips = []
    for group, find in _GROUPS.items():
        if (root / group).is_dir():
            clips += _declared(sorted(find(root / group), key=lambda clip: clip.name))
    if not clips:
        raise UserError(
            f"{root} holds none of the folders {', '.join(_GROUPS)}; point --data to real "
            "recordings or name sound files"
        )
    return clips


def _declared(clips: Sequence[RealClip]) -> list[RealClip]:
    """Mark which files are validation."""
    return [
        replace(clip, validation=index % VALIDATION_STRIDE == 0) for index, clip in enumerate(clips)
    ]


def _clip(
    group: Path,
    path: Path,
    *,
    language: str | None = None,
    phones: tuple[Interval, ...] = (),
    recorded: Curve | None = None,
) -> RealClip:
    named = "zh" if MANDARIN_WORD in path.stem.lower() else "en"
    return RealClip(
        group=group.name,
        name=str(path.relative_to(group)),
        path=path,
        language=language or named,
        validation=False,
        phones=phones,
        recorded=recorded,
    )


def _speech(group: Path) -> list[RealClip]:
    paths = [path for path in group.rglob("*") if path.suffix.lower() in AUDIO]
    return [_clip(group, path, phones=phones_of(path)) for path in paths]


def _facegood(group: Path) -> list[RealClip]:
    """Pair `<clip>.npz` (`lip_gap_cm`, `fps`) with `upstream/code/train/wav/1114_<clip>.wav`."""
    clips = []
    for motion in group.glob("*.npz"):
        path = group / "upstream/code/train/wav" / f"1114_{motion.stem}.wav"
        if path.is_file():
            with np.load(motion, allow_pickle=False) as stored:
                recorded = Curve(
                    values=stored["lip_gap_cm"].astype(np.float64), fps=float(stored["fps"])
                )
            clips.append(_clip(group, path, language="zh", recorded=recorded))
    return clips


def _grid(group: Path) -> list[RealClip]:
    """Pair `audio/<id>.flac` with the outer lip height of `motion.npz`."""
    if not (group / "motion.npz").is_file():
        raise UserError(f"{group}/motion.npz is missing; restore it or move {group} away")
    with np.load(group / "motion.npz", allow_pickle=False) as stored:
        ids, fps = [str(name) for name in stored["ids"]], float(stored["fps"])
        column = [str(name) for name in stored["lip_feat_names"]].index("outer_h")
        heights = stored["lip_feats"][:, :, column].astype(np.float64)
    paths = [group / "audio" / f"{name}.flac" for name in ids]
    return [
        _clip(group, path, language="en", recorded=Curve(values=height, fps=fps))
        for path, height in zip(paths, heights, strict=True)
        if path.is_file()
    ]


_GROUPS: dict[str, Callable[[Path], list[RealClip]]] = {
    "speech_plain": _speech,
    "speech_aligned": _speech,
    "facegood": _facegood,
    "grid_s1": _grid,
}
