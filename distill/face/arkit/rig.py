"""The `arkit` rig: displacement of every vertex of the procedural head under every channel."""

from functools import lru_cache

import numpy as np
import torch

from distill.face.arkit import fields, head, upper
from distill.face.arkit.curves import Array
from distill.face.arkit.head import Head, build_head
from distill.face.arkit.landmarks import landmark_vertices
from distill.face.arkit.layout import LIP_T, SLIT_X
from distill.face.linear import LinearRig, channel_groups
from distill.face.names import ARKIT_CHANNELS, mirrored

FLIP = np.array([-1.0, 1.0, 1.0])


def _sided(mesh: Head, left: dict[str, Array], middle: dict[str, Array]) -> dict[str, Array]:
    """Add the mirror images of left shapes."""
    right = {mirrored(name): field[mesh.mirror] * FLIP for name, field in left.items()}
    return {**left, **right, **middle}


def jaw_shift(mesh: Head, place: fields.Place, shift: tuple[float, float, float]) -> Array:
    """Slide the jaw with lower teeth and tongue (V 3)."""
    field = np.zeros_like(mesh.rest)
    field[: len(place.x)] = fields.jaw_weight(place)[:, None] * np.array(shift)
    field[np.isin(mesh.part, (head.TEETH_LOWER, head.TONGUE))] = shift
    return field


def tongue_out(mesh: Head) -> Array:
    """Put the tongue out between the lips and over the lower one (V 3)."""
    field = np.zeros_like(mesh.rest)
    tongue = mesh.part == head.TONGUE
    along = (mesh.rest[tongue, 2] - 36.0) / 43.0
    field[tongue] = np.stack([0 * along, 7 * along - 13 * along**4, 34 * along], -1)
    return field


def shapes(mesh: Head) -> dict[str, Array]:
    """Displacement field of every ARKit shape (V 3)."""
    points, count = mesh.points, len(mesh.points.x)
    rest = mesh.rest[:count]
    place = fields.place(points, rest)

    def whole(values: Array) -> Array:
        return np.concatenate([values, np.zeros((len(mesh.rest) - count, 3))])

    left = {n: whole(make(place)) for n, make in fields.LEFT.items()}
    left |= {n: whole(make(points, rest)) for n, make in upper.LEFT.items()}
    ball = mesh.part == head.EYE_LEFT
    for name, make in upper.EYEBALL.items():
        left.setdefault(name, np.zeros_like(mesh.rest))[ball] = make(mesh.rest[ball])
    left["jawLeft"] = jaw_shift(mesh, place, (8.0, 0.0, 0.0))
    left["eyeBlinkLeft"][mesh.part == head.LIGHT_LEFT] = (0.0, 0.0, -3.0)
    middle = {n: whole(make(place)) for n, make in fields.MIDDLE.items()}
    middle |= {n: whole(make(points, rest)) for n, make in upper.MIDDLE.items()}
    middle["jawForward"] = jaw_shift(mesh, place, (0.0, 0.0, 6.0))
    for part, share in ((head.TEETH_LOWER, 1.0), (head.TONGUE, 0.92)):
        own = mesh.part == part
        middle["jawOpen"][own] = share * fields.jaw_turn(mesh.rest[own])
    middle["tongueOut"] = tongue_out(mesh)
    return _sided(mesh, left, middle)


def regions(mesh: Head) -> tuple[Array, Array, Array]:
    """Indices of lip vertices, of eyes-and-forehead vertices and of inner lip pairs."""
    p, rest = mesh.points, mesh.rest
    count = len(p.x)
    part = mesh.part[:count]
    lips = np.flatnonzero((p.lip >= 0) & (p.lip <= LIP_T[-1]) & (part == head.SKIN))
    bare = (p.v > -11) & (p.v < 58) & (np.abs(p.x) < 62) & (np.cos(p.theta) > 0.2)
    face = np.flatnonzero(bare & (p.lip > 2))
    slit = np.flatnonzero((p.lip == 0) & (p.side > 0) & (np.abs(p.x) < 0.62 * SLIT_X))
    low = np.flatnonzero((p.lip == 0) & (p.side < 0))
    facing = low[np.abs(rest[slit, 0][:, None] - rest[low, 0]).argmin(1)]
    return lips, face, np.stack([slit, facing], 1)


@lru_cache(maxsize=1)
def build_rig() -> LinearRig:
    """Build the head, once per process."""
    mesh = build_head()
    made = shapes(mesh)
    basis = np.zeros((len(ARKIT_CHANNELS), *mesh.rest.shape))
    for i, name in enumerate(ARKIT_CHANNELS):
        if name in made:
            basis[i] = made[name]
    lips, face, pairs = regions(mesh)
    close, jaw = ARKIT_CHANNELS.index("mouthClose"), ARKIT_CHANNELS.index("jawOpen")
    return LinearRig(
        name="arkit",
        channels=ARKIT_CHANNELS,
        groups=channel_groups(ARKIT_CHANNELS),
        neutral=torch.tensor(mesh.rest).float(),
        triangles=torch.tensor(np.ascontiguousarray(mesh.faces)).long(),
        lips=torch.tensor(lips),
        upper=torch.tensor(face),
        lip_pairs=torch.tensor(pairs),
        basis=torch.tensor(basis).float(),
        colors=torch.tensor(mesh.colors).float(),
        pivot=torch.tensor([0.0, -80.0, -10.0]),
        view=(-12.0, 262.0),
        capped=((close, jaw, 1.0),),
        landmarks=torch.tensor(landmark_vertices(mesh)),
    )
