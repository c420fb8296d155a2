"""Charts with axes: where everything stands, and in which order it is drawn.

Of plotly's vocabulary: traces ``scatter`` (lines, markers, both, or an area by ``fill``), ``bar``
(upright, stacked, or from a ``base``) and ``heatmap``; ``error_y``, ``error_x``, ``hovertext``;
axes ``xaxis``, ``yaxis``, ``yaxis2`` with ``title``, ``range``, ``rangemode``, ``type`` (``log``,
``category``), ``tickvals``, ``ticktext``, ``dtick``, ``tick0``, ``nticks``, ``tickformat``,
``domain``, ``zeroline``, ``showgrid``, ``side``; ``shapes`` that are rectangles; ``height``. The
name of an axis of y stands above it, so that it is read without turning one's head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from selfcorrect.report.svg import marks, names, streams
from selfcorrect.report.svg.elements import (
    LINE,
    Paint,
    clipped,
    element,
    path,
    text,
    width,
    wrapped,
)
from selfcorrect.report.svg.scales import Scale, Tick, scale, ticks

Layout = Mapping[str, Any]

#: Names of rows take so much of the width at most; on a phone they stand above their rows.
_NAMES_MOST = 0.36
#: A row with its name above it.
_ROW_ABOVE = 40.0
#: By so much names are turned that don't fit side by side; how far they then reach to the left.
_TURN, _FLAT = 35, 0.82


@dataclass(frozen=True, slots=True)
class Axes:
    """One pair of axes: its traces, its scale, and where it stands."""

    axis: Mapping[str, Any]
    traces: Sequence[marks.Trace]
    y: Scale
    ticks: Sequence[Tick]
    title: Sequence[str]
    top: float
    bottom: float


def draw(figure: Mapping[str, Any], wide: float, high: float, paint: Paint) -> tuple[str, float]:
    """What is inside the ``<svg>`` of a figure, and how high it became.

    Raises:
        ValueError: it has a trace of a kind that isn't drawn here.
    """
    traces, layout = figure["data"], figure["layout"]
    if traces and traces[0]["type"] == "flow":
        return streams.draw(traces[0], wide, layout.get("height", high), paint)
    for trace in traces:
        if trace["type"] not in ("scatter", "bar", "heatmap"):
            raise ValueError(f"a trace of type {trace['type']!r} can't be drawn")
    high = max(layout.get("height", high), _least(traces, layout, wide))
    told = names.named(traces, layout)
    direct = names.direct(told, layout, wide)
    legend, legend_high = names.heat_key(traces, paint)
    if not direct and not legend:
        legend, legend_high = names.legend(told, wide, paint)
    right = wide - (names.room(told, wide) if direct else 12.0)
    rows_above = _above(layout.get("yaxis", {}), traces, wide)
    left = 8.0 if rows_above else _left(traces, layout, wide, high)
    xaxis = layout.get("xaxis", {})
    x = scale(xaxis, list(_values(traces, layout, "x")), left, right)
    marked = ticks(xaxis, x, round((right - left) / 64))
    below, depth = _below(xaxis, x, marked, wide, high)
    top, bottom = legend_high + 10, high - (8.0 if xaxis.get("side") == "top" else depth)
    top += depth - 8 if xaxis.get("side") == "top" else 0
    panels = list(_panels(traces, layout, top, bottom, wide))
    body = [legend]
    if any(trace.get("marker", {}).get("pattern", {}).get("shape") for trace in traces):
        body.append(element("defs", marks.hatch(paint)))
    body += [_shapes(layout, x, panels[0], paint)]
    for panel in panels:
        body += [
            _grid(panel, x, marked, xaxis, paint),
            _ticks(panel, left, rows_above, wide, paint),
        ]
        body += _drawn(panel, x, paint)
        if direct:
            body.append(names.beside(panel.traces, x, panel.y, right, paint))
    place = top - 8 if xaxis.get("side") == "top" else panels[-1].bottom
    body.append(below(place, paint))
    return "".join(body), high


def _values(traces: Sequence[marks.Trace], layout: Layout, which: str) -> Iterator[Any]:
    """All that is drawn along x or y: points, the ends of intervals, bars, shapes."""
    for trace in traces:
        yield from trace[which]
        bars = trace.get(f"error_{which}")
        if bars:
            for value, up, down in zip(trace[which], *marks.reaches(bars), strict=True):
                if value is not None and up is not None and down is not None:
                    yield from (value + up, value - down)
        if trace["type"] == "bar":
            if which == "y":
                yield from (b + h for b, h in zip(trace.get("base", []), trace["y"], strict=False))
                yield from trace.get("base", [0])
            elif "width" in trace:
                for at, half in zip(trace["x"], trace["width"], strict=True):
                    yield from (at - half / 2, at + half / 2)
    if which == "y" and layout.get("barmode") == "stack":
        heights: dict[Any, float] = {}
        for trace in traces:
            if trace["type"] == "bar":
                for at, h in zip(trace["x"], trace["y"], strict=True):
                    heights[at] = heights.get(at, 0) + h
        yield from heights.values()
    for shape in layout.get("shapes", []):
        if shape.get(f"{which}ref", which) == which:
            yield from (shape[f"{which}0"], shape[f"{which}1"])


def _split(
    traces: Sequence[marks.Trace], layout: Layout
) -> list[tuple[Mapping[str, Any], list[Any]]]:
    """The axes of y from top to bottom, each with its traces."""
    of = {name: [t for t in traces if t.get("yaxis", "y") == name] for name in ("y", "y2")}
    axes = [
        (layout.get(f"{name.replace('y', 'yaxis')}", {}), mine) for name, mine in of.items() if mine
    ]
    return sorted(axes, key=lambda each: -each[0].get("domain", (0, 1))[1])


def _panels(
    traces: Sequence[marks.Trace], layout: Layout, top: float, bottom: float, wide: float
) -> Iterator[Axes]:
    for axis, mine in _split(traces, layout):
        low, high = axis.get("domain", (0, 1))
        above, under = top + (1 - high) * (bottom - top), top + (1 - low) * (bottom - top)
        title = wrapped(axis.get("title", {}).get("text", ""), wide - 24, 2)
        title = title if any(title) else []
        inner = above + (LINE * len(title) + 4 if title else 0)
        values = list(_values(mine, layout, "y"))
        y = scale(axis, values, under, inner)
        yield Axes(
            axis, mine, y, ticks(axis, y, max(2, round((under - inner) / 42))), title, inner, under
        )


def _left(traces: Sequence[marks.Trace], layout: Layout, wide: float, high: float) -> float:
    """Room for what stands at the ticks of y."""
    said = [t.said for p in _panels(traces, layout, 0, high * 0.8, wide) for t in p.ticks]
    return min(max((width(s) for s in said), default=0), _NAMES_MOST * wide) + 14


def _rows(axis: Mapping[str, Any], traces: Sequence[marks.Trace]) -> list[str]:
    """The names of a chart's rows, where it has rows rather than numbers along y."""
    if "ticktext" in axis:
        return [str(each) for each in axis["ticktext"]]
    return [str(v) for trace in traces for v in trace["y"] if isinstance(v, str)]


