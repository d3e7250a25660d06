"""How an emotion sounds and looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

EMOTIONS = ("neutral", "happy", "sad", "angry", "surprised", "afraid")
"""The emotions of the default corpus; `disgusted` is available too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """Prosody and face of an emotion.

    Attributes:
        rate: Factor on the speaking rate.
        pitch: Added to the engine's 0-99 pitch.
        pitch_range: The engine's 0-99 pitch range.
        gain_db: Loudness.
        tilt_db: Spectral tilt at 4 kHz against 500 Hz.
        articulation: Factor on mouth movement.
        mouth: Channel levels of the lower face; `Left`/`Right` are added where both exist.
        opening: The same, but only while speaking (these part the lips).
        upper: Channel levels of the upper face.
        nod_rad: Offset of the head's pitch, positive up.
        liveliness: Factor on head motion and brow raises.
    """

    rate: float = 1.0
    pitch: float = 0.0
    pitch_range: float = 50.0
    gain_db: float = 0.0
    tilt_db: float = 0.0
    articulation: float = 1.0
    mouth: Mapping[str, float] = field(default_factory=dict)
    opening: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)
    nod_rad: float = 0.0
    liveliness: float = 1.0


TABLE: Mapping[str, Emotion] = {
    "neutral": Emotion(pitch_range=42.0),
    "happy": Emotion(
        rate=1.12, pitch=12.0, pitch_range=85.0, gain_db=2.0, tilt_db=3.0, articulation=1.1,
        mouth={"mouthSmile": 0.5, "cheekSquint": 0.3, "mouthDimple": 0.12},
        opening={"mouthUpperUp": 0.05},
        upper={"eyeSquint": 0.2, "browOuterUp": 0.12}, nod_rad=0.02, liveliness=1.3,
    ),
    "sad": Emotion(
        rate=0.82, pitch=-12.0, pitch_range=18.0, gain_db=-6.0, tilt_db=-6.0, articulation=0.8,
        mouth={"mouthFrown": 0.42, "mouthShrugLower": 0.15},
        upper={"browInnerUp": 0.5, "eyeLookDown": 0.12, "eyeBlink": 0.1},
        nod_rad=-0.06, liveliness=0.5,
    ),
    "angry": Emotion(
        rate=1.14, pitch=-3.0, pitch_range=60.0, gain_db=6.0, tilt_db=8.0, articulation=1.2,
        mouth={"noseSneer": 0.35, "mouthFrown": 0.12, "mouthStretch": 0.08},
        opening={"mouthUpperUp": 0.1, "mouthLowerDown": 0.1},
        upper={"browDown": 0.6, "eyeSquint": 0.28, "eyeWide": 0.06}, nod_rad=-0.02, liveliness=1.3,
    ),
    "surprised": Emotion(
        rate=0.92, pitch=24.0, pitch_range=99.0, gain_db=1.0, tilt_db=0.0, articulation=1.12,
        mouth={}, opening={"jawOpen": 0.06, "mouthFunnel": 0.08},
        upper={"browInnerUp": 0.6, "browOuterUp": 0.55, "eyeWide": 0.5},
        nod_rad=0.03, liveliness=1.2,
    ),
    "afraid": Emotion(
        rate=1.3, pitch=18.0, pitch_range=10.0, gain_db=-4.0, tilt_db=-5.0, articulation=0.9,
        mouth={"mouthStretch": 0.35, "mouthFrown": 0.1},
        opening={"mouthLowerDown": 0.08},
        upper={"browInnerUp": 0.45, "browOuterUp": 0.12, "browDown": 0.12, "eyeWide": 0.4},
        nod_rad=-0.01, liveliness=0.8,
    ),
    "disgusted": Emotion(
        rate=0.8, pitch=-6.0, pitch_range=45.0, gain_db=0.0, tilt_db=5.0, articulation=0.95,
        mouth={"noseSneer": 0.5, "mouthFrown": 0.2},
        opening={"mouthUpperUp": 0.22},
        upper={"browDown": 0.35, "eyeSquint": 0.32}, nod_rad=0.04, liveliness=0.8,
    ),
}  # fmt: skip
