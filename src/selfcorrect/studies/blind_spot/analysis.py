"""How often given answers are corrected and left, as the model's own and as the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.independent import difference_between
from selfcorrect.measures.intervals import proportion
from selfcorrect.measures.panel import Panel
from selfcorrect.studies.able import preflight_of, smallest_difference, unable
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.blind_spot.arms import ALONE, OWN, USER
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.shares import Shares, judged, kept, otherwise, right, short_of


def preflight(inputs: Inputs) -> Preflight:
    """Whether the model by itself answers better than by guessing: else nothing is corrected, only
    changed. And whether both kinds of answers were given."""
    arms = series(inputs.runs, ALONE)
    found = preflight_of(arms, ("quality",), inputs)
    given = right(arms.panels[OWN], 0).found
    if not all((given == each).any() for each in (0, 1)):
        return unable(found, "answers that were given are all right, or all wrong")
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, ``outcome``, its ``margin``, and the numbers of :func:`figures`.
    """
    data: Series = inputs.preflight.data
    margin = data.margins[data.outcome.name]
    return {
        **inputs.preflight.found,
        "outcome": data.outcome.name,
        "margin": margin,
        **figures(data.panels, data.main.clusters, margin),
        "settings": dict(inputs.settings),
    }


def figures(panels: Mapping[str, Panel], clusters: NDArray[Any], margin: float) -> Result:
    """What becomes of answers that were given.

    Args:
        panels: by arm: round 1 holds the answers that were given, round 2 the model's; but of
            :data:`ALONE` both are its own.
        clusters: of each dialogue [D].
        margin: up to what size a difference counts as none.

    Returns:
        ``arms``: arm but ``ALONE`` → ``corrected``, the share of right answers after a wrong one,
        ``left``, after a right one, ``accuracy`` over both, ``changed_wrong`` and
        ``changed_right``, how often another answer follows, and ``tells``, their difference;
        ``claims``: the user's minus own of ``corrected``, ``left``, ``accuracy``, and ``known``,
        those corrected of questions that it answers right by itself; judged together;
        ``blind_spot``: (corrected as user's − as own) / as user's; ``smallest``: the smallest
        difference of ``corrected`` that so many show 4 times of 5; ``known``: of those questions
        the ``share`` of all, the share corrected by arm, and ``blind_spot``; ``unread``: arm →
        dialogues whose last answer isn't known.
    """
    given = right(panels[OWN], 0).found
    wrong, good = given == 0, given == 1
    last = {arm: right(panels[arm]) for arm in panels if arm != ALONE}
    same = {arm: kept(panels[arm]) for arm in last}
    knows = right(panels[ALONE], 0).found == 1
    corrected = {arm: of.where(wrong) for arm, of in last.items()}
    # what it knows is seen before anything is given
    known = {arm: of.where(knows) for arm, of in corrected.items()}
    claims = {
        "corrected": (corrected[USER], corrected[OWN]),
        "left": (last[USER].where(good), last[OWN].where(good)),
        "accuracy": (last[USER], last[OWN]),
        "known": (known[USER], known[OWN]),
    }
    return {
        "arms": {
            arm: {
                "corrected": corrected[arm].table(clusters),
                "left": last[arm].where(good).table(clusters),
                "accuracy": last[arm].table(clusters),
                **_changes(otherwise(same[arm]), wrong, good, clusters),
            }
            for arm in last
        },
        "claims": judged(claims, clusters, margin),
        "blind_spot": short_of(corrected[OWN], corrected[USER], clusters),
        "smallest": smallest_difference(clusters[wrong]),
        "known": {
            "share": proportion(np.where(wrong, knows, np.nan), clusters).table(),
            "arms": {arm: of.table(clusters) for arm, of in known.items()},
            "blind_spot": short_of(known[OWN], known[USER], clusters),
        },
        "unread": {arm: of.unread for arm, of in last.items()},
    }


def _changes(
    of: Shares, wrong: NDArray[np.bool_], good: NDArray[np.bool_], clusters: NDArray[Any]
) -> Result:
    """How often answers are changed where a wrong one was given, and where a right one was."""
    one, other = of.where(wrong), of.where(good)
    return {
        "changed_wrong": one.table(clusters),
        "changed_right": other.table(clusters),
        "tells": _between(one.found, other.found, clusters),
    }


def _between(one: Floats, other: Floats, clusters: NDArray[Any]) -> Result:
    """The difference of two shares, which are of different dialogues."""
    first = np.isfinite(one)
    there = first | np.isfinite(other)
    e = difference_between(np.where(first, one, other)[there], first[there], clusters[there])
    return {**e.table(), "few": e.few}
