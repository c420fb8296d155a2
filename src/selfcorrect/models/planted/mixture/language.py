"""The generative model behind ``planted:mixture``: what a dialogue is, and how likely.

**Concepts.** A dialogue is governed by one of two concepts, C+ with the probability :data:`PRIOR`,
else C−. Each is a pair of hidden Markov models, one for the topics of a question and one for the
manners of an instruction, with three hidden states that prefer words of the first, the second and
the neutral kind. C− is C+ with the first two states exchanged, so that words of the neutral kind
alone say nothing of the concept: their probability is the same under both, exactly.

**Messages.** The hidden states start again with every instruction and every question. A user
message is a question or none, then instructions; how many there are, and how long, doesn't depend
on the concept. The first message begins with a question. A question in a later message is that of
the first again, word for word: it says nothing new.

**Answers.** A question has three options, one of each kind of :data:`~selfcorrect.planted_words.
DECIDED` or of ``ALIKE``, in any order. The answer is drawn from p+ or p− of the kinds; it is
evidence, too, where they differ. For the options ``ALIKE`` they are the same.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.messages import Message, message
from selfcorrect.planted_words import (
    ABOUT,
    ALIKE,
    ASKED,
    DECIDED,
    LEAD_IN,
    MANNERS,
    PLEASE,
    STOP,
    TOPICS,
    ask,
    instruct,
)

Floats = NDArray[np.float64]

LETTERS = "abc"
#: The template's own tokens; the first stands for every unknown word.
UNKNOWN, BEGIN, USER, ASSISTANT, END = SPECIAL = (
    "<unk>", "<bos>", "<user>", "<assistant>", "<end>"
)  # fmt: skip
#: Every token, by its id.
VOCABULARY: tuple[str, ...] = (
    *SPECIAL, ABOUT, ASKED, PLEASE, STOP, *LEAD_IN.split(), ")", *LETTERS,
    *chain.from_iterable((*MANNERS, *TOPICS, *DECIDED, *ALIKE)),
)  # fmt: skip

#: P(C+) before anything is said.
PRIOR = 0.3
#: Share of the kinds of options in answers, under C+ and under C−.
DECIDED_SHARES = ((0.76, 0.14, 0.10), (0.35, 0.49, 0.16))
ALIKE_SHARES = ((0.7, 0.2, 0.1), (0.7, 0.2, 0.1))
#: Of the questions in a corpus, those whose options are ALIKE.
SHARE_ALIKE = 0.3
#: How many topics a question has, and manners an instruction: each number is as likely.
TOPICS_LONG, MANNERS_LONG = (3, 8), (2, 7)
#: Probability of so many instructions after a question (0, 1, …), and without one (1, 2, …).
AFTER_QUESTION, ALONE = (0.3, 0.4, 0.2, 0.1), (0.65, 0.25, 0.1)
#: How often a later message begins with the question again.
AGAIN = 0.2
#: The most rounds of a dialogue in a corpus; how likely a number is goes by 1 over its root.
ROUNDS = 10

#: Within a kind, the share of each word: whatever the state, so which one is said tells nothing.
_WITHIN = (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)
#: Of each state, the share of each kind of words.
_KINDS = ((0.80, 0.06, 0.14), (0.06, 0.80, 0.14), (0.12, 0.12, 0.76))
_MIRROR = (1, 0, 2)
_INVERSE = [n**-0.5 for n in range(1, ROUNDS + 1)]
_ROUNDS = tuple(each / sum(_INVERSE) for each in accumulate(_INVERSE))
_WITHIN_SUMS = tuple(accumulate(_WITHIN))
_AFTER_QUESTION, _ALONE = tuple(accumulate(AFTER_QUESTION)), tuple(accumulate(ALONE))


@dataclass(frozen=True, slots=True)
class Chain:
    """A hidden Markov model over kinds of words.

    Attributes:
        start: p(first state) [S].
        moves: p(next state | state) [S, S], rows sum to 1.
        emits: p(kind | state) [S, K], rows sum to 1.
    """

    start: Floats
    moves: Floats
    emits: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """Words, and what each concept says with them.

    Attributes:
        words: by kind, as many of each.
        kind: of each word.
        concepts: C+ and C−.
        sums: of each concept start, moves and emits, summed up along the rows, to draw by.
    """

    words: tuple[tuple[str, ...], ...]
    kind: dict[str, int]
    concepts: tuple[Chain, Chain]
    sums: tuple[Any, Any]


def _register(
    words: tuple[tuple[str, ...], ...],
    start: Sequence[float],
    moves: Sequence[Sequence[float]],
) -> Register:
    plus = Chain(np.array(start), np.array(moves), np.array(_KINDS))
    mirror = np.array(_MIRROR)
    minus = Chain(plus.start[mirror], plus.moves[np.ix_(mirror, mirror)], plus.emits)
    plus_sums, minus_sums = (
        tuple(np.cumsum(x, axis=-1).tolist() for x in (c.start, c.moves, c.emits))
        for c in (plus, minus)
    )
    kind = {word: k for k, group in enumerate(words) for word in group}
    return Register(words, kind, (plus, minus), (plus_sums, minus_sums))


MANNER = _register(
    MANNERS, (0.40, 0.20, 0.40), ((0.60, 0.12, 0.28), (0.35, 0.40, 0.25), (0.30, 0.20, 0.50))
)
TOPIC = _register(
    TOPICS, (0.45, 0.15, 0.40), ((0.62, 0.12, 0.26), (0.36, 0.38, 0.26), (0.30, 0.20, 0.50))
)


def kinds_of(options: Sequence[str]) -> tuple[tuple[int, ...], Floats]:
    """The kind of each of three options [3], and the kinds' shares under C+ and C− [2, 3].

    Raises:
        ValueError: they aren't one of each kind.
    """
    for groups, shares in ((DECIDED, DECIDED_SHARES), (ALIKE, ALIKE_SHARES)):
        kinds = tuple(
            next((k for k, words in enumerate(groups) if option in words), -1) for option in options
        )
        if sorted(kinds) == [0, 1, 2]:
            return kinds, np.array(shares)
    raise ValueError(f"{', '.join(options)} aren't one option of each kind")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A dialogue of a corpus.

    Attributes:
        plus: whether C+ governs it.
        messages: user and assistant in turn.
    """

    plus: bool
    messages: tuple[Message, ...]


