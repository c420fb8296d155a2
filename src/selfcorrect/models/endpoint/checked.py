"""What a server's JSON holds, read with a check at every step: what isn't as expected, or can't be,
makes the answer a broken one. Nothing else here raises, whatever the server sends."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Above 0 by no more than this is rounding: the sum under a softmax is rounded too, and in 16-bit
#: arithmetic the log of a certain token comes out a little above 0. It is taken as 0.
ROUNDING = 1e-3
#: No context window has so many tokens, and records hold numbers of 32 bits.
LARGEST = 10**9
#: The probabilities of a place's likeliest tokens sum to 1 at most, but for the rounding of each.
_MOST_MASS = 1.05
#: Below this, servers mean "never": some write the smallest number of 32 bits for -inf.
_NEVER = -1e30
#: From here down to :data:`_NEVER` no token has a log-probability: OpenAI writes -9999.0 of
#: one that isn't among the likeliest, others -1000 or -10000.
_UNTOLD = -1000.0
_SHOWN = 40
#: What comes in the place of JSON, by what it begins with.
_ELSE = (
    ("data:", "a stream of events, though none was asked for"),
    (":", "a stream of events, though none was asked for"),
    ("event:", "a stream of events, though none was asked for"),
    ("<", "a web page, no JSON"),
)
_CUT_OFF = "no JSON, or cut off"
_HALF = re.compile("[\ud800-\udfff]")


class BrokenError(ValueError):
    """An answer that isn't whole or holds what can't be: it is asked for again."""


def parse_any(raw: bytes) -> Any:
    """The JSON that an answer is.

    Raises:
        BrokenError: it is none: cut off, or a gateway's page in its place.
    """
    written = raw.decode("utf-8-sig", "replace")
    try:
        return json.loads(written)
    except (ValueError, RecursionError):  # nested too deeply, or a number of too many digits
        start = written[:200].lstrip().casefold()
        what = next((what for sign, what in _ELSE if start.startswith(sign)), _CUT_OFF)
        raise BrokenError(what) from None


def fields(value: Any, what: str) -> dict[str, Any]:
    """An object's fields.

    Raises:
        BrokenError: it is none.
    """
    if not isinstance(value, dict):
        raise BrokenError(f"{what} is {shown(value)}, not an object")
    return value


def items(value: Any, what: str) -> list[Any]:
    """A list's items.

    Raises:
        BrokenError: it is none.
    """
    if not isinstance(value, list):
        raise BrokenError(f"{what} is {shown(value)}, not a list")
    return value


def text(value: Any, what: str) -> str:
    """A text. Halves of characters, which JSON can hold and no file, are replaced by U+FFFD.

    Raises:
        BrokenError: it is none.
    """
    if not isinstance(value, str):
        raise BrokenError(f"{what} is {shown(value)}, not a text")
    return value if value.isascii() else _HALF.sub("\ufffd", value)


def optional(read: Callable[[Any, str], T], value: Any, what: str) -> T | None:
    """What may be missing or null.

    Raises:
        BrokenError: it is there, and not what it should be.
    """
    return None if value is None else read(value, what)


def logp(value: Any, what: str = "a log-probability") -> float:
    """A log-probability: at most 0, -inf for what can't be said.

    Raises:
        BrokenError: it is none (NaN, above 0, no number).
    """
    try:
        number = float(value) if _is_number(value) else math.nan
    except OverflowError:  # an integer of hundreds of digits
        number = math.nan
    if not number <= ROUNDING:  # NaN is no smaller, either
        raise BrokenError(f"{what} is {shown(value)}, not a number up to 0")
    return min(number, 0.0) if number > _NEVER else -math.inf


def logp_told(value: Any) -> float | None:
    """As :func:`logp`; ``None`` where none is told: null, or a number that stands for that.

    Raises:
        BrokenError: as there.
    """
    if value is None:
        return None
    number = logp(value)
    return None if -math.inf < number <= _UNTOLD else number


def count(value: Any, what: str, most: int = LARGEST) -> int:
    """How many there are of something: a whole number from 0 to ``most``.

    Raises:
        BrokenError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise BrokenError(f"{what} is {shown(value)}, not a whole number from 0 to {most}")
    return value


def likeliest(top: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """The likeliest tokens in a place.

    Raises:
        BrokenError: together they are more than certain.
    """
    mass = math.fsum(math.exp(each) for _, each in top)
    if mass > _MOST_MASS:
        raise BrokenError(f"the likeliest tokens in a place have a probability of {mass:.3g}")
    return top


def window(value: Any) -> int | None:
    """A context window in tokens; ``None`` where that isn't a number that one can have."""
    try:
        return count(value, "a context window") or None
    except BrokenError:
        return None


def shown(value: Any) -> str:
    """A value in a sentence: numbers as they are, of everything else its kind."""
    if value is None:
        return "null"
    if _is_number(value):
        written = f"{value:.6g}" if isinstance(value, float) else _digits(value)
        return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")


def _digits(value: int) -> str:
    return str(value) if abs(value) < 10**_SHOWN else "a number of many digits"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
