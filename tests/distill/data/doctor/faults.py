"""Mistakes that users make with data, planted in a corpus without touching its files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from distill.data.readers.folder import at_rate
from distill.face.landmarks import rest_contour
from distill.face.names import mirrored
from distill.protocols import Corpus
from distill.types import SAMPLE_RATE_HZ, Clip, Recording

Change = Callable[[Clip, Recording], Recording]


class Changed:
    """A corpus whose recordings pass through `change`; other attributes may be replaced."""

    def __init__(self, corpus: Corpus, change: Change | None = None, **other: Any) -> None:
        self.corpus, self.change = corpus, change
        self.name, self.rig, self.fps = corpus.name, corpus.rig, corpus.fps
        self.channels, self.clips = corpus.channels, corpus.clips
        self.content_hash = corpus.content_hash
        self.__dict__.update(other)

    def read(self, clip: Clip) -> Recording:
        recording = self.corpus.read(clip)
        return recording if self.change is None else self.change(clip, recording)


def on_motion(corpus: Corpus, change: Callable[[np.ndarray], np.ndarray]) -> Changed:
    def apply(clip: Clip, recording: Recording) -> Recording:
        assert recording.motion is not None
        return replace(recording, motion=np.ascontiguousarray(change(recording.motion), np.float32))

    return Changed(corpus, apply)


def columns(corpus: Corpus, order: Sequence[int]) -> Changed:
    """Motion whose columns stand in another order than their names."""
    return on_motion(corpus, lambda motion: motion[:, list(order)])


def shuffled(corpus: Corpus) -> Changed:
    return columns(corpus, np.random.default_rng(1).permutation(len(corpus.channels)).tolist())


def alphabetical(corpus: Corpus) -> Changed:
    """Values in alphabetical order of their names, as other programs write them."""
    return columns(corpus, np.argsort(corpus.channels).tolist())


def sides(corpus: Corpus) -> Changed:
    """Names with Left and Right exchanged; of a contour, points counted from the other corner."""
    if corpus.rig != "landmarks":
        return Changed(corpus, channels=tuple(mirrored(name) for name in corpus.channels))

    def from_the_right(motion: np.ndarray) -> np.ndarray:
        points = motion.reshape(len(motion), -1, 2) + rest_contour()
        count = points.shape[1]
        points = points[:, [(count // 2 - i) % count for i in range(count)]] - rest_contour()
        return points.reshape(len(motion), -1)

    return on_motion(corpus, from_the_right)


def wrong_rate(corpus: Corpus) -> Changed:
    """Motion of 25 frames a second taken for 30, cut with its sound to the same length."""
    stated = 30.0

    def slower(clip: Clip, recording: Recording) -> Recording:
        assert recording.motion is not None
        motion = at_rate(recording.motion, corpus.fps, 25.0)
        samples = int(len(motion) / stated * SAMPLE_RATE_HZ)
        return Recording(audio=recording.audio[:samples], motion=motion)

    return Changed(corpus, slower, fps=stated)


def late(corpus: Corpus, seconds: float = 0.2) -> Changed:
    frames = round(seconds * corpus.fps)

    def shift(motion: np.ndarray) -> np.ndarray:
        if frames < 0:
            return np.concatenate([motion[-frames:], np.repeat(motion[-1:], -frames, 0)])
        return np.concatenate([np.repeat(motion[:1], frames, 0), motion[:-frames]])

    return on_motion(corpus, shift)


def early(corpus: Corpus) -> Changed:
    return late(corpus, -0.2)


def metres(corpus: Corpus) -> Changed:
    return on_motion(corpus, lambda motion: motion / 1000)


def millimetres(corpus: Corpus) -> Changed:
    return on_motion(corpus, lambda motion: motion * 1000)


def other_sound(corpus: Corpus) -> Changed:
    """Sound of the clip four places further on."""
    places = {clip.id: i for i, clip in enumerate(corpus.clips)}

    def swap(clip: Clip, recording: Recording) -> Recording:
        other = corpus.clips[(places[clip.id] + 4) % len(corpus.clips)]
        return replace(recording, audio=corpus.read(other).audio)

    return Changed(corpus, swap)


def constant(corpus: Corpus) -> Changed:
    """Three channels that hold one value."""
    stuck = [i for i, name in enumerate(corpus.channels) if name in ("jawOpen", "mouthFunnel")]
    stuck = stuck or [8, 9, 29]

    def hold(motion: np.ndarray) -> np.ndarray:
        held = motion.copy()
        held[:, stuck] = 0.3
        return held

    return on_motion(corpus, hold)


def not_a_number(corpus: Corpus) -> Changed:
    first = corpus.clips[0].id

    def spoil(clip: Clip, recording: Recording) -> Recording:
        assert recording.motion is not None
        motion = recording.motion.copy()
        if clip.id == first:
            motion[3, 5] = np.nan
        return replace(recording, motion=motion)

    return Changed(corpus, spoil)


def leaked(corpus: Corpus) -> Changed:
    """A test clip that is in training too, under another name."""
    test = next(clip for clip in corpus.clips if clip.split == "test")
    copy = replace(test, id=f"{test.id}-again", split="train", extra={**test.extra, "of": test})
    clips = [*corpus.clips, copy]
    corpus_read = corpus.read

    class Copied(Changed):
        def read(self, clip: Clip) -> Recording:
            return corpus_read(clip.extra.get("of", clip))

    return Copied(corpus, clips=clips)


FAULTS: dict[Callable[[Corpus], Changed], str] = {
    shuffled: "shuffled_channels",
    sides: "left_right_swapped",
    wrong_rate: "wrong_fps",
    late: "motion_shifted",
    early: "motion_shifted",
    metres: "wrong_units",
    millimetres: "wrong_units",
    other_sound: "audio_of_another_clip",
    constant: "constant_channels",
    not_a_number: "not_finite",
    leaked: "test_in_train",
}
"""Mistakes and the finding that each must lead to."""
