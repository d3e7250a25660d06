"""What the motion of a stream is worth: no drift over minutes, a mouth that closes with a voice."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.measure import OpenedRun
from benchmarks.metrics.lve import Lve
from benchmarks.quality import clips_of
from distill.audio.frames import frames_for, sample_at
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.talker import Talker
from distill.types import Clip
from distill.units import SAMPLE_RATE_HZ

MINUTE_S, SPEECH_S, SILENCE_S, CLOSED_SHARE = 60.0, 4.0, 2.0, 0.1


def measure_drift(talker: Talker, opened: OpenedRun, minutes: int) -> dict[str, object]:
    """Speak the same minute of test clips over and over; return the lip error of every minute.

    The clips are those of one speaker, who is also the persona, so that minutes differ only in
    what the stream remembers.
    """
    corpus, space = opened.corpus(), opened.space
    clips = _of_one_speaker(clips_of(corpus, "test"))
    audio, motion = one_minute(corpus, clips, space.fps)
    persona = talker.persona(corpus.read(clips[0]).audio)
    made = talker.generate_batch(np.tile(audio, minutes), persona, seeds=(0,))[0]
    frames = len(motion)
    errors = [lip_error(space, made[k * frames : (k + 1) * frames], motion) for k in range(minutes)]
    return {"lve": errors, "unit": space.rig.units, "last_over_first": errors[-1] / errors[0]}


def one_minute(
    corpus: Corpus, clips: Sequence[Clip], fps: float
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, "F D"]]:
    """Return whole frames of clips, one after the other and again, until a minute is full."""
    audio, motion, missing = [], [], frames_for(round(MINUTE_S * SAMPLE_RATE_HZ), fps)
    for clip in cycle(clips):
        recording = corpus.read(clip)
        assert recording.motion is not None
        frames = min(len(recording.motion), missing)
        samples = sample_at(frames, fps)
        audio.append(np.pad(recording.audio, (0, samples))[:samples])
        motion.append(recording.motion[:frames])
        missing -= frames
        if not missing:
            return np.concatenate(audio), np.concatenate(motion)
    raise AssertionError("there are no clips")


def lip_error(space: MotionSpace, made: np.ndarray, real: np.ndarray) -> float:
    """Return the lip vertex error of motion (F D) in rig units."""
    metric, lips = Lve(torch.arange(len(space.rig.lips))), space.rig.lips
    pred, target = (
        space.rig.to_vertices(torch.from_numpy(np.asarray(motion, np.float32)), lips)
        for motion in (made, real)
    )
    metric.update(pred, target)
    return float(metric.compute())


def measure_silence(talker: Talker, speech: Float[np.ndarray, " S"]) -> dict[str, float]:
    """Return how soon after the voice ends the mouth is closed, and how still it stays, in mm.

    Closed is within a tenth of the range that speech opened it; the sound ends abruptly.
    """
    speech = speech[: round(SPEECH_S * SAMPLE_RATE_HZ)]
    audio = np.concatenate([speech, np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.float32)])
    motion = talker.generate_batch(audio, talker.persona(speech), seeds=(0,))[0]
    space = talker.space()
    gap = space.lip_gap_mm(torch.from_numpy(motion)).numpy()
    rest = float(space.lip_gap_mm(torch.zeros(space.motion_dim)))
    end = frames_for(len(speech), talker.fps)
    limit = rest + CLOSED_SHARE * (gap[:end].max() - rest)
    late = np.flatnonzero(gap[end:] > limit)
    after = gap[len(gap) - round(talker.fps) :]
    return {
        "closed_after_ms": 1000.0 * float(late[-1] + 1 if len(late) else 0) / talker.fps,
        "moves_mm": float(np.ptp(after)),
    }


def _of_one_speaker(clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips of whoever has most of them."""
    names = [clip.speaker for clip in clips]
    most = max(dict.fromkeys(names), key=names.count)
    return [clip for clip in clips if clip.speaker == most]
