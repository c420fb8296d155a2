"""What a small ε says of performance and entropy: the bounds and both rates, checked.

Instructions are repeated word for word here, so that each round multiplies the odds of the rival by
the same ρ: the case for which the account states its rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from selfcorrect.studies.concepts.laws import Results, law
from selfcorrect.theory.bounds import (
    entropy_bounds,
    limits_of_entropy,
    mixed_entropy,
    performance_bound,
    repeated,
    uncovered,
)
from selfcorrect.theory.discrete import enumerable, histories
from selfcorrect.theory.posteriors import Concepts, Floats, stated, total_variation

#: p_+ and p_−: every token of the rival has p_+ > 0, or one hasn't.
CASES = {
    "covered": ((0.5, 0.3, 0.2), (0.3, 0.3, 0.4)),
    "uncovered": ((0.6, 0.4, 0.0), (0.3, 0.3, 0.4)),
}
#: The token that every round repeats, the prior odds of the rival, and the rounds.
_TOKEN, _ODDS, _ROUNDS = 0, 1.0, 60
#: Pairs of distributions drawn for the bounds, and the values of ε.
_PAIRS = 2000
_EPSILONS = np.concatenate([np.geomspace(1e-12, 0.1, 34), np.linspace(0.15, 1, 18)])
#: Values of M are 0 or 1 for each token: the ratio is largest at such M. So many tokens at most.
_MOST_TOKENS = 10


def bounded(concepts: Concepts, rounds: int, rng: np.random.Generator) -> Results:
    """The bounds on performance and entropy, and how the entropy's distance falls.

    Args:
        concepts: for performance; all their histories of so many rounds are enumerated.
        rounds: their number.
        rng: draws pairs of distributions.
    """
    found = Results([_performance(concepts, min(rounds, enumerable(concepts)))])
    found.laws.append(_random_pairs(rng))
    found.curves["entropy_rounds"] = {}
    for case, (plus, minus) in CASES.items():
        p, q = stated([plus, minus]).p
        found.laws.append(_rate(case, p, q, found.curves["entropy_rounds"]))
    return found


def _performance(concepts: Concepts, rounds: int) -> dict[str, Any]:
    """The largest |E M − E_+ M| / ε (max M − min M) over histories, and M with values 0 and 1."""
    v = concepts.p.shape[1]
    apart = max(total_variation(concepts.p[0], row) for row in concepts.p[1:])
    title = f"|E M − E₊ M| ÷ ε (max M − min M), largest in {rounds} rounds (bound: 1)"
    if v > _MOST_TOKENS:
        return law("performance", title, apart, None, why=f"more than {_MOST_TOKENS} tokens")
    values = np.array(list(product((0.0, 1.0), repeat=v))[1:-1])
    largest = 0.0
    for t in range(1, rounds + 1):
        every = histories(concepts, t)
        # of p_t − p_+, so that no numbers near 1 are subtracted
        shift = np.exp(every.posterior[:, 1:]) @ (concepts.p[1:] - concepts.p[0])
        epsilon = np.exp(every.epsilon)
        there = epsilon > 0
        for each in values:
            ratio = np.abs(shift[there] @ each) / performance_bound(epsilon[there], each)
            largest = max(largest, float(ratio.max()))
    return law("performance", title, apart, largest, why="predicted: the largest TV of a rival")


def _random_pairs(rng: np.random.Generator) -> dict[str, Any]:
    """How often the entropy is outside its bounds: of random pairs, half with uncovered tokens."""
    outside = 0
    for k in range(_PAIRS):
        v = int(rng.integers(2, 7))
        p, q = rng.dirichlet(np.full(v, 0.5), size=2)
        if k % 2:
            p[rng.integers(v)] = 0
            p /= p.sum()
        low, high = entropy_bounds(p, q, _EPSILONS)
        away = mixed_entropy(p, q, _EPSILONS)
        slack = 1e-12 * (np.abs(low) + np.abs(high)) + 1e-15 * _EPSILONS
        outside += int(((away < low - slack) | (away > high + slack)).sum())
    title = f"entropies outside their bounds, of {_PAIRS * len(_EPSILONS):,} (random pairs and ε)"
    return law("bound_entropy", title, 0.0, float(outside), scale=1.0)


def _rate(case: str, p: Floats, q: Floats, curves: dict[str, Any]) -> dict[str, Any]:
    """The limit of the distance of the entropy, divided by ρ^t or t ρ^t, under repetition."""
    ratio = float(q[_TOKEN] / p[_TOKEN])
    t = np.arange(1, _ROUNDS + 1)
    epsilon, falling = repeated(_ODDS, ratio, t.astype(np.float64)), ratio**t
    away = mixed_entropy(p, q, epsilon) / falling
    low, high = (each / falling for each in entropy_bounds(p, q, epsilon))
    name, limit = limits_of_entropy(p, q, _ODDS, ratio)
    curves[case] = _curve(t, away, low, high, {"ratio": ratio, "by": name, "limit": limit})
    if uncovered(p, q):
        # the part that is proportional to ρ^t alone cancels in the increase of a round
        measured, of = float(away[-1] - away[-2]), "increase a round of (H(p_t) − H(p₊)) ÷ ρ^t"
    else:
        measured, of = float(away[-1]), "(H(p_t) − H(p₊)) ÷ ρ^t"
    title = f"{of}, {case}, round {_ROUNDS}"
    return law(f"bound_{case}", title, limit, measured)


def _curve(t: Any, away: Floats, low: Floats, high: Floats, more: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Sequence[float]] = {
        "round": t.tolist(),
        "away": away.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }
    return {**columns, **more}
