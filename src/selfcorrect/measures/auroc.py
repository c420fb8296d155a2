"""How well confidence tells right answers from wrong ones, with an interval over clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from selfcorrect.measures.clusters import (
    LEAST_EFFECTIVE,
    Error,
    Floats,
    Ints,
    effective_clusters,
    error_of,
    t_of,
)
from selfcorrect.measures.intervals import (
    LEVEL,
    NOBODY,
    ROUNDING,
    UNVARYING,
    Estimate,
    one_cluster,
    unequal,
    wilson,
    with_both,
)

#: Undefined with fewer right, or fewer wrong, answers than these.
LEAST_OF_A_CLASS = 5

FEWER = f"fewer than {LEAST_OF_A_CLASS} right or wrong answers with a confidence"
FEW = f"right or wrong answers lie in fewer than {LEAST_EFFECTIVE:.0f} effective clusters"


def auroc(
    confidence: ArrayLike,
    correct: ArrayLike,
    clusters: ArrayLike,
    *,
    parts: ArrayLike | None = None,
    level: float = LEVEL,
) -> Estimate:
    """The probability that a right answer has a higher confidence than a wrong one (ties ½).

    Its interval is that of its logit: the error from the placements of each cluster's answers among
    those of the other class (Obuchowski 1997, doi:10.2307/2533958), with leverages and
    Satterthwaite's degrees of freedom, carried to the logit by the delta method. Undefined with
    fewer than five right or five wrong answers. Where right and wrong are told apart perfectly the
    placements don't vary, and the interval is Wilson's, of as many as the rarer class or the
    clusters, whichever are fewer.

    Args:
        confidence: [n]; a record with a NaN in either is left out.
        correct: zeros and ones [n].
        clusters: the cluster of each [n].
        parts: in which part each is [n], no cluster in two: only answers of one part are compared.
            Where a score comes from what was fitted to the other parts, those of two parts have
            levels of their own, each the lower the more right answers the part itself holds, so
            that all together would lie below ½ where there is nothing to tell.
        level: of the interval.
    """
    c, y, names = with_both(confidence, correct, clusters)
    within = _within(confidence, correct, parts)
    if within is not None:
        there = _comparable(y, within)
        c, y, names, within = c[there], y[there], names[there], within[there]
    if not len(c):
        return NOBODY
    members = np.unique(names, return_inverse=True)[1].astype(np.int64)
    found = _placed(c, y, members, int(members.max()) + 1, within)
    if not isinstance(found, _Placed):
        return found
    n, k = len(c), int(members.max()) + 1
    value, worth = found.value, unequal(members)
    if value in (0.0, 1.0):
        fewest = min(float(y.sum()), n - float(y.sum()), k if worth is None else worth)
        return Estimate(value, *wilson(value * fewest, fewest, level), n, k, effective=worth)
    error = _error(found)
    # the error of the logit by that of the value
    half = t_of(level, error.df) * error.error / (value * (1 - value))
    if half < 1e-6:
        return Estimate(value, None, None, n, k, UNVARYING, worth)
    low, high = special.expit(special.logit(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), n, k, effective=worth)


def auroc_difference(
    after: tuple[ArrayLike, ArrayLike],
    before: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike,
    *,
    parts: ArrayLike | None = None,
    level: float = LEVEL,
) -> Estimate:
    """AUROC after − before, each given as (confidence [n], correct [n]), on the same clusters;
    ``parts`` as in :func:`auroc`."""
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    k = int(members.max()) + 1 if len(members) else 0
    both = []
    for confidence, correct in (after, before):
        c, y, own = with_both(confidence, correct, members)
        within = _within(confidence, correct, parts)
        if within is not None:
            there = _comparable(y, within)
            c, y, own, within = c[there], y[there], own[there], within[there]
        both.append((_placed(c, y, own, k, within), own))
    (a, of_a), (b, of_b) = both
    n, present = min(len(of_a), len(of_b)), len(np.intersect1d(of_a, of_b))
    for each in (a, b):
        if each.value is None:
            why = each.why if isinstance(each, Estimate) else None
            return Estimate(None, None, None, n, present, why)
    values = [each.value if each.value is not None else 0.0 for each in (a, b)]
    value = values[0] - values[1]
    if not (isinstance(a, _Placed) and isinstance(b, _Placed)):
        why = next(each.why for each in (a, b) if isinstance(each, Estimate))
        return Estimate(value, None, None, n, present, why)
    # leverages and working variances are about the same in both
    both_parts = _Placed(
        value,
        a.parts - b.parts,
        a.corrected - b.corrected,
        (a.leverage + b.leverage) / 2,
        a.independent + b.independent,
        a.alike + b.alike,
        min(a.rarer, b.rarer),
    )
    error = _error(both_parts)
    worth = unequal(of_a)
    if error.error < ROUNDING:
        return Estimate(value, None, None, n, present, UNVARYING, worth)
    low, high = error.ends(value, level)
    spread = n * error.error**2
    return Estimate(
        value, max(low, -1.0), min(high, 1.0), n, present, effective=worth, spread=spread
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """An AUROC and what each cluster [K] contributes to its deviation.

    Attributes:
        parts, corrected: the contributions, and corrected for each class's leverages.
        leverage: the larger of the classes'.
        independent, alike: variances of the contributions, were the records of a cluster
            independent, and were they alike.
        rarer: effective clusters of the class that has fewer.
    """

    value: float
    parts: Floats
    corrected: Floats
    leverage: Floats
    independent: Floats
    alike: Floats
    rarer: float


def _error(found: _Placed) -> Error:
    """The standard error by the corrected parts; degrees of freedom by the leverages."""
    there = (found.independent > 0) | (found.parts != 0)
    if not there.any():  # told apart perfectly
        return Error(0.0, 1.0, 0.0)
    leverage = np.minimum(found.leverage[there], 1 - 1e-9)
    of = error_of(found.parts[there], leverage, found.independent[there], found.alike[there])
    # few answers tell little, whatever class they are of
    df = max(1.0, min(of.df, found.rarer - 1))
    return Error(float(np.sqrt((found.corrected**2).sum())), df, of.skew)


def _within(confidence: ArrayLike, correct: ArrayLike, parts: ArrayLike | None) -> Ints | None:
    """The parts of the records that have both numbers."""
    if parts is None:
        return None
    numbers = np.unique(np.asarray(parts), return_inverse=True)[1].astype(np.int64)
    return with_both(confidence, correct, numbers)[2]


def _comparable(y: Floats, parts: Ints) -> NDArray[np.bool_]:
    """The records in whose part there are both right and wrong ones."""
    right = np.bincount(parts, y == 1, int(parts.max(initial=-1)) + 1)
    size = np.bincount(parts, minlength=len(right))
    return ((right > 0) & (right < size))[parts]


def _beaten(c: Floats, right: NDArray[np.bool_]) -> Floats:
    """How many of the other class lie on each record's right side [n], ties half."""
    ones, lowest, other = int(right.sum()), stats.rankdata(c), np.empty(len(c))
    other[right] = lowest[right] - stats.rankdata(c[right])
    other[~right] = ones - (lowest[~right] - stats.rankdata(c[~right]))
    return other


