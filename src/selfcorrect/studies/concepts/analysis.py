"""The analysis: what the latent-concept account of self-correction predicts, and what is measured.

A text comes from a concept. Each round shows m tokens drawn from the concept C+, and the model
predicts with the exact posterior over concepts. Every law is computed, and measured on simulated
histories; where all histories can be enumerated, on all of them. Source: arXiv 2406.02378.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.studies.concepts.answers import answered, between, locked
from selfcorrect.studies.concepts.bounds import bounded
from selfcorrect.studies.concepts.calibration import calibration
from selfcorrect.studies.concepts.laws import (
    Results,
    agreement,
    finite,
    indistinguishable,
    law,
    spaced,
)
from selfcorrect.studies.concepts.markov import markov
from selfcorrect.studies.concepts.means import mean
from selfcorrect.studies.concepts.noise import noise, third
from selfcorrect.studies.concepts.typical import pathwise, typical
from selfcorrect.theory.averages import constant
from selfcorrect.theory.discrete import MOST_TYPES, enumerable
from selfcorrect.theory.instructions import threshold
from selfcorrect.theory.markov import hidden_markov
from selfcorrect.theory.posteriors import Concepts, probability, stated, whole
from selfcorrect.theory.rates import Speeds, follow, speeds

#: The example: C+, a rival close to it, one far from it. Three tokens.
DISTRIBUTIONS = ((0.5, 0.3, 0.2), (0.3, 0.3, 0.4), (0.1, 0.2, 0.7))
#: Tokens an instruction.
TOKENS = 3
#: Shares of wrong instructions for which the drift is measured, besides the threshold.
WRONG = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
#: Values of p(C+) from which only the model's own answers follow.
PRIORS = (0.2, 0.5, 0.8)
#: Hidden Markov concepts with two states, each of which emits its own token with probability .85.
#: C+ stays in a state with probability .9, its rival with .3. Both emit the two tokens equally
#: often, so a single token carries no information: only the order does.
_STAYS = (0.9, 0.3)
_SHOWS = 0.85
_LENGTH = 4

PATHS = 40_000
QUICK_PATHS = 10_000
#: Rates are measured after so many rounds; their bias falls as 1/t.
HORIZON = 200
_MARKOV_HORIZON = 100
_SIDES_ROUNDS = 40
_LEAST_PATHS = 100
#: Kinds of laws, each measured by itself.
_PARTS = 11


def concepts(
    *,
    rounds: int = 12,
    paths: int | None = None,
    seed: int = 0,
    quick: bool = False,
    distributions: Sequence[Sequence[float]] = DISTRIBUTIONS,
    prior: Sequence[float] | None = None,
    tokens: int = TOKENS,
    wrong: Sequence[float] = WRONG,
    told: Callable[[int, int], object] = lambda *_: None,
) -> dict[str, Any]:
    """Every law, predicted and measured.

    Args:
        rounds: of the curves over rounds; all histories of so many rounds are enumerated.
        paths: number of sampled paths for each law; by default 40,000, or 10,000 if ``quick``.
        seed: of all sampling.
        quick: fewer paths.
        distributions: p(token | concept), C+ first; see :func:`posteriors.stated`.
        prior: p(concept); the same for all if not given.
        tokens: of an instruction.
        wrong: shares of wrong instructions.
        told: called with how many parts are finished, and of how many.

    Returns:
        As ``--json`` prints it: ``laws``, each with ``predicted``, ``measured``, ``low``, ``high``
        (95 %), ``n`` and ``relative_error``; ``agreement`` of sampled with exact means, and all
        ``comparisons``; ``rates``, how many lie within 2 %; ``told_apart``, whether 200 rounds
        distinguish C+ from its nearest rival; ``curves``; ``concepts``; ``settings``. What can't be
        measured is ``None`` and has a ``why``.

    Raises:
        UserError: impossible concepts (:func:`posteriors.stated`), a share of wrong instructions
            outside [0, 1], fewer than 1 round or 100 paths, more histories than can be enumerated.
    """
    whole(rounds, "rounds", 1)
    n = whole(paths or (QUICK_PATHS if quick else PATHS), "paths", _LEAST_PATHS)
    whole(seed, "the seed", 0)
    shares = [probability(q, "a share of wrong instructions") for q in wrong]
    known = stated(distributions, prior, tokens)
    if rounds > enumerable(known):
        raise UserError(
            f"{rounds} rounds of {known.tokens} of {known.p.shape[1]} tokens are more than "
            f"{MOST_TYPES:,} histories: ask for at most {enumerable(known)} rounds, or state fewer "
            "tokens"
        )
    speed = speeds(known)
    pair = known.pair(speed.nearest)
    rngs = iter(np.random.default_rng(seed).spawn(9))
    found, added = Results(), 0

    def add(part: Results) -> None:
        nonlocal added
        found.add(part)
        added += 1
        told(added, _PARTS)

    walked = follow(known, spaced(HORIZON), n, next(rngs))
    add(typical(known, walked))
    add(mean(known, HORIZON, n, next(rngs)))
    found.laws.append(_ratio(found, speed))
    add(pathwise(known, walked))
    add(calibration(known, rounds, n, next(rngs)))
    add(noise(pair, shares, _SIDES_ROUNDS, HORIZON, n, next(rngs)))
    add(answered(pair, rounds, n, next(rngs)))
    add(locked(pair, PRIORS, HORIZON // 2, n, next(rngs)))
    add(between(rounds))
    models = [_sticky(stay) for stay in _STAYS]
    add(markov(models, _LENGTH, _MARKOV_HORIZON, n, next(rngs)))
    add(third(HORIZON, n, next(rngs)))
    add(bounded(known, rounds, next(rngs)))
    why = indistinguishable(float(speed.kl.min()), HORIZON)
    rates = [each for each in found.laws if each["kind"] == "rate" and each["relative_error"]]
    return {
        "laws": found.laws,
        "rates": {
            "compared": len(rates),
            "within_2_percent": sum(each["relative_error"] <= 0.02 for each in rates),
            "largest_relative_error": max((each["relative_error"] for each in rates), default=None),
        },
        "agreement": agreement(found.comparisons),
        "told_apart": {"value": why is None} if why is None else {"value": False, "why": why},
        "concepts": _described(known, speed, pair),
        "curves": found.curves,
        "comparisons": found.comparisons,
        "settings": {
            "rounds": rounds,
            "horizon": HORIZON,
            "paths": n,
            "seed": seed,
            "quick": quick,
            "tokens": known.tokens,
            "markov": {"stays": list(_STAYS), "shows": _SHOWS, "length": _LENGTH,
                       "horizon": _MARKOV_HORIZON},
        },
    }  # fmt: skip


def _sticky(stay: float) -> Any:
    moves = [[stay, 1 - stay], [1 - stay, stay]]
    return hidden_markov([0.5, 0.5], moves, [[_SHOWS, 1 - _SHOWS], [1 - _SHOWS, _SHOWS]])


def _ratio(found: Results, speed: Speeds) -> dict[str, Any]:
    """The typical rate divided by the rate of the mean."""
    title = "typical rate ÷ rate of the mean"
    named = {each["name"]: each for each in found.laws}
    above, below = named["typical_rate"], named["mean_rate"]
    if not above["measured"] or not below["measured"]:
        return law("ratio", title, None, None, why="one of the two rates is not measured")
    ratio = above["measured"] / below["measured"]
    halves = [(each["high"] - each["low"]) / 2 / each["measured"] for each in (above, below)]
    half = ratio * math.hypot(*halves)
    predicted = float(speed.kl.min() / speed.chernoff.min())
    return law("ratio", title, predicted, ratio, ends=(ratio - half, ratio + half), n=above["n"])


def _described(known: Concepts, speed: Speeds, pair: Concepts) -> dict[str, Any]:
    """The concepts and their divergences in nats a round; ``None`` for what is infinite."""
    return {
        "distributions": known.p.tolist(),
        "prior": known.prior.tolist(),
        "tokens": known.tokens,
        "kl": [finite(x) for x in speed.kl],
        "chernoff": [finite(x) for x in speed.chernoff],
        "s": speed.s.tolist(),
        "nearest": speed.nearest,
        "slowest": speed.slowest,
        "constant": constant(known) if math.isfinite(speed.chernoff.min()) else None,
        "threshold": threshold(pair),
    }
