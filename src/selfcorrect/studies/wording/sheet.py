"""What depends on the wording, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import (
    estimate,
    label,
    sheet_of,
    sized,
)

QUESTION = "How much depends on the words of the instruction, and on how specific it is?"
TITLE = "Wording"

Result = Mapping[str, Any]

_ASKED = (
    "A single prompt per method, as most comparisons have it, can't tell a method from its words. "
    "Here each level of specificity is asked for in eight wordings that differ in beginning, "
    "verbs and length: nothing on the goal, the goal again, the goal again and at length how to "
    "reach it.",
    "Wordings are a sample as examples are: the interval of a level is for other examples and "
    "other wordings of its kind. The narrower one beside it is for these eight wordings alone.",
)
_NOT = (
    "The eight wordings are ours. Others may lie farther apart than they do.",
    "The best of the 24 isn't named: chosen by its own result, it would look better than it is.",
)
_COLOURS = {"plain": "@baseline", "goal": "@outcome", "specific": "@confidence"}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section(
            "The levels",
            [],
            [
                _texts(result),
                *(
                    part
                    for name in result["measures"]
                    for part in (_table(result, name), _chart(result, name))
                ),
            ],
        ),
    ]


def findings(result: Result) -> Iterator[str]:
    """Does specificity matter, does a review beat repetition, how far do wordings lie apart?"""
    for name, told in result["measures"].items():
        e = told["levels"]["specific − plain"]
        yield _difference(
            f"{label(name).capitalize()}: the specific instruction minus none on the goal", e
        )
    main = result["measures"][result["outcome"]]
    for level, e in main["beyond"].items():
        yield _difference(
            f"{label(result['outcome']).capitalize()}: a review ({level}) minus the question "
            "merely repeated",
            e,
        )
    yield _spread(result, main)


def _difference(what: str, e: Result) -> str:
    if e["value"] is None or e["low"] is None:
        return f"{what}: it can't be told ({e.get('why')})."
    seen = f"{estimate(e, signed=True)}, p {p_value(e['p_holm'])} (Holm), {sized(e)}, 8 wordings"
    few = e.get("effective_clusters", e["clusters"]) < 5
    if e["p_holm"] is not None and e["p_holm"] < 0.05 and not few:
        return f"{what}: {seen}."
    if e["fixed"]["low"] is not None and (e["fixed"]["low"] > 0 or e["fixed"]["high"] < 0):
        return (
            f"{what}: not shown for wordings of this kind, {seen}; for these eight alone it would "
            f"be {estimate(e['fixed'], signed=True)}."
        )
    return f"{what}: no difference is shown, {seen}."


def _spread(result: Result, main: Result) -> str:
    told = {level: main["last"][level]["spread"] for level in main["last"]}
    most = max(told, key=lambda level: told[level]["value"] or 0)
    e = told[most]
    if e["low"] is None:
        return "How far wordings lie apart can't be told."
    size = f"standard deviation {estimate(e)} of {result['outcome']}, of 8 wordings"
    margin = result["margin"]
    if e["high"] <= margin:
        return f"The wording hardly matters: {size} at most (level {most}), within {short(margin)}."
    if e["low"] > 0:
        return f"The wording matters: {size} (level {most}), beyond what the examples give."
    return f"Whether the wording matters is open: {size} (level {most})."


def _table(result: Result, name: str) -> Table:
    told = result["measures"][name]
    rows = []
    for level in told["last"]:
        rows.append([f"{level}, last round", *_cells(told["last"][level])])
        rows.append([f"{level}, minus round 1", *_cells(told["gains"][level], signed=True)])
        rows.append([f"{level}, minus repeat", *_cells(told["beyond"][level], signed=True)])
    rows += [[pair, *_cells(e, signed=True)] for pair, e in told["levels"].items()]
    heads = ["", "mean", "for these wordings", "p, Holm", "sd between wordings"]
    return Table(label(name).capitalize(), heads, rows, "Intervals are for other wordings, too.")


def _cells(e: Result, *, signed: bool = False) -> list[str]:
    return [
        estimate(e, signed=signed),
        estimate(e["fixed"], signed=signed),
        p_value(e["p_holm"]) if e.get("p_holm") is not None else MISSING,
        estimate(e["spread"]),
    ]


def _texts(result: Result) -> Table:
    rows = [[str(n), text] for n, text in enumerate(result["wordings"], start=1)]
    return Table("The wordings", ["", "of the review"], rows, terminal=False)


def _chart(result: Result, name: str) -> Chart:
    told = result["measures"][name]["last"]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": level,
            "x": [f"{n}" for n in range(1, len(e["wordings"]) + 1)],
            "y": e["wordings"],
            "marker": {"color": _COLOURS[level], "size": 8},
        }
        for level, e in told.items()
    ]
    return Chart(
        name="wordings-" + "".join(c if c.isalnum() else "-" for c in name),
        title=f"{label(name).capitalize()} in the last round, by wording",
        alt=f"{label(name)} by wording, a colour for each level.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "wording"}, "type": "category"},
            "yaxis": {"title": {"text": label(name)}},
        },
        caption="Points of one wording share its words; the examples are the same in all.",
    )
