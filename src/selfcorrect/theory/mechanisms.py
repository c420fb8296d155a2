"""Seven mechanisms by which a distribution over options may move from round to round.

Each is a function from a few parameters to a forecast of every later round. It is shown the same:
a dialogue's round 1, its two anchors p+ and p−, and the answers that stand in the transcript before
the round that is forecast. z = log p, K the number of a dialogue's options, y_s the answer of
round s, t = 2 … T.

All start at the same place, by the same rule, so that none gains from smoothing noise better:

    p̃_1 = s p_1 + (1 − s) m(r ε_1 + (1 − r) ε̄_1),        m(ε) = (1 − ε) p+ + ε p−

with ε_1 where the dialogue's own round 1 lies between its anchors and ε̄_1 where those of all do
(:mod:`selfcorrect.theory.two_concept`); s and r are fitted, from 0 to 1.

- **persistence**: p̂_t = p̃_1.
- **two concepts**: p̂_t = m(ε_t), logit ε_t = logit ε̃_1 + (t − 1) b + η Σ_{s<t} log(p−(y_s) /
  p+(y_s)), with ε̃_1 = r ε_1 + (1 − r) ε̄_1 and ρ = e^b (arXiv 2406.02378, its derivation
  corrected). With η = 1 the answers are evidence as Bayes' rule has it, with 0 none.
- **three concepts**: the same with a third concept q = softmax(α z+ + β z−), whose odds against p+
  have a rate of their own; with no weight on q it is two concepts.
- **sharpening**: p̂_t ∝ p̃_1^γ_t. The model grows surer (or less sure) of its own first
  distribution. As softmax with a falling temperature.
- **drift**: ẑ_t = z̃_1 + w_t (z+ − θ z̃_1 − φ z−). With θ = 1, φ = 0 the logits go towards the
  anchor, with θ = 0, φ = 1 they go from one anchor to the other, and with θ = φ = 0 what p+ prefers
  gains as much a round.
- **copying**: ẑ_t = z̃_1 + κ · (how often the option was answered) + λ · (whether it was last). What
  stands in the transcript gains mass, as induction heads do it (arXiv 2209.11895).
- **mover-stayer**: the answers are a chain on right and wrong, a share of dialogues never moves
  (Blumen, Kogan & McCarthy 1955), and the answer given has one of two probabilities, by whether it
  is right. It needs no start.

γ_t and w_t are free in every round; ρ is one number, since that is what the theory says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from selfcorrect.theory import two_concept as tc

#: No share is taken to be nearer to 0, so that it has a logarithm.
LEAST = 1e-6
#: A dialogue's ε at the start is taken to be at least so far from 0 and 1.
EDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Seen:
    """What a mechanism is shown of n dialogues of T rounds; made by :func:`seen`.

    Attributes:
        first, plus, gap: p_1, p+, p− − p+ [n, K].
        z_plus, z_minus: the logarithms of the anchors [n, K].
        own: 1 at the options that a dialogue has [n, K].
        closed: −∞ at those that it doesn't have, else 0 [n, K].
        said: 1 at the option answered [T − 1, n, K], in rounds 1 … T − 1.
        counts: how often each option was answered before round t [T − 1, n, K].
        evidence: Σ_{s<t} log(p−(y_s)/p+(y_s)) [T − 1, n].
        right: 1 at the right option [n, K].
        since: t − 1 [T − 1, 1].
        farther: ε_1 − ε̄_1 of each dialogue [n].
        pooled: ε̄_1; like ε_1 it is taken to be between 0 and 1.
    """

    first: Tensor
    plus: Tensor
    gap: Tensor
    z_plus: Tensor
    z_minus: Tensor
    own: Tensor
    closed: Tensor
    said: Tensor
    counts: Tensor
    evidence: Tensor
    right: Tensor
    since: Tensor
    farther: Tensor
    pooled: float


def seen(
    p: ArrayLike,
    plus: ArrayLike,
    minus: ArrayLike,
    answers: ArrayLike,
    target: ArrayLike,
    pooled: float | None = None,
) -> Seen:
    """What the mechanisms are shown.

    Args:
        p: distributions [T, n, K]; of rounds after the first nothing is used but their number.
        plus, minus: p+ and p− [n, K]; options that a dialogue doesn't have are 0 in all three.
        answers: the options answered [T, n].
        target: the right options [n].
        pooled: ε̄_1 of other dialogues; by default that of these.
    """
    first, one, other = (np.asarray(x, dtype=np.float64) for x in (np.asarray(p)[0], plus, minus))
    terms = tc.epsilon_terms(first[None], one, other)
    if pooled is None:
        pooled = float(tc.epsilon(terms.sum(axis=0))[0])
    along, length = terms.T
    epsilon = np.where(length > 0, along / np.where(length > 0, length, 1.0), pooled)
    options = np.arange(first.shape[1])
    said = (np.asarray(answers)[:-1, :, None] == options).astype(np.float64)
    z_plus, z_minus = (np.log(np.maximum(x, LEAST)) for x in (one, other))
    own = (first > 0) | (one > 0) | (other > 0)
    counts = said.cumsum(axis=0)
    middle = float(np.clip(pooled, EDGE, 1 - EDGE))
    tables = {
        "first": first,
        "plus": one,
        "gap": other - one,
        "z_plus": z_plus,
        "z_minus": z_minus,
        "own": own.astype(np.float64),
        "closed": np.where(own, 0.0, -np.inf),
        "said": said,
        "counts": counts,
        "evidence": (counts * (z_minus - z_plus)).sum(axis=-1),
        "right": (np.asarray(target)[:, None] == options).astype(np.float64),
        "since": np.arange(1.0, len(said) + 1)[:, None],
        "farther": np.clip(epsilon, EDGE, 1 - EDGE) - middle,
    }
    return Seen(**{name: torch.as_tensor(x) for name, x in tables.items()}, pooled=middle)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A free number: its name, where its fit starts, and between what it lies."""

    name: str
    start: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A mechanism.

    Attributes:
        label: its name in words.
        forecast: from its parameters [m] and what is seen, p̂_t [T − 1, n, K].
        parameters: its free numbers, for dialogues of T rounds.
        within: names of those mechanisms that can do what this one does, or about that: it need not
            beat them, only not be beaten. (Two and three concepts stay where a dialogue begins only
            on the line of its anchors.)
    """

    label: str
    forecast: Callable[[Tensor, Seen], Tensor]
    parameters: Callable[[int], Sequence[Parameter]]
    within: tuple[str, ...] = ()


def persistence(parameters: Tensor, of: Seen) -> Tensor:
    """Nothing changes: [T − 1, n, K] from (s, r)."""
    return _start(parameters, of).expand(len(of.said), -1, -1)


def two_concepts(parameters: Tensor, of: Seen) -> Tensor:
    """The line of log odds between the anchors: [T − 1, n, K] from (r, b, η)."""
    r, b, eta = parameters
    odds = torch.logit(_between(r, of)) + b * of.since + eta * of.evidence
    return _mixture(torch.sigmoid(odds), of)


def three_concepts(parameters: Tensor, of: Seen) -> Tensor:
    """A third concept beside the anchors: [T − 1, n, K] from (s, r, b, c, η, α, β)."""
    b, c, eta, alpha, beta = parameters[2:]
    third = _softmax(alpha * of.z_plus + beta * of.z_minus, of)
    # the shares of the three in p̃_1 by least squares, a little shrunk as they may lie on one line
    away, d, e = _start(parameters, of) - of.plus, of.gap, third - of.plus
    dd, ee, de = (d * d).sum(-1) + 1e-4, (e * e).sum(-1) + 1e-4, (d * e).sum(-1)
    along, aside = (away * d).sum(-1), (away * e).sum(-1)
    scale = dd * ee - de * de
    second = ((ee * along - de * aside) / scale).clamp_min(EDGE)
    last = ((dd * aside - de * along) / scale).clamp_min(EDGE)
    first = (1 - second - last).clamp_min(EDGE)
    answers = (of.counts * (_log(third) - of.z_plus)).sum(-1)
    odds = (
        torch.log(second / first) + b * of.since + eta * of.evidence,
        torch.log(last / first) + c * of.since + eta * answers,
    )
    shares = torch.softmax(torch.stack([torch.zeros_like(odds[0]), *odds], dim=-1), dim=-1)
    concepts = torch.stack([of.plus, of.plus + of.gap, third])
    return torch.einsum("tnc,cnk->tnk", shares, concepts)


def sharpening(parameters: Tensor, of: Seen) -> Tensor:
    """A power of the first distribution: [T − 1, n, K] from (s, r, γ_2 … γ_T)."""
    return _softmax(parameters[2:, None, None] * _log(_start(parameters, of)), of)


def drift(parameters: Tensor, of: Seen) -> Tensor:
    """Logits that move along a line: [T − 1, n, K] from (s, r, θ, φ, w_2 … w_T)."""
    theta, phi, *_ = parameters[2:]
    z = _log(_start(parameters, of))
    way = of.z_plus - theta * z - phi * of.z_minus
    return _softmax(z + parameters[4:, None, None] * way, of)


def copying(parameters: Tensor, of: Seen) -> Tensor:
    """Answers in the transcript gain mass: [T − 1, n, K] from (s, r, κ, λ)."""
    kappa, once = parameters[2:]
    return _softmax(_log(_start(parameters, of)) + kappa * of.counts + once * of.said, of)


def mover_stayer(parameters: Tensor, of: Seen) -> Tensor:
    """A chain of answers: [T − 1, n, K] from (stay, CL, CS, wander, p of a right, of a wrong one).

    A wrong answer that doesn't become right goes to another wrong one with probability ``wander``.
    """
    stay, cl, cs, wander, sure_right, sure_wrong = parameters
    options, wrong = of.own.sum(-1, keepdim=True), of.own - of.right
    others = wrong * (1 - of.said)  # where a wrong answer may wander to
    right = (of.said * of.right).sum(-1, keepdim=True)
    leaves = wander * (others.sum(-1, keepdim=True) > 0)
    kept = right * cl + (1 - right) * (1 - cs) * (1 - leaves)
    same = (of.said[1:] * of.said[:-1]).sum(-1, keepdim=True)
    still = torch.cat([torch.ones_like(kept[:1]), same.cumprod(0)])
    luck = torch.cat([torch.ones_like(kept[:1]), (kept[:-1] * same).cumprod(0)])
    stayer = stay * still / (stay * still + (1 - stay) * luck + LEAST)
    loses = cl * of.right + (1 - cl) * wrong / (options - 1)
    elsewhere = leaves * others / others.sum(-1, keepdim=True).clamp_min(1)
    gains = cs * of.right + (1 - cs) * ((1 - leaves) * of.said * wrong + elsewhere)
    state = stayer * of.said + (1 - stayer) * (right * loses + (1 - right) * gains)
    sure = of.right * sure_right + wrong * sure_wrong
    rest = state * (1 - sure) / (options - 1)  # what each state leaves to every other option
    forecast: Tensor = of.own * (state * sure + rest.sum(-1, keepdim=True) - rest)
    return forecast


def _start(parameters: Tensor, of: Seen) -> Tensor:
    """p̃_1 [n, K] from (s, r, …)."""
    between = _mixture(_between(parameters[1], of), of)
    return torch.lerp(between, of.first, parameters[0])


def _between(r: Tensor, of: Seen) -> Tensor:
    """ε̃_1 [n]."""
    return of.pooled + r * of.farther


def _mixture(epsilon: Tensor, of: Seen) -> Tensor:
    return of.plus + epsilon[..., None] * of.gap


def _log(p: Tensor) -> Tensor:
    return torch.log(p.clamp_min(LEAST))


def _softmax(z: Tensor, of: Seen) -> Tensor:
    """Over the options that a dialogue has."""
    return torch.softmax(z + of.closed, dim=-1)


_START = (Parameter("s", 0.9, 0, 1), Parameter("r", 0.9, 0, 1))
_ODDS = (Parameter("b", 0, -4, 4), Parameter("eta", 0, -2, 2))
_CHAIN = {"stay": 0.3, "cl": 0.8, "cs": 0.2, "wander": 0.1, "right": 0.7, "wrong": 0.5}


def _each(name: str, start: float, low: float, high: float, rounds: int) -> list[Parameter]:
    return [Parameter(f"{name}_{t}", start, low, high) for t in range(2, rounds + 1)]


MECHANISMS: Mapping[str, Mechanism] = {
    "two_concepts": Mechanism(
        "two concepts",
        two_concepts,
        lambda _: (_START[1], *_ODDS),
        within=("three_concepts",),
    ),
    "sharpening": Mechanism(
        "sharpening",
        sharpening,
        lambda rounds: [*_START, *_each("gamma", 1, 0, 10, rounds)],
    ),
    "drift": Mechanism(
        "drift of the logits",
        drift,
        lambda rounds: [
            *_START,
            *(Parameter(name, 0.5, 0, 1) for name in ("theta", "phi")),
            *_each("w", 0.1, -3, 3, rounds),
        ],
    ),
    "copying": Mechanism(
        "copying",
        copying,
        lambda _: [*_START, *(Parameter(name, 0.1, -5, 5) for name in ("kappa", "lambda"))],
    ),
    "mover_stayer": Mechanism(
        "mover-stayer chain",
        mover_stayer,
        lambda _: [Parameter(name, start, EDGE, 1 - EDGE) for name, start in _CHAIN.items()],
    ),
    "three_concepts": Mechanism(
        "three concepts",
        three_concepts,
        lambda _: [
            *_START,
            _ODDS[0],
            Parameter("c", 0, -4, 4),
            _ODDS[1],
            *(Parameter(name, -0.5, -3, 3) for name in ("alpha", "beta")),
        ],
    ),
    "persistence": Mechanism(
        "persistence",
        persistence,
        lambda _: _START,
        within=("two_concepts", "sharpening", "drift", "copying", "three_concepts"),
    ),
}