def _placed(
    c: Floats, y: Floats, members: Ints, k: int, parts: Ints | None = None
) -> _Placed | Estimate:
    """The AUROC of records [n] with what K clusters contribute, or why it can't be told."""
    n, present = len(c), len(np.unique(members))
    right = y == 1
    ones, zeros = int(right.sum()), int(n - right.sum())
    if min(ones, zeros) < LEAST_OF_A_CLASS:
        why = FEWER
        return Estimate(None, None, None, n, present, why)
    each = [np.arange(n)] if parts is None else [np.flatnonzero(parts == i) for i in set(parts)]
    if all(np.ptp(c[at]) == 0 for at in each):
        return Estimate(None, None, None, n, present, "all confidences are equal")
    # each record's share of the other class that lies on its right side, ties half, and the part
    # of all pairs of its class that are its own
    beaten, weight = np.empty(n), np.empty(n)
    for at in each:
        of = right[at]
        beaten[at] = _beaten(c[at], of)
        weight[at] = np.where(of, int((~of).sum()), int(of.sum()))
    pairs = float(weight[right].sum())
    placed, value = beaten / weight, float(beaten[right].sum()) / pairs
    weight /= pairs
    if present == 1:
        return one_cluster(value, n)
    contributed, corrected, leverages, rarer = np.zeros(k), np.zeros(k), [], float(n)
    independent, alike = np.zeros(k), np.zeros(k)
    for of in (right, ~right):
        size = np.bincount(members[of], minlength=k).astype(np.float64)
        rarer = min(rarer, effective_clusters(size))
        if rarer < LEAST_EFFECTIVE:
            return Estimate(value, None, None, n, present, FEW, unequal(members))
        off, w = placed[of] - value, weight[of]
        part, leverage = np.bincount(members[of], w * off, k), np.bincount(members[of], w, k)
        contributed += part
        corrected += part / np.sqrt(1 - leverage)
        leverages.append(leverage)
        varies = float((off**2).mean())
        independent += varies * np.bincount(members[of], w**2, k)
        alike += varies * leverage**2
    return _Placed(value, contributed, corrected, np.maximum(*leverages), independent, alike, rarer)
