"""What checks do, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import error_bars, said, scatter
from selfcorrect.report.numbers import MISSING, count, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.checking.arms import CHECKING, REPEAT, TRUE
from selfcorrect.studies.claims import allowed, unread
from selfcorrect.studies.words import estimate, label, sheet_of, sized

QUESTION = "Does a model's check of its own answer, left in the dialogue, make the next one better?"
TITLE = "Checking as context"

Result = Mapping[str, Any]

_ASKED = (
    "The model answers, checks its answer, and is asked the same question again, with answer and "
    "check in the dialogue (arXiv 2405.18634); as many checks as later rounds. The control is the "
    "same question again, without a check.",
    "If it is the check that helps, gains should be larger where checks tell right answers from "
    "wrong ones: P(says right | right) − P(says right | wrong). How often checks are true doesn't "
    "tell that: one that says “wrong” whatever the answer is is true where answers are wrong. And "
    "easier categories gain otherwise than harder ones without any check. So the association over "
    "categories is of gains minus those of the question merely repeated, beyond how many first "
    "answers were right (and its square). And false checks, put in the model's mouth, should harm.",
)
_NOT = (
    "Categories are few, and what sets them apart (how easy they are, how they are worded) may "
    "move both numbers. False checks are drawn, so what they do is an effect.",
    "False and true checks are one sentence each, not in the model's own words, and may be taken "
    "for more, or less.",
    "After a check in words its verdict is chosen, right or wrong, and only that is counted: what "
    "the sentences before it say isn't. A 5 of 9 is no verdict; the table has how many are.",
)
_LINES = {
    CHECKING: ("@outcome", "solid"),
    REPEAT: ("@baseline", "dash"),
    TRUE: ("@repeat", "dot"),
    "false checks 1": ("@lost", "dashdot"),
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("Checks and answers", [], [_checks(result), _differences(result), _curves(result)]),
        Section("By category", [], [_categories(result), *_scatter(result)]),
        Section("False checks", [], [_false(result)]),
    ]


def _moved(e: Result) -> str:
    """A change, and where nobody knows its direction that."""
    turned = ", which answers that weren't read could turn," if e.get("hangs") else ""
    return f"{estimate(e, signed=True)}{turned}"


def findings(result: Result) -> Iterator[str]:
    """Beyond repetition, by category, false checks, an accurate critic, drift, and forms."""
    own = result["beyond"][CHECKING]
    what = label(result["outcome"])
    yield (
        f"From round 1 to {result['rounds'][-1]} {what} changes by {_moved(own)} with checks "
        f"({result['form']}) and by {_moved(result['beyond'][REPEAT])} without."
    )
    yield _difference(
        f"{what.capitalize()} with checks minus the question merely repeated",
        result["beyond"]["difference"],
        result,
    )
    yield _self(result)
    yield _associated(result)
    yield _slope(result)
    yield _difference(
        f"An accurate critic in its place, minus its own checks: {what}", result["true"], result
    )
    yield from _drifts(result)
    for form, e in result["forms"].items():
        yield _difference(f"The form “{form}” minus “{result['form']}”: {what}", e, result, 3)
    last = result["rounds"][-1]
    yield from unread(f"Answers of round {last} that aren't known", result["unread"], result["n"])


def _difference(what: str, e: Result, result: Result, many: int = 1) -> str:
    """A comparison's verdict, at the level that it was decided at."""
    if e["value"] is None or e["verdict"] is None:
        return f"{what}: it can't be told ({e.get('why')})."
    low, high = e["decides"]
    at_once = f" for {many} at once" if many > 1 else ""
    seen = f"{estimate({**e, 'low': low, 'high': high}, signed=True)}{at_once}, {sized(e)}"
    if e.get("hangs"):
        return f"{what}: it can't be told, as answers that weren't read could turn it; {seen}."
    if e.get("depends"):
        return f"{what}: it depends on the round in which one stops, {seen}."
    words = {
        "better": "better",
        "worse": "worse",
        "same": f"the same within ±{short(result['margin'], 3)}",
        "undecided": "no difference is shown",
    }
    return f"{what}: {words[e['verdict']]}, {seen}."


