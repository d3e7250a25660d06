"""Which clips a corpus has: sentences, speakers and emotions dealt out evenly over splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from distill.data.synthetic.clip import Job
from distill.data.synthetic.emotions import TABLE
from distill.data.synthetic.engines import ENGINES
from distill.data.synthetic.sentences import sentences
from distill.data.synthetic.speakers import make_speaker
from distill.errors import UserError

SPLITS = ("train", "val", "test", "test_unseen")
MOST_LOUDNESS, LEAST_CLARITY = 0.1, 0.1
_SHARES = {"val": 0.055, "test": 0.109, "test_unseen": 0.091}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a corpus is made of."""

    clips: int
    speakers: int
    unseen_speakers: int
    emotions: tuple[str, ...]
    seed: int
    fps: float
    engine: str = "espeak"
    loudness: float = 0.0
    clarity: float = 1.0

    def check(self) -> None:
        """Raise UserError for what cannot be made."""
        if self.engine not in ENGINES:
            raise UserError(
                f"unknown speech engine {self.engine!r}; choose from {', '.join(ENGINES)}"
            )
        for name in self.emotions:
            if name not in TABLE:
                raise UserError(f"unknown emotion {name!r}; choose from {', '.join(TABLE)}")
        if not self.emotions or len(set(self.emotions)) != len(self.emotions):
            raise UserError("a corpus needs at least one emotion and each only once")
        if self.speakers < 1 or self.unseen_speakers < 0:
            raise UserError(
                f"a corpus of {self.speakers} speakers and {self.unseen_speakers} unseen ones "
                "cannot be made; ask for at least 1 speaker"
            )
        if not 0.0 <= self.loudness <= MOST_LOUDNESS:
            raise UserError(
                f"loudness={self.loudness} is outside 0 to {MOST_LOUDNESS}; it is the share by "
                "which the mouth opens wider per dB"
            )
        if not LEAST_CLARITY <= self.clarity <= 1.0:
            raise UserError(
                f"clarity={self.clarity} is outside {LEAST_CLARITY} to 1; 1 is careful speech"
            )
        if not 1.0 <= self.fps <= 240.0:
            raise UserError(f"{self.fps} frames per second is outside 1 to 240; use 25, 30 or 60")
        least = self.speakers + 3
        if self.clips < least:
            raise UserError(
                f"{self.clips} clips cannot give {self.speakers} speakers a training clip each "
                f"and every split one; ask for at least {least} clips"
            )


def counts(request: Request) -> dict[str, int]:
    """Return clips per split; every speaker can have a training clip."""
    unseen = request.unseen_speakers > 0
    wanted = {n: max(1, round(s * request.clips)) for n, s in _SHARES.items()}
    if not unseen:
        wanted["test_unseen"] = 0
    while sum(wanted.values()) > request.clips - request.speakers:
        largest = max(wanted, key=lambda n: wanted[n])
        wanted[largest] -= 1
    return {"train": request.clips - sum(wanted.values()), **wanted}


def jobs(request: Request) -> list[tuple[str, str, Job]]:
    """Return (clip id, split, job) of every clip, in order."""
    request.check()
    out: list[tuple[str, str, Job]] = []
    for number, (split, count) in enumerate(counts(request).items()):
        unseen = split == "test_unseen"
        people = request.unseen_speakers if unseen else request.speakers
        rng = np.random.default_rng([request.seed, number])
        texts = islice(sentences(split, request.seed), count)
        cells = _deal(count, people, request.emotions, rng)
        seeds = rng.integers(1, 2**31, count)
        for i, (text, (speaker, emotion), seed) in enumerate(zip(texts, cells, seeds, strict=True)):
            voiced = make_speaker(speaker, unseen=unseen, engine=request.engine)
            job = Job(
                text=text, speaker=speaker, unseen=unseen, emotion=emotion, seed=int(seed),
                fps=request.fps, engine=voiced.engine, loudness=request.loudness,
                clarity=request.clarity,
            )  # fmt: skip
            out.append((f"{split}-{i:06d}", split, job))
    return out


def _deal(
    count: int, people: int, emotions: Sequence[str], rng: np.random.Generator
) -> list[tuple[int, str]]:
    """Return `count` (speaker, emotion) pairs: every pair as often, speakers and emotions too."""
    shift = int(rng.integers(len(emotions)))
    cells = []
    for i in range(count):
        turn, speaker = divmod(i, people)
        cells.append((speaker, emotions[(speaker + turn + shift) % len(emotions)]))
    return [cells[i] for i in rng.permutation(count)]
