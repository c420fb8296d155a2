"""The two-concept model: its fit against plain loops, and the forecasts it has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from mixtures import made, shares
from selfcorrect.measures.figures import of_sums
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc


@given(st.integers(0, 1000))
def test_epsilon_is_the_least_squares_one(seed: int) -> None:
    data = made(20, noise=0.1, seed=seed)
    for p, got in zip(data.p, shares(data), strict=True):

        def missed(e: float, p: Any = p) -> float:
            return float(((p - (1 - e) * data.plus - e * data.minus) ** 2).sum())

        assert got == pytest.approx(minimize_scalar(missed).x, abs=1e-6)


def test_a_mixture_leaves_nothing_and_chance_leaves_all() -> None:
    data = made(noise=0.1, differ=1.0)
    where = data.positions
    sums = tc.residual_terms(data.p, data.plus, data.minus, where).sum(axis=0)
    assert tc.residual(sums) == pytest.approx(0, abs=1e-12)
    # other examples' anchors: a mixture of them explains no more than the mean does
    turned = tc.residual_terms(data.p, data.plus[::-1], data.minus[::-1], where).sum(axis=0)
    assert tc.residual(turned) > 1


def test_knowing_which_option_is_where_explains_nothing() -> None:
    """Two kinds of anchors, and distributions that depend on the kind only: no mixtures."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 200)
    plus, minus = np.eye(3)[kind] * 0.7 + 0.1, np.eye(3)[1 - kind] * 0.7 + 0.1
    p = np.stack([0.5 * plus + 0.2 * minus + 0.1] * 3) + 0.01 * rng.normal(size=(3, 200, 3))
    where = np.asarray(kind)
    ignored = tc.residual_terms(p, plus, minus, np.zeros(200)).sum(axis=0)
    assert tc.residual(ignored) < 1
    assert tc.residual(tc.residual_terms(p, plus, minus, where).sum(axis=0)) > 2


def test_two_options_are_always_on_the_line() -> None:
    rng = np.random.default_rng(0)
    p, plus, minus = (rng.dirichlet([1, 1], s) for s in ((3, 50), 50, 50))
    terms = tc.residual_terms(p, plus, minus, plus.argmax(axis=1))
    assert tc.residual(terms.sum(axis=0)) == 0


def test_residual_and_spread_by_a_plain_loop() -> None:
    data = made(40, noise=0.2)
    p, plus, minus = data.p[:3], data.plus, data.minus
    p = p + 0.05 * np.random.default_rng(1).normal(size=p.shape)
    missed = varies = 0.0
    where = np.arange(40) % 3
    where[0] = 7  # alone
    for t in range(3):
        for i in range(1, 40):
            d, away = minus[i] - plus[i], p[t, i] - plus[i]
            missed += sum((away - (away @ d) / (d @ d) * d) ** 2)  # one direction of two
            alike = p[t, where == where[i]]
            varies += sum((p[t, i] - alike.mean(axis=0)) ** 2) * len(alike) / (len(alike) - 1) / 2
    got = tc.residual(tc.residual_terms(p, plus, minus, where).sum(axis=0))
    assert got == pytest.approx(missed / varies)
    p = data.p[:3]
    own = [np.dot(p[0, i] - plus[i], minus[i] - plus[i]) for i in range(40)]
    weight = [np.dot(minus[i] - plus[i], minus[i] - plus[i]) for i in range(40)]
    own = [c / w for c, w in zip(own, weight, strict=True)]
    mean = np.average(own, weights=weight)
    wanted = np.average((np.array(own) - mean) ** 2, weights=weight) ** 0.5
    assert tc.spread(tc.spread_terms(p[0], plus, minus).sum(axis=0)) == pytest.approx(wanted)


def test_the_line_through_exact_odds() -> None:
    a, b = 1.2, np.log(0.7)
    line = tc.on_line(a, b, range(1, 11))
    assert tc.odds_line(line[:3], FITTED) == pytest.approx((a, b))
    assert tc.odds_ratio(line[:3], FITTED) == pytest.approx(0.7)
    assert tc.bend(line[:3]) == pytest.approx(0)
    assert np.isnan(tc.odds_ratio(np.array([0.5, 0.2, -0.01]), FITTED))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="must be"):
        tc.epsilon_terms(np.zeros((2, 5, 3)), np.zeros((4, 3)), np.zeros((4, 3)))


@pytest.mark.parametrize(("n", "size"), [(120, 1), (120, 4)])  # a bootstrap; 30 clusters
def test_the_interval_of_rho_holds(n: int, size: int) -> None:
    held = 0
    for seed in range(200):
        data = made(n, size=size, start=0.6, noise=0.06, rounds=3, seed=seed)
        terms = tc.epsilon_terms(data.p, data.plus, data.minus)
        e = of_sums(terms, lambda s: tc.odds_ratio(tc.epsilon(s), FITTED), data.clusters)
        held += e.low <= 0.6 <= e.high
    assert 0.90 <= held / 200 <= 0.99


def test_the_exponential_goes_on_as_it_began() -> None:
    means = [0.8 - 0.5 * 0.6**t for t in range(8)]
    assert tc.exponential(means[:3], means[2], 5) == pytest.approx(means[3:])
    assert tc.exponential([0.5, 0.5, 0.6], 0.6, 2) is None
    # k is 2 or −2: kept at 1 or −1
    assert tc.exponential([0.5, 0.55, 0.65], 0.65, 3) == pytest.approx([0.75, 0.85, 0.95])
    assert tc.exponential([0.5, 0.55, 0.45], 0.45, 3) == pytest.approx([0.55, 0.45, 0.55])
    # and no prediction is above 1
    assert tc.exponential([0.5, 0.6, 0.9], 0.9, 2) == pytest.approx([1, 1])


def test_the_chain_follows_its_rates() -> None:
    correct = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]])
    assert tc.chain(correct, 0.5, 2) == pytest.approx([0.625, 0.625 * 0.75 + 0.375 * 0.5])
    assert tc.chain(np.ones((3, 4)), 1.0, 2) is None
