"""Rigs by name."""

import difflib
from importlib import import_module
from typing import Any

from distill.errors import UserError
from distill.protocols import Rig

RIGS = {
    "arkit": "distill.face.arkit",
    "flame": "distill.face.flame",
    "ict": "distill.face.ict",
    "landmarks": "distill.face.landmarks",
    "mesh": "distill.face.mesh_rig",
    "vertices": "distill.face.vertices",
}
"""Modules by name, each with a `build_rig`: `arkit` and `landmarks` are made by code, `flame` and
`ict` need the user's copy of their model, `mesh` a file of `python -m distill.retarget`, `vertices`
one of `python -m distill.data basis`."""


def load_rig(name: str, **kwargs: Any) -> Rig:
    """Return the rig called `name`; keyword arguments, `path` and more, go to its builder.

    Raises:
        UserError: No such rig, or its files are missing.
    """
    if name not in RIGS:
        near = difflib.get_close_matches(name, RIGS, 1, 0.0)[0]
        raise UserError(f"unknown rig {name!r}; did you mean {near!r}? (rigs: {', '.join(RIGS)})")
    return import_module(RIGS[name]).build_rig(**kwargs)
