"""Intervals against textbook formulas, stated coverage, and hypothesis."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

import plain
from selfcorrect.measures.alike import alike
from selfcorrect.measures.figures import figure
from selfcorrect.measures.intervals import (
    UNVARYING,
    mean,
    proportion,
    share_ends,
    wilson,
)
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.unseen import Room

MARGINS = {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03}
STRANGE = [math.nan, math.inf, -math.inf]
Z = 1.959963984540054


def plain_wilson(k: float, n: float) -> tuple[float, float]:
    p = k / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


# --- intervals -----------------------------------------------------------------------------------


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_textbook_formula(kn: tuple[int, int]) -> None:
    assert wilson(*kn) == pytest.approx(plain_wilson(*kn), abs=1e-12)


def test_proportion_of_independent_records_is_wilson() -> None:
    got = proportion([1] * 40 + [0] * 20, np.arange(60))
    assert (got.low, got.high) == pytest.approx(plain_wilson(40, 60))
    assert (got.value, got.n, got.clusters, got.why) == (40 / 60, 60, 60, None)
    assert proportion([1, 1, 0, 1], ["a", "b", "c", "d"]).low == pytest.approx(
        plain_wilson(3, 4)[0]
    )


@pytest.mark.parametrize(("seen", "n"), [(1, 100), (3, 100), (8, 400), (1, 9), (5, 30)])
def test_a_share_near_an_edge_has_the_exact_end_there(seen: int, n: int) -> None:
    got = proportion([1.0] * seen + [0.0] * (n - seen), np.arange(n))
    assert got.low is not None
    # so many or more are seen in one of 20 samples if the share is at that end
    assert stats.binom.sf(seen - 1, n, got.low) == pytest.approx(0.05, abs=1e-6)
    assert got.high == pytest.approx(plain_wilson(seen, n)[1])
    other = proportion([0.0] * seen + [1.0] * (n - seen), np.arange(n))
    assert (1 - (other.high or 0), 1 - (other.low or 0)) == pytest.approx((got.low, got.high))


def test_the_ends_near_an_edge_go_over_into_wilsons() -> None:
    ends = [proportion([1.0] * k + [0.0] * (200 - k), np.arange(200)).low or 0 for k in range(20)]
    assert ends[12:] == pytest.approx([plain_wilson(k, 200)[0] for k in range(12, 20)])
    steps = np.diff(ends)
    assert (steps > 0).all()
    assert np.abs(np.diff(steps)[3:]).max() < 0.0004


@pytest.mark.parametrize(("n", "p"), [(100, 0.99), (400, 0.99), (200, 0.98), (100, 0.97)])
def test_a_share_near_1_is_held_by_all_its_samples_together(n: int, p: float) -> None:
    """By enumeration: Wilson's holds the first in 92 %."""
    held = 0.0
    for k in range(n + 1):
        if stats.binom.pmf(k, n, p) > 1e-9:
            e = proportion([1.0] * k + [0.0] * (n - k), np.arange(n))
            held += stats.binom.pmf(k, n, p) * ((e.low or 0) <= p <= (e.high or 0))
    assert held >= 0.93


def layouts(rng: np.random.Generator) -> Any:
    yield np.repeat(np.arange(210), [60] * 10 + [6] * 200)
    yield np.repeat(np.arange(220), [30] * 20 + [3] * 200)
    yield np.repeat(np.arange(40), rng.integers(1, 90, 40))


