"""A matplotlib figure as an SVG that stands in an HTML page and takes the page's colours, in light and in dark."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure

INK, LINE, NEW, OLD = "#010101", "#020202", "#030303", "#040404"
"""Colours that stand for the page's: text, grid lines, the new version, the model that it is compared with."""
_VARIABLES = {INK: "var(--ink)", LINE: "var(--line)", NEW: "var(--new)", OLD: "var(--old)"}

WIDTH = 4.4
"""Inches. A chart is drawn so small that its letters can be read on a telephone, where it shrinks to three quarters."""
SETTINGS = {
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud, in any script
    "svg.hashsalt": "spanloop",  # else the identifiers are other ones each time
    "text.parse_math": False,  # a label may have dollar signs
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "legend.frameon": False,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
LONGEST_LABEL = 22
"""Characters of a label in a chart. The tables have the whole labels."""


def short(label: str) -> str:
    """A label as a chart shows it."""
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def drawn(name: str, alternative: str, height: float, draw: Callable[[Any], object], rows: int = 1) -> str:
    """A chart as an SVG element of a page.

    `draw` fills the axes: one or, of several `rows`, an array of axes that share the horizontal one. `name` begins the
    identifiers of the element's parts, so that those of several charts differ. `alternative` is what a screen reader
    says; `height` is in inches.
    """
    with style.context(["default", SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has others
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.subplots(rows, 1, sharex=True))
        written = StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=NO_METADATA)
    return _embedded(written.getvalue(), name, alternative)


def _embedded(svg: str, name: str, alternative: str) -> str:
    """An SVG file as an element: without the file's head, with the page's colours and identifiers of its own."""

    def adapted(tag: re.Match[str]) -> str:
        changed = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", tag[0])
        for stand_in, variable in _VARIABLES.items():
            changed = changed.replace(stand_in, variable)
        return changed

    _, _, body = re.sub("<[a-z][^>]*>", adapted, svg).partition("<svg ")
    return f'<svg role="img" aria-label="{escape(alternative)}" {body.strip()}'
