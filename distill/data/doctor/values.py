"""Whether the numbers can be what they are called: finite, moving, and in the rig's units."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool

from distill.audio.sync import log_envelope_db
from distill.data.doctor.finding import Finding, error, named, note, warning
from distill.data.doctor.sample import Reading, Sample
from distill.face.names import ARKIT_52, HEAD, mirrored

STILL, MUCH = 1e-6, 0.1
"""A channel whose values span no more does not move; one that spans more than the other does."""
LATERAL = ("jaw", "mouthLeft", "mouthRight", "eyeLookIn", "eyeLookOut")
"""Channels whose twin moves when they do not."""
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
MOUTH_WIDTH_MM = (20.0, 120.0)
"""Lips of any human head are 35 to 70 mm wide."""
LEAST_RANGE, SMALL_RANGE, MOST_RANGE = 0.01, 0.03, 2.0
"""Range of the lip gap as a share of the mouth's width: speech takes 0.1 to 0.5, a yawn 1."""
SIZE_RANGE = (0.4, 2.5)
WEIGHT_RANGE, MOST_WEIGHT = (-0.05, 1.5), 2.5
MOST_ANGLE_RAD = 3.2
CLIPPED_SHARE, FULL_SCALE = 1e-4, 0.999
SILENT_PEAK, SPEECH_DB, SPEECH_S = 1e-3, 30.0, 1.0


def value_findings(sample: Sample) -> list[Finding]:
    """Return what is wrong with the values of motion and sound."""
    found = [*_unusable(sample), *_sound(sample.readings)]
    if sample.frames:
        found += [*_still(sample), *_frozen(sample), *_weights(sample), *_sizes(sample)]
    return found


def _unusable(sample: Sample) -> list[Finding]:
    found = []
    if sample.unreadable:
        name, sentence = next(iter(sample.unreadable.items()))
        found.append(
            error(
                "unreadable",
                list(sample.unreadable),
                f"{len(sample.unreadable)} clips cannot be opened; {name}: {sentence}",
                "copy the files again, or leave these clips out",
            )
        )
    if sample.misshapen:
        name, width = next(iter(sample.misshapen.items()))
        found.append(
            error(
                "wrong_channels",
                list(sample.misshapen),
                f"motion of {name} has {width} channels, rig {sample.rig.name!r} has "
                f"{len(sample.rig.channels)}",
                "choose the rig that the motion was made for with rig=NAME",
            )
        )
    if sample.broken:
        channels = list(dict.fromkeys(name for names in sample.broken.values() for name in names))
        found.append(
            error(
                "not_finite",
                list(sample.broken),
                f"{len(sample.broken)} clips hold NaN or infinite values in {named(channels)}",
                "drop these frames or fill them from their neighbours before training",
            )
        )
    return found


def _still(sample: Sample) -> list[Finding]:
    """Channels that never move: an error where they must, a note where a whole group is still."""
    names, rig = sample.rig.channels, sample.rig
    still = _still_channels(sample)
    if not still.any():
        return []
    if still.all():
        hint = "check that the reader fills the array that it returns"
        return [error("constant_channels", "all channels", "no channel ever moves", hint)]
    stuck = stuck_channels(sample)
    wanted: list[int] = []
    for group in () if is_positional(sample) else rig.groups.values():
        own = group.cpu().numpy()
        if len(own) and not still[own].all():
            wanted += [i for i in own if still[i] and i not in stuck]
    rest = [i for i in np.flatnonzero(still) if i not in stuck and i not in wanted]
    hint = "check the names and the order of the columns that the reader takes"
    return [
        kind("constant_channels", [names[i] for i in sorted(chosen)], message, text)
        for kind, chosen, message, text in (
            (error, stuck, f"{len(stuck)} channels that should move are constant: away from zero, "
             "or while their other side or the rest of the face moves", hint),
            (warning, wanted, f"{len(wanted)} channels are constant while others of their part of "
             "the face move", "leave it if the capture has no such shapes; otherwise " + hint),
            (note, rest, f"{len(rest)} channels are constant, whole parts of the face among them",
             "nothing to do if only the mouth was captured"),
        )
        if chosen
    ]  # fmt: skip


