"""RCE and what stands beside it, against plain re-implementations and known cases."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import plain
from selfcorrect.measures.quality import (
    rank_calibration,
    reference_rce,
    risk_coverage,
    spearman,
)

pairs = st.lists(st.tuples(st.integers(0, 9), st.booleans().map(float)), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(pairs, st.integers(2, 12))
def test_rce_counts_bins(rows: list[tuple[int, float]], bins: int) -> None:
    u, a = [r[0] for r in rows], [r[1] for r in rows]
    got, wanted = rank_calibration(u, a, np.arange(len(u)), bins=bins), plain.rce(u, a, bins)
    assert got.bins == len(plain.equal_mass(u, bins))
    if wanted is None:
        assert got.rce.value is None
        assert "are equal" in (got.rce.why or "")
    elif got.bins < 5:
        assert (got.rce.value, got.skill) == (None, None)
        assert f"make {got.bins} bins" in (got.rce.why or "")
    else:
        assert got.rce.value == pytest.approx(wanted)
        assert got.skill == pytest.approx(1 - wanted / got.shuffled.value)


@settings(max_examples=25, deadline=None)
@given(pairs.filter(lambda rows: len(rows) > 2))
def test_spearman_and_risk_coverage(rows: list[tuple[int, float]]) -> None:
    u, a = [float(r[0]) for r in rows], [r[1] for r in rows]
    area = risk_coverage(u, a, np.arange(len(u)))
    assert area.value == pytest.approx(plain.risk_coverage_area(u, [1 - x for x in a]))
    assert area.low is None or 0 <= area.low <= area.high <= 1
    rank = spearman(u, a, np.arange(len(u)))
    if len(set(u)) == 1 or len(set(a)) == 1:
        assert rank.value is None
    else:
        assert rank.value == pytest.approx(plain.spearman(u, a))


def test_their_intervals_are_those_of_resampled_clusters() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(60), 4)
    u = rng.random(240) + rng.random(60)[clusters]
    a = (rng.random(240) < 0.9 - 0.4 * u).astype(float)
    drawn = []
    for _ in range(150):
        rows = np.concatenate([np.arange(4 * k, 4 * k + 4) for k in rng.integers(0, 60, 60)])
        uu, aa = u[rows].tolist(), a[rows].tolist()
        drawn.append((plain.spearman(uu, aa), plain.risk_coverage_area(uu, [1 - x for x in aa])))
    for got, values in zip(
        (spearman(u, a, clusters), risk_coverage(u, a, clusters)),
        zip(*drawn, strict=True),
        strict=True,
    ):
        low, high = np.quantile(values, [0.025, 0.975])
        assert got.high - got.low == pytest.approx(high - low, rel=0.25)


def made(n: int, *, of_u: bool, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    u = rng.random(n)
    return u, (rng.random(n) < (0.8 - 0.4 * u if of_u else 0.5)).astype(float)


def test_chance_is_a_third_and_not_one() -> None:
    got = rank_calibration(*made(2000, of_u=False), np.arange(2000))
    assert got.shuffled.value == pytest.approx(0.35, abs=0.02)
    assert got.shuffled.low < got.rce.value < got.shuffled.high
    assert abs(got.skill) < 0.4


@pytest.mark.parametrize(("n", "shown"), [(100, 0.26), (2000, 0.09)])
def test_a_true_zero_shows_as_what_n_allows(n: int, shown: float) -> None:
    drawn = [
        rank_calibration(*made(n, of_u=True, seed=s), np.arange(n)).rce.value for s in range(20)
    ]
    assert np.mean(drawn) == pytest.approx(shown, abs=0.05)
    got = rank_calibration(*made(n, of_u=True), np.arange(n))
    # the fit is steeper than the truth, by more the fewer records there are
    assert got.isotonic.value == pytest.approx(shown, abs=0.1)
    assert got.isotonic.value < got.shuffled.low


def test_any_quality_will_do() -> None:
    u = np.linspace(0, 1, 200)
    got = rank_calibration(u, -(u**2), np.arange(200) // 4)
    assert (got.rce.n, got.rce.clusters) == (200, 50)
    assert got.rce.value == 0
    assert got.skill == 1
    assert spearman(u, -(u**2), np.arange(200)).value == pytest.approx(-1)


def slow_reference(u: list[float], a: list[float], bins: int) -> float:
    """The authors' estimator from its description, record by record."""
    n = len(u)
    order = sorted(range(n), key=lambda i: u[i])
    cuts = [round(n * b / bins) for b in range(bins + 1)]
    means, spans = [0.0] * n, [1] * n
    for lo, hi in pairwise(cuts):
        for place in range(lo, hi):
            means[place] = sum(a[i] for i in order[lo:hi]) / (hi - lo)
            spans[place] = hi - lo
    total = 0.0
    for place in range(n):
        as_good = sum(m >= means[place] for m in means) - 1
        rank = (as_good - (spans[place] - 1) / 2) / (n - 1)
        total += abs(rank - place / (n - 1))
    return total / n


def test_the_authors_estimator_differs_from_ours() -> None:
    rng = np.random.default_rng(2)
    u = rng.random(90)
    a = (rng.random(90) < 1 - u).astype(float)
    assert reference_rce(u, a) == pytest.approx(slow_reference(list(u), list(a), 20))
    assert reference_rce(u, a) != pytest.approx(
        rank_calibration(u, a, np.arange(90)).rce.value, abs=1e-3
    )
    assert math.isnan(reference_rce([1.0], [1.0]))


def test_both_leave_out_clusters_ranks_and_all() -> None:
    rng = np.random.default_rng(9)
    sizes = rng.integers(1, 6, 14)
    members = np.repeat(np.arange(14), sizes)
    u = np.round(rng.random(len(members)), 1)
    a = (rng.random(len(members)) < 0.9 - 0.6 * u).astype(float)
    for of, plainly in (
        (spearman, lambda rows: plain.spearman(u[rows].tolist(), a[rows].tolist())),
        (
            risk_coverage,
            lambda rows: plain.risk_coverage_area(u[rows].tolist(), (1 - a[rows]).tolist()),
        ),
    ):
        got, h = of(u, a, members), sizes / sizes.sum()
        whole = plainly(np.ones(len(members), bool))
        off = np.array([whole - plainly(members != g) for g in range(14)]) * (1 - h)
        off -= h * off.sum()
        assert got.value == pytest.approx(whole)
        assert got.spread == pytest.approx(len(members) * float((off**2 / (1 - h)).sum()))
