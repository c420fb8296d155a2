"""The charts of a bridge: forecasts as lines, what was measured as markers with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace, rounds_axis, scatter
from selfcorrect.report.sheet import Chart
from selfcorrect.studies.bridge.tables import LINES, METHODS, QUANTITIES
from selfcorrect.studies.charts import line

Result = Mapping[str, Any]
Estimate = Mapping[str, Any]


def epsilon(result: Result) -> Chart:
    """ε over rounds between the anchors, and the line fitted to rounds 1-3."""
    rows = result["epsilon"]
    ends = [rows[0], rows[-1]]
    traces = [
        line("p₋, ε = 1", _x(ends), [1, 1], "@baseline", "dash"),
        line("p₊, ε = 0", _x(ends), [0, 0], "@baseline", "dot"),
    ]
    theory = "No curve is fitted, as the model can't be fitted. "
    if result["applies"]:
        theory = "Theory: a logistic curve through rounds 1-3, dashed where it is a forecast. "
        fitted, later = rows[:3], rows[2:]
        traces += [
            line("line through rounds 1-3", _x(fitted), [r["line"] for r in fitted], "@outcome"),
            line("its continuation", _x(later), [r["line"] for r in later], "@outcome", "dash"),
        ]
    traces.append(_markers("measured ε", [(r["round"], r) for r in rows]))
    return Chart(
        name="epsilon",
        title="The share of the other concept in each round",
        alt="ε by round, measured with intervals, between the anchors at 0 and 1"
        + (", beside the line fitted to rounds 1-3." if result["applies"] else "."),
        data=traces,
        layout={"xaxis": rounds_axis(result["actual"]), "yaxis": {"title": {"text": "ε"}}},
        caption=(
            f"{theory}Measured: ε by least squares over all records; bars are 95 % intervals over "
            "clusters."
        ),
    )


def later(result: Result, name: str) -> Chart:
    """The later rounds of a quantity, measured, beside each forecast."""
    rows = result["predictions"]
    start = result["actual"][2]
    traces = [
        line(
            METHODS.get(method, method),
            [start["round"], *_x(rows)] if method != "two_concept" else _x(rows),
            ([start[name]["value"]] if method != "two_concept" else [])
            + [row[name][method] for row in rows],
            *how,
        )
        for method, how in LINES.items()
        if method in rows[0][name]
    ]
    traces.append(_markers("measured", [(row["round"], row[name]) for row in result["actual"]]))
    return Chart(
        name=f"later-{name}",
        title=f"The later rounds: {QUANTITIES[name]}",
        alt=f"{QUANTITIES[name]} by round, measured with intervals, beside every forecast.",
        data=traces,
        layout={"xaxis": rounds_axis(result["actual"]), "yaxis": {"tickformat": ".2~f"}},
        caption=(
            "Lines are forecasts for held-out clusters, from rounds 1-3 of the other clusters. "
            "Markers are measured; bars are 95 % intervals over clusters."
        ),
    )


def _x(rows: Sequence[Result]) -> list[float]:
    return [row["round"] for row in rows]


def _markers(name: str, found: Sequence[tuple[float, Estimate]]) -> Trace:
    there = [(x, e) for x, e in found if e["value"] is not None]
    drawn = scatter(name, [x for x, _ in there], [e for _, e in there], "@ink")
    return {**drawn, "mode": "markers"}