def _still_channels(sample: Sample) -> Bool[np.ndarray, " D"]:
    return sample.high - sample.low <= STILL


def stuck_channels(sample: Sample) -> set[int]:
    """Return the channels that stand still although they should move, by number."""
    still = _still_channels(sample)
    return _stuck_points(sample, still) if is_positional(sample) else _stuck_curves(sample, still)


def mouth_is_stuck(sample: Sample) -> bool:
    """Whether a channel of the mouth stands still that should move: how lips open says little."""
    return not stuck_channels(sample).isdisjoint(sample.rig.groups["mouth"].tolist())


def _stuck_curves(sample: Sample, still: np.ndarray) -> set[int]:
    """Curves held away from zero (a head may be), held while their twin moves, and the jaw's."""
    names, index = sample.rig.channels, {n: i for i, n in enumerate(sample.rig.channels)}
    span = sample.high - sample.low
    stuck = set()
    for i in np.flatnonzero(still).tolist():
        twin = index.get(mirrored(names[i]), i)
        one_sided = span[twin] > MUCH and not names[i].startswith(LATERAL)
        held = abs(sample.low[i]) > STILL and names[i] not in HEAD
        if one_sided or held or names[i] == "jawOpen":
            stuck.add(i)
    return stuck


def _stuck_points(sample: Sample, still: np.ndarray) -> set[int]:
    """Coordinates of lip points that stand still while those of other lip points move."""
    axes = len(still) // len(sample.rig.neutral)
    lips = sample.rig.lips.cpu().numpy()
    stuck = set()
    for axis in range(axes):
        own = axes * lips + axis
        if len(own) and not still[own].all():
            stuck |= {int(i) for i in own if still[i]}
    return stuck


def is_positional(sample: Sample) -> bool:
    """Whether the rig's channels are coordinates of its vertices."""
    return len(sample.rig.channels) in (2 * len(sample.rig.neutral), 3 * len(sample.rig.neutral))


def _frozen(sample: Sample) -> list[Finding]:
    """Clips whose face never moves although they hold speech."""
    loud = {id(r): log_envelope_db(r.audio, len(r.gap), sample.corpus.fps) for r in sample.moving}
    if not loud:
        return []
    level_db = float(np.percentile(np.concatenate(list(loud.values())), 95)) - SPEECH_DB
    frozen = [
        r.clip.id
        for r in sample.moving
        if r.motion is not None
        and np.ptp(r.motion, axis=0).max() <= STILL
        and (loud[id(r)] > level_db).sum() / sample.corpus.fps > SPEECH_S
    ]
    if not frozen or len(frozen) == len(sample.moving):
        return []
    kind = error if len(frozen) > 0.1 * len(sample.moving) else warning
    message = f"the face of {len(frozen)} clips never moves although they hold speech"
    return [kind("frozen_clips", frozen, message, "leave these clips out")]


def _weights(sample: Sample) -> list[Finding]:
    """Shape weights lie in [0, 1]; head rotation is in radians."""
    names = sample.rig.channels
    shapes = np.array([name in ARKIT_52 for name in names])
    angles = np.array([name in HEAD for name in names])
    found = []
    if shapes.any():
        low, high = sample.low[shapes], sample.high[shapes]
        outside = (low < WEIGHT_RANGE[0]) | (high > WEIGHT_RANGE[1])
        if outside.any():
            where = [n for n, bad in zip(np.array(names)[shapes], outside, strict=True) if bad]
            far = high.max() > MOST_WEIGHT or low.min() < -0.5
            percent = 20 < high.max() <= 150
            kind = error if far else warning
            hint = (
                "divide by 100: these look like percent"
                if percent
                else "check the columns and the unit of the weights"
            )
            found.append(
                kind(
                    "wrong_units" if high.max() > MOST_WEIGHT else "weights_out_of_range",
                    where,
                    f"weights span {low.min():.3g} to {high.max():.3g}; shapes take 0 to 1",
                    hint,
                )
            )
    if angles.any() and np.abs([sample.low[angles], sample.high[angles]]).max() > MOST_ANGLE_RAD:
        most = float(np.abs([sample.low[angles], sample.high[angles]]).max())
        message = f"head rotation reaches {most:.3g}; a head turns by at most {MOST_ANGLE_RAD} rad"
        found.append(error("wrong_units", HEAD, message, "convert degrees to radians"))
    return found


