"""Where answers went: two blocks a round, right above wrong, as high as they are many, and streams.

A figure ``{"type": "flow", "columns": [{"name", "held": {side: n}}, …], "streams": [{"at": k,
"from": side, "to": side, "n", "colour", "said"}, …], "sides": {side: colour}}``: a stream goes from
column k to the next one. Within a block streams lie in their order, where they leave and where they
arrive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from selfcorrect.report.svg.elements import Paint, element, near, text
from selfcorrect.report.svg.marks import titled

#: Width of a block, and what lies between right and wrong.
_BLOCK, _GAP = 10.0, 14.0
_TOP, _BOTTOM = 6.0, 26.0
_SIDE = 34.0
#: Room for a column's name.
_NAME = 68.0


def draw(trace: Mapping[str, Any], wide: float, high: float, paint: Paint) -> tuple[str, float]:
    """What is inside the ``<svg>``, and its height."""
    columns, sides = trace["columns"], list(trace["sides"])
    total = max(sum(each["held"].values()) for each in columns) or 1
    unit = (high - _TOP - _BOTTOM - _GAP * (len(sides) - 1)) / total
    step = (wide - 2 * _SIDE - _BLOCK) / max(len(columns) - 1, 1)
    lefts = [_SIDE + k * step for k in range(len(columns))]
    tops = [_stacked(each["held"], sides, unit) for each in columns]
    left_at = [dict(each) for each in tops]
    into_at = [dict(each) for each in tops]
    drawn = []
    for stream in trace["streams"]:
        k, thick = stream["at"], stream["n"] * unit
        start, end = left_at[k][stream["from"]], into_at[k + 1][stream["to"]]
        left_at[k][stream["from"]] += thick
        into_at[k + 1][stream["to"]] += thick
        d = _ribbon(lefts[k] + _BLOCK, start, lefts[k + 1], end, thick)
        mark = element("path", d=d, **paint.of(stream["colour"]))
        middle = (lefts[k] + _BLOCK + lefts[k + 1]) / 2
        drawn.append(titled(mark, stream["said"], middle, (start + end + thick) / 2))
    for k, column in enumerate(columns):
        for side in sides:
            n = column["held"][side]
            if not n:
                continue
            top, left = tops[k][side], lefts[k]
            block = element("rect", x=left, y=top, width=_BLOCK, height=n * unit,
                            class_=f"block {side}", **paint.of(trace["sides"][side]))  # fmt: skip
            drawn.append(titled(block, f"{n:,} {side} in {column['name']}", left, top))
            drawn.append(_count(n, k, len(columns), left, top + n * unit / 2))
    for k, column in enumerate(columns):
        where = "start" if k == 0 else "end" if k == len(columns) - 1 else "middle"
        at = {"start": 2.0, "end": wide - 2, "middle": lefts[k] + _BLOCK / 2}[where]
        last = len(columns) - 1
        near_end = (last - k) * step < _NAME  # it would touch the last one's
        if k in (0, last) or (k % max(1, math.ceil(_NAME / step)) == 0 and not near_end):
            drawn.append(
                element("g", text(column["name"], at, high - 8, anchor=where), **paint.of("@soft"))
            )
    return "".join(drawn), high


def _stacked(held: Mapping[str, int], sides: list[str], unit: float) -> dict[str, float]:
    """The top of each side's block."""
    tops, at = {}, _TOP
    for side in sides:
        tops[side] = at
        at += held[side] * unit + _GAP
    return tops


def _ribbon(x: float, y: float, to_x: float, to_y: float, thick: float) -> str:
    middle = (x + to_x) / 2
    a, b, c, d, e = (near(v) for v in (x, y, to_x, to_y, middle))
    low, to_low = near(y + thick), near(to_y + thick)
    return f"M{a} {b}C{e} {b} {e} {d} {c} {d}L{c} {to_low}C{e} {to_low} {e} {low} {a} {low}Z"


def _count(n: int, k: int, columns: int, left: float, middle: float) -> str:
    """How many, beside the first and the last block; between them hovering tells it."""
    if k == 0:
        return text(f"{n:,}", left - 5, middle + 4.5, anchor="end")
    if k == columns - 1:
        return text(f"{n:,}", left + _BLOCK + 5, middle + 4.5)
    return ""
