"""Means over examples and wordings: against closed forms, and what holds in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from selfcorrect.measures.crossed import crossed
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.unseen import Room


def test_without_differences_between_wordings_it_is_the_examples_interval() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(size=40)
    found = crossed(np.repeat(each[:, None], 8, axis=1), np.arange(40))
    same = mean(each, np.arange(40))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((same.low, same.high))
    assert found.fixed.low == pytest.approx(same.low)
    assert (found.spread.value, found.spread.high) == (0.0, 0.0)
    assert found.p_spread is None


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


@pytest.mark.parametrize("sizes", [[40] + [10] * 20, [8] * 3, [30] * 8 + [1] * 60])
def test_wordings_that_suit_single_templates_are_no_difference_between_wordings(
    sizes: list[int],
) -> None:
    rng, clusters = np.random.default_rng(4), np.repeat(np.arange(len(sizes)), sizes)
    found = 0
    for _ in range(150):
        suits = rng.normal(size=(len(sizes), 8))[clusters]
        e = crossed(suits + rng.normal(size=(len(clusters), 8)), clusters)
        found += e.spread.low > 0
        assert (e.p_spread < 0.05) == (e.spread.low > 0)
        assert e.spread.few == (len(sizes) == 3)
    assert found <= 9  # 2.5 % were wanted; more than 9 of 150 come in one of a hundred


def test_what_no_example_showed_is_allowed_for() -> None:
    small = 0.02 * (1 + 0.3 * np.random.default_rng(5).normal(size=(40, 8)))
    wide = crossed(small, np.arange(40), room=Room(-1, 1, whole=True))
    assert crossed(small, np.arange(40)).p < 1e-6
    assert wide.estimate.low < 0 < wide.estimate.high
    assert wide.p > 0.05
    assert wide.fixed.low < 0


def test_answers_that_were_not_read_count_as_whatever_they_could_be() -> None:
    rng = np.random.default_rng(6)
    x = (rng.random((60, 8)) < 0.7).astype(float)
    unread = np.zeros((60, 8), bool)
    unread[:12] = True
    low, high = np.where(unread, 0.0, x), np.where(unread, 1.0, x)
    read = np.where(unread, np.nan, x)
    found, alone = crossed(read, np.arange(60), between=(low, high)), crossed(read, np.arange(60))
    assert found.estimate.value == alone.estimate.value
    for end in (low, high):
        e = crossed(end, np.arange(60)).estimate
        assert found.estimate.low <= e.low <= e.high <= found.estimate.high
    # one wording alone wasn't read: it may be as good as the others, or far from them
    unread[:], unread[:30, 0] = False, True
    low, high = np.where(unread, 0.0, x), np.where(unread, 1.0, x)
    told = crossed(x, np.arange(60), between=(low, high)).spread
    assert (told.low, told.high > 0.3) == (0.0, True)


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
