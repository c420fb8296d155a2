"""When the Plackett-Luce loss with squared scores has a minimum.

With s_i = −‖f − y_i‖², responses numbered from the best, the loss is

    L(f) = Σ_i log Σ_{j≥i} exp( 2⟨f, y_j − y_i⟩ + ‖y_i‖² − ‖y_j‖² ),

which is convex in f. It has a minimum if and only if no direction u *separates* the ranking, which
it does if ⟨u, y_1⟩ ≥ ⟨u, y_2⟩ ≥ … ≥ ⟨u, y_N⟩ with at least one > (as in logistic regression: Albert
& Anderson 1984, doi:10.1093/biomet/71.1.1). The proof is in ``docs/theory.md``. Responses on a line
on which the reward rises are always separated, and so are N ≤ d + 1 of them in general position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

#: A direction whose differences, each at most 1, sum to more than this separates.
_LEAST = 1e-7


def has_minimum(responses: NDArray[np.float64], rewards: NDArray[np.float64]) -> bool:
    """Whether the loss of one context has a minimum.

    A linear programme: the largest Σ_i ⟨u, y_i − y_{i+1}⟩ over directions u in which every one of
    these differences lies in [0, 1].

    Args:
        responses: y [N, d].
        rewards: distinct [N].
    """
    order = np.argsort(-rewards)
    down = -np.diff(responses[order].astype(np.float64), axis=0)
    # of unit size, so that the tolerance means the same for all
    down /= np.linalg.norm(down, axis=1).max()
    solved = linprog(
        -down.sum(0),
        np.concatenate([-down, down]),
        np.concatenate([np.zeros(len(down)), np.ones(len(down))]),
        bounds=(None, None),
    )
    assert solved.fun is not None  # it is bounded, and u = 0 is allowed
    return bool(-solved.fun <= _LEAST)
