"""Whether motion belongs to its sound: lag, frame rate, and the sound of other clips.

Lips open and close with syllables, four to eight times a second, and so does the loudness of the
voice. Both curves lose what changes slower than that, since speech between two pauses makes any
two clips look alike. What is left correlates at one lag only, and hardly with other clips.

Loudness has about one independent value per quarter of a second, so the error of a correlation
over n of them is 1/sqrt(n) in Fisher's z; all limits below count in that error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from distill.audio.sync import FLOOR_DB, log_envelope_db, peak, pearson, speech_mask
from distill.data.doctor.sample import Sample, takes
from distill.types import SAMPLE_RATE_HZ

SYLLABLE_S = 0.2
REACH_S = 0.6
SEARCH_S = 0.3
"""Lags within which another frame rate or another clip may find its best."""
INDEPENDENT_S = 0.25
RATES_HZ = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 90.0, 100.0, 120.0)
RATIOS = (5 / 6, 1.0, 6 / 5)
"""Of the rate that is stated: 25 taken for 30, as it is, 30 taken for 25."""
OTHERS = (1, 3, 7)
"""Places further on in the sample whose sound each clip is compared with."""
SURE = 5.0
"""Errors that a correlation must lie above zero, or one rate above another, to be believed."""
DISTINCT = 4.0
"""Errors by which own sound must fit better than others'; chance gives 4 once in 30,000 times."""

Pair = tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]
"""Opening of the lips and sound of a stretch."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Alignment:
    """How motion follows sound over a sample.

    Attributes:
        lags_s: Lags looked at; positive means that motion is late.
        curve: Mean Fisher z at every lag, at the frame rate that the corpus states.
        other: The same with the sound of other clips.
        error: Error of `curve`, in Fisher's z.
        lag_s: Lag of the peak.
        lag_error_s: Its error, from leaving out a tenth of the clips at a time.
        rates: Fisher's z at the best lag for every frame rate that motion might have.
        best_rate: The rate of the largest of them.
        distinct_at_best: `distinct` with motion read at that rate.
        advantage: How far each clip's own sound fits better than others', in Fisher's z.
        own: Fisher's z of each clip at the best lag.
        own_error: Its error.
        ids: Names of those clips.
        speech_s: Seconds of speech compared.
    """

    lags_s: Float[np.ndarray, " L"]
    curve: Float[np.ndarray, " L"]
    other: Float[np.ndarray, " L"]
    error: float
    lag_s: float
    lag_error_s: float
    rates: dict[float, float]
    best_rate: float
    distinct_at_best: float
    advantage: Float[np.ndarray, " N"]
    own: Float[np.ndarray, " N"]
    own_error: Float[np.ndarray, " N"]
    ids: tuple[str, ...]
    speech_s: float

    @property
    def r(self) -> float:
        """Correlation at the peak."""
        return float(np.tanh(self.curve.max()))

    @property
    def confidence(self) -> float:
        """How many errors the peak lies above zero."""
        return float(self.curve.max() / self.error)

    @property
    def distinct(self) -> float:
        """How many errors a clip's own sound fits better than the sound of others."""
        return _in_errors(self.advantage)

    @property
    def belongs(self) -> bool:
        """Whether lips follow their own sound, and better than that of others."""
        return self.confidence > SURE and self.distinct > DISTINCT

    @property
    def belongs_at_best(self) -> bool:
        """Whether they do when motion is read at the rate that fits best."""
        return self.rates[self.best_rate] > SURE * self.error and self.distinct_at_best > DISTINCT


def syllables(
    curve: Float[np.ndarray, " F"], fps: float, s: float = SYLLABLE_S
) -> Float[np.ndarray, " F"]:
    """Return what of a curve changes at the rate of syllables."""
    return curve - gaussian_filter1d(curve, s * fps, mode="nearest")


def syllable_curve(
    gap: Float[np.ndarray, " F"], audio: Float[np.ndarray, " S"], fps: float, reach_s: float
) -> tuple[np.ndarray, float] | None:
    """Return Fisher's z of lip gap against loudness at every lag, and the seconds of speech.

    None where there is too little speech, no motion, or a value that is no number.
    """
    reach = round(reach_s * fps)
    frames = min(len(gap), int(len(audio) * fps / SAMPLE_RATE_HZ))
    if frames < 2 * reach + fps or not np.isfinite(gap).all():
        return None
    loud = log_envelope_db(audio, frames, fps)
    speech = np.flatnonzero(speech_mask(loud, fps))
    loud = np.maximum(loud, np.percentile(loud, 95) - FLOOR_DB)
    loud, opened = syllables(loud, fps), syllables(gap[:frames], fps)
    lags = range(-reach, reach + 1)
    kept = [speech[(speech + lag >= 0) & (speech + lag < frames)] for lag in lags]
    found = np.array(
        [pearson(loud[at], opened[at + lag]) for lag, at in zip(lags, kept, strict=True)]
    )
    if not np.isfinite(found).all():
        return None
    return np.arctanh(found.clip(-0.99, 0.99)), len(speech) / fps


