"""Records of a law (predicted and measured), and comparisons of exact and sampled means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from selfcorrect.theory.posteriors import Floats

#: Standard errors to each side of a 95 % interval.
Z = float(stats.norm.ppf(0.975))
#: A sampled mean is compared only where n / kurtosis is at least this. With less, a few rare paths
#: determine the mean, and its z-score isn't normal.
LEAST_CARRIERS = 100


@dataclass(slots=True)
class Results:
    """Laws, curves by name, and comparisons by round."""

    laws: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, Any] = field(default_factory=dict)
    comparisons: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Results) -> None:
        self.laws += other.laws
        self.curves |= other.curves
        self.comparisons += other.comparisons


class Moments(NamedTuple):
    """Of a number over all histories: mean, variance, and E (x − mean)⁴ / variance²."""

    mean: float
    variance: float
    kurtosis: float


def moments(values: Floats, weights: Floats) -> Moments:
    """Exact moments of values [n] with probabilities [n] that sum to 1."""
    there = weights > 0
    w, x = weights[there], values[there]
    mean = float(w @ x)
    squared = (x - mean) ** 2
    variance = float(w @ squared)
    fourth = float(w @ squared**2)
    return Moments(mean, variance, fourth / variance**2 if variance**2 > 0 else math.inf)


def law(
    name: str,
    title: str,
    predicted: float | None,
    measured: float | None,
    *,
    kind: str = "value",
    error: float | None = None,
    ends: tuple[float, float] | None = None,
    n: int | None = None,
    scale: float | None = None,
    why: str | None = None,
) -> dict[str, Any]:
    """A law, as stored in JSON.

    Args:
        name: for programs.
        title: for readers.
        predicted: by theory.
        measured: by sampling where ``n`` is given, otherwise by enumeration.
        kind: ``rate`` (per round, in nats) or ``value``.
        error: standard error of a sampled measurement.
        ends: of the 95 % interval, where it isn't measured ± 1.96 standard errors.
        n: number of sampled paths.
        scale: what the relative error is relative to, if not ``predicted``; 0 for no such error.
        why: why there is no measurement, or no relative error.
    """
    if ends is None and error is not None and measured is not None:
        ends = measured - Z * error, measured + Z * error
    base = abs(predicted or 0.0) if scale is None else scale
    off = None
    if predicted is not None and measured is not None and base > 0:
        off = abs(measured - predicted) / base
    found = {
        "name": name,
        "title": title,
        "kind": kind,
        "by": "sampling" if n else "enumeration",
        "predicted": predicted,
        "measured": measured,
        "low": ends and ends[0],
        "high": ends and ends[1],
        "n": n,
        "relative_error": off,
    }
    return found if why is None else {**found, "why": why}


def compare(name: str, round: int, exact: Moments, sampled: ArrayLike) -> list[dict[str, Any]]:
    """A sampled mean against the exact one, in exact standard errors.

    Args:
        name: what is averaged.
        round: after which round.
        exact: its moments over all histories.
        sampled: its value on every sampled path [n].

    Returns:
        One comparison; none where nothing varies, or where too few paths determine the mean
        (:data:`LEAST_CARRIERS`).
    """
    x = np.asarray(sampled, dtype=np.float64)
    n = len(x)
    if exact.variance <= (1e-10 * max(1.0, abs(exact.mean))) ** 2:
        return []
    if n < LEAST_CARRIERS * exact.kurtosis:
        return []
    error = math.sqrt(exact.variance / n)
    mean = float(x.mean())
    return [
        {
            "of": name,
            "round": round,
            "exact": exact.mean,
            "sampled": mean,
            "error": error,
            "z": (mean - exact.mean) / error,
            "n": n,
        }
    ]


def agreement(comparisons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How exact and sampled means agree.

    Returns:
        ``compared``, ``largest_z`` (absolute), ``within_3``; for the same number of independent
        comparisons if all is right: ``expected_beyond_3``, ``usual_largest`` (the median of the
        largest |z|) and ``chance`` (that the largest |z| is at least this one). Comparisons that
        share paths count for fewer, and their largest |z| tends to be smaller.
    """
    n = len(comparisons)
    if not n:
        return {"compared": 0, "largest_z": None, "within_3": 0}
    z = np.abs([each["z"] for each in comparisons])
    beyond = 2 * float(stats.norm.sf(3))
    tail = 2 * float(stats.norm.sf(z.max()))
    return {
        "compared": n,
        "largest_z": float(z.max()),
        "within_3": int((z <= 3).sum()),
        "expected_beyond_3": n * beyond,
        "usual_largest": float(stats.norm.isf(-math.expm1(math.log(0.5) / n) / 2)),
        "chance": -math.expm1(n * math.log1p(-tail)),
    }


def error_of(values: ArrayLike) -> float:
    """Standard error of the mean of independent values [n]."""
    x = np.asarray(values, dtype=np.float64)
    return float(x.std(ddof=1) / math.sqrt(len(x)))


def median_ends(values: ArrayLike) -> tuple[float, float]:
    """95 % interval of the median: order statistics by the binomial law."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    low = max(0, int(stats.binom.ppf(0.025, len(x), 0.5)) - 1)
    return float(x[low]), float(x[len(x) - 1 - low])


def share_ends(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share count / n."""
    found = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def finite(x: float) -> float | None:
    """The number, or ``None`` if it is infinite, which JSON can't hold."""
    return float(x) if math.isfinite(x) else None


#: A rate is measured only where so many nats have accumulated: the prior is then a small part.
_TELLING = 10.0


def spaced(horizon: int) -> list[int]:
    """Rounds from 1 to the horizon, evenly on a log scale, with half of the horizon."""
    ladder = np.geomspace(1, horizon, 14).round().astype(int)
    return sorted({*ladder.tolist(), max(1, horizon // 2), horizon})


def indistinguishable(rate: float, rounds: int) -> str | None:
    """Why so many rounds at this rate don't distinguish the concepts; ``None`` if they do."""
    if rate == 0:
        return "a rival is equal to C+, so the rate is 0 and they can't be distinguished"
    if rate * rounds < _TELLING:
        return (
            f"{rounds} rounds give {rate * rounds:.2g} nats, too few to distinguish C+ from its "
            "nearest rival and to measure a rate"
        )
    return None
