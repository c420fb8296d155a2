"""How far states lie along a concept, by layer and round, the control's subtracted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import Figure
from selfcorrect.report.numbers import written, written_interval
from selfcorrect.text import visible

#: A scale shorter than this would make news of noise.
_LEAST = 0.02
#: So many layers are named at most.
_TICKS = 12
_PLACES = {"before_answer": "before the answer", "first_answer": "at the answer's first token"}


def heat_maps(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, Figure]]:
    """``(name, term, figure)`` of each concept and place."""
    for concept, told in (summary.get("activations") or {}).items():
        for place, found in told["at"].items():
            most = max((n for row in found["n"] for n in row), default=0)
            where = f"{_PLACES.get(place, place)}, minus {found['against']}, n {most:,}"
            yield f"{visible(concept)}, {where}", "activation_map", _heat_map(found, told["layer"])


def _heat_map(found: Mapping[str, Any], chosen: int) -> Figure:
    known = [abs(v) for row in found["value"] for v in row if v is not None]
    if not known:
        return [], {}
    most = max(_LEAST, *known)
    rounds = [str(number) for number in found["rounds"]]
    trace = {
        "type": "heatmap",
        "x": rounds,
        "y": found["layers"],
        "z": found["value"],
        "zmin": -most,
        "zmax": most,
        "colorscale": [[0, "@lost/90"], [0.5, "@soft/0"], [1, "@outcome/90"]],
        "key": f"cosine, minus {found['against']}",
        "hovertext": [
            [_said(found, x, t, layer) for t in range(len(rounds))]
            for x, layer in enumerate(found["layers"])
        ],
        "hoverinfo": "text",
        "xgap": 1,
    }
    line = {
        "type": "scatter",
        "mode": "markers",
        "name": "chosen layer",
        "x": rounds,
        "y": [chosen] * len(rounds),
        "marker": {"symbol": "line-ew-open", "size": 14, "color": "@ink"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [trace, line], {
        "height": 480,
        "xaxis": {"title": {"text": "round"}, "type": "category", "showgrid": False},
        "yaxis": {
            "title": {"text": "layer"},
            "showgrid": False,
            "tickformat": "d",
            "tick0": 0,
            "dtick": -(-len(found["layers"]) // _TICKS),
        },
    }


def _said(found: Mapping[str, Any], x: int, t: int, layer: int) -> str:
    e = {key: found[key][x][t] for key in ("value", "low", "high", "n")}
    where = f"layer {layer}, round {found['rounds'][t]}: "
    if e["value"] is None:
        return where + "–"
    return f"{where}{written(e['value'], signed=True)} {written_interval(e, 'score')}, n {e['n']:,}"
