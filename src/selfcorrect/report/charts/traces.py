"""What several charts are made of: traces with intervals, and the axis of rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from selfcorrect.report.estimates import Estimate, Rounds
from selfcorrect.report.numbers import written, written_interval

Trace = dict[str, Any]
Layout = dict[str, Any]
#: A chart's traces and its layout; no traces where there is nothing to draw.
Figure = tuple[list[Trace], Layout]


def scatter(
    name: str,
    x: Sequence[float],
    found: Sequence[Estimate],
    colour: str,
    *,
    form: str = "share",
    symbol: str = "circle",
    dash: str = "solid",
    aside: float = 0,
    size: int = 7,
    mode: str = "lines+markers",
    showlegend: bool = True,
) -> Trace:
    """A line through estimates, each with its interval.

    Args:
        name: in the legend.
        x: where each estimate stands.
        found: the estimates, all with a value.
        colour: of all.
        form: how the numbers are written, see :func:`selfcorrect.report.numbers.written`.
        symbol, dash: of the points, of the line.
        aside: how far to the right of ``x``, so that intervals don't cover each other.
        size: of the points.
        mode, showlegend: as plotly has them.
    """
    return {
        "type": "scatter",
        "mode": mode,
        "showlegend": showlegend,
        "name": name,
        "x": [at + aside for at in x],
        "y": [e["value"] for e in found],
        "error_y": error_bars(found, colour),
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"color": colour, "symbol": symbol, "size": size},
        "hovertext": [said(e, form) for e in found],
        "hoverinfo": "text+name",
    }


def points(
    name: str,
    x: Sequence[Any],
    found: Sequence[Estimate],
    colour: str,
    *,
    form: str = "score",
    symbol: str = "circle",
    size: int = 9,
    called: Sequence[str] = (),
) -> Trace:
    """Estimates side by side, each with its interval, and no line.

    Args:
        name, found, colour, form, symbol, size: as of :func:`scatter`.
        x: where each stands: numbers, or names.
        called: what each is called where the mouse is over it; nothing by default.
    """
    texts = [said(e, form) for e in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": [e["value"] for e in found],
        "error_y": error_bars(found, colour),
        "marker": {"color": colour, "symbol": symbol, "size": size},
        "hovertext": [f"{own}: {text}" for own, text in zip(called, texts, strict=True)]
        if called
        else texts,
        "hoverinfo": "text+name",
    }


def area(x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> Trace:
    """What lies between two curves."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*x, *reversed(x)],
        "y": [*low, *reversed(high)],
        "fill": "toself",
        "fillcolor": colour,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def error_bars(found: Sequence[Estimate], colour: str) -> dict[str, Any]:
    """The intervals of estimates; one without has no bar."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_reach(e, "high", 1) for e in found],
        "arrayminus": [_reach(e, "low", -1) for e in found],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def _reach(e: Estimate, end: str, sign: int) -> float | None:
    """How far an interval reaches from its value; ECE's null range need not even hold it."""
    if e["low"] is None or e["high"] is None:
        return None
    return max(0.0, sign * float(e[end] - e["value"]))


def said(e: Estimate, form: str) -> str:
    """A number with its interval, as hovering shows it."""
    return f"{written(e['value'], form, within=e)} {written_interval(e, form)}".strip()


def rounds_axis(rounds: Rounds) -> dict[str, Any]:
    """The axis of rounds, with at most ten of them named."""
    first, last = rounds[0]["round"], rounds[-1]["round"]
    return {
        "title": {"text": "round"},
        "range": list(span(rounds)),
        "dtick": max(1, math.ceil((last - first + 1) / 10)),
        "tick0": first,
        "tickformat": "d",
        "showgrid": False,
    }


def span(rounds: Rounds) -> tuple[float, float]:
    """From left to right of a chart over rounds."""
    return rounds[0]["round"] - 0.4, rounds[-1]["round"] + 0.4
