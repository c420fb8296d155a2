"""A report's charts, as plotly figures in plain data.

A colour is written ``@name`` or ``@name/20`` (20 % opaque): the page puts in the theme's. Whatever
a chart says is told by shape or dash as well as by colour. A chart has one or more *views*; a
slider or a list on the page picks one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from selfcorrect.report.definitions import define, visible, written

Estimate = Mapping[str, Any]
Trace = dict[str, Any]

#: Height of a row in a chart of a measure's parts, and what it has besides, in pixels.
_ROW, _AROUND = 26, 84
#: Shares are drawn on an axis at least this long, so that noise doesn't look like news.
_LEAST_SPAN = 0.1
#: How much a control's points stand to the right of the run's, in rounds.
_ASIDE = 0.08


def charts(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The charts that this summary has numbers for.

    Args:
        summary: of a run with at least one round.

    Returns:
        ``{name: {"alt": what it shows in words, "views": [{"name", "term", "data", "layout"}]}}``;
        a view's term is what it is a view of, see :mod:`selfcorrect.report.definitions`. Names:
        ``curves``, ``cost``, ``measure``, ``reliability``, ``flow``, ``settled`` and, for a measure
        with parts, ``parts/NAME``.
    """
    rounds = summary["rounds"]
    made = {
        "curves": _chart(_curves(summary), "Accuracy and confidence by round."),
        "cost": _chart(_cost(summary), "Tokens a dialogue, by round."),
        "measure": {
            "alt": "One measure by round, with its interval, beside the controls.",
            "views": [
                _view(_measure(summary, name), define(name).label, name)
                for name in measures(rounds)
                if "/" not in name
            ],
        },
        "reliability": {
            "alt": "Accuracy by confidence, in bins, against perfect calibration.",
            "views": [
                _view(_reliability(row), f"round {row['round']}", "reliability") for row in rounds
            ],
        },
        "flow": _chart(_flow(rounds), "How many dialogues went from right to wrong and back."),
        "settled": _chart(_settled(rounds), "Share of dialogues settled, and changed, by round."),
    }
    for whole in _wholes(rounds):
        label = define(whole).label
        made[f"parts/{whole}"] = _chart(
            _parts(rounds, whole), f"{label} in the first round and the last."
        )
    drawn = {n: chart for n, chart in made.items() if any(v["data"] for v in chart["views"])}
    rounded: dict[str, dict[str, Any]] = _rounded(drawn)
    return rounded


