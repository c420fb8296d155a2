"""How fast ε falls on average: at the Chernoff information, on rare paths.

E[ε_t] is ruled by the rare paths on which C+ and its rival are still level (Cover & Thomas,
§ 11.9). The constant before t^{−1/2} is the saddle-point one (after Bahadur & Rao 1960,
doi:10.1214/aoms/1177705674): with one rival, prior odds o = p(C+)/p(rival), the Chernoff s and the
variance σ² a token of log(p_+/p_−) under r ∝ p_+^{1−s} p_−^s,

    A = o^{−s} · (π / sin πs) / √(2π σ² m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcorrect.theory.discrete import enumerable, histories, sample
from selfcorrect.theory.laws import Found, compare, error_of, finite, law, moments
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    Ints,
    log_epsilon,
    log_likelihood,
    log_posterior,
)
from selfcorrect.theory.rates import departure, spaced, speeds, untold

#: Of the paths that measure a mean, this share is drawn from C+ itself: no history is left out.
_PLAIN = 0.1


def tilt(concepts: Concepts) -> tuple[Floats, float]:
    """r ∝ p_+^{1−s} p_−^s [V] of the rival that rules the mean, and s."""
    speed = speeds(concepts)
    s = float(speed.s[speed.slowest - 1])
    p, q = concepts.p[0], concepts.p[speed.slowest]
    both = (p > 0) & (q > 0)
    r = np.where(both, np.where(both, p, 1) ** (1 - s) * np.where(both, q, 1) ** s, 0)
    return np.asarray(r / r.sum()), s


def log_weights(concepts: Concepts, counts: Ints) -> Floats:
    """log of p_+ over what :func:`tilted` draws from, of token counts [..., V]: [...]."""
    under = log_likelihood(counts, np.stack([concepts.p[0], tilt(concepts)[0]]))
    ratio = under[..., 1] - under[..., 0]
    return np.asarray(-np.logaddexp(math.log(_PLAIN), math.log1p(-_PLAIN) + ratio))


def tilted(concepts: Concepts, rounds: Sequence[int], paths: int, rng: np.random.Generator) -> Ints:
    """Counts [R, n, V] of paths among which those that rule E[ε_t] are common.

    Each path is drawn from p_+ with probability .1, otherwise from :func:`tilt`'s r; weighted by
    :func:`log_weights`, what is averaged over them is unbiased (Owen & Zhou 2000,
    doi:10.1080/01621459.2000.10473909).
    """
    plain = rng.random(paths) < _PLAIN
    p = np.where(plain[:, None], concepts.p[0], tilt(concepts)[0])
    return sample(p, concepts.tokens, rounds, paths, rng)


def constant(concepts: Concepts) -> float | None:
    """A of the module's formula; ``None`` where there is no such prefactor.

    That is where the Chernoff s lies at an end, or r leaves log(p_+/p_−) no variance.
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


def mean(concepts: Concepts, horizon: int, paths: int, rng: np.random.Generator) -> Found:
    """E[ε_t] ≈ A t^{−1/2} exp(−t · m · min_C Chernoff(C+, C)), sampled and enumerated.

    The rate is the fall of log(√t E[ε_t]) a round between half of the horizon and the horizon.
    """
    rate = float(speeds(concepts).chernoff.min())
    half, last = max(1, horizon // 2), horizon
    title = f"fall of log(√t E[ε]), rounds {half}-{last}"
    if why := untold(float(speeds(concepts).kl.min()), horizon):
        return Found([law("mean_rate", title, rate, None, kind="rate", why=why)])
    if not math.isfinite(rate):
        why = "no rival shares a token with C+: the first one settles it"
        return Found([law("mean_rate", title, None, None, kind="rate", why=why)])
    a = constant(concepts)
    power = 0.0 if a is None else 0.5
    rounds = spaced(horizon)

    def slope(early: float, late: float) -> float:
        return (math.log(early / late) + power * math.log(half / last)) / (last - half)

    found = Found()
    counts = tilted(concepts, rounds, paths, rng)
    posterior = log_posterior(log_likelihood(counts, concepts.p), concepts.prior)
    value = np.exp(log_epsilon(posterior) + log_weights(concepts, counts))
    first, final = value[rounds.index(half)], value[-1]
    error = error_of(first / first.mean() - final / final.mean()) / (last - half)
    found.laws = [
        law("mean_rate", title, rate, slope(float(first.mean()), float(final.mean())),
            kind="rate", error=error, n=paths)
    ]  # fmt: skip
    exact = _enumerated(concepts, rounds, value, found)
    if exact and exact[-1]["round"] == last:
        ends = {each["round"]: each for each in exact}
        e, h = ([ends[t][what] for t in (half, last)] for what in ("epsilon", "entropy"))
        found.laws += [
            law("mean_rate_exact", f"{title}, enumerated", rate, slope(*e), kind="rate"),
            law("entropy_mean_rate", title.replace("E[ε]", "E|H(p_t) − H(p₊)|"), rate, slope(*h),
                kind="rate"),
        ]  # fmt: skip
        if a is not None:
            early, late = (
                x * math.sqrt(t) * math.exp(rate * t) for x, t in zip(e, (half, last), strict=True)
            )
            # the next order is 1/t: two rounds, one twice the other, remove it
            title = "A in A t^(−1/2) exp(−rate · t), the next order 1/t removed"
            found.laws.append(law("mean_constant", title, a, 2 * late - early))
    naive = -np.log(value.mean(axis=1)) / np.asarray(rounds)
    found.curves["mean"] = {
        "round": rounds,
        "sampled": value.mean(axis=1).tolist(),
        "error": [error_of(row) for row in value],
        "exact": [each["epsilon"] for each in exact],
        "exact_round": [each["round"] for each in exact],
        "rate": rate,
        "constant": a,
        "typical_rate": finite(float(speeds(concepts).kl.min())),
        "naive": naive.tolist(),
        "n": paths,
    }
    return found


def _enumerated(
    concepts: Concepts, rounds: Sequence[int], value: Floats, found: Found
) -> list[dict[str, Any]]:
    """Exact means at the rounds that can be enumerated; compared with what was sampled."""
    exact = []
    for at, t in enumerate(rounds):
        if t > enumerable(concepts):
            break
        all_of_them = histories(concepts, t, under_truth=True)
        weight = log_weights(concepts, all_of_them.counts)
        p = all_of_them.log_p[:, 0]
        truth = moments(np.exp(all_of_them.epsilon + weight), np.exp(p - weight))
        found.comparisons += compare("E[ε], by importance sampling", t, truth, value[at])
        away, _ = departure(concepts, all_of_them.posterior)
        exact.append(
            {"round": t, "epsilon": truth.mean, "entropy": float(np.exp(p) @ np.abs(away))}
        )
    return exact
