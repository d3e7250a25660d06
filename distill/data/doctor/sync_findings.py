"""What the alignment of a sample says about it.

Limits of lag: ITU-R BT.1359 puts what viewers notice at 45 ms of early and 125 ms of late sound;
lips of a well-made corpus lie within two frames of the voice.
"""

import numpy as np

from distill.data.doctor.alignment import DISTINCT, RATES_HZ, RATIOS, SURE, Alignment
from distill.data.doctor.finding import Finding, error, note, warning
from distill.data.doctor.sample import Sample
from distill.data.doctor.values import mouth_is_stuck

LATE_S, TOO_LATE_S = 0.06, 0.1
ENOUGH_SPEECH_S, MUCH_SPEECH_S = 15.0, 45.0
LENGTH_S, LENGTH_SHARE = 0.1, 0.02
RATE_SHARE = 0.015
"""Two lengths that agree within this share name a frame rate (25 and 24 differ by 4 %)."""
ODD = 4.0
LIKELY = 2.0
"""Errors by which a rate must be better where lips follow their own voice, and not that of others,
only when they are read at it: sound of other clips fits no better at any rate."""


def sync_findings(sample: Sample, alignment: Alignment | None) -> list[Finding]:
    """Return wrong frame rate, or another clip's sound, or lag: the first that explains the rest;
    and lengths that disagree."""
    lengths = _lengths(sample)
    if lengths and lengths[0].name == "wrong_fps":
        return lengths
    if alignment is None or alignment.speech_s < ENOUGH_SPEECH_S:
        seconds = 0.0 if alignment is None else alignment.speech_s
        return [
            *lengths,
            note(
                "too_little_speech",
                f"{len(sample.moving)} clips",
                f"{seconds:.0f} s of speech with motion are too little to tell whether lips follow "
                f"the voice ({ENOUGH_SPEECH_S:.0f} s are needed)",
                "open more clips with clips=N if the corpus has them",
            ),
        ]
    return [*lengths, *(_rate(sample, alignment) or _belongs(sample, alignment) or _lag(alignment))]


def _lengths(sample: Sample) -> list[Finding]:
    """Compare how long sound and motion last, by the rate that the corpus states."""
    moving = [r for r in sample.moving if r.audio_s > 0]
    if not moving:
        return []
    audio_s = np.array([r.audio_s for r in moving])
    motion_s = np.array([r.motion_s for r in moving])
    frame_s = 1 / sample.corpus.fps
    limit_s = np.maximum(LENGTH_S, LENGTH_SHARE * audio_s) + frame_s
    off = np.abs(motion_s - audio_s) > limit_s
    if not off.any():
        return []
    where = [r.clip.id for r, bad in zip(moving, off, strict=True) if bad]
    ratio = float(np.median(motion_s / audio_s))
    steady = float(np.median(np.abs(motion_s / audio_s - ratio))) < RATE_SHARE
    rates = (*RATES_HZ, *(sample.corpus.fps * share for share in RATIOS))
    guess = min(rates, key=lambda rate: abs(rate / (sample.corpus.fps * ratio) - 1))
    near = abs(guess / (sample.corpus.fps * ratio) - 1) < RATE_SHARE
    if off.mean() > 0.5 and steady and near and abs(ratio - 1) > 2 * RATE_SHARE:
        return [
            error(
                "wrong_fps",
                where,
                f"motion lasts {ratio:.3g} times as long as its sound at {sample.corpus.fps:g} "
                f"frames per second, which fits {guess:g} frames per second",
                f"read the motion at {guess:g} frames per second and resample it",
            )
        ]
    worst = int(np.abs(motion_s - audio_s).argmax())
    kind = error if off.mean() > 0.5 and abs(ratio - 1) > 0.1 else warning
    return [
        kind(
            "length_mismatch",
            where,
            f"{int(off.sum())} of {len(moving)} clips differ in length from their sound, most "
            f"{moving[worst].clip.id}: motion {motion_s[worst]:.2f} s, sound {audio_s[worst]:.2f}",
            "cut both to the stretch they share, or look for files of another recording",
        )
    ]


def _rate(sample: Sample, alignment: Alignment) -> list[Finding]:
    stated = alignment.rates.get(sample.corpus.fps, 0.0)
    best = alignment.best_rate
    gain = (alignment.rates[best] - stated) / (np.sqrt(2) * alignment.error)
    enough = LIKELY if alignment.belongs_at_best and not alignment.belongs else SURE
    if best == sample.corpus.fps or gain < enough:
        return []
    return [
        error(
            "wrong_fps",
            "whole corpus",
            f"lips drift against the voice at {sample.corpus.fps:g} frames per second (r "
            f"{np.tanh(stated):.2f}) and follow it at {best:g} (r "
            f"{np.tanh(alignment.rates[best]):.2f})",
            f"the motion was taken at {best:g} frames per second: state that rate and resample",
        )
    ]


def _belongs(sample: Sample, alignment: Alignment) -> list[Finding]:
    if alignment.belongs:
        return _odd_clips(alignment)
    if mouth_is_stuck(sample):
        return [
            note(
                "lips_not_compared",
                "whole corpus",
                "whether lips follow their own voice cannot be told while channels of the mouth "
                "stand still",
                "mend these channels first, then run the doctor again",
            )
        ]
    kind = (
        error if alignment.speech_s >= MUCH_SPEECH_S and alignment.distinct <= DISTINCT else warning
    )
    return [
        kind(
            "audio_of_another_clip",
            "whole corpus",
            f"lips follow the sound of their own clip (r {alignment.r:.2f}) no better than that of "
            f"other clips (r {np.tanh(alignment.other.max()):.2f}): {alignment.distinct:.1f} "
            f"standard errors, {DISTINCT:g} are expected",
            "check that sound and motion files are paired by name, not by order, and that channels "
            "are in the order of the rig",
        )
    ]


def _odd_clips(alignment: Alignment) -> list[Finding]:
    """Name clips whose lips do not follow their sound where those of the others do."""
    middle = float(np.median(alignment.own))
    spread = 1.4826 * float(np.median(np.abs(alignment.own - middle)))
    limit = middle - ODD * np.maximum(spread, alignment.own_error)
    odd = (alignment.own < limit) & (alignment.own < alignment.own_error)
    if not odd.any():
        return []
    names = [name for name, bad in zip(alignment.ids, odd, strict=True) if bad]
    kind = error if odd.mean() > 0.1 else warning
    return [
        kind(
            "audio_of_another_clip",
            names,
            f"lips of {len(names)} clips do not follow their sound (r below "
            f"{np.tanh(alignment.own[odd].max()):.2f}) while those of the others do (r "
            f"{np.tanh(middle):.2f})",
            "listen to these clips; their sound may belong to another one",
        )
    ]


def _lag(alignment: Alignment) -> list[Finding]:
    sure_s = abs(alignment.lag_s) - 2 * alignment.lag_error_s
    if sure_s <= LATE_S:
        return []
    kind = error if sure_s > TOO_LATE_S else warning
    side = "late" if alignment.lag_s > 0 else "early"
    shift = "earlier" if alignment.lag_s > 0 else "later"
    return [
        kind(
            "motion_shifted",
            "whole corpus",
            f"motion is {1000 * abs(alignment.lag_s):.0f} ms {side} (error "
            f"{1000 * alignment.lag_error_s:.0f} ms, over {alignment.speech_s:.0f} s of speech; up "
            f"to {1000 * TOO_LATE_S:.0f} ms passes)",
            f"take motion {1000 * abs(alignment.lag_s):.0f} ms {shift}, or trim the sound",
        )
    ]
