"""One clip: a sentence spoken by a speaker in an emotion, with the face that goes with it."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from distill.data.synthetic.articulation import mouth_motion
from distill.data.synthetic.emotions import TABLE
from distill.data.synthetic.engines import Engine, Phone, Prosody
from distill.data.synthetic.expression import upper_motion
from distill.data.synthetic.speakers import Speaker, make_speaker
from distill.data.synthetic.timbre import RATE_HZ, to_speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a clip is made from; everything else follows.

    `seed` moves eyes, brows and head only. The voice and the mouth are a function of the rest.
    """

    text: str
    speaker: int
    unseen: bool
    emotion: str
    seed: int
    fps: float
    engine: str = "espeak"
    loudness: float = 0.0
    clarity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished clip: audio int16 (S,), motion float16 (F, 55), phones and words."""

    audio: np.ndarray
    motion: np.ndarray
    phones: tuple[Phone, ...]
    words: tuple[tuple[str, float, float], ...]


def make_clip(job: Job, engine: Engine) -> Made:
    """Speak and animate one clip."""
    speaker = make_speaker(job.speaker, unseen=job.unseen, engine=job.engine)
    emotion = TABLE[job.emotion]
    say = np.random.default_rng(_number(f"{job.text}|{speaker.id}|{job.emotion}"))
    intensity = float(say.uniform(0.75, 1.15))
    prosody, gain_db = _prosody(speaker, job.emotion, intensity, say)
    before_s, after_s = float(say.uniform(0.25, 0.55)), float(say.uniform(0.3, 0.6))
    speech = engine.speak(job.text, speaker.voice, prosody)
    speech = to_speaker(
        speech, formants=speaker.formants, tilt_db=speaker.tilt_db + emotion.tilt_db * intensity,
        gain_db=gain_db, before_s=before_s, after_s=after_s,
    )  # fmt: skip
    audio = np.round(speech.audio * 32767.0).astype(np.int16)
    frames = frames_for(len(audio), job.fps)
    mouth = mouth_motion(
        speech.phones, audio.astype(np.float32) / 32768.0, frames=frames, fps=job.fps,
        style=speaker.style, emotion=emotion, intensity=intensity, loudness=job.loudness,
        clarity=job.clarity,
    )  # fmt: skip
    upper = upper_motion(
        speech.phones, frames=frames, fps=job.fps, style=speaker.style, emotion=emotion,
        seed=job.seed, intensity=intensity, question=job.text.endswith("?"),
    )  # fmt: skip
    motion = (mouth + upper).astype(np.float16)
    return Made(audio=audio, motion=motion, phones=speech.phones, words=speech.words)


def frames_for(samples: int, fps: float) -> int:
    """Return the motion frames that cover `samples` at 16 kHz, at least 1."""
    rate = Fraction(str(fps))
    return max(1, -(-samples * rate.numerator // (RATE_HZ * rate.denominator)))


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _prosody(
    speaker: Speaker, name: str, intensity: float, say: np.random.Generator
) -> tuple[Prosody, float]:
    """Return what to ask of the engine, and the loudness in dB."""
    emotion = TABLE[name]
    rate = speaker.rate_wpm / speaker.formants * (1.0 + (emotion.rate - 1.0) * intensity)
    rate *= float(say.uniform(0.96, 1.04))
    pitch = speaker.pitch + emotion.pitch * intensity + float(say.uniform(-2.0, 2.0))
    prosody = Prosody(
        rate_wpm=float(np.clip(rate, 90.0, 300.0)),
        pitch=float(np.clip(pitch, 5.0, 95.0)),
        pitch_range=float(np.clip(emotion.pitch_range, 5.0, 99.0)),
    )
    return prosody, emotion.gain_db * intensity + float(say.uniform(-0.7, 0.7))
