"""The rate at which E[ε] falls: by importance sampling and by enumeration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcorrect.studies.concepts.laws import (
    Results,
    compare,
    error_of,
    finite,
    indistinguishable,
    law,
    moments,
    spaced,
)
from selfcorrect.theory.averages import constant, log_weights, tilted
from selfcorrect.theory.discrete import (
    enumerable,
    histories,
)
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    log_epsilon,
    log_likelihood,
    log_posterior,
)
from selfcorrect.theory.rates import departure, speeds


def mean(concepts: Concepts, horizon: int, paths: int, rng: np.random.Generator) -> Results:
    """E[ε_t] ≈ A t^{−1/2} exp(−t · m · min_C Chernoff(C+, C)), sampled and enumerated.

    The rate is the decrease of log(√t E[ε_t]) a round from half of the horizon to the horizon.
    """
    rate = float(speeds(concepts).chernoff.min())
    half, last = max(1, horizon // 2), horizon
    title = f"fall of log(√t E[ε]), rounds {half}-{last}"
    if why := indistinguishable(float(speeds(concepts).kl.min()), horizon):
        return Results([law("mean_rate", title, rate, None, kind="rate", why=why)])
    if not math.isfinite(rate):
        why = "no rival shares a token with C+: the first token excludes all rivals"
        return Results([law("mean_rate", title, None, None, kind="rate", why=why)])
    a = constant(concepts)
    power = 0.0 if a is None else 0.5
    rounds = spaced(horizon)

    def slope(early: float, late: float) -> float:
        return (math.log(early / late) + power * math.log(half / last)) / (last - half)

    found = Results()
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
            # the next order is 1/t: rounds t/2 and t together remove it
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
    concepts: Concepts, rounds: Sequence[int], value: Floats, found: Results
) -> list[dict[str, Any]]:
    """Exact means in the rounds that can be enumerated, compared with the sampled ones."""
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