def _above(axis: Mapping[str, Any], traces: Sequence[marks.Trace], wide: float) -> bool:
    """Whether rows are so long to name that their names stand above them."""
    most = _NAMES_MOST * wide
    flat = any(trace["type"] == "heatmap" for trace in traces)
    return not flat and any(width(row) > most for row in _rows(axis, traces))


def _least(traces: Sequence[marks.Trace], layout: Layout, wide: float) -> float:
    axis = layout.get("yaxis", {})
    if not _above(axis, traces, wide):
        return 0.0
    return _ROW_ABOVE * len(_rows(axis, traces)) + 110


def _grid(
    panel: Axes, x: Scale, marked: Sequence[Tick], xaxis: Mapping[str, Any], paint: Paint
) -> str:
    """Lines at the ticks, and those of zero."""
    left, right = sorted((x.start, x.end))
    d = ""
    if panel.axis.get("showgrid", True):
        places = (
            panel.y.at(tick.at) if not panel.y.names else _at(panel.y, tick) for tick in panel.ticks
        )
        d = "".join(path([(left, y), (right, y)]) for y in places if y is not None)
    flat = any("error_x" in trace for trace in panel.traces) and "tickvals" in panel.axis
    if xaxis.get("showgrid", flat):
        d += "".join(
            path([(p, panel.top), (p, panel.bottom)])
            for t in marked
            if (p := _at(x, t)) is not None
        )
    grid = (
        element("path", d=d, fill="none", stroke_width=1, **paint.of("@rule", "stroke"))
        if d
        else ""
    )
    zero = ""
    if panel.axis.get("zeroline") and (at := panel.y.at(0)) is not None:
        zero += path([(left, at), (right, at)]) if panel.top <= at <= panel.bottom else ""
    if xaxis.get("zeroline") and (at := x.at(0)) is not None and left <= at <= right:
        zero += path([(at, panel.top), (at, panel.bottom)])
    if not zero:
        return grid
    return grid + element(
        "path", d=zero, fill="none", stroke_width=1.2, **paint.of("@soft", "stroke")
    )


