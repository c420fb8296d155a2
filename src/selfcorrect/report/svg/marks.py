"""The marks of a chart: symbols, lines, areas, bars with their intervals, cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from selfcorrect.report.svg.elements import Paint, element, near, path, shown
from selfcorrect.report.svg.scales import Scale

Trace = Mapping[str, Any]
Point = tuple[float, float]

_DASHES = {
    "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "11 4",
    "longdashdot": "11 3 2 3",
}  # fmt: skip
#: So many markers of a line say what they are; hovering between two of more finds a neighbour.
_MANY = 40
_TURNS = {"diamond": (4, 0.0), "square": (4, 45.0), "triangle-up": (3, 0.0),
          "triangle-down": (3, 180.0), "pentagon": (5, 0.0), "hexagon": (6, 0.0),
          "hexagon2": (6, 30.0)}  # fmt: skip
_STARS = {"star": 5, "hexagram": 6, "star-diamond": 4}
_STROKES = {"x", "cross", "line-ew", "line-ns", "asterisk"}


def dash(trace: Trace) -> str | None:
    """A line's dashes."""
    return _DASHES.get(trace.get("line", {}).get("dash", "solid"))


def symbol(kind: str, x: float, y: float, size: float) -> str:
    """The ``d`` of a symbol around a point."""
    name = kind.removesuffix("-open").removesuffix("-thin")
    r = size / 2
    if name == "circle":
        n = near(r)
        return (
            f"M{near(x - r)} {near(y)}a{n} {n} 0 1 0 {near(2 * r)} 0a{n} {n} 0 1 0 -{near(2 * r)} 0"
        )
    if name in _TURNS:
        corners, turn = _TURNS[name]
        reach = r * (1.3 if name == "square" else 1.2)
        return path(_ring(x, y, [reach] * corners, turn), closed=True)
    if name in _STARS:
        return path(_ring(x, y, [r * 1.35, r * 0.6] * _STARS[name], 0), closed=True)
    lines: dict[str, tuple[tuple[float, float, float, float], ...]] = {
        "x": ((-1, -1, 1, 1), (-1, 1, 1, -1)),
        "cross": ((-1, 0, 1, 0), (0, -1, 0, 1)),
        "line-ew": ((-1, 0, 1, 0),),
        "line-ns": ((0, -1, 0, 1),),
        "asterisk": ((-1, 0, 1, 0), (0, -1, 0, 1), (-0.7, -0.7, 0.7, 0.7), (-0.7, 0.7, 0.7, -0.7)),
    }
    if name not in lines:
        raise ValueError(f"there is no symbol {kind!r}")
    return "".join(
        path([(x + a * r, y + b * r), (x + c * r, y + d * r)]) for a, b, c, d in lines[name]
    )


def _ring(x: float, y: float, radii: Sequence[float], turn: float) -> list[Point]:
    step = 2 * math.pi / len(radii)
    angles = [math.radians(turn - 90) + k * step for k in range(len(radii))]
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def marker(trace: Trace, x: float, y: float, paint: Paint, **more: object) -> str:
    """One marker of a trace; hollow ones hide what lies below them."""
    look = trace.get("marker", {})
    kind = look.get("symbol", "circle")
    return element("path", d=symbol(kind, x, y, look.get("size", 7)), **_inked(look, paint), **more)


def _inked(look: Mapping[str, Any], paint: Paint) -> dict[str, Any]:
    kind, colour = look.get("symbol", "circle"), look.get("color", "@outcome")
    name = kind.removesuffix("-open").removesuffix("-thin")
    open_ = kind.endswith("-open") or name in _STROKES
    fill = "none" if name in _STROKES else "@paper" if open_ else colour
    edge = {**paint.of(colour, "stroke"), "stroke_width": 1.8 if open_ else 0.8}
    return {**paint.of(fill), **edge}


