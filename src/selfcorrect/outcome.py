"""What a task states of its numbers: the outcome that says how good an answer is, and figures.

On the ground floor, so that tasks and measures agree on it without importing each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import inf, nan
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number that says how good an answer is: right or wrong, toxicity, coverage, overlap.

    Attributes:
        name: as it stands in measures and texts: ``accuracy``, ``toxicity``.
        kind: ``share`` where each answer has 0 or 1, else ``mean``.
        better: the direction that is better.
        bounds: the lowest and the highest value that an answer can have; may be infinite.
        margin: a change of the mean that is no larger counts as none.
        text: what it is, in a sentence.
        scorer: the scorer that gives it after the answers were recorded; empty where the task's own
            grade does.
        of_reply: it is of what a reply says, so that nobody knows that of a reply which couldn't be
            read; false where it is of the likelihoods of options, say.

    Raises:
        UserError: a name that can't stand in a text, or numbers that make no sense.
    """

    name: str
    kind: Literal["share", "mean"] = "mean"
    better: Literal["higher", "lower"] = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    margin: float = 0.03
    text: str = ""
    scorer: str = ""
    of_reply: bool = True

    def __post_init__(self) -> None:
        said = f"the outcome {self.name!r}"
        if not isinstance(self.name, str) or not _is_name(self.name):
            raise UserError(f"{said} needs a name of letters and digits, such as toxicity.")
        if self.kind not in ("share", "mean"):
            raise UserError(f"{said} has the kind {self.kind!r}: give 'share' or 'mean'.")
        if self.better not in ("higher", "lower"):
            raise UserError(f"{said} has better={self.better!r}: give 'higher' or 'lower'.")
        if not isinstance(self.text, str) or len(self.text) > _LONGEST:
            raise UserError(f"{said} needs a text of at most {_LONGEST} letters.")
        if not isinstance(self.scorer, str) or len(self.scorer) > _LONGEST:
            raise UserError(f"{said} needs the name of a scorer, not {self.scorer!r:.60}.")
        if not isinstance(self.of_reply, bool):
            raise UserError(f"{said} has of_reply={self.of_reply!r:.60}: give True or False.")
        ends = tuple(self.bounds) if isinstance(self.bounds, tuple | list) else ()
        fits = len(ends) == 2 and all(
            _is_number(end) and (math.isinf(_double(end)) or abs(_double(end)) <= LARGEST)
            for end in (*ends, self.margin)
        )
        if fits:  # a whole number of hundreds of digits is no double
            ends = tuple(map(_double, ends))
        low, high = ends if fits else (0.0, 0.0)
        if not (low < high and 0 < self.margin < math.inf):
            raise UserError(
                f"{said} has bounds {self.bounds!r} and margin {self.margin!r}: give two numbers, "
                "the lower one first, and a margin above 0."
            )
        if self.kind == "share" and (low, high) != (0, 1):
            raise UserError(f"{said} is a share, so its bounds are (0, 1), not {self.bounds!r}.")

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is."""
        return 1 if self.better == "higher" else -1

    def table(self) -> dict[str, Any]:
        """As JSON and TOML have it; an infinite bound is left out, as neither can write it, and so
        is ``of_reply`` where it is as usual."""
        whole = asdict(self)
        if self.of_reply:
            del whole["of_reply"]
        whole["bounds"] = [None if math.isinf(end) else float(end) for end in self.bounds]
        return whole

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Outcome:
        """From what :meth:`table` made, with or without its empty entries.

        Raises:
            UserError: the table isn't one of an outcome.
        """
        known = {key: table[key] for key in cls.__dataclass_fields__ if table.get(key) is not None}
        low, high = known.pop("bounds", (None, None))
        ends = (-inf if low is None else low, inf if high is None else high)
        return cls(**known, bounds=ends)

    def problem_with(self, value: object) -> str | None:
        """Why a value can't be an answer's outcome, or ``None``."""
        if value is None:
            return None
        if isinstance(value, bool | np.bool_):
            value = float(value)
        if not _is_number(value):
            return f"{value!r} is no number"
        low, high = self.bounds
        if abs(_double(value)) > LARGEST:  # infinities, too
            return "is not finite, or larger than can be averaged"
        if not low <= float(value) <= high:  # NaN, too
            return f"{value} is not within {low:g} to {high:g}"
        if self.kind == "share" and value not in (0, 1):
            return f"{value} is neither 0 nor 1"
        return None


#: Squares of larger values overflow.
LARGEST = 1e100
#: A name and a sentence are no longer.
_LONGEST_NAME, _LONGEST = 60, 1_000


def _is_name(name: str) -> bool:
    known = all(c.isalnum() or c in "_ -" for c in name)
    return 0 < len(name) <= _LONGEST_NAME and name == name.strip() and known


def _double(value: float) -> float:
    """As a number of 64 bits: numpy's short ones overflow in a comparison."""
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return inf


