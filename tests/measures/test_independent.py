"""Shares of different examples compared."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from selfcorrect.measures.independent import difference_between, independent_difference
from selfcorrect.measures.intervals import p_of


def test_shares_of_different_examples_are_put_together_as_newcombe_does() -> None:
    one = (np.arange(40) < 12) * 1.0, np.arange(40)
    other = (np.arange(60) < 6) * 1.0, np.arange(60)
    found = independent_difference(one, other)
    known = confint_proportions_2indep(12, 40, 6, 60, method="newcomb", compare="diff")
    assert found["value"] == pytest.approx(0.2)
    # a share's interval reaches a little further than Wilson's
    assert (found["low"], found["high"]) == pytest.approx(known, abs=1e-3)
    assert found["shown"]
    assert not independent_difference(one, other, 10)["shown"]


def test_few_records_that_are_all_alike_are_no_certainty() -> None:
    """All of 4 against 96 of 100, each a cluster: alone the jackknife takes the 4 for certain."""
    values = np.array([1.0] * 4 + [1.0] * 96 + [0.0] * 4)
    first = np.arange(104) < 4
    e = difference_between(values, first, np.arange(104))
    known = confint_proportions_2indep(4, 4, 96, 100, method="newcomb", compare="diff")
    assert e.value == pytest.approx(0.04)
    assert e.low is not None
    assert e.low < known[0] + 0.01 < 0 < known[1]
    assert p_of(e) == pytest.approx(1, abs=0.4)


def test_groups_that_vary_with_their_clusters_are_told_by_the_jackknife() -> None:
    """In each cluster both groups have the same records: their difference is 0, whatever clusters
    are; and where one group is better everywhere, that is shown."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(30), 8)
    first = np.tile([True] * 4 + [False] * 4, 30)
    same = np.repeat((rng.random(30) < 0.5) * 1.0, 8)
    e = difference_between(same, first, cluster)
    assert e.value == 0
    better = difference_between((rng.random(240) < np.where(first, 0.8, 0.4)) * 1.0, first, cluster)
    assert better.low is not None
    assert better.low > 0.1
    assert (p_of(better) or 1) < 0.001


@pytest.mark.parametrize("k", [5, 7, 12])
def test_the_p_of_next_to_no_difference_is_1(k: int) -> None:
    """A level of next to 0 is asked about then, at which t's quantile with 4 or 6 degrees of
    freedom is rounded to 0."""
    names, first = np.repeat(np.arange(k), 8), np.tile([True, False], 4 * k)
    values = np.tile([1.0, 1, 0, 0, 1, 1, 1, 0], k)
    values[:2] = 0, 1
    e = difference_between(values, first, names)
    assert e.at is not None
    assert e.value is not None
    low, high = e.at(1e-9)
    assert low - 1e-6 <= e.value <= high + 1e-6
    assert 0 < (p_of(e) or 0) <= 1
