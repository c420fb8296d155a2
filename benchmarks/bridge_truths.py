"""Runs, as arrays, of models that obey one stated mechanism: what the bridge has to tell apart.

All begin alike: in round 1 a dialogue answers with the mixture of its anchors at log odds
log(ε/(1 − ε)) of mean ``START``, with standard deviation ``spread`` between dialogues. They differ
in how the distribution moves from there. Noise of standard deviation ``NOISE`` is added in every
round, to the log odds of a mixture, else to the logarithm of each option's probability; what moves
is the distribution of round 1 as it was measured, except where ``apart`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from selfcorrect.studies.bridge.arrays import Aligned

Floats = NDArray[np.float64]
Rng = np.random.Generator

#: As in ``planted:two-concept``: p of the right option under p+, of the lure under p−.
PLUS, MINUS = 0.85, 0.7
START, RHO, NOISE = float(logit(0.9) + np.log(0.6)), 0.6, 0.1
DIALOGUES, ROUNDS = 150, 6
#: Rounds of anchors that haven't settled.
FEW = 4
#: Of the mover-stayer chain: stayers, CL, CS, p of the answer given where it is right and wrong.
STAY, CL, CS, SURE = 0.4, 0.9, 0.25, (0.75, 0.6)


@dataclass(frozen=True)
class Setting:
    """Of which kind the dialogues are.

    Attributes:
        options: how many each question has.
        spread: standard deviation of the log odds of round 1 between dialogues.
        varied: whether the anchors differ between dialogues by more than where the right option is.
    """

    options: int
    spread: float
    varied: bool = False


@dataclass(frozen=True)
class Begun:
    """Dialogues after round 1.

    Attributes:
        plus, minus: p+ and p− [n, K].
        target: the right options [n].
        odds: log odds of the other concept in round 1, without noise [n].
        first: p_1 as it was measured [n, K].
        meant: p_1 without noise [n, K].
    """

    plus: Floats
    minus: Floats
    target: NDArray[np.int64]
    odds: Floats
    first: Floats
    meant: Floats


#: From dialogues, t − 1, the answers before it [t − 1, n, K] and chance: p_t [n, K].
Moves = Callable[[Begun, int, Floats, Rng], Floats]


def begun(setting: Setting, rng: Rng) -> Begun:
    """Dialogues in round 1."""
    n, k = DIALOGUES, setting.options
    rows, target = np.arange(n), rng.integers(0, k, n)
    lure = (target + rng.integers(1, k, n)) % k
    plus, minus = (np.full((n, k), (1 - p) / (k - 1)) for p in (PLUS, MINUS))
    plus[rows, target], minus[rows, lure] = PLUS, MINUS
    if setting.varied:
        plus, minus = (
            softmax(np.log(p) + 0.7 * rng.normal(size=p.shape), 1) for p in (plus, minus)
        )
    odds = START + setting.spread * rng.normal(size=n)
    meant = mixture(odds, plus, minus)
    noisy = softmax(np.log(meant) + NOISE * rng.normal(size=meant.shape), axis=1)
    return Begun(plus, minus, target, odds, noisy, meant)


def mixture(odds: Floats, plus: Floats, minus: Floats) -> Floats:
    """At log odds [n] of p−."""
    e = expit(odds)[:, None]
    return np.asarray((1 - e) * plus + e * minus)


def noisy(z: Floats, rng: Rng) -> Floats:
    """The distributions with these logits [n, K], each a little off."""
    return np.asarray(softmax(z + NOISE * rng.normal(size=z.shape), axis=1))


def two_concepts(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """ρ = .6 a round."""
    odds = of.odds + t * np.log(RHO) + NOISE * rng.normal(size=len(of.odds))
    return mixture(odds, of.plus, of.minus)


def three_concepts(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """A third concept, as likely as p− at the start, likes what neither anchor does.

    Its odds go by .8 a round, those of p− by .6. With two options it likes both alike.
    """
    third = softmax(-(np.log(of.plus) + np.log(of.minus)), axis=1)
    z = np.stack([0 * of.odds, of.odds + t * np.log(RHO), of.odds + t * np.log(0.8)], axis=1)
    shares = noisy(z, rng)[..., None]
    return np.asarray((shares * np.stack([of.plus, of.minus, third], axis=1)).sum(axis=1))


def sharpening(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """The exponent grows by a fifth a round."""
    return of.first if not t else noisy(1.2**t * np.log(of.first), rng)


def sharpening_apart(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """The same, of the distribution without the noise that round 1 was measured with."""
    return noisy(1.2**t * np.log(of.meant), rng)


def constant_drift(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """The right option's logit grows by .35 a round."""
    z = np.log(of.first) + 0.35 * t * np.eye(of.first.shape[1])[of.target]
    return noisy(z, rng) if t else of.first


