"""Every number of an advice, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.costs import DIALOGUES, large, seconds_of
from selfcorrect.report.numbers import MISSING, decides, p_value, short
from selfcorrect.report.phrases import in_a_word, is_share
from selfcorrect.report.sheet import Table

_Table = Mapping[str, Any]


def advised(table: _Table) -> Table:
    """Every number of the advice, with its interval and n."""
    advice = table["advice"]
    rows = [
        [f"gain of {name}{_kind(name, advice)} over one round of {e['over']}", *_row(e)]
        for name, e in advice["gains"].items()
        if e is not None
    ]
    if advice["majority"] is not None:
        rows.append([f"{advice['arm']} − {advice['majority']['arm']}",
                     *_row(advice["majority"]["difference"])])  # fmt: skip
    if advice["control"] is not None:
        rows.append([f"{advice['arm']} − the question again", *_row(advice["control"])])
    again = advice["again"] or {"harm": None, "mend": None}
    for name, label in (("harm", "right at first, undone"), ("mend", "wrong at first, mended")):
        label = label if is_share(table) else {"harm": "worse", "mend": "better"}[name]
        for who, e in (("", advice[name]), (", the question again", again[name])):
            if e is not None:
                rows.append([f"{label}{who}", estimate(e, 3), f"{e['n']:,}", ""])
    hurts = advice["hurts"]
    for each in hurts["groups"] if hurts else []:
        p = f"p {p_value(each['p_holm'])}" if each["could"] else "can't be told"
        word = "hurts, " if each["hurts"] else ""
        rows.append([f"category {each['name']}", *_row(each)[:2], f"{word}{p}"])
    costs = advice["costs"]
    for name in ("tokens", "money"):
        if (e := costs[name]) is not None:
            rows.append([f"{name} more, of {DIALOGUES}", large(e), f"{e['n']:,}", e.get("why", "")])
    if (e := costs["seconds"]) is not None:
        text, _, of = seconds_of(e).partition(" (")
        rows.append([f"seconds, of {DIALOGUES}", text, f"{e['n']:,}", of.partition(", ")[2][:-1]])
    return Table(
        f"Advice on {advice['arm']}",
        ["", "estimate [95 %]", "n", "shown"],
        rows,
        " ".join(_note(advice)),
    )


def _kind(name: str, advice: _Table) -> str:
    """Beside what is no method, that it is none."""
    return "" if name in advice["methods"] else " (no method)"


def _note(advice: _Table) -> Iterator[str]:
    if len(advice["methods"]) > 1:
        yield "Gains of methods go by intervals that hold together for all methods;"
    else:
        yield "The method's gain goes by the interval of its run's own decision;"
    yield "that of asking again, or of a majority, by one that holds together for all runs."
    yield "They allow for earlier looks. Each is over the single answer that it gains least over."
    if (advice["hurts"] or {}).get("groups"):
        yield "p is Holm's over the categories."


def _row(e: _Table) -> list[str]:
    if e["value"] is None:
        return [MISSING, f"{e['n']:,}", e.get("why", "")]
    return [estimate(decides(e), 3, signed=True), f"{e['n']:,}", _brief(e)]


def _brief(e: _Table) -> str:
    said = in_a_word(e)
    small = e.get("small") and not said.startswith("undecided:")
    return f"{e['small']}, within the margin" if small else said


def estimate(e: _Table, places: int, *, signed: bool = False) -> str:
    if e["value"] is None:
        return MISSING
    text = short(e["value"], places, signed=signed)
    if e["low"] is None:
        return text
    return f"{text} [{short(e['low'], places)}, {short(e['high'], places)}]"
