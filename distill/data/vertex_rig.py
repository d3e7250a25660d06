"""From a corpus of vertices to the file of its rig."""

from pathlib import Path

import numpy as np

from distill.data.components import fit_components
from distill.data.corpus import motions, split
from distill.data.readers.vertices import VertexCorpus
from distill.data.regions import facing_pairs, read_region, read_triangles
from distill.face.vertices import VertexModel

LIPS, UPPER = "lips", "forehead+eye_region"
"""Regions of FLAME's masks."""


def model_of(
    corpus: VertexCorpus,
    components: int,
    *,
    mesh: Path | None = None,
    lips: str | None = None,
    upper: str | None = None,
) -> VertexModel:
    """Fit the rig of a corpus that is opened without one, on its training motion alone.

    Its face at rest is the mean of the training speakers' own. `components` of 0 keeps vertices;
    regions that are not given stay empty.

    Raises:
        UserError: A file does not fit the corpus, or it has too little motion.
    """
    train = split(corpus, "train")
    neutral = np.mean([corpus.templates[name] for name in {c.speaker for c in train}], 0)
    nothing, count = np.zeros(0, np.int64), len(neutral)
    lip_index = nothing if lips is None else read_region(lips, count, LIPS)
    upper_index = nothing if upper is None else read_region(upper, count, UPPER)
    triangles = nothing.reshape(0, 3) if mesh is None else read_triangles(mesh, count)
    flat, explained = fit_components(motions(corpus, train), max(components, 1))
    basis = flat.reshape(len(flat), count, 3)
    return VertexModel(
        neutral=neutral.astype(np.float32),
        triangles=triangles,
        lips=lip_index,
        upper=upper_index,
        lip_pairs=facing_pairs(neutral, lip_index, basis[0]),
        basis=basis if components else None,
        explained=explained if components else None,
    )
