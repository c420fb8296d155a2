"""What a small ε says of the prediction: bounds that hold at every ε, not only in a limit.

The model predicts with p_t = (1 − ε) p_+ + ε p_−, where p_− is the rival's distribution or, with
several rivals, their mixture by posterior. Proofs are in ``docs/theory.md``; the case that all of
p_−'s tokens have p_+ > 0 and the other one are both covered. The rates in the number of rounds
follow from ε_t ≤ o_0 ρ^t (arXiv 2406.02378, its assumption of equal evidence in each round).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import xlogy

from selfcorrect.theory.posteriors import Floats, entropy


def performance_bound(epsilon: Floats, values: Floats) -> Floats:
    """ε (max M − min M) [...]: how far E M under p_t can be from E M under p_+.

    Args:
        epsilon: ε [...].
        values: M of each token [V].
    """
    return np.asarray(epsilon * (values.max() - values.min()))


def uncovered(p: Floats, q: Floats) -> float:
    """β = the mass that the rival q [V] has on tokens which p [V] never gives."""
    return float(q[p == 0].sum())


def entropy_constants(p: Floats, q: Floats) -> tuple[float, float]:
    """The constants k ≤ K of :func:`entropy_bounds`, in nats.

    With B the tokens that p = p_+ never gives and q = p_− does, and β = q(B),

        k = H(q) − H(p),    K = −Σ_{y∉B} (q − p) log p + β − Σ_B q log q.

    Where β = 0, K is the cross-entropy −Σ q log p minus H(p).
    """
    seen = p > 0
    here = -float(((q - p)[seen] * np.log(p[seen])).sum())
    missed = -float(xlogy(q[~seen], q[~seen]).sum())
    return entropy(q) - entropy(p), here + uncovered(p, q) + missed


def entropy_bounds(p: Floats, q: Floats, epsilon: Floats) -> tuple[Floats, Floats]:
    """Lower and upper bound of H(p_t) − H(p_+) in nats, each [...].

    β ε log(1/ε) + k ε  ≤  H(p_t) − H(p_+)  ≤  β ε log(1/ε) + K ε, for every ε in [0, 1].

    Args:
        p, q: p_+ and p_− [V].
        epsilon: ε [...].
    """
    least, most = entropy_constants(p, q)
    steep = -uncovered(p, q) * xlogy(epsilon, epsilon)
    return np.asarray(steep + least * epsilon), np.asarray(steep + most * epsilon)


def mixed_entropy(p: Floats, q: Floats, epsilon: Floats) -> Floats:
    """H((1 − ε) p + ε q) − H(p) in nats [...], accurate for ε down to 1e-300.

    Args:
        p, q: distributions [V].
        epsilon: ε [...].
    """
    e = np.asarray(epsilon, dtype=np.float64)[..., None]
    seen = p > 0
    shift, safe = e * (q - p), np.where(seen, p, 1.0)
    moved = shift / safe
    ln = np.log1p(np.where(moved > -1, moved, 0.0))
    known = -shift * np.log(safe) - safe * (1 + moved) * ln
    return np.asarray(np.where(seen, known, -xlogy(e * q, e * q)).sum(-1))


def repeated(odds: float, ratio: float, rounds: Floats) -> Floats:
    """ε_t after rounds t that each multiply the odds of the rival by ρ: o_0 ρ^t / (1 + o_0 ρ^t).

    Args:
        odds: o_0 = p(C−) / p(C+) before the first round.
        ratio: ρ.
        rounds: t [...].
    """
    o = odds * ratio ** np.asarray(rounds, dtype=np.float64)
    return np.asarray(o / (1 + o))


def limits_of_entropy(p: Floats, q: Floats, odds: float, ratio: float) -> tuple[str, float]:
    """How the distance of the entropy falls under :func:`repeated`, ρ < 1, and its constant.

    Returns:
        ``ρ^t`` and the limit o_0 K of the distance divided by ρ^t, where β = 0; otherwise ``t ρ^t``
        and the limit o_0 β log(1/ρ) of the distance divided by t ρ^t.
    """
    beta = uncovered(p, q)
    if beta == 0:
        return "ρ^t", odds * entropy_constants(p, q)[1]
    return "t ρ^t", odds * beta * -math.log(ratio)