def _at(of: Scale, tick: Tick) -> float | None:
    """Where a tick lies; those of names are given by their numbers."""
    if of.names:
        return of.start + (tick.at - of.low) / (of.high - of.low) * (of.end - of.start)
    place = of.at(tick.at)
    if place is None or of.inside(place) != place:
        return None
    return place


def _ticks(panel: Axes, left: float, above: bool, wide: float, paint: Paint) -> str:
    """What stands at the ticks of y, and the axis' name above them."""
    said = []
    for tick in panel.ticks:
        at = _at(panel.y, tick)
        if at is None:
            continue
        if above:
            said.append(text(clipped(tick.said, wide - left - 12), left, at - 11))
        else:
            name = clipped(tick.said, _NAMES_MOST * wide)
            said.append(text(name, left - 8, at + 4.5, anchor="end"))
    title = [
        text(row, 2, panel.top - 8 - LINE * (len(panel.title) - 1 - k), font_weight=600)
        for k, row in enumerate(panel.title)
    ]
    return element("g", *said, **paint.of("@soft")) + "".join(title)


def _drawn(panel: Axes, x: Scale, paint: Paint) -> Iterator[str]:
    """The traces, in their order; intervals below the markers of all of them."""
    heights: dict[Any, float] = {}
    on_top: list[str] = []
    for trace in panel.traces:
        if trace["type"] == "heatmap":
            yield from marks.cells(trace, x, panel.y, paint)
        elif trace["type"] == "bar":
            yield from _bars(trace, x, panel.y, heights, paint)
        else:
            points = marks.places(trace, x, panel.y)
            inside = [p if p and x.inside(p[0]) == p[0] else None for p in points]
            if "lines" in trace.get("mode", "lines"):
                yield marks.lines(trace, _cut(points, panel, trace), paint)
            yield from marks.errors(trace, x, panel.y, paint)
            if "markers" in trace.get("mode", ""):
                kept = [p if p and panel.y.inside(p[1]) == p[1] else None for p in inside]
                on_top += marks.markers(trace, kept, paint)
    yield from on_top


def _cut(points: Sequence[Any], panel: Axes, trace: marks.Trace) -> list[Any]:
    """Points no further out than the panel: what lies beyond it is drawn along its edge for an
    area, and left out for a line."""
    area = trace.get("fill") == "toself"
    return [
        p if p is None or panel.y.inside(p[1]) == p[1]
        else (p[0], panel.y.inside(p[1])) if area else None
        for p in points
    ]  # fmt: skip


