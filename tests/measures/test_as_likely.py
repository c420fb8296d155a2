"""Two options compared where they are as likely as each other, whatever likelihood is worth."""

from __future__ import annotations

import numpy as np
import pytest

from selfcorrect.measures.as_likely import LEAST_NEAR, REACH, as_likely

D = 200
CLUSTERS = np.repeat(np.arange(D // 4), 4)


@pytest.mark.parametrize("seed", range(5))
def test_what_likelihood_is_worth_is_no_difference(seed: int) -> None:
    """The one option is always the likelier one, and gains by that along a bent line."""
    rng = np.random.default_rng(seed)
    x = np.abs(rng.normal(0, 1.2, (D, 1)))
    worth = 0.4 * x - 2 * np.tanh(x / 2)
    for more in (0.0, 0.5):
        e = as_likely(worth + more + 0.2 * rng.normal(size=x.shape), x[None], CLUSTERS)
        assert e.value == pytest.approx(more, abs=0.15)
        assert e.low is not None
        assert e.high is not None
        assert e.low < more < e.high


def test_groups_count_once_each() -> None:
    rng = np.random.default_rng(0)
    groups = np.r_[np.zeros(150, int), np.ones(50, int)]
    x = rng.normal(size=(D, 2))
    y = x + np.where(groups == 0, 1.0, -1.0)[:, None]
    e = as_likely(y, x[None], CLUSTERS, groups=groups)
    assert e.value == pytest.approx(0, abs=1e-6)
    assert as_likely(y, x[None], CLUSTERS).value == pytest.approx(0.5, abs=0.1)


def test_pairs_that_are_far_apart_tell_nothing() -> None:
    x = np.full((D, 1), REACH + 1)
    x[: 4 * (LEAST_NEAR - 1)] = 0.2
    e = as_likely(np.ones((D, 1)), x[None], CLUSTERS)
    assert e.value is None
    assert e.why is not None
    assert e.why.startswith("in 9 clusters there are two options to compare of which none is more")
    x[: 4 * LEAST_NEAR] = 0.2
    assert as_likely(x, x[None], CLUSTERS).n == 4 * LEAST_NEAR


def test_an_intercept_that_a_slope_could_be_is_undefined() -> None:
    y = np.random.default_rng(0).normal(size=(D, 1))
    assert as_likely(y, np.full((1, D, 1), 0.5), CLUSTERS).value is None
    level = as_likely(y, np.zeros((1, D, 1)), CLUSTERS)  # all are as likely: the plain mean
    assert level.value == pytest.approx(y.mean())
