"""How numbers are written: in the table, the verdict and the report alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

#: What stands where a number is missing.
MISSING = "–"
#: What is said below a table that has such a cell, and one that has no interval beside a number.
_NO_NUMBER = f"{MISSING}: no number; it doesn't apply, or there was too little to tell it."
_NO_INTERVAL = f"[{MISSING}]: no interval; there was too little to tell it."
#: Said once where sentences give percent or points and tables shares.
UNITS = "Percent and points are hundredths: 4.1 points in a sentence are .041 in a table."
_IN_HUNDREDTHS = re.compile(r"\d\]? (?:%|points)")
_LARGE = 1e7


def short(value: float, places: int = 2, *, signed: bool = False) -> str:
    """``.51`` for 0.51, ``−.03`` for −0.03: figures here are mostly below 1."""
    if abs(value) >= _LARGE:  # nobody reads so many digits
        return ("−" if value < 0 else "+" if signed else "") + f"{abs(value):.3g}"
    text = f"{abs(value):.{places}f}"
    text = text[1:] if text.startswith("0.") else text
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def legend(cells: Iterable[str], note: str = "") -> str:
    """What the dashes in a table's cells mean, a sentence each; empty where there are none, or the
    note below the table says it."""
    shown = [cell.strip() for cell in cells if MISSING in cell]
    told = {
        _NO_INTERVAL: any(f"[{MISSING}]" in cell for cell in shown),
        _NO_NUMBER: any(map(_ALONE.search, shown)),
    }
    return "" if MISSING in note else " ".join(text for text, there in told.items() if there)


def units(sentences: Iterable[str]) -> str:
    """:data:`UNITS` where sentences give percent or points, as tables never do; else empty."""
    return UNITS if any(map(_IN_HUNDREDTHS.search, sentences)) else ""


#: A dash for a number: all of a cell, or after ``p``.
_ALONE = re.compile(rf"^{MISSING}\W*$|\bp {MISSING}")


def p_value(p: float | None) -> str:
    """``.032``, ``< .001``; :data:`MISSING` for none."""
    return MISSING if p is None else "< .001" if p < 0.001 else short(p, 3)


def percent(share: float, places: int = 1) -> str:
    """A share in percent, or a difference of shares in points, without a needless ``.0``."""
    return f"{100 * share:.{places}f}".removesuffix(".0")


def clusters(estimate: Mapping[str, Any]) -> str:
    """``25 clusters``, with how many of one size these are worth where sizes differ."""
    said, effective = count(estimate["clusters"], "cluster"), estimate.get("effective_clusters")
    return said if effective is None else f"{said}, G* {effective:.1f}"


def decides(difference: Mapping[str, Any]) -> Mapping[str, Any]:
    """A difference with the interval that its verdict goes by."""
    low, high = difference.get("decides") or (difference["low"], difference["high"])
    return {**difference, "low": low, "high": high}


def interval(estimate: Mapping[str, Any], places: int = 2) -> str:
    """``[.25, .33]``, or ``[–]`` where there is none."""
    if estimate["low"] is None or estimate["high"] is None:
        return f"[{MISSING}]"
    low, high = estimate["low"], estimate["high"]
    places = _apart(low, high, places)
    return f"[{short(low, places)}, {short(high, places)}]"


#: What takes more places than this to be seen is as good as none.
_MOST_PLACES = 5


def _apart(low: float, high: float, places: int) -> int:
    """So many places, or as many more as tell two ends apart: an interval has a width."""
    more = range(places, _MOST_PLACES + 1)
    return next((n for n in more if short(low, n) != short(high, n)), places)


def at_least(share: float) -> str:
    """The same rounded up, where rounding down would turn "not within it" into "within it"."""
    return percent(math.ceil(1000 * share - 1e-9) / 1000)


def tenths(value: float, plus: str = "") -> str:
    """A number to one place with the sign of minus: ``−4.1``; ``plus`` stands before others."""
    text = f"{abs(value):.1f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else plus) + text


def change(difference: Mapping[str, Any], share: bool, **how: bool) -> str:
    """A difference of outcomes: in points of a share, else as the number that it is.

    Args:
        difference: its estimate.
        share: whether it is one of shares.
        how: ``signed`` and ``turned``, as for :func:`points`.
    """
    if share:
        return points(difference, **how)
    turned = -1 if how.get("turned") else 1
    value, ends = difference["value"], [difference["low"], difference["high"]]
    signed = how.get("signed", True) and turned > 0
    places = places_of(difference.get("margin"))
    text = short(turned * value, places, signed=signed)
    if None in ends:
        return text
    low, high = sorted(turned * end for end in ends)
    return f"{text} [{short(low, places)}, {short(high, places)}]"


def places_of(margin: float | None) -> int:
    """Places after the point, so that a margin and what is compared with it have two digits."""
    return 3 if not margin else max(3, 1 - math.floor(math.log10(margin)))


def within(margin: float, share: bool) -> str:
    """``±3 points`` of a share, ``±.02`` of another number."""
    if share:
        text = percent(margin, places_of(margin) - 2)
        return f"±{text.rstrip('0').rstrip('.') if '.' in text else text} points"
    return f"±{short(margin, places_of(margin))}"


def points(difference: Mapping[str, Any], *, signed: bool = True, turned: bool = False) -> str:
    """``+4.1 points [1.2, 7.0]``.

    Args:
        difference: an estimate of a difference of shares.
        signed: with a plus.
        turned: as the loss that it is: −4.1 as ``4.1 points [1.2, 7.0]``.
    """
    sign = -100 if turned else 100
    value, ends = difference["value"], [difference["low"], difference["high"]]
    text = f"{tenths(sign * value, '+' if signed and not turned else '')} points"
    if None in ends:
        return text
    low, high = sorted(sign * end for end in ends)
    return f"{text} [{tenths(low)}, {tenths(high)}]"


def about(n: int) -> str:
    """A number of examples that is itself an estimate: two digits of it, rounded up."""
    step = 10 ** max(len(str(n)) - 2, 0)
    return f"about {-(-n // step) * step:,}"


def examples_needed(n: int, seen: Mapping[str, Any], there: int) -> str:
    """``about 590 examples``, and in how many clusters, where those that were seen hold several: as
    many more of the same clusters tell less; and whether the data have so many.

    Args:
        n: examples.
        seen: ``n`` and ``clusters`` of what they follow from.
        there: how many the data have.
    """
    said = f"{about(n)} examples"
    if 0 < seen["clusters"] < seen["n"]:
        said += f" (in {about(-(-n * seen['clusters'] // seen['n']))} clusters)"
    return said + (f", more than the {there:,} there are," if n > there else "")


def count(n: int, thing: str) -> str:
    """``1 cluster``, ``50 clusters``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def written(
    value: float | None,
    form: str = "score",
    *,
    signed: bool = False,
    within: Mapping[str, Any] | None = None,
) -> str:
    """A number in the HTML report: ``51 %``, ``−4.0 points``, ``1,204``, ``.512``; a dash for none.

    Args:
        value: the number.
        form: its kind, see :class:`selfcorrect.report.definitions.Definition`.
        signed: a difference: with its sign, of a share in points.
        within: the estimate whose interval says how many digits of a share mean anything.
    """
    if value is None:
        return MISSING
    if form == "share":
        if signed:
            return f"{tenths(100 * value, '+')} points"
        return f"{_percent(value, _worth(within or {}))} %"
    if form == "count" or (form == "tokens" and (value == 0 or abs(value) >= 100)):
        sign = "−" if value < 0 else "+" if signed and value > 0 else ""
        return f"{sign}{abs(value):,.0f}"
    large = form == "score" and abs(value) >= 10  # a count of words needs no thousandths
    return short(value, 1 if form == "tokens" or large else 3, signed=signed)


