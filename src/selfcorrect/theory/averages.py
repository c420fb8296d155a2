"""How fast ε falls on average: at the rate of the Chernoff information.

E[ε_t] is dominated by the rare paths on which C+ and its rival are still equally likely (Cover &
Thomas, § 11.9). The constant before t^{−1/2} is the saddle-point one (after Bahadur & Rao 1960,
doi:10.1214/aoms/1177705674): with one rival, prior odds o = p(C+)/p(rival), the Chernoff s and the
variance σ² a token of log(p_+/p_−) under r ∝ p_+^{1−s} p_−^s,

    A = o^{−s} · (π / sin πs) / √(2π σ² m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from selfcorrect.theory.discrete import sample
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    Ints,
    log_likelihood,
)
from selfcorrect.theory.rates import speeds

#: This share of the paths that measure a mean is drawn from C+ itself, so no history is left out.
_PLAIN = 0.1


def tilt(concepts: Concepts) -> tuple[Floats, float]:
    """r ∝ p_+^{1−s} p_−^s [V] of the rival that determines the mean, and s."""
    speed = speeds(concepts)
    s = float(speed.s[speed.slowest - 1])
    p, q = concepts.p[0], concepts.p[speed.slowest]
    both = (p > 0) & (q > 0)
    r = np.where(both, np.where(both, p, 1) ** (1 - s) * np.where(both, q, 1) ** s, 0)
    return np.asarray(r / r.sum()), s


def log_weights(concepts: Concepts, counts: Ints) -> Floats:
    """log of p_+ / the distribution that :func:`tilted` draws from, of token counts [..., V]."""
    under = log_likelihood(counts, np.stack([concepts.p[0], tilt(concepts)[0]]))
    ratio = under[..., 1] - under[..., 0]
    return np.asarray(-np.logaddexp(math.log(_PLAIN), math.log1p(-_PLAIN) + ratio))


def tilted(concepts: Concepts, rounds: Sequence[int], paths: int, rng: np.random.Generator) -> Ints:
    """Counts [R, n, V] of paths among which those that dominate E[ε_t] are common.

    Each path is drawn from p_+ with probability .1, otherwise from r of :func:`tilt`. With the
    weights of :func:`log_weights` means are unbiased (Owen & Zhou 2000,
    doi:10.1080/01621459.2000.10473909).
    """
    plain = rng.random(paths) < _PLAIN
    p = np.where(plain[:, None], concepts.p[0], tilt(concepts)[0])
    return sample(p, concepts.tokens, rounds, paths, rng)


def constant(concepts: Concepts) -> float | None:
    """A of the module's formula; ``None`` where there is no such factor.

    That is where the Chernoff s is 0 or 1, or log(p_+/p_−) has no variance under r.
    """
    rival = speeds(concepts).slowest
    r, s = tilt(concepts)
    if not 0 < s < 1:
        return None
    here = r > 0
    ratio = np.log(concepts.p[0][here] / concepts.p[rival][here])
    variance = float(r[here] @ (ratio - r[here] @ ratio) ** 2)
    if variance == 0:
        return None
    odds = float(concepts.prior[0] / concepts.prior[rival])
    width = math.sqrt(2 * math.pi * variance * concepts.tokens)
    return float(odds**-s * math.pi / math.sin(math.pi * s) / width)
