"""The partial correlation over categories: against a regression, and where it is undefined."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from selfcorrect.measures.associations import partial


def test_it_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=12)
    x = z + rng.normal(size=12)
    y = 0.8 * x - z + 0.5 * rng.normal(size=12)
    e, p = partial(x, y, z)
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, z]))).fit()
    t = fit.tvalues[1]
    assert e.value == pytest.approx(t / np.sqrt(t**2 + fit.df_resid))
    assert p == pytest.approx(fit.pvalues[1], abs=0.01)
    assert (e.n, e.clusters) == (12, 12)
    assert e.low is not None
    assert e.high is not None
    assert e.low < e.value < e.high


def test_weights_are_those_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 14))
    w = rng.uniform(0.5, 2, 14)
    e, p = partial(x, y, z, weights=w)
    fit = sm.WLS(y, sm.add_constant(np.column_stack([x, z])), weights=w).fit()
    t = fit.tvalues[1]
    assert e.value == pytest.approx(t / np.sqrt(t**2 + fit.df_resid))
    assert p == pytest.approx(fit.pvalues[1], abs=0.03)
    assert partial(x, y, z, weights=3 * w)[1] == p


def test_where_it_is_undefined_it_says_why() -> None:
    z = np.arange(8.0)
    e, p = partial(2 * z + 1, np.random.default_rng(0).normal(size=8), z)
    assert (e.value, p) == (None, None)
    assert "follows from what is given" in (e.why or "")
    e, p = partial(z[:5], z[:5] ** 2, z[:5] ** 3)
    assert "5 categories, and at least 6" in (e.why or "")
    e, p = partial(z, z**2, z**3, weights=[90, 1, 1, 1, 1, 1, 1, 1])
    assert "count as 1.2" in (e.why or "")
    x = np.array([1.0, np.nan, 3, 2, 5, 4, 7])
    assert partial(x, x**2, np.cos(x))[0].n == 6


def test_all_permutations_are_tried_where_that_can_be_done() -> None:
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=(3, 6))
    assert partial(x, y, z, seed=0)[1] == partial(x, y, z, seed=1)[1]
