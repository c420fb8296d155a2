"""The two-concept model, fitted to measured distributions, and other forecasts to compare with.

A model that is unsure which of two concepts governs a dialogue answers with a mixture. Let p+ be
its distribution if it were sure of the wanted concept, and p− if it were sure of the other. Then

    p_t = (1 − ε_t) p+ + ε_t p−,        ε_t = P(other concept | the dialogue up to round t).

By Bayes' rule each round multiplies the odds ε/(1 − ε) by a likelihood ratio ρ_t. If every round
brings the same evidence, ρ_t = ρ, and logit ε_t = a + b t with ρ = e^b. This is a line: two rounds
determine it, a third can contradict it, and later ones test it. Source: arXiv 2406.02378, whose
derivation misapplies Bayes' rule in one step; this is the corrected form.

ε_t is estimated by least squares over all records: it minimises Σ_i ‖p_ti − p̂_ti‖², so

    ε_t = Σ_i ⟨p_ti − p+_i, d_i⟩ / Σ_i ‖d_i‖²,        d_i = p−_i − p+_i.

Every figure is a function of sums over records, so that leaving out a cluster costs one matrix
product: the functions ``…_terms`` give the terms of each record, and the functions without the
suffix compute the figure from their sums. Distributions have a row for each record and a column for
each option; a record with fewer options has zeros in the rest. An undefined figure is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def total_variation(plus: ArrayLike, minus: ArrayLike) -> Floats:
    """½ Σ_o |p+_o − p−_o| of each record [n], from distributions [n, K]: from 0 to 1."""
    difference = np.asarray(plus, dtype=np.float64) - np.asarray(minus, dtype=np.float64)
    return np.asarray(np.abs(difference).sum(axis=-1) / 2)


def epsilon_terms(p: ArrayLike, plus: ArrayLike, minus: ArrayLike) -> Floats:
    """The terms of :func:`epsilon`.

    Args:
        p: distributions in each round [T, n, K].
        plus, minus: p+ and p− of each record [n, K].

    Returns:
        ⟨p_t − p+, d⟩ in the first T columns, ‖d‖² in the last: [n, T + 1].
    """
    away, d = _away(p, plus, minus)
    return np.column_stack([*(away * d).sum(axis=-1), (d * d).sum(axis=-1)])


def epsilon(sums: ArrayLike) -> Floats:
    """ε_t [..., T] from sums [..., T + 1] of :func:`epsilon_terms`.

    Outside (0, 1) where the distributions don't lie between the anchors.
    """
    s = np.asarray(sums, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(s[..., :-1] / s[..., -1:])


def residual_terms(p: ArrayLike, plus: ArrayLike, minus: ArrayLike, positions: ArrayLike) -> Floats:
    """The terms of :func:`residual`: [n, 2].

    Args:
        p, plus, minus: as in :func:`epsilon_terms`.
        positions: which records have their options in the same places [n]: say, those whose anchors
            like the same options best. One that is alone in this is left out: its terms are 0.
    """
    away, d = _away(p, plus, minus)
    x = np.asarray(p, dtype=np.float64)
    length = (d * d).sum(axis=-1)
    along = (away * d).sum(axis=-1) / np.where(length > 0, length, np.inf)
    aside = ((away - along[..., None] * d) ** 2).sum(axis=(0, 2))
    _, place, counts = np.unique(np.asarray(positions), return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), len(x), x.shape[2]))
    np.add.at(sums, place, x.swapaxes(0, 1))
    means = (sums / counts[:, None, None])[place].swapaxes(0, 1)
    size = counts[place]
    # the mean of few lies nearer to them than that of many does
    nearer = np.where(size > 1, size / np.maximum(size - 1, 1), 0.0)
    varies = nearer * ((x - means) ** 2).sum(axis=(0, 2))
    # K options leave K − 1 directions, of which the line of the anchors takes one
    ways = ((x[0] > 0) | (d != 0) | (np.asarray(plus) > 0)).sum(axis=-1) - 1
    aside = np.where((ways > 1) & (size > 1), aside / np.maximum(ways - 1, 1), 0.0)
    return np.column_stack([aside, varies / np.maximum(ways, 1)])


def residual(sums: ArrayLike) -> Floats:
    """How far records lie from mixtures of their anchors, as a share of how far from each other.

    Σ_t Σ_i ‖p_ti − p̂_ti‖² / (K − 2) over Σ_t Σ_i ‖p_ti − p̄_ti‖² / (K − 1), with p̂_ti the nearest
    point on the line of the record's own anchors and p̄_ti the mean of the records with the options
    in the same positions; both are per direction in which they could differ. 0 where every
    distribution is a mixture of its own two anchors, 1 where that mean does as well. (Differences
    *between* positions would make anything look like a mixture that knows which option is where.)
    With two options every distribution lies on the line, and it is 0. It says whether the records
    lie between their anchors, not why they move.

    Args:
        sums: [..., 2] of :func:`residual_terms`.
    """
    s = np.asarray(sums, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(s[..., 0] / s[..., 1])


def spread_terms(p: ArrayLike, plus: ArrayLike, minus: ArrayLike) -> Floats:
    """The terms of :func:`spread`, for one round p [n, K]: [n, 3]."""
    c, length = epsilon_terms(np.asarray(p)[None], plus, minus).T
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(length > 0, c * c / length, 0.0)
    return np.column_stack([squared, c, length])


def spread(sums: ArrayLike) -> Floats:
    """The standard deviation of the records' own ε around the pooled one, each weighted by ‖d‖².

    Noise in the distributions adds to it, so it is an upper bound of the true differences.

    Args:
        sums: [..., 3] of :func:`spread_terms`.
    """
    s = np.asarray(sums, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = s[..., 1] / s[..., 2]
        return np.asarray(np.sqrt(np.maximum(s[..., 0] / s[..., 2] - mean**2, 0.0)))


def logit(share: ArrayLike) -> Floats:
    """log(ε / (1 − ε)); NaN outside (0, 1)."""
    x = np.asarray(share, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((x > 0) & (x < 1), np.log(x) - np.log1p(-x), np.nan)


def odds_line(shares: ArrayLike, rounds: Sequence[int]) -> tuple[Floats, Floats]:
    """a and b [...] of logit ε_t = a + b t by least squares; NaN where an ε is outside (0, 1).

    Args:
        shares: ε [..., R].
        rounds: the R rounds t they are of.
    """
    t, y = np.asarray(rounds, dtype=np.float64), logit(shares)
    centred = t - t.mean()
    b = (y * centred).sum(axis=-1) / (centred**2).sum()
    return y.mean(axis=-1) - b * t.mean(), b


def odds_ratio(shares: ArrayLike, rounds: Sequence[int]) -> Floats:
    """ρ = e^b [...]: the factor by which a round multiplies the odds of the other concept."""
    return np.exp(odds_line(shares, rounds)[1])


def bend(shares: ArrayLike) -> Floats:
    """log(ρ_3 / ρ_2) from ε in rounds 1-3 [..., 3]: 0 where both rounds bring equal evidence."""
    y = logit(shares)
    return np.asarray(y[..., 2] - 2 * y[..., 1] + y[..., 0])


def on_line(a: float, b: float, rounds: Sequence[int]) -> Floats:
    """ε_t [R] = 1 / (1 + e^−(a + b t))."""
    x = a + b * np.asarray(rounds, dtype=np.float64)
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))


def mixture(shares: ArrayLike, plus: ArrayLike, minus: ArrayLike) -> Floats:
    """(1 − ε_t) p+ + ε_t p−: [R, n, K] from ε [R] and distributions [n, K]."""
    e = np.asarray(shares, dtype=np.float64)[:, None, None]
    return np.asarray((1 - e) * np.asarray(plus)[None] + e * np.asarray(minus)[None])


def exponential(means: Sequence[float], start: float, ahead: int) -> Floats | None:
    """A free exponential m_t = L + A k^t through three means, continued from another start.

    k is the second step divided by the first, clipped to [−1, 1], beyond which it would diverge.
    The forecasts are clipped to [0, 1].

    Args:
        means: of three successive rounds.
        start: the value to continue from, in the last of them.
        ahead: number of rounds to predict.

    Returns:
        The forecasts [ahead], or ``None`` where the first step is 0, so that no k fits.
    """
    first, second = means[1] - means[0], means[2] - means[1]
    if first == 0:
        return None
    k = min(1.0, max(-1.0, second / first))
    return np.clip(start + second * np.cumsum(k ** np.arange(1, ahead + 1)), 0.0, 1.0)


def chain(correct: ArrayLike, start: float, ahead: int) -> Floats | None:
    """A homogeneous first-order chain, Acc' = Acc · CL + (1 − Acc) · CS (arXiv 2412.19513).

    Args:
        correct: 1 and 0 in successive rounds [R, n], from which CL and CS are estimated, over all
            rounds together.
        start: the accuracy to continue from.
        ahead: number of rounds to predict.

    Returns:
        The forecasts [ahead], or ``None`` where no answer was right, or none wrong, so that one
        of the rates is undefined.
    """
    y = np.asarray(correct, dtype=np.float64)
    before, after = y[:-1], y[1:]
    if not 0 < before.sum() < before.size:
        return None
    cl, cs = after[before == 1].mean(), after[before == 0].mean()
    path = []
    for _ in range(ahead):
        start = start * cl + (1 - start) * cs
        path.append(start)
    return np.array(path)


def _away(p: ArrayLike, plus: ArrayLike, minus: ArrayLike) -> tuple[Floats, Floats]:
    """p_t − p+ [T, n, K] and d = p− − p+ [n, K].

    Raises:
        ValueError: the shapes don't fit.
    """
    x, one, other = (np.asarray(each, dtype=np.float64) for each in (p, plus, minus))
    if x.ndim != 3 or x.shape[1:] != one.shape or one.shape != other.shape:
        raise ValueError(f"p {x.shape} must be [T, n, K], and p± {one.shape}, {other.shape} [n, K]")
    return x - one, other - one
