"""A bank of named personas: pick, embed from audio, mix, exaggerate, save."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.units import SAMPLE_RATE_HZ

Vector = Float[np.ndarray, " E"]
WINDOW_S = 10.0
LONGEST_S = 300.0
SILENCE_PEAK = 1e-4


@runtime_checkable
class VoiceEmbedder(Protocol):
    """A personalizer seen through numpy float32 arrays, whatever runs it."""

    def embed(self, audio: Float[np.ndarray, " S"]) -> tuple[Vector, Vector]:
        """Return unit (identity, emotion) of mono audio at 16 kHz."""
        ...

    def fuse(
        self, identity: Float[np.ndarray, "B E"], emotion: Float[np.ndarray, "B E"]
    ) -> Float[np.ndarray, "B E"]:
        """Return the personalized embedding."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaBank:
    """Named identity and emotion embeddings.

    Attributes:
        identity: An embedding per named voice.
        emotion: An embedding per named emotion.
        identities: Names of the voices.
        emotions: Names of the emotions.
    """

    identity: Float[np.ndarray, "N E"]
    emotion: Float[np.ndarray, "M E"]
    identities: tuple[str, ...]
    emotions: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_shapes(self.identity, self.emotion, self.identities, self.emotions)

    @property
    def average_identity(self) -> Vector:
        """The centre of all voices: strength 0."""
        return self.identity.mean(axis=0)

    @property
    def neutral_emotion(self) -> Vector:
        """The emotion named `neutral`, or the centre of all emotions where none is."""
        if "neutral" in self.emotions:
            return self.emotion[self.emotions.index("neutral")]
        return self.emotion.mean(axis=0)

    def pick(self, name: str) -> Vector:
        """Return the identity of a named voice; an unknown name is a `UserError`."""
        return self.identity[_find(name, self.identities, "persona")]

    def pick_emotion(self, name: str) -> Vector:
        """Return a named emotion; an unknown name is a `UserError`."""
        return self.emotion[_find(name, self.emotions, "emotion")]

    def match(self, identity: Vector) -> str:
        """Return the name of the voice of highest cosine similarity."""
        return self.identities[_nearest(identity, self.identity)]

    def match_emotion(self, emotion: Vector) -> str:
        """Return the name of the emotion of highest cosine similarity."""
        return self.emotions[_nearest(emotion, self.emotion)]

    def interpolate(self, a: str | Vector, b: str | Vector, w: float) -> Vector:
        """Return the identity at `w` of the straight way from `a` (w = 0) to `b` (w = 1)."""
        start, end = self._identity(a), self._identity(b)
        return (1.0 - w) * start + w * end

    def average(self, voices: Sequence[str | Vector]) -> Vector:
        """Return the mean identity of some voices."""
        if not voices:
            raise UserError("an average needs at least one persona; name one or more")
        return np.stack([self._identity(voice) for voice in voices]).mean(axis=0)

    def from_audio(self, embedder: VoiceEmbedder, audio: np.ndarray) -> tuple[Vector, Vector]:
        """Embed a recording (S,) at 16 kHz; long ones are the mean over 10 s windows.

        Raises:
            UserError: The audio is empty, silent or not finite.
        """
        return embed_audio(embedder, audio)

    def persona(
        self,
        embedder: VoiceEmbedder,
        identity: str | Vector | None = None,
        emotion: str | Vector | None = None,
        strength: float = 1.0,
    ) -> Vector:
        """Fuse a voice and an emotion into one persona, weaker or stronger than they are.

        `strength` 0 is the average persona, 1 the persona as it is, above 1 exaggerates: both
        embeddings move on the line from the centre (average voice, neutral emotion) before the
        fusion. `None` is the centre itself.
        """
        if not np.isfinite(strength):
            raise UserError(f"strength {strength} is not a finite number; use 0 to about 2")
        voice = self.average_identity if identity is None else self._identity(identity)
        mood = self.neutral_emotion if emotion is None else self._emotion(emotion)
        voice = _stretch(self.average_identity, voice, strength)
        mood = _stretch(self.neutral_emotion, mood, strength)
        return embedder.fuse(voice[None], mood[None])[0]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
        """Return the arrays (for safetensors) and the names (for JSON)."""
        arrays = {"identity": self.identity, "emotion": self.emotion}
        return arrays, {"identities": list(self.identities), "emotions": list(self.emotions)}

    @classmethod
    def from_state(cls, arrays: dict[str, np.ndarray], names: dict[str, Any]) -> "PersonaBank":
        """Return the bank that `state` described; `UserError` when something is missing."""
        try:
            identity, emotion = arrays["identity"], arrays["emotion"]
            identities, emotions = tuple(names["identities"]), tuple(names["emotions"])
        except KeyError as error:
            raise UserError(
                f"persona bank: {error.args[0]} is missing; the bank is damaged or foreign"
            ) from error
        _check_shapes(identity, emotion, identities, emotions)
        if not (np.isfinite(identity).all() and np.isfinite(emotion).all()):
            raise UserError("persona bank: it holds values that are not finite; make it again")
        return cls(identity=identity, emotion=emotion, identities=identities, emotions=emotions)

    def _identity(self, voice: str | np.ndarray) -> np.ndarray:
        return self.pick(voice) if isinstance(voice, str) else voice

    def _emotion(self, emotion: str | np.ndarray) -> np.ndarray:
        return self.pick_emotion(emotion) if isinstance(emotion, str) else emotion


