"""The verdict's sentences on answers whose outcome nobody knows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from selfcorrect.report.numbers import change, decides, percent, places_of, short, tenths
from selfcorrect.report.phrases import Table, is_share, outcome_of, places_told, said_of

#: So large a share of answers that couldn't be read, or have no outcome, is said in the verdict.
MUCH = 0.05


def unknown_share(row: Table) -> float:
    """The share of a round's answers, missing ones among them, whose outcome nobody knows."""
    of = row["n"] + row["missing"]
    return (row["unparsed"] + row["ungraded"] + row["missing"]) / of if of else 0.0


def nothing(summary: Table) -> str:
    """That no answer has an outcome, and why."""
    if outcome_of(summary) == "accuracy":
        return "This task has no right answers, so there is no accuracy to compare."
    if summary["scorer"] is None and (summary["outcome"]["scorer"] or _gradable(summary)):
        return _ungraded(summary)
    said = f"No answer has a value of {said_of(summary)}, so there is nothing to compare"
    told = summary.get("unscored")
    return f"{said}: {_reasons(told)}." if told else f"{said}."


def unscored(summary: Table) -> str:
    """That of many answers a scorer couldn't say how good they are, and why."""
    told = summary.get("unscored")
    if not told or told["value"] <= MUCH:
        return ""
    return (
        f"{summary['scorer']['name']} gave {percent(told['value'], 0)} % of the answers no "
        f"{said_of(summary)}: {_reasons(told)}."
    )


def _reasons(told: Table) -> str:
    """Why answers have no outcome, the most frequent reasons with how often."""
    of = told["of"]
    return "; ".join(f"{why} ({n:,} of {of:,})" for why, n in list(told["why"].items())[:3])


def _gradable(summary: Table) -> bool:
    """Whether answers were read that nothing has graded."""
    return any(row["ungraded"] for row in summary["rounds"])


def _ungraded(summary: Table) -> str:
    """Answers of which nobody has said yet how good they are."""
    usual, folder = summary["outcome"]["scorer"] or "NAME", called(summary["folder"])
    if by := summary.get("graded_by"):
        return (
            f"There are scores, but nothing says which to look at, so there is no "
            f"{said_of(summary)} to compare: selfcorrect show {folder} --scorer {by[0]} does that"
            f"{', or --scorer '.join(['', *by[1:]])}."
        )
    return (
        f"The answers aren't graded, so there is no {said_of(summary)} to compare: selfcorrect "
        f"grade {folder} --scorer {usual} does that."
    )


def unread(summary: Table) -> str:
    """Where the answer hangs on answers that nobody could read, that comes before all else."""
    changed = summary["changes"].get(outcome_of(summary), {})
    if not changed.get("hangs"):
        return ""
    rounds, share = summary["rounds"], is_share(summary)
    ends = [
        f"{row['unparsed'] + row['ungraded'] + row['missing']:,} of "
        f"{row['n'] + row['missing']:,} in round {row['round']}"
        for row in (rounds[0], rounds[-1])
    ]
    counted = _counted(summary, (rounds[0], rounds[-1]), share)
    what = unknown(rounds)
    return (
        f"Whether {said_of(summary)} changed can't be said: too many answers couldn't be {what}.\n"
        f"They are {' and '.join(ends)}. {counted}, they make it "
        f"{change(decides(changed), share)} ({places_told(changed)}){left_out(changed, share)}; "
        f"counted otherwise, {between(changed, share)}.{look_first(summary)}"
    )


def _counted(summary: Table, ends: Sequence[Table], share: bool) -> str:
    """As what answers that aren't known stand in the difference."""
    lost = any(row["ungraded"] or row["missing"] for row in ends)
    if share:
        return "As they are recorded" if lost else "Counted as wrong"
    # a task may record what no answer is worth: no box, no overlap
    recorded = any(
        row["unparsed"] and row["measures"][outcome_of(summary)]["n"] > row["n"] - row["unparsed"]
        for row in ends
    )
    return "As they are recorded" if recorded else "Left out"


def left_out(changed: Table, share: bool) -> str:
    """What the difference is without the dialogues whose answers aren't known."""
    left = changed.get("left_out")
    if left is None or (left["n"] == changed["n"] and left["value"] == changed["value"]):
        return ""  # they are left out anyway
    if left["value"] is None:
        return "; left out, they leave nothing to compare"
    return f"; left out, they make it {change(left, share)} ({places_told(left)})"


def look_first(summary: Table) -> str:
    """How to look at the answers that couldn't be read, as a sentence after another."""
    if not any(row["unparsed"] for row in summary["rounds"]) or not summary.get("folder"):
        return ""
    return f" Look at them first: selfcorrect show {called(summary['folder'])} --unread."


def called(folder: str) -> str:
    """What a command finds a run's folder by: its name where runs lie by default, else its path."""
    path = PurePath(folder)
    return shlex.quote(path.name if path.parent == PurePath("runs") else folder)


def many(summary: Table) -> str:
    """That more than a twentieth of the answers in a round that is compared couldn't be read, where
    nothing else says so first."""
    if summary["changes"].get(outcome_of(summary), {}).get("hangs"):
        return ""
    ends = summary["rounds"][:: max(1, len(summary["rounds"]) - 1)]
    repeat = summary["controls"].get("repeat") or {}
    told = [
        f"{row['unparsed']:,} of {row['n']:,} in round {row['round']}{of}"
        for rows, of in ((ends, ""), ((repeat.get("rounds") or [])[-1:], " of repeat"))
        for row in rows
        if row["n"] and row["unparsed"] > MUCH * row["n"]
    ]
    if not told:
        return ""
    many = f"Many answers couldn't be read: {', '.join(told)}."
    return f"{many}\n{look}" if (look := look_first(summary).lstrip()) else many


def unknown(rounds: Sequence[Table]) -> str:
    """What could not be done with answers whose outcome nobody knows."""
    what = {"unparsed": "read", "ungraded": "graded", "missing": "found"}
    said = [word for key, word in what.items() if any(row[key] for row in rounds)]
    return " or ".join(said) or "read"


def between(changed: Table, share: bool) -> str:
    """What unread answers allow."""
    places, ends = places_of(changed["margin"]), changed["unread"]
    low, high = (
        None if end is None
        else tenths(100 * end, "+") if share
        else short(end, places, signed=True)
        for end in ends
    )  # fmt: skip
    if low and high:
        return f"anything from {low} to {high}{' points' if share else ''}"
    bounds = "as the task states no bound"
    if low or high:
        return f"anything from {low} on, {bounds}" if low else f"anything up to {high}, {bounds}"
    return f"anything at all, {bounds}s"
