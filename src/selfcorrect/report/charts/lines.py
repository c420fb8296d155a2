"""Measures over the rounds: lines with intervals and bands, the controls beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Figure, Trace, area, rounds_axis, said, scatter, span
from selfcorrect.report.definitions import Define, definer
from selfcorrect.report.estimates import Estimate, Rounds, points

#: Shares are drawn on an axis at least this long, so that noise doesn't look like news.
_LEAST_SPAN = 0.1
#: How much a control's points stand to the right of the run's, in rounds.
_ASIDE = 0.08

_Points = Sequence[tuple[int, Estimate]]


def curves(summary: Mapping[str, Any]) -> Figure:
    """The outcome, the controls' too; and confidence where both are shares."""
    rounds, name = summary["rounds"], summary["outcome"]["name"]
    label, _, form = definer(summary)(name)
    outcome, confidence = points(rounds, name), points(rounds, "confidence")
    beside = form == "share"  # or they would need two axes
    traces = [
        *(_band(confidence, "@confidence/14") if beside else []),
        *_band(outcome, "@outcome/18"),
        *_controls(summary, name, form),
        *(_confidence(confidence) if beside else []),
        *_line(outcome, label, "@outcome", form=form),
    ]
    return _over_rounds(traces, rounds, form)


def _confidence(found: _Points) -> list[Trace]:
    return _line(found, "confidence", "@confidence", dash="dashdot", symbol="square")


def measure(summary: Mapping[str, Any], name: str, define: Define) -> Figure:
    """Any measure, of the run and its controls."""
    rounds, form = summary["rounds"], define(name).form
    found = points(rounds, name)
    traces = [
        *_band(found, "@outcome/18"),
        *_controls(summary, name, form),
        *_line(found, "this run", "@outcome", form=form),
    ]
    return _over_rounds(traces, rounds, form)


def settled(rounds: Rounds) -> Figure:
    """How many dialogues have settled, and how many answers change."""
    traces = [
        *_line(points(rounds, "settled"), "settled", "@outcome"),
        *_line(points(rounds, "changed"), "changed", "@lost", dash="dashdot", symbol="square"),
    ]
    return _over_rounds(traces, rounds, "share")


def _over_rounds(traces: list[Trace], rounds: Rounds, form: str) -> Figure:
    """Lines over rounds; axes hold everything drawn, and a share's stay between 0 and 1."""
    if not traces:
        return [], {}
    return traces, {
        "xaxis": rounds_axis(rounds),
        "yaxis": _share_axis(traces) if form == "share" else {"tickformat": "~g"},
        "hovermode": "x unified",
        "legend": {"traceorder": "reversed"},  # what is drawn last, on top, is the run itself
    }


def _share_axis(traces: Sequence[Trace]) -> dict[str, Any]:
    drawn = [y for trace in traces for y in _heights(trace)]
    middle = (min(drawn) + max(drawn)) / 2
    half = max(max(drawn) - min(drawn), _LEAST_SPAN) / 2 * 1.12
    return {"tickformat": ".2~f", "range": [max(middle - half, -0.02), min(middle + half, 1.02)]}


def _heights(trace: Trace) -> Iterable[float]:
    bars = trace.get("error_y", {})
    none: list[None] = [None] * len(trace["y"])
    ups, downs = bars.get("array", none), bars.get("arrayminus", none)
    for y, up, down in zip(trace["y"], ups, downs, strict=True):
        yield from (y, y + (up or 0), y - (down or 0))


def _line(found: _Points, name: str, colour: str, **how: Any) -> list[Trace]:
    if not found:
        return []
    return [scatter(name, [at for at, _ in found], [e for _, e in found], colour, **how)]


def _band(found: _Points, colour: str) -> list[Trace]:
    """The simultaneous band; between two rounds at least, or there is no curve to be read."""
    there = [(at, *e["band"]) for at, e in found if e.get("band")]
    if len(there) < 2:
        return []
    x, low, high = zip(*there, strict=True)
    return [area(x, low, high, colour)]


def _controls(summary: Mapping[str, Any], name: str, form: str) -> list[Trace]:
    """``repeat`` as a dashed line; ``baseline``, which has one round, right across."""
    again, once = (
        points(control["rounds"], name) if (control := summary["controls"].get(which)) else []
        for which in ("repeat", "baseline")
    )
    how = {"dash": "dash", "symbol": "diamond-open", "form": form, "aside": _ASIDE}
    return [
        *(_across(once[0][1], summary["rounds"], form) if once else []),
        *_line(again, "repeat", "@repeat", **how),
    ]


def _across(e: Estimate, rounds: Rounds, form: str) -> list[Trace]:
    """One estimate and its interval from left to right."""
    left, right = span(rounds)
    level = {
        "type": "scatter",
        "mode": "lines",
        "name": "baseline",
        "x": [left, rounds[0]["round"], right],  # hovering over the first round tells the number
        "y": [e["value"]] * 3,
        "line": {"color": "@baseline", "dash": "dot", "width": 2},
        "hovertext": ["", said(e, form), ""],
        "hoverinfo": "text+name",
    }
    if e["low"] is None or e["high"] is None:
        return [level]
    return [area([left, right], [e["low"]] * 2, [e["high"]] * 2, "@baseline/9"), level]
