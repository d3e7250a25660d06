"""What the motion of a stream is worth: lips as good as offline, no drift, a mouth that closes."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from distill.audio.frames import frames_for, sample_at
from distill.compress.check import Spoken
from distill.compress.parity import LipError
from distill.talker import Talker
from distill.units import SAMPLE_RATE_HZ

MINUTE_S, SPEECH_S, SILENCE_S, CLOSED_SHARE = 60.0, 4.0, 2.0, 0.1


def measure_drift(talker: Talker, clips: Sequence[Spoken], minutes: int) -> dict[str, object]:
    """Speak every clip over and over in its own voice; return the lip error of every minute.

    Minutes differ in what the stream remembers, and in their noise.
    """
    lips, errors = LipError(talker), []
    for clip in clips:
        audio, motion = one_minute(clip, talker.fps)
        persona, frames = talker.persona(clip.audio), len(motion)
        made = talker.generate_batch(np.tile(audio, minutes), persona, seeds=(0,))[0]
        parts = [made[k * frames : (k + 1) * frames] for k in range(minutes)]
        errors.append([lips([part], [motion]) for part in parts])
    means = np.mean(errors, axis=0).tolist()
    return {"lve": means, "unit": lips.space.rig.units, "last_over_first": means[-1] / means[0]}


def one_minute(
    clip: Spoken, fps: float
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, "F D"]]:
    """Return a clip, in whole frames, again and again until a minute is full."""
    frames = min(len(clip.motion), frames_for(len(clip.audio), fps))
    samples, full = sample_at(frames, fps), frames_for(round(MINUTE_S * SAMPLE_RATE_HZ), fps)
    times = -(-full // frames)
    audio = np.tile(np.pad(clip.audio, (0, samples))[:samples], times)
    return audio[: sample_at(full, fps)], np.tile(clip.motion[:frames], (times, 1))[:full]


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
