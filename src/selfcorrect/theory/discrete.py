"""Concepts that draw every token independently: histories enumerated and sampled.

The posterior depends on a history only through the counts of its tokens (its *type*), so
C(N + V − 1, V − 1) types represent V^N histories (method of types, Cover & Thomas, ch. 11).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from scipy.special import gammaln

from selfcorrect.errors import UserError
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    Ints,
    log_epsilon,
    log_likelihood,
    log_posterior,
)

#: At most so many types are enumerated.
MOST_TYPES = 400_000


@dataclass(frozen=True, slots=True)
class Histories:
    """All types of history after some rounds.

    Attributes:
        log_p: log p(type | concept) [n, K].
        posterior: log p(concept | type) [n, K].
        epsilon: log ε = log p(not C+ | type) [n].
        counts: of each token [n, V].
    """

    log_p: Floats
    posterior: Floats
    epsilon: Floats
    counts: Ints


def enumerable(concepts: Concepts, most: int = MOST_TYPES) -> int:
    """The largest number of rounds with at most ``most`` types; 0 if there is none."""
    v = concepts.p.shape[1]

    def many(rounds: int) -> int:
        return math.comb(rounds * concepts.tokens + v - 1, v - 1)

    return bisect_right(range(1, most + 1), most, key=many)


def types(n: int, v: int) -> Ints:
    """All counts of n tokens of v kinds: [C(n + v − 1, v − 1), v].

    Raises:
        UserError: more than :data:`MOST_TYPES`.
    """
    many = math.comb(n + v - 1, v - 1)
    if many > MOST_TYPES:
        raise UserError(
            f"{n} tokens of {v} kinds make {many:.2g} histories to enumerate, more than "
            f"{MOST_TYPES:,}: take fewer rounds, fewer tokens a round or fewer kinds"
        )
    # stars and bars: the places of v − 1 bars among n + v − 1 places
    bars = chain.from_iterable(combinations(range(n + v - 1), v - 1))
    bar = np.fromiter(bars, np.int64, many * (v - 1)).reshape(many, v - 1)
    ends = np.full((many, 1), -1), bar, np.full((many, 1), n + v - 1)
    return np.diff(np.concatenate(ends, axis=1), axis=1) - 1


def log_arrangements(counts: Ints) -> Floats:
    """log of the number of sequences with these counts [n, V]: the multinomial coefficient [n]."""
    n = counts.sum(axis=-1)
    return np.asarray(gammaln(n + 1) - gammaln(counts + 1).sum(axis=-1))


def histories(concepts: Concepts, rounds: int, *, under_truth: bool = False) -> Histories:
    """All types after ``rounds`` rounds that at least one concept allows, in log space.

    Args:
        concepts: with their distributions and prior.
        rounds: their number.
        under_truth: only types that C+ allows.

    Raises:
        UserError: too many, see :func:`types`.
    """
    counts = types(rounds * concepts.tokens, concepts.p.shape[1])
    likelihood = log_likelihood(counts, concepts.p)
    possible = np.isfinite(likelihood[:, :1] if under_truth else likelihood).any(axis=1)
    counts, likelihood = counts[possible], likelihood[possible]
    posterior = log_posterior(likelihood, concepts.prior)
    log_p = log_arrangements(counts)[:, None] + likelihood
    return Histories(log_p, posterior, log_epsilon(posterior), counts)


def move(counts: Ints, mass: Floats, added: Ints, chance: Floats) -> tuple[Ints, Floats]:
    """One step of the exact distribution of counts; the next tokens may depend on the counts.

    Args:
        counts: the possible counts so far [n, V], all with the same total.
        mass: their probabilities [n].
        added: the counts that may be added [j, V], all with the same total.
        chance: the probability of each addition, by the counts so far [n, j], or [j] for all.

    Returns:
        The new counts and their probabilities; equal counts are merged, impossible ones left out.
    """
    flow = (mass[:, None] * chance).ravel()
    reached = (counts[:, None] + added).reshape(-1, counts.shape[1])[flow > 0]
    flow = flow[flow > 0]
    base, v = int(reached[0].sum()) + 1, counts.shape[1]
    if base ** (v - 1) < 2**62:  # the last count follows from the total
        code = reached[:, :-1] @ (base ** np.arange(v - 1))
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        return reached[first], np.bincount(place, flow, len(first)).astype(np.float64)
    merged, place = np.unique(reached, axis=0, return_inverse=True)
    return merged, np.bincount(place.ravel(), flow, len(merged)).astype(np.float64)


def sample(
    p: Floats, tokens: int, rounds: Sequence[int], paths: int, rng: np.random.Generator
) -> Ints:
    """Counts after these rounds [len(rounds), paths, V], of paths with tokens drawn from ``p``.

    Args:
        p: the distribution of all paths [V], or of each [paths, V].
        tokens: number of tokens of a round.
        rounds: ascending.
        paths: their number.
        rng: what draws.
    """
    steps = np.diff(np.asarray([0, *rounds])) * tokens
    return np.cumsum([rng.multinomial(step, p, size=paths) for step in steps], axis=0)


def draw(p: Floats, rng: np.random.Generator) -> Ints:
    """One token for each row of p [n, V], as counts [n, V]."""
    levels = np.cumsum(p, axis=1)
    token = (rng.random(len(p))[:, None] * levels[:, -1:] >= levels).sum(axis=1)
    return np.asarray(np.arange(p.shape[1]) == token[:, None], dtype=np.int64)
