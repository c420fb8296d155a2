"""Reading a reply as an answer: its key is what makes two of them the same."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.plain import bare, tidy

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d{1,3})?", re.I)
_MOST_DIGITS = 60


def whole_text(example: Example, text: str) -> Answer:
    """All of the reply is the answer; capitals, blanks and what stands around it don't matter."""
    del example
    key = bare(text) or tidy(text)  # "?!" is an answer that is nothing but its edges
    return Answer(text, key) if key else Answer(text, problem="empty")


def last_number(example: Example, text: str) -> Answer:
    """The last number of the reply is the answer: 1,200 and 1200.0 are the same.

    A comma separates thousands, a point decimals.
    """
    del example
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    found = _NUMBER.findall(plain)
    if not found:
        return Answer(text, problem="no number" if plain.strip() else "empty")
    key = _canonical(found[-1].replace(",", ""))
    return Answer(text, key) if key is not None else Answer(text, problem="no number")


def _canonical(number: str) -> str | None:
    """A number in the one way of writing it, without an exponent; ``None`` if it is beyond use."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return None
    if len(value.as_tuple().digits) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        return None
    if not value:
        return "0"
    shown = format(value, "f")  # Decimal's own normalize() rounds to 28 digits
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
