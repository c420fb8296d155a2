"""Records that obey the two-concept law, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.theory import two_concept as tc


def made(
    n: int = 300,
    *,
    rho: float = 0.6,
    start: float = 0.8,
    rounds: int = 8,
    noise: float = 0.03,
    differ: float = 0.0,
    apart: float = 1.0,
    size: int = 1,
    greedy: bool = False,
    seed: int = 0,
) -> Aligned:
    """Records that obey the law: ε is ``start`` in round 1 and its odds go by ``rho`` a round.

    Args:
        noise: standard deviation of each record's ε in each round.
        differ: the same of its logit, for all rounds alike.
        apart: how far p− is from p+: 0 is not at all.
        size: records of a cluster.
    """
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    rows = np.arange(n)
    plus, minus = rng.normal(size=(2, n, 3))
    plus[rows, target] += 2
    minus[rows, (target + 1) % 3] += 2
    plus, minus = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (plus, minus))
    minus = apart * minus + (1 - apart) * plus
    logits = np.log(start / (1 - start)) + np.log(rho) * np.arange(rounds)
    epsilon = 1 / (1 + np.exp(-(logits[:, None] + differ * rng.normal(size=n))))
    epsilon = np.clip(epsilon + noise * rng.normal(size=(rounds, n)), 0, 1)[..., None]
    p = (1 - epsilon) * plus + epsilon * minus
    answers = p.argmax(axis=-1)
    if not greedy:
        answers = (rng.random((rounds, n, 1)) > p.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    correct = (answers == target).astype(float)
    return Aligned(p, plus, minus, target, correct, answers, rows // size, greedy)


def shares(data: Aligned) -> Any:
    return tc.epsilon(tc.epsilon_terms(data.p, data.plus, data.minus).sum(axis=0))