def _is_number(value: object) -> TypeGuard[float]:
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool)


class Number(str):
    """What a further number of a record is, in a sentence, with the bounds of its values.

    A plain sentence does, too; then nothing is known of the bounds.

    Attributes:
        bounds: between what it can lie; may be infinite.
    """

    bounds: tuple[float, float]

    def __new__(cls, text: str, bounds: tuple[float, float] = (-inf, inf)) -> Number:
        """A sentence with bounds, the lower one first."""
        made = super().__new__(cls, text)
        made.bounds = bounds
        return made


def bounds_of(text: str) -> tuple[float, float]:
    """Between what a number can lie, as far as its sentence says (:class:`Number`)."""
    return text.bounds if isinstance(text, Number) else (-inf, inf)


def bounds_table(values: Mapping[str, str]) -> dict[str, list[float | None]]:
    """The bounds that are known, as JSON has them: ``None`` for an infinite one."""
    known = {name: bounds_of(text) for name, text in values.items()}
    return {
        name: [None if math.isinf(end) else float(end) for end in ends]
        for name, ends in known.items()
        if not all(map(math.isinf, ends))
    }


def with_bounds(values: Mapping[str, str], table: object) -> dict[str, str]:
    """Sentences with the bounds that :func:`bounds_table` told of.

    Raises:
        TypeError: the table isn't one.
    """
    found = dict(values)
    told: Mapping[str, Any] = table if isinstance(table, Mapping) else {"": table}
    for name, ends in told.items():
        fits = isinstance(ends, list | tuple) and len(ends) == 2 and name in found
        if not fits or not all(end is None or _is_number(end) for end in ends):
            raise TypeError(f"bounds of {name!r} are {ends!r}")
        low, high = ends
        both = (-inf if low is None else _double(low), inf if high is None else _double(high))
        if not both[0] < both[1]:
            raise TypeError(f"bounds of {name!r} are {ends!r}")
        found[name] = Number(found[name], both)
    return found


#: Of lettered questions, and of whatever else is right or wrong.
ACCURACY = Outcome(
    "accuracy",
    "share",
    text="Share of right answers. An answer that couldn't be read is recorded as wrong.",
)

#: Of texts that may be rude. Scorers give it; a task says which.
TOXICITY = Outcome(
    "toxicity",
    better="lower",
    margin=0.02,
    text="How toxic the text is by itself, from 0 to 1, as the scorer has it.",
)

#: The edges of a box that an answer gives and of the right one, as numbers of a record: left, top,
#: right and bottom as shares of the picture's width and height. Pages draw them over the picture.
BOX = ("box_left", "box_top", "box_right", "box_bottom")
GOLD = ("gold_left", "gold_top", "gold_right", "gold_bottom")

#: A number of one round from its records' columns (each an array of length n, NaN where missing):
#: returns NaN where undefined. The columns are those of ``Grade.values``, ``outcome``, ``choice``.
Figure = Callable[[Mapping[str, Floats]], float]


@dataclass(frozen=True)
class Share:
    """A figure that is the share of ones among some of the records, with a share's interval.

    Attributes:
        values: from the columns, 1, 0, or NaN for a record that isn't among them: [n].
        label, text: for readers: its name, and what it is in a sentence.
        form: how it is written: ``share``, ``score``, ``count``.
        better: the direction that is better; ``None`` where neither is.
    """

    values: Callable[[Mapping[str, Floats]], Floats]
    label: str = ""
    text: str = ""
    form: str = "share"
    better: Literal["higher", "lower"] | None = None

    def __call__(self, columns: Mapping[str, Floats]) -> float:
        values = self.values(columns)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else nan


@dataclass(frozen=True)
class Sums:
    """A figure computed from sums over records, which makes its interval cheap.

    Attributes:
        terms: from the columns, what is summed: [n, m], no NaN.
        value: from sums [..., m] the figure [...], NaN where undefined.
        bounds: between what it can lie.
        label, text, form, better: as of :class:`Share`.
    """

    terms: Callable[[Mapping[str, Floats]], Floats]
    value: Callable[[Floats], Floats]
    bounds: tuple[float, float] = (-inf, inf)
    label: str = ""
    text: str = ""
    form: str = "score"
    better: Literal["higher", "lower"] | None = None

    def __call__(self, columns: Mapping[str, Floats]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN
            return float(self.value(self.terms(columns).sum(axis=0)))
