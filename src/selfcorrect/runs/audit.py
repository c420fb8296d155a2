"""``audit.json``: how often a run's intervals hold on data like its own, once it was simulated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.measures.audit import Audited, audit
from selfcorrect.measures.panel import columns_needed, panel
from selfcorrect.runs.run import Run
from selfcorrect.runs.store import Store
from selfcorrect.text import visible

AUDIT = "audit.json"
#: Of what the simulations are; another version's are made again.
VERSION = 1


def audit_run(
    run: Run,
    *,
    simulations: int | None = None,
    told: Callable[[int, int], object] = lambda *_: None,
) -> list[Audited]:
    """Simulate a run's figures (:func:`selfcorrect.measures.audit.audit`), or read what was found.

    Args:
        run: complete or not.
        simulations: of each figure; by default as many as take about a minute.
        told: called with how many simulations are finished, and of how many.

    Raises:
        UserError: the run has no records.
    """
    outcome = run.outcome
    records = panel(run.chunks(columns_needed(outcome)), (), outcome)
    if not records.rounds:
        raise UserError(f"{run.folder} has no records yet, so there is nothing to audit.")
    n = len(records.examples)
    if simulations is None and (known := read_audit(run, n)):
        return known
    found = audit(records, simulations=simulations, seed=run.spec.seed, told=told)
    if simulations is None and not run.received:
        table = {"version": VERSION, "n": n, "figures": [each.table() for each in found]}
        with suppress(UserError):  # it was computed, even where nothing can be written
            Store(run.folder).put(
                AUDIT, (json.dumps(table, indent=1) + "\n").encode(), replace=True
            )
    return found


def read_audit(run: Run, n: int) -> list[Audited]:
    """What was found of a run of n dialogues; nothing where it wasn't simulated as it is now."""
    size, figures = _read(run)
    return figures if size == n else []


def noted(run: Run, n: int) -> list[str]:
    """What the audit of a run of n dialogues has to say, or that it is of another size."""
    size, figures = _read(run)
    if figures and size != n:
        return [
            f"The audit is of {size:,} dialogues, and these numbers are of {n:,}: selfcorrect "
            "audit simulates all that the folder has."
        ]
    return told(figures)


def _read(run: Run) -> tuple[int, list[Audited]]:
    """How many dialogues the run had when it was audited, and what was found."""
    store = Store(run.folder)
    if not store.has(AUDIT):
        return 0, []
    try:
        table = json.loads(store.read(AUDIT))
        size = table["n"]
        if table["version"] != VERSION or type(size) is not int or not 0 < size < 10**12:
            return 0, []
        return size, [_audited(row) for row in table["figures"]]
    except (ValueError, KeyError, TypeError, RecursionError, UserError):
        return 0, []  # it can be made again at any time


def _audited(row: Mapping[str, Any]) -> Audited:
    known = Audited(**row)
    if not isinstance(known.figure, str) or known.counted not in ("held", "claimed"):
        raise TypeError(row)
    for number in (known.share, known.low, known.high, known.goal):
        if number is not None and not (type(number) in (int, float) and 0 <= number <= 1):
            raise ValueError(number)
    counted = type(known.simulations) is int and 0 <= known.simulations < 10**9
    if not counted or type(known.holds) is not bool or known.goal is None:
        raise TypeError(row)
    if known.share is not None and None in (known.low, known.high):
        raise TypeError(row)
    return replace(known, figure=visible(known.figure)[:200])


def told(figures: Sequence[Audited]) -> list[str]:
    """A sentence on each figure that doesn't hold, or one that all do; none without an audit."""
    lacking = [each for each in figures if not each.holds and each.share is not None]
    if lacking:
        return [_sentence(each) for each in lacking]
    if not figures:
        return []
    known = [each for each in figures if each.share is not None]
    if not known:
        return ["Audited: none of this run's figures has an interval on simulated data like these."]
    n = min(each.simulations for each in known)
    return [
        f"Audited: in {n:,} simulations of data like these none of {len(known)} figures was seen "
        "to miss its goal (an interval holds the truth in at least 94 %)."
    ]


def _sentence(each: Audited) -> str:
    share, goal = 100 * (each.share or 0.0), 100 * each.goal
    if each.counted == "claimed":
        return (
            f"Audited: on simulated data like these the {each.figure} is claimed in {share:.1f} % "
            f"where there is none (at most {goal:.0f} % are expected): take it with care."
        )
    return (
        f"Audited: on simulated data like these the interval of the {each.figure} holds the truth "
        f"in {share:.1f} % instead of 95 %: take it with care."
    )
