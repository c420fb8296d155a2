"""Differences, tests and bands against plain re-implementations, other libraries, closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as theirs

import plain
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.paired import (
    holm,
    holm_by_name,
    joint_level,
    mcnemar,
    share_difference,
    share_test,
    sign_flip,
    tango,
)

counts = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60)).filter(sum)


@settings(max_examples=40, deadline=None)
@given(counts)
def test_tango_against_a_likelihood_maximised_by_search(bcx: tuple[int, int, int]) -> None:
    b, c, x = bcx
    assert tango(b, c, b + c + x) == pytest.approx(plain.tango(b, c, b + c + x), abs=2e-6)


@given(st.integers(1, 5000))
def test_no_flip_is_no_certainty(n: int) -> None:
    half = plain.Z**2 / (n + plain.Z**2)
    assert tango(0, 0, n) == pytest.approx((-half, half))


@given(counts)
def test_tango_is_odd_and_holds_the_difference(bcx: tuple[int, int, int]) -> None:
    b, c, x = bcx
    n = b + c + x
    low, high = tango(b, c, n)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert tango(c, b, n) == pytest.approx((-high, -low), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_test_less_half_of_what_was_seen(b: int, c: int) -> None:
    assert mcnemar(b, c) == pytest.approx(plain.mcnemar_midp(b, c))
    if b != c:
        exact = theirs([[5, b], [c, 5]], exact=True).pvalue
        assert mcnemar(b, c) == pytest.approx(exact - stats.binom.pmf(min(b, c), b + c, 0.5))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_sign_flips_all_of_them(sums: list[int]) -> None:
    assert sign_flip(sums) == pytest.approx(plain.sign_flip(sums))


def test_many_sign_flips_are_drawn() -> None:
    sums = np.random.default_rng(1).normal(0.3, 1, 60)
    z = sums.sum() / np.sqrt((sums**2).sum())
    assert sign_flip(sums) == pytest.approx(2 * stats.norm.sf(z), abs=0.02)
    assert sign_flip(sums) == sign_flip(sums)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm(p: list[float]) -> None:
    assert list(holm(p)) == pytest.approx(plain.holm(p))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(), st.none() | st.floats(0, 1), max_size=8))
def test_holm_by_name_leaves_out_tests_without_a_p(ps: dict[str, float | None]) -> None:
    expected = dict(zip(ps, plain.holm(list(ps.values())), strict=True))
    known = {name: p for name, p in expected.items() if p is not None}
    assert holm_by_name(ps) == pytest.approx(known)


def test_a_difference_of_single_records_is_tango_and_mcnemar() -> None:
    after, before = [1, 1, 1, 0, 0, 1, math.nan], [0, 0, 1, 1, 0, 1, 1]
    got = share_difference(after, before, list("abcdefg"))
    assert (got.low, got.high) == pytest.approx(plain.tango(2, 1, 6), abs=1e-6)
    assert (got.value, got.n, got.clusters) == (pytest.approx(1 / 6), 6, 6)
    assert share_test(after, before, list("abcdefg")) == pytest.approx(plain.mcnemar_midp(2, 1))


def test_clusters_that_move_together_count_as_many_as_they_are() -> None:
    # 30 clusters of 6 equal pairs tell what 30 pairs do, at t with 29 degrees of freedom
    rng = np.random.default_rng(2)
    after, before = rng.integers(0, 2, 30).astype(float), rng.integers(0, 2, 30).astype(float)
    d = after - before
    got = share_difference(*(np.repeat(x, 6) for x in (after, before)), np.repeat(np.arange(30), 6))
    n = (30 - 1) * (plain.Z / stats.t.ppf(0.975, 29)) ** 2
    b, c = (d > 0).mean() * n, (d < 0).mean() * n
    assert (got.low, got.high) == pytest.approx(tango(b, c, n))
    p = share_test(*(np.repeat(x, 6) for x in (after, before)), np.repeat(np.arange(30), 6))
    assert p == pytest.approx(sign_flip(d), abs=0.02)


@pytest.mark.parametrize(
    ("clusters", "why"), [("aaaa", "one cluster: no interval"), ("", "no record has it")]
)
def test_a_difference_that_has_no_interval(clusters: str, why: str) -> None:
    n = len(clusters)
    got = share_difference([1.0] * n, [0.0] * n, list(clusters))
    assert (got.low, got.why) == (None, why)
    assert share_test([1.0] * n, [0.0] * n, list(clusters)) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.sampled_from([0.0, 1.0, math.nan])] * 2, st.integers(0, 12)), max_size=60
    )
)
def test_differences_are_finite_and_turn_round(rows: Any) -> None:
    after, before, clusters = ([r[i] for r in rows] for i in range(3))
    there = share_difference(after, before, clusters)
    back = share_difference(before, after, clusters)
    for a, b in ((there.value, back.value), (there.low, back.high), (there.high, back.low)):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert math.isfinite(a)
            assert a == pytest.approx(-b, abs=1e-9)


# --- bands ---------------------------------------------------------------------------------------


def _pointwise(level: float, df: int) -> float:
    return float(stats.t.ppf(0.5 + level / 2, df))


def test_points_that_move_as_one_need_no_wider_band() -> None:
    x = np.random.default_rng(3).normal(size=(200, 1))
    assert joint_level(np.repeat(x, 5, axis=1), np.arange(200)) == pytest.approx(0.95, abs=0.003)
    assert joint_level(x, np.arange(200)) == 0.95


def test_independent_points_need_sidaks_band() -> None:
    x = np.random.default_rng(4).normal(size=(5000, 6))
    level = joint_level(x, np.arange(5000))
    assert level == pytest.approx(0.95 ** (1 / 6), abs=0.002)


def test_two_points_against_the_bivariate_t() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 1)) + rng.normal(size=(40, 2)) * 0.7
    c = _pointwise(joint_level(x, np.arange(40)), 39)
    correlation = np.corrcoef(x.T)
    law = stats.multivariate_t(shape=correlation, df=39)
    inside = law.cdf([c, c], lower_limit=[-c, -c])
    assert inside == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("x", [np.zeros((5, 3)), np.full((5, 3), np.nan), np.ones((1, 3))])
def test_a_band_of_nothing_that_varies(x: Any) -> None:
    assert joint_level(x, np.arange(len(x))) == 0.95


# --- figures of sums -----------------------------------------------------------------------------


def test_a_figure_of_sums_by_leaving_clusters_out() -> None:
    rng = np.random.default_rng(6)
    terms, clusters = rng.random((60, 2)), np.repeat(np.arange(12), 5)
    got = of_sums(terms, lambda s: s[..., 0] / s[..., 1], clusters)
    whole = terms.sum(0)
    kept = [
        (whole - terms[clusters == c].sum(0))[0] / (whole - terms[clusters == c].sum(0))[1]
        for c in range(12)
    ]
    error = math.sqrt(11 / 12 * sum((k - np.mean(kept)) ** 2 for k in kept))
    half = stats.t.ppf(0.975, 11) * error
    assert got.value == pytest.approx(whole[0] / whole[1])
    assert got.spread == pytest.approx(60 * error**2)
    # on each side t's end, or further where the clusters are skewed
    assert got.low <= got.value - half + 1e-12
    assert got.high >= got.value + half - 1e-12
    assert got.high - got.low < 2.4 * half


def test_a_band_knows_how_few_clusters_there_are() -> None:
    """Two means that don't go together: the largest of two t's with one estimate of spread."""
    one, other = np.repeat([1.0, -1.0], 4), np.tile([1.0, -1.0], 4)
    z = np.random.default_rng(0).normal(size=(400_000, 9))
    t = np.abs(z[:, :2]) / np.sqrt((z[:, 2:] ** 2).mean(axis=1))[:, None]  # 7 degrees of freedom
    wanted = 2 * stats.t.cdf(np.quantile(t.max(axis=1), 0.95), 7) - 1
    assert joint_level(np.stack([one, other], axis=1), np.arange(8)) == pytest.approx(
        wanted, abs=0.003
    )
