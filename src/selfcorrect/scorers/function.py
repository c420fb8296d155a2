"""A user's own function as a scorer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from numbers import Real
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.scorers import check_options
from selfcorrect.scorers.base import Answered, Score
from selfcorrect.user_code import blamed, load, parse

#: What a function's number is where the function doesn't say.
SCORE = Outcome("score", bounds=(-inf, inf), text="What the scorer's function gives.")


@dataclass
class Function:
    """The scorer ``python:FILE.py:NAME``.

    Attributes:
        values: the further numbers that it has given so far, by name.
    """

    name: str
    fingerprint: str
    function: Callable[[str, str, str | None], object]
    outcome: Outcome = SCORE
    values: dict[str, str] = field(default_factory=dict)
    uses: frozenset[str] = frozenset({"prompt", "reference"})
    at_once: int = 1

    @property
    def about(self) -> str:
        return f"the function {self.name.removeprefix('python:')}, {self.fingerprint}"

    def score(self, rows: Sequence[Answered]) -> Sequence[Score]:
        """What the function gives for each answer.

        Raises:
            UserError: it fails, or gives something else than a number, a table of numbers or
                ``None``.
        """
        return [self._score(row) for row in rows]

    def _score(self, row: Answered) -> Score:
        at = f"the scorer {self.name}, example {row.example!r}, round {row.round}"
        asked = f"the function, on example {row.example!r}, round {row.round},"
        with blamed(self.name, asked):  # whatever it gives may be code of its own, too
            found = self.function(row.prompt, row.answer, row.reference)
            numbers = self._numbers(found, at)
        own = numbers.pop(self.outcome.name)
        for key in numbers:
            self.values.setdefault(key, f"{key}, as the scorer's function gives it.")
        return Score(own, None if own is not None else "the function gave none", numbers)

    def _numbers(self, found: object, at: str) -> dict[str, float | None]:
        """What the function gave, as a table of numbers."""
        table = dict(found) if isinstance(found, Mapping) else {self.outcome.name: found}
        if self.outcome.name not in table:
            raise UserError(
                f"{at}: the table has no {self.outcome.name!r}, the number that says how good the "
                f"answer is: it has {_listed(table)}."
            )
        numbers: dict[str, float | None] = {}
        for key, value in table.items():
            if type(key) is str and _HALF.search(key):
                raise UserError(
                    f"{at}: the function gave a number whose name, {key!r:.80}, holds half a "
                    "character (a lone surrogate); correct it."
                )
            number = isinstance(value, Real | np.bool_)  # True is 1
            if type(key) is not str or len(key) > _LONGEST or not (number or value is None):
                raise UserError(
                    f"{at}: the function gave {_short(found)}; it must give a number, or a table "
                    "of numbers by name."
                )
            numbers[key] = None if value is None else _double(value, at)
        return numbers


_HALF = re.compile("[\ud800-\udfff]")
#: A number's name is no longer.
_LONGEST = 60


def _double(value: Any, at: str) -> float:
    """As a double.

    Raises:
        UserError: it is larger than one.
    """
    try:
        return float(value)
    except OverflowError:
        raise UserError(f"{at}: the function gave a number of hundreds of digits.") from None


def _listed(table: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, list(table)[:8])) or "nothing"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def make(rest: str, options: Mapping[str, Any]) -> Function:
    """A function from a file. An attribute ``outcome`` of it, an
    :class:`~selfcorrect.outcome.Outcome`, says what its number is; an attribute ``values``, name →
    :class:`~selfcorrect.outcome.Number` or sentence, what its further numbers are.

    Raises:
        UserError: the file can't be read or run, has no such function, or its ``outcome`` or
            ``values`` is none.
    """
    check_options("python", options, {})
    found = parse(rest, "grades an answer")
    if found is None:
        raise UserError(f"{rest!r} names no function of a file: write python:FILE.py:NAME.")
    path, name = found
    function, digest = load(path, name)
    outcome = getattr(function, "outcome", SCORE)
    if not isinstance(outcome, Outcome):
        raise UserError(f"{rest}: the attribute outcome is {_short(outcome)}, no Outcome.")
    values = getattr(function, "values", {})
    if not isinstance(values, dict) or not all(
        isinstance(text, str) for pair in values.items() for text in pair
    ):
        raise UserError(
            f"{rest}: the attribute values is {_short(values)}; it is a table of names, a sentence "
            "or a Number on each."
        )
    # a file may hold several
    fingerprint = blake2b(f"{digest} {path.name} {name}".encode(), digest_size=8).hexdigest()
    return Function(f"python:{path.name}:{name}", fingerprint, function, outcome, dict(values))
