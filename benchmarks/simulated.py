"""What benchmarks.statistics simulates: data with a known truth, and whether it was found."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from selfcorrect.measures.calibration import auroc, auroc_difference, calibration
from selfcorrect.measures.compare import verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.figures import figure, of_sums
from selfcorrect.measures.intervals import (
    Estimate,
    mean,
    mean_t,
    proportion,
)
from selfcorrect.measures.paired import holm, joint_level, share_difference, share_test
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import Design, n_for_difference, n_for_margin

Rng = np.random.Generator
Floats = NDArray[np.float64]


def held(e: Estimate, truth: float) -> bool:
    return e.low is not None and e.high is not None and e.low - 1e-9 <= truth <= e.high + 1e-9


def clusters(k: int, size: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(k), size)


def rates(rng: Rng, p: float, icc: float, k: int) -> Floats:
    """A probability for each cluster, p on average, so that records of one correlate by icc."""
    if icc == 0:
        return np.full(k, p)
    return rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), k)


def shares(p: float, k: int, size: int, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        return held(proportion(rng.random(k * size) < rates(rng, p, icc, k)[of], of), p)

    return once


def pairs(
    rng: Rng, gained: float, lost: float, k: int, size: int, icc: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Right or wrong after and before; the rates of gains and losses vary between clusters."""
    of = clusters(k, size)
    up, down = rates(rng, gained, icc, k)[of], rates(rng, lost, icc, k)[of]
    u = rng.random(k * size)
    after, before = u < up, (u >= up) & (u < up + down)
    return after.astype(float), before.astype(float), of


def differences(
    gained: float, lost: float, k: int, size: int = 1, icc: float = 0.0
) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        return held(share_difference(*pairs(rng, gained, lost, k, size, icc)), gained - lost)

    return once