def _self(result: Result) -> str:
    of = result["checks"][result["form"]]
    if of["true"]["value"] is None:
        return (
            "How often its checks are true can't be told: of its first checks "
            f"{estimate(of['read'])} could be read; {sized(of['read'])}."
        )
    return (
        f"Of its first checks {estimate(of['true'])} say what is so; {estimate(of['right'])} say "
        f"that the answer is right, and {estimate(of['read'])} could be read; {sized(of['read'])}."
    )


def _associated(result: Result) -> str:
    e = result["association"]
    beside = _beside(result)
    if e["value"] is None:
        return (
            "Whether gains are larger in categories whose checks tell right answers from wrong "
            f"ones better can't be told: {e['why']}{beside}."
        )
    p = f"p {p_value(e['p'])} by permutation"
    if e["weakest"] is not None:
        p += f", of the weakest that unread answers allow, {short(e['weakest'], 3, signed=True)}"
    seen = f"partial correlation {estimate(e, signed=True)}, {p}, {e['n']} categories"
    said = "Beyond how many first answers were right, gains minus those of the question repeated"
    if e["hangs"]:
        return (
            f"{said}: whether they go with how well a category's checks tell right answers from "
            f"wrong ones can't be told, as unread answers decide it; {seen}{beside}."
        )
    if e["p"] < 0.05:
        way = "larger" if e["value"] > 0 else "smaller"
        return (
            f"{said} are {way} in categories whose checks tell right answers from wrong ones "
            f"better: {seen}{beside}."
        )
    return (
        f"{said} aren't shown to go with how well a category's checks tell right answers from "
        f"wrong ones: {seen}{beside}."
    )


def _beside(result: Result) -> str:
    """What has no part in the association, and what was published in its place."""
    said = ""
    if (other := result["of_read"]) is not None and other["value"] is not None:
        said += f"; unread answers left out, it is {short(other['value'], 3, signed=True)}"
    if published := result["published"]["value"]:
        said += (
            f"; with how often checks are true, as published, {short(published, 3, signed=True)}, "
            "which a bias to say “wrong” makes, too"
        )
    if result["uneven"]:
        n = result["uneven"]
        said += (
            f"; {n:,} {'category has' if n == 1 else 'categories have'} no part, with fewer than 5 "
            "right or 5 wrong first answers"
        )
    if result["left_out"]:
        said += f"; without {count(result['left_out'], 'example')} of unread first answers"
    return said


def _slope(result: Result) -> str:
    e, what = result["slope"], label(result["outcome"])
    if e["value"] is None or e["low"] is None:
        return f"What false checks do can't be told ({e.get('why')})."
    seen = f"{estimate(e, signed=True)} from none to all of them, p {p_value(e['p'])}, {sized(e)}"
    if e["few"] or e["p"] is None or e["p"] >= 0.05:
        return f"False checks aren't shown to change {what}: {seen}."
    return (
        f"The more checks are false, the {'higher' if e['value'] > 0 else 'lower'} {what}: {seen}."
    )


def _drifts(result: Result) -> Iterator[str]:
    names = {CHECKING: "its own checks", TRUE: "an accurate critic", REPEAT: "no check"}
    rounds = result["rounds"]
    if len(rounds) < 3:
        return
    for arm, e in result["drift"].items():
        yield _difference(
            f"From round {rounds[1]} to round {rounds[-1]}, with {names[arm]}", e, result, 3
        )


def _checks(result: Result) -> Table:
    rows = [
        [form, estimate(of["read"]), estimate(of["right"]), estimate(of["true"]), sized(of["true"])]
        for form, of in result["checks"].items()
    ]
    note = "Of round 1's answers. A number above 5 says right, one below it wrong."
    return Table("The first check", ["form", "read", "say right", "are true", ""], rows, note)


