"""Transitions, comparisons, convergence, plans and the verdict in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import plain
from panels import made
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.paired import share_difference, share_test
from selfcorrect.measures.power import (
    Design,
    MeanDesign,
    design_of,
    difference_of,
    margin_n,
    margin_of,
    n_for_difference,
    n_for_margin,
)


@given(st.floats(0.05, 1), st.floats(0.1, 0.95), st.floats(0.6, 0.95))
def test_n_for_a_difference_is_connors(changed: float, part: float, power: float) -> None:
    d = changed * part
    wanted = plain.n_for_difference((changed + d) / 2, (changed - d) / 2, power, FIRST)
    assert n_for_difference(d, Design(changed, power=power)) == max(1, math.ceil(wanted - 1e-9))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.5), st.integers(1, 12), st.floats(0, 0.5))
def test_what_n_shows_needs_n(changed: float, size: int, icc: float) -> None:
    design = Design(changed, size, icc)
    for n in (200, 5000):
        smallest, margin = difference_of(n, design), margin_of(n, design)
        if smallest is not None:
            assert n_for_difference(smallest, design) == pytest.approx(n, abs=2)
        if margin is not None:
            assert n_for_margin(margin, design) == pytest.approx(n, abs=2)


def test_clusters_cost_and_nothing_shows_nothing() -> None:
    alone, together = Design(0.2), Design(0.2, 10, 0.2)
    assert n_for_difference(0.05, together) > 2.8 * n_for_difference(0.05, alone)
    assert n_for_difference(0, alone) is None
    assert difference_of(3, Design(0.2, 4, 0.1)) is None
    assert n_for_difference(0.3, alone) is None
    # where nothing changes, Tango's interval has a width all the same
    z = stats.norm.isf(FIRST / 2)
    assert n_for_margin(0.03, Design(1e-9)) == pytest.approx(z**2 * 0.97 / 0.03, abs=1)


def test_a_margin_is_shown_less_easily_the_more_there_is_to_see() -> None:
    at = [margin_n(0.2, 0.03, difference=d) for d in (0.0, 0.01, 0.02, -0.02)]
    assert at[0] < at[1] < at[2] == pytest.approx(at[3])
    # with no difference at all: two one-sided tests, each failing one time in ten
    assert at[0] == pytest.approx(
        0.2 * ((stats.norm.isf(FIRST / 2) + 1.281552) / 0.03) ** 2, rel=1e-4
    )


def test_a_pilot_tells_how_alike_clusters_are() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(2000), 5)
    level = rng.beta(0.2 * 4, 0.8 * 4, 2000)[clusters]  # icc of the changes: 1/5
    changed = rng.random(10_000) < level
    design = design_of(changed.astype(float), np.zeros(10_000), clusters)
    assert design is not None
    assert (design.changed, design.size) == (pytest.approx(0.2, abs=0.02), 5)
    assert design.icc == pytest.approx(0.2, abs=0.04)
    assert design_of(np.ones(6), np.ones(6), np.arange(6)) is None
    assert design_of(np.arange(6) % 2.0, np.ones(6), np.arange(6)).icc == 0  # type: ignore[union-attr]


def test_a_plan_for_means_shows_what_it_says() -> None:
    """Simulated: n_for_difference shows the difference, and n_for_margin none, 4 times of 5."""
    rng = np.random.default_rng(4)
    design = MeanDesign(0.09)
    n, least = design.n_for_difference(0.05), design.n_for_margin(0.05)
    assert n is not None
    assert design.difference_of(n) == pytest.approx(0.05, rel=0.01)
    assert design.margin_of(least) == pytest.approx(0.05, rel=0.01)
    shown = within = 0
    for _ in range(400):
        e = mean(rng.normal(0.05, 0.3, n), np.arange(n), level=1 - FIRST)
        shown += e.low > 0
        e = mean(rng.normal(0, 0.3, least), np.arange(least), level=1 - FIRST)
        within += e.low >= -0.05 and e.high <= 0.05
    assert 0.75 <= shown / 400 <= 0.86
    assert 0.75 <= within / 400 <= 0.86
    assert design.n_for_difference(0) is None


@pytest.mark.parametrize(("size", "effect"), [(1, 0.8), (9, 0.6)])
def test_a_plan_for_few_clusters_counts_them(size: int, effect: float) -> None:
    rng = np.random.default_rng(5)
    between, within = 0.3, 0.5  # variances of clusters' means and of examples in them
    design = MeanDesign(size * between + within, size=size)
    n = design.n_for_difference(effect)
    assert n is not None
    k = round(n / size)
    assert k < 25
    clusters, shown = np.repeat(np.arange(k), size), 0
    for _ in range(400):
        x = effect + rng.normal(0, between**0.5, k)[clusters]
        shown += mean(x + rng.normal(0, within**0.5, len(x)), clusters).low > 0
    assert 0.75 <= shown / 400 <= 0.9
    assert MeanDesign(design.spread, size=size, known=0.25).n_for_difference(effect) == (
        pytest.approx(4 * n, abs=4)
    )
    assert design.difference_of(size) is None  # one cluster shows nothing


@pytest.mark.parametrize(
    ("n", "gained", "lost"), [(96, 0, 1), (96, 1, 2), (200, 10, 16), (60, 4, 9)]
)
def test_the_number_that_would_decide_does(n: int, gained: int, lost: int) -> None:
    """Simulated, if it is as seen: 4 times of 5 at least, also where hardly any answer changes."""
    after, before = np.zeros(n), np.zeros(n)
    after[:gained], before[gained : gained + lost] = 1, 1
    p = made(np.stack([before, after], axis=1))
    needed = compare(p, p, (2, 1), {"accuracy": 0.03})["accuracy"]["n_needed"]
    rng, decided = np.random.default_rng(7), 0
    for _ in range(150):
        u = rng.random(needed)
        x, y = u < gained / n, u > 1 - lost / n
        clusters = np.arange(needed)
        told = verdict(share_difference(x, y, clusters), 0.03, 1, share_test(x, y, clusters))
        decided += told != "undecided"
    assert decided / 150 >= 0.72


def test_unequal_clusters_cost_more_and_a_pilot_tells() -> None:
    equal, unequal = Design(0.2, 10, 0.2), Design(0.2, 10, 0.2, unequal=2.0)
    # an average example's cluster has 20, and t goes by half as many clusters
    assert n_for_difference(0.05, unequal) > 1.5 * n_for_difference(0.05, equal)
    sizes = np.tile([28, 4, 4, 4], 200)
    clusters = np.repeat(np.arange(800), sizes)
    rng = np.random.default_rng(0)
    changed = (rng.random(len(clusters)) < rng.beta(0.8, 3.2, 800)[clusters]).astype(float)
    design = design_of(changed, np.zeros(len(clusters)), clusters)
    assert design is not None
    assert design.size == 10
    assert design.unequal == pytest.approx(800 * (sizes**2).sum() / sizes.sum() ** 2)
    assert design.icc == pytest.approx(0.2, abs=0.05)
