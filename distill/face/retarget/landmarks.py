"""Named points of a face, as a user gives them: a few of the 68 Multi-PIE landmarks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from distill.errors import UserError
from distill.face.retarget.surface import Points
from distill.storage import read_json

NAMES: dict[str, int] = {
    "chin": 8, "browOuterRight": 17, "browInnerRight": 21, "browInnerLeft": 22,
    "browOuterLeft": 26, "noseBridge": 27, "noseTip": 30, "nostrilRight": 31, "noseBase": 33,
    "nostrilLeft": 35, "eyeOuterRight": 36, "eyeInnerRight": 39, "eyeInnerLeft": 42,
    "eyeOuterLeft": 45, "mouthRight": 48, "lipTop": 51, "mouthLeft": 54, "lipBottom": 57,
    "lipInnerTop": 62, "lipInnerBottom": 66,
}  # fmt: skip
"""Names and their Multi-PIE numbers; Left and Right are the character's. Numbers work as well."""
LEAST = 6
FLAT = 0.02

Marks = tuple[Int[np.ndarray, " K"], Float[np.ndarray, "K 3"]]
"""Multi-PIE numbers and the places of the landmarks on the target."""


def read_landmarks(path: str | Path, points: Points) -> Marks:
    """Read a JSON file of landmarks; see `marks_of`."""
    found = read_json(Path(path))
    if not isinstance(found, dict):
        raise UserError(f'{path} must be a JSON object such as {{"noseTip": 120, "chin": 88}}')
    return marks_of(found, points)


def marks_of(found: Mapping[str, Any], points: Points) -> Marks:
    """Return landmarks given as name (or Multi-PIE number) to vertex index or position.

    Args:
        found: Such as `{"noseTip": 120, "chin": [0.0, -8.1, 9.9]}`.
        points: Vertices of the mesh (V 3), in whose units positions are.

    Raises:
        UserError: Fewer than `LEAST`, an unknown name, a vertex that is not there, or landmarks
            on one line.
    """
    if len(found) < LEAST:
        raise UserError(
            f"{len(found)} landmarks are too few to place a face; give at least {LEAST}, such as "
            f"{', '.join(list(NAMES)[:3])}, ... or none, and they are searched for"
        )
    numbers = [_number(name) for name in found]
    places = np.array([_place(name, value, points) for name, value in found.items()])
    spread = np.linalg.svd(places - places.mean(0), compute_uv=False)
    if spread[1] < FLAT * spread[0]:
        raise UserError("the landmarks lie on one line; add some beside it, such as eye corners")
    return np.array(numbers), places


def _number(name: str) -> int:
    if name in NAMES:
        return NAMES[name]
    if name.isdigit() and int(name) < 68:
        return int(name)
    raise UserError(f"unknown landmark {name!r}; use 0 to 67 or one of {', '.join(NAMES)}")


def _place(name: str, value: Any, points: Points) -> Float[np.ndarray, " 3"]:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(points):
            raise UserError(f"landmark {name!r} is vertex {value}, but the mesh has {len(points)}")
        return np.asarray(points[value])
    try:
        place = np.array(value, float)
    except (TypeError, ValueError):
        place = np.zeros(0)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise UserError(f"landmark {name!r} must be a vertex index or [x, y, z], not {value!r}")
    return place