def measures(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the measures that have a value in some round, in the order of the first."""
    found: dict[str, None] = {}
    for row in rounds:
        found |= {n: None for n, e in estimates(row).items() if e.get("value") is not None}
    return list(found)


def estimates(row: Mapping[str, Any]) -> dict[str, Estimate]:
    """Every estimate of a round, those that need the previous round among them."""
    between = ("changed", "cl", "cs", "settled", "gain")
    return {**row["measures"], **{name: row[name] for name in between if row.get(name)}}


def parts(rounds: Sequence[Mapping[str, Any]], whole: str) -> list[str]:
    """Names of the parts of a measure (``bias_ambiguous/Age``), those with a value."""
    return [
        name for name in measures(rounds) if name.partition("/")[::2][0] == whole and "/" in name
    ]


def interval(e: Estimate, form: str) -> str:
    """``[.40, .52]``, or nothing."""
    if e.get("low") is None or e.get("high") is None:
        return ""
    return f"[{written(e['low'], form)}, {written(e['high'], form)}]"


def _rounded(value: Any) -> Any:
    """Numbers to as many places as can be seen: a third of the page's size."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _chart(figure: tuple[list[Trace], dict[str, Any]], alt: str) -> dict[str, Any]:
    return {"alt": alt, "views": [_view(figure)]}


def _view(
    figure: tuple[list[Trace], dict[str, Any]], name: str = "", term: str = ""
) -> dict[str, Any]:
    data, layout = figure
    return {"name": name, "term": term, "data": data, "layout": layout}


# Curves over rounds


def _curves(summary: Mapping[str, Any]) -> tuple[list[Trace], dict[str, Any]]:
    rounds = summary["rounds"]
    confidence, accuracy = _points(rounds, "confidence"), _points(rounds, "accuracy")
    return _lines(
        [
            *_band(confidence, "@confidence/14"),
            *_band(accuracy, "@accuracy/18"),
            *_controls(summary, "accuracy"),
            *_line(confidence, "confidence", "@confidence", dash="dashdot", symbol="square"),
            *_line(accuracy, "accuracy", "@accuracy"),
        ],
        rounds,
        share=True,
    )


def _measure(summary: Mapping[str, Any], name: str) -> tuple[list[Trace], dict[str, Any]]:
    rounds = summary["rounds"]
    points = _points(rounds, name)
    form = define(name).form
    return _lines(
        [
            *_band(points, "@accuracy/18"),
            *_controls(summary, name, form),
            *_line(points, "this run", "@accuracy", form=form),
        ],
        rounds,
        share=form == "share",
    )


def _settled(rounds: Sequence[Mapping[str, Any]]) -> tuple[list[Trace], dict[str, Any]]:
    return _lines(
        [
            *_line(_points(rounds, "settled"), "settled", "@accuracy"),
            *_line(_points(rounds, "changed"), "changed", "@lost", dash="dashdot", symbol="square"),
        ],
        rounds,
        share=True,
    )


def _lines(
    traces: list[Trace], rounds: Sequence[Mapping[str, Any]], *, share: bool
) -> tuple[list[Trace], dict[str, Any]]:
    """Lines over rounds; axes hold everything drawn, and a share's stay between 0 and 1."""
    if not any("y" in trace for trace in traces):
        return [], {}
    yaxis: dict[str, Any] = {"tickformat": "~g" if not share else ".2~f"}
    if share:
        drawn = [y for trace in traces for y in _heights(trace)]
        low, high = min(drawn), max(drawn)
        middle = (low + high) / 2
        half = max(high - low, _LEAST_SPAN) / 2 * 1.12
        low, high = middle - half, middle + half
        yaxis["range"] = [max(low, -0.02), min(high, 1.02)]
    return traces, {
        "xaxis": _rounds_axis(rounds),
        "yaxis": yaxis,
        "hovermode": "x unified",
        "legend": {"traceorder": "reversed"},  # what is drawn last, on top, is the run itself
    }


def _heights(trace: Trace) -> Iterable[float]:
    bars = trace.get("error_y", {})
    none: list[None] = [None] * len(trace["y"])
    ups, downs = bars.get("array", none), bars.get("arrayminus", none)
    for y, up, down in zip(trace["y"], ups, downs, strict=True):
        yield from (y, y + (up or 0), y - (down or 0))


def _rounds_axis(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, last = rounds[0]["round"], rounds[-1]["round"]
    return {
        "title": {"text": "round"},
        "range": [first - 0.4, last + 0.4],
        "dtick": max(1, math.ceil((last - first + 1) / 10)),
        "tick0": first,
        "tickformat": "d",
        "showgrid": False,
    }


def _points(rounds: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, Estimate]]:
    """The rounds in which a measure has a value."""
    found = ((row["round"], estimates(row).get(name)) for row in rounds)
    return [(at, e) for at, e in found if e and e.get("value") is not None]


def _band(points: Sequence[tuple[int, Estimate]], colour: str) -> list[Trace]:
    """The simultaneous band; between two rounds at least, or there is no curve to be read."""
    there = [(at, *e["band"]) for at, e in points if e.get("band") and None not in e["band"]]
    if len(there) < 2:
        return []
    x = [at for at, _, _ in there]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [*x, *reversed(x)],
            "y": [*(low for _, low, _ in there), *(high for _, _, high in reversed(there))],
            "fill": "toself",
            "fillcolor": colour,
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def _line(
    points: Sequence[tuple[int, Estimate]],
    name: str,
    colour: str,
    *,
    dash: str = "solid",
    symbol: str = "circle",
    form: str = "share",
    aside: float = 0,
) -> list[Trace]:
    """A line with each round's interval."""
    if not points:
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": [at + aside for at, _ in points],
            "y": [e["value"] for _, e in points],
            "error_y": _bars([e for _, e in points], colour),
            "line": {"color": colour, "dash": dash, "width": 2},
            "marker": {"color": colour, "symbol": symbol, "size": 7},
            "hovertext": [_said(e, form) for _, e in points],
            "hoverinfo": "text+name",
        }
    ]


