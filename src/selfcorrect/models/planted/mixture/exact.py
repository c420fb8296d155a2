"""What a reader of a dialogue of ``planted:mixture`` should believe, exactly.

By the forward algorithm, each step scaled: Rabiner (1989, doi:10.1109/5.18626, eq. 19-21).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.planted.mixture.language import (
    ASSISTANT,
    BEGIN,
    END,
    LETTERS,
    MANNER,
    PRIOR,
    TOPIC,
    USER,
    Floats,
    Register,
    kinds_of,
    tokens_of,
)
from selfcorrect.planted_words import ABOUT, ASKED, LEAD_IN, PLEASE, STOP

_LEAD_IN = LEAD_IN.replace("(", " (").split()


@dataclass(frozen=True, slots=True)
class Exact:
    """What is known of a transcript of n tokens with k answers, the one that is due included.

    Attributes:
        tokens: as the model is shown them [n]: the template's and the text's.
        log_odds: log P(C+ | tokens up to and with this one) − log P(C− | the same) [n], in nats.
        positions: of the tokens right after which the letters stand [k]: the last of the lead-in.
        predictive: P(letter a, b, c | what stands before it) [k, 3]; rows sum to 1.
    """

    tokens: tuple[str, ...]
    log_odds: Floats
    positions: tuple[int, ...]
    predictive: Floats


def exact(messages: Sequence[Message]) -> Exact:
    """The posterior over concepts at every prefix, and the predictive distribution of each answer.

    Args:
        messages: a dialogue. Where the user spoke last, or the assistant's last message is only the
            lead-in or a beginning of it, its answer is due and is predicted, too.

    Raises:
        UserError: it isn't a dialogue of the language: says which token is out of place.
    """
    due = bool(messages) and (messages[-1].role == "user" or ")" not in messages[-1].text)
    open_turn = messages[-1].text if due and messages[-1].role == "assistant" else ""
    earlier = messages[:-1] if open_turn else messages
    tokens = tokens_of(earlier, _whole(open_turn) if due else None)
    return read(tokens)


def _whole(turn: str) -> str:
    if not LEAD_IN.startswith(turn):
        raise UserError(
            f"planted:mixture: an answer begins with {LEAD_IN!r}, not {turn!r}: leave it out, or "
            "write it so."
        )
    return LEAD_IN


def read(tokens: Sequence[str]) -> Exact:
    """The same of a transcript's tokens; see :func:`exact`."""
    reader = _Reader()
    odds: list[float] = []
    positions: list[int] = []
    predicted: list[Floats] = []
    for at, token in enumerate(tokens):
        if not reader.take(token):
            shown = " ".join(tokens[max(0, at - 4) : at + 1])
            raise UserError(
                f"planted:mixture: {token!r} is out of place in '{shown}', token {at + 1} of a "
                "dialogue: see the words and their order in docs/models.md."
            )
        odds.append(reader.log_odds)
        if reader.letter_due:
            positions.append(at)
            predicted.append(reader.predictive)
    shape = np.array(predicted).reshape(-1, len(LETTERS))
    return Exact(tuple(tokens), np.array(odds), tuple(positions), shape)


