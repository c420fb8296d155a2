"""What a reader has to know before believing the numbers, a sentence each."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from selfcorrect.outcome import Outcome
from selfcorrect.records import VERSION
from selfcorrect.report.definitions import definer
from selfcorrect.report.estimates import LEAK_FREE, Estimate, estimates
from selfcorrect.report.numbers import MISSING, percent, places_of, short
from selfcorrect.report.unknown import unknown_share


def incomplete(summary: Mapping[str, Any]) -> list[str]:
    """That the run isn't finished, or nothing."""
    if summary["complete"]:
        return []
    done, wanted = summary["dialogues"], summary["wanted"]
    version = summary.get("record_version", VERSION)
    then = "the same command goes on"
    if version != VERSION:
        then = f"its records are of version {version}, which isn't added to"
    return [f"Incomplete: {done:,} of {wanted:,} dialogues; {then}."]


def about_intervals(summary: Mapping[str, Any]) -> str:
    """What the intervals are good for."""
    n = len(summary.get("looks", ())) or 1
    if len(summary["rounds"]) < 2:
        return "Intervals are 95 % for one number at one look."
    look = "the first look" if n == 1 else f"look {n}"
    beside = "".join(
        f", against {name} {_close(level)} %"
        for name, control in summary["controls"].items()
        if (level := (control["against"] or {}).get("level", summary["level"])) != summary["level"]
    )
    return (
        "Intervals in the table are 95 % for one number at one look; those of the verdict are "
        f"{_close(summary['level'])} %{beside}, which allows for further looks (this is {look})."
    )


def _close(level: float) -> str:
    """A level in percent with as many places as show how far it is from 100."""
    return percent(level, max(1, -math.floor(math.log10(100 * (1 - level)))))


def notes(summary: Mapping[str, Any], shown: Collection[str]) -> list[str]:
    """Unread answers, low option mass, what is missing, and what the run itself has to say.

    Args:
        summary: of a run.
        shown: names of the measures that the reader sees: those that may be missed.
    """
    rounds = summary["rounds"]
    found = []
    if unread := [f"{r['unparsed']:,} in round {r['round']}" for r in rounds if r["unparsed"]]:
        outcome = summary["outcome"]
        graded = any(row["measures"][outcome["name"]]["n"] for row in rounds)
        counted = ", counted as wrong" if graded and outcome["kind"] == "share" else ""
        found.append(f"Answers that couldn't be read{counted}: {several(unread)}.")
    if lack := [f"{r['ungraded']:,} in round {r['round']}" for r in rounds if r["ungraded"]]:
        found.append(f"Answers that have no outcome (no interval counts them): {several(lack)}.")
    found += _leaks(summary)
    if low := [str(r["round"]) for r in rounds if r["low_mass"]]:
        found.append(
            "The options have less than half of the probability in the median dialogue of round "
            f"{several(low)}."
        )
    if gone := [f"{why} ({', '.join(names)})" for why, names in missing(summary, shown)]:
        found.append(f"Where a number or its interval is missing: {'; '.join(gone)}.")
    return [*found, *summary["notes"]]


def _leaks(summary: Mapping[str, Any]) -> list[str]:
    """How often feedback told the answer, and what is left without those dialogues."""
    rounds = [row for row in summary["rounds"] if (row["measures"].get("leaked") or {}).get("n")]
    if not rounds:
        return []
    told = []
    for row in rounds:
        e = row["measures"]["leaked"]
        told.append(f"{round(e['value'] * e['n']):,} of {e['n']:,} in round {row['round']}")
    last, name = rounds[-1], definer(summary)(summary["outcome"]["name"]).label
    places = places_of(summary["outcome"]["margin"])
    free, gain = (last.get(each) for each in LEAK_FREE)
    said = f"Feedback that told the answer (leaks), at least: {several(told)}."
    named = [row["measures"].get("names_answer") or {} for row in rounds]
    if any(e.get("value") for e in named) and free and gain:
        if free["n"]:
            said += (
                f" In the {free['n']:,} dialogues in which none named an answer, right or wrong, "
                f"up to round {last['round']}, {name} is {_plain(free, places)}, "
                f"{_plain(gain, places, signed=True)} against round 1 of the same dialogues. That "
                "is no effect: they are chosen by what feedback said, so no interval is given."
            )
        else:
            said += f" By round {last['round']} some of it has named an answer in every dialogue."
    return [said]