def _bars(
    trace: marks.Trace, x: Scale, y: Scale, heights: dict[Any, float], paint: Paint
) -> Iterator[str]:
    wide = trace.get("width") or [0.55] * len(trace["x"])
    bases = trace.get("base")
    for k, (at, value) in enumerate(zip(trace["x"], trace["y"], strict=True)):
        base = bases[k] if bases else heights.get(at, 0.0)
        if not bases:
            heights[at] = base + value
        middle, low, high = x.at(at), y.at(base), y.at(base + value)
        if middle is None or low is None or high is None:
            continue
        half = wide[k] / (x.high - x.low) * abs(x.end - x.start) / 2
        low, high = y.inside(low), y.inside(high)
        yield marks.bar(trace, k, (middle - half, min(low, high), 2 * half, abs(low - high)), paint)


def _below(
    xaxis: Mapping[str, Any], x: Scale, marked: Sequence[Tick], wide: float, high: float
) -> Any:
    """What stands below the axis of x, as a function of where that is; and the room it takes."""
    shown_ = [(place, tick.said) for tick in marked if (place := _at(x, tick)) is not None]
    step = min((abs(b[0] - a[0]) for a, b in pairwise(shown_)), default=wide)
    rows = [wrapped(said, max(step - 8, 34)) for _, said in shown_]
    fits = all(width(row) <= step - 4 for each in rows for row in each) or len(shown_) == 1
    whole = all(
        "…" not in row or "…" in said
        for each, (_, said) in zip(rows, shown_, strict=True)
        for row in each
    )
    turned = not (fits and whole)
    longest = max((width(said) for _, said in shown_), default=0)
    deep = (
        min(longest, high * 0.45) * 0.574 + LINE
        if turned
        else LINE * max(map(len, rows), default=1)
    )
    title = wrapped(xaxis.get("title", {}).get("text", ""), wide - 24, 2)
    title = title if any(title) else []
    depth = deep + 12 + LINE * len(title) + (4 if title else 0)
    left, right = sorted((x.start, x.end))

    def said_below(place: float, paint: Paint) -> str:
        top = xaxis.get("side") == "top"
        line = path([(left, place), (right, place)])
        parts = []
        for (at, whole_name), each in zip(shown_, rows, strict=True):
            if turned:
                name = clipped(whole_name, min(longest, high * 0.45, (at - 2) / _FLAT) + 4)
                parts.append(
                    text(
                        name,
                        at + 4,
                        place + 16,
                        anchor="end",
                        transform=f"rotate(-{_TURN} {at + 4:.1f} {place + 16:.1f})",
                    )
                )
                continue
            parts += _tick_rows(each, at, place, wide, top=top)
        heading = [
            text(row, (left + right) / 2, place + deep + 12 + LINE * (k + 1) - 6, anchor="middle")
            for k, row in enumerate(title)
        ]
        axis = "" if top else element("path", d=line, fill="none", **paint.of("@soft", "stroke"))
        return axis + element("g", *parts, *heading, **paint.of("@soft"))

    return said_below, depth


def _tick_rows(
    rows: Sequence[str], at: float, place: float, wide: float, *, top: bool
) -> Iterator[str]:
    """A tick's name under its place, moved inwards where it would leave the chart."""
    for k, row in enumerate(rows):
        half = width(row) / 2
        middle = min(max(at, half), wide - half)
        height = place - LINE * (len(rows) - 1 - k) if top else place + 18 + LINE * k
        yield text(row, middle, height, anchor="middle")


def _shapes(layout: Layout, x: Scale, panel: Axes, paint: Paint) -> str:
    """Rectangles behind everything: a margin, a range."""
    drawn = []
    for shape in layout.get("shapes", []):
        ends = [
            scale_.inside(scale_.at(shape[f"{which}{k}"]) or 0)
            if shape.get(f"{which}ref", which) == which
            else (scale_.start if k == 0 else scale_.end)
            for which, scale_ in (("x", x), ("y", panel.y))
            for k in (0, 1)
        ]
        left, right = sorted(ends[:2])
        top, bottom = sorted(ends[2:])
        drawn.append(element("rect", x=left, y=top, width=right - left, height=bottom - top,
                             class_="area", **paint.of(shape["fillcolor"])))  # fmt: skip
    return "".join(drawn)
