"""FACEGOOD-Audio2Face: one Mandarin speaker, blendshape curves authored from video.

Layout of the public repository (FACEGOOD/FACEGOOD-Audio2Face, MIT licence, recordings included):

    code/train/wav/1114_<clip>.wav                    16 kHz mono
    code/train/bs_value/bs_value_1114_<clip>.npy      (T, 116) rig weights at 30 fps
    code/train/shirley_1119_bs_name316.npy            the 116 names, in the order of the arrays
    doc/Voice2Face_blendshape2ARkit.xlsx              which names make which ARKit shape

`doc/bsname.txt` of the same repository is off by one for these arrays: it has `tongue_Scale_X` near
the end, not second, so that every name between stands one column too early. It is not read, and
refused where it takes the place of the right list. Curves move mouth and jaw only. The whole
recording is split by time: no test frame is near a training frame.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import digest, frames_of_both, together
from distill.errors import UserError
from distill.face.names import ARKIT_52, HEAD
from distill.types import Clip, Recording

FPS = 30.0
SEGMENT_FRAMES, GAP_FRAMES = 180, 30
SHARES = (("train", 0.0, 0.7), ("val", 0.7, 0.8), ("test", 0.8, 1.0))
WIDTH = 116
NAMES_SHA256 = "080791aa78344840e4f7cd23aab3f32d41d51f2ed268bde38bbce6bff24b08d0"
"""Of the 116 names, a line each."""
JAW, JAW_COLUMN = "mouth_stretch_c", 74
"""The weight that opens the jaw, and its column."""
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
        self._opened: dict[str, Recording] = {}
        recordings = sorted((self.root / "code/train/bs_value").glob("bs_value_1114_*.npy"))
        if not recordings:
            raise UserError(f"{self.root}/code/train/bs_value holds no bs_value_1114_*.npy file")
        self.content_hash = digest([*recordings, *(self._wav(self._id(p)) for p in recordings)])
        self.clips: list[Clip] = []
        for path in recordings:
            frames = len(checked_weights(read_array(path)))
            name = self._id(path)
            self.clips += segments(name, frames_of_both(frames, self._wav(name), FPS))

    def read(self, clip: Clip) -> Recording:
        """Open a segment."""
        whole = self._open(clip.extra["recording"])
        assert whole.motion is not None
        first, last = clip.extra["start_frame"], clip.extra["start_frame"] + clip.frames
        return Recording(
            audio=whole.audio[sample_at(first, FPS) : sample_at(last, FPS)],
            motion=whole.motion[first:last],
        )

    def _open(self, recording: str) -> Recording:
        if recording not in self._opened:
            path = self.root / f"code/train/bs_value/bs_value_1114_{recording}.npy"
            motion = to_arkit(read_array(path), self.names)
            self._opened[recording] = together(load_audio(self._wav(recording)), motion, FPS)
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
    """Open a plain array, read when it is used; anything that would need unpickling is refused."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # headers written by Python 2
            return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a plain numpy array: {error}") from error


def read_names(path: Path) -> list[str]:
    """Read the 116 names; any other list is refused, `bsname.txt` first of all."""
    names = [str(name) for name in read_array(path)]
    if hashlib.sha256("\n".join(names).encode()).hexdigest() == NAMES_SHA256:
        return names
    found = f"expected {WIDTH} names, found {len(names)}"
    if JAW in names and (column := names.index(JAW)) != JAW_COLUMN:
        off = column - JAW_COLUMN
        found = f"{JAW} is name {column}, not {JAW_COLUMN}, off by {off:+d} as in bsname.txt"
    elif len(names) == WIDTH:
        found = f"its {WIDTH} names are others or in another order"
    raise UserError(
        f"{path} is not the name list of these arrays ({found}); take "
        "shirley_1119_bs_name316.npy of the public repository"
    )


def checked_weights(weights: np.ndarray) -> np.ndarray:
    """Return rig weights (T 116), or say what shape they have."""
    if weights.ndim != 2 or weights.shape[1] != WIDTH:
        raise UserError(f"expected weights of shape (frames, {WIDTH}), found {weights.shape}")
    return weights


def to_arkit(weights: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Convert (T 116) rig weights to (T 55) ARKit shapes and a still head."""
    weights = checked_weights(weights)
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