def embed_audio(embedder: VoiceEmbedder, audio: np.ndarray) -> tuple[Vector, Vector]:
    """Return unit (identity, emotion) of a recording (S,) at 16 kHz, at most its first 5 minutes.

    Windows of 10 s are embedded one by one, so memory is flat, and averaged by length; silent
    windows are left out.

    Raises:
        UserError: The audio is empty, silent or not finite.
    """
    audio = np.asarray(audio, dtype=np.float32)
    if audio.ndim != 1 or audio.size == 0:
        raise UserError(f"a persona needs mono audio; got an array of shape {audio.shape}")
    if not np.isfinite(audio).all():
        raise UserError("the audio for the persona holds values that are not finite numbers")
    window, end = int(WINDOW_S * SAMPLE_RATE_HZ), int(LONGEST_S * SAMPLE_RATE_HZ)
    audio = audio[:end]
    count = max(1, round(audio.size / window))
    parts = [part for part in np.array_split(audio, count) if np.abs(part).max() > SILENCE_PEAK]
    if not parts:
        raise UserError("the audio for the persona is silent; use a recording of speech")
    identity, emotion = [], []
    for part in parts:
        one, two = embedder.embed(part)
        identity.append(one * np.float32(part.size))
        emotion.append(two * np.float32(part.size))
    return unit(np.sum(identity, axis=0)), unit(np.sum(emotion, axis=0))


def unit(vectors: Float[np.ndarray, "... E"]) -> Float[np.ndarray, "... E"]:
    """Scale vectors to length one; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _stretch(centre: np.ndarray, end: np.ndarray, strength: float) -> np.ndarray:
    """Return the point at `strength` of the way from `centre` (0) to `end` (1), both exact."""
    share = centre.dtype.type(strength)
    return centre + share * (end - centre) if strength < 0.5 else end - (1 - share) * (end - centre)


def _check_shapes(
    identity: np.ndarray, emotion: np.ndarray, identities: Sequence[str], emotions: Sequence[str]
) -> None:
    for kind, tensor, names in (("identity", identity, identities), ("emotion", emotion, emotions)):
        if tensor.ndim != 2 or len(tensor) != len(names) or not names:
            raise UserError(
                f"persona bank: {kind} has shape {tuple(tensor.shape)} for {len(names)} names;"
                " the bank is damaged or foreign, make it again"
            )
        if len(set(names)) < len(names):
            raise UserError(f"persona bank: a name of {kind} appears twice; names are unique")
    if identity.shape[1] != emotion.shape[1]:
        raise UserError(
            f"persona bank: identity size {identity.shape[1]} differs from emotion size"
            f" {emotion.shape[1]}; the bank is damaged or foreign, make it again"
        )


def _nearest(vector: np.ndarray, bank: np.ndarray) -> int:
    return int((unit(bank) @ vector).argmax())


def _find(name: str, names: Sequence[str], kind: str) -> int:
    if name in names:
        return names.index(name)
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)
    raise UserError(
        f"unknown {kind} {name!r}; the nearest is {by_lower[close[0]]!r}"
        f" (known: {', '.join(names)})"
    )
