"""What runs cost, in words and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, count
from selfcorrect.report.sheet import Table

_Table = Mapping[str, Any]

#: Costs are told of so many requests.
REQUESTS = "1,000 requests"


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


def of_requests(table: _Table) -> str:
    """What 1,000 requests of the advised run take more than one round, a sentence."""
    costs = table["advice"]["costs"]
    parts = []
    if (tokens := costs["tokens"]) is not None:
        parts.append(f"{large(tokens)} tokens more than one round (n {tokens['n']:,})")
    if (money := costs["money"]) is not None:
        parts.append(f"{large(money)} more in money (n {money['n']:,})")
    if (seconds := costs["seconds"]) is not None:
        value, _, of = seconds_of(seconds).partition(" (")
        parts.append(f"{value} seconds in all, measuring among them ({of}")
    if not parts:
        return f"What {REQUESTS} cost isn't known."
    return f"{REQUESTS.capitalize()} take {'; '.join(parts)}."


def large(e: _Table) -> str:
    """``232,400 [230,100, 234,700]``."""
    if e["value"] is None:
        return MISSING
    form = ",.0f" if abs(e["value"]) >= 100 else ".3g"
    text = format(e["value"], form)
    if e["low"] is not None:
        text = f"{text} [{e['low']:{form}}, {e['high']:{form}}]"
    return text.replace("-", "−")


def seconds_of(e: _Table) -> str:
    """Of 1,000 requests, and what they were seen of."""
    each = {name: None if e[name] is None else 1000 * e[name] for name in ("value", "low", "high")}
    shared = "" if e["together"] == 1 else f", divided among {e['together']} runs by their tokens"
    return f"{large(each)} (n {e['n']:,}, {count(e['pieces'], 'piece')}{shared})"
