"""How fast the posterior concentrates on a typical path, and how far the prediction is from C+'s.

ε_t = 1 − p(C+ | the first t rounds), the rounds drawn from C+. The typical rate follows from the
law of large numbers for log-likelihood ratios (Cover & Thomas, § 11.8); entropy and total variation
follow from p(y | h) = Σ_C p(C | h) p(y | C), to the first order in ε. For the mean of ε see
:mod:`selfcorrect.theory.averages`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from selfcorrect.theory.discrete import sample
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    chernoff,
    kl,
    log_epsilon,
    log_likelihood,
    log_posterior,
)


@dataclass(frozen=True, slots=True)
class Speeds:
    """The divergences of each rival from C+, in nats a round (m tokens); ``s`` of Chernoff."""

    kl: Floats
    chernoff: Floats
    s: Floats

    @property
    def nearest(self) -> int:
        """The rival (from 1) that determines the rate on a typical path."""
        return int(np.argmin(self.kl)) + 1

    @property
    def slowest(self) -> int:
        """The rival (from 1) that determines the rate of the mean; it need not be the nearest."""
        return int(np.argmin(self.chernoff)) + 1


def speeds(concepts: Concepts) -> Speeds:
    """The divergences of all rivals."""
    m, truth = concepts.tokens, concepts.p[0]
    information = np.array([chernoff(truth, concepts.p[k]) for k in concepts.rivals])
    return Speeds(
        m * np.array([kl(truth, concepts.p[k]) for k in concepts.rivals]),
        m * information[:, 0],
        information[:, 1],
    )


@dataclass(frozen=True, slots=True)
class Paths:
    """Sampled paths at some rounds: log-posteriors [R, n, K] and log ε [R, n]."""

    rounds: Sequence[int]
    posterior: Floats
    epsilon: Floats


def follow(
    concepts: Concepts, rounds: Sequence[int], paths: int, rng: np.random.Generator
) -> Paths:
    """Paths whose instructions are drawn from C+."""
    counts = sample(concepts.p[0], concepts.tokens, rounds, paths, rng)
    posterior = log_posterior(log_likelihood(counts, concepts.p), concepts.prior)
    return Paths(rounds, posterior, log_epsilon(posterior))


def departure(concepts: Concepts, posterior: Floats) -> tuple[Floats, Floats]:
    """How far the prediction of the next token is from that of C+.

    Args:
        concepts: with p [K, V].
        posterior: log p(concept | history) [..., K].

    Returns:
        H(p_t) − H(p_+) in nats and TV(p_t, p_+), both [...]; accurate for small ε too, as no
        numbers near 1 are subtracted.
    """
    p = concepts.p[0]
    shift = np.exp(posterior[..., 1:]) @ (concepts.p[1:] - p)
    here = p > 0
    safe = np.where(here, p, 1.0)
    moved = np.maximum(shift / safe, -1.0)
    known = -shift * np.log(safe) - safe * (1 + moved) * np.log1p(np.where(moved > -1, moved, 0))
    away = np.where(here, known, -xlogy(shift, np.where(here, 1.0, shift)))
    return away.sum(axis=-1), np.abs(shift).sum(axis=-1) / 2