def test_the_worth_of_clustered_shares_by_a_slow_count() -> None:
    """:func:`alike` against sums over clusters and pairs, written out."""
    rng = np.random.default_rng(5)
    for members in layouts(rng):
        x = (rng.random(len(members)) < rng.beta(0.3, 1.7, members.max() + 1)[members]).astype(
            float
        )
        groups = [x[members == g] for g in range(members.max() + 1)]
        n, p = len(x), x.mean()
        usual = 0.0 if (x == 0).sum() > n / 2 else 1.0
        odd = (x != usual).mean()
        pairs = further = shown = holding = squares = of_further = agree = several = 0.0
        for g in groups:
            size, unusual = len(g), float((g != usual).sum())
            weight = size * (size - 1)
            pairs, squares = pairs + weight, squares + weight**2
            further, of_further = further + size - 1, of_further + (size - 1) ** 2
            holding += (size - 1) * (unusual > 0)
            shown += weight * min(1.0, unusual / (odd * size / 2))
            if size > 1:
                both = [(g[i] - p) * (g[j] - p) for i in range(size) for j in range(size) if i != j]
                agree, several = agree + size * float(np.mean(both)), several + size
        worth_pairs, worth_further = pairs**2 / squares, further**2 / of_further
        enough = 8 * (2 - worth_pairs / worth_further)
        large = max(shown / pairs * worth_pairs / enough, 2 * shown / pairs)
        share = min(1.0, holding / further * worth_further / 8, large)
        found = alike(x, members)
        assert found is not None
        assert found.error is not None
        seems = max(1.0, found.error.error**2 * n * n / ((x - p) ** 2).sum())
        most = sum(len(g) ** 2 for g in groups) / n
        deff = seems**share * most ** (1 - share)
        by_pairs = 1 + (most - 1) * max(0.0, agree / several / x.var())
        assert found.deff == pytest.approx(
            max(deff, math.sqrt(deff * by_pairs)) if by_pairs > deff else deff
        )
        assert found.most == pytest.approx(most)


def test_no_interval_of_a_share_reaches_further_than_that_of_its_clusters() -> None:
    """One of nine clusters differs, the largest: it was .833 [.000, .973]."""
    members = np.repeat(np.arange(9), [40] * 7 + [20, 60])
    got = proportion((members != 8).astype(float), members)
    exact = stats.beta.ppf(0.025, 8, 2)  # of one of nine equal ones
    assert got.low is not None
    assert exact - 0.15 < got.low < exact


def test_proportion_with_clusters_that_agree_counts_clusters() -> None:
    # 20 clusters of 5 equal records carry what 20 records do, at t with 19 degrees of freedom
    values = np.repeat([1.0] * 12 + [0.0] * 8, 5)
    got = proportion(values, np.repeat(np.arange(20), 5))
    p = 0.6
    deff = (20 / 19 * 20 * p * (1 - p) * 25 / 100**2) / (p * (1 - p) / 100)
    effective = 100 / deff * (Z / stats.t.ppf(0.975, 19)) ** 2
    assert got.low == pytest.approx(plain_wilson(p * effective, effective)[0])
    assert got.high == pytest.approx(share_ends(p * effective, effective)[1])
    assert effective < 20


def test_proportion_without_variation_counts_clusters() -> None:
    got = proportion(np.ones(100), np.repeat(np.arange(20), 5))
    n = 20 * (Z / stats.t.ppf(0.975, 19)) ** 2
    assert (got.low, got.high) == pytest.approx(plain_wilson(n, n))


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_share_reaches_no_less_where_sizes_differ(rows: list[tuple[int, float]]) -> None:
    """Otherwise "same" is said too often where few whole clusters of very different sizes move."""
    clusters = np.repeat(np.arange(len(rows)), [size for size, _ in rows])
    values = np.concatenate([np.arange(size) < round(size * p) for size, p in rows]).astype(float)
    share = proportion(values, clusters)
    moved = share_difference(values, np.zeros(len(values)), clusters)
    for e in (share, moved):
        assert e.low is not None
        assert -1 <= e.low <= e.value <= e.high <= 1
    only_larger = proportion(values, np.arange(len(values)))
    assert share.high - share.low >= only_larger.high - only_larger.low - 1e-9


