"""Answers that the model draws from its own prediction, between instructions: exact means.

An answer spreads the posterior and leaves its mean (a martingale). So whether it helps or hinders
the next instruction is a matter of curvature: with π = p(C+ | h), an instruction of one token from
C+ raises the mean to

    g(π) = Σ_y p_+(y) · π p_+(y) / (π p_+(y) + (1 − π) p_−(y)),

and by Jensen's inequality an answer before it gives more than g(π) if g is convex over the values
that the posterior can take, and less if g is concave there.
"""

from __future__ import annotations

import numpy as np

from selfcorrect.theory.discrete import move
from selfcorrect.theory.posteriors import Concepts, Floats, believed, predicted


def raised(concepts: Concepts, belief: Floats) -> Floats:
    """g of the module [...], for two concepts, at posteriors π of C+ [...]."""
    plus, minus = concepts.p
    pi = np.asarray(belief, dtype=np.float64)[..., None]
    both = pi * plus + (1 - pi) * minus
    return np.asarray((plus * pi * plus / np.where(both > 0, both, 1)).sum(-1))


def mean_belief(concepts: Concepts, shape: str, rounds: int) -> list[float]:
    """E[p(C+ | h_t)] after each round, by enumeration, for two concepts.

    Args:
        concepts: C+ and C−.
        shape: the tokens of a round: ``i`` is one of an instruction from C+, ``a`` one of an answer
            drawn from the model's prediction given all before it.
        rounds: their number.
    """
    v = concepts.p.shape[1]
    one = np.eye(v, dtype=np.int64)
    counts, mass = np.zeros((1, v), dtype=np.int64), np.ones(1)
    means = []
    for _ in range(rounds):
        for token in shape:
            chance = concepts.p[0] if token == "i" else predicted(concepts, counts)
            counts, mass = move(counts, mass, one, chance)
        means.append(float(mass @ believed(concepts, counts)))
    return means
