"""A report's charts, as figures in plain data, which :mod:`selfcorrect.report.svg` draws.

A colour is written ``@name`` or ``@name/20`` (20 % opaque): the page puts in the theme's. Whatever
a chart says is told by shape or dash as well as by colour. A chart has one or more *views*; a
slider or a list on the page picks one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.charts.activations import heat_maps
from selfcorrect.report.charts.cost import cost
from selfcorrect.report.charts.flow import flow
from selfcorrect.report.charts.lines import curves, measure, settled
from selfcorrect.report.charts.parts import by_part, with_parts
from selfcorrect.report.charts.reliability import reliability
from selfcorrect.report.charts.traces import Figure
from selfcorrect.report.definitions import definer
from selfcorrect.report.estimates import known, points

Chart = dict[str, Any]
View = dict[str, Any]


def charts(summary: Mapping[str, Any]) -> dict[str, Chart]:
    """The charts that this summary has numbers for.

    Args:
        summary: of a run; one without rounds has no charts.

    Returns:
        ``{name: {"alt": what it shows in words, "first": the view that is shown at first,
        "views": [{"name", "term", "data", "layout"}]}}``; a view's term is what it is a view of,
        see :mod:`selfcorrect.report.definitions`. Names: ``curves``, ``cost``, ``measure``,
        ``reliability``, ``flow``, ``settled``, for concepts ``activations`` and, for a measure with
        parts, ``parts/NAME``.
    """
    rounds = summary["rounds"]
    if not rounds:
        return {}
    define = definer(summary)
    outcome = define(summary["outcome"]["name"]).label
    every = [
        _view(measure(summary, n, define), define(n).label, n)
        for n in known(rounds)
        if "/" not in n
    ]
    bins = [_view(reliability(row), f"round {row['round']}", "reliability") for row in rounds]
    sure = next((n for n in ("semantic_entropy", "entropy") if points(rounds, n)), "")
    at = next((k for k, view in enumerate(every) if view["term"] == sure), 0)
    made = {
        "curves": _chart(f"{outcome[:1].upper()}{outcome[1:]} by round.", _view(curves(summary))),
        "cost": _chart("Tokens a dialogue, by round.", _view(cost(summary))),
        "measure": _chart(
            "One measure by round, with its interval, beside the controls.", *every, first=at
        ),
        "reliability": _chart(
            "Accuracy by confidence, in bins, against perfect calibration.",
            *bins,
            first=len(bins) - 1,
        ),
        "flow": _chart(
            "How many dialogues went from right to wrong and back.", _view(flow(rounds))
        ),
        "settled": _chart(
            "Share of dialogues settled, and changed, by round.", _view(settled(rounds))
        ),
        "activations": _chart(
            "Activation of a concept by layer and round, the control's subtracted; each number "
            "with its interval is in the run's summary (show --json).",
            *(_view(figure, name, term) for name, term, figure in heat_maps(summary)),
        ),
        **{
            f"parts/{whole}": _chart(
                f"{define(whole).label} in the first round and the last.",
                _view(by_part(rounds, whole, define)),
            )
            for whole in with_parts(rounds)
        },
    }
    drawn = {name: c for name, c in made.items() if any(view["data"] for view in c["views"])}
    rounded: dict[str, Chart] = _rounded(drawn)
    return rounded


def _chart(alt: str, *views: View, first: int = 0) -> Chart:
    return {"alt": alt, "first": first, "views": list(views)}


def _view(figure: Figure, name: str = "", term: str = "") -> View:
    data, layout = figure
    return {"name": name, "term": term, "data": data, "layout": layout}


def _rounded(value: Any) -> Any:
    """Numbers to as many places as can be seen: a third of the page's size."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