def test_single_changes_dont_hide_how_unevenly_whole_clusters_changed() -> None:
    """Three of 60 clusters changed as wholes, one of them large; that a single record of each of 20
    others did, too, is no reason to take the changes for even."""
    sizes = np.r_[np.full(3, 8), np.full(50, 6), np.full(7, 60)]
    clusters = np.repeat(np.arange(60), sizes)
    values = np.isin(clusters, (0, 1, 53)).astype(float)
    values[np.searchsorted(clusters, np.arange(10, 30))] = 1
    found = alike(values, clusters)
    assert found is not None
    assert found.error is not None
    sums = np.bincount(clusters, values - values.mean())
    assert found.error.skew > (sums**3).sum() / (sums**2).sum() ** 1.5 > 0.7


def test_a_first_flip_doesnt_make_the_rest_certain() -> None:
    # one answer of 1,000 tells no more of how alike clusters are than none
    clusters, widths = np.repeat(np.arange(50), 20), []
    for flips in range(8):
        values = np.zeros(1000)
        values[:: 1000 // 8][:flips] = 1
        got = proportion(values, clusters)
        widths.append(got.high - got.low)
    assert widths[1] > 0.7 * widths[0]
    assert all(b > 0.7 * a for a, b in pairwise(widths))


@pytest.mark.parametrize(("n", "moved"), [(60, 3), (60, 1), (200, 6), (200, 20)])
def test_a_mean_of_mostly_zeros_keeps_its_t_interval_on_the_side_of_0(n: int, moved: int) -> None:
    values = np.zeros(n)
    values[:moved] = 0.3
    got = mean(values, np.arange(n))
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert got.low == pytest.approx(low)
    assert got.high > high  # those that move further haven't been seen yet


def test_mean_of_few_equal_clusters_is_the_t_interval_of_their_means() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 7)) + rng.normal(size=(12, 1))
    x = np.concatenate([x, -x])  # without skewness
    got = mean(x.ravel(), np.repeat(np.arange(24), 7))
    low, high = stats.t.interval(0.95, 23, x.mean(), stats.sem(x.mean(1)))
    assert (got.low, got.high) == pytest.approx((low, high))
    assert got.effective is None


def test_mean_of_many_clusters_is_about_a_cluster_bootstrap_t() -> None:
    rng = np.random.default_rng(2)
    x = [rng.normal(i % 3, 1, size=rng.integers(1, 6)) for i in range(240)]
    got = mean(np.concatenate(x), np.repeat(np.arange(240), [len(c) for c in x]))

    def of(sample: list[Any]) -> tuple[float, float]:
        value, error, _, _ = plain.cluster_mean(
            [float(v) for c in sample for v in c], [i for i, c in enumerate(sample) for _ in c]
        )
        return value, error

    value, error = of(x)
    ts = []
    for _ in range(1000):
        m, e = of([x[i] for i in rng.integers(0, 240, 240)])
        ts.append((m - value) / e)
    low, high = np.quantile(ts, [0.025, 0.975])
    assert got.value == pytest.approx(value)
    wanted = (value - high * error, value - low * error)
    assert (got.low, got.high) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("clusters", [5, 60])
def test_a_figure_that_is_a_mean_has_the_interval_of_a_mean(clusters: int) -> None:
    rng = np.random.default_rng(3)
    x, members = rng.normal(size=clusters * 4), np.repeat(np.arange(clusters), 4)
    got, same = figure(lambda which: float(x[which].mean()), members), mean(x, members)
    assert got.value == pytest.approx(same.value)
    assert (got.low, got.high) == pytest.approx((same.low, same.high), abs=0.02)


def test_undefined_figures_have_a_reason_and_no_nan() -> None:
    nothing = figure(lambda _: math.nan, [1, 2, 3])
    assert nothing.value is None
    assert nothing.why == "undefined for these records"
    # defined only with record 0: no cluster can be left out, and every third resample lacks it
    for k in (5, 60):
        got = figure(lambda which: 1.0 if 0 in which else float("nan"), np.arange(k))
        assert got.value == 1.0
        assert got.low is None
        assert "undefined" in (got.why or "")


