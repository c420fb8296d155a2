"""The last round's outcome by level and wording, both examples and wordings being samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.crossed import Crossed, crossed, unbounded
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unread import Columns, boundless, other_counts, unknown
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.wording.texts import LEVELS, WORDINGS, arm_of

#: More specific minus less; fixed beforehand.
PAIRS = (("goal", "plain"), ("specific", "goal"), ("specific", "plain"))


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read."""
    return preflight_of(series(inputs.runs), (), inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``better``, ``margin``, ``uncertainty``, ``rounds``,
        ``wordings`` (their texts); by measure (the outcome, the uncertainty) ``gains``: level → its
        last round minus round 1; ``beyond``: level → its last round minus that of ``repeat``;
        ``levels``: pair → the difference of two levels, wording by wording; each a table of
        :class:`selfcorrect.measures.crossed.Crossed`, with ``p_holm`` over the three of ``levels``,
        over the three of ``beyond``, and of the ``spread`` over the three of ``last``; ``unread``:
        level → how many answers of its last round aren't known.
    """
    arms: Series = inputs.preflight.data
    names = [arms.outcome.name, *([arms.uncertainty] if arms.uncertainty else [])]
    measures = {name: _measure(arms, name) for name in names}
    _matters(measures)
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "margin": arms.margins[arms.outcome.name],
        "uncertainty": arms.uncertainty,
        "rounds": list(arms.main.rounds),
        "wordings": list(WORDINGS),
        "measures": measures,
        "unread": _unread(arms),
        "settings": dict(inputs.settings),
    }


def _measure(arms: Series, name: str) -> dict[str, Any]:
    def told(after: str, before: str, at: int = -1) -> Crossed:
        return _crossed(arms, name, (_arms(after), -1), (_arms(before), at))

    return {
        "last": {level: _crossed(arms, name, (_arms(level), -1)).table() for level in LEVELS},
        "gains": {level: told(level, level, 0).table() for level in LEVELS},
        "beyond": _adjusted({level: told(level, "repeat") for level in LEVELS}),
        "levels": _adjusted({f"{a} − {b}": told(a, b) for a, b in PAIRS}),
    }


def _arms(level: str) -> list[str]:
    """An arm for each wording."""
    if level not in LEVELS:
        return [level] * len(WORDINGS)
    return [arm_of(level, n) for n in range(1, len(WORDINGS) + 1)]


#: Arms, one a wording, and the place of a round.
Where = tuple[list[str], int]


def _crossed(arms: Series, name: str, after: Where, before: Where | None = None) -> Crossed:
    """A measure, or its difference, wide enough for whatever an unread answer is."""
    outcome, room = arms.outcome, arms.room(name)
    column = "outcome" if name == outcome.name else name
    columns = _columns(arms, column, *after), _columns(arms, column, *(before or after))
    own = [m for m in arms.main.measures if m.name == name and name != outcome.name]

    def values(one: Columns, other: Columns) -> Floats:
        return np.asarray(one[column] if before is None else one[column] - other[column])

    # counted for a rise, and for a fall
    ways = [values(*way) for way in other_counts(columns, outcome, own)]
    found = crossed(
        values(*columns),
        arms.main.clusters,
        room=room if before is None else room.apart(),
        between=(ways[-1], ways[0]) if ways else None,
    )
    endless = name == outcome.name and boundless(columns, outcome)
    return unbounded(found) if endless else found


def _columns(arms: Series, column: str, names: list[str], at: int) -> dict[str, Floats]:
    """What is needed of a round, an example a row, a wording a column."""
    wanted = dict.fromkeys(("outcome", "parse_rate", "gradable", column))
    return {
        each: np.stack([arms.panels[arm].columns[each][:, at] for arm in names], axis=1)
        for each in wanted
    }


def _unread(arms: Series) -> dict[str, Any]:
    """By level, how many answers of the last round aren't known, and of how many."""
    found = {}
    for level in (*LEVELS, "repeat"):
        names = _arms(level)[: 1 if level == "repeat" else None]
        columns = _columns(arms, "outcome", names, -1)
        missing, _ = unknown((columns, columns), arms.outcome)
        found[level] = {"unread": int(missing.sum()), "n": int(missing.size)}
    return found


def _adjusted(found: dict[str, Crossed]) -> dict[str, Any]:
    adjusted = holm_by_name({key: each.p for key, each in found.items()})
    return {key: {**each.table(), "p_holm": adjusted.get(key)} for key, each in found.items()}


def _matters(measures: dict[str, Any]) -> None:
    """Adjust p of the wordings' spread over the levels."""
    for measure in measures.values():
        adjusted = holm_by_name({k: e["spread"].get("p") for k, e in measure["last"].items()})
        for level, e in measure["last"].items():
            e["spread"]["p_holm"] = adjusted.get(level)
