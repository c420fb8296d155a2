"""Where the answers went: two blocks a round, right above wrong, and streams between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from selfcorrect.report.charts.traces import Figure, Trace
from selfcorrect.report.estimates import Rounds
from selfcorrect.report.numbers import written

_HOVER = "%{value} %{customdata}<extra></extra>"
#: Between the blocks of right and wrong, as a share of the height.
_GAP = 0.02


class _Stream(NamedTuple):
    start: str
    end: str
    colour: str
    said: str


_STREAMS: Mapping[str, _Stream] = {
    "kept_right": _Stream("right", "right", "@kept/45", "stayed right"),
    "wrong_to_right": _Stream("wrong", "right", "@outcome/75", "wrong → right"),
    "right_to_wrong": _Stream("right", "wrong", "@lost/75", "right → wrong"),
    "wrong_to_wrong": _Stream("wrong", "wrong", "@other/60", "wrong → another wrong"),
    "kept_wrong": _Stream("wrong", "wrong", "@kept/30", "stayed at the same wrong"),
}
_SIDES = ("right", "wrong")
_COLOURS = {"right": "@outcome", "wrong": "@lost"}

_Flow = Mapping[str, int]


def flow(rounds: Rounds) -> Figure:
    """A Sankey diagram of right and wrong answers over the rounds."""
    moves = [
        (a["round"], b["round"], b["flow"])
        for a, b in pairwise(rounds)
        if "kept_right" in (b["flow"] or {})
    ]
    flows = [counts for _, _, counts in moves]
    if not any(sum(counts.values()) for counts in flows):
        return [], {}
    # a column holds what comes in; the same answers go out, where none is missing in between
    ends = [_held(flows[0], "start"), *(_held(counts, "end") for counts in flows)]
    starts = [*(_held(counts, "start") for counts in flows), ends[-1]]
    held = [{s: max(a[s], b[s]) for s in _SIDES} for a, b in zip(starts, ends, strict=True)]
    columns = [moves[0][0], *(after for _, after, _ in moves)]
    trace: Trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": _blocks(columns, held),
        "link": _streams(columns, flows, held),
    }
    return [trace], {
        "hovermode": "closest",
        "annotations": _names(columns),
        "margin": {"l": 2, "r": 2, "t": 4, "b": 28},
    }


def _blocks(columns: Sequence[int], held: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """A node for each block that isn't empty, in the order of :func:`_numbers`.

    Plotly leaves out nodes without streams, and gives the positions of those to the next ones.
    """
    total = sum(held[0].values()) or 1
    blocks = []
    for k, side in _numbers(held):
        right = held[k]["right"] / total
        middles = {"right": right / 2, "wrong": (1 + right) / 2 + _GAP}
        blocks.append(
            {
                "label": written(held[k][side], "count"),
                "color": _COLOURS[side],
                "x": _inside(k / (len(columns) - 1)),
                "y": _inside(middles[side] if all(held[k].values()) else 0.5),
                "customdata": f"{side} in round {columns[k]}",
            }
        )
    look = {"pad": 12, "thickness": 10, "line": {"width": 0}, "hovertemplate": _HOVER}
    return {**_columns(blocks), **look}


def _numbers(held: Sequence[Mapping[str, int]]) -> dict[tuple[int, str], int]:
    """The number of the node of each column's side, of those that hold an answer."""
    there = [(k, side) for k, of in enumerate(held) for side in _SIDES if of[side]]
    return {place: number for number, place in enumerate(there)}


def _held(flow: _Flow, end: str) -> dict[str, int]:
    """How many were right and how many wrong at the start or the end of a move."""
    return {
        side: sum(flow[name] for name, s in _STREAMS.items() if getattr(s, end) == side)
        for side in _SIDES
    }


def _inside(share: float) -> float:
    return min(0.999, max(0.001, share))  # plotly takes 0 for "not set"


def _streams(
    columns: Sequence[int], flows: Sequence[_Flow], held: Sequence[Mapping[str, int]]
) -> dict[str, Any]:
    numbers = _numbers(held)
    streams = [
        {
            "source": numbers[k, stream.start],
            "target": numbers[k + 1, stream.end],
            "value": counts[name],
            "color": stream.colour,
            "customdata": f"{stream.said}, round {number}",
        }
        for k, (number, counts) in enumerate(zip(columns[1:], flows, strict=True))
        for name, stream in _STREAMS.items()
        if counts[name]
    ]
    return {**_columns(streams), "hovertemplate": _HOVER}


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def _names(columns: Sequence[int]) -> list[dict[str, Any]]:
    """The rounds' numbers under their blocks."""
    return [
        {
            "text": str(number) if k else f"round {number}",
            "x": k / (len(columns) - 1),
            "y": 0,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "right" if k else "left",
            "yanchor": "top",
            "yshift": -4,
            "showarrow": False,
            "font": {"color": "@soft"},
        }
        for k, number in enumerate(columns)
    ]
