"""Whether examples gain more that a model distinguishes, and what unread answers do to that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.regression import regression
from selfcorrect.measures.unread import p_whatever
from selfcorrect.outcome import Outcome

#: What the mean of both orders may be.
_SHARES = (0.0, 0.5, 1.0)
#: Changes of single judgements that are tried, of each that isn't known.
_CHANGES = 4
#: Random starts of the search for what they allow, beside all at each share.
_STARTS = 8
_FLAT = 1e-9


@dataclass(frozen=True)
class Beyond:
    """How much more each example gains by a review than by being asked again.

    Attributes:
        values: the last outcome of intrinsic minus repeat's, above 0 where that is better [D]; NaN
            where one of the two answers isn't known.
        least, most: between what it lies [D].
        first: the outcome of round 1 [D]; 0 where that answer isn't known.
        known: whether that is [D].
    """

    values: Floats
    least: Floats
    most: Floats
    first: Floats
    known: NDArray[np.bool_]

    @staticmethod
    def of(corrected: Panel, repeat: Panel, outcome: Outcome) -> Beyond:
        """From both arms, of the same examples in one order."""
        one, other = (_read(panel, -1) for panel in (corrected, repeat))
        low, high = outcome.bounds
        ends = [
            (np.where(np.isfinite(x), x, low), np.where(np.isfinite(x), x, high))
            for x in (one, other)
        ]
        least, most = ends[0][0] - ends[1][1], ends[0][1] - ends[1][0]
        first = _read(corrected, 0)
        sign = float(outcome.sign)
        both = (least, most) if sign > 0 else (-most, -least)
        known = np.isfinite(first)
        return Beyond(sign * (one - other), *both, np.where(known, first, 0.0), known)


def _read(panel: Panel, round: int) -> Floats:
    """The outcome of each dialogue [D]; NaN where an answer isn't known."""
    x, read = panel.columns["outcome"][:, round], panel.columns["parse_rate"][:, round] == 1
    return np.asarray(np.where(read, x, np.nan), dtype=np.float64)


def association(
    gain: Beyond, right: Floats, label: Floats, clusters: NDArray[Any]
) -> dict[str, Any]:
    """How much more an example gains, beyond being asked again, where the model distinguishes
    always than where it never does, among examples with as good a first answer, and with the same
    right judgement.

    What makes a question easy to judge may make it easy to answer, at every time of asking: then
    the last answer is better than a first one that was as good, though nobody corrects anything. So
    the gain is that beyond the same question repeated. Who was wrong at first can only gain, so the
    first outcome is in the regression. Which of two texts is less toxic *is* the sign of what was
    gained, so that a model that always says the same is right just where little was gained: each
    label has an intercept of its own.

    Args:
        gain: of each example.
        right: the share of its judgements that are right [D]; NaN where one isn't known.
        label: what is right [D].
        clusters: of each [D].

    Returns:
        The coefficient as a table, p the largest of the ways in which unread answers were counted,
        ``few``, and ``unread``: the lowest and the highest value that was found for them, where
        there are any, see :func:`_ways`.
    """
    # a first answer that isn't known has an intercept of its own
    fixed = 2 * np.unique(label, return_inverse=True)[1] + gain.known
    ways = [(gain.values, right), *_ways(gain, right, fixed)]
    found = [
        regression(g, {"right": r, "first": gain.first}, clusters, fixed=fixed)["right"]
        for g, r in ways
    ]
    e = found[0].estimate
    table: dict[str, Any] = {
        **e.table(),
        "few": e.few,
        "p": p_whatever([c.estimate for c in found], [c.p for c in found]),
    }
    values = [c.estimate.value for c in found if c.estimate.value is not None]
    if len(ways) > 1:
        table["unread"] = [min(values), max(values)] if len(values) == len(ways) else [None, None]
    return table


def _ways(gain: Beyond, right: Floats, fixed: NDArray[np.int64]) -> list[tuple[Floats, Floats]]:
    """Unknown gains and judgements counted so that they go together as much as was found, and so
    that they don't.

    Given the judgements, the coefficient is linear in the gains, and each end is reached with every
    gain at an end of its own. Judgements are changed one at a time, each time the one that changes
    it most, until none does; from several starts. That is an ascent, and no proof that nothing lies
    beyond.
    """
    lacking = np.isnan(gain.values), np.isnan(right)
    if not (lacking[0].any() or lacking[1].any()) or all(each.all() for each in lacking):
        return []
    groups = np.eye(int(fixed.max()) + 1)[:, np.unique(fixed)][fixed]
    u = np.linalg.qr(np.column_stack([groups, gain.first]))[0]
    rng, unknown = np.random.default_rng(0), np.flatnonzero(lacking[1])
    m = len(unknown)
    starts = [np.full(m, share) for share in _SHARES]
    starts += [rng.choice(_SHARES, m) for _ in range(_STARTS)]
    ways = []
    for sign in (1, -1):
        best: tuple[float, Floats, Floats] | None = None
        for start in starts if m else starts[:1]:
            r = right.copy()
            r[unknown] = start
            found = _ascent(gain, r, unknown, u, sign)
            if best is None or found[0] > best[0]:
                best = found
        assert best is not None
        ways.append(best[1:])
    return ways


def _ascent(
    gain: Beyond, r: Floats, unknown: NDArray[np.int64], u: Floats, sign: int
) -> tuple[float, Floats, Floats]:
    """From judgements [D] to the coefficient times a sign, with its gains and judgements.

    Args:
        gain: of each example.
        r: judgements, those that aren't known at a start; changed in place.
        unknown: where they aren't.
        u: an orthonormal basis of all that the regression holds fixed [D, p].
        sign: of the direction.
    """
    free = 1 - (u**2).sum(axis=1)
    lacking = np.isnan(gain.values)

    def left(x: Floats) -> Floats:
        return np.asarray(x - u @ (u.T @ x))

    def at_end(apart: Floats, rows: Any) -> Floats:
        """The gains that go with judgements which are so far above what is expected."""
        ends = np.where(sign * apart > 0, gain.most[rows], gain.least[rows])
        return np.asarray(np.where(lacking[rows], ends, gain.values[rows]))

    shares = np.array(_SHARES)[:, None]
    for _ in range(1 + _CHANGES * len(unknown)):
        apart = left(r)
        g = at_end(apart, slice(None))
        under = float(apart @ r)
        now = sign * float(apart @ g) / under if under > _FLAT else -np.inf
        if not len(unknown):
            break
        step = shares - r[unknown]
        moved = apart[unknown] + step * free[unknown]
        squares = under + step * (2 * apart[unknown] + step * free[unknown])
        # the example's own gain goes to the end that goes with its judgement
        own = moved * (at_end(moved, unknown) - g[unknown])
        over = float(apart @ g) + step * left(g)[unknown] + own
        each = np.where(squares > _FLAT, sign * over / np.maximum(squares, _FLAT), -np.inf)
        share, place = np.unravel_index(int(np.argmax(each)), each.shape)
        if not each[share, place] > now + _FLAT:
            break
        r[unknown[place]] = _SHARES[share]
    return now, g, r
