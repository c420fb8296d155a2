"""The rates of hidden Markov concepts, which start again with every instruction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcorrect.studies.concepts import means
from selfcorrect.studies.concepts.laws import (
    Results,
    compare,
    error_of,
    indistinguishable,
    law,
    moments,
)
from selfcorrect.theory.discrete import enumerable, histories
from selfcorrect.theory.markov import HiddenMarkov, as_concepts, forward, say
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    kl,
    log_epsilon,
    log_posterior,
)
from selfcorrect.theory.rates import speeds

_MOST_TYPES = 60_000
#: The longest instructions for which the information per token is measured.
_LONGEST = 8


def markov(
    models: Sequence[HiddenMarkov],
    length: int,
    horizon: int,
    paths: int,
    rng: np.random.Generator,
) -> Results:
    """−(1/t) log ε_t → KL of an instruction, by the forward algorithm on drawn instructions.

    Args:
        models: C+ first.
        length: tokens of an instruction (m).
        horizon: rounds over which the rate is measured.
        paths: number of sampled paths.
        rng: what draws.

    Raises:
        UserError: see :func:`selfcorrect.theory.markov.as_concepts`.
    """
    concepts = as_concepts(models, length)
    found = Results()
    rate = float(speeds(concepts).kl.min())
    epsilon = _followed(models, concepts, length, horizon, paths, rng, found)
    speed = -epsilon / horizon
    title = f"hidden Markov: −(1/t) log ε at round {horizon}, mean"
    if np.isfinite(rate):
        why = indistinguishable(rate, horizon)
        found.laws.append(
            law("markov_rate", title, rate, float(speed.mean()), kind="rate",
                error=error_of(speed), n=paths, scale=0.0 if why else None, why=why)
        )  # fmt: skip
    else:
        why = "no rival allows every string of C+: once such a string is seen, no rival is left"
        found.laws.append(law("markov_rate", title, None, None, kind="rate", why=why))
    average = means.mean(concepts, horizon, paths, rng)
    for each in average.laws:
        if each["name"] == "mean_rate":
            each |= {"name": "markov_mean_rate", "title": f"hidden Markov: {each['title']}"}
            found.laws.append(each)
    for each in average.comparisons:
        found.comparisons.append({**each, "of": f"hidden Markov: {each['of']}"})
    _lengths(models, paths, rng, found)
    return found


def _followed(
    models: Sequence[HiddenMarkov],
    concepts: Concepts,
    length: int,
    horizon: int,
    paths: int,
    rng: np.random.Generator,
    found: Results,
) -> Floats:
    """log ε of sampled paths at the horizon [n]; on the way E[ε] is compared with enumeration."""
    total = np.zeros((paths, len(models)))
    exact: list[float] = []
    sampled: list[float] = []
    errors: list[float] = []
    most = enumerable(concepts, _MOST_TYPES)
    for t in range(1, horizon + 1):
        said = say(models[0], length, paths, rng)
        total += np.stack([forward(model, said) for model in models], axis=1)
        if t > most:
            continue
        epsilon = log_epsilon(log_posterior(total, concepts.prior))
        every = histories(concepts, t)
        p = np.exp(every.log_p[:, 0])
        for name, of in (("E[ε]", np.exp), ("E[log ε]", np.array)):
            truth = moments(of(every.epsilon), p) if np.isfinite(every.epsilon).all() else None
            if truth is not None:
                found.comparisons += compare(f"hidden Markov: {name}", t, truth, of(epsilon))
        exact.append(float(p @ np.exp(every.epsilon)))
        sampled.append(float(np.exp(epsilon).mean()))
        errors.append(error_of(np.exp(epsilon)))
    found.curves["markov"] = {
        "round": list(range(1, len(exact) + 1)),
        "exact": exact,
        "sampled": sampled,
        "error": errors,
        "length": length,
        "n": paths,
    }
    return log_epsilon(log_posterior(total, concepts.prior))


def _lengths(
    models: Sequence[HiddenMarkov], paths: int, rng: np.random.Generator, found: Results
) -> None:
    """KL per token by the length of an instruction: over all strings, and sampled."""
    rows: list[dict[str, Any]] = []
    for m in range(1, _LONGEST + 1):
        concepts = as_concepts(models, m)
        rival = speeds(concepts).nearest
        p, q = concepts.p[0], concepts.p[rival]
        if not np.isfinite(kl(p, q)):
            break
        ratio = np.where(p > 0, np.log(np.where(p > 0, p, 1)) - np.log(np.where(p > 0, q, 1)), 0)
        said = say(models[0], m, paths, rng)
        drawn = (forward(models[0], said) - forward(models[rival], said)) / m
        truth = moments(ratio / m, p)
        found.comparisons += compare(f"log-likelihood ratio a token, m = {m}", 1, truth, drawn)
        rows.append(
            {"length": m, "exact": truth.mean, "sampled": float(drawn.mean()),
             "error": error_of(drawn)}
        )  # fmt: skip
    found.curves["lengths"] = {
        **{name: [row[name] for row in rows] for name in ("length", "exact", "sampled", "error")},
        "n": paths,
    }
