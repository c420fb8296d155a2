"""The bill of a run, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, count
from selfcorrect.report.sheet import Table

_Table = Mapping[str, Any]

#: Columns: head, key, and how a value is written. Where a terminal is narrow, the last go first.
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("prompt", "prompt", ",.0f"),
    ("cached", "cached", ",.0f"),
    ("generated", "generated", ",.0f"),
    ("tokens", "alone", ",.0f"),
    ("money", "money", ".3g"),
    ("p50 s", "p50", ".3g"),
    ("p95 s", "p95", ".3g"),
    ("seconds", "seconds", ".2g"),
    ("uncached", "money_uncached", ".3g"),
    ("measuring", "measuring", ",.0f"),
    ("drafted", "drafted", ",.0f"),
)
_SAID = {
    "tokens": "tokens = prompt − cached + generated, as if each run had gone alone",
    "p50 s": "p50, p95: seconds that half and 95 % of the dialogues waited for replies at most",
    "seconds": "seconds: each one's share of the time that dialogues took together, measuring too",
    "uncached": "uncached: money if all of every prompt were paid for",
    "measuring": "measuring: samples and likelihoods beside the answers; money is without them",
    "drafted": "drafted: guesses of what would be generated; those that weren't kept were read",
}


def of_run(summary: _Table, *, by_round: bool = False) -> Table | None:
    """What a dialogue of each arm used; ``None`` where nothing is known.

    Args:
        summary: see ``Run.summary``.
        by_round: with a row for each round.
    """
    arms: _Table = summary.get("cost", {}).get("arms", {})
    rows: list[tuple[str, _Table]] = []
    for name, arm in arms.items():
        rows.append((name, {**arm, **(arm["latency"]["dialogue"] or {})}))
        if by_round and len(arm["rounds"]) > 1:
            rows += [
                (f"{name}, round {each['round']}", {**each, **(each["latency"] or {})})
                for each in arm["rounds"]
            ]
    kept = [column for column in _COLUMNS if _worth(column, rows)]
    if not kept:
        return None
    said = [_SAID[head] for head, _, _ in kept if head in _SAID]
    said += filter(None, [_requests(arms)])
    told = [f"{'; '.join(said)}.", *_spent(summary["cost"].get("spent"))]
    return Table(
        "The bill: what a dialogue used",
        ["", *(head for head, _, _ in kept)],
        [[name, *(_cell(row.get(key), form) for _, key, form in kept)] for name, row in rows],
        " ".join(told),
    )


def _spent(spent: _Table | None) -> list[str]:
    """What was really used, beside what each arm would take alone."""
    if spent is None:
        return []
    paid = "" if spent["money"] is None else f", {spent['money']:.4g} in money"
    runs = "" if spent["runs"] == 1 else f" (of {spent['runs']} runs together)"
    return [
        f"Really spent{runs}: {spent['tokens']:,} tokens{paid}, in "
        f"{count(spent['requests'], 'request')} and {count(spent['commands'], 'command')}: "
        f"{spent['prompt']:,} of prompts, {spent['cached']:,} of them cached, "
        f"{spent['generated']:,} generated. What arms share is in it once; so is what was asked to "
        "find out what the servers can, and what was lost."
    ]


def _requests(arms: _Table) -> str:
    """How long single requests took, by arm."""
    each = {name: arm["latency"]["request"] for name, arm in arms.items()}
    told = [
        f"{name} {e['p50']:.3g} and {e['p95']:.3g} (n {e['n']:,})" for name, e in each.items() if e
    ]
    return f"a single request, p50 and p95: {', '.join(told)}" if told else ""


def _worth(column: tuple[str, str, str], rows: list[tuple[str, _Table]]) -> bool:
    """Whether a column tells anything that no other does."""
    head, key, _ = column
    values = [row.get(key) for _, row in rows]
    if head == "uncached":
        return any(row.get(key) != row.get("money") for _, row in rows)
    if head in ("measuring", "drafted"):
        return any(values)
    return any(value is not None for value in values)


def _cell(value: float | None, form: str) -> str:
    return MISSING if value is None else format(value, form)
