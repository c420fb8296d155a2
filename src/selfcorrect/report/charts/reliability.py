"""The reliability diagram of a round: is its confidence right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Figure, Layout, Trace, error_bars
from selfcorrect.report.estimates import Round
from selfcorrect.report.numbers import written

_Bins = Sequence[Mapping[str, Any]]

_SHARES = {"range": [-0.02, 1.02], "dtick": 0.2, "tickformat": "%"}
_LAYOUT: Layout = {
    "barmode": "overlay",
    "height": 430,
    "xaxis": {"title": {"text": "confidence"}, **_SHARES},
    "yaxis": {"title": {"text": "Accuracy"}, "domain": [0.3, 1], **_SHARES},
    "yaxis2": {
        "title": {"text": "Answers"},
        "domain": [0, 0.2],
        "nticks": 2,
        "rangemode": "tozero",
        "tickformat": "d",
    },
}
_DIAGONAL: Trace = {
    "type": "scatter",
    "mode": "lines",
    "name": "calibrated",
    "x": [0, 1],
    "y": [0, 1],
    "line": {"color": "@soft", "dash": "dot", "width": 1.5},
    "hoverinfo": "skip",
}


def reliability(row: Round) -> Figure:
    """Accuracy by bin of confidence, where it would lie by chance, and how many answers."""
    bins = row["reliability"]
    if not bins:
        return [], {}
    return [_DIAGONAL, _by_chance(bins), _accuracy(bins), _answers(bins)], _LAYOUT


def _by_chance(bins: _Bins) -> Trace:
    there = [b for b in bins if b["null_low"] is not None and b["null_high"] is not None]
    return {
        "type": "bar",
        "name": "95 % if calibrated",
        "x": [b["confidence"] for b in there],
        "base": [b["null_low"] for b in there],
        "y": [b["null_high"] - b["null_low"] for b in there],
        "width": [min(0.05, 0.8 * (b["high"] - b["low"])) for b in there],
        "marker": {"color": "@soft/22"},
        "hoverinfo": "skip",
    }


def _accuracy(bins: _Bins) -> Trace:
    found = [
        {"value": b["accuracy"], "low": b["accuracy_low"], "high": b["accuracy_high"]} for b in bins
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "accuracy in the bin",
        "x": [b["confidence"] for b in bins],
        "y": [b["accuracy"] for b in bins],
        "error_y": error_bars(found, "@outcome"),
        "line": {"color": "@outcome/60", "width": 1},
        "marker": {"color": "@outcome", "size": 9},
        "hovertext": [
            f"{b['n']} answers: confidence {written(b['confidence'], 'share')}, "
            f"accuracy {written(b['accuracy'], 'share')}"
            for b in bins
        ],
        "hoverinfo": "text",
    }


def _answers(bins: _Bins) -> Trace:
    return {
        "type": "bar",
        "name": "answers",
        "x": [(b["low"] + b["high"]) / 2 for b in bins],
        "y": [b["n"] for b in bins],
        "width": [0.92 * (b["high"] - b["low"]) for b in bins],
        "yaxis": "y2",
        "marker": {"color": "@soft/50"},
        "hovertext": [f"{b['n']} answers" for b in bins],
        "hoverinfo": "text",
        "showlegend": False,
    }
