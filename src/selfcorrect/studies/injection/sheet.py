"""How long an injected instruction lasts, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import scatter
from selfcorrect.report.numbers import count, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import (
    curves,
    estimate,
    label,
    sheet_of,
    sized,
)

QUESTION = "How many rounds does one reversed instruction last?"
TITLE = "Injection"

Result = Mapping[str, Any]

_ASKED = (
    "Two runs on the same examples, the same up to the injected round; there the review asks for "
    "the opposite of the goal. What the runs differ by afterwards is what that one instruction "
    "left behind. Published (arXiv 2406.02378): the effect of an immoral round lasts one round.",
    "Of several injected rounds, each lag is the mean over all of them, a dialogue counting once. "
    "A later injection isn't seen apart from what an earlier one may have left.",
)
_NOT = (
    "The reversed instruction stays in the transcript. If its effect ends, the model attends to it "
    "no more, or newer instructions outweigh it; which of the two isn't shown here.",
    "“Gone” is said where the interval lies within the margin, and never because a difference "
    "isn't shown.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section(
            "By rounds since the injection",
            [],
            [_table(result), *(_lags(result, name) for name in result["lags"])],
        ),
        Section(
            "By round",
            [f"Injected: round {', '.join(map(str, result['injected']))}."],
            [curves(name, of, result["rounds"]) for name, of in result["curves"].items()],
        ),
    ]


def findings(result: Result) -> Iterator[str]:
    """A sentence a measure: what the injection did at once, and how long it is seen."""
    for name, rows in result["lags"].items():
        yield _finding(name, rows, result["lasts"][name], result["margins"][name])


def _finding(name: str, rows: list[Result], told: Result, margin: float | None) -> str:
    first, last = rows[0], told["shown"]
    what = label(name).capitalize()
    seen = f"{estimate(first, signed=True)}, {sized(first)}"
    within = f"within ±{short(margin or 0)}"
    # differences that don't follow from one that is shown at once
    beyond = [row for row in rows[1:] if row["state"] == "shown" and row["lag"] > max(last, 0)]
    apart = "; ".join(
        f"{_since(row['lag'])} {estimate(row, signed=True)}, p {p_value(row['p_holm'])} (Holm)"
        for row in beyond
    )
    gone = (
        f"shown to be gone ({within}) from {count(told['gone'], 'round')} later on"
        if told["gone"] is not None
        else "never shown to be gone"
    )
    most = f"seen up to {count(rows[-1]['lag'], 'round')} later"
    if first["state"] != "shown":
        at_once = (
            f"changes it by no more than ±{short(margin or 0)} at once"
            if first["state"] == "gone"
            else "isn't shown to change it at once"
        )
        if beyond:
            later = f"but the runs differ afterwards, {apart}; the difference is {gone}"
        else:
            later = "and no difference is shown afterwards"
        return f"{what}: the injected round {at_once}, {seen}; {later} ({most})."
    after = (
        "not shown any more in the round after"
        if last == 0
        else f"still shown {count(last, 'round')} later"
    )
    again = f", shown again {apart}" if beyond else ""
    return (
        f"{what}: the injected round changes it at once, {seen}; {after}{again}, and {gone} "
        f"({most})."
    )


def _table(result: Result) -> Table:
    rows = [
        [
            f"{label(name)}, {_since(row['lag'])}",
            estimate(row, signed=True),
            p_value(row["p_holm"]),
            _state(row["state"], result["margins"][name]),
        ]
        for name, of in result["lags"].items()
        for row in of
    ]
    return Table("Injected run minus the plain one", ["", "difference", "p, Holm", ""], rows)


def _state(state: str, margin: float | None) -> str:
    return {"shown": "differs", "undecided": "undecided"}.get(
        state, f"within ±{short(margin or 0)}"
    )


def _since(lag: int) -> str:
    return "in that round" if lag == 0 else f"{count(lag, 'round')} later"


def _lags(result: Result, name: str) -> Chart:
    rows = [row for row in result["lags"][name] if row["value"] is not None]
    margin = result["margins"][name]
    shapes = []
    if margin is not None:
        shapes = [
            {
                "type": "rect",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": -margin,
                "y1": margin,
                "line": {"width": 0},
                "fillcolor": "@soft/40",
            }
        ]
    lags = [row["lag"] for row in rows]
    line = scatter("injected minus plain", lags, rows, "@outcome", form="score")
    return Chart(
        name="lags-" + "".join(c if c.isalnum() else "-" for c in name),
        title=f"{label(name).capitalize()} after an injection",
        alt=f"Difference in {label(name)} by rounds since the injection, with intervals.",
        data=[{**line, "hoverinfo": "text"}],
        layout={
            "xaxis": {
                "title": {"text": "rounds since the injection"},
                "dtick": 1,
                "tickformat": "d",
            },
            "yaxis": {"title": {"text": "difference"}},
            "shapes": shapes,
            "showlegend": False,
        },
        caption="Bars are 95 % intervals over clusters; the band is the margin.",
    )
