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


def _flame(**kwargs: Any) -> Rig:
    from distill.face.flame import build_rig

    return build_rig(**kwargs)


def _vertices(**kwargs: Any) -> Rig:
    from distill.face.vertices import build_rig

    return build_rig(**kwargs)


RIGS: dict[str, Callable[..., Rig]] = {
    "arkit": _arkit,
    "ict": _ict,
    "flame": _flame,
    "vertices": _vertices,
}
"""Builders by name: `arkit` is made by code, `ict` and `flame` need the user's copy of their model,
`vertices` a file made from a corpus."""


def load_rig(name: str, **kwargs: Any) -> Rig:
    """Return the rig called `name`; keyword arguments, `path` and more, go to its builder.

    Raises:
        UserError: No such rig, or its files are missing.
    """
    if name not in RIGS:
        near = difflib.get_close_matches(name, RIGS, 1, 0.0)[0]
        raise UserError(f"unknown rig {name!r}; did you mean {near!r}? (rigs: {', '.join(RIGS)})")
    return RIGS[name](**kwargs)
