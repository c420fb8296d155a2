"""How far confidence is from accuracy: ECE with what chance makes of it, reliability.

A record's confidence is the probability of the answer given. ECE is biased upwards, by more the
fewer records there are and the less sharp the confidences; so it is never shown without the ECE
that a perfectly calibrated model would have had with these very confidences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from selfcorrect.measures.clusters import Floats, Ints, error_of_mean, sums_of
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import (
    LEVEL,
    NOBODY,
    Estimate,
    one_cluster,
    proportion,
    unequal,
    with_both,
)

BINS = 10
#: Draws of the answers of a perfectly calibrated model.
DRAWS = 1_000

_ENDS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What :func:`calibration` gives.

    Attributes:
        ece: Σ_b n_b/n · |accuracy_b − mean confidence_b| over ten bins [a, b), the last closed;
            without interval (no resampling gives a valid one: the null band stands in its place).
        expected: the mean ECE of a perfectly calibrated model, with its 95 % null band. Records of
            one cluster need not err independently: where clusters hold several, the draws vary
            with the clusters' residuals as these do.
        excess: ECE − expected; the ends are those of the null band, taken off the ECE, so they hold
            0 just where the ECE lies inside the band.
        debiased: root of the debiased ℓ2 calibration error (Kumar, Liang & Ma 2019,
            arXiv 1909.10155) over ten bins of equal mass, 0 where the debiased square is negative;
            jackknife over clusters on the square.
        reliability: for each bin with records its edges, ``n``, mean ``confidence``, ``accuracy``
            with its interval, and between what 95 % of a perfectly calibrated model's would lie.
    """

    ece: Estimate
    expected: Estimate
    excess: Estimate
    debiased: Estimate
    reliability: list[dict[str, Any]]


def calibration(
    confidence: ArrayLike, correct: ArrayLike, clusters: ArrayLike, *, seed: int = 0
) -> Calibration:
    """Calibration of some answers.

    Args:
        confidence: in [0, 1], [n]; a record with a NaN in either is left out.
        correct: zeros and ones [n].
        clusters: the cluster of each [n].
        seed: of the null's 1,000 draws.
    """
    c, y, members = with_both(confidence, correct, clusters)
    if not len(c):
        return Calibration(NOBODY, NOBODY, NOBODY, NOBODY, [])
    members = np.unique(members, return_inverse=True)[1].astype(np.int64)
    n, k = len(c), int(members.max()) + 1
    bins = _equal_width(c)
    size, said, right = (np.bincount(bins, w, BINS).astype(float) for w in (np.ones(n), c, y))
    null = _null(c, bins, seed) if k == n else _clustered_null(c, y, bins, members, seed)
    value = float(np.abs(right - said).sum() / n)
    errors = np.abs(null - said).sum(axis=1) / n
    expected, (low, high) = float(errors.mean()), map(float, np.quantile(errors, _ENDS))
    if k == 1:
        one = one_cluster(value - expected, n)
        of_null, excess = Estimate(expected, None, None, n, k, one.why), one
    else:
        worth = unequal(members)
        of_null = Estimate(expected, low, high, n, k, effective=worth)
        excess = Estimate(value - expected, value - high, value - low, n, k, effective=worth)
    return Calibration(
        ece=Estimate(value, None, None, n, k),
        expected=of_null,
        excess=excess,
        debiased=_debiased(c, y, members),
        reliability=_reliability(bins, size, said, null, y, members),
    )


