"""Charts as SVG, drawn from figures in plain data: the same on a page, in a notebook, in a file.

A figure is ``{"data": [trace, …], "layout": {…}}`` in the part of plotly's vocabulary that our
charts use (:mod:`selfcorrect.report.svg.plot`), and ``flow``
(:mod:`selfcorrect.report.svg.streams`).
Nothing else is drawn: an unknown kind of trace is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from selfcorrect.report.svg.elements import ALONE, Paint, element, shown
from selfcorrect.report.svg.plot import draw

__all__ = ["SLIM", "WIDE", "alone", "within"]

#: Widths for which a chart is drawn: of a column of a page, and of a phone.
WIDE, SLIM = 700, 360
#: Of charts that don't say theirs.
_HEIGHT = {WIDE: 320, SLIM: 290}


def within(
    figure: Mapping[str, Any],
    width: int,
    name: str,
    height: float | None = None,
    kind: str = "",
) -> str:
    """A chart for a page of ours, whose style sheet has the colours, as ``<svg>``.

    Args:
        figure: see this module.
        width: :data:`WIDE` or :data:`SLIM`.
        name: of letters, digits and hyphens, unique in the page: names what the chart refers to.
        height: in units of the width; by default as the figure says, or as is usual.
        kind: its class in the style sheet; by default ``wide`` or ``slim``, by the width.
    """
    kind = kind or ("slim" if width == SLIM else "wide")
    body, high = draw(figure, width, height or _HEIGHT[width], Paint(name=f"{name}-{kind}"))
    return element(
        "svg", body, viewBox=f"0 0 {width} {round(high)}", class_=kind, aria_hidden="true"
    )


def alone(figure: Mapping[str, Any], alt: str, width: int = WIDE, title: str = "") -> str:
    """A chart as a file of its own: on white, with its colours in it and what it shows in words.

    Args:
        figure: see this module.
        alt: what it shows.
        width: in pixels.
        title: above it.
    """
    top = 30 if title else 0
    paint = Paint(ALONE, "chart")
    body, high = draw(figure, width - 24, _HEIGHT.get(width, 320), paint)
    head = element("text", shown(title), x=12, y=24, font_size=16, font_weight=600) if title else ""
    ground = element("rect", width="100%", height="100%", fill="#ffffff")
    return element(
        "svg",
        f"<title>{escape(shown(alt, plain=True))}</title>",
        ground,
        head,
        element("g", body, transform=f"translate(12 {top + 8})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {round(high) + top + 16}",
        width=width,
        height=round(high) + top + 16,
        role="img",
        font_family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
        font_size=13,
        fill=ALONE["ink"],
    )
