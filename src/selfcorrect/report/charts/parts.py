"""A measure part by part (a bias score by category): the first round and the last."""

from __future__ import annotations

from collections.abc import Sequence

from selfcorrect.report.charts.traces import Figure, Layout, Trace, error_bars, said
from selfcorrect.report.definitions import Define
from selfcorrect.report.estimates import Round, Rounds, ends, estimates, known, parts
from selfcorrect.text import visible

#: Height of a row, and what a chart has besides, in pixels.
_ROW, _AROUND = 26, 84
#: Shown part by part even where there are no parts: their zero line says what the number can't.
_BIAS = ("bias_ambiguous", "bias_disambiguated")
#: Of the first round and the last: colour, symbol, and how far above the row's middle.
_ENDS = (("@soft", "circle-open", 0.14), ("@outcome", "diamond", -0.14))


def with_parts(rounds: Rounds) -> list[str]:
    """Names of the measures that this chart is drawn of."""
    names = (name for name in known(rounds) if "/" in name or name in _BIAS)
    return list(dict.fromkeys(name.partition("/")[0] for name in names))


def by_part(rounds: Rounds, whole: str, define: Define) -> Figure:
    """A row each part; the whole stands on top."""
    form = define(whole).form
    names = [name for name in (whole, *parts(rounds, whole)) if name in known(rounds)]
    names.reverse()  # the first row is the lowest
    traces = [
        trace
        for row, look in zip(ends(rounds), _ENDS, strict=False)
        for trace in _points(row, names, form, *look)
    ]
    return traces, _layout(names, form)


def _points(
    row: Round, names: Sequence[str], form: str, colour: str, symbol: str, above: float
) -> list[Trace]:
    every = estimates(row)
    there = [(k, every[name]) for k, name in enumerate(names) if name in every]
    there = [(k, e) for k, e in there if e["value"] is not None]
    if not there:
        return []
    found = [e for _, e in there]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"round {row['round']}",
            "x": [e["value"] for e in found],
            "y": [k + above for k, _ in there],
            "error_x": error_bars(found, colour),
            "marker": {
                "color": colour,
                "symbol": symbol,
                "size": 9,
                "line": {"width": 2, "color": colour},
            },
            "hovertext": [said(e, form) for e in found],
            "hoverinfo": "text+name",
        }
    ]


def _layout(names: Sequence[str], form: str) -> Layout:
    return {
        "height": _ROW * len(names) + _AROUND,
        "xaxis": {
            "zeroline": True,
            "zerolinecolor": "@soft",
            "tickformat": "%" if form == "share" else ".2~f",
        },
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": [_label(name) for name in names],
            "range": [-0.6, len(names) - 0.4],
        },
    }


def _label(name: str) -> str:
    return visible(name.partition("/")[2] or "all")
