"""Build the synthetic corpus and keep it on disk."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from distill.data.parts import Part
from distill.data.synthetic.articulation import CHANNELS
from distill.data.synthetic.clip import Job, Made
from distill.data.synthetic.emotions import EMOTIONS
from distill.data.synthetic.opened import FORMAT, SyntheticCorpus, mapped, open_corpus
from distill.data.synthetic.packed import Appender
from distill.data.synthetic.plan import Request, jobs
from distill.data.synthetic.pool import make_clips
from distill.errors import UserError
from distill.storage import content_hash, read_json, write_json

PARTS = "parts"
Progress = Callable[[int, int], None]
Planned = tuple[str, str, Job]
Contents = tuple[dict[str, Any], np.ndarray, np.ndarray]
"""Index entry, audio and motion of a clip."""
Stored = Callable[[], Contents]


def build_corpus(
    cache: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> SyntheticCorpus:
    """Make a corpus under `cache`, or open it when it is already there.

    The folder is named by a key of everything the bytes depend on. `progress` is called with
    (clips done, clips). Clips that parts hold already are taken from them; the rest of a build that
    was interrupted is made again.

    Args:
        cache: Where corpora are kept.
        workers: Processes that speak; all cores by default.
        progress: Shows how far it is.
        asked: Fields of `Request`.

    Raises:
        UserError: The request cannot be met, the `synth` extra is missing, or the disk is full.
    """
    request = requested(**asked)
    folder = _folder_of(cache, request)
    if not (folder / "index.json").exists():
        _build(folder, request, workers, progress)
    return open_corpus(folder)


def build_part(
    cache: Path,
    part: Part,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> int:
    """Make a part of a corpus, which `build_corpus` then takes; return its clips.

    Parts may be made at once by any processes that share `cache`. A part that is there, or whose
    corpus is, is not made again.

    Raises:
        UserError: As `build_corpus`.
    """
    request = requested(**asked)
    folder = _folder_of(cache, request)
    planned = list(part.of(jobs(request)))
    finished = folder / PARTS / str(part)
    if (folder / "index.json").exists() or finished.exists():
        return len(planned)
    try:
        finished.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".partial-", dir=finished.parent))
        try:
            _, entries = _store(work, planned, {}, workers, progress)
            write_json(work / "index.json", entries)
            with suppress(FileExistsError):
                work.rename(finished)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        if finished.exists():  # another process was faster
            return len(planned)
        raise _unwritable(folder, error) from error
    return len(planned)


def requested(
    *,
    clips: int,
    speakers: int = 32,
    unseen_speakers: int = 4,
    emotions: Sequence[str] = EMOTIONS,
    seed: int = 0,
    fps: float = 30.0,
    engine: str = "espeak",
    loudness: float = 0.0,
    clarity: float = 1.0,
) -> Request:
    """Return a request, checked.

    Raises:
        UserError: It cannot be met.
    """
    request = Request(
        clips=clips, speakers=speakers, unseen_speakers=unseen_speakers,
        emotions=tuple(emotions), seed=seed, fps=float(fps), engine=engine,
        loudness=loudness, clarity=clarity,
    )  # fmt: skip
    request.check()
    return request


def _folder_of(cache: Path, request: Request) -> Path:
    return Path(cache) / f"synthetic-{content_hash({**asdict(request), 'code': _code()})}"


def _build(folder: Path, request: Request, workers: int | None, progress: Progress | None) -> None:
    """Write everything into a work folder, move it in place, and write the index last."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when this process ends, however it ends
            if not (folder / "index.json").exists():
                write_json(folder / "index.json", _write(folder, request, workers, progress))
                shutil.rmtree(folder / PARTS, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write the corpus to {folder} ({error.strerror or error}); "
        "free some space or choose another cache folder"
    )


def _write(
    folder: Path, request: Request, workers: int | None, progress: Progress | None
) -> dict[str, Any]:
    """Write every clip, streaming to disk; return the index."""
    work = folder / ".partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    hashes, entries = _store(work, jobs(request), _parts(folder), workers, progress)
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


def _store(
    work: Path,
    planned: Sequence[Planned],
    known: Mapping[str, Stored],
    workers: int | None,
    progress: Progress | None,
) -> tuple[list[str], list[dict[str, Any]]]:
    """Write clips, those not known made now; return hashes of audio and motion, and entries."""
    entries: list[dict[str, Any]] = []
    unknown = (job for identity, _, job in planned if identity not in known)
    with (
        Appender(work / "audio.npy", "<i2") as audio,
        Appender(work / "motion.npy", "<f2", (len(CHANNELS),)) as motion,
        closing(make_clips(unknown, workers)) as clips,
    ):
        for clip in planned:
            stored = known.get(clip[0])
            entry, sound, moved = stored() if stored else _made(clip, next(clips))
            starts = {"audio_start": audio.append(sound), "motion_start": motion.append(moved)}
            entries.append(entry | starts)
            if progress:
                progress(len(entries), len(planned))
        return [audio.finish(), motion.finish()], entries


def _parts(folder: Path) -> dict[str, Stored]:
    """Return how to read every clip that finished parts hold."""
    found: dict[str, Stored] = {}
    for index in sorted(folder.glob(f"{PARTS}/*-of-*/index.json")):
        audio, motion = (mapped(index.with_name(name)) for name in ("audio.npy", "motion.npy"))
        for entry in read_json(index):
            found[entry["id"]] = partial(_stored, entry, audio, motion)
    return found


def _stored(entry: dict[str, Any], audio: np.ndarray, motion: np.ndarray) -> Contents:
    first, frame = entry["audio_start"], entry["motion_start"]
    sound = audio[first : first + entry["samples"]]
    return entry, sound, motion[frame : frame + entry["frames"]]


def _made(planned: Planned, made: Made) -> Contents:
    identity, split, job = planned
    phones = [[p.label, round(p.end_s, 4), round(p.release_s, 4)] for p in made.phones]
    entry = {
        "id": identity,
        "split": split,
        "speaker": f"{'u' if job.unseen else 's'}{job.speaker:02d}",
        "emotion": job.emotion,
        "text": job.text,
        "seed": job.seed,
        "samples": len(made.audio),
        "frames": len(made.motion),
        "audio_start": 0,
        "motion_start": 0,
        "phones": phones,
        "words": [[w, round(a, 4), round(b, 4)] for w, a, b in made.words],
    }
    return entry, made.audio, made.motion


def _code() -> str:
    """Return a hash of the code that makes the bytes, so that no stale corpus is opened."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
