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


def test_one_record_that_differs_is_no_long_tail() -> None:
    """13 of 19 against 1 of 5: Newcombe's interval, not 7 standard errors to one side."""
    values, first = np.zeros(24), np.arange(24) < 19
    values[:13] = values[19] = 1
    e = difference_between(values, first, np.arange(24))
    known = confint_proportions_2indep(13, 19, 1, 5, method="newcomb", compare="diff")
    assert (e.low, e.high) == pytest.approx(known, abs=0.05)


def test_shares_that_go_against_each_other_are_known_less_well() -> None:
    """In each cluster one record of each group, of which mostly one alone is a 1."""
    cluster, first = np.repeat(np.arange(40), 2), np.tile([True, False], 40)
    against = np.repeat(np.arange(40) % 2, 2) ^ first
    e = difference_between(against * 1.0, first, cluster)
    mixed = difference_between(np.tile([1.0, 1, 0, 0, 1, 0, 0, 1], 10), first, cluster)
    assert None not in (e.low, e.high, mixed.low, mixed.high)
    # at a correlation of -1 the two lengths add up
    assert e.high - e.low == pytest.approx(np.sqrt(2) * (mixed.high - mixed.low), rel=0.02)  # type: ignore[operator]


def _drawn(rng: np.random.Generator, kind: str) -> tuple[tuple[np.ndarray, ...], float]:
    """Records of one kind, and the true difference."""
    if kind.startswith("apart"):
        n, m, p, q = {"apart few": (19, 5, 0.7, 0.2), "apart even": (19, 5, 0.5, 0.5),
                      "apart rare": (24, 8, 0.95, 0.9), "apart": (60, 30, 0.6, 0.3),
                      }[kind]  # fmt: skip
        first = np.arange(n + m) < n
        return ((rng.random(n + m) < np.where(first, p, q)) * 1.0, first, np.arange(n + m)), p - q
    clusters, each, side = {"shared against": (20, (3, 1), -1), "shared few": (12, (1, 1), -1),
                            "shared alike": (40, (2, 2), 1)}[kind]  # fmt: skip
    names = np.repeat(np.tile(np.arange(clusters), 2), np.repeat(each, clusters))
    first = np.arange(len(names)) < clusters * each[0]
    own = rng.standard_normal(clusters)[names] * np.where(first, 1, side)
    x = np.sqrt(0.7) * own + np.sqrt(0.3) * rng.standard_normal(len(names))
    cut = np.where(first, 0.5244, -0.5244)  # shares of .7 and .3
    return ((x < cut) * 1.0, first, names), 0.4


KINDS = ("apart few", "apart even", "apart rare", "apart", "shared against", "shared few",
         "shared alike")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_of_a_difference_holds(kind: str) -> None:
    rng, held, told = np.random.default_rng(3), 0, 0
    for _ in range(1500):
        drawn, true = _drawn(rng, kind)
        e = difference_between(*drawn)
        if e.low is not None and e.high is not None:
            told += 1
            held += e.low <= true <= e.high
    print(kind, told, held / told)
    assert held / told > 0.935


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
