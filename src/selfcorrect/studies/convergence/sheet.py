"""What the study of convergence found, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, interval, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import (
    BETTER_READING,
    EACH_THE_OTHERS,
    curves,
    estimate,
    label,
    never_changes,
    sheet_of,
    sized,
)

QUESTION = "Does a repeated instruction settle the model, and what settles first?"
TITLE = "Convergence"
_ALTERNATE = 0.05
_GAP = "calibration_gap"

Result = Mapping[str, Any]

_CLAIM = (
    "The claim (arXiv 2406.02378): an instruction that states a goal, repeated every round, "
    "activates a concept in the hidden states; so uncertainty falls, calibration settles, and "
    "performance converges. It is a chain of causes, and curves can't show one. What they can "
    "show is whether each link moves, whether it moves more than where the question is merely "
    "asked again, and which goes first.",
    "A model that copies what stands in its transcript grows surer every round, too. So each "
    "number is compared with the run in which the question is merely repeated, at the same round "
    "and on the same examples, and with one whose goal is reversed.",
)
_ORDER = (
    "One series goes ahead of another if its value in a round tells the other's next one, beyond "
    "what the other itself tells. That is asked of levels and of changes, as examples that are "
    "hard throughout look like a lead in levels; and it must be more than the other way round, as "
    "two readings of one thing tell each other, and so do series that settle or alternate. What is "
    "named first may still be nothing but the "
    "better reading of the two."
)
_SHOWS_NOT = (
    "Activation reads the prompt: an instruction that names the concept raises it by itself. So it "
    "is seen from the repeated question, whose words are neutral, and beside the reversed goal, "
    "whose words are the same but for its direction.",
    "A round from which a mean stays is not a round from which answers stay: answers may go back "
    "and forth around a stable mean. The share of dialogues that do stands in the first table.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _CLAIM, _sections, _SHOWS_NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section(
            "From which round each stays",
            [_alternating(result)],
            [_stays(result), *_curves(result)],
        ),
        Section("Against the controls", [], [_against(result)]),
        Section("What goes first", [_ORDER], [_order(result)]),
    ]


def _curves(result: Result) -> list[Chart]:
    return [curves(name, of, result["rounds"]) for name, of in result["curves"].items()]


def findings(result: Result) -> Iterator[str]:
    """A sentence each: does each link move, more than in the control, and what goes first?"""
    outcome, uncertainty = result["outcome"], result["uncertainty"]
    links = [
        outcome,
        uncertainty,
        _GAP if _GAP in result["curves"] else None,
        result["activation"],
    ]
    for name in dict.fromkeys(filter(None, links)):
        yield _link(result, str(name))
    if result["activation"] is None:
        yield (
            "No concept was read, so its part in this isn't known: --concept NAME, on a local "
            "model."
        )
    yield from _firsts(result)
    turning = result["settled"]["intrinsic"]
    if turning["value"] and turning["value"] > _ALTERNATE:
        yield (
            f"{estimate(turning)} of the dialogues go back and forth between two answers: a stable "
            "mean isn't a stable state."
        )


def _link(result: Result, name: str) -> str:
    told = result["against"]["repeat"]["difference"].get(name)
    stays = result["stays"][name]["intrinsic"]
    margin = "" if stays["margin"] is None else f" within ±{short(stays['margin'])}"
    if stays["round"] is not None:
        settled = f"it stays{margin} from round {stays['round']}"
    else:
        why = f" ({stays['why']})" if stays.get("why") else ""
        settled = f"it isn't shown to stay{margin} from any round{why}"
    if told is None or told["value"] is None:
        return f"{label(name).capitalize()}: {settled}; there is nothing to compare it with."
    at = result["against"]["repeat"]["rounds"][0]
    seen = f"{estimate(told, signed=True)}, {sized(told)}{_rule(told)}"
    how = _how(told)
    return (
        f"{label(name).capitalize()}: {settled}. In round {at} it {how} the merely repeated "
        f"question's: {seen}."
    )


def _how(told: Mapping[str, Any]) -> str:
    """The verdict of a difference from the control, in words."""
    verdict = told.get("verdict")
    if verdict == "same":
        return f"is the same, within ±{short(told['margin'])}, as"
    if verdict in ("better", "worse", "higher", "lower"):
        return "is above" if told["value"] > 0 else "is below"
    return "isn't shown to differ from"


def _rule(told: Mapping[str, Any]) -> str:
    """What the verdict went by, where the interval that is shown says something else."""
    low, high = told["low"], told["high"]
    if told.get("verdict") != "undecided" or low is None or low <= 0 <= high:
        return ""
    if told.get("hangs"):
        return "; unread answers could turn it"
    if told.get("few"):
        return "; too few clusters to name a direction"
    low, high = told.get("decides") or (low, high)
    if low <= 0 <= high:
        ends = interval({"low": low, "high": high}, 3)
        return f"; a run that may be made larger is judged by a wider interval, {ends}"
    return f"; its test doesn't show a difference, p {p_value(told.get('p'))}"


def _firsts(result: Result) -> Iterator[str]:
    for pair, found in result["order"].items():
        if found is None:
            continue
        one, other = pair.split(" and ")
        if still := never_changes(found, one, other):
            yield f"Whether {one} or {other} goes ahead of the other can't be told: {still}."
        elif found["first"] in ("c", "u"):
            first, second = (one, other) if found["first"] == "c" else (other, one)
            way = found["forward" if found["first"] == "c" else "backward"]
            e = way["changes"]
            direction = "rises" if e["value"] > 0 else "falls"
            yield (
                f"{first.capitalize()} goes ahead of {second}: where it rose, {second} {direction} "
                f"in the round after, {estimate(e, signed=True)} per standard deviation "
                f"({sized(e)}); {BETTER_READING}."
            )
        elif found["first"] == "both":
            yield (
                f"{one.capitalize()} and {other} each tell the other's next value: "
                f"{EACH_THE_OTHERS}."
            )
        else:
            yield _neither(one, other, found)


def _neither(one: str, other: str, found: Mapping[str, Any]) -> str:
    ways = (found["forward"]["changes"], one, other), (found["backward"]["changes"], other, one)
    told = [
        f"{lead} on the next {follow} {estimate(e, signed=True)}"
        for e, lead, follow in ways
        if e["value"] is not None
    ]
    seen = f": {'; '.join(told)}, per standard deviation" if told else ""
    of = f" ({sized(ways[0][0])})" if told else ""
    apart = any(e["low"] is not None and (e["low"] > 0 or e["high"] < 0) for e, *_ in ways)
    takes = "; a lead takes levels, too, and more than the other way round" if apart else ""
    return f"Neither of {one} and {other} is shown to go ahead of the other{seen}{of}{takes}."


def _alternating(result: Result) -> str:
    told = "; ".join(f"{arm} {estimate(e)}" for arm, e in result["settled"].items())
    return f"Dialogues whose last three answers are x, y, x: {told}."


def _stays(result: Result) -> Table:
    arms = list(next(iter(result["stays"].values())))
    rows = [
        [label(name), *(_round(of[arm]) for arm in arms)] for name, of in result["stays"].items()
    ]
    note = "The earliest round from which all later ones are shown to lie within the margin."
    return Table("From which round on", ["", *arms], rows, note)


def _round(found: Mapping[str, Any]) -> str:
    return MISSING if found["round"] is None else str(found["round"])


def _against(result: Result) -> Table:
    controls = list(result["against"])
    names = list(result["curves"])
    rows = [
        [
            label(name),
            *(
                estimate(result["against"][c]["difference"].get(name), signed=True)
                for c in controls
            ),
        ]
        for name in names
    ]
    rounds = ", ".join(_compared(c, *result["against"][c]["rounds"]) for c in controls)
    return Table("Intrinsic minus each", ["", *controls], rows, f"Compared at {rounds}.")


def _compared(control: str, mine: int, theirs: int) -> str:
    if mine == theirs:
        return f"{control}: round {mine}"
    return f"{control}: round {mine} with its round {theirs}"


def _order(result: Result) -> Table:
    rows = []
    for pair, found in result["order"].items():
        one, other = pair.split(" and ")
        for way, (lead, follow) in (("forward", (one, other)), ("backward", (other, one))):
            if found is None:
                rows.append([f"{lead} on the next {follow}", MISSING, MISSING, MISSING])
                continue
            levels, changes = found[way]["levels"], found[way]["changes"]
            rows.append(
                [
                    f"{lead} on the next {follow}",
                    estimate(levels, signed=True),
                    estimate(changes, signed=True),
                    p_value(changes["p"]),
                ]
            )
    note = "Per standard deviation of both, given the value before and the round."
    return Table("What tells the next round", ["", "levels", "changes", "p of changes"], rows, note)