def _controls(summary: Mapping[str, Any], measure: str, form: str = "share") -> list[Trace]:
    """``repeat`` as a dashed line; ``baseline``, which has one round, right across."""
    controls: Mapping[str, Any] = summary.get("controls") or {}
    traces: list[Trace] = []
    once = _points(controls.get("baseline", {}).get("rounds", ()), measure)
    if once:
        e = once[0][1]
        first, last = summary["rounds"][0]["round"], summary["rounds"][-1]["round"]
        across = [first - 0.4, last + 0.4]
        if e.get("low") is not None and e.get("high") is not None:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": [*across, *reversed(across)],
                    "y": [e["low"], e["low"], e["high"], e["high"]],
                    "fill": "toself",
                    "fillcolor": "@baseline/9",
                    "line": {"width": 0},
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "baseline",
                "x": [across[0], first, across[1]],
                "y": [e["value"]] * 3,
                "line": {"color": "@baseline", "dash": "dot", "width": 2},
                "hovertext": ["", _said(e, form), ""],
                "hoverinfo": "text+name",
            }
        )
    again = _points(controls.get("repeat", {}).get("rounds", ()), measure)
    traces += _line(
        again,
        "repeat",
        "@repeat",
        dash="dash",
        symbol="diamond-open",
        form=form,
        aside=_ASIDE,
    )
    return traces


def _bars(points: Sequence[Estimate], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_reach(e, "high", 1) for e in points],
        "arrayminus": [_reach(e, "low", -1) for e in points],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def _reach(e: Estimate, end: str, sign: int) -> float | None:
    """How far an interval reaches from its value; ECE's null range need not even hold it."""
    if e.get("low") is None or e.get("high") is None:
        return None
    return max(0.0, sign * float(e[end] - e["value"]))


def _said(e: Estimate, form: str) -> str:
    return f"{written(e['value'], form)} {interval(e, form)}".strip()


# Cost


def _cost(summary: Mapping[str, Any]) -> tuple[list[Trace], dict[str, Any]]:
    rounds = summary["rounds"]
    tokens = dict(_points(rounds, "tokens"))
    if not tokens:
        return [], {}
    generated = {at: e["value"] for at, e in _points(rounds, "generated")}
    stacks = (
        ("read", {at: e["value"] - generated.get(at, 0) for at, e in tokens.items()}, ""),
        ("generated", {at: generated[at] for at in tokens if at in generated}, "/"),
    )
    traces: list[Trace] = [
        {
            "type": "bar",
            "name": name,
            "x": list(of),
            "y": list(of.values()),
            "marker": {
                "color": "@accuracy/45",
                "line": {"color": "@accuracy", "width": 1},
                "pattern": {"shape": shape, "fgcolor": "@accuracy", "bgcolor": "@paper", "size": 6},
            },
            "hovertext": [written(y, "tokens") for y in of.values()],
            "hoverinfo": "text+name",
        }
        for name, of, shape in stacks
        if of
    ]
    controls: Mapping[str, Any] = summary.get("controls") or {}
    for name, symbol in (("repeat", "diamond-open"), ("baseline", "cross-thin-open")):
        points = _points(controls.get(name, {}).get("rounds", ()), "tokens")
        if points:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": [at for at, _ in points],
                    "y": [e["value"] for _, e in points],
                    "marker": {
                        "color": f"@{name}",
                        "symbol": symbol,
                        "size": 10,
                        "line": {"width": 2, "color": f"@{name}"},
                    },
                    "hovertext": [_said(e, "tokens") for _, e in points],
                    "hoverinfo": "text+name",
                }
            )
    return traces, {
        "barmode": "stack",
        "bargap": 0.45,
        "xaxis": _rounds_axis(rounds),
        "yaxis": {"rangemode": "tozero", "tickformat": "~s"},
        "hovermode": "x unified",
        "legend": {"traceorder": "normal"},
    }


# Calibration


