"""The last round's outcome by level and wording, both examples and wordings being samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.crossed import crossed
from selfcorrect.measures.paired import holm
from selfcorrect.studies.able import told
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.wording.texts import LEVELS, WORDINGS, arm_of

#: More specific minus less; fixed beforehand.
PAIRS = (("goal", "plain"), ("specific", "goal"), ("specific", "plain"))


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read."""
    return told(series(inputs.runs), (), inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``better``, ``margin``, ``uncertainty``, ``rounds``,
        ``wordings`` (their texts); by measure (the outcome, the uncertainty) ``gains``: level → its
        last round minus round 1; ``beyond``: level → its last round minus that of ``repeat``;
        ``levels``: pair → the difference of two levels, wording by wording; each a table of
        :class:`selfcorrect.measures.crossed.Crossed`, with ``p_holm`` over the three of ``levels``
        and over the three of ``beyond``.
    """
    arms: Series = inputs.preflight.data
    names = [arms.outcome.name, *([arms.uncertainty] if arms.uncertainty else [])]
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "margin": arms.margins[arms.outcome.name],
        "uncertainty": arms.uncertainty,
        "rounds": list(arms.main.rounds),
        "wordings": list(WORDINGS),
        "measures": {name: _measure(arms, name) for name in names},
        "settings": dict(inputs.settings),
    }


def _measure(arms: Series, name: str) -> dict[str, Any]:
    last = {level: _matrix(arms, name, level, -1) for level in LEVELS}
    first = {level: _matrix(arms, name, level, 0) for level in LEVELS}
    clusters = arms.main.clusters
    repeat = arms.of("repeat", name)[:, -1:]
    levels = {f"{a} − {b}": crossed(last[a] - last[b], clusters) for a, b in PAIRS}
    beyond = {level: crossed(x - repeat, clusters) for level, x in last.items()}
    return {
        "last": {level: crossed(x, clusters).table() for level, x in last.items()},
        "gains": {level: crossed(x - first[level], clusters).table() for level, x in last.items()},
        "beyond": _adjusted(beyond),
        "levels": _adjusted(levels),
    }


def _matrix(arms: Series, name: str, level: str, at: int) -> Floats:
    """An example a row, a wording a column."""
    columns = [arms.of(arm_of(level, n), name)[:, at] for n in range(1, len(WORDINGS) + 1)]
    return np.stack(columns, axis=1)


def _adjusted(found: dict[str, Any]) -> dict[str, Any]:
    ps = {key: each.p for key, each in found.items() if each.p is not None}
    adjusted = dict(zip(ps, holm(list(ps.values())).tolist(), strict=True))
    return {key: {**each.table(), "p_holm": adjusted.get(key)} for key, each in found.items()}
