"""Means over examples and wordings: against closed forms, and what holds in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from selfcorrect.measures.crossed import crossed


def test_without_differences_between_wordings_it_is_the_examples_interval() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(size=40)
    found = crossed(np.repeat(each[:, None], 8, axis=1), np.arange(40))
    low, high = stats.t.interval(0.95, 39, each.mean(), stats.sem(each))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high))
    assert (found.spread.value, found.spread.high) == (0.0, 0.0)


def test_without_differences_between_examples_it_is_the_wordings_interval() -> None:
    rng = np.random.default_rng(1)
    each = rng.normal(size=8)
    found = crossed(np.repeat(each[None], 40, axis=0), np.arange(40))
    low, high = stats.t.interval(0.95, 7, each.mean(), stats.sem(each))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high))
    assert found.spread.value == pytest.approx(each.std(ddof=1))
    assert found.wordings == pytest.approx(tuple(each))


def test_missing_examples_are_left_out_and_what_cannot_be_told_says_why() -> None:
    x = np.random.default_rng(2).normal(size=(10, 4))
    x[3, 2] = np.nan
    found = crossed(x, np.arange(10))
    assert found.estimate.n == 9
    assert found.estimate.value == pytest.approx(np.delete(x, 3, axis=0).mean())
    assert "one cluster" in (crossed(x, np.zeros(10)).estimate.why or "")
    assert crossed(np.ones((10, 4)), np.arange(10)).estimate.low is None
    with pytest.raises(ValueError, match="two wordings"):
        crossed(x[:, :1], np.arange(10))


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.5])
def test_intervals_hold_for_other_examples_and_other_wordings(apart: float) -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(25), 4)
    held = spread = 0
    many = 1000
    for _ in range(many):
        shared = rng.normal(size=25)[clusters][:, None] * 0.2 + rng.normal(size=(100, 1)) * 0.3
        x = shared + rng.normal(size=8) * apart + rng.normal(size=(100, 8)) * 0.5
        found = crossed(x, clusters)
        held += found.estimate.low <= 0 <= found.estimate.high
        spread += found.spread.low <= apart <= found.spread.high
    assert 0.93 < held / many <= 1
    assert 0.925 < spread / many <= 1