def _sizes(sample: Sample) -> list[Finding]:
    """Compare the face and the opening of its lips with the rig at rest."""
    rig, found = sample.rig, []
    lips = (rig.lips if len(rig.lips) else rig.lip_pairs.flatten()).cpu()
    if not len(lips) or not len(rig.lip_pairs):
        return []
    width = float(np.ptp(rig.neutral.cpu().numpy()[lips.numpy(), 0]))
    width_mm = width * MM_PER_UNIT.get(rig.units, float("nan"))
    if not np.isnan(width_mm) and not MOUTH_WIDTH_MM[0] < width_mm < MOUTH_WIDTH_MM[1]:
        found.append(
            error(
                "wrong_units",
                f"rig {rig.name}",
                f"the rig's mouth is {width_mm:.3g} mm wide; a head's is 35 to 70 mm",
                f"{_factor(width_mm / 50)} the rig's lengths, or state their unit",
            )
        )
    with torch.no_grad():
        mean = rig.to_vertices(torch.from_numpy(sample.mean.astype(np.float32)).to(rig.neutral))
    size = float(
        np.ptp(mean.cpu().numpy(), axis=0).max() / np.ptp(rig.neutral.cpu().numpy(), axis=0).max()
    )
    low, high = gap_range(sample)
    share = (high - low) / max(width, 1e-12)
    if not SIZE_RANGE[0] < size < SIZE_RANGE[1]:
        message = f"the mean face is {size:.3g} times as large as the rig at rest"
        found.append(error("wrong_units", "motion", message, f"{_factor(size)} the motion"))
    elif share > MOST_RANGE or (share < LEAST_RANGE and high > low):
        message = (
            f"the lip gap spans {high - low:.3g} {rig.units} beside a mouth {width:.3g} "
            f"{rig.units} wide; speech opens lips by a tenth to a half of that"
        )
        found.append(error("wrong_units", "motion", message, f"{_factor(share / 0.25)} the motion"))
    elif high == low:
        message = "the lips never open or close although the face moves"
        hint = "check the order of the channels"
        found.append(error("small_motion", "motion", message, hint))
    elif share < SMALL_RANGE:
        message = f"the lip gap spans only {high - low:.3g} {rig.units}; speech spans more"
        hint = "check the order of the channels, and that the speaker speaks"
        found.append(warning("small_motion", "motion", message, hint))
    return found


def gap_range(sample: Sample) -> tuple[float, float]:
    """Return the 1st and 99th percentile of the lip gap, in rig units."""
    gaps = np.concatenate([reading.gap for reading in sample.moving])
    low, high = np.percentile(gaps, (1, 99))
    return float(low), float(high)


def _factor(times_too_large: float) -> str:
    """Say what brings a length back, by the nearest power of ten."""
    power = round(float(np.log10(max(times_too_large, 1e-9))))
    if power == 3:
        return "divide by 1000 (millimetres read as metres)"
    if power == -3:
        return "multiply by 1000 (metres read as millimetres)"
    if power == 0:
        return "rescale"
    return f"divide by {10**power}" if power > 0 else f"multiply by {10**-power}"


def _sound(readings: Sequence[Reading]) -> list[Finding]:
    found = []
    clipped = [r.clip.id for r in readings if clipped_share(r.audio) > CLIPPED_SHARE]
    silent = [r.clip.id for r in readings if np.abs(r.audio).max(initial=0.0) < SILENT_PEAK]
    if clipped:
        message = f"the sound of {len(clipped)} of {len(readings)} clips is clipped at full scale"
        hint = "take recordings of lower gain if there are any"
        found.append(warning("clipped_audio", clipped, message, hint))
    if silent:
        kind = error if len(silent) > 0.5 * len(readings) else warning
        message = f"{len(silent)} of {len(readings)} clips are silent"
        found.append(kind("silent_audio", silent, message, "check the channel of the sound"))
    return found


def clipped_share(audio: np.ndarray) -> float:
    """Return the share of samples that lie at full scale next to another such sample."""
    full = np.abs(audio) >= FULL_SCALE
    return float((full[1:] & full[:-1]).mean()) if len(audio) > 1 else 0.0
