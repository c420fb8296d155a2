"""How well confidence tells right answers from wrong ones, with an interval over clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
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
    confidence: ArrayLike, correct: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL
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
        level: of the interval.
    """
    c, y, names = with_both(confidence, correct, clusters)
    if not len(c):
        return NOBODY
    members = np.unique(names, return_inverse=True)[1].astype(np.int64)
    found = _placed(c, y, members, int(members.max()) + 1)
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
    level: float = LEVEL,
) -> Estimate:
    """AUROC after − before, each given as (confidence [n], correct [n]), on the same clusters."""
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    k = int(members.max()) + 1 if len(members) else 0
    both = []
    for confidence, correct in (after, before):
        c, y, own = with_both(confidence, correct, members)
        both.append((_placed(c, y, own, k), own))
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


def _placed(c: Floats, y: Floats, members: Ints, k: int) -> _Placed | Estimate:
    """The AUROC of records [n] with what K clusters contribute, or why it can't be told."""
    n, present = len(c), len(np.unique(members))
    right = y == 1
    ones, zeros = int(right.sum()), int(n - right.sum())
    if min(ones, zeros) < LEAST_OF_A_CLASS:
        why = FEWER
        return Estimate(None, None, None, n, present, why)
    if np.ptp(c) == 0:
        return Estimate(None, None, None, n, present, "all confidences are equal")
    # each record's share of the other class that lies on its right side, ties half
    lowest, other = stats.rankdata(c), np.empty(n)
    other[right] = lowest[right] - stats.rankdata(c[right])
    other[~right] = ones - (lowest[~right] - stats.rankdata(c[~right]))
    placed = other / np.where(right, zeros, ones)
    value = float(placed[right].mean())
    if present == 1:
        return one_cluster(value, n)
    parts, corrected, leverages, rarer = np.zeros(k), np.zeros(k), [], float(n)
    independent, alike = np.zeros(k), np.zeros(k)
    for of, count in ((right, ones), (~right, zeros)):
        size = np.bincount(members[of], minlength=k).astype(np.float64)
        rarer = min(rarer, effective_clusters(size))
        if rarer < LEAST_EFFECTIVE:
            return Estimate(value, None, None, n, present, FEW, unequal(members))
        off = placed[of] - value
        part, leverage = np.bincount(members[of], off, k) / count, size / count
        parts += part
        corrected += part / np.sqrt(1 - leverage)
        leverages.append(leverage)
        varies = float((off**2).mean()) / count**2
        independent += varies * size
        alike += varies * size**2
    return _Placed(value, parts, corrected, np.maximum(*leverages), independent, alike, rarer)
