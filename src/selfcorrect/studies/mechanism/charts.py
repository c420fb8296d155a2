"""Chains of readings by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.charts.traces import scatter
from selfcorrect.report.sheet import Chart
from selfcorrect.studies.charts import axes

_COLOURS = ("@outcome", "@confidence", "@baseline", "@lost", "@other")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SITES = {"residual": "residual stream", "attention": "attention blocks", "mlp": "MLP blocks"}


def by_layer(result: Mapping[str, Any], name: str, site: str) -> Chart:
    """A chain's readings minus its first, by layer, at a site."""
    chain = result["chains"][name]
    table = chain["by_layer"][site]
    traces = []
    for t, link in enumerate(chain["links"][1:]):
        every = [
            {"value": v[t], "low": low[t], "high": high[t]}
            for v, low, high in zip(table["value"], table["low"], table["high"], strict=True)
        ]
        known = [(layer, e) for layer, e in enumerate(every) if e["value"] is not None]
        colour, each = _COLOURS[t % len(_COLOURS)], [e for _, e in known]
        dash = _DASHES[t % len(_DASHES)]
        how: dict[str, Any] = {"form": "score", "dash": dash, "aside": 0.12 * t, "size": 5}
        traces.append(scatter(link, [layer for layer, _ in known], each, colour, **how))
    first, last = result["upper"]
    band = {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": first - 0.5,
        "x1": last + 0.5,
        "line": {"width": 0},
        "fillcolor": "@soft/40",
    }
    start = chain["links"][0]
    layout = axes("layer", f"cosine, minus that of “{start}”", xaxis={"tickformat": "d"})
    return Chart(
        name=f"chain-{name.replace(' ', '-')}-{site}",
        title=f"{name.capitalize()}, {_SITES[site]}",
        alt=f"Cosine with the concept by layer, minus that of {start}, a line a reading.",
        data=traces,
        layout={**layout, "shapes": [band]},
        caption=(
            "Bars are 95 % intervals over clusters of each layer by itself; the band holds the "
            "upper-middle layers, over which the tables take the mean."
        ),
    )
