"""A finished synthetic corpus, opened."""

from pathlib import Path
from typing import Any

import numpy as np

from distill.data.synthetic.articulation import CHANNELS
from distill.errors import UserError
from distill.storage import read_json
from distill.types import Clip, Interval, Recording

FORMAT = 1


class SyntheticCorpus:
    """A finished corpus on disk (protocols.Corpus); audio and motion are memory mapped.

    Attributes:
        folder: Where it lives.
    """

    name = "synthetic"
    rig = "arkit"
    channels: tuple[str, ...] = CHANNELS

    def __init__(self, folder: Path, index: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.fps = float(index["fps"])
        self.content_hash = str(index["content_hash"])
        self.clips: list[Clip] = [_clip(entry) for entry in index["clips"]]
        self._audio: np.ndarray | None = None
        self._motion: np.ndarray | None = None

    def read(self, clip: Clip) -> Recording:
        """Open a clip: audio float32 in [-1, 1], motion float32 (F, 55)."""
        if self._audio is None or self._motion is None:
            self._audio, self._motion = (
                mapped(self.folder / "audio.npy"),
                mapped(self.folder / "motion.npy"),
            )
        first, frame = clip.extra["audio_start"], clip.extra["motion_start"]
        audio = self._audio[first : first + clip.samples].astype(np.float32) / 32768.0
        motion = self._motion[frame : frame + clip.frames].astype(np.float32)
        return Recording(audio=audio, motion=motion)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_audio": None, "_motion": None}


def open_corpus(folder: Path) -> SyntheticCorpus:
    """Open a finished corpus.

    Raises:
        UserError: The folder is not a finished corpus of this format.
    """
    index = read_json(Path(folder) / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT or "clips" not in index:
        raise UserError(f"{folder} is not a synthetic corpus of format {FORMAT}; build it again")
    return SyntheticCorpus(Path(folder), index)


def _clip(entry: dict[str, Any]) -> Clip:
    phones, start_s = [], 0.0
    for label, end_s, _ in entry["phones"]:
        phones.append(Interval(label=label, start_s=start_s, end_s=end_s))
        start_s = end_s
    kept = ("id", "split", "speaker", "emotion", "frames", "samples", "text", "seed")
    extra = {name: entry[name] for name in ("audio_start", "motion_start", "words")}
    return Clip(**{name: entry[name] for name in kept}, phones=tuple(phones), extra=extra)


def mapped(path: Path) -> np.ndarray:
    """Map an array of a corpus into memory.

    Raises:
        UserError: The file is missing or broken.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or broken; delete its folder and rerun") from error
