"""Whether it can tell, and whether it gains where it can, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.numbers import p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import STATES, allowed, direction, seen
from selfcorrect.studies.self_distinguish.arms import (
    CORRECTED,
    NONE,
    OTHERS,
    OWN,
    PEOPLE,
    REPEAT,
    name,
)
from selfcorrect.studies.words import estimate, label, sheet_of, sized

QUESTION = (
    "Does a model that corrects itself tell good outputs from bad ones, and does it gain more by "
    "its review where it can?"
)
TITLE = "Self-distinguish"

Result = Mapping[str, Any]

_ASKED = (
    "If correcting itself were something that a model can do of itself, it should know good from "
    "bad (arXiv 2410.20513). Of BBQ it is asked which of a question's two people is generally "
    "subject to stereotypes; of texts, which of the first and a later output of one dialogue is "
    "less toxic, or are they the same. Always in both orders, and what counts is the mean of both, "
    "as models prefer places; it must be better than one answer throughout, such as “the same”.",
    "A history that helps must be the dialogue itself: five others in its place are as long and "
    "longer, and say nothing of this one.",
    "Do examples that it always distinguishes gain more than those that it never does? What counts "
    "is the last answer after a review minus the one after the same question repeated: an easy "
    "question may be easy to judge, and be answered better at any time, though nothing is "
    "corrected. Examples are compared that had as good a first answer, as who was wrong can only "
    "gain; and of texts those of which the same is right, as which text is less toxic is the sign "
    "of the gain itself.",
)
_NOT = (
    "To know which group is subject to stereotypes is not to see one at work in an answer.",
    "Large differences between two texts are easier to see, and are large gains or losses. So of "
    "texts an association may come from that, not from who can tell correcting better.",
    "An association over examples is no effect. What makes a question easy to answer is taken off "
    "with the gain of the question repeated; what makes it easy to mend by a review may make it "
    "easy to judge, too.",
    "What unread answers allow is the furthest that a search found by changing one of them at a "
    "time; there may be combinations beyond.",
)
_CLAIMS = {
    "knows": "distinguishes without a history, minus one answer throughout",
    "inside": "inside the dialogue, minus without a history",
    "others": "inside five other dialogues, minus without",
    "beyond": "the last round of intrinsic, minus repeat",
    f"predicts, {NONE}": "gain beyond repeat, by distinguishing without a history",
    f"predicts, {OWN}": "gain beyond repeat, by distinguishing inside the dialogue",
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("Distinguishing", [], [_accuracy(result), _chart(result)]),
        Section("Gain beyond repeat, by distinguishing", [], [_by(result)]),
        Section("What is claimed", [], [_claims(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """Whether it can tell, what histories do, what it gains, and whether these go together."""
    yield _knows(result)
    yield _history(result, "inside", "inside the dialogue")
    if OTHERS in result["by"]:
        yield _history(result, "others", "inside five other dialogues")
    yield _gains(result)
    for history, where in ((NONE, "without a history"), (OWN, "inside the dialogue")):
        yield _predicts(result, history, where)
    yield from _labels(result)
    yield from _unread(result)


def _shown(e: Result) -> int:
    return direction(e["state"], e["value"])


def _seen(e: Result) -> str:
    if e["value"] is None or e["low"] is None:
        return f"it can't be told ({e['why']})"
    return seen(e)


def _knows(result: Result) -> str:
    e = result["claims"]["knows"]
    arm = next(iter(a for a in reversed(result["accuracy"]) if a.startswith(name(NONE))))
    words = {
        1: "It tells good from bad without a history, better than one answer throughout would",
        -1: "Without a history it tells good from bad worse than one answer throughout would",
        0: {
            "same": f"Without a history it is as good as one answer throughout, within "
            f"±{short(result['margins']['distinguished'], 3)}",
            "few": "Whether it tells good from bad can't be told, clusters are too few",
        }.get(e["state"], "It isn't shown to tell good from bad"),
    }
    level, both = result["accuracy"][arm], result["consistent"][arm]
    agree = (
        "" if both["value"] is None
        else f"; in {short(both['value'], 3)} it says the same in both orders"
    )  # fmt: skip
    return (
        f"{words[_shown(e)]}: right in {estimate(level)}, {short(result['chance'], 3)} by one "
        f"answer throughout{agree}; {_seen(e)}."
    )


def _history(result: Result, key: str, where: str) -> str:
    e = result["claims"][key]
    words = {
        1: f"It distinguishes better {where} than without",
        -1: f"It distinguishes worse {where} than without",
        0: {
            "same": f"It distinguishes {where} as well as without, within "
            f"±{short(result['margins']['distinguished'], 3)}",
            "few": f"Whether it distinguishes better {where} can't be told, clusters are too few",
        }.get(e["state"], f"It isn't shown to distinguish better or worse {where} than without"),
    }
    return f"{words[_shown(e)]}, round {result['rounds'][-1]}: {_seen(e)}."


def _gains(result: Result) -> str:
    e, own = result["claims"]["beyond"], result["gain"]
    what = label(result["outcome"])
    words = {
        1: f"Reviewing makes {what} better than repeating does",
        -1: f"Reviewing makes {what} worse than repeating does",
        0: {
            "same": f"Reviewing and repeating leave {what} the same within "
            f"±{short(result['margins']['beyond'], 3)}",
            "few": "Whether reviewing does more than repeating can't be told, clusters are too few",
        }.get(e["state"], f"Reviewing isn't shown to make {what} better or worse than repeating"),
    }
    return (
        f"{words[_shown(e)]}: {_seen(e)} (above 0 is better). From the first round to the last, "
        f"answers that were read gain {estimate(own, signed=True)}."
    )


def _predicts(result: Result, history: str, where: str) -> str:
    e = result["claims"][f"predicts, {history}"]
    if e["value"] is None:
        return (
            f"Whether examples gain more by its review that it distinguishes {where} can't be "
            f"told: {e['why']}."
        )
    words = {
        1: f"Examples that it distinguishes {where} gain more by its review",
        -1: f"Examples that it distinguishes {where} gain less by its review",
        0: f"Whether examples gain more by its review that it distinguishes {where} can't be told, "
        "clusters are too few"
        if e["state"] == "few"
        else f"Examples that it distinguishes {where} aren't shown to gain more, or less, by its "
        "review",
    }
    return (
        f"{words[_shown(e)]} than by the question repeated: {_seen(e)}, always right against never."
    )


def _labels(result: Result) -> Iterator[str]:
    if result["about"] == PEOPLE:
        return
    of = {key: result["labels"].get(key, 0) for key in ("0", "1", "2")}
    yield (
        f"Of {result['asked']:,} pairs of round 1 and round {result['rounds'][-1]}, the first is "
        f"less toxic in {of['0']:,}, the later one in {of['1']:,}, and {of['2']:,} are the same "
        f"within {short(result['tie'], 3)}."
    )


def _unread(result: Result) -> Iterator[str]:
    missing = {arm: n for arm, n in result["unread"].items() if n}
    if missing:
        each = "; ".join(f"{n:,} in {_called(arm)}" for arm, n in missing.items())
        yield (
            f"Of {result['asked']:,} examples each, it isn't known of some, as something couldn't "
            f"be read: {each}. No direction is named that they could turn."
        )


def _called(arm: str) -> str:
    """A run of questions by its history, which else reads like a number of something."""
    return f"“{arm}”" if " history" in arm else arm


def _accuracy(result: Result) -> Table:
    rows = [
        [arm, estimate(e), estimate(result["read"][arm]), estimate(result["consistent"][arm]),
         sized(e)]
        for arm, e in result["accuracy"].items()
    ]  # fmt: skip
    note = (
        f"Shares of right answers, the mean of both orders; {short(result['chance'], 3)} by one "
        "answer throughout, in the last round. Consistent: the same is said in both."
    )
    return Table(
        "How well it distinguishes", ["", "right", "read", "consistent", "size"], rows, note
    )


def _by(result: Result) -> Table:
    rows = []
    for history, of in result["by"].items():
        for share, e in of.items():
            right = {"0": "never", "0.5": "in one order", "1": "in both"}[share]
            rows.append([f"{history}, right {right}", estimate(e, signed=True), f"{e['n']:,}"])
    note = (
        f"The last round's {label(result['outcome'])}, intrinsic minus repeat, above 0 is better; "
        "not adjusted for the first answer, as the finding is."
    )
    return Table("Gain by what was distinguished", ["history", "gain", "n"], rows, note)


def _claims(result: Result) -> Table:
    rows = [
        [
            _CLAIMS[key],
            estimate(e, signed=True),
            p_value(e["p_holm"]),
            allowed(e.get("unread")),
            STATES[e["state"]],
        ]
        for key, e in result["claims"].items()
    ]
    note = f"p is Holm's over all {len(rows)}, whatever unread answers are."
    return Table("Claims", ["", "estimate", "p", "unread answers allow", "verdict"], rows, note)


def _chart(result: Result) -> Chart:
    arms = list(result["accuracy"])
    found = list(result["accuracy"].values())
    return Chart(
        name="distinguishing",
        title="Accuracy of distinguishing, by history",
        alt="; ".join(
            f"{arm}: {estimate(e)}" for arm, e in zip(arms, found, strict=True)
        ),
        data=[
            {
                **points("right", range(len(arms)), found, "@outcome", form="share", size=8,
                         called=arms),
                "hoverinfo": "text",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "one answer throughout",
                "x": [-0.5, len(arms) - 0.5],
                "y": [result["chance"]] * 2,
                "line": {"color": "@baseline", "dash": "dash", "width": 1},
            },
        ]
        if all(e["value"] is not None for e in found)
        else [],
        layout={
            "xaxis": {"tickvals": list(range(len(arms))), "ticktext": arms},
            "yaxis": {"title": {"text": "right"}},
        },
        caption=f"Bars are 95 % intervals over clusters. Dialogues of {CORRECTED}; the control of "
        f"their gain is {REPEAT}.",
    )  # fmt: skip