def written_interval(estimate: Mapping[str, Any], form: str, *, signed: bool = False) -> str:
    """``[40, 52]`` of a share, ``[.401, .520]`` else, or nothing where there is none."""
    if estimate.get("low") is None or estimate.get("high") is None:
        return ""
    low, high = estimate["low"], estimate["high"]
    if form == "share":
        places = 1 if signed else _worth(estimate)
        return f"[{_percent(low, places)}, {_percent(high, places)}]"
    ends = [written(each, form) for each in (low, high)]
    if ends[0] == ends[1] and form not in ("count", "tokens"):
        places = _apart(low, high, 3)
        ends = [short(each, places) for each in (low, high)]
    return f"[{ends[0]}, {ends[1]}]"


#: Half an interval, in points, from which on a tenth of a percent means nothing; a hundredth.
_WHOLE, _TENTHS = 2.5, 0.25


def _worth(estimate: Mapping[str, Any]) -> int:
    """Places after the point of a percentage that its interval warrants."""
    low, high = estimate.get("low"), estimate.get("high")
    if low is None or high is None:
        return 1
    half = 50 * (high - low)
    return 0 if half >= _WHOLE else 1 if half >= _TENTHS else 2


def _percent(share: float, places: int) -> str:
    text = f"{abs(100 * share):.{places}f}"
    return text if float(text) == 0 or share > 0 else f"−{text}"