def uneven_drift(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """The same from the distribution without noise, faster where the start is farther from p+."""
    rate = 0.35 * np.exp((of.odds - START) / 2)
    z = np.log(of.meant) + t * rate[:, None] * np.eye(of.first.shape[1])[of.target]
    return noisy(z, rng)


def anchored_drift(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """A quarter of the logits' way to p+ a round."""
    z = np.log(of.first)
    return noisy(z + (1 - 0.75**t) * (np.log(of.plus) - z), rng) if t else of.first


def copying(of: Begun, t: int, said: Floats, rng: Rng) -> Floats:
    """Every time that an option was answered adds .4 to its logit."""
    return noisy(np.log(of.first) + 0.4 * said.sum(axis=0), rng) if t else of.first


def persistence(of: Begun, t: int, _: Floats, rng: Rng) -> Floats:
    """Nothing but noise."""
    return noisy(np.log(of.first), rng) if t else of.first


def persistence_apart(of: Begun, _: int, __: Floats, rng: Rng) -> Floats:
    """The same, around the distribution without the noise that round 1 was measured with."""
    return noisy(np.log(of.meant), rng)


TRUTHS: Mapping[str, tuple[str, Moves]] = {
    "two concepts": ("two_concepts", two_concepts),
    "sharpening": ("sharpening", sharpening),
    "constant drift": ("drift", constant_drift),
    "drift to the anchor": ("drift", anchored_drift),
    "copying": ("copying", copying),
    "mover-stayer chain": ("mover_stayer", persistence),  # answers first: see made
    "three concepts": ("three_concepts", three_concepts),
    "persistence": ("persistence", persistence),
    "sharpening, noise apart": ("sharpening", sharpening_apart),
    "uneven drift, noise apart": ("drift", uneven_drift),
    "persistence, noise apart": ("persistence", persistence_apart),
}


def made(truth: str, setting: Setting, rng: Rng) -> Aligned:
    """A run of one mechanism."""
    of = begun(setting, rng)
    n, k = of.first.shape
    one, p, said = np.eye(k), np.empty((ROUNDS, n, k)), np.empty((ROUNDS, n, k))
    if truth == "mover-stayer chain":
        answers = chain(of, rng)
        sure = np.where(answers == of.target, *SURE)[..., None]
        p = np.where(one[answers] > 0, sure, (1 - sure) / (k - 1))
        p = np.stack([noisy(np.log(x), rng) for x in p])
    else:
        for t in range(ROUNDS):
            p[t] = TRUTHS[truth][1](of, t, said[:t], rng)
            said[t] = one[drawn(p[t], rng)]
        answers = said.argmax(axis=2)
    return aligned(p, of, answers)


def aligned(p: Floats, of: Begun, answers: NDArray[np.int64]) -> Aligned:
    """With every dialogue a cluster of its own."""
    correct = (answers == of.target).astype(np.float64)
    members = np.arange(len(of.target))
    return Aligned(p, of.plus, of.minus, of.target, correct, answers, members, greedy=False)


def chain(of: Begun, rng: Rng) -> NDArray[np.int64]:
    """The answers of a mover-stayer chain [T, n], from round 1 drawn from p_1."""
    n, k = of.first.shape
    stays, answers = rng.random(n) < STAY, [drawn(of.first, rng)]
    for _ in range(ROUNDS - 1):
        was, u = answers[-1], rng.random(n)
        wrong = (of.target + rng.integers(1, k, n)) % k
        right = was == of.target
        moved = np.where(right, np.where(u < CL, was, wrong), np.where(u < CS, of.target, was))
        answers.append(np.where(stays, was, moved))
    return np.array(answers)


def drawn(p: Floats, rng: Rng) -> NDArray[np.int64]:
    """An option for each distribution [n, K]."""
    return np.asarray((rng.random((len(p), 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1))


def unsettled(setting: Setting, rng: Rng, start: float = 0.0) -> Aligned:
    """Two concepts whose anchors were run for too few rounds and still move.

    Log odds are ``start`` before round 1. They go by ρ a round in the run, by ρ² in the one that
    ends at p+, and by 1/ρ in the one that ends at p−.
    """
    of = begun(setting, rng)
    odds = start + setting.spread * rng.normal(size=len(of.odds))
    runs = []
    for rate, rounds in ((1, ROUNDS), (2, FEW), (-1, FEW)):
        each = [odds + rate * t * np.log(RHO) for t in range(1, rounds + 1)]
        runs.append([mixture(x + NOISE * rng.normal(size=len(x)), of.plus, of.minus) for x in each])
    p, plus, minus = (np.array(x) for x in runs)
    answers = np.array([drawn(x, rng) for x in p])
    data = aligned(p, of, answers)
    earlier = np.stack([np.stack([plus[-b], minus[-b]]) for b in (2, 3)])
    return Aligned(**{**vars(data), "plus": plus[-1], "minus": minus[-1], "earlier": earlier})
