"""Plots without a screen: an svg that takes the colours of the page around it, or a png."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distill.storage import atomic_path

MOST_INSIDE = 6
"""More labels than this do not lie over the points but below the plot."""
_INK = "#010203"
"""Stands for the text colour of the page and is replaced in the svg."""
Draw = Callable[[Any], None]


def png(draw: Draw, path: Path, *, size_in: tuple[float, float], about: str = "") -> Path:
    """Draw on a white ground and write a png; `about` is kept inside the file."""
    with atomic_path(path) as temporary:
        _figure(draw, size_in).savefig(
            temporary, format="png", dpi=130, metadata={"Description": about}
        )
    return path


def svg(draw: Draw, *, size_in: tuple[float, float], name: str) -> str:
    """Draw and return an `<svg>` element whose ink has the page's colour; `name` starts its ids."""
    from matplotlib import rc_context

    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name} | dict.fromkeys(ink, _INK)
    with rc_context(settings):
        out = io.StringIO()
        figure = _figure(draw, size_in)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    element = out.getvalue()[out.getvalue().index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", element)
    return element.replace(_INK, "currentColor")


def _figure(draw: Draw, size_in: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_in, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    return figure


def finish(axes: Any) -> None:
    """Give axes a pale grid, two sides and, where anything is named, a legend."""
    axes.grid(which="both", color="#888888", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    labels = axes.get_legend_handles_labels()[1]
    if len(labels) > MOST_INSIDE:
        axes.figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    elif labels:
        axes.legend(fontsize=8, framealpha=0)
