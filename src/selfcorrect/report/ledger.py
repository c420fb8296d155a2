"""Of what gains consist, as a study and a comparison of runs show it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from selfcorrect.report.numbers import MISSING, change, decides, interval, short, within
from selfcorrect.report.phrases import none_moved
from selfcorrect.report.sheet import Section, Table

_Table = Mapping[str, Any]

#: What each part is called, and each end between which they lie.
NAMES = {
    "regression": "regression to the mean",
    "sampling": "sampling",
    "repetition": "mere repetition",
    "length": "length",
    "instruction": "the instruction",
}
ENDS = {
    "first": "the first answer",
    "afresh": "another first answer",
    "majority": "a majority",
    "repeat": "the question again",
    "padded": "neutral words",
    "method": "the method",
}


def between() -> dict[str, tuple[str, str]]:
    """Part → its ends."""
    ends = list(ENDS)
    return dict(zip(NAMES, pairwise(ends), strict=True))


def word(e: _Table) -> str:
    """A verdict in words."""
    if e.get("hangs"):
        return "undecided, as answers that couldn't be read or graded decide it"
    if not e.get("moved", 1):
        return none_moved(e)
    if e.get("depends"):
        return f"undecided, as it depends on the round in which one stops{_before(e)}"
    match e["verdict"]:
        case "better" | "worse" as told:
            return f"shown to be {told}"
        case "same":
            return f"the same within {within(e['margin'], False)}"
        case "undecided" if e.get("few"):
            return "undecided, as clusters are too few"
        case "undecided":
            return "undecided"
    return f"undecided ({e.get('why', 'there is no interval')})"


def _before(e: _Table) -> str:
    if (told := e.get("parity")) is None:
        return ""
    return f" ({change(told['previous'], False)} up to round {told['round']})"


def section(table: _Table) -> list[Section]:
    """The section of a comparison's page, where it has the arms of a ledger; else none.

    Args:
        table: from :func:`selfcorrect.runs.compare.compare`.
    """
    every = table["ledgers"]
    if not every:
        return []
    said = (
        "From the first round to the last, each part being the outcome of an arm minus that of the "
        "one before, so that they add up to the gain. What is said of the parts of one gain holds "
        "together; study attribution makes the arms and has the same of answers that were right, "
        "or wrong, at first."
    )
    return [Section("Of what gains consist", [said], [_ledger(each) for each in every])]


def _ledger(of: _Table) -> Table:
    ends = between()
    rows = [
        [f"{NAMES[name]}: {ENDS[ends[name][1]]} − {ENDS[ends[name][0]]}", *_cells(e)]
        for name, e in of["all"]["parts"].items()
    ]
    rows.append(["together: the gain", *_cells(of["all"]["whole"])])
    left = of["unknown"]
    note = f"{left:,} examples without a known outcome in some arm are left out." if left else ""
    return Table(f"The gain of {of['run']}", ["part", "[95 %]", "n", "K", ""], rows, note)


def _cells(e: _Table) -> list[str]:
    if e["value"] is None:
        return [MISSING, f"{e['n']:,}", str(e["clusters"]), word(e)]
    told = decides(e)
    shown = f"{short(e['value'], 3, signed=True)} {interval(told, 3)}"
    return [shown, f"{e['n']:,}", str(e["clusters"]), word(e)]
