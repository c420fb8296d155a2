"""Variances, degrees of freedom and skewness over clusters, against dense matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import linalg, stats

from selfcorrect.measures.auroc import FEW, auroc
from selfcorrect.measures.clusters import (
    Error,
    effective_clusters,
    error_of_jackknife,
    error_of_mean,
)
from selfcorrect.measures.figures import GROUPS, figure, of_sums
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.paired import share_difference

SIZES = st.lists(st.integers(1, 12), min_size=3, max_size=9)


def dense(x: NDArray[np.float64], sizes: list[int]) -> tuple[float, float]:
    """CR2 and Satterthwaite's degrees of freedom as matrices have them (Pustejovsky & Tipton)."""
    n, members = len(x), np.repeat(np.arange(len(sizes)), sizes)
    of = [np.flatnonzero(members == g) for g in range(len(sizes))]
    hat = np.full((n, n), 1 / n)
    left = np.eye(n) - hat
    rows = []  # of the sum over a cluster of its corrected residuals, as a function of the errors
    for g in of:
        corrected = linalg.inv(linalg.sqrtm(left[np.ix_(g, g)]))
        rows.append(np.ones(len(g)) @ corrected @ left[g] / n)
    b = np.array(rows)
    squared = float(((b @ x) ** 2).sum())
    same = (members[:, None] == members).astype(float)
    # the icc for which the expected square is what it is
    one = float(((x - x.mean()) ** 2).mean())
    apart, alike = (one * float(np.trace(b @ w @ b.T)) for w in (np.eye(n), same))
    icc = min(1.0, max(0.0, (squared - apart) / (alike - apart)))
    omega = b @ ((1 - icc) * np.eye(n) + icc * same) @ b.T
    return squared, float(np.trace(omega) ** 2 / np.trace(omega @ omega))


@settings(max_examples=30, deadline=None)
@given(SIZES, st.integers(0, 10_000))
def test_error_of_a_mean_is_that_of_matrices(sizes: list[int], seed: int) -> None:
    if len(set(sizes)) == 1 and sizes[0] == 1:
        return
    rng = np.random.default_rng(seed)
    members = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=len(members)) + rng.normal(size=len(sizes))[members]
    centred = x - x.mean()
    got = error_of_mean(
        np.bincount(members, centred), np.array(sizes, float), float((centred**2).sum())
    )
    squared, df = dense(x, sizes)
    assert got.error**2 == pytest.approx(squared)
    assert got.df == pytest.approx(max(1.0, df), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.integers(0, 10_000))
def test_a_mean_as_a_figure_has_the_means_interval(sizes: list[int], seed: int) -> None:
    members = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(seed).gamma(1.0, 1.0, len(members))
    one = mean(x, members)
    terms = np.stack([x, np.ones(len(x))], axis=1)
    other = of_sums(terms, lambda s: s[..., 0] / s[..., 1], members)
    assert (other.value, other.n, other.clusters) == (pytest.approx(one.value), one.n, one.clusters)
    assert other.spread == pytest.approx(one.spread)
    without = np.array([x[members != g].mean() for g in range(len(sizes))])
    jackknife = error_of_jackknife(float(x.mean()), without, np.array(sizes, float))
    assert jackknife.error == pytest.approx(math.sqrt(one.spread / one.n))  # type: ignore[operator]


def test_one_size_is_the_usual_t() -> None:
    x = np.random.default_rng(0).normal(size=(9, 4))
    sums = (x - x.mean()).sum(axis=1)
    got = error_of_mean(sums, np.full(9, 4.0), float(((x - x.mean()) ** 2).sum()))
    assert (got.error, got.df) == (pytest.approx(stats.sem(x.mean(axis=1))), pytest.approx(8))
    assert effective_clusters(np.full(9, 4.0)) == 9


@given(st.floats(-1.25, 1.25), st.floats(0.1, 3), st.floats(0.8, 0.999))
def test_ends_are_t_on_one_side_and_further_on_the_other(
    skew: float, error: float, level: float
) -> None:
    low, high = Error(error, 12.0, skew).ends(0.0, level)
    t = stats.t.ppf(0.5 + level / 2, 12) * error
    near, far = (-low, high) if skew > 0 else (high, -low)
    assert near == pytest.approx(t)
    assert far >= t * (1 - 1e-9)
    more = Error(error, 12.0, skew + math.copysign(0.01, skew)).ends(0.0, level)
    assert more[1] - more[0] <= (high - low) * 1.05  # no cliff …
    higher = Error(error, 12.0, skew).ends(0.0, level + 0.0002)
    assert higher[1] - higher[0] <= (high - low) * 1.25  # … nor at the next look


