"""The report as one HTML page that needs nothing but itself."""

import base64
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.data.doctor.examine import Report
from distill.data.doctor.finding import Severity
from distill.data.doctor.sample import Sample
from distill.data.doctor.sync_findings import TOO_LATE_S
from distill.drawing import finish, svg

TEMPLATE = Path(__file__).with_name("page.html.j2")
PLOT_IN = (4.4, 2.8)
OWN, OTHER = "#2f7fc1", "#8a8f96"
FACES, FACE_PX = 8, 240
MOST_CHANNELS = 64


def page(report: Report, command: str) -> str:
    """Return the page of a report that `command` has made."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    counts = {s.word: sum(f.severity == s for f in report.findings) for s in reversed(Severity)}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        counts=counts,
        command=command,
        plots=plots(report),
        faces=faces(report.sample),
    )


def plots(report: Report) -> list[tuple[str, str, str]]:
    """Return (name, caption, svg) of every plot that the data allows."""
    sample, found = report.sample, []
    if report.alignment is not None:
        caption = (
            "Correlation of lip opening and loudness at every lag, at the rate of syllables. A "
            "peak near 0 ms, far above the sound of other clips, is what speech looks like."
        )
        found.append(("lag", caption, partial(_draw_lag, report=report)))
    if sample.frames:
        rig = sample.rig
        captions = (
            f"Opening of the lips over all frames, in {rig.units}.",
            "Range of values of each channel with its mean; channels that never move are dots.",
        )
        found += [
            ("opening", captions[0], partial(_draw_gaps, sample=sample)),
            ("channels", captions[1], partial(_draw_channels, sample=sample)),
        ]
    caption = "Seconds of sound against seconds of motion of each clip; equal on the line."
    found.append(("lengths", caption, partial(_draw_lengths, sample=sample)))
    return [(name, text, svg(draw, size_in=PLOT_IN, name=name)) for name, text, draw in found]


def _draw_lag(axes: Any, report: Report) -> None:
    alignment = report.alignment
    assert alignment is not None
    lags_ms = 1000 * alignment.lags_s
    axes.axvspan(-1000 * TOO_LATE_S, 1000 * TOO_LATE_S, color=OTHER, alpha=0.15, linewidth=0)
    axes.plot(lags_ms, np.tanh(alignment.other), color=OTHER, label="sound of other clips")
    axes.plot(lags_ms, np.tanh(alignment.curve), color=OWN, label="own sound")
    axes.set(xlabel="lag of motion [ms]", ylabel="r")
    finish(axes)


def _draw_gaps(axes: Any, sample: Sample) -> None:
    gaps = np.concatenate([reading.gap for reading in sample.moving])
    axes.hist(gaps, bins=60, color=OWN)
    axes.set(xlabel=f"lip gap [{sample.rig.units}]", ylabel="frames", yscale="log")
    finish(axes)


def _draw_channels(axes: Any, sample: Sample) -> None:
    step = -(-len(sample.low) // MOST_CHANNELS)
    low, high, mean = sample.low[::step], sample.high[::step], sample.mean[::step]
    places = np.arange(len(low)) * step
    axes.vlines(places, low, high, color=OWN, linewidth=2)
    axes.plot(places, mean, "_", color="#d0663a", markersize=5)
    still = high - low <= 1e-6
    axes.plot(places[still], mean[still], ".", color=OTHER, markersize=3)
    axes.set(xlabel="channel, in the order of the rig", ylabel="value")
    finish(axes)


def _draw_lengths(axes: Any, sample: Sample) -> None:
    pairs = np.array([(r.audio_s, r.motion_s) for r in sample.readings]).reshape(-1, 2)
    most = float(pairs.max(initial=1.0))
    axes.plot([0, most], [0, most], color=OTHER, linewidth=1)
    axes.plot(pairs[:, 0], pairs[:, 1], ".", color=OWN, markersize=5)
    axes.set(xlabel="sound [s]", ylabel="motion [s]")
    finish(axes)


def faces(sample: Sample) -> str:
    """Return a contact sheet as a data address: widest mouths of clips spread over the sample."""
    from PIL import Image

    from distill.face.render import contact_sheet, render_image

    clips = [r for r in sample.moving if len(r.gap)]
    chosen = [clips[i] for i in np.linspace(0, len(clips) - 1, min(FACES, len(clips))).astype(int)]
    if not chosen or not len(sample.rig.triangles):
        return ""
    images, labels = [], []
    for reading in chosen:
        at = int(np.argmax(reading.gap))
        motion = sample.corpus.read(reading.clip).motion
        assert motion is not None
        frame = torch.from_numpy(np.nan_to_num(motion[at]).astype(np.float32))
        images.append(render_image(sample.rig, frame, size=(FACE_PX, FACE_PX)))
        labels.append(f"{reading.clip.id}  {at / sample.corpus.fps:.1f} s")
    out = io.BytesIO()
    Image.fromarray(contact_sheet(images, columns=4, labels=labels)).save(out, "png")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