def _reliability(row: Mapping[str, Any]) -> tuple[list[Trace], dict[str, Any]]:
    bins = row.get("reliability") or ()
    if not bins:
        return [], {}
    x = [b["confidence"] for b in bins]
    null = [b for b in bins if b.get("null_low") is not None and b.get("null_high") is not None]
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "calibrated",
            "x": [0, 1],
            "y": [0, 1],
            "line": {"color": "@soft", "dash": "dot", "width": 1.5},
            "hoverinfo": "skip",
        },
        {
            "type": "bar",
            "name": "95 % if calibrated",
            "x": [b["confidence"] for b in null],
            "base": [b["null_low"] for b in null],
            "y": [b["null_high"] - b["null_low"] for b in null],
            "width": [_width(b) for b in null],
            "marker": {"color": "@soft/22"},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "accuracy in the bin",
            "x": x,
            "y": [b["accuracy"] for b in bins],
            "error_y": _bars(
                [
                    {
                        "value": b["accuracy"],
                        "low": b.get("accuracy_low"),
                        "high": b.get("accuracy_high"),
                    }
                    for b in bins
                ],
                "@accuracy",
            ),
            "line": {"color": "@accuracy/60", "width": 1},
            "marker": {"color": "@accuracy", "size": 9},
            "hovertext": [
                f"{b['n']} answers: confidence {written(b['confidence'])}, "
                f"accuracy {written(b['accuracy'])}"
                for b in bins
            ],
            "hoverinfo": "text",
        },
        {
            "type": "bar",
            "name": "answers",
            "x": [(b["low"] + b["high"]) / 2 for b in bins],
            "y": [b["n"] for b in bins],
            "width": [(b["high"] - b["low"]) * 0.92 for b in bins],
            "yaxis": "y2",
            "marker": {"color": "@soft/50"},
            "hovertext": [f"{b['n']} answers" for b in bins],
            "hoverinfo": "text",
            "showlegend": False,
        },
    ]
    return traces, {
        "barmode": "overlay",
        "hovermode": "closest",
        "margin": {"l": 60, "r": 8, "t": 8, "b": 44},
        "xaxis": {
            "title": {"text": "confidence"},
            "range": [-0.02, 1.02],
            "dtick": 0.2,
            "anchor": "y2",
        },
        "yaxis": {
            "title": {"text": "accuracy"},
            "range": [-0.02, 1.02],
            "dtick": 0.2,
            "domain": [0.24, 1],
        },
        "yaxis2": {
            "title": {"text": "n"},
            "domain": [0, 0.15],
            "nticks": 3,
            "rangemode": "tozero",
            "anchor": "x",
        },
    }


def _width(b: Mapping[str, Any]) -> float:
    return min(0.05, 0.8 * float(b["high"] - b["low"]))


# The flow of answers

_LINKS: Mapping[str, tuple[str, str, str, str]] = {
    "kept_right": ("right", "right", "@kept/45", "stayed right"),
    "wrong_to_right": ("wrong", "right", "@accuracy/75", "wrong → right"),
    "right_to_wrong": ("right", "wrong", "@lost/75", "right → wrong"),
    "wrong_to_wrong": ("wrong", "wrong", "@other/60", "wrong → another wrong"),
    "kept_wrong": ("wrong", "wrong", "@kept/30", "stayed at the same wrong"),
}


