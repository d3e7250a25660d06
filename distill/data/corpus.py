"""What every corpus shares: splits, label tables and a check that nothing leaks between splits."""

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from distill.data.table import SPLITS as SPLITS
from distill.data.table import ClipTable
from distill.errors import UserError
from distill.protocols import Corpus
from distill.types import Clip

NOT_OF_READERS = ("name", "_target_", "force")
"""Keys of a `data` config that its reader does not take."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Index tables of the training speakers and emotions; anything else is -1."""

    speakers: tuple[str, ...]
    emotions: tuple[str, ...]

    def speaker(self, clip: Clip) -> int:
        """Return the clip's speaker index, or -1."""
        return self.speakers.index(clip.speaker) if clip.speaker in self.speakers else -1

    def emotion(self, clip: Clip) -> int:
        """Return the clip's emotion index, or -1."""
        return self.emotions.index(clip.emotion) if clip.emotion in self.emotions else -1


def joint_labels(
    speaker: Int[Tensor, " B"], emotion: Int[Tensor, " B"], emotions: int
) -> Int[Tensor, " B"]:
    """Number the (speaker, emotion) pairs; unknown when either is unknown."""
    pair = speaker * emotions + emotion
    return torch.where((speaker >= 0) & (emotion >= 0), pair, torch.full_like(pair, -1))


def open_described(data: Mapping[str, Any], progress: Any = None) -> Corpus:
    """Open the corpus that plain values describe: `_target_`, `cache` and what its reader takes."""
    options = {key: value for key, value in data.items() if key not in NOT_OF_READERS}
    # Not by hydra's `instantiate`, which would wrap a `UserError` in one of its own.
    options["cache"] = Path(options["cache"])
    return pkgutil.resolve_name(data["_target_"])(**options, progress=progress)


def split(corpus: Corpus, name: str) -> Sequence[Clip]:
    """Return the clips of one split, in corpus order."""
    if isinstance(corpus.clips, ClipTable):
        return corpus.clips.of_split(name)
    return [clip for clip in corpus.clips if clip.split == name]


def labels_of(clips: Sequence[Clip]) -> Labels:
    """Return the tables of all named speakers and emotions among `clips`."""
    if isinstance(clips, ClipTable):
        return Labels(clips.used("speaker"), clips.used("emotion"))
    return Labels(
        tuple(sorted({clip.speaker for clip in clips if clip.speaker})),
        tuple(sorted({clip.emotion for clip in clips if clip.emotion})),
    )


def with_motion(clips: Sequence[Clip]) -> Sequence[Clip]:
    """Return the clips that have motion."""
    if isinstance(clips, ClipTable):
        return clips.where(clips.column("frames") > 0)
    return [clip for clip in clips if clip.frames]


def numbered(clips: Sequence[Clip], labels: Labels) -> dict[str, Int[np.ndarray, " N"]]:
    """Return the numbers of the `speaker` and of the `emotion` of each clip; -1 is unknown."""
    if isinstance(clips, ClipTable):
        order = {"speaker": labels.speakers, "emotion": labels.emotions}
        return {name: clips.numbered(name, known) for name, known in order.items()}
    return {
        "speaker": np.array([labels.speaker(clip) for clip in clips], np.int64),
        "emotion": np.array([labels.emotion(clip) for clip in clips], np.int64),
    }


def spread(clips: Sequence[Clip], most: int) -> Sequence[Clip]:
    """Return at most `most` of the clips, evenly spread."""
    return clips if len(clips) <= most else clips[:: -(-len(clips) // most)]


def motions(corpus: Corpus, clips: Sequence[Clip]) -> Iterator[np.ndarray]:
    """Yield the motion of every clip that has one."""
    for clip in clips:
        motion = corpus.read(clip).motion
        if motion is not None:
            yield motion


def require_trainable(corpus: Corpus) -> None:
    """Refuse a corpus that cannot train: no training motion, or one clip in two splits."""
    if not len(with_motion(split(corpus, "train"))):
        raise UserError(
            f"corpus {corpus.name!r} has no training clip with motion; "
            "check its folder or choose another with data="
        )
    if isinstance(corpus.clips, ClipTable):
        return  # checked when the table was written
    seen: dict[str, str] = {}
    for clip in corpus.clips:
        if seen.setdefault(clip.id, clip.split) != clip.split:
            raise UserError(
                f"clip {clip.id!r} of corpus {corpus.name!r} is in splits "
                f"{seen[clip.id]!r} and {clip.split!r}; keep it in one"
            )
