"""VOCASET (Cudeiro et al., CVPR 2019): 12 English speakers, 40 sentences each, by FLAME.

Ask for it at voca.is.tue.mpg.de (register; the Max Planck licence for non-commercial research). It
comes as one array of all frames; the layout read here is the one that the code of FaceFormer and
CodeTalker makes of it:

    vertices_npy/<subject>_sentence<NN>.npy    (T, 15069) at 60 fps: 5,023 vertices of FLAME, metres
    wav/<subject>_sentence<NN>.wav             22 kHz
    templates.pkl                              {subject: (5023, 3)}, pickled by Python 2

Every second frame is read: 30 fps. Splits are those of the papers: 8 speakers to train (sentences
1 to 40), 2 to validate and 2 to test (sentences 21 to 40); nobody is in two of them, so `test` is
of speakers never heard in training. A few sentences are missing in the published data. There are no
triangles and no lips in it: both come with FLAME and its masks (`distill.data basis --help`).
"""

from collections.abc import Callable
from pathlib import Path

from distill.data.readers.vertex_files import sentence_number
from distill.data.readers.vertices import VertexCorpus, open_vertices

SOURCE = "ask for VOCASET at voca.is.tue.mpg.de and convert it as FaceFormer's code does"
TRAIN = (
    "FaceTalk_170728_03272_TA", "FaceTalk_170904_00128_TA", "FaceTalk_170725_00137_TA",
    "FaceTalk_170915_00223_TA", "FaceTalk_170811_03274_TA", "FaceTalk_170913_03279_TA",
    "FaceTalk_170904_03276_TA", "FaceTalk_170912_03278_TA",
)  # fmt: skip
VAL = ("FaceTalk_170811_03275_TA", "FaceTalk_170908_03277_TA")
TEST = ("FaceTalk_170809_00138_TA", "FaceTalk_170731_00024_TA")
SPLITS = {
    **dict.fromkeys(TRAIN, ("train", range(1, 41))),
    **dict.fromkeys(VAL, ("val", range(21, 41))),
    **dict.fromkeys(TEST, ("test", range(21, 41))),
}
"""Subject -> split and the sentences that it has there."""


def open_vocaset(
    root: str | Path,
    fps: float | int = 30.0,
    recorded_fps: float | int = 60.0,
    units: str | float | int = "m",
    basis: str | Path | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VertexCorpus:
    """Open a folder of VOCASET (`data.root`); nothing of it is cached.

    Raises:
        UserError: As `open_vertices`.
    """
    return open_vertices(
        root,
        name="vocaset",
        source=SOURCE,
        place=place,
        recorded_fps=float(recorded_fps),
        fps=float(fps),
        units=units,
        basis=basis,
    )


def place(subject: str, sentence: str) -> tuple[str, str] | None:
    """Return split and emotion of a sentence of a subject; None when the papers leave it out."""
    split, sentences = SPLITS.get(subject, ("", range(0)))
    return (split, "neutral") if sentence_number(sentence) in sentences else None