def titled(mark: str, said: str, x: float, y: float) -> str:
    """A mark with what it says: told on hovering, by the browser or by the page's script."""
    at = f"{near(x)} {near(y)}"
    return element("g", f"<title>{shown(said)}</title>", mark, class_="mark", data_at=at)


def places(trace: Trace, x: Scale, y: Scale) -> list[Point | None]:
    """Where a trace's points lie; None where one has no place: there a line has a gap."""
    found: list[Point | None] = []
    for a, b in zip(trace["x"], trace["y"], strict=True):
        at, height = x.at(a), y.at(b)
        found.append(None if at is None or height is None else (at, height))
    return found


def lines(trace: Trace, points: Sequence[Point | None], paint: Paint) -> str:
    """The line through a trace's points, or the area that it goes round."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    if trace.get("fill") == "toself":
        d = "".join(path(run, closed=True) for run in runs if len(run) > 2)
        return element("path", d=d, class_="area", **paint.of(trace["fillcolor"])) if d else ""
    d = "".join(path(run) for run in runs if len(run) > 1)
    look = trace.get("line", {})
    colour = look.get("color") or trace.get("marker", {}).get("color", "@outcome")
    if not d or not look.get("width", 2):
        return ""
    return element("path", d=d, fill="none", stroke_width=look.get("width", 2),
                   stroke_dasharray=dash(trace), stroke_linejoin="round",
                   **paint.of(colour, "stroke"))  # fmt: skip


def markers(trace: Trace, points: Sequence[Point | None], paint: Paint) -> Iterator[str]:
    """A trace's markers, each with what it says; where there are many, some of them say it."""
    said, look = hovers(trace), trace.get("marker", {})
    kind, size = look.get("symbol", "circle"), look.get("size", 7)
    there = [(k, *p) for k, p in enumerate(points) if p is not None]
    each = -(-len(there) // _MANY)
    silent, drawn = "", []
    for number, (k, x, y) in enumerate(there):
        d = symbol(kind, x, y, size)
        told = said[k] if k < len(said) else ""
        if told and number % each == 0:
            drawn.append(titled(element("path", d=d), told, x, y))
        else:
            silent += d
    if silent:
        drawn.append(element("path", d=silent))
    if drawn:
        yield element("g", *drawn, **_inked(look, paint))


def hovers(trace: Trace) -> list[str]:
    """What a trace's points say on hovering, with its name where that is wanted."""
    if trace.get("hoverinfo") == "skip" or "hovertext" not in trace:
        return []
    named = "name" in trace.get("hoverinfo", "") and trace.get("name")
    return [f"{trace['name']}: {said}" if named and said else said for said in trace["hovertext"]]


def errors(trace: Trace, x: Scale, y: Scale, paint: Paint) -> Iterator[str]:
    """The intervals of a trace, along y or x, with caps; cut at the edge of the chart."""
    for key, upright in (("error_y", True), ("error_x", False)):
        bars = trace.get(key)
        if not bars:
            continue
        d = ""
        ups, downs = reaches(bars)
        for a, b, up, down in zip(trace["x"], trace["y"], ups, downs, strict=True):
            if up is None or down is None or a is None or b is None:
                continue
            d += _bar(x, y, a, b, up, down) if upright else _bar(y, x, b, a, up, down, flat=True)
        if d:
            stroke = paint.of(bars.get("color", "@outcome"), "stroke")
            yield element("path", d=d, fill="none", stroke_width=1.3, **stroke)


def reaches(bars: Mapping[str, Any]) -> tuple[Sequence[float | None], Sequence[float | None]]:
    """How far intervals reach up and down; as far down as up where nothing else is said."""
    return bars["array"], bars.get("arrayminus", bars["array"])


def _bar(
    across: Scale, along: Scale, a: Any, b: Any, up: float, down: float, *, flat: bool = False
) -> str:
    at, low, high = across.at(a), along.at(b - down), along.at(b + up)
    if at is None or high is None:
        return ""
    low = along.start if low is None else low  # below what a log axis can show
    cut_low, cut_high, cap = along.inside(low), along.inside(high), 3.0
    ends = [(at, cut_low), (at, cut_high)]
    caps = [[(at - cap, cut), (at + cap, cut)] for cut, end in ((cut_low, low), (cut_high, high))
            if cut == end]  # fmt: skip
    strokes = [ends, *caps]
    return "".join(path([(q, p) if flat else (p, q) for p, q in stroke]) for stroke in strokes)


def bar(trace: Trace, k: int, box: tuple[float, float, float, float], paint: Paint) -> str:
    """One bar (left, top, width, height); hatched where the trace says so."""
    left, top, wide, high = box
    look = trace.get("marker", {})
    pattern = look.get("pattern", {}).get("shape")
    fill = (
        {"fill": f"url(#{paint.name}-hatch)"}
        if pattern
        else paint.of(look.get("color", "@outcome"))
    )
    edge = paint.of(look["line"]["color"], "stroke") if "line" in look else {}
    drawn = element(
        "rect", x=left, y=top, width=max(wide, 0.5), height=max(high, 0.0), **fill, **edge
    )
    said = hovers(trace)
    if k < len(said) and said[k]:
        return titled(drawn, said[k], left + wide / 2, top)
    return drawn


def hatch(paint: Paint) -> str:
    """The pattern of hatched bars."""
    line = element(
        "path", d="M-1 7L7 -1M3 7L7 3M-1 3L3 -1", stroke_width=1.2, **paint.of("@outcome", "stroke")
    )
    return element(
        "pattern", line, id=f"{paint.name}-hatch", width=6, height=6, patternUnits="userSpaceOnUse"
    )


def cells(trace: Trace, x: Scale, y: Scale, paint: Paint) -> Iterator[str]:
    """A heat map: a rectangle a number, the more opaque the further it is from what is clear."""
    gaps = trace.get("xgap", 0) + 0.0, trace.get("ygap", 0) + 0.0
    wide = abs(x.end - x.start) / (x.high - x.low)
    high = abs(y.end - y.start) / (y.high - y.low)
    said = trace.get("hovertext") if trace.get("hoverinfo") != "skip" else None
    shows = trace.get("text") if trace.get("texttemplate") else None
    known = [value for row in trace["z"] for value in row if value is not None]
    least, most = trace.get("zmin", min(known, default=0)), trace.get("zmax", max(known, default=1))
    for i, row in enumerate(trace["z"]):
        for j, value in enumerate(row):
            at, height = x.at(trace["x"][j]), y.at(trace["y"][i])
            if value is None or at is None or height is None:
                continue
            share = (value - least) / ((most - least) or 1)
            colour = between(trace["colorscale"], min(max(share, 0.0), 1.0))
            left, top = at - (wide - gaps[0]) / 2, height - (high - gaps[1]) / 2
            size = {"width": wide - gaps[0], "height": high - gaps[1]}
            drawn = element("rect", x=left, y=top, **size, **paint.of(colour))
            if shows:
                drawn += element(
                    "text", shown(str(shows[i][j])), x=at, y=height + 4.5, text_anchor="middle"
                )
            yield titled(drawn, said[i][j], at, height) if said else drawn


_COLOUR = re.compile(r"@(\w+)(?:/(\d+))?")


def between(stops: Sequence[tuple[float, str]], share: float) -> str:
    """A colour of a scale whose stops differ in opacity, or in colour where one is clear."""
    for (a, one), (b, other) in pairwise(stops):
        if a <= share <= b:
            part = (share - a) / (b - a)
            (name, opaque), (name_2, opaque_2) = _parts(one), _parts(other)
            strongest = name if opaque >= opaque_2 else name_2
            return f"@{strongest}/{round(opaque + part * (opaque_2 - opaque))}"
    return stops[-1][1]


def _parts(colour: str) -> tuple[str, int]:
    found = _COLOUR.fullmatch(colour)
    if not found:
        raise ValueError(f"{colour!r} is no colour of ours")
    return found[1], int(found[2] or 100)
