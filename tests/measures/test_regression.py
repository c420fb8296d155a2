"""Regressions: against statsmodels, against what was planted, and where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from selfcorrect.measures.regression import (
    CONSTANT,
    EXACT,
    FEW_CLUSTERS,
    RARE,
    SEPARATED,
    TOLD,
    UNCHANGING,
    UNCHANGING_IN,
    in_deviations,
    regression,
    within,
)

ROUNDS, DIALOGUES = 5, 60


def _data(seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    n = ROUNDS * DIALOGUES
    a = rng.normal(size=n)
    b = 3 * (0.5 * a + rng.normal(size=n))
    return a, b, np.repeat(np.arange(DIALOGUES), ROUNDS), np.tile(np.arange(ROUNDS), DIALOGUES)


@pytest.mark.parametrize("family", ["linear", "logit"])
def test_coefficients_and_errors_are_those_of_statsmodels(family: str) -> None:
    a, b, clusters, rounds = _data()
    rng = np.random.default_rng(11)
    eta = 0.5 * a - 0.1 * b + 0.2 * rounds
    y = eta + rng.normal(size=len(a))
    design = np.column_stack([a, b, np.eye(ROUNDS)[rounds]])
    if family == "logit":
        y = (rng.random(len(a)) < 1 / (1 + np.exp(-eta))).astype(float)
        model = sm.GLM(y, design, family=sm.families.Binomial())
    else:
        model = sm.OLS(y, design)
    other = model.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    found = regression(y, {"a": a, "b": b}, clusters, family=family, fixed=rounds)  # type: ignore[arg-type]
    for at, name in enumerate(("a", "b")):
        e = found[name].estimate
        assert e.value == pytest.approx(other.params[at], rel=1e-6)
        # theirs has another correction for few clusters, and normal quantiles
        assert (e.high - e.low) / 4 == pytest.approx(other.bse[at], rel=0.1)
        p = 2 * stats.t.sf(abs(other.tvalues[at]), found[name].df)
        assert found[name].p == pytest.approx(p, rel=0.6)
        assert (e.n, e.clusters) == (ROUNDS * DIALOGUES, DIALOGUES)


@given(
    unit=st.floats(1e-3, 1e3),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 5),
    order=st.integers(0, 100),
)
def test_units_and_the_order_of_records_do_not_matter(
    unit: float, shift: float, seed: int, order: int
) -> None:
    a, b, clusters, rounds = _data(seed)
    y = a - b + np.random.default_rng(seed + 99).normal(size=len(a))
    plain = regression(y, {"a": a, "b": b}, clusters, fixed=rounds)
    mixed = np.random.default_rng(order).permutation(len(a))
    turned = regression(
        y[mixed],
        {"a": (a * unit + shift)[mixed], "b": b[mixed]},
        clusters[mixed],
        fixed=rounds[mixed],
    )
    for name, scale in (("a", unit), ("b", 1.0)):
        one, other = plain[name], turned[name]
        assert other.estimate.value * scale == pytest.approx(one.estimate.value, rel=1e-5)
        assert other.estimate.low * scale == pytest.approx(one.estimate.low, rel=1e-4, abs=1e-9)
        assert other.p == pytest.approx(one.p, rel=1e-3, abs=1e-12)


def test_what_cannot_be_told_says_why() -> None:
    a, b, clusters, _ = _data()
    rng = np.random.default_rng(3)
    y = a + rng.normal(size=len(a))
    found = regression(y, {"a": a, "twice": 2 * a, "same": np.ones(len(a)), "b": b}, clusters)
    assert found["twice"].estimate.why == TOLD
    assert found["same"].estimate.why == CONSTANT
    assert found["same"].p is None
    assert found["b"].estimate.low is not None
    exact = regression(2 * a, {"a": a}, clusters)["a"].estimate
    assert (exact.low, exact.why) == (None, EXACT)
    assert exact.value == pytest.approx(2)
    told_apart = regression((a > 0).astype(float), {"a": a}, clusters, family="logit")
    assert told_apart["a"].estimate.why == SEPARATED
    rarely = regression((np.arange(len(a)) < 19) * 1.0, {"a": a, "b": b}, clusters, family="logit")
    assert {each.estimate.why for each in rarely.values()} == {RARE}
    two = regression(y, {"a": a, "b": b}, clusters % 2)
    assert two["a"].estimate.why == FEW_CLUSTERS
    nobody = regression([], {"a": []}, [])
    assert (nobody["a"].estimate.value, nobody["a"].estimate.n) == (None, 0)


@given(
    level=st.sampled_from([0.0, 0.1, 1.0, -3.7, 1e6]),
    n=st.integers(5, 30),
    size=st.integers(1, 3),
    exact=st.booleans(),
    grouped=st.booleans(),
)
def test_what_a_fit_leaves_nothing_of_has_no_interval_and_no_p(
    level: float, n: int, size: int, exact: bool, grouped: bool
) -> None:
    """Whatever is the same throughout, or told to the last digit: there is nothing to err by."""
    rng = np.random.default_rng(n)
    clusters = np.repeat(np.arange(n), size)
    a, b = rng.normal(size=(2, n * size))
    group = np.tile(np.arange(size), n) if grouped else None
    y = level + (2 * a if exact else 0 * a) + (0 if group is None else 0.3 * group)
    for each, true in zip(
        regression(y, {"a": a, "b": b}, clusters, fixed=group).values(), (2, 0), strict=True
    ):
        e = each.estimate
        assert (e.low, e.high, each.p) == (None, None, None)
        if exact:
            assert e.value == pytest.approx(true, abs=1e-6)
            assert e.value != 0 or true == 0
            assert e.why == EXACT
        else:
            assert e.value is None
            assert e.why in (UNCHANGING, UNCHANGING_IN)


@given(st.sampled_from([0.1, 0.3, 1e-9, 7e8]), st.integers(1, 50))
def test_what_does_not_vary_is_not_blown_up(level: float, n: int) -> None:
    assert in_deviations(np.full(n, level)).tolist() == [level] * n
    varied = in_deviations([level, 2 * level, np.nan])
    assert np.nanstd(varied) == pytest.approx(1)


def test_a_missing_value_leaves_its_record_out() -> None:
    a, b, clusters, rounds = _data()
    y = a - b
    y = y + np.random.default_rng(4).normal(size=len(a))
    holed = a.copy()
    holed[::7] = np.nan
    kept = np.isfinite(holed)
    one = regression(y, {"a": holed, "b": b}, clusters, fixed=rounds)
    other = regression(y[kept], {"a": a[kept], "b": b[kept]}, clusters[kept], fixed=rounds[kept])
    assert one["a"].table() == other["a"].table()


def test_a_predictor_is_split_into_its_examples_means_and_what_is_left() -> None:
    mean, left = within([1.0, 3.0, np.nan, 5.0, np.nan], ["a", "a", "a", "b", "c"])
    assert mean[:4].tolist() == [2, 2, 2, 5]
    assert np.isnan(mean[4])
    assert left[:2].tolist() == [-1, 1]
    assert np.isnan(left[2])


def test_the_variance_is_that_of_the_whole_hat_matrix() -> None:
    """A plain CR2, cluster by cluster, and Satterthwaite's degrees of freedom of it, with clusters
    as alike as the variance tells."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(9), [3, 8, 5, 12, 8, 8, 2, 20, 7])
    n = len(g)
    x = np.stack([rng.normal(size=9)[g] + 0.3 * rng.normal(size=n) for _ in range(3)], axis=1)
    y = rng.normal(size=9)[g] + rng.normal(size=n)
    found = regression(y, {"0": x[:, 0], "1": x[:, 1], "2": x[:, 2]}, g)["0"]
    design = np.column_stack([x, np.ones(n)])
    inverse = np.linalg.inv(design.T @ design)
    left = np.eye(n) - design @ inverse @ design.T
    rest = np.column_stack([x[:, 1:], np.ones(n)])
    own = x[:, 0] - rest @ np.linalg.lstsq(rest, x[:, 0], rcond=None)[0]
    rows = []
    for number in range(9):
        i = g == number
        values, vectors = np.linalg.eigh(left[np.ix_(i, i)])
        root = (vectors / np.sqrt(values)) @ vectors.T
        rows.append(left[:, i] @ (root @ design[i] @ inverse[:, 0]))
    parts = np.array(rows) @ (left @ y)
    error = np.sqrt((parts**2).sum())
    same = np.outer(np.sign(own), np.sign(own)) * (g[:, None] == g)
    of = [np.array(rows) @ each @ np.array(rows).T for each in (np.eye(n), same)]
    traces = [float(np.trace(each)) for each in of]
    scale = float((left @ y) @ (left @ y)) / (n - 4)
    icc = np.clip((error**2 / scale - traces[0]) / (traces[1] - traces[0]), 0, 1)
    both = (1 - icc) * of[0] + icc * of[1]
    df = np.trace(both) ** 2 / (both**2).sum()
    assert 0.02 < icc < 1
    assert found.df == pytest.approx(df)
    half = (found.estimate.high - found.estimate.low) / 2
    assert half == pytest.approx(stats.t.ppf(0.975, df) * error)


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [8, 25])
def test_intervals_hold_with_several_predictors_of_few_clusters(clusters: int) -> None:
    rng, held, many = np.random.default_rng(8), 0, 800
    g = np.repeat(np.arange(clusters), 8)
    for _ in range(many):
        xs = {
            str(j): rng.normal(size=clusters)[g] + 0.3 * rng.normal(size=len(g)) for j in range(4)
        }
        y = rng.normal(size=clusters)[g] + rng.normal(size=len(g))
        e = regression(y, xs, g)["0"].estimate
        held += e.low <= 0 <= e.high
    assert held / many > 0.925


@pytest.mark.slow
@pytest.mark.parametrize("unequal", [False, True])
def test_intervals_hold_with_clusters_that_share_an_effect(unequal: bool) -> None:
    rng = np.random.default_rng(5)
    held = {"between": 0, "within": 0}
    many = 1000
    for _ in range(many):
        sizes = np.maximum(1, np.exp(rng.normal(size=25) + 1.5).astype(int)) if unequal else 8
        clusters = np.repeat(np.arange(25), sizes)
        between = rng.normal(size=25)[clusters]
        inside = rng.normal(size=len(clusters))
        y = 0.5 * between + rng.normal(size=25)[clusters] + rng.normal(size=len(clusters))
        found = regression(y, {"between": between, "within": inside}, clusters)
        for name, truth in (("between", 0.5), ("within", 0.0)):
            e = found[name].estimate
            held[name] += e.low <= truth <= e.high
    assert all(0.925 < count / many < 0.98 for count in held.values()), held
