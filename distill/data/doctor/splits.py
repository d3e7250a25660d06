"""Whether anything of validation or test is in training."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from distill.data.doctor.finding import Finding, error, warning
from distill.data.doctor.sample import Reading, Sample
from distill.data.doctor.values import SILENT_PEAK
from distill.types import Clip

RUN_FRAMES = 8
"""Frames in a row that no two recordings have in common; animators do repeat single poses."""
SAME_SHARE = 0.2
"""Share of a clip's runs in training from which it counts as the same recording."""


def split_findings(sample: Sample) -> list[Finding]:
    """Compare the splits: names and sentences of all clips, content of the opened ones."""
    clips = sample.corpus.clips
    return [*_names(clips), *_overlaps(clips), *_content(sample.moving), *_sentences(clips)]


def _names(clips: Sequence[Clip]) -> list[Finding]:
    seen: dict[str, str] = {}
    twice = [c.id for c in clips if seen.setdefault(c.id, c.split) != c.split]
    again = len(clips) - len({clip.id for clip in clips})
    if twice:
        message = f"{len(twice)} clips are in more than one split"
        return [error("test_in_train", twice, message, "keep every clip in one split")]
    if again:
        return [warning("same_name", "", f"{again} clips share a name", "give each its own name")]
    return []


def _overlaps(clips: Sequence[Clip]) -> list[Finding]:
    """Segments of one recording in different splits that share frames."""
    segments = _segments(clips)
    found = []
    for (name, first, frames, clip), (other, start, _, after) in pairwise(segments):
        if name == other and start < first + frames and clip.split != after.split:
            found.append(f"{clip.id} and {after.id}")
    if not found:
        return []
    message = f"{len(found)} pairs of segments of one recording share frames across splits"
    hint = "split recordings by time with a gap, or by recording"
    return [error("test_in_train", found, message, hint)]


def _segments(clips: Sequence[Clip]) -> list[tuple[str, int, int, Clip]]:
    cut = [c for c in clips if {"recording", "start_frame"} <= c.extra.keys()]
    rows = [(str(c.extra["recording"]), int(c.extra["start_frame"]), c.frames, c) for c in cut]
    return sorted(rows, key=lambda row: row[:3])


def _content(readings: Sequence[Reading]) -> list[Finding]:
    """Clips of other splits whose sound or whose motion is in training too."""
    train = [r for r in readings if r.clip.split == "train"]
    if not train:
        return []
    sounds = {_sound(r) for r in train if np.abs(r.audio).max(initial=0.0) > SILENT_PEAK}
    runs = np.unique(np.concatenate([_runs(r) for r in train]))
    leaked = [
        r.clip.id
        for r in readings
        if r.clip.split != "train" and (_sound(r) in sounds or _share(_runs(r), runs) > SAME_SHARE)
    ]
    if not leaked:
        return []
    message = f"{len(leaked)} clips of other splits have the sound or the motion of training clips"
    hint = "remove the copies; test numbers would be too good"
    return [error("test_in_train", leaked, message, hint)]


def _sound(reading: Reading) -> bytes:
    return reading.audio.tobytes()


def _runs(reading: Reading) -> np.ndarray:
    """Return a number per run of `RUN_FRAMES` moving frames: single poses recur, runs do not."""
    rows = reading.rows[1:][np.diff(reading.rows) != 0]
    runs = len(rows) - RUN_FRAMES + 1
    if runs < 1:
        return np.zeros(0, np.int64)
    powers = np.int64(1_000_003) ** np.arange(RUN_FRAMES, dtype=np.int64)
    return np.lib.stride_tricks.sliding_window_view(rows, RUN_FRAMES) @ powers


def _share(rows: np.ndarray, known: np.ndarray) -> float:
    return float(np.isin(rows, known).mean()) if len(rows) > 5 else 0.0


def _sentences(clips: Iterable[Clip]) -> list[Finding]:
    """Sentences of other splits that are in training, by the same speaker or by another."""
    said: dict[str, set[str]] = {}
    rest = []
    for clip in clips:
        sentence = " ".join(re.findall(r"\w+", clip.text.lower()))
        if not sentence:
            continue
        if clip.split == "train":
            said.setdefault(sentence, set()).add(clip.speaker)
        else:
            rest.append((clip, sentence))
    same = [c.id for c, text in rest if c.speaker in said.get(text, ()) or "" in said.get(text, ())]
    other = [c.id for c, text in rest if text in said and c.id not in set(same)]
    found = []
    if same:
        message = f"{len(same)} clips of other splits say what their speaker says in training"
        hint = "split by sentence, so that no test sentence is trained on"
        found.append(error("test_in_train", same, message, hint))
    if other:
        message = f"{len(other)} clips of other splits say what other speakers say in training"
        hint = "leave it if the published split does so; say it beside the results"
        found.append(warning("shared_sentences", other, message, hint))
    return found
