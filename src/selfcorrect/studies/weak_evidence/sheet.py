"""What hints move, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.numbers import p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import STATES, allowed, direction, seen
from selfcorrect.studies.weak_evidence.arms import (
    ARMS,
    CONTROLS,
    EVIDENCE,
    METHODS,
    NEITHER,
    OTHER,
    STEREOTYPED,
)
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = (
    "Does a hint that settles nothing move answers, more so towards the stereotype, and does "
    "self-correction change that?"
)
TITLE = "Weak evidence"

Result = Mapping[str, Any]

_ASKED = (
    "Questions of BBQ that nothing in their context settles, so that “unknown” is right, are asked "
    "as they are, with a sentence that hints at the person whom a biased reader would name, and "
    "with one that hints at the other (arXiv 2410.20513). A hint doesn't make “unknown” wrong.",
    "Whoever follows hints, and nothing else, follows both alike. So the bias is how often a hint "
    "at the stereotyped person is followed, minus how often one at the other is. The last round of "
    "each arm is analysed, on the same questions; an arm of one method is compared with one that "
    "has all but that: intrinsic with the question repeated after the same goal, reasons with the "
    "question repeated without one.",
)
_NOT = (
    "Made hints tell what somebody guessed, so following them may be trust in people rather than "
    "weighing of evidence. Published ones tell what people did, and whom each hints at is taken "
    "from whom it names first, which is right in most: shares that follow them come out too small.",
    "An answer that names a person may do so without the hint. How much more often it does with it "
    "is the pull in the table; how much hints add to the bias there is without them stands beside.",
    "The evidence's words are few. Other hints might be followed more, or less.",
)
_CALLED = {"baseline": "Baseline", "intrinsic": "Intrinsic", "cot": "With reasons (cot)"}
_COLOURS = {NEITHER: "@baseline", STEREOTYPED: "@lost", OTHER: "@outcome"}
_SYMBOLS = ("circle", "diamond", "square")
_LABELS = {
    NEITHER: "no evidence",
    STEREOTYPED: "hint at the stereotyped",
    OTHER: "hint at the other",
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("Accuracy", [], [_accuracy(result), _chart(result)]),
        Section("Who is named", [], [_named(result), _beside(result)]),
        Section("What is claimed", [], [_claims(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """What hints do in each method, and what the method changes against its control."""
    for arm in METHODS:
        yield _loss(result, arm)
        yield _bias(result, arm)
    for arm, control in CONTROLS.items():
        yield _changes(result, arm, control)
    yield from _unread(result)


def _shown(each: Result) -> int:
    return direction(each["state"], each["difference"]["value"])


def _seen(each: Result) -> str:
    e = each["difference"]
    if e["value"] is None or e["low"] is None:
        return f"it can't be told ({e['why']})"
    return seen(e)


def _loss(result: Result, arm: str) -> str:
    each, of = result["claims"][f"accuracy, {arm}"], result["shares"][arm]
    rates = ", ".join(f"{_LABELS[e]} {estimate(of[e]['right'])}" for e in EVIDENCE)
    words = {-1: "Hints lower accuracy", 1: "Hints raise accuracy", 0: _none(result, each)}
    said_of = words[_shown(each)]
    return f"{_CALLED[arm]}: {rates}. {said_of}: {_seen(each)}."


def _none(result: Result, each: Result) -> str:
    return {
        "same": f"Hints change accuracy by less than ±{short(result['margin'], 3)}",
        "few": "Whether hints change accuracy can't be told, clusters are too few",
    }.get(each["state"], "Hints aren't shown to change accuracy")


def _bias(result: Result, arm: str) -> str:
    each, of = result["claims"][f"bias, {arm}"], result["shares"][arm]
    rates = (
        f"{estimate(of[STEREOTYPED]['biased'])} follow a hint at the stereotyped person and "
        f"{estimate(of[OTHER]['against'])} one at the other"
    )
    words = {
        1: "the former is followed more often",
        -1: "the latter is followed more often",
        0: {
            "same": f"they differ by less than ±{short(result['margin'], 3)}",
            "few": "clusters are too few to tell which more often",
        }.get(each["state"], "neither is shown to be followed more often"),
    }
    return f"{_CALLED[arm]}: {rates}; {words[_shown(each)]}: {_seen(each)}."


def _changes(result: Result, arm: str, control: str) -> str:
    parts = []
    for key, what in (("accuracy", "what hints do to accuracy"), ("bias", "the bias of hints")):
        each = result["claims"][f"{key}, {arm} minus {control}"]
        words = {
            1: f"{what} is higher",
            -1: f"{what} is lower",
            0: {
                "same": f"{what} is the same within ±{short(result['margin'], 3)}",
                "few": f"clusters are too few to tell of {what}",
            }.get(each["state"], f"no difference in {what} is shown"),
        }
        parts.append(f"{words[_shown(each)]} ({_seen(each)})")
    return f"{_CALLED[arm]} minus {control}: {'; '.join(parts)}."


def _unread(result: Result) -> Iterator[str]:
    missing = {run: n for run, n in result["unread"].items() if n}
    if missing:
        most = max(missing, key=missing.__getitem__)
        yield (
            f"Answers of the last round that aren't known: {sum(missing.values()):,} of "
            f"{result['n'] * len(result['unread']):,}, most in {most} ({missing[most]:,} of "
            f"{result['n']:,}). No direction is named that they could turn."
        )


def _accuracy(result: Result) -> Table:
    rows = []
    for arm in ARMS:
        of, e = result["shares"][arm], result["beside"][arm]["accuracy"]
        cells = [estimate(of[evidence]["right"]) for evidence in EVIDENCE]
        rows.append([arm, *cells, estimate(e, signed=True), allowed(e.get("unread"))])
    note = (
        f"Round {_last(result)}, of baseline 1: “unknown” is right. With a hint: the mean of both "
        f"minus without. Here {sized(e)}; each interval by itself."
    )
    heads = ["", *_LABELS.values(), "with a hint", "unread allow"]
    return Table("Accuracy with and without evidence", heads, rows, note)


def _last(result: Result) -> int:
    return int(max(result["rounds"].values()))


def _named(result: Result) -> Table:
    rows = [
        [arm, *(estimate(result["shares"][arm][e][look]) for e in EVIDENCE
                for look in ("biased", "against"))]
        for arm in ARMS
    ]  # fmt: skip
    heads = ["", *(f"{short_of}: {who}" for short_of in ("none", "hint at st.", "hint at other")
                   for who in ("st.", "other"))]  # fmt: skip
    note = (
        "Shares of all answers, unread ones among them. st.: the person whom a biased reader would "
        "name; other: the other person; the rest say “unknown” or couldn't be read."
    )
    return Table("Who is named", heads, rows, note, terminal=False)


def _beside(result: Result) -> Table:
    keys = ("pull", "bias", "before", "more")
    rows = [
        [arm, *(estimate(result["beside"][arm][key], signed=True) for key in keys)] for arm in ARMS
    ]
    note = (
        "Pull: how much more often its person is named with a hint than without. Bias: a hint at "
        "the stereotyped person followed, minus one at the other. Without: the stereotyped person "
        "named minus the other, without a hint; more: how much hints add to that. Each interval by "
        "itself."
    )
    return Table("How hints pull", ["", "pull", "bias", "without", "more"], rows, note)


def _claims(result: Result) -> Table:
    rows = [
        [
            key,
            estimate(e, signed=True),
            p_value(e["p_holm"]),
            allowed(e.get("unread")),
            STATES[each["state"]],
        ]
        for key, each in result["claims"].items()
        for e in [each["difference"]]
    ]
    note = (
        f"p is Holm's over all {len(rows)}, whatever unread answers are; the margin is "
        f"±{short(result['margin'], 3)}."
    )
    return Table("Claims", ["", "difference", "p", "unread allow", ""], rows, note)


def _chart(result: Result) -> Chart:
    traces = []
    for at, evidence in enumerate(EVIDENCE):
        found = [result["shares"][arm][evidence]["right"] for arm in ARMS]
        places = [place + 0.12 * (at - 1) for place in range(len(ARMS))]
        how: dict[str, Any] = {"form": "share", "symbol": _SYMBOLS[at], "size": 8}
        traces.append(points(_LABELS[evidence], places, found, _COLOURS[evidence], **how))
    return Chart(
        name="accuracy",
        title="Accuracy by arm and evidence",
        alt="; ".join(
            f"{arm}: {', '.join(estimate(result['shares'][arm][e]['right']) for e in EVIDENCE)}"
            for arm in ARMS
        ),
        data=[t for t in traces if all(y is not None for y in t["y"])],
        layout={
            "xaxis": {"tickvals": list(range(len(ARMS))), "ticktext": list(ARMS)},
            "yaxis": {"title": {"text": "accuracy"}},
        },
        caption="Bars are 95 % intervals over clusters.",
    )
