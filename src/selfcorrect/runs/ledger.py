"""The ledger of each method whose arms are among runs that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from selfcorrect.measures.ledger import ledger_of_arms, split
from selfcorrect.measures.panel import Panel
from selfcorrect.runs.run import Run

#: What arms of one ledger have in common.
_COMMON = {"model", "task", "seed", "system", "max_tokens", "steer"}
#: Arms with as many rounds as the method, and those with a number of their own.
_AS_LONG, _OF = ("repeat", "padded"), {"majority": 1, "afresh": 2}


def ledgers(
    runs: Sequence[Run],
    panels: Sequence[Panel],
    names: Sequence[str],
    margins: Mapping[str, float],
    looks: Mapping[tuple[int, int], Sequence[int]],
    fair: Sequence[bool],
) -> list[dict[str, Any]]:
    """Of what the gains of methods consist.

    A method begins as ``repeat`` does, has two rounds or more, and all of ``repeat``, ``padded``
    (of as many rounds), ``majority`` and ``afresh`` are there once, with the same model and words.

    Args:
        runs, panels, names: of all, the panels of the same examples in one order.
        margins: by measure.
        looks: by pair (i, j), i < j, how many examples there were whenever they were compared.
        fair: which runs may be ranked: an oracle is no method.

    Returns:
        By method ``run``, its name, ``arms``: role → name, and what
        :func:`selfcorrect.measures.ledger.split` says.
    """
    found = []
    for k in range(len(runs)):
        arms = _arms(runs, panels, k) if fair[k] else None
        if arms is None:
            continue
        pairs = [tuple(sorted(pair)) for pair in combinations(arms.values(), 2)]
        seen = sorted({n for i, j in pairs for n in looks[i, j]})
        told = split(ledger_of_arms({role: panels[j] for role, j in arms.items()}, margins, seen))
        found.append({"run": names[k], "arms": {r: names[j] for r, j in arms.items()}, **told})
    return found


def _arms(runs: Sequence[Run], panels: Sequence[Panel], k: int) -> dict[str, int] | None:
    """The arms of a method's ledger, by their roles; ``None`` where they aren't there."""
    rounds = len(panels[k].rounds)
    if runs[k].spec.strategy.name in (*_AS_LONG, *_OF) or rounds < 2:
        return None
    common = _common(runs[k])
    arms = {"method": k}
    for role, number in {**dict.fromkeys(_AS_LONG, rounds), **_OF}.items():
        fit = [
            j
            for j, run in enumerate(runs)
            if run.spec.strategy.name == role
            and len(panels[j].rounds) == number
            and _common(run) == common
        ]
        if len(fit) != 1:
            return None
        arms[role] = fit[0]
    return arms if _first(runs[k]) == _first(runs[arms["repeat"]]) else None


def _common(run: Run) -> dict[str, Any]:
    return run.spec.model_dump(mode="json", include=_COMMON)


def _first(run: Run) -> Any:
    return run.header.about.get("strategy", {}).get("first")
