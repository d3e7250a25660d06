"""flite as a speech engine, when the program is on the path (permissive licence)."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from distill.data.synthetic.engines import Phone, Prosody, Speech
from distill.data.synthetic.phonemes import STOPS, from_flite
from distill.errors import UserError

VOICES = ("slt", "awb", "rms", "kal16")


class Flite:
    """flite: voices slt, awb, rms, kal16, built from recorded people.

    Raises:
        UserError: The program is not on the path.
    """

    name = "flite"

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise UserError("the program flite is not on the path; install it or use espeak")
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
                "--setf", f"duration_stretch={165.0 / prosody.rate_wpm:.4f}",
                "--setf", f"int_f0_target_mean={_pitch_hz(voice, prosody.pitch):.2f}",
                "-t", text, "-o", str(wav),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UserError(f"flite cannot speak {text!r}: {done.stderr.strip()[:200]}")
            audio, rate_hz = soundfile.read(wav, dtype="float32")
        return Speech(audio=audio, rate_hz=rate_hz, phones=_phones(done.stdout))


def _pitch_hz(voice: str, pitch: float) -> float:
    base_hz = 180.0 if voice == "slt" else 110.0
    return base_hz * 2.0 ** ((pitch - 50.0) / 60.0)


def _phones(printed: str) -> tuple[Phone, ...]:
    """Read `phone end_s` pairs from what flite prints."""
    fields = printed.split()
    phones: list[Phone] = []
    start_s = 0.0
    for name, end in zip(fields[::2], fields[1::2], strict=False):
        end_s = float(end)
        for label in from_flite(name):
            if end_s > start_s:
                release_s = start_s + 0.7 * (end_s - start_s) if label in STOPS else end_s
                phones.append(Phone(label=label, start_s=start_s, end_s=end_s, release_s=release_s))
                start_s = end_s
    return tuple(phones)
