"""How fast the posterior concentrates on a typical path, and what the prediction owes to it.

ε_t = 1 − p(C+ | the first t rounds), the rounds drawn from C+. The typical rate is the law of
large numbers for log-likelihood ratios (Cover & Thomas, § 11.8); entropy and total variation
follow from p(y | h) = Σ_C p(C | h) p(y | C), to the first order in ε. The mean of ε is another
matter: :mod:`selfcorrect.theory.averages`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from selfcorrect.theory.discrete import enumerable, histories, sample
from selfcorrect.theory.laws import Found, Z, compare, error_of, law, median_ends, moments
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    chernoff,
    cross_entropy,
    entropy,
    kl,
    log_epsilon,
    log_likelihood,
    log_posterior,
    total_variation,
)

#: Where the path-by-path laws are measured: ε about here, where the next order is a few parts in
#: 10⁵ and doubles still tell it.
_SMALL = 1e-5
#: … on all paths with an ε below this.
_LARGEST = 1e-3
_SHOWN_PATHS = 12
#: A rate is measured where it brings so many nats: then what the prior adds is a small part.
_TELLING = 10.0


@dataclass(frozen=True, slots=True)
class Speeds:
    """How far each rival lies from C+, in nats a round (m tokens)."""

    kl: Floats
    chernoff: Floats
    s: Floats

    @property
    def nearest(self) -> int:
        """The rival (from 1) that rules a typical path."""
        return int(np.argmin(self.kl)) + 1

    @property
    def slowest(self) -> int:
        """The rival (from 1) that rules the mean; it need not be the nearest."""
        return int(np.argmin(self.chernoff)) + 1


def speeds(concepts: Concepts) -> Speeds:
    """The divergences of all rivals."""
    m, truth = concepts.tokens, concepts.p[0]
    information = np.array([chernoff(truth, concepts.p[k]) for k in concepts.rivals])
    return Speeds(
        m * np.array([kl(truth, concepts.p[k]) for k in concepts.rivals]),
        m * information[:, 0],
        information[:, 1],
    )


@dataclass(frozen=True, slots=True)
class Paths:
    """Sampled paths at some rounds: log-posteriors [R, n, K] and log ε [R, n]."""

    rounds: Sequence[int]
    posterior: Floats
    epsilon: Floats


def follow(
    concepts: Concepts, rounds: Sequence[int], paths: int, rng: np.random.Generator
) -> Paths:
    """Paths whose instructions are drawn from C+."""
    counts = sample(concepts.p[0], concepts.tokens, rounds, paths, rng)
    posterior = log_posterior(log_likelihood(counts, concepts.p), concepts.prior)
    return Paths(rounds, posterior, log_epsilon(posterior))


def spaced(horizon: int) -> list[int]:
    """Rounds from 1 to the horizon, evenly on a log scale, its half among them."""
    ladder = np.geomspace(1, horizon, 14).round().astype(int)
    return sorted({*ladder.tolist(), max(1, horizon // 2), horizon})


def untold(rate: float, rounds: int) -> str | None:
    """Why so many rounds at this rate tell nothing of the concepts; ``None`` if they do."""
    if rate == 0:
        return "a rival is equal to C+, so the rate is 0 and they are not told apart"
    if rate * rounds < _TELLING:
        return (
            f"{rounds} rounds bring {rate * rounds:.2g} nats, too few to tell C+ from its nearest "
            "rival, so that no rate shows"
        )
    return None


def typical(concepts: Concepts, paths: Paths) -> Found:
    """−(1/t) log ε_t → m · min_C KL(C+‖C), by sampling and by enumeration."""
    rate = float(speeds(concepts).kl.min())
    last, n = paths.rounds[-1], paths.epsilon.shape[1]
    title = f"−(1/t) log ε, round {last}, "
    if not math.isfinite(rate):
        settled = "every rival lacks a token of C+: seen once, it settles the matter for ever"
        return Found([law("typical_rate", title + "mean", None, None, kind="rate", why=settled)])
    speed = -paths.epsilon / np.asarray(paths.rounds)[:, None]
    why, scale = untold(rate, last), None
    if why:
        scale = 0.0
    middle = float(np.median(speed[-1]))
    found = Found()
    found.laws = [
        law("typical_rate", title + "mean", rate, float(speed[-1].mean()), kind="rate",
            error=error_of(speed[-1]), n=n, scale=scale, why=why),
        law("typical_rate_median", title + "median", rate, middle, kind="rate",
            ends=median_ends(speed[-1]), n=n, scale=scale, why=why),
    ]  # fmt: skip
    exact: list[float | None] = []
    for at, t in enumerate(paths.rounds):
        if t > enumerable(concepts):
            exact.append(None)
            continue
        all_of_them = histories(concepts, t, under_truth=True)
        truth = moments(-all_of_them.epsilon / t, np.exp(all_of_them.log_p[:, 0]))
        exact.append(truth.mean)
        found.comparisons += compare("−(1/t) log ε", t, truth, speed[at])
    errors = [error_of(row) for row in speed]
    found.curves["typical"] = {
        "round": list(paths.rounds),
        "predicted": rate,
        "exact": exact,
        "mean": speed.mean(axis=1).tolist(),
        "low": (speed.mean(axis=1) - Z * np.array(errors)).tolist(),
        "high": (speed.mean(axis=1) + Z * np.array(errors)).tolist(),
        "median": np.median(speed, axis=1).tolist(),
        "tenth": np.quantile(speed, 0.1, axis=1).tolist(),
        "ninetieth": np.quantile(speed, 0.9, axis=1).tolist(),
        "n": n,
    }
    return found


def pathwise(concepts: Concepts, paths: Paths) -> Found:
    """Entropy's distance from its limit, and total variation from C+, as multiples of ε.

    With one rival n left, H(p_t) − H(p_+) ≈ ε_t · (cross-entropy(p_n, p_+) − H(p_+)) for small ε,
    and TV(p_t, p_+) = ε_t · TV(p_n, p_+). Both are measured as ratios of the two sides, path by
    path, at the round where the median ε is nearest to 10⁻⁵.
    """
    speed = speeds(concepts)
    p, q = concepts.p[0], concepts.p[speed.nearest]
    slope, apart = cross_entropy(q, p) - entropy(p), total_variation(q, p)
    typical_epsilon = np.median(paths.epsilon, axis=1)
    at = int(np.argmin(np.abs(typical_epsilon - math.log(_SMALL))))
    small = paths.epsilon[at] < math.log(_LARGEST)
    names = ("entropy_path", "variation_path")
    titles = ("(H(p_t) − H(p₊)) / ε", "TV(p_t, p₊) / ε")
    small &= np.isfinite(paths.epsilon[at])
    why = untold(float(speed.kl.min()), paths.rounds[-1])
    if why or not small.any():
        why = why or f"no path of {paths.rounds[-1]} rounds has an ε that is small and not 0"
        return Found(
            [law(*named, None, None, why=why) for named in zip(names, titles, strict=True)]
        )
    epsilon = np.exp(paths.epsilon[:, :_SHOWN_PATHS])
    away, variation = departure(concepts, paths.posterior[:, :_SHOWN_PATHS])
    drawn = (epsilon > 1e-12) & (np.asarray(paths.rounds) <= 2 * paths.rounds[at])[:, None]
    found = Found()
    found.curves["pathwise"] = {
        "epsilon": epsilon[drawn].tolist(),
        "entropy": np.abs(away[drawn]).tolist(),
        "variation": variation[drawn].tolist(),
        "entropy_slope": abs(slope) if math.isfinite(slope) else None,
        "variation_slope": apart,
        "paths": int(epsilon.shape[1]),
    }
    away, variation = departure(concepts, paths.posterior[at, small])
    epsilon = np.exp(paths.epsilon[at, small])
    sides = ((slope, away / epsilon), (apart, variation / epsilon))
    for name, title, (predicted, ratio) in zip(names, titles, sides, strict=True):
        said = f"{title}, round {paths.rounds[at]}, median"
        if predicted == 0 or not math.isfinite(predicted):
            why = (
                "C+ gives a token of its rival no probability: entropy then falls as ε log ε"
                if predicted
                else "the slope is 0: the second order decides"
            )
            found.laws.append(law(name, said, None, None, why=why))
            continue
        ends, n = median_ends(ratio), int(small.sum())
        found.laws.append(law(name, said, predicted, float(np.median(ratio)), ends=ends, n=n))
    return found


def departure(concepts: Concepts, posterior: Floats) -> tuple[Floats, Floats]:
    """How far the prediction of the next token is from C+'s own.

    Args:
        concepts: with p [K, V].
        posterior: log p(concept | history) [..., K].

    Returns:
        H(p_t) − H(p_+) in nats and TV(p_t, p_+), both [...]; exact for small ε too, for nothing
        near 1 is subtracted.
    """
    p = concepts.p[0]
    shift = np.exp(posterior[..., 1:]) @ (concepts.p[1:] - p)
    here = p > 0
    safe = np.where(here, p, 1.0)
    moved = np.maximum(shift / safe, -1.0)
    known = -shift * np.log(safe) - safe * (1 + moved) * np.log1p(np.where(moved > -1, moved, 0))
    away = np.where(here, known, -xlogy(shift, np.where(here, 1.0, shift)))
    return away.sum(axis=-1), np.abs(shift).sum(axis=-1) / 2
