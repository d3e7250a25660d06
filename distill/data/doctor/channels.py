"""Whether motion lies in the channels that it is named after.

Names can be compared with the rig. Where they agree, only the values tell: twins (`mouthSmileLeft`
and `mouthSmileRight`) move together, both eyes look the same way, lips open with the voice, and
points of a contour lie where the rig has them. A face that is mirrored altogether is a face again:
for curves, swapped sides show in names, in gaze and in jaw against mouth, and nowhere else.
"""

import numpy as np

from distill.data.doctor.alignment import SURE, Alignment, syllable_curve
from distill.data.doctor.finding import Finding, error, note, warning
from distill.data.doctor.points import (
    BY_CHANCE,
    by_chance,
    mirror_points,
    neighbour_findings,
    place_findings,
)
from distill.data.doctor.sample import Sample
from distill.data.doctor.values import LATERAL, is_positional
from distill.face.names import mirrored

MOVING = 1e-3
"""Standard deviation of a weight above which a channel tells something."""
TOGETHER, ENOUGH_S = 0.5, 30.0
CLOSE_S = 0.1


def channel_findings(sample: Sample, alignment: Alignment | None) -> list[Finding]:
    """Return shuffled channels and swapped sides, from names first, then from values."""
    found = _names(sample)
    if found or not sample.frames:
        return found
    if is_positional(sample):
        return place_findings(sample) or neighbour_findings(sample)
    return [*_twins(sample), *_gaze(sample), *_opening(sample, alignment)]


def swapped(name: str) -> str:
    """Return a channel name with its sides exchanged, whatever way it writes them."""
    other = mirrored(name)
    if other != name:
        return other
    for one, two in (("_l", "_r"), ("_L", "_R"), ("left", "right"), ("Left", "Right")):
        if one in name or two in name:
            return name.replace(one, "\0").replace(two, one).replace("\0", two)
    return name


def _mirrored_channels(sample: Sample) -> tuple[str, ...]:
    """Return the rig's channel names with the sides of the face exchanged."""
    names, rest = sample.rig.channels, sample.rig.neutral.cpu().double().numpy()
    if not is_positional(sample):
        return tuple(map(swapped, names))
    axes = len(names) // len(rest)
    return tuple(names[axes * i + axis] for i in mirror_points(rest) for axis in range(axes))


def _names(sample: Sample) -> list[Finding]:
    given, wanted = tuple(sample.corpus.channels), tuple(sample.rig.channels)
    if given == wanted:
        return []
    if given == _mirrored_channels(sample):
        return [
            error(
                "left_right_swapped",
                "all channels",
                "the corpus names left what the rig names right",
                "exchange the sides in the names, or take the rig's order of columns",
            )
        ]
    if set(given) == set(wanted):
        moved = [a for a, b in zip(given, wanted, strict=False) if a != b]
        sides = all(a in (b, swapped(b)) for a, b in zip(given, wanted, strict=True))
        return [
            error(
                "left_right_swapped" if sides else "shuffled_channels",
                moved,
                f"{len(moved)} channels of the corpus stand in another place than in the rig",
                "reorder the columns by name: rig.channels is the order",
            )
        ]
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    return [
        error(
            "wrong_channels",
            missing + extra,
            f"{len(missing)} channels of the rig are missing and {len(extra)} are unknown to it",
            "choose the rig that the motion was made for, or map the names",
        )
    ]


def _twins(sample: Sample) -> list[Finding]:
    """Compare how alike named twins move with how alike channels move in any other pairing."""
    names, motion = sample.names, sample.motion().astype(np.float64)
    moves = motion.std(0) > MOVING
    index = {name: i for i, name in enumerate(names)}
    pairs = [
        (i, index[mirrored(name)])
        for name, i in index.items()
        if name.endswith("Left") and not name.startswith(LATERAL) and mirrored(name) in index
    ]
    pairs = [(i, j) for i, j in pairs if moves[i] or moves[j]]
    if len(pairs) < 3 or moves.sum() < 6:
        return []
    alike = np.zeros((len(names), len(names)))
    used = np.flatnonzero(moves)
    alike[np.ix_(used, used)] = np.corrcoef(motion[:, used].T)
    left, right = np.array(pairs).T
    own = float(alike[left, right].mean())
    chance = by_chance(alike, np.union1d(np.concatenate([left, right]), used), len(left))
    if float((chance >= own).mean()) > BY_CHANCE and own < TOGETHER:
        return [
            error(
                "shuffled_channels",
                [names[i] for i in left],
                f"left and right of {len(pairs)} shapes move no more alike (mean r {own:.2f}) than "
                f"channels paired by chance (up to {np.quantile(chance, 0.99):.2f})",
                "match the columns to the names of the rig; they may be in alphabetical order",
            )
        ]
    odd = [names[i] for i, j in pairs if alike[i, j] < 0.2 * own]
    if odd and own > TOGETHER:
        message = f"left and right of {len(odd)} shapes move apart while the others move together"
        hint = "check the columns of these names"
        return [warning("odd_twins", odd, message, hint)]
    return [
        note(
            "sides_unchecked",
            "whole corpus",
            "a mirrored face is a face: where names agree with the rig, values of curves cannot "
            "tell left from right",
            "watch a clip in which the speaker looks or leans to one side",
        )
    ]


def _gaze(sample: Sample) -> list[Finding]:
    """Both eyes look to the same side (a law); jaw and mouth mostly lean to the same side."""
    if sample.frames < ENOUGH_S * sample.corpus.fps:
        return []
    index = {name: i for i, name in enumerate(sample.names)}
    motion = sample.motion().astype(np.float64)
    sides = (
        (error, "eyes", ("eyeLookInLeft", "eyeLookOutLeft"), ("eyeLookOutRight", "eyeLookInRight")),
        (warning, "jaw and mouth", ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")),
    )
    for kind, what, one, two in sides:
        if not {*one, *two} <= index.keys():
            continue
        a = motion[:, index[one[0]]] - motion[:, index[one[1]]]
        b = motion[:, index[two[0]]] - motion[:, index[two[1]]]
        if min(a.std(), b.std()) < 5 * MOVING:
            continue
        r = float(np.corrcoef(a, b)[0, 1])
        if r < -TOGETHER:
            return [
                kind(
                    "left_right_swapped",
                    what,
                    f"{what} lean to opposite sides (r {r:.2f}); in a face they go together",
                    "exchange Left and Right of one of them",
                )
            ]
    return []


def _opening(sample: Sample, alignment: Alignment | None) -> list[Finding]:
    """Look for a channel that follows the voice where the lips do not."""
    if alignment is None or alignment.belongs:
        return []
    silent = ("eye", "brow", "head")
    columns = [i for i, name in enumerate(sample.names) if name.startswith(silent)]
    sums = np.zeros(len(sample.kept))
    for reading in sample.moving:
        if reading.motion is None:
            continue
        for i in columns:
            channel = reading.motion[:, i].astype(np.float64)
            measured = syllable_curve(channel, reading.audio, sample.corpus.fps, CLOSE_S)
            if measured is not None:
                sums[i] += measured[1] * float(measured[0].max())
    score = sums / alignment.speech_s
    best = int(score.argmax())
    name, lips = sample.names[best], float(alignment.curve.max())
    if score[best] - lips < SURE * alignment.error:
        return []
    return [
        error(
            "shuffled_channels",
            name,
            f"{name} follows the voice (r {np.tanh(score[best]):.2f}) better than the lips do (r "
            f"{alignment.r:.2f})",
            "match the columns to the names of the rig",
        )
    ]
