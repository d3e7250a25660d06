"""Rigs by name."""

import difflib
from importlib import import_module
from typing import Any

from distill.errors import UserError
from distill.protocols import Rig

RIGS = {
    "arkit": "distill.face.arkit",
    "ict": "distill.face.ict",
    "landmarks": "distill.face.landmarks",
    "vertices": "distill.face.vertices",
}
"""Modules by name, each with a `build_rig`: `arkit` and `landmarks` are made by code, the others
need a file of the user's."""


def load_rig(name: str, **kwargs: Any) -> Rig:
    """Return the rig called `name`; keyword arguments go to its builder (`path` for `ict`).

    Raises:
        UserError: No such rig, or its files are missing.
    """
    if name not in RIGS:
        near = difflib.get_close_matches(name, RIGS, 1, 0.0)[0]
        raise UserError(f"unknown rig {name!r}; did you mean {near!r}? (rigs: {', '.join(RIGS)})")
    return import_module(RIGS[name]).build_rig(**kwargs)
