"""Latent concepts: their distributions, the exact posterior, and the divergences between them.

Concept 0 is C+, from which instructions are drawn; the others are rivals. All logarithms
are natural, so divergences are in nats. Definitions: Cover & Thomas, *Elements of Information
Theory*, ch. 2 and 11; the latent-concept account of self-correction is arXiv 2406.02378.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, rel_entr, xlogy

from selfcorrect.errors import UserError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Probabilities sum to 1 up to this.
_ROUNDING = 1e-9
#: A minimum this near to 0 or 1 is at the end: some token is allowed by one of the two only.
_END = 1e-5


@dataclass(frozen=True, slots=True)
class Concepts:
    """Distributions over tokens, one a concept; made by :func:`stated`.

    Attributes:
        p: p(token | concept) [K, V]; row 0 is C+.
        prior: p(concept) before anything is seen [K].
        tokens: number of tokens of a round (m).
    """

    p: Floats
    prior: Floats
    tokens: int

    @property
    def rivals(self) -> range:
        return range(1, len(self.p))

    def pair(self, rival: int) -> Concepts:
        """C+ and one rival, their prior odds kept."""
        both = [0, rival]
        return Concepts(self.p[both], self.prior[both] / self.prior[both].sum(), self.tokens)


def stated(
    distributions: Sequence[Sequence[float]],
    prior: Sequence[float] | None = None,
    tokens: int = 3,
) -> Concepts:
    """Concepts from what a user states.

    Args:
        distributions: p(token | concept), K ≥ 2 rows of V ≥ 2 numbers; the first is C+. A
            concept may give a token no probability: that token then excludes it for good.
        prior: p(concept), all above 0; by default the same for all.
        tokens: number of tokens of a round, at least 1.

    Raises:
        UserError: a single concept, rows of unequal length, a number that is not finite or is
            negative, a sum that isn't 1, a concept with prior 0, tokens below 1.
    """
    whole(tokens, "tokens a round", 1)
    if len(distributions) < 2:
        raise UserError("a single concept has no rival to be compared with: state at least two")
    if len({len(row) for row in distributions}) > 1 or len(distributions[0]) < 2:
        raise UserError("concepts must have probabilities for the same tokens, at least two")
    p = np.stack([shares(row, f"concept {k + 1}") for k, row in enumerate(distributions)])
    k = len(p)
    before = shares([1 / k] * k if prior is None else prior, "the prior")
    if len(before) != k:
        raise UserError(f"the prior has {len(before)} numbers for {k} concepts: state one for each")
    if not (before > 0).all():
        raise UserError("a concept with prior 0 keeps the posterior 0: leave it out")
    return Concepts(p, before, tokens)


def shares(row: Sequence[float], name: str) -> Floats:
    """Probabilities [n] that sum to 1, checked.

    Raises:
        UserError: a number that is not finite or is negative, a sum that isn't 1.
    """
    p = np.asarray(row, dtype=np.float64)
    if not np.isfinite(p).all():
        raise UserError(f"{name} holds a probability that is no number: state finite ones")
    if (p < 0).any():
        raise UserError(f"{name} holds a negative probability ({p.min():g}): state 0 or more")
    if abs(p.sum() - 1) > _ROUNDING:
        raise UserError(f"{name} sums to {p.sum():.6g}: make its probabilities sum to 1")
    return np.asarray(p / p.sum())


def whole(number: int, name: str, least: int) -> int:
    """A whole number, checked.

    Raises:
        UserError: it isn't whole, or is less than ``least``.
    """
    if isinstance(number, bool) or number != number or int(number) != number or number < least:
        raise UserError(f"{name} must be a whole number from {least} on, not {number}")
    return int(number)


def probability(number: float, name: str) -> float:
    """A number in [0, 1], checked.

    Raises:
        UserError: it is not, or is NaN.
    """
    if not 0 <= number <= 1:
        raise UserError(f"{name} must lie between 0 and 1, not {number:g}")
    return float(number)


def log_likelihood(counts: ArrayLike, p: Floats) -> Floats:
    """log p(tokens | concept) of token counts [..., V] under distributions [K, V]: [..., K].

    −∞ where a concept gives an observed token no probability.
    """
    seen = np.asarray(counts, dtype=np.float64)
    found = seen @ np.log(np.where(p > 0, p, 1)).T
    if (p == 0).any():
        found = np.where(seen @ (p == 0).T > 0, -np.inf, found)
    return np.asarray(found)


def log_posterior(likelihood: Floats, prior: Floats) -> Floats:
    """log p(concept | tokens) [..., K] from log-likelihoods [..., K] and a prior [K] (Bayes).

    Raises:
        UserError: tokens that no concept allows.
    """
    joint = likelihood + np.log(prior)
    total = logsumexp(joint, axis=-1, keepdims=True)
    if not np.isfinite(total).all():
        raise UserError(
            "a token was observed that is impossible under every concept: give it a probability "
            "under at least one"
        )
    return np.asarray(joint - total)


def log_epsilon(posterior: Floats) -> Floats:
    """log ε = log p(not C+ | tokens) [...] from log-posteriors [..., K].

    Summed over the rivals, as 1 − p(C+ | tokens) would be rounded to 0 long before ε is.
    """
    return np.asarray(logsumexp(posterior[..., 1:], axis=-1))


def believed(concepts: Concepts, counts: Ints) -> Floats:
    """p(C+ | counts) [...] of token counts [..., V]."""
    return np.asarray(
        np.exp(log_posterior(log_likelihood(counts, concepts.p), concepts.prior)[..., 0])
    )


def predicted(concepts: Concepts, counts: Ints) -> Floats:
    """p(next token | counts) [n, V] of token counts [n, V]."""
    plus = believed(concepts, counts)[:, None]
    return np.asarray(plus * concepts.p[0] + (1 - plus) * concepts.p[1])


def kl(p: Floats, q: Floats) -> float:
    """KL(p‖q) = Σ p log(p/q), in nats; ∞ where q lacks a token of p."""
    return float(rel_entr(p, q).sum())


def chernoff(p: Floats, q: Floats) -> tuple[float, float]:
    """Chernoff information max_s −log Σ p^{1−s} q^s in nats, and the s where it is.

    s is 0 or 1 where the maximum is approached at an end, which needs a token that only one of
    the two allows; (∞, ½) where they share no token (Cover & Thomas, § 11.9).
    """
    both = (p > 0) & (q > 0)
    if not both.any():
        return float("inf"), 0.5
    if np.array_equal(p, q):
        return 0.0, 0.5
    a, b = np.log(p[both]), np.log(q[both])

    def height(s: float) -> float:
        return float(logsumexp((1 - s) * a + s * b))

    s = float(minimize_scalar(height, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x)
    s = 0.0 if s < _END else 1.0 if s > 1 - _END else s
    return -height(s), s


def entropy(p: Floats) -> float:
    """H(p) in nats."""
    return float(-xlogy(p, p).sum())


def cross_entropy(p: Floats, q: Floats) -> float:
    """−Σ p log q in nats; ∞ where q lacks a token of p."""
    return kl(p, q) + entropy(p)


def total_variation(p: Floats, q: Floats) -> float:
    """½ Σ |p − q|."""
    return float(np.abs(p - q).sum() / 2)
