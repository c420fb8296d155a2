"""Axes: from numbers and names to places, the ticks between, and how those are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
#: Below and above this much of its range nothing is on a linear axis: room for marks at the ends.
_ROOM = 0.05


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    said: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers, or names by their order, as places between two ends.

    Attributes:
        low, high: the range, in logarithms to base 10 where ``log``.
        start, end: where these lie, in units.
        log: whether it is of logarithms.
        names: of a category axis, each at the place of its number.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    names: tuple[str, ...] = ()

    def number(self, value: Any) -> float | None:
        """A value as the number that the axis shows; None where it has no place."""
        if value is None:
            return None
        if self.names:
            return float(self.names.index(str(value))) if str(value) in self.names else None
        number = float(value)
        if self.log:
            return math.log10(number) if number > 0 else None
        return number

    def at(self, value: Any) -> float | None:
        """Where a value lies."""
        number = self.number(value)
        if number is None:
            return None
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)

    def inside(self, place: float) -> float:
        """The nearest place that is on the axis."""
        return min(max(place, min(self.start, self.end)), max(self.start, self.end))


def scale(axis: Mapping[str, Any], values: Sequence[Any], start: float, end: float) -> Scale:
    """The scale of an axis that holds all these values.

    Args:
        axis: what the layout says of it.
        values: everything drawn along it, the ends of intervals too.
        start, end: where its low and its high end lie.
    """
    if axis.get("autorange") == "reversed":
        start, end = end, start
    if axis.get("type") == "category" or any(isinstance(v, str) for v in values):
        names = tuple(dict.fromkeys(str(v) for v in values if v is not None))
        low, high = axis.get("range", (-0.5, max(len(names), 1) - 0.5))
        return Scale(low, high, start, end, names=names)
    log = axis.get("type") == "log"
    numbers = [float(v) for v in values if v is not None and (not log or v > 0)]
    numbers = [math.log10(n) for n in numbers] if log else numbers
    if "range" in axis:
        low, high = (float(each) for each in axis["range"])
    else:
        low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
        if axis.get("rangemode") == "tozero" and not log:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            low, high = low - (abs(low) or 1) * 0.5, high + (abs(high) or 1) * 0.5
        room = _ROOM * (high - low)
        grounded = axis.get("rangemode") == "tozero" and not log
        low = low if grounded and low == 0 else low - room
        high = high if grounded and high == 0 else high + room
    return Scale(low, high, start, end, log)


def ticks(axis: Mapping[str, Any], of: Scale, most: int) -> list[Tick]:
    """The ticks of an axis, in its order; at most about so many where it may choose."""
    if "tickvals" in axis:
        form = axis.get("tickformat", "")
        said = axis.get("ticktext") or [
            number(v, form) if form else f"{v:,g}".replace("-", "−") for v in axis["tickvals"]
        ]
        return [Tick(v, str(name)) for v, name in zip(axis["tickvals"], said, strict=True)]
    if of.names:
        return [Tick(k, name) for k, name in enumerate(of.names)]
    most = min(most, axis.get("nticks", most))
    if of.log:
        return _decades(of, most)
    step = axis.get("dtick") or nice((of.high - of.low) / max(most, 1))
    step *= max(1, math.ceil((of.high - of.low) / step / max(most * 1.5, 1)))
    whole, origin = axis.get("tickformat") == "d", axis.get("tick0", 0)
    step = max(1, round(step)) if whole else step
    for _ in range(3):  # one number alone is no scale
        if math.floor((of.high - origin) / step) > math.ceil((of.low - origin) / step):
            break
        finer = nice(step / 2.5)
        step = max(1, round(finer)) if whole else finer
    first = math.ceil((of.low - origin) / step - 1e-9)
    last = math.floor((of.high - origin) / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    form = axis.get("tickformat", "")
    found = (origin + k * step for k in range(first, last + 1))
    return [Tick(at, number(at, form, places)) for at in found]


def nice(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that isn't less."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))


def _decades(of: Scale, most: int) -> list[Tick]:
    low, high = math.ceil(of.low - 1e-9), math.floor(of.high + 1e-9)
    if high - low < 1:  # less than a decade: 1, 2 and 5 of each
        between = [
            m * 10.0**p for p in range(low - 1, high + 2) for m in (1, 2, 5)
            if of.low <= math.log10(m * 10.0**p) <= of.high
        ]  # fmt: skip
        return [Tick(v, f"{v:g}") for v in between]
    step = max(1, math.ceil((high - low) / max(most, 1)))
    return [Tick(10.0**p, power(p)) for p in range(low, high + 1, step)]


def power(exponent: int) -> str:
    """``10⁻³``; 0.1, 1 and 10 to 1,000 as they are."""
    if -1 <= exponent <= 3:
        return f"{10.0**exponent:,g}"
    return f"10{str(exponent).translate(_POWERS)}"


def number(value: float, form: str = "", places: int = 2) -> str:
    """A tick's number.

    Args:
        value: the number.
        form: as plotly has it: ``d`` whole, ``~s`` with k, M and G, ``%`` a share in percent, a
            leading ``+`` with its sign; anything else by the axis' places.
        places: after the point.
    """
    sign = "−" if value < 0 else "+" if form.startswith("+") and value > 0 else ""
    size = abs(value)
    if form.endswith("%"):
        text = f"{100 * size:.{max(0, places - 2)}f} %"
    elif form == "d":
        text = f"{size:,.0f}"
    elif form.endswith("s"):
        by, unit = next(((by, u) for by, u in _SCALES if size >= by), (1.0, ""))
        text = f"{size / by:.3g}{unit}"
    elif 0 < size < 1e-4 or size >= 1e7:
        text = f"{size:.2g}"
    else:
        text = f"{size:,.{places}f}"
    return text if text.strip("0.%, ") == "" else sign + text
