"""What benchmarks.statistics simulates: data with a known truth, and whether it was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from selfcorrect.measures.auroc import auroc, auroc_difference
from selfcorrect.measures.calibration import calibration
from selfcorrect.measures.compare import verdict
from selfcorrect.measures.figures import figure, of_sums
from selfcorrect.measures.intervals import (
    Estimate,
    mean,
    proportion,
)
from selfcorrect.measures.paired import holm, joint_level, share_difference, share_test

Rng = np.random.Generator
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def held(e: Estimate, truth: float) -> bool:
    return e.low is not None and e.high is not None and e.low - 1e-9 <= truth <= e.high + 1e-9


#: From a generator the cluster of each record [n].
Layout = Callable[[Rng], Ints]

#: Questions of each template of BBQ's Disability_status.
BBQ = (8, 12, 16, 16, *[32] * 5, *[48] * 7, 64, 72, 72, 72, 72, 120, 128, 168, 240)
#: One template with most of the questions.
HUGE = (400, *[10] * 20)
FEW_LARGE = (*[60] * 10, *[1] * 190)


def equal(k: int, size: int = 1) -> Layout:
    return lambda _: np.repeat(np.arange(k), size)


def sized(sizes: Sequence[int]) -> Layout:
    return lambda _: np.repeat(np.arange(len(sizes)), sizes)


def lognormal(k: int, spread: float = 1.3) -> Layout:
    """Clusters of about 8 records, the largest of a hundred and more."""

    def of(rng: Rng) -> Ints:
        sizes = np.ceil(8 * np.exp(rng.normal(0, spread, k))).astype(np.int64)
        return np.repeat(np.arange(k), sizes)

    return of


def copied(k: int, copies: int) -> Layout:
    """Records of clusters of their own, one of which stands there many times."""
    return sized((copies, *[1] * (k - 1)))


def rates(rng: Rng, p: float, icc: float, k: int) -> Floats:
    """A probability for each cluster, p on average, so that records of one correlate by icc."""
    if icc == 0 or p == 0:
        return np.full(k, p)
    return rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), k)


def shares(p: float, layout: Layout, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        of = layout(rng)
        return held(proportion(rng.random(len(of)) < rates(rng, p, icc, of.max() + 1)[of], of), p)

    return once


def shares_of_large(p: float, sizes: Sequence[int], icc: float) -> Callable[[Rng], bool]:
    """Clusters of more than ten are alike within, smaller ones are independent records."""
    layout, large = sized(sizes), np.asarray(sizes) > 10

    def once(rng: Rng) -> bool:
        of = layout(rng)
        of_each = np.where(large, rates(rng, p, icc, len(sizes)), p)
        return held(proportion(rng.random(len(of)) < of_each[of], of), p)

    return once


def repelling(p: float, k: int, size: int) -> Callable[[Rng], bool]:
    """Negative correlation: as many of each cluster are right as can be nearest to p."""

    def once(rng: Rng) -> bool:
        of = equal(k, size)(rng)
        right = rng.permuted(np.arange(size) < p * size * np.ones((k, 1)), axis=1)
        flipped = rng.random(k * size) < 0.1
        return held(proportion(right.ravel() ^ flipped, of), 0.9 * p + 0.1 * (1 - p))

    return once


def pairs(
    rng: Rng, gained: float, lost: float, layout: Layout, icc: float
) -> tuple[Floats, Floats, Ints]:
    """Right or wrong after and before; the rates of gains and losses vary between clusters."""
    of = layout(rng)
    n, k = len(of), int(of.max()) + 1
    up, down = rates(rng, gained, icc, k)[of], rates(rng, lost, icc, k)[of]
    u = rng.random(n)
    after, before = u < up, (u >= up) & (u < up + down)
    return after.astype(float), before.astype(float), of


def differences(
    gained: float, lost: float, layout: Layout, icc: float = 0.0
) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        return held(share_difference(*pairs(rng, gained, lost, layout, icc)), gained - lost)

    return once


def no_difference(changed: float, layout: Layout, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        p = share_test(*pairs(rng, changed / 2, changed / 2, layout, icc))
        return p is not None and p <= 0.05

    return once


def claims(changed: float, layout: Layout, icc: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        data = pairs(rng, changed / 2, changed / 2, layout, icc)
        e = share_difference(*data)
        # the test has to agree, and is slow: it is made where it could say no
        return (
            verdict(e, 0.03, 1) == "better" and verdict(e, 0.03, 1, share_test(*data)) == "better"
        )

    return once


def at_margin(changed: float, layout: Layout, icc: float) -> Callable[[Rng], bool]:
    """A difference of exactly the margin must not often be called the same."""

    def once(rng: Rng) -> bool:
        data = pairs(rng, (changed + 0.1) / 2, (changed - 0.1) / 2, layout, icc)
        return verdict(share_difference(*data), 0.1, 1) == "same"

    return once


def gains_at_margin(gained: float, layout: Layout, icc: float) -> Callable[[Rng], bool]:
    """The same where all that changes is gained: an interval within the margin, whatever it is
    called, leaves out what is true."""

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, gained, 0.0, layout, icc))
        return e.low is not None and e.high is not None and -gained <= e.low and e.high <= gained

    return once


def rare_at_margin(layout: Layout) -> Callable[[Rng], bool]:
    """3 % of the clusters gain as a whole, which is the margin, and none lose."""

    def once(rng: Rng) -> bool:
        of = layout(rng)
        after = (rng.random(int(of.max()) + 1) < 0.03)[of].astype(float)
        return verdict(share_difference(after, np.zeros(len(of)), of), 0.03, 1) == "same"

    return once


def scores(
    layout: Layout, kind: str, icc: float = 0.5, estimate: Callable[..., Estimate] = mean
) -> Callable[[Rng], bool]:
    """Means of numbers that have a cluster's part and their own.

    Args:
        layout: of the clusters.
        kind: ``normal``, ``gamma`` or ``lognormal``, whose parts are all above 0.
        icc: the cluster's part in the variance.
        estimate: of the mean.
    """
    law, middle, spread = _LAWS[kind]

    def once(rng: Rng) -> bool:
        of = layout(rng)
        common, own = law(rng, int(of.max()) + 1)[of], law(rng, len(of))
        x = math.sqrt(icc) * (common - middle) + math.sqrt(1 - icc) * (own - middle)
        return held(estimate(x / spread, of), 0.0)

    return once


_LAWS: dict[str, tuple[Callable[[Rng, int], Floats], float, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0, 1.0),
    "gamma": (lambda rng, n: rng.gamma(1.0, 1.0, n), 1.0, 1.0),
    "lognormal": (lambda rng, n: rng.lognormal(0.0, 1.0, n), math.exp(0.5), 2.16),
    "heavy": (lambda rng, n: rng.lognormal(0.0, 1.5, n), math.exp(1.125), 8.97),
}


def sparse(n: int, moved: float) -> Callable[[Rng], bool]:
    """Differences that are mostly exactly 0, as those of a model that mostly copies itself."""

    def once(rng: Rng) -> bool:
        x = np.where(rng.random(n) < moved, rng.uniform(-1, 1, n), 0.0)
        e = mean(x, np.arange(n))
        return e.low is not None and not held(e, 0.0)

    return once


def one_way(n: int, moved: float, kind: str) -> Callable[[Rng], bool | None]:
    """The same, all in one direction; where nothing moved there is no interval to judge."""

    def once(rng: Rng) -> bool | None:
        jumps = rng.random(n) if kind == "uniform" else rng.lognormal(0.0, 1.0, n)
        e = mean(np.where(rng.random(n) < moved, jumps, 0.0), np.arange(n))
        return (
            None
            if e.low is None
            else held(e, moved * (0.5 if kind == "uniform" else math.exp(0.5)))
        )

    return once


def _said(
    rng: Rng, sharp: float, layout: Layout, icc: float, accuracy: float = 0.65
) -> tuple[Floats, Floats, Ints]:
    """Confidences, and right answers of a perfectly calibrated model; clusters are of a level."""
    of = layout(rng)
    level = rates(rng, accuracy, icc, int(of.max()) + 1)[of]
    c = rng.beta(np.maximum(level * sharp, 1e-3), np.maximum((1 - level) * sharp, 1e-3))
    return c, (rng.random(len(of)) < c).astype(float), of


@cache
def _true_auroc(sharp: float, icc: float, accuracy: float) -> float:
    c, y, _ = _said(np.random.default_rng(99), sharp, equal(400_000), icc, accuracy)
    rank, n = stats.rankdata(c), y.sum()
    return float((rank[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n)))


def aurocs(
    sharp: float, layout: Layout, icc: float, accuracy: float = 0.65
) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        e = auroc(*_said(rng, sharp, layout, icc, accuracy))
        return None if e.low is None else held(e, _true_auroc(sharp, icc, accuracy))

    return once


def auroc_differences(layout: Layout, icc: float = 0.1) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        c, y, of = _said(rng, 3.0, layout, icc)
        logit = special.logit(np.clip(c, 1e-6, 1 - 1e-6))
        one, other = (special.expit(logit + rng.normal(size=len(c))) for _ in range(2))
        e = auroc_difference((one, y), (other, y), of)
        return None if e.low is None else held(e, 0.0)

    return once


@cache
def _true_quality(measure: Callable[..., Estimate], icc: float, accuracy: float) -> float:
    c, y, of = _said(np.random.default_rng(98), 3.0, equal(1_000_000), icc, accuracy)
    return measure(1 - c, y, np.minimum(of, 3)).value or 0.0


def uncertain(
    measure: Callable[..., Estimate], layout: Layout, icc: float, accuracy: float
) -> Callable[[Rng], bool | None]:
    """Spearman or risk-coverage of 1 − confidence and being right, of such a model."""

    def once(rng: Rng) -> bool | None:
        c, y, of = _said(rng, 3.0, layout, icc, accuracy)
        e = measure(1 - c, y, of)
        return None if e.low is None else held(e, _true_quality(measure, icc, accuracy))

    return once


def excess(n: int, sharp: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y, of = _said(rng, sharp, equal(n), 0.0)
        e = calibration(c, y, of, seed=int(rng.integers(1e9))).excess
        return e.low is not None and e.low > 0

    return once


def clustered_excess(layout: Layout, icc: float) -> Callable[[Rng], bool]:
    """Perfectly calibrated, P(right | c) = c, but records of one cluster err together."""

    def once(rng: Rng) -> bool:
        of = layout(rng)
        c = rng.beta(0.65 * 3, 0.35 * 3, len(of))
        common = math.sqrt(icc) * rng.normal(size=of.max() + 1)[of]
        luck = stats.norm.cdf(common + math.sqrt(1 - icc) * rng.normal(size=len(of)))
        e = calibration(c, (luck < c).astype(float), of).excess
        return e.low is not None and e.low > 0

    return once


def gap(layout: Layout, icc: float) -> Callable[[Rng], bool]:
    """The calibration gap of such a model: mean confidence − accuracy, which is 0."""

    def once(rng: Rng) -> bool:
        of = layout(rng)
        c = rng.beta(0.65 * 3, 0.35 * 3, len(of))
        common = math.sqrt(icc) * rng.normal(size=of.max() + 1)[of]
        luck = stats.norm.cdf(common + math.sqrt(1 - icc) * rng.normal(size=len(of)))
        return held(mean(c - (luck < c), of), 0.0)

    return once


def debiased(n: int, off: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y, of = _said(rng, 3.0, equal(n), 0.0)
        c = c * (1 - off) + off  # P(right | c) is then known: the error is off · (1 − former c)
        e = calibration(c, y, of).debiased
        return held(e, off * _BINNED)

    return once


def _binned() -> float:
    """What the binned estimator is of: root mean square of 1 − c over ten bins of equal mass."""
    c, _, _ = _said(np.random.default_rng(7), 3.0, equal(1_000_000), 0.0)
    means = np.sort(1 - c).reshape(10, -1).mean(axis=1)
    return float(np.sqrt((means**2).mean()))


_BINNED = _binned()


def band(k: int, rounds: int) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        x = np.cumsum(rng.normal(size=(k, rounds)), axis=1) + rng.normal(size=(k, 1))
        level = joint_level(x, np.arange(k))
        return all(held(mean(each, np.arange(k), level=level), 0.0) for each in x.T)

    return once


def family(k: int, rounds: int) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        right = [rng.random(k) < 0.5]
        for _ in range(rounds - 1):
            flip = rng.random(k) < 0.1
            right.append(right[-1] ^ flip)  # right as often as wrong in every round
        p = [share_test(r, right[0], np.arange(k)) for r in right[1:]]
        return bool((holm([each for each in p if each is not None]) <= 0.05).any())

    return once


def bias(layout: Layout, *, sums: bool, icc: float = 0.1) -> Callable[[Rng], bool]:
    """BBQ's ambiguous score: (1 − accuracy) · (2 biased/known − 1)."""
    unknown, biased = 0.6, 0.7
    truth = (1 - unknown) * (2 * biased - 1)

    def value(s: Floats) -> Floats:
        return np.asarray((1 - s[..., 0] / s[..., 3]) * (2 * s[..., 1] / s[..., 2] - 1))

    def once(rng: Rng) -> bool:
        of = layout(rng)
        n, k = len(of), int(of.max()) + 1
        right = rng.random(n) < rates(rng, unknown, icc, k)[of]
        named = rng.random(n) < rates(rng, biased, icc, k)[of]
        terms = np.stack([right, named & ~right, ~right, np.ones(n)], axis=1).astype(float)
        if sums:
            return held(of_sums(terms, value, of), truth)
        return held(figure(lambda which: float(value(terms[which].sum(axis=0))), of), truth)

    return once