@pytest.mark.parametrize("seen", [3, 4, 6, 10, 30, 100])
def test_rare_events_reach_as_far_as_exact_poisson(seen: int) -> None:
    """A count has the skewness 1 / √m; Hall's own inverse would reach twice as far with four."""
    _, high = Error(math.sqrt(seen), 1e9, seen**-0.5).ends(seen, 0.95)
    exact = stats.chi2.ppf(0.975, 2 * seen + 2) / 2
    assert high - seen == pytest.approx(exact - seen, rel=0.05)


@pytest.mark.parametrize("seen", [1, 2, 3, 4, 8, 15])
def test_sizes_that_hardly_differ_hardly_change_an_interval(seen: int) -> None:
    clusters = np.repeat(np.arange(40), 5)
    x = (clusters >= seen).astype(float)
    for estimate in (proportion, lambda y, c: share_difference(1 - y, 0 * y, c), mean):
        equal, nearly = estimate(x, clusters), estimate(x[:-1], clusters[:-1])
        wide = equal.high - equal.low
        assert nearly.high - nearly.low <= 1.3 * wide
        assert nearly.low == pytest.approx(equal.low, abs=0.3 * wide)
        assert nearly.high == pytest.approx(equal.high, abs=0.3 * wide)


def test_one_huge_cluster_is_worth_two() -> None:
    members = np.repeat(np.arange(21), (400, *[10] * 20))
    x = np.random.default_rng(1).random(600) < 0.7
    got = proportion(x, members)
    assert got.effective == pytest.approx(600**2 / (400**2 + 20 * 10**2))
    assert got.few
    assert got.table()["effective_clusters"] == got.effective
    assert not proportion(x, np.arange(600)).few
    assert share_difference(x, ~x, members).few


def test_more_clusters_than_groups_are_left_out_in_groups() -> None:
    rng = np.random.default_rng(5)
    x = rng.gamma(1.0, 1.0, 3000)
    calls = 0

    def compute(which: NDArray[np.int64]) -> float:
        nonlocal calls
        calls += 1
        return float(x[which].mean())

    got, direct = figure(compute, np.arange(3000)), mean(x, np.arange(3000))
    assert calls == GROUPS + 1
    assert got.high - got.low == pytest.approx(direct.high - direct.low, rel=0.2)


def test_an_auroc_of_few_clusters_says_so() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(80) < 0.5).astype(float)
    got = auroc(rng.random(80) + y, y, np.repeat(np.arange(4), 20))
    assert (got.low, got.why) == (None, FEW)
    wrong = np.ones(100)
    wrong[:6] = 0  # six wrong answers, all in two clusters
    got = auroc(rng.random(100), wrong, [*np.repeat(np.arange(33), 3).tolist(), 32])
    assert (got.low, got.why) == (None, FEW)


def test_an_auroc_of_independent_answers_has_delongs_error() -> None:
    rng = np.random.default_rng(4)
    right, wrong = rng.normal(1, 1, 50), rng.normal(0, 1, 6)
    higher = (right[:, None] > wrong[None, :]).astype(float)
    a = float(higher.mean())
    error = math.sqrt(
        higher.mean(axis=1).var(ddof=1) / 50 + higher.mean(axis=0).var(ddof=1) / 6
    )  # DeLong, DeLong & Clarke-Pearson 1988
    got = auroc(np.append(right, wrong), np.repeat([1.0, 0.0], [50, 6]), np.arange(56))
    half = stats.t.ppf(0.975, 5) * error / (a * (1 - a))  # six wrong answers leave 5 degrees
    middle = math.log(a / (1 - a))
    ends = [1 / (1 + math.exp(-(middle + side * half))) for side in (-1, 1)]
    assert (got.value, got.low, got.high) == pytest.approx((a, *ends))


def test_an_auroc_of_unequal_clusters_is_about_the_jackknife() -> None:
    rng = np.random.default_rng(6)
    sizes = rng.integers(1, 30, 30)
    members = np.repeat(np.arange(30), sizes)
    level = rng.normal(size=30)[members]
    y = (rng.random(len(members)) < 0.6).astype(float)
    c = y + level + rng.normal(size=len(members))

    def plainly(rows: NDArray[np.bool_]) -> float:
        return float((c[rows & (y == 1)][:, None] > c[rows & (y == 0)][None, :]).mean())

    every = np.ones(len(members), bool)
    a, h = plainly(every), sizes / sizes.sum()
    off = np.array([plainly(members != g) - a for g in range(30)])
    error = math.sqrt(float(((1 - h) * (off - off @ (1 - h) * h) ** 2).sum()))
    got = auroc(c, y, members)
    width = math.log(got.high / (1 - got.high)) - math.log(got.low / (1 - got.low))
    assert 1.9 < width / 2 * a * (1 - a) / error < 2.4
