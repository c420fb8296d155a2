"""What lines are called: beside their ends where there is room, else in a legend above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.svg import marks
from selfcorrect.report.svg.elements import LINE, Paint, clipped, element, path, text, width
from selfcorrect.report.svg.scales import Scale, number

#: More lines than these in a chart are named in a legend: their ends would crowd.
_MOST_DIRECT = 5
#: Of the width, for the names beside the lines; a longer one goes into a legend.
_SHARE = 0.27
_KEY = 26.0


def named(traces: Sequence[marks.Trace], layout: Mapping[str, Any]) -> list[marks.Trace]:
    """The traces that have to be told from each other, in the order of the legend."""
    if not layout.get("showlegend", True):
        return []
    found = {t["name"]: t for t in traces if t.get("name") and t.get("showlegend", True)}
    told = list(found.values())
    if layout.get("legend", {}).get("traceorder") == "reversed":
        told.reverse()
    return told


def direct(told: Sequence[marks.Trace], layout: Mapping[str, Any], wide: float) -> bool:
    """Whether all of them are lines over rounds, few enough, and their names short enough."""
    if not layout.get("direct") or len(told) > _MOST_DIRECT:
        return False
    return all(
        t["type"] == "scatter"
        and "lines" in t.get("mode", "lines")
        and width(t["name"]) + 18 <= _SHARE * wide
        for t in told
    )


def room(told: Sequence[marks.Trace], wide: float) -> float:
    """So much stays free at the right for names beside lines."""
    return min(max((width(t["name"]) for t in told), default=0) + 30, _SHARE * wide + 14)


def beside(traces: Sequence[marks.Trace], x: Scale, y: Scale, right: float, paint: Paint) -> str:
    """Names at the right ends of a panel's lines, moved apart where they would overlap."""
    ends = []
    for trace in named(traces, {}):
        points = [p for p in marks.places(trace, x, y) if p is not None]
        if points:
            ends.append((y.inside(points[-1][1]), trace))
    ends.sort(key=lambda each: each[0])
    heights = spread([at for at, _ in ends], LINE, min(y.start, y.end) + 4, max(y.start, y.end) - 2)
    drawn = []
    for (_, trace), height in zip(ends, heights, strict=True):
        drawn.append(_key(trace, right + 6, height, paint, short=True))
        drawn.append(text(trace["name"], right + 20, height + 4.5))
    return element("g", *drawn, class_="names")


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places in ascending order, at least ``gap`` apart and as near as can be to where they were.

    Those that touch are moved as one block around the mean of where they would be (the pool
    adjacent violators of isotonic regression), which is the nearest in least squares; then all are
    kept between the ends, where these leave room.
    """
    blocks: list[list[float]] = []  # of each: the sum of wished starts, and how many
    for k, place in enumerate(places):
        blocks.append([place - k * gap, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, n = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += n
    starts = [total / n for total, n in blocks for _ in range(int(n))]
    last = high - gap * (len(places) - 1)
    return [min(max(s, low), max(last, low)) + k * gap for k, s in enumerate(starts)]


def legend(told: Sequence[marks.Trace], wide: float, paint: Paint) -> tuple[str, float]:
    """A legend in rows from the left, and how high it is; nothing for a single trace."""
    if len(told) < 2:
        return "", 0.0
    drawn, x, y = [], 2.0, 14.0
    for trace in told:
        name = clipped(trace["name"], wide - _KEY - 16)
        takes = _KEY + 6 + width(name) + 18
        if x > 2 and x + takes - 18 > wide:
            x, y = 2.0, y + LINE + 4
        drawn.append(_key(trace, x, y - 4.5, paint))
        drawn.append(text(name, x + _KEY + 6, y))
        x += takes
    return element("g", *drawn, class_="names"), y + 8


def _key(trace: marks.Trace, x: float, y: float, paint: Paint, *, short: bool = False) -> str:
    """A piece of the line with its marker, or of the bar."""
    if trace["type"] == "bar":
        return marks.bar({**trace, "hoverinfo": "skip"}, 0, (x + 5, y - 6, 16, 12), paint)
    wide = 0.0 if short and "markers" in trace.get("mode", "") else 10.0 if short else _KEY
    middle = x + (3 if short and not wide else wide / 2)
    drawn = ""
    if "lines" in trace.get("mode", "lines") and wide:
        look = trace.get("line", {})
        drawn = element("path", d=path([(x, y), (x + wide, y)]), fill="none",
                        stroke_width=min(look.get("width", 2), 6),
                        stroke_dasharray=marks.dash(trace),
                        **paint.of(look.get("color", "@outcome"), "stroke"))  # fmt: skip
    if "markers" in trace.get("mode", ""):
        size = min(trace.get("marker", {}).get("size", 7), 9)
        drawn += marks.marker(
            {**trace, "marker": {**trace["marker"], "size": size}}, middle, y, paint
        )
    return drawn


#: Fields of the key of a heat map.
_FIELDS = 9


def heat_key(traces: Sequence[marks.Trace], paint: Paint) -> tuple[str, float]:
    """What the colours of a heat map mean, and how high that is; nothing where it isn't named."""
    found = next((t for t in traces if t["type"] == "heatmap" and t.get("key")), None)
    if not found:
        return "", 0.0
    low, high = (number(found[end], "+.2", 2) for end in ("zmin", "zmax"))
    start = 2 + width(low) + 6
    drawn = [text(low, 2, 14)]
    for k in range(_FIELDS):
        colour = marks.between(found["colorscale"], k / (_FIELDS - 1))
        edge = paint.of("@rule", "stroke")
        drawn.append(
            element("rect", x=start + 16 * k, y=3, width=16, height=13, **paint.of(colour), **edge)
        )
    end = start + 16 * _FIELDS + 6
    drawn += [text(high, end, 14), text(found["key"], end + width(high) + 14, 14)]
    return element("g", *drawn, class_="names"), 26.0