def _plain(e: Estimate, places: int, *, signed: bool = False) -> str:
    return MISSING if e["value"] is None else short(e["value"], places, signed=signed)


def unseen(outcome: Outcome, n: int, clusters: int) -> list[str]:
    """What intervals don't allow for (:mod:`selfcorrect.measures.unseen`).

    Args:
        outcome: of the run.
        n, clusters: how many dialogues it has, in how many clusters.
    """
    said, name = [], outcome.name.replace("_", " ")
    low, high = (not math.isfinite(end) for end in outcome.bounds)
    of_clusters = outcome.kind == "mean" and not (low or high)
    if low or high:
        side = "no bounds" if low and high else f"no {'lower' if low else 'upper'} bound"
        said.append(
            f"{name} has {side}, so its intervals allow for nothing that no dialogue shows: large "
            "changes in few dialogues may go unseen."
        )
    if clusters < n:
        whole, those, held = "No interval allows", "Those of means allow", "They hold"
        if of_clusters:
            whole = f"Only the intervals of {name} allow"
            those, held = "Those of other means allow", "These others hold"
        said.append(
            f"{whole} for whole clusters of a kind that none of these dialogues shows (all answers "
            f"to one template changing together, say). {those} for single answers of such a kind. "
            f"{held} if these clusters are all there are, or if others are like them."
        )
    return said


def missing(
    summary: Mapping[str, Any], shown: Collection[str] | None = None
) -> list[tuple[str, list[str]]]:
    """Why numbers or intervals are missing: each reason once, with the measures it concerns, and in
    which rounds where it isn't all of them.

    Args:
        summary: of a run.
        shown: names of the measures to look at; without, all but the parts.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    define = definer(summary)
    for row in summary["rounds"]:
        for name, e in estimates(row).items():
            if "why" in e and (name in shown if shown is not None else "/" not in name):
                labels = reasons.setdefault(e["why"], {})
                labels.setdefault(define(name).label, []).append(str(row["round"]))
    every = len(summary["rounds"])
    return [
        (why, [label if len(at) >= every else _in(label, at) for label, at in labels.items()])
        for why, labels in reasons.items()
    ]


def _in(label: str, rounds: Sequence[str]) -> str:
    return f"{label} in round{'s' * (len(rounds) > 1)} {several(rounds)}"


def hanging(difference: Estimate) -> str:
    """That a difference depends on what answers are counted as that nobody knows, where it does."""
    return "it depends on unread or ungraded answers" if difference.get("hangs") else ""


def doubtful(row: Mapping[str, Any], outcome: Mapping[str, Any]) -> bool:
    """Whether unread or ungraded answers of a round could move its outcome by more than the margin:
    then a mark stands at that, and at its difference from a control, whatever the interval says."""
    return unknown_share(row) > (outcome["margin"] or 0.0)


def few(difference: Estimate) -> str:
    """That clusters are too few for a direction, where they are."""
    return "too few clusters, or one too large, for a direction" if difference.get("few") else ""


def turning(difference: Estimate) -> str:
    """That a difference depends on the round at which one stops, where it does."""
    return "the round before says something else" if difference.get("depends") else ""


def looked(difference: Estimate) -> str:
    """That the 95 % interval alone would name a direction, where looks stand in its way."""
    told, low = difference.get("verdict"), difference.get("low")
    if told not in ("undecided", "same") or low is None or low <= 0 <= difference["high"]:
        return ""
    low, high = difference.get("decides") or (low, difference["high"])
    return "the interval that allows for further looks holds 0" if low <= 0 <= high else ""


def several(words: Sequence[str]) -> str:
    """``a, b, c, d``; of more than four, the first three and the last."""
    return ", ".join(words) if len(words) <= 4 else ", ".join([*words[:3], "…", words[-1]])
