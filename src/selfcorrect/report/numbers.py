"""How numbers are written: in the table, the verdict and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def short(value: float, places: int = 2, *, signed: bool = False) -> str:
    """``.51`` for 0.51, ``−.03`` for −0.03: figures here are mostly below 1."""
    text = f"{abs(value):.{places}f}"
    text = text[1:] if text.startswith("0.") else text
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def percent(share: float, places: int = 1) -> str:
    """A share in percent, or a difference of shares in points, without a needless ``.0``."""
    return f"{100 * share:.{places}f}".removesuffix(".0")


def interval(estimate: Mapping[str, Any], places: int = 2) -> str:
    """``[.25, .33]``, or ``[–]`` where there is none."""
    if estimate["low"] is None or estimate["high"] is None:
        return "[–]"
    return f"[{short(estimate['low'], places)}, {short(estimate['high'], places)}]"


def points(difference: Mapping[str, Any], *, turned: bool = False) -> str:
    """``+4.1 points [1.2, 7.0]``; turned round (a loss of 4.1 [1.2, 7.0]) without its sign."""
    sign = -100 if turned else 100
    value, ends = difference["value"], [difference["low"], difference["high"]]
    text = f"{_one(sign * value)} points" if turned else f"{_one(sign * value, '+')} points"
    if None in ends:
        return text
    low, high = sorted(sign * end for end in ends)
    return f"{text} [{_one(low)}, {_one(high)}]"


def count(n: int, thing: str) -> str:
    """``1 cluster``, ``50 clusters``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _one(value: float, plus: str = "") -> str:
    text = f"{abs(value):.1f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else plus) + text
