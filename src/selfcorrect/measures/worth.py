"""Are more rounds than one worth it? What a run and its controls say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Table = Mapping[str, Any]

#: What speaks against more rounds, then what leaves it open, then what speaks for them.
_ORDER = ("worse", "same", "stops", "undecided", None, "better")


def decision_of_run(summary: Table, moved: Table | None) -> dict[str, Any] | None:
    """The decision, from a run's numbers and its controls': the one place where it is made.

    Args:
        summary: as ``Run.summary`` has it: ``changes``, ``controls``, ``outcome`` and ``oracle``.
        moved: as in :func:`worth`.

    Returns:
        As :func:`worth`; ``None`` also where the strategy uses the truth: what a model does that is
        told is no method's gain.
    """
    if summary.get("oracle"):
        return None
    return worth(summary["changes"], summary["controls"], summary["outcome"], moved)


def worth(
    changes: Table,
    controls: Mapping[str, Table],
    outcome: Table,
    moved: Table | None,
) -> dict[str, Any] | None:
    """Decide it: more rounds have to be better than the question asked once, and than asking again.

    Both have to be shown, each at its own level: a claim that needs all of several tests isn't made
    more often by there being several (intersection-union test).

    Args:
        changes: the run's last round minus its first, by measure (:func:`.rounds.summarize`).
        controls: by name, as in a run's summary.
        outcome: ``name`` and which is ``better``, as in a run's summary.
        moved: how often good first answers were undone and bad ones mended
            (:func:`.advice.moved`).

    Returns:
        ``answer``: ``worth``, ``not worth``, ``not known``; ``why``: ``better``, ``same`` or
        ``worse`` than one answer, ``stops``: the same or worse in the last round and in the one
        before, ``again``: asking again does as well or better, ``instruction``: better than one
        answer, but not shown to be than asking again, ``control``: there is none, ``unread``: it
        hangs on answers that couldn't be read, ``undecided``.
        ``once``: the difference from the single answer over which least is shown, and ``over``,
        what that is: ``round`` or ``baseline``; ``singles``: the differences from both, where there
        are such; ``again``: that from asking again; ``harm`` and ``mend``.
        ``None`` where there is nothing to compare.
    """
    name, sign = outcome["name"], 1 if outcome["better"] == "higher" else -1
    singles = {"round": changes.get(name), "baseline": _against(controls, "baseline", name)}
    known = {over: e for over, e in singles.items() if e and e.get("value") is not None}
    if "round" not in known:
        return None

    def least(over: str) -> tuple[int, float]:
        return _ORDER.index(_shown(known[over])), sign * known[over]["value"]

    over = min(known, key=least)
    once, again = known[over], _against(controls, "repeat", name)
    answer, why = _decided(once, again)
    told = moved or {}
    return {
        "answer": answer,
        "why": why,
        "over": over,
        "once": once,
        "singles": {name: e for name, e in singles.items() if e},
        "again": again,
        "harm": told.get("harm"),
        "mend": told.get("mend"),
    }


def _decided(once: Table, again: Table | None) -> tuple[str, str]:
    if once.get("hangs"):
        return "not known", "unread"
    shown = _shown(once)
    if shown in ("same", "worse", "stops"):
        return "not worth", str(shown)
    if again is not None and _shown(again) in ("same", "worse"):
        return "not worth", "again"  # one of what has to be shown is refuted, whatever the rest
    if shown != "better":
        return "not known", "undecided"
    if again is None or again.get("value") is None:
        return "not known", "control"
    if again.get("hangs"):
        return "not known", "unread"
    if _shown(again) == "better":
        return "worth", "better"
    return "not known", "instruction"


def _against(controls: Mapping[str, Table], name: str, outcome: str) -> Table | None:
    against = controls.get(name, {}).get("against")
    found: Table | None = against["difference"].get(outcome) if against else None
    return found


def _shown(e: Table) -> str | None:
    """Its verdict, by the interval that allows for further looks; of a direction within the margin
    ``same``, too; ``stops`` where it depends on the round in which one stops, and none gains."""
    if e.get("hangs"):
        return "undecided"
    if e.get("depends") and set(e.get("stops", ("undecided",))) <= {"same", "worse"}:
        return "stops"
    verdict: str | None = e["verdict"]
    # a direction that is shown to be smaller than what counts as none, as in `advise`
    return "same" if verdict in ("better", "worse") and e.get("within") else verdict
