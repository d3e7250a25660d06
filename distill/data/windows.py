"""Cutting windows out of recordings so that audio and motion stay aligned to the sample."""

from dataclasses import dataclass

import numpy as np

from distill.audio.frames import sample_at
from distill.types import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a recording: audio (S,), motion (F D) zero-padded, and how much is real."""

    audio: np.ndarray
    motion: np.ndarray
    valid_frames: int


def draw_start(frames: int, window_frames: int, rng: np.random.Generator) -> int:
    """Draw a start frame uniformly among those that keep the window full; 0 for short clips."""
    return int(rng.integers(0, max(frames - window_frames, 0) + 1))


def cut(recording: Recording, start_frame: int, window_frames: int, fps: float) -> Window:
    """Cut `window_frames` frames from `start_frame`; past the end both streams are zero."""
    if recording.motion is None:
        raise ValueError("a window for training needs a recording with motion")
    samples = sample_at(window_frames, fps)
    first = sample_at(start_frame, fps)
    audio = np.zeros(samples, np.float32)
    heard = recording.audio[first : first + samples]
    audio[: len(heard)] = heard
    seen = recording.motion[start_frame : start_frame + window_frames]
    motion = np.zeros((window_frames, recording.motion.shape[1]), np.float32)
    motion[: len(seen)] = seen
    return Window(audio=audio, motion=motion, valid_frames=len(seen))
