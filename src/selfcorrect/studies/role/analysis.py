"""What becomes of a first answer by the role in which it is shown again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import proportion
from selfcorrect.measures.panel import Panel
from selfcorrect.runs import Run
from selfcorrect.studies.able import graded, preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.role.sheet import OWN, TOOL
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.shares import Shares, judged, kept, otherwise, right

#: What a note says of a tool's message that was shown in the user's turn.
AS_USER = "as what a tool has returned"


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and are graded."""
    arms = series(inputs.runs, OWN)
    found = graded(preflight_of(arms, (), inputs), arms)
    if found.found["preflight"]["missing"]:
        return found
    # an answer that any role moves is one that moves, and one that all are known to keep is none
    stays = [kept(panel) for panel in arms.panels.values()]
    moved = np.any([each.most == 0 for each in stays], axis=0)
    still = np.all([each.least == 1 for each in stays], axis=0)
    known = np.where(moved, 1.0, np.where(still, 0.0, np.nan))
    flips = proportion(known, arms.main.clusters).table()
    checks = {**found.found["preflight"], "flips": flips}
    return replace(found, found={**found.found, "preflight": checks})


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, ``outcome``, its ``margin``, the numbers of :func:`figures`, and
        ``as_user``: the share of dialogues in which what a tool had returned was shown in the
        user's turn, as there is no tool's.
    """
    data: Series = inputs.preflight.data
    margin = data.margins[data.outcome.name]
    return {
        **inputs.preflight.found,
        "outcome": data.outcome.name,
        "margin": margin,
        **figures(data.panels, data.main.clusters, margin),
        "as_user": _as_user(inputs.runs[TOOL]),
        "settings": dict(inputs.settings),
    }


def figures(panels: Mapping[str, Panel], clusters: NDArray[Any], margin: float) -> Result:
    """What becomes of first answers in each role.

    Args:
        panels: by role, of two rounds, of which the first is the same in all.
        clusters: of each dialogue [D].
        margin: up to what size a difference counts as none.

    Returns:
        ``first``: accuracy of round 1; ``arms``: role → ``accuracy`` in round 2, ``kept``, answers
        that stay as they are, ``corrected``, wrong ones that become right, and ``harmed``, right
        ones that become wrong; ``claims``: each of these, role by role (``user − own``), all judged
        together; ``unread``: role → dialogues whose last answer isn't known.
    """
    first = right(next(iter(panels.values())), 0)
    read = first.least == first.most
    wrong, good = (read & (first.found == each) for each in (0, 1))
    found = {role: _figures(panel, wrong, good) for role, panel in panels.items()}
    pairs = {
        f"{name}: {one} − {other}": (found[one][name], found[other][name])
        for name in next(iter(found.values()))
        for other, one in combinations(panels, 2)
    }
    claims: dict[str, Result] = {}
    for key, e in judged(pairs, clusters, margin).items():
        name, pair = key.split(": ")
        claims.setdefault(name, {})[pair] = e
    return {
        "first": first.table(clusters),
        "arms": {
            role: {name: of.table(clusters) for name, of in each.items()}
            for role, each in found.items()
        },
        "claims": claims,
        "unread": {role: each["accuracy"].unread for role, each in found.items()},
    }


def _figures(panel: Panel, wrong: NDArray[np.bool_], good: NDArray[np.bool_]) -> dict[str, Shares]:
    last = right(panel)
    return {
        "accuracy": last,
        "kept": kept(panel),
        "corrected": last.where(wrong),
        "harmed": otherwise(last).where(good),
    }


def _as_user(run: Run) -> Result:
    """How often a tool's message was shown in the user's turn, in the last round."""
    rows = run.read(["round", "cluster", "notes"])
    last = rows.filter(rows["round"] == rows["round"].max())
    noted = [any(AS_USER in note["text"] for note in notes) for notes in last["notes"]]
    return proportion(np.array(noted, dtype=float), last["cluster"].to_numpy()).table()
