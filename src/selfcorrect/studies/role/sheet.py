"""What the role of an earlier answer does, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.numbers import p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import allowed, beside, unread
from selfcorrect.studies.words import estimate, label, sheet_of, sized

QUESTION = "Does it matter whose turn the earlier answer is: its own, the user's, or a tool's?"
TITLE = "The role of the earlier answer"

OWN, USER, TOOL = "own", "user", "tool"
ROLES = (OWN, USER, TOOL)

Result = Mapping[str, Any]

_ASKED = (
    "The model answers. Then its answer is shown to it again, word for word: as its own turn, in "
    "the user's message, or as what a tool has returned (arXiv 2606.05976); and the same request "
    "follows, to check it and to answer. Round 1 is the same in all roles, so wrong first answers "
    "and right ones are the same dialogues.",
    "Corrected: of wrong first answers, those that become right. Harmed: of right ones, those that "
    "become wrong. A model that merely changes more answers does more of both.",
)
_NOT = (
    "As its own, the answer is a turn, and the request a message after it; as the user's, both "
    "stand in the message with the question. So the place in the dialogue differs with the role.",
    "In all roles the answer is one that this model gives. What it does with answers that it would "
    "never give, the study blind-spot asks.",
    "Where a chat template, or a server, takes no tool's message without a call, it is shown in "
    "the user's turn, which says that a tool has returned it.",
)
_WHAT = {
    "kept": "answers kept",
    "corrected": "wrong answers corrected",
    "harmed": "right answers lost",
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [Section("By role", [], [_arms(result), _claims(result), _chart(result)])]


def _what(name: str, result: Result) -> str:
    return _WHAT.get(name) or f"{label(result['outcome'])} in round 2"


def findings(result: Result) -> Iterator[str]:
    """A sentence a measure: what it is in each role, and between which roles it differs."""
    many = sum(map(len, result["claims"].values()))
    for name, pairs in result["claims"].items():
        rates = ", ".join(f"{role} {estimate(of[name])}" for role, of in result["arms"].items())
        first = f" (round 1: {estimate(result['first'])})" if name == "accuracy" else ""
        what = _what(name, result).capitalize()
        yield f"{what} by role: {rates}{first}. {_differ(pairs, result, many)}."
    yield from _tool(result)
    yield from unread("Last answers that couldn't be read", result["unread"], result["n"])


def _differ(pairs: Mapping[str, Result], result: Result, many: int) -> str:
    """Between which roles a measure differs, is the same, or neither can be told."""
    shown = [
        f"{pair} {estimate(e, signed=True)}{beside(e)}, p {p_value(e['p_holm'])} (Holm over "
        f"{many}), {sized(e)}"
        for pair, e in pairs.items()
        if e["state"] in ("more", "less")
    ]
    parts = [f"It differs: {'; '.join(shown)}"] if shown else []
    kinds = {
        "same": f"The same within ±{short(result['margin'])}",
        "unread": "Can't be told, as answers that weren't read could turn it",
        "few": "Too few clusters",
        None: "It can't be told",
        "open": "No difference is shown",
    }
    for state, words in kinds.items():
        these = [
            f"{pair} {estimate(e, signed=True)}{beside(e)}"
            for pair, e in pairs.items()
            if e["state"] == state
        ]
        if these:
            parts.append(f"{words}: {'; '.join(these)}")
    return ". ".join(parts)


def _tool(result: Result) -> Iterator[str]:
    e = result["as_user"]
    if e["value"]:
        yield (
            "The model takes no tool's message of itself: what a tool has returned was shown in "
            f"the user's turn, which says so, in {estimate(e)} of the dialogues. So “tool” is the "
            "user's turn in other words."
        )


def _arms(result: Result) -> Table:
    names = list(result["claims"])
    rows = [[role, *(estimate(of[name]) for name in names)] for role, of in result["arms"].items()]
    heads = ["shown as", *(_what(name, result) for name in names)]
    note = f"Accuracy in round 1: {estimate(result['first'])}, the same in all roles."
    return Table("What becomes of the first answer", heads, rows, note)


def _claims(result: Result) -> Table:
    rows = [
        [
            _what(name, result),
            pair,
            estimate(e, signed=True),
            allowed(e.get("unread")),
            p_value(e["p_holm"]),
            sized(e),
        ]
        for name, pairs in result["claims"].items()
        for pair, e in pairs.items()
    ]
    note = (
        f"p by Holm over the {len(rows)}, whatever unread answers are; intervals as recorded, each "
        "by itself."
    )
    return Table("Role against role", ["", "", "difference", "unread allow", "p", ""], rows, note)


def _chart(result: Result) -> Chart:
    colours = {"accuracy": "@outcome", "kept": "@ink", "corrected": "@baseline", "harmed": "@lost"}
    roles = list(result["arms"])
    traces = []
    for at, (name, colour) in enumerate(colours.items()):
        known = [
            (place, role, result["arms"][role][name])
            for place, role in enumerate(roles)
            if result["arms"][role][name]["value"] is not None
        ]
        places = [place + 0.08 * at for place, _, _ in known]
        each, called = [e for _, _, e in known], [role for _, role, _ in known]
        traces.append(points(_what(name, result), places, each, colour, called=called))
    return Chart(
        name="roles",
        title="What becomes of the first answer, by role",
        alt="By role, with intervals: accuracy, answers kept, corrected and harmed.",
        data=traces,
        layout={
            "xaxis": {
                "title": {"text": "the first answer is shown as"},
                "tickvals": list(range(len(roles))),
                "ticktext": roles,
            },
            "yaxis": {"title": {"text": "share"}, "range": [0, 1.02]},
        },
        caption="Bars are 95 % intervals over clusters.",
    )