@pytest.mark.parametrize("of", [proportion, mean])
def test_one_record_and_one_cluster_have_no_interval(of: Any) -> None:
    assert of([1.0], ["a"]).table() == {
        "value": 1.0,
        "low": None,
        "high": None,
        "n": 1,
        "clusters": 1,
        "why": "one record: no interval",
    }
    assert of([1.0, 0.0], ["a", "a"]).why == "one cluster: no interval"
    assert of([], []).value is None
    assert of([float("nan"), float("inf")], ["a", "b"]).why == "no record has it"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, float("nan")]), st.integers(0, 70), st.floats(-1e6, 1e6)
        ),
        max_size=150,
    ),
    st.randoms(use_true_random=False),
)
def test_intervals_are_finite_hold_the_value_and_ignore_the_order(rows: Any, random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    for of, column in ((proportion, 0), (mean, 2)):
        got = of([r[column] for r in rows], [r[1] for r in rows])
        again = of([r[column] for r in shuffled], [r[1] for r in shuffled])
        for name in ("value", "low", "high"):
            a, b = getattr(got, name), getattr(again, name)
            assert (a is None) == (b is None)
            if a is not None:
                assert math.isfinite(a)
                assert a == pytest.approx(b, rel=1e-9, abs=1e-6)
        if got.low is not None and got.clusters < 50:  # a percentile interval need not hold it
            assert got.low - 1e-6 <= got.value <= got.high + 1e-6
        if of is proportion and got.low is not None:
            assert 0 <= got.low <= got.high <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "icc"), [(25, 0.4), (60, 0.2), (40, 0.0)])
def test_a_clustered_share_is_covered(clusters: int, icc: float) -> None:
    rng = np.random.default_rng(4)
    share, size, covered = 0.7, 8, 0
    spread = (1 - icc) / icc if icc else None
    members = np.repeat(np.arange(clusters), size)
    for _ in range(2000):
        p = rng.beta(share * spread, (1 - share) * spread, clusters) if spread else share
        got = proportion(rng.random(clusters * size) < np.repeat(p, size if spread else 1), members)
        covered += got.low <= share <= got.high
    assert covered / 2000 >= 0.935


# --- rounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "value"), [(2, 0.5), (12, -0.8), (40, 0.0), (12, 1.0)])
def test_clusters_that_are_all_the_same_allow_for_those_that_are_not(k: int, value: float) -> None:
    """None of K otherwise: a share of −ln(α/2)/K at a bound, a little more than Clopper and
    Pearson's exact share."""
    clusters = np.repeat(np.arange(k), 2)
    e = mean(np.full(2 * k, value), clusters, room=Room(-1.0, 1.0, whole=True))
    q = min(1.0, -math.log(0.025) / k)
    assert q >= float(proportion_confint(0, k, alpha=0.05, method="beta")[1])
    assert (e.low, e.high) == pytest.approx(
        (value - q * (value + 1), value + q * (1 - value)), abs=1e-12
    )
    assert e.why is None
    endless = mean(np.full(k, value), np.arange(k), room=Room(-1.0))
    assert (endless.low, endless.why) == (None, UNVARYING)


@pytest.mark.parametrize("sizes", [[1] * 8, [1] * 6 + [4, 9]])
@pytest.mark.parametrize("rare", [0.01, 0.05, 0.2, 0.4])
def test_what_all_clusters_share_holds_of_others(sizes: list[int], rare: float) -> None:
    """Whole clusters lie at the far bound, rarely: in at most 5 % of the samples none of them does
    and the interval leaves the mean out."""
    clusters, truth = np.repeat(np.arange(len(sizes)), sizes), 0.8 - 1.8 * rare
    e = mean(np.full(len(clusters), 0.8), clusters, room=Room(-1.0, 1.0, whole=True))
    assert e.low is not None
    assert (1 - rare) ** len(sizes) * (truth < e.low) <= 0.05
