"""espeak-ng through ctypes, a forked process per sentence.

The library keeps hidden state between sentences, so a second sentence in one process differs
from the same sentence in a fresh one; a fork of an initialized process is fresh and cheap.
The extra is GPL-3: it makes data, and nothing that trains or animates imports it.
"""

import ctypes
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from distill.data.synthetic.engines import Phone, Prosody, Speech
from distill.data.synthetic.phonemes import SILENCE, STOPS, from_espeak
from distill.errors import UserError

_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_WORD, _PHONEME = 1, 7
_CLOSURE_MAX_S = 0.12
"""The longest silence before a release that is taken for its closure."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """espeak-ng: voices are `language` or `language+variant`.

    Raises:
        UserError: The optional extra `synth` is not installed.
    """

    name = "espeak"

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise UserError(
                "the synthetic corpus needs the espeak-ng speech synthesizer; "
                'install it with: pip install "facedistill[synth]"'
            ) from error
        self.data = Path(espeakng_loader.get_data_path())
        self.languages = {p.name.lower() for p in (self.data / "lang").rglob("*")}
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate_hz = int(
            self.library.espeak_Initialize(
                _SYNCHRONOUS, 0, str(self.data).encode(), _PHONEME_EVENTS
            )
        )
        if self.rate_hz <= 0:
            raise UserError(
                f"espeak-ng does not start with its data in {self.data}; reinstall espeakng-loader"
            )

    def speak(self, text: str, voice: str, prosody: Prosody) -> Speech:
        """Speak `text` in a forked process."""
        self.check_voice(voice)
        audio, events = _forked(lambda: self._speak_here(text, voice, prosody))
        samples = np.frombuffer(audio, np.int16)
        phones = _phones(samples, events, self.rate_hz)
        words = _words(text, events, phones, self.rate_hz)
        return Speech(
            audio=samples.astype(np.float32) / 32768.0,
            rate_hz=self.rate_hz,
            phones=phones,
            words=words,
        )

    def check_voice(self, voice: str) -> None:
        """Raise UserError unless language and variant exist (espeak ignores a wrong variant)."""
        language, _, variant = voice.partition("+")
        if language.lower() not in self.languages:
            raise UserError(f"espeak-ng has no language {language!r}; use en-us or en-gb-x-rp")
        if variant and not (self.data / "voices" / "!v" / variant).is_file():
            raise UserError(f"espeak-ng has no voice variant {variant!r}; use m1-m8 or f1-f5")

    def _speak_here(self, text: str, voice: str, prosody: Prosody) -> tuple[bytes, list[Any]]:
        audio: list[bytes] = []
        events: list[Any] = []

        def collect(wave: int | None, count: int, event: Any) -> int:
            if wave and count > 0:
                audio.append(ctypes.string_at(wave, 2 * count))
            index = 0
            while event[index].type != 0:
                item = event[index]
                index += 1
                if item.type == _PHONEME:  # 8 bytes, not always NUL-terminated
                    start = ctypes.addressof(item) + _Event.id.offset
                    name = ctypes.string_at(start, 8).split(b"\0")[0]
                    events.append([_PHONEME, item.sample, name.decode("utf-8", "replace")])
                elif item.type == _WORD:
                    events.append([_WORD, item.sample, [item.text_position, item.length]])
            return 0

        self.library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breathy voices draw their noise
        callback = _Callback(collect)
        self.library.espeak_SetSynthCallback(callback)
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(f"espeak-ng refuses the voice {voice!r}; use en-us or en-gb-x-rp")
        for parameter, value in (
            (_RATE, prosody.rate_wpm), (_PITCH, prosody.pitch), (_RANGE, prosody.pitch_range),
        ):  # fmt: skip
            self.library.espeak_SetParameter(parameter, round(value), 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        return b"".join(audio), events


def _forked(make: Any) -> tuple[bytes, list[Any]]:
    """Run `make` in a forked child and return its (audio, events)."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        status = 1
        try:
            audio, events = make()
            head = json.dumps(events).encode()
            with os.fdopen(write, "wb") as pipe:
                pipe.write(struct.pack("<I", len(head)) + head + audio)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or len(data) < 4:
        raise RuntimeError(f"the speech process ended with status {status}")
    size = struct.unpack("<I", data[:4])[0]
    return data[4 + size :], json.loads(data[4 : 4 + size])


def _phones(samples: np.ndarray, events: list[Any], rate_hz: int) -> tuple[Phone, ...]:
    """Return contiguous phones; a stop starts where its closure (exact silence) starts."""
    marks = [(sample, *from_espeak(name)) for kind, sample, name in events if kind == _PHONEME]
    marks = [m for m in marks if m[0] < len(samples)]
    starts = [m[0] for m in marks] + [len(samples)]
    releases = list(starts)
    for i, (sample, labels, _) in enumerate(marks):
        if labels[0] in STOPS:
            floor = starts[i - 1] if i else 0
            if i and marks[i - 1][1][0] == SILENCE:
                floor = max(floor, sample - int(0.06 * rate_hz))
            starts[i] = _closure_start(samples, sample, max(floor, sample - _limit(rate_hz)))
    phones: list[Phone] = []
    for i, (_, labels, stress) in enumerate(marks):
        edges = np.linspace(starts[i], starts[i + 1], len(labels) + 1) / rate_hz
        for j, label in enumerate(labels):
            start, end = float(edges[j]), float(edges[j + 1])
            if end <= start:
                continue
            release = end
            if label in STOPS:
                closed_s = (releases[i] - starts[i]) / rate_hz
                release = start + (closed_s if closed_s > 0.01 else 0.75 * (end - start))
            phones.append(
                Phone(label=label, start_s=start, end_s=end, release_s=release, stress=stress)
            )
    return tuple(phones)


def _limit(rate_hz: int) -> int:
    return int(_CLOSURE_MAX_S * rate_hz)


def _closure_start(samples: np.ndarray, release: int, floor: int) -> int:
    """Return the first sample of the run of near-zeros that ends at `release`."""
    loud = np.flatnonzero(np.abs(samples[floor:release].astype(np.int32)) > 24)
    return floor + int(loud[-1]) + 1 if len(loud) else floor


def _words(
    text: str, events: list[Any], phones: tuple[Phone, ...], rate_hz: int
) -> tuple[tuple[str, float, float], ...]:
    """Return spoken words; each ends where the next word or a pause begins."""
    pauses = [p.start_s for p in phones if p.label == SILENCE]
    end_s = phones[-1].end_s if phones else 0.0
    marks = [(sample / rate_hz, value) for kind, sample, value in events if kind == _WORD]
    words = []
    for i, (start_s, (position, length)) in enumerate(marks):
        following = [s for s in pauses if s > start_s]
        following += [s for s, _ in marks[i + 1 :] if s > start_s]
        word = text[position - 1 : position - 1 + length].strip(" ,.?!;:")
        if word:
            words.append((word, start_s, min([*following, end_s])))
    return tuple(words)
