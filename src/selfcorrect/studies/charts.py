"""The traces that the charts of studies are made of: lines, markers with intervals, axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace

_Z = 1.96


def line(
    name: str, x: Sequence[float], y: Sequence[Any], colour: str, dash: str = "solid"
) -> Trace:
    """A line, of theory or of an enumeration."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "dash": dash, "width": 2},
    }


def markers(
    name: str,
    x: Sequence[float],
    y: Sequence[float],
    colour: str,
    symbol: str,
    errors: Sequence[float] | None = None,
    ends: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Trace:
    """What was sampled: with standard errors, or with the ends of its intervals."""
    up, down = [_Z * e for e in errors or ()], [_Z * e for e in errors or ()]
    if ends:
        down = [a - low for a, low in zip(y, ends[0], strict=True)]
        up = [high - a for a, high in zip(y, ends[1], strict=True)]
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": colour,
            "thickness": 1.2, "width": 3}  # fmt: skip
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": list(y),
        "marker": {"color": colour, "symbol": symbol, "size": 6},
        **({"error_y": bars} if up else {}),
    }


def axes(x: str, y: str, **more: Any) -> dict[str, Any]:
    """A layout: names of the axes, and what else each is told as ``xaxis=``, ``yaxis=``."""
    return {
        "xaxis": {"title": {"text": x}, **more.get("xaxis", {})},
        "yaxis": {"title": {"text": y}, **more.get("yaxis", {})},
    }
