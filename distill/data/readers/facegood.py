"""FACEGOOD-Audio2Face: one Mandarin speaker, blendshape curves authored from video.

Layout of the public repository (FACEGOOD/FACEGOOD-Audio2Face, MIT licence, recordings included):

    code/train/wav/1114_<clip>.wav                    16 kHz mono
    code/train/bs_value/bs_value_1114_<clip>.npy      (T, 116) rig weights at 30 fps
    code/train/shirley_1119_bs_name316.npy            the 116 names, in the order of the arrays
    doc/Voice2Face_blendshape2ARkit.xlsx              which names make which ARKit shape

`bsname.txt` of the same repository is off by one for these arrays and is not read. Curves move
mouth and jaw only. The whole recording is split by time: no test frame is near a training frame.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import digest
from distill.errors import UserError
from distill.face.names import ARKIT_52, HEAD
from distill.types import Clip, Recording

FPS = 30.0
SEGMENT_FRAMES, GAP_FRAMES = 180, 30
SHARES = (("train", 0.0, 0.7), ("val", 0.7, 0.8), ("test", 0.8, 1.0))
WIDTH = 116
_SIDED = {
    "mouthSmile": ("mouth_lipCornerPull",),
    "mouthFrown": ("mouth_lipCornerDepress", "mouth_lipCornerDepressFix"),
    "mouthDimple": ("mouth_dimple",),
    "mouthStretch": ("mouth_lipStretch",),
    "mouthPress": ("mouth_press",),
    "mouthLowerDown": ("mouth_lowerLipDepress",),
    "mouthUpperUp": ("mouth_upperLipRaise",),
}
_WHOLE = {
    "jawForward": ("jaw_thrust_c",),
    "jawLeft": ("jaw_sideways_l",),
    "jawRight": ("jaw_sideways_r",),
    "jawOpen": ("mouth_stretch_c",),
    "mouthClose": ("mouth_chew_c",),
    "mouthFunnel": (
        "mouth_funnel_dl",
        "mouth_funnel_dr",
        "mouth_funnel_ul",
        "mouth_funnel_ur",
        "mouth_oh_c",
    ),
    "mouthPucker": ("mouth_pucker_l", "mouth_pucker_r", "mouth_oo_c"),
    "mouthLeft": ("mouth_sideways_l",),
    "mouthRight": ("mouth_sideways_r",),
    "mouthRollLower": ("mouth_suck_dl", "mouth_suck_dr"),
    "mouthRollUpper": ("mouth_suck_ul", "mouth_suck_ur"),
    "mouthShrugLower": ("mouth_chinRaise_d",),
    "mouthShrugUpper": ("mouth_chinRaise_u",),
}
SOURCES: dict[str, tuple[str, ...]] = _WHOLE | {
    f"{shape}{side}": tuple(f"{name}_{side[0].lower()}" for name in names)
    for shape, names in _SIDED.items()
    for side in ("Left", "Right")
}
"""ARKit shape -> source weights; the shape takes the largest of them."""


class FacegoodCorpus:
    """Segments of at most six seconds of the recordings in a FACEGOOD checkout."""

    name = "facegood"
    rig = "ict"
    channels = (*ARKIT_52, *HEAD)
    fps = FPS

    def __init__(self, root: Path):
        self.root = checked_root(Path(root))
        self.names = read_names(self.root / "code/train/shirley_1119_bs_name316.npy")
        self._opened: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        recordings = sorted((self.root / "code/train/bs_value").glob("bs_value_1114_*.npy"))
        if not recordings:
            raise UserError(f"{self.root}/code/train/bs_value holds no bs_value_1114_*.npy file")
        self.content_hash = digest([*recordings, *(self._wav(self._id(p)) for p in recordings)])
        self.clips: list[Clip] = []
        for path in recordings:
            self.clips += segments(self._id(path), len(self._open(self._id(path))[1]))

    def read(self, clip: Clip) -> Recording:
        """Open a segment."""
        audio, motion = self._open(clip.extra["recording"])
        first, last = clip.extra["start_frame"], clip.extra["start_frame"] + clip.frames
        return Recording(
            audio=audio[sample_at(first, FPS) : sample_at(last, FPS)], motion=motion[first:last]
        )

    def _open(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        if recording not in self._opened:
            path = self.root / f"code/train/bs_value/bs_value_1114_{recording}.npy"
            motion = to_arkit(read_array(path), self.names)
            audio = load_audio(self._wav(recording))
            frames = min(len(motion), int(len(audio) * FPS // 16_000))
            self._opened[recording] = audio, motion[:frames]
        return self._opened[recording]

    def _wav(self, recording: str) -> Path:
        path = self.root / f"code/train/wav/1114_{recording}.wav"
        if not path.is_file():
            raise UserError(f"{path} is missing: every bs_value file needs its recording")
        return path

    @staticmethod
    def _id(path: Path) -> str:
        return path.stem.removeprefix("bs_value_1114_")


def open_facegood(
    root: str, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> FacegoodCorpus:
    """Open a checkout of the public repository (`data.root`); nothing of it is cached."""
    return FacegoodCorpus(Path(root))


def checked_root(root: Path) -> Path:
    """Return the folder that holds `code/train`, or say where to get it."""
    if not (root / "code/train/bs_value").is_dir():
        raise UserError(
            f"data.root={root} has no code/train/bs_value; point it to a checkout of the public "
            "repository FACEGOOD/FACEGOOD-Audio2Face"
        )
    return root


def read_array(path: Path) -> np.ndarray:
    """Read a plain array; anything that would need unpickling is refused."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # headers written by Python 2
            return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a plain numpy array: {error}") from error


def read_names(path: Path) -> list[str]:
    """Read the 116 names; a list shifted by one is refused."""
    names = [str(name) for name in read_array(path)]
    if len(names) != WIDTH or names[0] != "brow_lower_l":
        raise UserError(
            f"{path} is not the name list of these arrays: expected {WIDTH} names from "
            f"brow_lower_l, found {len(names)} from {names[0] if names else 'nothing'}"
        )
    return names


def to_arkit(weights: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Convert (T 116) rig weights to (T 55) ARKit shapes and a still head."""
    if weights.ndim != 2 or weights.shape[1] != WIDTH:
        raise UserError(f"expected weights of shape (frames, {WIDTH}), found {weights.shape}")
    column = {name: index for index, name in enumerate(names)}
    channels = (*ARKIT_52, *HEAD)
    motion = np.zeros((len(weights), len(channels)), np.float32)
    for shape, sources in SOURCES.items():
        motion[:, channels.index(shape)] = weights[:, [column[s] for s in sources]].max(1)
    return motion.clip(0.0, 1.0)


def segments(recording: str, frames: int) -> list[Clip]:
    """Cut a recording into segments; splits follow each other in time with a gap between them."""
    clips = []
    for split, low, high in SHARES:
        first = round(low * frames) + (GAP_FRAMES if low else 0)
        last = round(high * frames)
        for start in range(first, last, SEGMENT_FRAMES):
            length = min(SEGMENT_FRAMES, last - start)
            if length < GAP_FRAMES:
                continue
            clips.append(
                Clip(
                    id=f"{recording}@{start}",
                    split=split,
                    speaker="shirley",
                    frames=length,
                    samples=sample_at(start + length, FPS) - sample_at(start, FPS),
                    extra={"recording": recording, "start_frame": start},
                )
            )
    return clips
