"""What each round costs in tokens, of the run and its controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.charts.traces import Figure, Trace, rounds_axis, said
from selfcorrect.report.estimates import points
from selfcorrect.report.numbers import written


def cost(summary: Mapping[str, Any]) -> Figure:
    """Bars of tokens read and generated; a mark a round for each control's."""
    rounds = summary["rounds"]
    tokens = {at: e["value"] for at, e in points(rounds, "tokens")}
    if not tokens:
        return [], {}
    generated = {at: e["value"] for at, e in points(rounds, "generated") if at in tokens}
    read = {at: all_of_them - generated.get(at, 0) for at, all_of_them in tokens.items()}
    traces = [
        *_bars("read", read, ""),
        *_bars("generated", generated, "/"),
        *_control(summary, "repeat", "diamond-open"),
        *_control(summary, "baseline", "square-open"),
    ]
    return traces, {
        "barmode": "stack",
        "xaxis": rounds_axis(rounds),
        "yaxis": {
            "title": {"text": "Tokens a dialogue"},
            "rangemode": "tozero",
            "tickformat": "~s",
        },
    }


def _bars(name: str, tokens: Mapping[int, float], hatching: str) -> list[Trace]:
    if not tokens:
        return []
    pattern = {"shape": hatching}
    return [
        {
            "type": "bar",
            "name": name,
            "x": list(tokens),
            "y": list(tokens.values()),
            "marker": {
                "color": "@outcome/45",
                "line": {"color": "@outcome", "width": 1},
                "pattern": pattern,
            },
            "hovertext": [written(y, "tokens") for y in tokens.values()],
            "hoverinfo": "text+name",
        }
    ]


def _control(summary: Mapping[str, Any], name: str, symbol: str) -> list[Trace]:
    control = summary["controls"].get(name)
    found = points(control["rounds"], "tokens") if control else []
    if not found:
        return []
    colour = f"@{name}"
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [at for at, _ in found],
            "y": [e["value"] for _, e in found],
            "marker": {
                "color": colour,
                "symbol": symbol,
                "size": 10,
                "line": {"width": 2, "color": colour},
            },
            "hovertext": [said(e, "tokens") for _, e in found],
            "hoverinfo": "text+name",
        }
    ]
