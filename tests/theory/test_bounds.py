"""Bounds on performance and entropy, against their definitions and at random."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfcorrect.theory.bounds import (
    entropy_bounds,
    entropy_constants,
    limits_of_entropy,
    mixed_entropy,
    performance_bound,
    repeated,
    uncovered,
)

EPSILON = np.concatenate([np.geomspace(1e-9, 0.1, 20), np.linspace(0.2, 1, 9)])


def plain_entropy(p: np.ndarray) -> float:
    return -sum(float(x) * math.log(x) for x in p if x > 0)


def pairs(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    found = []
    for k in range(n):
        p, q = rng.dirichlet(np.full(2 + k % 5, 0.5), size=2)
        if k % 2:
            p[rng.integers(len(p))] = 0
            p /= p.sum()
        found.append((p, q))
    return found


def test_performance_is_bounded_and_the_bound_is_attained() -> None:
    rng = np.random.default_rng(1)
    for p, q in pairs(50):
        values = rng.normal(size=len(p))
        for e in (0.001, 0.3, 1.0):
            apart = abs(((1 - e) * p + e * q) @ values - p @ values)
            assert apart <= performance_bound(np.array(e), values) * (1 + 1e-12)
    apart, values = np.array([0.0, 1.0]) - np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert 0.2 * apart @ values == pytest.approx(float(performance_bound(np.array(0.2), values)))


def test_mixed_entropy_is_the_difference_of_two_entropies() -> None:
    for p, q in pairs(40):
        direct = [plain_entropy((1 - e) * p + e * q) - plain_entropy(p) for e in EPSILON]
        assert mixed_entropy(p, q, EPSILON) == pytest.approx(direct, abs=1e-13)


def test_entropy_lies_within_its_bounds() -> None:
    for p, q in pairs(200):
        low, high = entropy_bounds(p, q, EPSILON)
        away = mixed_entropy(p, q, EPSILON)
        assert (low - 1e-14 <= away).all()
        assert (away <= high + 1e-14).all()


def test_the_constants_are_what_they_are_said_to_be() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    least, most = entropy_constants(p, q)
    assert least == pytest.approx(plain_entropy(q) - plain_entropy(p))
    assert most == pytest.approx(-(q @ np.log(p)) - plain_entropy(p))
    # at ε = 1 the lower bound is the entropy of the rival
    for other, rival in pairs(20):
        low, _ = entropy_bounds(other, rival, np.array(1.0))
        assert float(low) == pytest.approx(plain_entropy(rival) - plain_entropy(other), abs=1e-12)
    assert uncovered(np.array([0.6, 0.4, 0.0]), q) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("p", "rate"), [((0.5, 0.3, 0.2), "ρ^t"), ((0.6, 0.4, 0.0), "t ρ^t"), ((0.2, 0.3, 0.5), "ρ^t")]
)
def test_the_entropy_falls_at_its_rate(p: tuple[float, ...], rate: str) -> None:
    plus, minus, odds, ratio = np.array(p), np.array([0.3, 0.3, 0.4]), 2.0, 0.5
    name, limit = limits_of_entropy(plus, minus, odds, ratio)
    assert name == rate
    t = np.array([100.0, 200.0, 400.0])
    away = mixed_entropy(plus, minus, repeated(odds, ratio, t)) / ratio**t
    if rate == "t ρ^t":
        assert np.diff(away) / np.diff(t) == pytest.approx(limit)
    else:
        assert away == pytest.approx(limit)


def test_repeated_rounds_multiply_the_odds() -> None:
    e = repeated(3.0, 0.25, np.arange(4.0))
    odds = e / (1 - e)
    assert odds == pytest.approx(3 * 0.25 ** np.arange(4.0))
    assert (e <= 3 * 0.25 ** np.arange(4.0)).all()  # ε ≤ o
