"""A bank of named personas: pick, embed from audio, mix, exaggerate, save."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from distill.errors import UserError
from distill.protocols import PersonaEmbedder
from distill.types import SAMPLE_RATE_HZ, Movable

WINDOW_S = 10.0
LONGEST_S = 300.0
SILENCE_PEAK = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaBank(Movable):
    """Named identity and emotion embeddings.

    Attributes:
        identity: An embedding per named voice.
        emotion: An embedding per named emotion.
        identities: Names of the voices.
        emotions: Names of the emotions.
    """

    identity: Float[Tensor, "N E"]
    emotion: Float[Tensor, "M E"]
    identities: tuple[str, ...]
    emotions: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_shapes(self.identity, self.emotion, self.identities, self.emotions)

    @property
    def average_identity(self) -> Float[Tensor, " E"]:
        """The centre of all voices: strength 0."""
        return self.identity.mean(dim=0)

    @property
    def neutral_emotion(self) -> Float[Tensor, " E"]:
        """The emotion named `neutral`, or the centre of all emotions where none is."""
        if "neutral" in self.emotions:
            return self.emotion[self.emotions.index("neutral")]
        return self.emotion.mean(dim=0)

    def pick(self, name: str) -> Float[Tensor, " E"]:
        """Return the identity of a named voice; an unknown name is a `UserError`."""
        return self.identity[_find(name, self.identities, "persona")]

    def pick_emotion(self, name: str) -> Float[Tensor, " E"]:
        """Return a named emotion; an unknown name is a `UserError`."""
        return self.emotion[_find(name, self.emotions, "emotion")]

    def match(self, identity: Float[Tensor, " E"]) -> str:
        """Return the name of the voice of highest cosine similarity."""
        return self.identities[_nearest(identity, self.identity)]

    def match_emotion(self, emotion: Float[Tensor, " E"]) -> str:
        """Return the name of the emotion of highest cosine similarity."""
        return self.emotions[_nearest(emotion, self.emotion)]

    def interpolate(
        self, a: str | Float[Tensor, " E"], b: str | Float[Tensor, " E"], w: float
    ) -> Float[Tensor, " E"]:
        """Return the identity at `w` of the straight way from `a` (w = 0) to `b` (w = 1)."""
        start, end = self._identity(a), self._identity(b)
        return (1.0 - w) * start + w * end

    def average(self, voices: Sequence[str | Float[Tensor, " E"]]) -> Float[Tensor, " E"]:
        """Return the mean identity of some voices."""
        if not voices:
            raise UserError("an average needs at least one persona; name one or more")
        return torch.stack([self._identity(voice) for voice in voices]).mean(dim=0)

    def from_audio(
        self, embedder: PersonaEmbedder, audio: np.ndarray
    ) -> tuple[Float[Tensor, " E"], Float[Tensor, " E"]]:
        """Embed a recording (S,) at 16 kHz; long ones are the mean over 10 s windows.

        Raises:
            UserError: The audio is empty, silent or not finite.
        """
        return embed_audio(embedder, audio, device=self.identity.device)

    def persona(
        self,
        embedder: PersonaEmbedder,
        identity: str | Float[Tensor, " E"] | None = None,
        emotion: str | Float[Tensor, " E"] | None = None,
        strength: float = 1.0,
    ) -> Float[Tensor, " E"]:
        """Fuse a voice and an emotion into one persona, weaker or stronger than they are.

        `strength` 0 is the average persona, 1 the persona as it is, above 1 exaggerates: both
        embeddings move on the line from the centre (average voice, neutral emotion) before the
        fusion. `None` is the centre itself.
        """
        if not np.isfinite(strength):
            raise UserError(f"strength {strength} is not a finite number; use 0 to about 2")
        voice = self.average_identity if identity is None else self._identity(identity)
        mood = self.neutral_emotion if emotion is None else self._emotion(emotion)
        voice = torch.lerp(self.average_identity, voice, strength)
        mood = torch.lerp(self.neutral_emotion, mood, strength)
        with torch.no_grad():
            return embedder.fuse(voice[None], mood[None])[0]

    def state(self) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
        """Return the tensors (for safetensors) and the names (for JSON)."""
        tensors = {"identity": self.identity.contiguous(), "emotion": self.emotion.contiguous()}
        return tensors, {"identities": list(self.identities), "emotions": list(self.emotions)}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], names: dict[str, Any]) -> "PersonaBank":
        """Return the bank that `state` described; `UserError` when something is missing."""
        try:
            identity, emotion = tensors["identity"], tensors["emotion"]
            identities, emotions = tuple(names["identities"]), tuple(names["emotions"])
        except KeyError as error:
            raise UserError(
                f"persona bank: {error.args[0]} is missing; the bank is damaged or foreign"
            ) from error
        _check_shapes(identity, emotion, identities, emotions)
        if not bool(torch.isfinite(identity).all() & torch.isfinite(emotion).all()):
            raise UserError("persona bank: it holds values that are not finite; make it again")
        return cls(identity=identity, emotion=emotion, identities=identities, emotions=emotions)

    def _identity(self, voice: str | Tensor) -> Tensor:
        return self.pick(voice) if isinstance(voice, str) else voice.to(self.identity)

    def _emotion(self, emotion: str | Tensor) -> Tensor:
        return self.pick_emotion(emotion) if isinstance(emotion, str) else emotion.to(self.emotion)


@torch.no_grad()
def embed_audio(
    embedder: PersonaEmbedder, audio: np.ndarray, *, device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, " E"], Float[Tensor, " E"]]:
    """Return unit (identity, emotion) of a recording (S,) at 16 kHz, at most its first 5 minutes.

    The embedder must be in eval mode. Windows of 10 s are embedded one by one, so memory is flat,
    and averaged by length; silent windows are left out.

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
        one, two = embedder.embed(torch.from_numpy(part.copy()).to(device)[None])
        identity.append(one[0] * part.size)
        emotion.append(two[0] * part.size)
    return (
        normalize(torch.stack(identity).sum(dim=0), dim=0),
        normalize(torch.stack(emotion).sum(dim=0), dim=0),
    )


def _check_shapes(
    identity: Tensor, emotion: Tensor, identities: Sequence[str], emotions: Sequence[str]
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


def _nearest(vector: Tensor, bank: Tensor) -> int:
    return int((normalize(bank, dim=-1) @ vector.to(bank)).argmax())


def _find(name: str, names: Sequence[str], kind: str) -> int:
    if name in names:
        return names.index(name)
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)
    raise UserError(
        f"unknown {kind} {name!r}; the nearest is {by_lower[close[0]]!r}"
        f" (known: {', '.join(names)})"
    )
