"""Multiface (Wuu et al., 2022): 13 English speakers, up to 50 sentences, tracked meshes.

Public at github.com/facebookresearch/multiface (CC BY-NC 4.0, non-commercial). The layout read here
is the one that code in the manner of FaceDiffuser makes of it:

    vertices_npy/<subject>_<sentence>.npy    (T, 18516) at 30 fps: 6,172 vertices
    wav/<subject>_<sentence>.wav
    templates.pkl                            {subject: (6172, 3)}, pickled

Subjects are the keys of `templates.pkl`; the rest of a file's name is its sentence. Not verified
here: the unit of the converted arrays (the originals are in mm, the default) and the split of the
papers. So the split is our own: by sentence, the same for every speaker, so that no tested sentence
was heard in training.
"""

from collections.abc import Callable
from pathlib import Path

from distill.data.readers.folder import split_by_name
from distill.data.readers.vertices import VertexCorpus, open_vertices

SOURCE = (
    "get Multiface from github.com/facebookresearch/multiface and convert it as FaceDiffuser's "
    "code does"
)
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))


def open_multiface(
    root: str | Path,
    fps: float | int = 30.0,
    recorded_fps: float | int = 30.0,
    units: str | float | int = "mm",
    basis: str | Path | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VertexCorpus:
    """Open a folder of Multiface (`data.root`); nothing of it is cached.

    Raises:
        UserError: As `open_vertices`.
    """
    return open_vertices(
        root,
        name="multiface",
        source=SOURCE,
        place=place,
        recorded_fps=float(recorded_fps),
        fps=float(fps),
        units=units,
        basis=basis,
    )


def place(subject: str, sentence: str) -> tuple[str, str]:
    """Return split and emotion of a sentence, whoever speaks it."""
    return split_by_name(sentence, SHARES), "neutral"
