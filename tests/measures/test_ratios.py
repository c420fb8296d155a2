"""The ratio of two means: by hand, where it has no end, and how often its interval holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from selfcorrect.measures.ratios import lacking, ratio

Drawn = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def drawn(rng: np.random.Generator, k: int, size: int, above: float, below: float) -> Drawn:
    """Zeros and ones with these means, alike within dialogues and clusters of 1 to 2·size − 1."""
    clusters = np.repeat(np.arange(k), rng.integers(1, 2 * size, k))
    n = len(clusters)
    shared = np.sqrt(0.2) * rng.normal(size=k)[clusters] + np.sqrt(0.3) * rng.normal(size=n)
    one, other = (shared + np.sqrt(0.5) * rng.normal(size=n) for _ in range(2))
    cut = stats.norm.ppf([above, below])
    return (one < cut[0]).astype(float), (other < cut[1]).astype(float), clusters


def test_it_is_fieller_s_of_many_records() -> None:
    """Against the roots of the quadratic, of independent records."""
    rng = np.random.default_rng(0)
    x = (rng.random(4000) < 0.5).astype(float)
    y = x * (rng.random(4000) < 0.4)
    e = ratio(y, x, np.arange(4000))
    z = stats.norm.ppf(0.975)
    (a, b), (_, c) = np.cov(y, x) / 4000
    p, q = y.mean(), x.mean()
    roots = np.sort(np.roots([q * q - z * z * c, -2 * (p * q - z * z * b), p * p - z * z * a]))
    assert e.value == pytest.approx(p / q)
    assert [e.low, e.high] == pytest.approx(roots, abs=2e-3)
    spot = lacking(e)
    assert spot.value == pytest.approx(1 - p / q)
    assert (spot.low, spot.high) == (1 - (e.high or 0), 1 - (e.low or 0))


def test_where_it_has_no_end_there_is_no_interval() -> None:
    clusters = np.arange(40)
    nothing = np.zeros(40)
    e = ratio(np.ones(40), nothing, clusters)
    assert (e.value, e.low) == (None, None)
    assert "isn't shown to be above 0" in str(e.why)
    rare = np.where(clusters < 1, 1.0, 0.0)
    e = ratio(np.ones(40), rare, clusters)
    assert e.value == 40
    assert (e.low, e.high) == (None, None)
    assert ratio(np.full(40, np.nan), rare, clusters).value is None
    one = ratio(np.ones(40), np.ones(40), nothing)
    assert (one.value, one.low) == (1.0, None)


def test_nothing_above_is_no_certainty() -> None:
    e = ratio(np.zeros(60), np.ones(60) * 0.5, np.arange(60))
    assert e.value == 0
    assert e.low == 0
    assert (e.high or 0) > 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("k", "size"), [(30, 2), (60, 3), (25, 8)])
@pytest.mark.parametrize(
    ("above", "below"),
    [(0.02, 0.3), (0.1, 0.3), (0.3, 0.3), (0.2, 0.6), (0.6, 0.6), (0.05, 0.1), (0.3, 0.1)],
)
def test_its_interval_holds(k: int, size: int, above: float, below: float) -> None:
    rng, held = np.random.default_rng(3), []
    for _ in range(400):
        e = ratio(*drawn(rng, k, size, above, below))
        if e.low is not None:
            assert e.high is not None
            held.append(e.low <= above / below <= e.high)
    assert np.mean(held) > 0.95 - 2.5 * np.sqrt(0.05 * 0.95 / len(held))
