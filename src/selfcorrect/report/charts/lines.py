"""Measures over the rounds: lines with intervals and bands, the controls beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Figure, Trace, area, rounds_axis, scatter, span
from selfcorrect.report.definitions import Define, definer
from selfcorrect.report.estimates import Estimate, Rounds, points

#: Shares are drawn on an axis at least this long, so that noise doesn't look like news.
_LEAST_SPAN = 0.1
#: Of more rounds than these only the band is drawn: bars and large points would hide the lines.
_WITH_BARS = 16
#: Height of two charts, one above the other.
_TALL = 430
#: How much a control's points stand to the right of the run's, in rounds.
_ASIDE = 0.14

_Points = Sequence[tuple[int, Estimate]]


def curves(summary: Mapping[str, Any]) -> Figure:
    """The outcome, beside the controls' and chance; below it, on a scale of its own, confidence."""
    rounds, name = summary["rounds"], summary["outcome"]["name"]
    label, _, form = definer(summary)(name)
    outcome, confidence = points(rounds, name), points(rounds, "confidence")
    above = [
        *_chance(summary, outcome),
        *_band(outcome, "@outcome/15"),
        *_line(outcome, "this run", "@outcome", form=form),
        *_controls(summary, name, form),
    ]
    if not confidence:
        return _over_rounds(above, rounds, form, label)
    below = [
        *_band(confidence, "@confidence/15"),
        *_line(confidence, "this run", "@confidence", symbol="square"),
        *_controls(summary, "confidence", "share", once=False),
    ]
    if not above:
        return _over_rounds(below, rounds, "share", "confidence")
    traces, layout = _over_rounds(above, rounds, form, label)
    layout["yaxis"]["domain"] = [0.44, 1]
    below, under = _over_rounds(below, rounds, "share", "confidence")
    layout["yaxis2"] = {**under["yaxis"], "domain": [0, 0.38]}
    layout["height"] = _TALL
    return [*traces, *({**trace, "yaxis": "y2"} for trace in below)], layout


def _chance(summary: Mapping[str, Any], outcome: _Points) -> list[Trace]:
    """What guessing would give, where it is known and the outcome is drawn."""
    chance = summary.get("chance")
    if chance is None or not outcome:
        return []
    left, right = span(summary["rounds"])
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "chance",
            "x": [left, right],
            "y": [chance, chance],
            "line": {"color": "@soft", "dash": "dot", "width": 1.5},
            "hoverinfo": "skip",
        }
    ]


def measure(summary: Mapping[str, Any], name: str, define: Define) -> Figure:
    """Any measure, of the run and its controls."""
    rounds, form = summary["rounds"], define(name).form
    found = points(rounds, name)
    traces = [
        *_band(found, "@outcome/18"),
        *_line(found, "this run", "@outcome", form=form),
        *_controls(summary, name, form),
    ]
    return _over_rounds(traces, rounds, form, define(name).label)


def settled(rounds: Rounds) -> Figure:
    """How many dialogues have settled, and how many answers change."""
    traces = [
        *_line(points(rounds, "settled"), "settled", "@outcome"),
        *_line(points(rounds, "changed"), "changed", "@lost", dash="dashdot", symbol="square"),
    ]
    return _over_rounds(traces, rounds, "share", "share of dialogues")


def _over_rounds(traces: list[Trace], rounds: Rounds, form: str, label: str) -> Figure:
    """Lines over rounds; axes hold everything drawn, and a share's stay between 0 and 1."""
    if not traces:
        return [], {}
    if len(rounds) > _WITH_BARS:
        traces = [_thin(trace) for trace in traces]
    return traces, {
        "xaxis": rounds_axis(rounds),
        "yaxis": _axis(traces, form, label),
        "direct": True,
    }


def _thin(trace: Trace) -> Trace:
    kept = {key: value for key, value in trace.items() if key != "error_y"}
    return kept | ({"marker": {**trace["marker"], "size": 4}} if "marker" in trace else {})


def _axis(traces: Sequence[Trace], form: str, label: str) -> dict[str, Any]:
    own = _share_axis(traces, form) if form in ("share", "index") else {"tickformat": "~g"}
    return {**own, "title": {"text": label[:1].upper() + label[1:]}}


def _share_axis(traces: Sequence[Trace], form: str) -> dict[str, Any]:
    drawn = [y for trace in traces for y in _heights(trace)]
    middle = (min(drawn) + max(drawn)) / 2
    half = max(max(drawn) - min(drawn), _LEAST_SPAN) / 2 * 1.12
    ends = [max(middle - half, -0.02), min(middle + half, 1.02)]
    return {"tickformat": "%" if form == "share" else ".2~f", "range": ends}


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


def _controls(
    summary: Mapping[str, Any], name: str, form: str, *, once: bool = True
) -> list[Trace]:
    """``repeat`` as a dashed line; ``baseline``, which has one round, right across if ``once``."""
    again, single = (
        points(control["rounds"], name) if (control := summary["controls"].get(which)) else []
        for which in ("repeat", "baseline")
    )
    how = {"dash": "dash", "symbol": "diamond-open", "form": form, "aside": _ASIDE}
    return [
        *(_across(single[0][1], summary["rounds"], form) if single and once else []),
        *_line(again, "repeat", "@repeat", **how),
    ]


def _across(e: Estimate, rounds: Rounds, form: str) -> list[Trace]:
    """One estimate from left to right; at the left its interval."""
    left, right = span(rounds)
    level = {
        "type": "scatter",
        "mode": "lines",
        "name": "baseline",
        "x": [left, right],
        "y": [e["value"]] * 2,
        "line": {"color": "@baseline", "dash": "longdash", "width": 1.5},
        "hoverinfo": "skip",
    }
    at: dict[str, Any] = {
        "symbol": "square-open",
        "form": form,
        "showlegend": False,
        "mode": "markers",
    }
    return [level, scatter("baseline", [left + 0.12], [e], "@baseline", **at)]
