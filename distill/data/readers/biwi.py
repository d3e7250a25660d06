"""BIWI (Fanelli et al., 2010): 14 English speakers, 40 sentences, each neutral and with feeling.

Ask for B3D(AC)^2 at the Computer Vision Lab of ETH Zurich (non-commercial research). The layout
read here is the one that the code of FaceFormer and CodeTalker makes of it:

    vertices_npy/<subject>_e<NN>.npy    (T, 70110) at 25 fps: 23,370 vertices; neutral without e
    wav/<subject>_e<NN>.wav
    templates.pkl                       {subject: (23370, 3)}, pickled by Python 2

Splits of the papers: F2 F3 F4 M3 M4 M5 train on sentences 1 to 32, validate on 33 to 36 and are
tested on 37 to 40 (BIWI-Test-A, `test`); the other eight are tested on 37 to 40 (BIWI-Test-B,
`test_unseen`). The papers use the half with feeling, `data.neutral=false`. Lip and upper-face
vertices come with that code as lists of numbers (`lve.txt`, `fdd.txt`), a mesh with triangles as
`BIWI.ply`: `distill.data basis --help` takes them.

Not verified here, as nothing of BIWI may be had freely: the names of the neutral half and the unit
of the converted arrays. Where they are neither metres nor mm, opening them says what `data.units`
would fit a face.
"""

from collections.abc import Callable
from pathlib import Path

from distill.data.readers.vertex_files import sentence_number
from distill.data.readers.vertices import VertexCorpus, open_vertices

SOURCE = "ask ETH Zurich for B3D(AC)^2 and convert it as FaceFormer's code does"
SEEN = ("F2", "F3", "F4", "M3", "M4", "M5")
UNSEEN = ("F1", "F5", "F6", "F7", "F8", "M1", "M2", "M6")
SENTENCES = (("train", range(1, 33)), ("val", range(33, 37)), ("test", range(37, 41)))


def open_biwi(
    root: str | Path,
    fps: float | int = 25.0,
    recorded_fps: float | int = 25.0,
    units: str | float | int = "m",
    neutral: bool = True,
    basis: str | Path | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VertexCorpus:
    """Open a folder of BIWI (`data.root`), with or without the `neutral` half.

    Raises:
        UserError: As `open_vertices`.
    """
    return open_vertices(
        root,
        name="biwi",
        source=SOURCE,
        place=place if neutral else place_emotional,
        recorded_fps=float(recorded_fps),
        fps=float(fps),
        units=units,
        basis=basis,
    )


def place(subject: str, sentence: str) -> tuple[str, str] | None:
    """Return split and emotion of a sentence of a subject; None when the papers leave it out."""
    number = sentence_number(sentence)
    split = next((name for name, numbers in SENTENCES if number in numbers), None)
    if subject in UNSEEN and split == "test":
        split = "test_unseen"
    elif subject not in SEEN:
        split = None
    emotion = "emotional" if sentence.startswith("e") else "neutral"
    return None if split is None else (split, emotion)


def place_emotional(subject: str, sentence: str) -> tuple[str, str] | None:
    """Return the same for sentences with feeling alone."""
    found = place(subject, sentence)
    return found if found and found[1] == "emotional" else None
