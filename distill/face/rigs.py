"""Rigs by name."""

import difflib
from collections.abc import Callable
from typing import Any

from distill.errors import UserError
from distill.protocols import Rig


def _arkit(**kwargs: Any) -> Rig:
    from distill.face.arkit import build_rig

    return build_rig(**kwargs)


def _ict(**kwargs: Any) -> Rig:
    from distill.face.ict import build_rig

    return build_rig(**kwargs)


def _mesh(**kwargs: Any) -> Rig:
    from distill.face.mesh_rig import build_rig

    return build_rig(**kwargs)


RIGS: dict[str, Callable[..., Rig]] = {"arkit": _arkit, "ict": _ict, "mesh": _mesh}
"""Builders by name: `arkit` is made by code, `ict` needs the user's copy of ICT-FaceKit,
`mesh` a file that `python -m distill.retarget` wrote."""


def load_rig(name: str, **kwargs: Any) -> Rig:
    """Return the rig called `name`; keyword arguments go to its builder (`path` for `ict`).

    Raises:
        UserError: No such rig, or its files are missing.
    """
    if name not in RIGS:
        near = difflib.get_close_matches(name, RIGS, 1, 0.0)[0]
        raise UserError(f"unknown rig {name!r}; did you mean {near!r}? (rigs: {', '.join(RIGS)})")
    return RIGS[name](**kwargs)