def measure_alignment(sample: Sample) -> Alignment | None:
    """Compare lips and voice of a sample; None where no clip has enough speech."""
    fps = sample.corpus.fps
    readings = sample.moving
    measured = [(i, syllable_curve(r.gap, r.audio, fps, REACH_S)) for i, r in enumerate(readings)]
    found = [(i, *m) for i, m in measured if m is not None and m[1] > INDEPENDENT_S]
    if not found:
        return None
    curves, speech_s = np.array([m[1] for m in found]), np.array([m[2] for m in found])
    curve = np.average(curves, axis=0, weights=speech_s)
    best = int(curve.argmax())
    others = _others([(readings[i].gap, readings[i].audio) for i, *_ in found], fps, REACH_S)
    rates = _rates(sample)
    best_rate = max(rates, key=lambda rate: rates[rate], default=fps)
    other = np.average(others.mean(0), axis=0, weights=speech_s)
    return Alignment(
        lags_s=(np.arange(len(curve)) - len(curve) // 2) / fps,
        curve=curve,
        other=other,
        error=float(np.sqrt(INDEPENDENT_S / speech_s.sum())),
        lag_s=peak(curve) / fps,
        lag_error_s=_lag_error_s(curves, speech_s, fps),
        rates=rates or {fps: 0.0},
        best_rate=best_rate,
        distinct_at_best=_distinct_at(sample, best_rate),
        advantage=curves[:, best] - _best(others, speech_s).mean(0),
        own=curves[:, best],
        own_error=np.sqrt(INDEPENDENT_S / speech_s),
        ids=tuple(readings[m[0]].clip.id for m in found),
        speech_s=float(speech_s.sum()),
    )


def _others(pairs: Sequence[Pair], fps: float, reach_s: float) -> np.ndarray:
    """Return curves (other, clip, lag) of each clip's lips with sound of other clips."""
    out = np.zeros((len(OTHERS), len(pairs), 2 * round(reach_s * fps) + 1))
    for row, step in enumerate(OTHERS):
        for column, (gap, _) in enumerate(pairs):
            sound = pairs[(column + step) % len(pairs)][1]
            found = syllable_curve(gap, sound, fps, reach_s)
            if found is not None:
                out[row, column] = found[0]
    return out


def _in_errors(values: Float[np.ndarray, " N"]) -> float:
    """Return how many of its errors the mean of independent values lies above zero."""
    if len(values) < 2:
        return 0.0
    return float(values.mean()) / max(float(values.std(ddof=1)) / len(values) ** 0.5, 1e-9)


def _best(others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the curves (other, clip) at the lag where each set of others fits best: own sound
    was allowed to choose its lag too."""
    return np.stack([row[:, np.average(row, axis=0, weights=weights).argmax()] for row in others])


def _distinct_at(sample: Sample, rate: float) -> float:
    """Return how many errors own sound fits better than others' with motion read at a rate."""
    fps = sample.corpus.fps
    pairs = [(at_other_rate(gap, rate / fps), audio) for gap, audio in takes(sample.moving, fps)]
    measured = [(pair, syllable_curve(*pair, fps, SEARCH_S)) for pair in pairs]
    kept = [(pair, own) for pair, own in measured if own is not None and own[1] > INDEPENDENT_S]
    if not kept:
        return 0.0
    curves, speech_s = (np.array([found[k] for _, found in kept]) for k in (0, 1))
    best = int(np.average(curves, axis=0, weights=speech_s).argmax())
    others = _best(_others([pair for pair, _ in kept], fps, SEARCH_S), speech_s)
    return _in_errors(curves[:, best] - others.mean(0))


def _lag_error_s(curves: np.ndarray, weights: np.ndarray, fps: float) -> float:
    """Return the jackknife error of the peak over at most ten groups of clips."""
    groups = min(10, len(curves))
    if groups < 2:
        return float("inf")
    group = np.arange(len(curves)) % groups
    peaks = [
        peak(np.average(curves[group != g], axis=0, weights=weights[group != g]))
        for g in range(groups)
    ]
    return float(np.sqrt((groups - 1) * np.var(peaks))) / fps


def _rates(sample: Sample) -> dict[float, float]:
    """Return Fisher's z at the best lag when motion is read at each of the usual frame rates.

    Motion of 25 frames per second that is called 30 runs ahead of its sound; read at 25 it fits.
    """
    fps = sample.corpus.fps
    stretches = takes(sample.moving, fps)
    out = {}
    for rate in sorted({*RATES_HZ, *(fps * ratio for ratio in RATIOS)}):
        if rate != fps and abs(rate / fps - 1) < 0.02:
            continue
        found = [
            syllable_curve(at_other_rate(gap, rate / fps), audio, fps, SEARCH_S)
            for gap, audio in stretches
        ]
        kept = [pair for pair in found if pair is not None]
        if kept:
            curve = np.average([c for c, _ in kept], axis=0, weights=[s for _, s in kept])
            out[rate] = float(curve.max())
    return out


def at_other_rate(gap: Float[np.ndarray, " F"], ratio: float) -> Float[np.ndarray, " T"]:
    """Return a curve as if its frames were taken at `ratio` times the rate that is stated."""
    places = np.arange(int((len(gap) - 1) / ratio) + 1) * ratio
    return np.interp(places, np.arange(len(gap)), gap)
