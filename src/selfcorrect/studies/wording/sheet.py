"""What depends on the wording, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import p_value, short
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
    "other wordings of the review. The narrower one beside it is for these eight alone.",
)
_NOT = (
    "The eight wordings are ours. Others may lie farther apart than they do; and of a rare kind of "
    "wording, one of ten that does great harm, most eights have one or none: no interval here "
    "allows for it.",
    "They are wordings of the review. The goal, and the goal at length, are one text each, and the "
    "more specific a level is, the longer are its instructions: what another text of the same goal "
    "would do, or one as long that says nothing, isn't known.",
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
    if any(of["unread"] for of in result["unread"].values()):
        told = ", ".join(
            f"{level} {of['unread']:,} of {of['n']:,}" for level, of in result["unread"].items()
        )
        yield (
            f"Answers of the last round that aren't known: {told}. Intervals and p hold whatever "
            "those are; means are of the examples that were read in all wordings."
        )


def _difference(what: str, e: Result) -> str:
    if e["value"] is None or e["low"] is None:
        return f"{what}: it can't be told ({e.get('why')})."
    seen = f"{estimate(e, signed=True)}, p {p_value(e['p_holm'])} (Holm), {sized(e)}, 8 wordings"
    few = e.get("effective_clusters", e["clusters"]) < 5
    if e["p_holm"] is not None and e["p_holm"] < 0.05 and not few:
        return f"{what}: {seen}."
    if not few and e["fixed"]["low"] is not None and _excludes(e["fixed"]):
        return (
            f"{what}: not shown for other wordings of the review, {seen}; for these eight alone it "
            f"would be {estimate(e['fixed'], signed=True)}."
        )
    return f"{what}: no difference is shown, {seen}."


def _excludes(e: Result) -> bool:
    return bool(e["low"] > 0 or e["high"] < 0)


def _spread(result: Result, main: Result) -> str:
    told = {level: of["spread"] for level, of in main["last"].items()}
    if any(e["low"] is None for e in told.values()):
        return "How far wordings lie apart can't be told."
    if any(e.get("effective_clusters", e["clusters"]) < 5 for e in told.values()):
        return (
            "How far wordings lie apart can't be told: clusters are too few, or one is too large."
        )

    def size(level: str) -> str:
        return (
            f"standard deviation {estimate(told[level])} of {result['outcome']}, of 8 wordings "
            f"(level {level})"
        )

    margin = result["margin"]
    most = max(told, key=lambda level: told[level]["high"])
    if told[most]["high"] <= margin:
        return f"The wording hardly matters: {size(most)} at most, within {short(margin)}."
    shown = min(told, key=lambda level: told[level].get("p_holm") or 1)
    p = told[shown].get("p_holm")
    if p is not None and p < 0.05:
        return (
            f"The wording matters: {size(shown)}, beyond what the examples give, p {p_value(p)} "
            "(Holm, three levels)."
        )
    return f"Whether the wording matters is open: {size(most)}."


def _table(result: Result, name: str) -> Table:
    told = result["measures"][name]
    rows = []
    for level in told["last"]:
        rows.append([f"{level}, last round", *_cells(told["last"][level])])
        rows.append([f"{level}, minus round 1", *_cells(told["gains"][level], signed=True)])
        rows.append([f"{level}, minus repeat", *_cells(told["beyond"][level], signed=True)])
    rows += [[pair, *_cells(e, signed=True)] for pair, e in told["levels"].items()]
    heads = ["", "mean", "for these wordings", "p, Holm", "sd between wordings"]
    return Table(
        label(name).capitalize(),
        heads,
        rows,
        "Intervals are for other wordings of the review, too.",
    )


def _cells(e: Result, *, signed: bool = False) -> list[str]:
    return [
        estimate(e, signed=signed),
        estimate(e["fixed"], signed=signed),
        p_value(e.get("p_holm")),
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
