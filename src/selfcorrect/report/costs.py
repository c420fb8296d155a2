"""What runs cost, in words and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, count
from selfcorrect.report.sheet import Table

_Table = Mapping[str, Any]

#: Costs are told of so many dialogues, beyond as many single answers: those of the question asked
#: once (``baseline``), or of the dialogues' own first rounds where nobody asked it.
DIALOGUES = "1,000 dialogues"
_MORE = {True: "1,000 single answers", False: "their first rounds alone"}


def of_dialogue(table: _Table, name: Callable[[_Table], str]) -> Table:
    """What a dialogue of each run costs, and which run beats it for no more."""
    rows = []
    for run in table["runs"]:
        cost, edge = run["cost"], run["frontier"]
        told = MISSING
        if edge is not None:
            told = "no"
            if edge["on"] and edge["open"]:
                told = "can't be told: unread answers"
            if edge["beaten_by"]:
                shown = [f"{other} (shown)" for other in edge["shown"]]
                rest = [other for other in edge["beaten_by"] if other not in edge["shown"]]
                seen = [f"{other} (seen)" for other in rest]
                told = f"by {', '.join([*shown, *seen])}"
        seconds = cost["seconds"]
        rows.append(
            [
                name(run),
                _tokens(cost["tokens"]),
                _tokens(cost["generated"]),
                MISSING if seconds is None else f"{seconds['value']:.3g} (n {seconds['n']:,})",
                _money(cost["money"]),
                "not ranked" if run["oracle"] else told,
            ]
        )
    heads = ["run", "tokens", "generated", "seconds", "money", "beaten"]
    kept = [k for k in range(len(heads)) if k < 2 or any(row[k] != MISSING for row in rows)]
    said = {
        1: "Tokens and money with 95 % intervals where dialogues differ.",
        3: "Seconds: of all dialogues that were timed, without an interval.",
        4: "Money: in the currency of the spec's prices, cached tokens at theirs if one is stated.",
    }
    return Table(
        "What a dialogue costs",
        [heads[k] for k in kept],
        [[row[k] for k in kept] for row in rows],
        " ".join(sentence for k, sentence in said.items() if k in kept),
    )


def _tokens(e: _Table | None) -> str:
    if e is None or e["value"] is None:
        return MISSING
    ends = "" if e["low"] is None else f" [{e['low']:,.1f}, {e['high']:,.1f}]"
    return f"{e['value']:,.1f}{ends}"


def _money(e: _Table | None) -> str:
    if e is None or e["value"] is None:
        return MISSING
    ends = "" if e["low"] is None else f" [{e['low']:.3g}, {e['high']:.3g}]"
    return f"{e['value']:.3g}{ends}"


def beyond(parts: Sequence[str], *, asked: bool) -> str:
    """What 1,000 dialogues take more than one answer each, a sentence; empty of no parts.

    Args:
        parts: ``71,200 tokens``, and so on.
        asked: whether that answer is the question's, asked once; else that of the first round.
    """
    if not parts:
        return ""
    return f"{DIALOGUES} take {' and '.join(parts)} more than {_MORE[asked]}."


def of_advised(table: _Table) -> str:
    """The same of the advised run, and how long it takes."""
    costs = table["advice"]["costs"]
    parts = []
    if (tokens := costs["tokens"]) is not None:
        parts.append(f"{large(tokens)} tokens")
    if (money := costs["money"]) is not None:
        parts.append(f"{large(money)} in money")
    said = [beyond(parts, asked=costs["than"] is not None)]
    if (seconds := costs["seconds"]) is not None:
        value, _, of = seconds_of(seconds).partition(" (")
        said.append(f"They take {value} seconds in all, measuring among them ({of}.")
        if not parts:
            said[-1] = said[-1].replace("They", DIALOGUES, 1)
    return " ".join(filter(None, said)) or f"What {DIALOGUES} cost isn't known."


def large(e: _Table) -> str:
    """``232,000 [230,000, 235,000]``: three digits of it, everywhere; without an interval in which
    these don't differ."""
    if e["value"] is None:
        return MISSING
    text, *ends = (_digits(e[name]) for name in ("value", "low", "high") if e[name] is not None)
    return f"{text} [{', '.join(ends)}]" if ends and set(ends) != {text} else text


def _digits(value: float) -> str:
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"
    return text.replace("-", "−")


def seconds_of(e: _Table) -> str:
    """Of 1,000 dialogues, and what they were seen of."""
    each = {name: None if e[name] is None else 1000 * e[name] for name in ("value", "low", "high")}
    shared = "" if e["together"] == 1 else f", divided among {e['together']} runs by their tokens"
    return f"{large(each)} (n {e['n']:,}, {count(e['pieces'], 'piece')}{shared})"
