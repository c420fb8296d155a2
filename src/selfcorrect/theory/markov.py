"""Concepts as hidden Markov models that start again with every instruction.

An instruction of m tokens is one of V^m strings, so such a concept is a distribution over strings
(:func:`as_concepts`), and what holds for independent tokens holds for whole instructions. The
forward algorithm is Rabiner's (1989, doi:10.1109/5.18626, eq. 19-21), in log space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from selfcorrect.errors import UserError
from selfcorrect.theory.discrete import draw
from selfcorrect.theory.posteriors import Concepts, Floats, Ints, shares, stated, whole

#: At most so many strings are enumerated.
MOST_STRINGS = 100_000


@dataclass(frozen=True, slots=True)
class HiddenMarkov:
    """A concept with hidden states; made by :func:`hidden_markov`.

    Attributes:
        start: p(first state) [S].
        moves: p(next state | state) [S, S], rows sum to 1.
        emits: p(token | state) [S, V], rows sum to 1.
    """

    start: Floats
    moves: Floats
    emits: Floats


def hidden_markov(
    start: Sequence[float], moves: Sequence[Sequence[float]], emits: Sequence[Sequence[float]]
) -> HiddenMarkov:
    """A hidden Markov model from what a user states; shapes as in :class:`HiddenMarkov`.

    Raises:
        UserError: shapes that don't fit, or rows that aren't probabilities.
    """
    states = len(start)
    fits = len(moves) == len(emits) == states and {len(row) for row in moves} == {states}
    if not fits or len({len(row) for row in emits}) != 1:
        raise UserError(
            f"a hidden Markov concept with {states} states needs a row of {states} moves and a row "
            "of emissions, equally long, for each"
        )
    return HiddenMarkov(
        shares(start, "the first state"),
        np.stack([shares(row, f"the moves from state {s + 1}") for s, row in enumerate(moves)]),
        np.stack([shares(row, f"the emissions of state {s + 1}") for s, row in enumerate(emits)]),
    )


def strings(v: int, m: int) -> Ints:
    """Every string of m tokens of v kinds [v^m, m], in lexical order.

    Raises:
        UserError: more than :data:`MOST_STRINGS`.
    """
    if v**m > MOST_STRINGS:
        raise UserError(
            f"{m} tokens of {v} kinds make {v**m:.2g} instructions to enumerate, more than "
            f"{MOST_STRINGS:,}: take shorter ones"
        )
    return np.asarray(np.indices((v,) * m).reshape(m, -1).T, dtype=np.int64)


def forward(model: HiddenMarkov, tokens: ArrayLike) -> Floats:
    """log p(string) [n] of strings [n, m]; −∞ where the model can't produce one."""
    seen = np.asarray(tokens)
    with np.errstate(divide="ignore"):  # the log of an impossible event is −∞
        start, moves, emits = (np.log(x) for x in (model.start, model.moves, model.emits))
    state = start + emits.T[seen[:, 0]]
    for token in seen.T[1:]:
        state = logsumexp(state[:, :, None] + moves, axis=1) + emits.T[token]
    return np.asarray(logsumexp(state, axis=1))


def say(model: HiddenMarkov, m: int, paths: int, rng: np.random.Generator) -> Ints:
    """Strings [paths, m] drawn from the model, by drawing its states."""
    said = np.empty((paths, m), dtype=np.int64)
    state = draw(np.tile(model.start, (paths, 1)), rng).argmax(axis=1)
    for at in range(m):
        said[:, at] = draw(model.emits[state], rng).argmax(axis=1)
        state = draw(model.moves[state], rng).argmax(axis=1)
    return said


def as_concepts(
    models: Sequence[HiddenMarkov], m: int, prior: Sequence[float] | None = None
) -> Concepts:
    """The models as distributions over all strings of m tokens, one string a round.

    Raises:
        UserError: models over unequally many tokens, m < 1, too many strings, a single model.
    """
    whole(m, "tokens an instruction", 1)
    kinds = {model.emits.shape[1] for model in models}
    if len(kinds) != 1:
        raise UserError("hidden Markov concepts must emit the same tokens: give rows as long")
    all_of_them = strings(kinds.pop(), m)
    p = [np.exp(forward(model, all_of_them)).tolist() for model in models]
    return stated(p, prior, tokens=1)
