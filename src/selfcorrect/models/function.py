"""A Python function that gives feedback in a model's place.

It is asked, not told: it gets the question and the response as text, and nothing else of the
dialogue or its example.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from selfcorrect.code_digest import digest_of, name_of
from selfcorrect.errors import UserError
from selfcorrect.models.base import InProcess, Reply
from selfcorrect.models.generated import Finish
from selfcorrect.models.kinds import FUNCTION
from selfcorrect.models.thought import parted
from selfcorrect.user_code import blamed

#: (question, response) → advice; ``None`` where there is nothing to say
Advise = Callable[[str, str], str | None]

_FUNCTIONS: dict[str, Function] = {}


@dataclass(frozen=True)
class Function(InProcess):
    """A function under the name of a model: see :class:`selfcorrect.models.base.Model`.

    It is asked for one response at a time, also where dialogues go on from many threads.

    Attributes:
        fingerprint: of its source and what it carries along (:mod:`selfcorrect.code_digest`).
    """

    name: str
    fingerprint: str
    function: Advise
    context: int = 1_000_000
    dtype: str = "none"
    device: str = "none"
    in_flight = 4096  # as many dialogues as the other models take
    _turn: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def advise(
        self, question: str, response: str, most: int, count: Callable[[str], int], where: str
    ) -> Reply:
        """What it says of a response; of a longer text the beginning, as many words as fit.

        Args:
            most: tokens that a reply may have.
            count: counts them.
            where: whose response it is, for errors.

        Raises:
            UserError: it fails, or gives something else than text or ``None``.
        """
        with self._turn, blamed(self.name, f"the function, on {where},"):
            began = time.monotonic()
            found = self.function(question, response)
            seconds = time.monotonic() - began
        if found is not None and not isinstance(found, str):
            raise UserError(
                f"{self.name}: on {where}, the function gave {_short(found)}; it must give text, "
                "or None where it has nothing to say."
            )
        text, thought = parted((found or "").strip(), "stop")  # it may ask a model that thinks
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{self.name}: on {where}, the function gave text with half a character (a lone "
                "surrogate); correct it."
            ) from None
        shown = _within(text, most + count(""), count)
        finish: Finish = "stop" if shown == text else "length"
        return Reply(shown, finish, thought=thought, seconds=seconds)

    def open(self, dialogues: int) -> NoReturn:  # noqa: ARG002 - a function holds none
        raise UserError(f"{self.name} is a function and gives feedback only; name a model.")

    def count(self, text: str) -> int:
        return len(text.split())


def register(function: Advise) -> str:
    """The name under which this process asks a function for feedback.

    Raises:
        UserError: it doesn't take a question and a response.
    """
    name = name_of(function)
    try:
        inspect.signature(function).bind("question", "response")
    except (TypeError, ValueError):
        raise UserError(
            f"the function {name} can't give feedback: it must take a question and a response, "
            "def advise(question, response)."
        ) from None
    digest = digest_of(function)
    called = f"{FUNCTION}{name}@{digest[:8]}"
    _FUNCTIONS[called] = Function(called, digest, function)
    return called


def load(name: str) -> Function:
    """A function by the name that :func:`register` gave.

    Raises:
        UserError: this process knows none of that name.
    """
    if name not in _FUNCTIONS:
        raise UserError(
            f"{name} is a Python function, which only the program that has it can ask: run it from "
            "there, with feedback=FUNCTION, or name a model."
        )
    return _FUNCTIONS[name]


def _within(text: str, most: int, count: Callable[[str], int]) -> str:
    """The longest beginning of a text, cut between words, that has so many tokens at most."""
    if count(text) <= most:
        return text
    ends = [at for at, char in enumerate(text) if char.isspace()]
    low, high = 0, len(ends)  # ends[:low] fit
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[: ends[middle - 1]]) <= most:
            low = middle
        else:
            high = middle - 1
    return text[: ends[low - 1]].rstrip() if low else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
