"""Build the synthetic corpus, keep it on disk, open it."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from distill.data.synthetic.articulation import CHANNELS
from distill.data.synthetic.clip import Made
from distill.data.synthetic.emotions import EMOTIONS
from distill.data.synthetic.packed import Appender
from distill.data.synthetic.plan import Request, jobs
from distill.data.synthetic.pool import make_clips
from distill.errors import UserError
from distill.storage import content_hash, read_json, write_json
from distill.types import Clip, Interval, Recording

FORMAT = 1
Progress = Callable[[int, int], None]


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
                _map(self.folder / "audio.npy"),
                _map(self.folder / "motion.npy"),
            )
        first, frame = clip.extra["audio_start"], clip.extra["motion_start"]
        audio = self._audio[first : first + clip.samples].astype(np.float32) / 32768.0
        motion = self._motion[frame : frame + clip.frames].astype(np.float32)
        return Recording(audio=audio, motion=motion)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_audio": None, "_motion": None}


def build_corpus(
    cache: Path,
    *,
    clips: int,
    speakers: int = 32,
    unseen_speakers: int = 4,
    emotions: Sequence[str] = EMOTIONS,
    seed: int = 0,
    fps: float = 30.0,
    workers: int | None = None,
    progress: Progress | None = None,
    engine: str = "espeak",
    loudness: float = 0.0,
    clarity: float = 1.0,
) -> SyntheticCorpus:
    """Make a corpus under `cache`, or open it when it is already there.

    The folder is named by a key of everything the bytes depend on. `progress` is called with
    (clips done, clips). A build that was interrupted is made again from the start.

    Raises:
        UserError: The request cannot be met, the `synth` extra is missing, or the disk is full.
    """
    request = Request(
        clips=clips, speakers=speakers, unseen_speakers=unseen_speakers,
        emotions=tuple(emotions), seed=seed, fps=float(fps), engine=engine,
        loudness=loudness, clarity=clarity,
    )  # fmt: skip
    request.check()
    folder = Path(cache) / f"synthetic-{content_hash({**asdict(request), 'code': _code()})}"
    if not (folder / "index.json").exists():
        _build(folder, request, workers, progress)
    return open_corpus(folder)


def open_corpus(folder: Path) -> SyntheticCorpus:
    """Open a finished corpus.

    Raises:
        UserError: The folder is not a finished corpus of this format.
    """
    index = read_json(Path(folder) / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT or "clips" not in index:
        raise UserError(f"{folder} is not a synthetic corpus of format {FORMAT}; build it again")
    return SyntheticCorpus(Path(folder), index)


def _build(folder: Path, request: Request, workers: int | None, progress: Progress | None) -> None:
    """Write everything into a work folder, move it in place, and write the index last."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when this process ends, however it ends
            if not (folder / "index.json").exists():
                write_json(folder / "index.json", _write(folder, request, workers, progress))
    except OSError as error:
        raise UserError(
            f"cannot write the corpus to {folder} ({error.strerror or error}); "
            "free some space or choose another cache folder"
        ) from error


def _write(
    folder: Path, request: Request, workers: int | None, progress: Progress | None
) -> dict[str, Any]:
    """Make every clip, streaming to disk; return the index."""
    planned = jobs(request)
    work = folder / ".partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    entries: list[dict[str, Any]] = []
    with (
        Appender(work / "audio.npy", "<i2") as audio,
        Appender(work / "motion.npy", "<f2", (len(CHANNELS),)) as motion,
        closing(make_clips((job for _, _, job in planned), workers)) as clips,
    ):
        for made in clips:
            entries.append(_entry(planned[len(entries)], made, audio, motion))
            if progress:
                progress(len(entries), len(planned))
        hashes = [audio.finish(), motion.finish()]
    for name in ("audio.npy", "motion.npy"):
        (work / name).replace(folder / name)
    work.rmdir()
    return {
        "format": FORMAT,
        "fps": request.fps,
        "request": asdict(request),
        "content_hash": content_hash([hashes, entries]),
        "clips": entries,
    }


def _entry(planned: tuple[str, str, Any], made: Made, audio: Appender, motion: Appender) -> dict:
    identity, split, job = planned
    phones = [[p.label, round(p.end_s, 4), round(p.release_s, 4)] for p in made.phones]
    return {
        "id": identity,
        "split": split,
        "speaker": f"{'u' if job.unseen else 's'}{job.speaker:02d}",
        "emotion": job.emotion,
        "text": job.text,
        "seed": job.seed,
        "samples": len(made.audio),
        "frames": len(made.motion),
        "audio_start": audio.append(made.audio),
        "motion_start": motion.append(made.motion),
        "phones": phones,
        "words": [[w, round(a, 4), round(b, 4)] for w, a, b in made.words],
    }


def _clip(entry: dict[str, Any]) -> Clip:
    phones, start_s = [], 0.0
    for label, end_s, _ in entry["phones"]:
        phones.append(Interval(label=label, start_s=start_s, end_s=end_s))
        start_s = end_s
    kept = ("id", "split", "speaker", "emotion", "frames", "samples", "text", "seed")
    extra = {name: entry[name] for name in ("audio_start", "motion_start", "words")}
    return Clip(**{name: entry[name] for name in kept}, phones=tuple(phones), extra=extra)


def _map(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or broken; delete its folder and rerun") from error


def _code() -> str:
    """Return a hash of the code that makes the bytes, so that no stale corpus is opened."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
