"""flite as a speech engine, when the program is on the path (permissive licence).

Its voices are built from recorded people: consonants sound like consonants, where a formant
synthesizer only sketches them.
"""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.data.synthetic.engines import Phone, Prosody, Speech
from distill.data.synthetic.phonemes import SILENCE, STOPS, from_flite
from distill.errors import UserError

VOICES = {"slt": 170.0, "awb": 128.0, "rms": 102.0, "kal16": 100.0}
"""Voices and the middle of their pitch in Hz."""

FIXED_PITCH = frozenset(("rms",))
"""Voices that ignore the pitch they are asked for."""

_MEDIAN_RATE_WPM = 165.0
_STEP_S, _WINDOW_S = 0.0025, 0.01
_EARLIER_S = 0.03
"""How far a closure may begin before its phone."""

_QUIET_DB = 9.0
"""A closure is what lies within this of its quietest moment."""


class Flite:
    """flite: voices slt, awb, rms, kal16, built from recorded people.

    Raises:
        UserError: The program is not on the path.
    """

    name = "flite"

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise UserError(
                "the program flite is not on the path; install it (Debian: apt-get install flite) "
                "or use data.engine=espeak"
            )
        self.program = program

    def speak(self, text: str, voice: str, prosody: Prosody) -> Speech:
        """Speak `text`; a process per sentence."""
        import soundfile

        if voice not in VOICES:
            raise UserError(f"flite has no voice {voice!r}; use one of {', '.join(VOICES)}")
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "speech.wav"
            command = [
                self.program, "-voice", voice, "-psdur",
                "--setf", f"duration_stretch={_MEDIAN_RATE_WPM / prosody.rate_wpm:.4f}",
                "--setf", f"int_f0_target_mean={VOICES[voice] * pitch_factor(prosody.pitch):.2f}",
                "--setf", f"int_f0_target_stddev={0.3 * prosody.pitch_range:.2f}",
                "-t", text, "-o", str(wav),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0 or not wav.is_file():
                raise UserError(f"flite cannot speak {text!r}: {done.stderr.strip()[:200]}")
            audio, rate_hz = soundfile.read(wav, dtype="float32")
        phones = read_phones(done.stdout, len(audio) / rate_hz)
        return Speech(audio=audio, rate_hz=rate_hz, phones=with_closures(phones, audio, rate_hz))


def pitch_factor(pitch: float) -> float:
    """Return the factor on a voice's pitch for a pitch on the 0-99 scale (50 is its own)."""
    return 2.0 ** ((pitch - 50.0) / 60.0)


def read_phones(printed: str, seconds: float) -> tuple[Phone, ...]:
    """Read the `phone:end_s` that flite prints; nothing lasts longer than the sound."""
    phones: list[Phone] = []
    start_s = 0.0
    for item in printed.split():
        name, _, end = item.rpartition(":")
        end_s = min(float(end), seconds)
        for label in from_flite(name):
            if end_s > start_s:
                phones.append(Phone(label=label, start_s=start_s, end_s=end_s, release_s=end_s))
                start_s = end_s
    return tuple(phones)


def with_closures(
    phones: tuple[Phone, ...], audio: Float[np.ndarray, " S"], rate_hz: int
) -> tuple[Phone, ...]:
    """Return phones whose stops begin with their closure and are released where sound returns."""
    step, half = round(_STEP_S * rate_hz), round(_WINDOW_S * rate_hz / 2)
    power = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    middle = np.arange(0, len(audio), step)
    first, last = np.maximum(middle - half, 0), np.minimum(middle + half, len(audio))
    level_db = 10.0 * np.log10((power[last] - power[first]) / (last - first) + 1e-8)
    out = list(phones)
    for i, phone in enumerate(phones):
        if phone.label not in STOPS:
            continue
        earliest_s = phone.start_s
        if i and phones[i - 1].label != SILENCE:
            earliest_s = max(out[i - 1].start_s + 0.01, phone.start_s - _EARLIER_S)
        start_s, release_s = _closure(level_db, earliest_s, phone)
        out[i] = replace(phone, start_s=start_s, release_s=release_s)
        if i:
            released_s = min(out[i - 1].release_s, start_s)
            out[i - 1] = replace(out[i - 1], end_s=start_s, release_s=released_s)
    return tuple(out)


def _closure(level_db: np.ndarray, earliest_s: float, phone: Phone) -> tuple[float, float]:
    """Return start and release: the quiet stretch around the quietest moment of a stop."""
    low, high = round(earliest_s / _STEP_S), max(round(phone.end_s / _STEP_S), 1)
    inside = level_db[low:high]
    if len(inside) < 3 or np.ptp(inside) < _QUIET_DB:  # nothing to be heard of it
        return phone.start_s, phone.start_s + 0.7 * (phone.end_s - phone.start_s)
    quietest = int(inside.argmin())
    loud = np.flatnonzero(inside > inside[quietest] + _QUIET_DB)
    before, after = loud[loud < quietest], loud[loud > quietest]
    start_s = (low + int(before[-1]) + 1) * _STEP_S if len(before) else earliest_s
    release_s = (low + int(after[0])) * _STEP_S if len(after) else phone.end_s
    start_s = min(max(start_s, earliest_s), phone.start_s)
    return start_s, float(np.clip(release_s, start_s + 0.01, max(phone.end_s, start_s + 0.01)))