def ece(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Expected calibration error alone: ten bins [a, b), the last closed; NaN of no record."""
    c, y, _ = with_both(confidence, correct, np.zeros(np.shape(confidence)))
    if not len(c):
        return math.nan
    bins = _equal_width(c)
    return float(np.abs(np.bincount(bins, y) - np.bincount(bins, c)).sum() / len(c))


def equal_mass(values: ArrayLike, bins: int) -> Ints:
    """The bin of each value [n], numbered from 0: bins of about n/bins, equal values in one bin.

    Equal values all go where the first of them in the sorted order belongs, so fewer bins may be
    used than asked for.
    """
    x = np.asarray(values, dtype=np.float64)
    first = stats.rankdata(x, method="min").astype(np.int64) - 1
    return np.unique(first * bins // max(1, len(x)), return_inverse=True)[1].astype(np.int64)


def _equal_width(c: Floats) -> Ints:
    return np.searchsorted(np.arange(1, BINS) / BINS, c, side="right").astype(np.int64)


def _null(c: Floats, bins: Ints, seed: int) -> Floats:
    """Right answers per bin [DRAWS, BINS] of models for which each is right with its confidence."""
    rng = np.random.default_rng(seed)
    order = np.argsort(bins, kind="stable")
    sorted_c = c[order].astype(np.float32)
    starts = np.searchsorted(bins[order], np.arange(BINS))
    inside = starts < np.append(starts[1:], len(c))
    sums = np.zeros((DRAWS, BINS))
    at_a_time = max(1, 4_000_000 // len(c))
    for i in range(0, DRAWS, at_a_time):
        drawn = rng.random((min(at_a_time, DRAWS - i), len(c)), dtype=np.float32) < sorted_c
        # only bins with records: reduceat has no empty sums
        sums[i : i + len(drawn), inside] = np.add.reduceat(
            drawn, starts[inside], axis=1, dtype=np.int32
        )
    return sums


def _clustered_null(c: Floats, y: Floats, bins: Ints, members: Ints, seed: int) -> Floats:
    """The same [DRAWS, BINS] for clusters of several records, whose errors may go together.

    A normal draw for each bin: as much spread as independent answers would have, or as the
    clusters' residuals around their bin's mean show, whichever is more; correlated between bins
    as those are; with the leverages and the tails of t of the mean residual.
    """
    rng = np.random.default_rng(seed)
    size, said, right = (np.bincount(bins, w, BINS) for w in (np.ones(len(c)), c, y))
    independent = np.bincount(bins, c * (1 - c), BINS)
    centred = (y - c) - ((right - said) / np.maximum(size, 1))[bins]
    k = int(members.max()) + 1
    sums = sums_of(centred, members * BINS + bins, k * BINS).reshape(k, BINS)
    sizes = np.bincount(members, minlength=k).astype(np.float64)
    df = 1.0
    if k > 1:
        sums = sums / np.sqrt(1 - sizes / len(c))[:, None]
        off = (y - c) - (y - c).mean()
        df = error_of_mean(sums_of(off, members, k), sizes, float((off**2).sum())).df
    covariance = sums.T @ sums
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    wanted = np.sqrt(np.maximum(independent, np.diag(covariance)))
    correlation = covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    law = stats.multivariate_t(
        shape=correlation,
        df=df,  # type: ignore[arg-type]  # any number, whatever its stub says
        allow_singular=True,
    )
    drawn = law.rvs(DRAWS, random_state=rng).reshape(DRAWS, BINS) * wanted
    return np.asarray(np.clip(said + drawn, 0, size), dtype=np.float64)


def _debiased(c: Floats, y: Floats, members: Ints) -> Estimate:
    bins = _merged(equal_mass(c, BINS))
    if np.bincount(bins)[0] < 2:
        return Estimate(None, None, None, len(c), 1, "one record")
    one_hot = np.eye(int(bins.max()) + 1)[bins]
    width = one_hot.shape[1]

    def square(sums: Floats) -> Floats:
        n, right, said = (sums[..., i * width : (i + 1) * width] for i in range(3))
        accuracy = right / n
        each = (accuracy - said / n) ** 2 - accuracy * (1 - accuracy) / (n - 1)
        # a bin that a jackknife leaves without two records says nothing
        weighted = np.where(n >= 2, n * each, 0.0).sum(axis=-1) / n.sum(axis=-1)
        return np.asarray(weighted, dtype=np.float64)

    terms = np.concatenate([one_hot, one_hot * y[:, None], one_hot * c[:, None]], axis=1)
    e = of_sums(terms, square, members)
    value, low, high = (
        None if v is None else math.sqrt(max(0.0, v)) for v in (e.value, e.low, e.high)
    )
    return replace(e, value=value, low=low, high=high)


def _merged(bins: Ints) -> Ints:
    """Bins of one record joined to the one on the left, or the first to the one on its right."""
    size = np.bincount(bins)
    own = (size > 1).astype(np.int64)
    own[0] = 1
    number = np.cumsum(own) - 1
    if len(size) > 1 and size[0] == 1 and own[1]:
        number[1:] -= 1
    return number[bins]


def _reliability(
    bins: Ints, size: Floats, said: Floats, null: Floats, y: Floats, members: Ints
) -> list[dict[str, Any]]:
    rows = []
    for b in np.flatnonzero(size):
        share = proportion(y[bins == b], members[bins == b])
        low, high = np.quantile(null[:, b] / size[b], _ENDS)
        rows.append(
            {
                "low": int(b) / BINS,
                "high": (int(b) + 1) / BINS,
                "n": int(size[b]),
                "confidence": float(said[b] / size[b]),
                "accuracy": share.value,
                "accuracy_low": share.low,
                "accuracy_high": share.high,
                "null_low": float(low),
                "null_high": float(high),
            }
        )
    return rows
