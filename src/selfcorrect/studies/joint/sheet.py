"""How uncertainty and activation go with the outcome, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import error_bars, said
from selfcorrect.report.numbers import MISSING, p_value
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import (
    LINES,
    estimate,
    sheet_of,
    sized,
)

QUESTION = "Do uncertainty and the concept's activation go with better answers, each by itself?"
TITLE = "Uncertainty, activation and correctness"

Result = Mapping[str, Any]

_ASKED = (
    "Every record has an outcome, an uncertainty and an activation. Each of the last two is split "
    "in two: the mean of its example over the rounds (are examples on which the model is surer "
    "those that it gets right?) and how far a round is from that mean (is it right in the rounds "
    "in which it is surer?). Only the second can be about what a round did. Every round has an "
    "intercept of its own, so that a trend that all share isn't taken for a link.",
)
_NOT = (
    "An association of records is no effect. An easy example is answered rightly and surely, for a "
    "reason that neither uncertainty nor activation need have a part in.",
    "Only a trend that all examples share is taken out. Where examples settle by different amounts "
    "or at different speeds, uncertainty and outcome go together from round to round, though "
    "neither has anything to do with the other.",
    "Coefficients are for a linear relation. One that turns, such as too much of a concept doing "
    "harm, would show as none.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("The coefficients", [], [_table(result), _chart(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """A sentence on each part in the run, and whether the control shows it too."""
    mine = result["fits"]["intrinsic"]["together"]
    theirs = result["fits"]["repeat"]["together"]
    for name, e in mine.items():
        yield _finding(name, e, theirs.get(name), result)
    if result["unknown"]["intrinsic"]["unread"]:
        of = result["unknown"]["intrinsic"]
        yield (
            f"{of['unread']:,} of {of['n']:,} answers of the run aren't known: intervals and p "
            "hold whatever those are."
        )
    if result["activation"] is None:
        yield "No concept was read: --concept NAME, on a local model, adds its activation."


def _finding(name: str, e: Result, control: Result | None, result: Result) -> str:
    what, part = name.split(", ")
    of = f"{what.capitalize()} {'between examples' if part == 'between' else 'from round to round'}"
    if e["value"] is None or e["low"] is None:
        return f"{of}: it can't be told ({e['why']})."
    unit = "log odds" if result["family"] == "logit" else result["outcome"]
    seen = (
        f"{estimate(e, signed=True)} {unit} per standard deviation, p {p_value(e['p_holm'])} "
        f"(Holm), {sized(e)}"
    )
    shown = _shown(e)
    if not shown:
        return f"{of} isn't shown to go with better or worse answers: {seen}."
    return (
        f"{of} goes with {'better' if shown > 0 else 'worse'} answers: {seen}"
        f"{_beside(control, result['difference'].get(name), unit)}."
    )


def _beside(control: Result | None, difference: Result | None, unit: str) -> str:
    """What the control shows, and whether the run is shown to differ from it."""
    if control is None or control["low"] is None:
        return ""
    there = f"; where the question is merely repeated {estimate(control, signed=True)}"
    if difference is None or difference["low"] is None:
        return there
    if _shown(difference):
        return f"{there}, a difference of {estimate(difference, signed=True)} {unit}"
    return f"{there}, from which it isn't shown to differ ({estimate(difference, signed=True)})"


def _shown(e: Result) -> int:
    few = e.get("effective_clusters", e["clusters"]) < 5
    if e["p_holm"] is None or e["p_holm"] >= 0.05 or few or not e["low"] or not e["high"]:
        return 0
    if e["low"] <= 0 <= e["high"]:
        return 0
    return 1 if e["value"] > 0 else -1


def _table(result: Result) -> Table:
    rows = []
    for arm, fits in result["fits"].items():
        for name, e in fits["together"].items():
            rows.append(
                [
                    f"{name}, {arm}",
                    estimate(fits["alone"][name], signed=True),
                    estimate(e, signed=True),
                    p_value(e["p"]),
                    p_value(e["p_holm"]),
                ]
            )
    unit = "log odds" if result["family"] == "logit" else result["outcome"]
    rows += [
        [f"{name}, intrinsic − repeat", MISSING, estimate(e, signed=True), p_value(e["p"]),
         p_value(e["p_holm"])]
        for name, e in result["difference"].items()
    ]  # fmt: skip
    note = f"{unit.capitalize()} per standard deviation of all records; up is better."
    heads = ["", "alone", "together", "p", "p, Holm"]
    return Table("What goes with better answers", heads, rows, note)


def _chart(result: Result) -> Chart:
    traces = []
    names = list(next(iter(result["fits"].values()))["together"])
    for at, (arm, fits) in enumerate(result["fits"].items()):
        known = [n for n in names if fits["together"][n]["low"] is not None]
        found = [fits["together"][n] for n in known]
        colour = LINES[arm][0]
        bars = error_bars(found, colour)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": arm,
                "x": [e["value"] for e in found],
                "y": [names.index(n) + 0.12 * at for n in known],
                "error_x": bars,
                "marker": {"color": colour, "size": 8},
                "hovertext": [said(e, "score") for e in found],
                "hoverinfo": "text+name",
            }
        )
    return Chart(
        name="coefficients",
        title="Coefficients, per standard deviation",
        alt="A coefficient for each part of uncertainty and activation, with intervals.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "goes with better answers →"}, "zeroline": True},
            "yaxis": {"tickvals": list(range(len(names))), "ticktext": names, "showgrid": False},
        },
        caption="Bars are 95 % intervals over clusters.",
        height="16rem",
    )