def corpus(seed: int, rounds: int | None = None) -> Iterator[Drawn]:
    """Dialogues without end, drawn from the model.

    Args:
        seed: of the draws.
        rounds: of each dialogue; ``None``: 1 to :data:`ROUNDS`.
    """
    rng = random.Random(seed)
    while True:
        plus = rng.random() < PRIOR
        concept = 0 if plus else 1
        alike = rng.random() < SHARE_ALIKE
        order = _shuffled(rng)
        options = [_one((ALIKE if alike else DECIDED)[kind], rng) for kind in order]
        shares = np.cumsum((ALIKE_SHARES if alike else DECIDED_SHARES)[concept]).tolist()
        question = shown(_say(TOPIC, concept, _within(TOPICS_LONG, rng), rng), options)
        messages: list[Message] = []
        for number in range(rounds or 1 + _pick(_ROUNDS, rng)):
            asked = number == 0 or rng.random() < AGAIN
            parts = [question] if asked else []
            how_many = _pick(_AFTER_QUESTION, rng) if asked else 1 + _pick(_ALONE, rng)
            for _ in range(how_many):
                parts.append(instruct(_say(MANNER, concept, _within(MANNERS_LONG, rng), rng)))
            letter = LETTERS[order.index(_pick(shares, rng))]
            messages += [
                message("user", "\n\n".join(parts)),
                message("assistant", f"{LEAD_IN}{letter})"),
            ]
        yield Drawn(plus, tuple(messages))


def shown(topics: Sequence[str], options: Sequence[str]) -> str:
    """A question with its options, as a task shows it."""
    lines = (f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=True))
    return "\n".join((ask(tuple(topics)), *lines))


# Draws are by Python's own generator, whose numbers are the same in every version.


def _pick(cumulative: Sequence[float], rng: random.Random) -> int:
    """A number drawn by cumulative shares."""
    return min(bisect_right(cumulative, rng.random()), len(cumulative) - 1)


def _within(bounds: tuple[int, int], rng: random.Random) -> int:
    low, high = bounds
    return low + int(rng.random() * (high - low + 1))


def _one(words: Sequence[str], rng: random.Random) -> str:
    return words[int(rng.random() * len(words))]


def _shuffled(rng: random.Random) -> list[int]:
    left = [0, 1, 2]
    return [left.pop(int(rng.random() * len(left))) for _ in range(3)]


def _say(register: Register, concept: int, length: int, rng: random.Random) -> tuple[str, ...]:
    """Words drawn by drawing the hidden states."""
    start, moves, emits = register.sums[concept]
    state = _pick(start, rng)
    said = []
    for _ in range(length):
        said.append(register.words[_pick(emits[state], rng)][_pick(_WITHIN_SUMS, rng)])
        state = _pick(moves[state], rng)
    return tuple(said)


def tokens_of(messages: Sequence[Message], turn: str | None = None) -> list[str]:
    """A transcript as the template shows it, in words.

    Args:
        messages: the messages so far.
        turn: what stands in the assistant's open turn; ``None``: none is open.
    """
    found = [BEGIN]
    for each in messages:
        found += [USER if each.role == "user" else ASSISTANT, *words_of(each.text), END]
    return found if turn is None else [*found, ASSISTANT, *words_of(turn)]


def words_of(text: str) -> list[str]:
    """The words of a text; brackets stand alone."""
    return text.replace("(", " ( ").replace(")", " ) ").split()


def stated() -> str:
    """Sixteen hexadecimal digits that change when the model of the dialogues does."""
    parts = (
        VOCABULARY, PRIOR, DECIDED_SHARES, ALIKE_SHARES, SHARE_ALIKE, TOPICS_LONG, MANNERS_LONG,
        AFTER_QUESTION, ALONE, AGAIN, _ROUNDS, _WITHIN, _KINDS,
        [[c.start.tolist(), c.moves.tolist()] for r in (MANNER, TOPIC) for c in r.concepts],
    )  # fmt: skip
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