def _flow(rounds: Sequence[Mapping[str, Any]]) -> tuple[list[Trace], dict[str, Any]]:
    moves = [(a, b) for a, b in pairwise(rounds) if b.get("flow")]
    if not moves or not any(sum(b["flow"].values()) for _, b in moves):
        return [], {}
    columns = [moves[0][0], *(b for _, b in moves)]
    counts: list[dict[str, int]] = [{"right": 0, "wrong": 0} for _ in columns]
    for k, (_, row) in enumerate(moves):
        for name, (_, to, _, _) in _LINKS.items():
            counts[k + 1][to] += row["flow"][name]
    for name, (start, _, _, _) in _LINKS.items():
        counts[0][start] += moves[0][1]["flow"][name]
    total = sum(counts[0].values()) or 1
    node: dict[str, list[Any]] = {"label": [], "color": [], "x": [], "y": [], "customdata": []}
    for k, of in enumerate(counts):
        right = of["right"] / total
        at = 0.001 + 0.998 * k / (len(counts) - 1)
        for side, middle in (("right", right / 2), ("wrong", right + (1 - right) / 2 + 0.02)):
            node["label"].append(written(of[side], "count") if of[side] else "")
            node["color"].append("@accuracy" if side == "right" else "@lost")
            node["x"].append(at)
            node["y"].append(min(0.999, max(0.001, middle)))
            node["customdata"].append(f"{side} in round {columns[k]['round']}")
    link: dict[str, list[Any]] = {
        "source": [], "target": [], "value": [], "color": [], "customdata": [],
    }  # fmt: skip
    for k, (_, row) in enumerate(moves):
        for name, (start, to, colour, said) in _LINKS.items():
            if row["flow"][name]:
                link["source"].append(2 * k + (start == "wrong"))
                link["target"].append(2 * k + 2 + (to == "wrong"))
                link["value"].append(row["flow"][name])
                link["color"].append(colour)
                link["customdata"].append(f"{said}, round {row['round']}")
    trace: Trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            **node,
            "pad": 12,
            "thickness": 10,
            "line": {"width": 0},
            "hovertemplate": "%{value} %{customdata}<extra></extra>",
        },
        "link": {**link, "hovertemplate": "%{value} %{customdata}<extra></extra>"},
    }
    named = [
        {
            "text": f"round {row['round']}" if k == 0 else str(row["round"]),
            "x": k / (len(columns) - 1),
            "y": 0,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left" if k == 0 else "right",
            "yanchor": "top",
            "yshift": -4,
            "showarrow": False,
            "font": {"color": "@soft"},
        }
        for k, row in enumerate(columns)
    ]
    return [trace], {
        "hovermode": "closest",
        "annotations": named,
        "margin": {"l": 2, "r": 2, "t": 4, "b": 28},
    }


# A measure's parts


def _wholes(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Measures that have parts, and bias scores, which are shown even where they have none."""
    names = measures(rounds)
    shown = (n for n in names if "/" in n or n in ("bias_ambiguous", "bias_disambiguated"))
    return list(dict.fromkeys(n.partition("/")[0] for n in shown))


def _parts(rounds: Sequence[Mapping[str, Any]], whole: str) -> tuple[list[Trace], dict[str, Any]]:
    """The first round and the last, a row each part; the whole stands on top."""
    form = define(whole).form
    names = [name for name in (whole, *parts(rounds, whole)) if name in measures(rounds)]
    names.reverse()  # plotly draws upwards
    rows = {name: escape(visible(_part(name)), quote=False) for name in names}
    traces: list[Trace] = []
    ends = [rounds[0], rounds[-1]] if len(rounds) > 1 else [rounds[0]]
    for row, colour, symbol, shift in zip(
        ends, ("@soft", "@accuracy"), ("circle-open", "diamond"), (0.14, -0.14), strict=False
    ):
        there = [
            (k, e)
            for k, name in enumerate(names)
            if (e := estimates(row).get(name)) and e.get("value") is not None
        ]
        if there:
            bars = _bars([e for _, e in there], colour)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"round {row['round']}",
                    "x": [e["value"] for _, e in there],
                    "y": [k + shift for k, _ in there],
                    "error_x": bars,
                    "marker": {
                        "color": colour,
                        "symbol": symbol,
                        "size": 9,
                        "line": {"width": 2, "color": colour},
                    },
                    "hovertext": [_said(e, form) for _, e in there],
                    "hoverinfo": "text+name",
                }
            )
    return traces, {
        "height": _ROW * len(names) + _AROUND,
        "margin": {"l": 44, "r": 8, "t": 8, "b": 28},
        "hovermode": "closest",
        "xaxis": {"zeroline": True, "zerolinecolor": "@soft", "tickformat": ".2~f"},
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": list(rows.values()),
            "range": [-0.6, len(names) - 0.4],
            "automargin": True,
            "showgrid": True,
        },
    }


def _part(name: str) -> str:
    return name.partition("/")[2] or "all"