def no_difference(changed: float, k: int, size: int = 1, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        p = share_test(*pairs(rng, changed / 2, changed / 2, k, size, icc))
        return p is not None and p <= 0.05

    return once


def claims(changed: float, k: int, size: int, icc: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        data = pairs(rng, changed / 2, changed / 2, k, size, icc)
        return verdict(share_difference(*data), 0.03, 1, share_test(*data)) == "better"

    return once


def scores(k: int, size: int, *, skewed: bool) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        if skewed:  # as differences of tokens or entropies are: most small, few large
            x = rng.gamma(1.0, 1.0, k)[of] + rng.gamma(1.0, 1.0, k * size)
            return held(mean(x, of), 2.0)
        return held(mean(rng.normal(size=k)[of] + rng.normal(size=k * size), of), 0.0)

    return once


def sparse(k: int, moved: float) -> Callable[[Rng], bool]:
    """Differences that are mostly exactly 0, as those of a model that mostly copies itself."""

    def once(rng: Rng) -> bool:
        x = np.where(rng.random(k) < moved, rng.uniform(-1, 1, k), 0.0)
        e = mean(x, np.arange(k))
        return e.low is not None and not held(e, 0.0)

    return once


def _said(rng: Rng, sharp: float, k: int, size: int, icc: float) -> tuple[Floats, Floats]:
    """Confidences, and right answers of a perfectly calibrated model; clusters are of a level."""
    level = rates(rng, 0.65, icc, k)[clusters(k, size)]
    c = rng.beta(np.maximum(level * sharp, 1e-3), np.maximum((1 - level) * sharp, 1e-3))
    return c, (rng.random(k * size) < c).astype(float)


_TRUE_AUROC: dict[tuple[float, int, int, float], float] = {}


def _true_auroc(sharp: float, k: int, size: int, icc: float) -> float:
    key = (sharp, k, size, icc)
    if key not in _TRUE_AUROC:
        rng = np.random.default_rng(99)
        c, y = _said(rng, sharp, 400_000 // size, size, icc)
        rank = stats.rankdata(c)
        n = y.sum()
        _TRUE_AUROC[key] = float((rank[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n)))
    return _TRUE_AUROC[key]


def aurocs(sharp: float, k: int, size: int, icc: float) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        e = auroc(*_said(rng, sharp, k, size, icc), clusters(k, size), seed=int(rng.integers(1e9)))
        return None if e.value is None else held(e, _true_auroc(sharp, k, size, icc))

    return once


def auroc_differences(k: int, size: int) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        c, y = _said(rng, 3.0, k, size, 0.1)
        noisy = special.expit(special.logit(np.clip(c, 1e-6, 1 - 1e-6)) + rng.normal(size=len(c)))
        other = special.expit(special.logit(np.clip(c, 1e-6, 1 - 1e-6)) + rng.normal(size=len(c)))
        e = auroc_difference((noisy, y), (other, y), clusters(k, size))
        return None if e.value is None else held(e, 0.0)

    return once


def excess(n: int, sharp: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y = _said(rng, sharp, n, 1, 0.0)
        e = calibration(c, y, np.arange(n), seed=int(rng.integers(1e9))).excess
        return e.low is not None and e.low > 0

    return once


def clustered_excess(k: int, size: int, icc: float) -> Callable[[Rng], bool]:
    """Perfectly calibrated, P(right | c) = c, but records of one cluster err together."""

    def once(rng: Rng) -> bool:
        c = rng.beta(0.65 * 3, 0.35 * 3, k * size)
        common = math.sqrt(icc) * rng.normal(size=k)[clusters(k, size)]
        luck = stats.norm.cdf(common + math.sqrt(1 - icc) * rng.normal(size=k * size))
        e = calibration(c, (luck < c).astype(float), clusters(k, size)).excess
        return e.low is not None and e.low > 0

    return once


def debiased(n: int, off: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y = _said(rng, 3.0, n, 1, 0.0)
        c = c * (1 - off) + off  # P(right | c) is then known: the error is off · (1 − former c)
        e = calibration(c, y, np.arange(n)).debiased
        return held(e, off * _BINNED)

    return once


def _binned() -> float:
    """What the binned estimator is of: root mean square of 1 − c over ten bins of equal mass."""
    c, _ = _said(np.random.default_rng(7), 3.0, 1_000_000, 1, 0.0)
    means = np.sort(1 - c).reshape(10, -1).mean(axis=1)
    return float(np.sqrt((means**2).mean()))


_BINNED = _binned()


def band(k: int, rounds: int) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        x = np.cumsum(rng.normal(size=(k, rounds)), axis=1) + rng.normal(size=(k, 1))
        level = joint_level(x, np.arange(k))
        return all(held(mean_t(each, np.arange(k), level=level), 0.0) for each in x.T)

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


def bias(k: int, size: int, *, sums: bool) -> Callable[[Rng], bool]:
    """BBQ's ambiguous score: (1 − accuracy) · (2 biased/known − 1)."""
    unknown, biased = 0.6, 0.7
    truth = (1 - unknown) * (2 * biased - 1)

    def value(s: Floats) -> Floats:
        return np.asarray((1 - s[..., 0] / s[..., 3]) * (2 * s[..., 1] / s[..., 2] - 1))

    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        right = rng.random(k * size) < rates(rng, unknown, 0.1, k)[of]
        named = rng.random(k * size) < rates(rng, biased, 0.1, k)[of]
        terms = np.stack([right, named & ~right, ~right, np.ones(k * size)], axis=1).astype(float)
        if sums:
            return held(of_sums(terms, value, of), truth)
        return held(figure(lambda which: float(value(terms[which].sum(axis=0))), of), truth)

    return once


def drifting(step: float, n: int) -> Callable[[Rng], bool]:
    """Accuracy rises by ``step`` a round, of eight: is a round declared converged (margin 3)?"""

    def once(rng: Rng) -> bool:
        right = [rng.random(n) < 0.4]
        for _ in range(7):
            wrong = ~right[-1]
            lost = right[-1] & (rng.random(n) < 0.02)
            level = right[-1].mean()
            up = (step + 0.02 * level) / (1 - level)
            right.append((right[-1] & ~lost) | (wrong & (rng.random(n) < up)))
        y = np.stack(right, axis=1).astype(float)
        panel = Panel(
            tuple(range(1, 9)),
            np.arange(n),
            np.arange(n),
            {"outcome": y, **dict.fromkeys(("parse_rate", "gradable"), np.ones_like(y))},
            {},
        )  # type: ignore[arg-type]
        return convergence(panel, {"accuracy": 0.03})["accuracy"]["round"] is not None

    return once


def planned(difference: float, design: Design) -> Callable[[Rng], bool]:
    n = n_for_difference(difference, design) or 0
    k = round(n / design.size)
    up, down = (design.changed + difference) / 2, (design.changed - difference) / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, up, down, k, int(design.size), design.icc))
        return verdict(e, None, 1) == "better"

    return once


def planned_margin(margin: float, design: Design) -> Callable[[Rng], bool]:
    k = round(n_for_margin(margin, design) / design.size)
    half = design.changed / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, half, half, k, int(design.size), design.icc))
        return e.low is not None and -margin <= e.low and (e.high or 1) <= margin

    return once