def _differences(result: Result) -> Table:
    last = result["rounds"][-1]
    rows = [
        ["checks minus repeat", *_cells(result["beyond"]["difference"])],
        ["accurate critic minus its own checks", *_cells(result["true"])],
        *([f"form {form} minus {result['form']}", *_cells(e)] for form, e in
          result["forms"].items()),
        *([f"{arm}, minus round {result['rounds'][1]}", *_cells(e)] for arm, e in
          result["drift"].items() if e is not None),
    ]  # fmt: skip
    note = "Each interval by itself; verdicts hold for the forms, and for the rounds, together."
    title = f"{label(result['outcome']).capitalize()} in round {last}"
    return Table(title, ["", "difference", "unread allow", ""], rows, note)


def _cells(e: Result) -> list[str]:
    return [estimate(e, signed=True), allowed(e.get("unread")), e["verdict"] or MISSING]


def _categories(result: Result) -> Table:
    rows = [
        [name, estimate(of["first"]), estimate(of["last"]), estimate(of["gain"], signed=True),
         estimate(of["beyond"], signed=True), estimate(of["true"]),
         estimate(of["ability"], signed=True), sized(of["gain"])]
        for name, of in result["categories"].items()
    ]  # fmt: skip
    note = "A category is a cluster's name, up to its first slash."
    if result["small"]:
        note += f" Left out with fewer than 5 examples: {result['small']:,}."
    heads = [
        "",
        "round 1",
        f"round {result['rounds'][-1]}",
        "gain",
        "minus repeat's",
        "checks true",
        "tell right from wrong",
        "",
    ]
    return Table(f"{label(result['outcome']).capitalize()} by category", heads, rows, note)


def _false(result: Result) -> Table:
    rows = [
        [
            q,
            estimate(of["outcome"]),
            *([MISSING] * 3 if of["difference"] is None else _cells(of["difference"])),
        ]
        for q, of in result["false"].items()
    ]
    note = "The other checks are the model's own. Verdicts hold for the four together."
    heads = ["false", label(result["outcome"]), "minus none false", "unread allow", ""]
    return Table(f"Checks replaced by a false one, round {result['rounds'][-1]}", heads, rows, note)


def _curves(result: Result) -> Chart:
    traces = []
    for at, (arm, (colour, dash)) in enumerate(_LINES.items()):
        found = result["curves"][arm]
        how: dict[str, Any] = {"form": "score", "dash": dash, "aside": 0.05 * at, "size": 6}
        traces.append(scatter(arm, result["rounds"], found, colour, **how))
    name = label(result["outcome"])
    return Chart(
        name="rounds",
        title=f"{name.capitalize()} by round",
        alt=f"{name} by round, a line for each of {', '.join(_LINES)}, with intervals.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "round"}, "tickformat": "d"},
            "yaxis": {"title": {"text": name}},
        },
        caption="Bars are 95 % intervals over clusters.",
    )


def _scatter(result: Result) -> list[Chart]:
    of = {name: e for name, e in result["categories"].items() if e["ability"]["value"] is not None}
    if len(of) < 2:
        return []
    return [
        Chart(
            name="categories",
            title="Gain minus repeat's against how well checks tell right from wrong, by category",
            alt="; ".join(
                f"{name}: checks tell right from wrong by {estimate(e['ability'], signed=True)}, "
                f"gain minus repeat's {estimate(e['beyond'], signed=True)}"
                for name, e in of.items()
            ),
            data=[
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [e["ability"]["value"] for e in of.values()],
                    "y": [e["beyond"]["value"] for e in of.values()],
                    "error_y": error_bars([e["beyond"] for e in of.values()], "@outcome"),
                    "marker": {"color": "@outcome", "size": 9},
                    "hovertext": [
                        f"{name}: {said(e['beyond'], 'score')}" for name, e in of.items()
                    ],
                    "hoverinfo": "text",
                }
            ],
            layout={
                "xaxis": {"title": {"text": "P(says right | right) − P(says right | wrong)"}},
                "yaxis": {"title": {"text": "gain minus repeat's"}, "zeroline": True},
                "showlegend": False,
            },
            caption="Not adjusted for how many first answers were right; the finding is.",
        )
    ]