class _Reader:
    """Reads a transcript token by token, and what each says of the concept."""

    def __init__(self) -> None:
        self.log_odds = math.log(PRIOR) - math.log1p(-PRIOR)
        self._place = "start"  # what came last, and so what may come
        self._role = ""
        self._heard: tuple[int, ...] = ()  # kinds of the present part's words so far
        self._register: Register | None = None
        self._question: list[str] = []  # the first, to be repeated word for word
        self._repeated = 0  # tokens of it that the present one has repeated
        self._asking: list[str] | None = None  # the question that is being asked
        self._spoken = 0  # tokens of the lead-in that were said
        self._kinds: tuple[int, ...] = ()
        self._shares = np.zeros((2, 3))

    @property
    def letter_due(self) -> bool:
        return self._place == "lead_in" and self._spoken == len(_LEAD_IN)

    @property
    def predictive(self) -> Floats:
        """P(letter a, b, c)."""
        plus = float(expit(self.log_odds))
        by_kind = plus * self._shares[0] + (1 - plus) * self._shares[1]
        return np.asarray(by_kind[list(self._kinds)])

    def take(self, token: str) -> bool:
        """Whether the token may stand here; if so, it is read."""
        if self._asking is not None:
            return self._take_question(token)
        step = getattr(self, f"_after_{self._place}")
        return bool(step(token))

    def _go(self, place: str) -> bool:
        self._place = place
        return True

    def _after_start(self, token: str) -> bool:
        return token == BEGIN and self._go("turn")

    def _after_turn(self, token: str) -> bool:
        """A user's turn begins, or after one the assistant's."""
        if token != (ASSISTANT if self._role == "user" else USER):
            return False
        self._role = "user" if token == USER else "assistant"
        self._spoken = 0
        return self._go("opened" if self._role == "user" else "lead_in")

    def _after_opened(self, token: str) -> bool:
        """The beginning of a user message; the first has a question."""
        if token == ABOUT:
            return self._begin_question()
        return bool(self._question) and self._begin_instruction(token)

    def _after_part(self, token: str) -> bool:
        """After a question or an instruction."""
        if token == END:
            return self._go("turn")
        return self._begin_instruction(token)

    def _begin_instruction(self, token: str) -> bool:
        if token != PLEASE:
            return False
        self._begin(MANNER)
        return self._go("manner")

    def _after_manner(self, token: str) -> bool:
        if token == STOP and self._heard:
            return self._go("part")
        return self._hear(token)

    def _begin_question(self) -> bool:
        self._asking = [ABOUT]
        self._repeated = 1
        self._begin(TOPIC)
        return True

    def _take_question(self, token: str) -> bool:
        assert self._asking is not None
        asked = self._asking
        if self._question:  # again, word for word: no evidence
            if token != self._question[self._repeated]:
                return False
            self._repeated += 1
            if self._repeated == len(self._question):
                self._asking = None
                return self._go("part")
            return True
        asked.append(token)
        if ASKED not in asked[:-1]:
            return bool(self._heard) if token == ASKED else self._hear(token)
        options = asked[asked.index(ASKED) + 1 :]
        form = [x for letter in LETTERS for x in ("(", letter, ")", "")]
        at = len(options) - 1
        if form[at] and token != form[at]:
            return False
        if len(options) == len(form):
            try:
                self._kinds, self._shares = kinds_of(options[3::4])
            except ValueError:
                return False
            self._question, self._asking = asked, None
            return self._go("part")
        return True

    def _after_lead_in(self, token: str) -> bool:
        if self._spoken < len(_LEAD_IN):
            self._spoken += 1
            return token == _LEAD_IN[self._spoken - 1]
        if token not in LETTERS:
            return False
        plus, minus = self._shares[:, self._kinds[LETTERS.index(token)]]
        self.log_odds += math.log(plus) - math.log(minus)
        return self._go("letter")

    def _after_letter(self, token: str) -> bool:
        return token == ")" and self._go("answered")

    def _after_answered(self, token: str) -> bool:
        return token == END and self._go("turn")

    def _begin(self, register: Register) -> None:
        self._register, self._heard = register, ()

    def _hear(self, word: str) -> bool:
        """One more word of a hidden Markov model, under both concepts."""
        assert self._register is not None
        kind = self._register.kind.get(word)
        if kind is None:
            return False
        before = _evidence(self._register, self._heard)
        self._heard = (*self._heard, kind)
        self.log_odds += _evidence(self._register, self._heard) - before
        return True


def _evidence(register: Register, kinds: tuple[int, ...]) -> float:
    """log p(words | C+) − log p(words | C−) of words of these kinds."""
    plus, minus = (_forward(register, concept, kinds)[1] for concept in (0, 1))
    return plus - minus


@lru_cache(maxsize=1 << 16)
def _forward(register: Register, concept: int, kinds: tuple[int, ...]) -> tuple[Floats, float]:
    """p(state | kinds so far) [S], and log p(kinds), by the forward algorithm."""
    model = register.concepts[concept]
    if not kinds:
        return model.start, 0.0
    state, logp = _forward(register, concept, kinds[:-1])
    moved = state if len(kinds) == 1 else state @ model.moves
    joint = moved * model.emits[:, kinds[-1]]
    total = float(joint.sum())
    return joint / total, logp + math.log(total)
