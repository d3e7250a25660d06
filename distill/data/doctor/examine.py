"""The whole examination: opens a sample of a corpus and puts every check's findings in order."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill.data.doctor.alignment import Alignment, measure_alignment
from distill.data.doctor.channels import channel_findings
from distill.data.doctor.files import file_findings, sound_rates
from distill.data.doctor.finding import Finding, Severity, named
from distill.data.doctor.sample import Sample, choose, read_sample
from distill.data.doctor.splits import split_findings
from distill.data.doctor.sync_findings import sync_findings
from distill.data.doctor.values import gap_range, value_findings
from distill.errors import UserError
from distill.protocols import Corpus, Rig
from distill.types import SAMPLE_RATE_HZ

CLIPS_BEFORE_TRAINING = 32


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """What an examination has found.

    Attributes:
        facts: Counts and measurements, by name.
        findings: Errors first.
        sample: What was opened.
        alignment: How lips follow the voice; None without speech.
    """

    facts: dict[str, str]
    findings: list[Finding]
    sample: Sample
    alignment: Alignment | None

    @property
    def severity(self) -> Severity:
        """The worst severity; a note where nothing was found."""
        return max((finding.severity for finding in self.findings), default=Severity.NOTE)


def examine(
    corpus: Corpus,
    rig: Rig,
    *,
    clips: int = 200,
    root: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Examine a corpus through the rig that its motion drives.

    Args:
        corpus: What to examine.
        rig: Its rig.
        clips: Clips to open at most, the same ones every time; names are checked of all.
        root: Folder of its files, if they shall be compared by name.
        progress: Called with (clips opened, clips to open).
    """
    sample = read_sample(corpus, rig, choose(corpus.clips, clips), progress)
    alignment = measure_alignment(sample)
    found = [
        *value_findings(sample),
        *channel_findings(sample, alignment),
        *sync_findings(sample, alignment),
        *split_findings(sample),
        *(file_findings(root) if root is not None and root.is_dir() else []),
    ]
    return Report(
        facts=facts(sample, alignment, root),
        findings=sorted(found, key=lambda finding: -finding.severity),
        sample=sample,
        alignment=alignment,
    )


def require_healthy(corpus: Corpus, rig: Rig, *, clips: int = CLIPS_BEFORE_TRAINING) -> None:
    """Refuse to train on a corpus in which a small sample of clips shows errors.

    Raises:
        UserError: There is an error; the sentence gives the first and the command that shows all.
    """
    report = examine(corpus, rig, clips=clips)
    errors = [finding for finding in report.findings if finding.severity == Severity.ERROR]
    if errors:
        worst, rest = errors[0], len(errors) - 1
        more = f" ({rest} more)" if rest else ""
        raise UserError(
            f"corpus {corpus.name!r} has an error, {worst.name}: {worst.message}{more}; see "
            f"`python -m distill.doctor data={corpus.name}`, or train anyway with data.force=true"
        )


def facts(sample: Sample, alignment: Alignment | None, root: Path | None) -> dict[str, str]:
    """Return counts and measurements as text."""
    corpus, clips, rig = sample.corpus, sample.corpus.clips, sample.rig
    splits, fps = Counter(clip.split for clip in clips), corpus.fps
    speakers = sorted({clip.speaker for clip in clips if clip.speaker})
    emotions = Counter(clip.emotion for clip in clips if clip.emotion)
    hours = sum(clip.samples for clip in clips) / SAMPLE_RATE_HZ / 3600
    opened = (
        f"{len(sample.readings)} of {len(clips)}" if len(sample.readings) < len(clips) else "all"
    )
    out = {
        "clips": f"{len(clips)} (" + ", ".join(f"{n} {s}" for s, n in splits.items()) + ")",
        "opened": f"{opened}, evenly spread, the same ones every time",
        "sound": f"{hours:.3g} h",
        "motion": f"{sum(c.frames for c in clips) / fps / 3600:.3g} h at {fps:g} frames a second",
        "rig": f"{rig.name}, {len(rig.channels)} channels, lengths in {rig.units}",
        "speakers": f"{len(speakers)}: {named(speakers)}" if speakers else "not named",
        "emotions": ", ".join(f"{n} {e}" for e, n in emotions.items()) or "not named",
        "content hash": corpus.content_hash,
    }
    if root is not None and root.is_dir() and (rates := sound_rates(root)):
        out["sample rates"] = ", ".join(
            f"{rate} Hz ({count} files)" for rate, count in rates.items()
        )
    if sample.frames:
        low, high = gap_range(sample)
        moving = int((sample.high - sample.low > 1e-6).sum())
        out["values"] = f"{sample.low.min():.3g} to {sample.high.max():.3g}"
        out["moving channels"] = f"{moving} of {len(sample.low)}"
        out["lip gap"] = f"{low:.3g} to {high:.3g} {sample.rig.units} (1st to 99th percentile)"
    if alignment is not None:
        error_ms = 1000 * alignment.lag_error_s
        out["lag of motion"] = (
            f"{1000 * alignment.lag_s:+.0f} ms, error {error_ms:.0f} ms"
            if np.isfinite(error_ms) and alignment.belongs
            else "not certain"
        )
        out["lips and voice"] = (
            f"r {alignment.r:.2f}, {alignment.confidence:.0f} errors above zero; with other "
            f"clips' sound r {np.tanh(alignment.other.max()):.2f}"
        )
    return out
