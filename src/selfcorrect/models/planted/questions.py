"""What every planted model does alike: it reads a question, and draws by hashing."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from selfcorrect.errors import UserError
from selfcorrect.messages import Message

_QUESTION = re.compile(
    r"What is (-?\d{1,18}) \+ (-?\d{1,18})\?((?:\s*\n[ \t]*\([a-z]\) -?\d{1,19}(?!\S))+)"
)
_OPTION = re.compile(r"\(([a-z])\) (-?\d+)")
_ANSWER = re.compile(r"\(([a-z])\)")


@dataclass(frozen=True, slots=True)
class Question:
    """A sum, its options' labels and numbers, which is right, and the ways to write each."""

    terms: tuple[str, str]
    labels: str
    numbers: tuple[str, ...]
    truth: int
    written: Mapping[str, int]

    @property
    def wrong(self) -> list[int]:
        """The options that aren't right, in their order."""
        return [option for option in range(len(self.labels)) if option != self.truth]

    def answer(self, text: str) -> int | None:
        """The option that a message names last."""
        named = [self.labels.find(label) for label in _ANSWER.findall(text)]
        return next((option for option in reversed(named) if option >= 0), None)

    def option(self, text: str) -> int | None:
        """The option that a text is: ``b``, ``b)``, ``(b)``, ``b) 703``, ``(b) 703`` or ``703``."""
        return self.written.get(text.strip())


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A transcript as a planted model reads it.

    Attributes:
        users: the texts of the user messages.
        question: the latest in them.
        past: the options that earlier assistant messages name; those that name none are no round.
        begun: the option that the open assistant turn names already.
    """

    users: tuple[str, ...]
    question: Question
    past: tuple[int, ...]
    begun: int | None

    @property
    def round(self) -> int:
        """The round that is being answered, from 1."""
        return len(self.past) + 1

    def draws(self, *key: object) -> tuple[float, ...]:
        """Six uniform draws that belong to this dialogue's round and a further key."""
        return uniform(*key, self.users[0], self.users[-1])


def read(kind: str, messages: Sequence[Message]) -> Dialogue:
    """Read a transcript.

    Raises:
        UserError: it holds no question of the task ``planted``; names the model's ``kind``.
    """
    users = tuple(m.text for m in messages if m.role == "user")
    question = next((q for text in reversed(users) if (q := _read_question(text))), None)
    if question is None:
        raise UserError(
            f"{kind} answers the task 'planted' only: questions such as 'What is 3 + 4?' with "
            "lettered numbers to choose from, one of them right"
        )
    open_turn = messages[-1].text if messages[-1].role == "assistant" else ""
    earlier = messages[:-1] if open_turn else messages
    answers = [question.answer(m.text) for m in earlier if m.role == "assistant"]
    past = tuple(answer for answer in answers if answer is not None)
    return Dialogue(users, question, past, question.answer(open_turn))


@lru_cache(maxsize=1024)  # a chunk's questions are read once, not once a round
def _read_question(text: str) -> Question | None:
    found = list(_QUESTION.finditer(text))
    if not found:
        return None
    a, b, shown = found[-1].groups()
    options = _OPTION.findall(shown)
    labels = "".join(label for label, _ in options)
    numbers = tuple(number for _, number in options)
    total = str(int(a) + int(b))
    if not len(set(labels)) == len(labels) >= 2 or numbers.count(total) != 1:
        return None
    written = {
        way: n
        for n, (k, x) in enumerate(options)
        for way in (x, k, f"{k})", f"({k})", f"{k}) {x}", f"({k}) {x}")
    }
    return Question((a, b), labels, numbers, numbers.index(total), written)


def uniform(*key: object) -> tuple[float, ...]:
    """Six uniform draws in [0, 1) that belong to this key."""
    text = "\0".join(map(str, key)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=48).digest()
    return tuple((bits >> 11) * 2.0**-53 for bits in struct.unpack("<6Q", digest))


def normal(u: float, v: float) -> float:
    """A standard normal draw from two uniform ones in [0, 1), by Box and Muller."""
    return math.sqrt(-2 * math.log1p(-u)) * math.cos(2 * math.pi * v)
