"""Where the answers went: two blocks a round, right above wrong, and streams between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from selfcorrect.report.charts.traces import Figure, Trace
from selfcorrect.report.estimates import Rounds


class _Stream(NamedTuple):
    start: str
    end: str
    colour: str
    said: str


#: From top to bottom within each block, where they leave and where they arrive.
_STREAMS: Mapping[str, _Stream] = {
    "kept_right": _Stream("right", "right", "@kept/35", "stayed right"),
    "wrong_to_right": _Stream("wrong", "right", "@outcome/80", "became right"),
    "right_to_wrong": _Stream("right", "wrong", "@lost/80", "became wrong"),
    "wrong_to_wrong": _Stream("wrong", "wrong", "@other/60", "wrong, another answer"),
    "kept_wrong": _Stream("wrong", "wrong", "@kept/25", "stayed at the same wrong answer"),
}
#: Streams of more moves than these can't be followed; the table below has them.
_MOST = 30
_SIDES = {"right": "@outcome", "wrong": "@lost"}

_Flow = Mapping[str, int]


def flow(rounds: Rounds) -> Figure:
    """Right and wrong answers over the rounds, see :mod:`selfcorrect.report.svg.streams`."""
    moves = [
        (a["round"], b["round"], b["flow"])
        for a, b in pairwise(rounds)
        if "kept_right" in (b["flow"] or {})
    ]
    flows = [counts for _, _, counts in moves]
    if len(moves) > _MOST or not any(sum(counts.values()) for counts in flows):
        return [], {}
    # a column holds what comes in; the same answers go out, where none is missing in between
    ends = [_held(flows[0], "start"), *(_held(counts, "end") for counts in flows)]
    starts = [*(_held(counts, "start") for counts in flows), ends[-1]]
    held = [{s: max(a[s], b[s]) for s in _SIDES} for a, b in zip(starts, ends, strict=True)]
    columns = [moves[0][0], *(after for _, after, _ in moves)]
    trace: Trace = {
        "type": "flow",
        "sides": _SIDES,
        "columns": [
            {"name": f"round {number}", "held": of}
            for number, of in zip(columns, held, strict=True)
        ],
        "streams": [
            stream for k, counts in enumerate(flows) for stream in _out_of(k, counts, columns)
        ],
    }
    return [trace], {}


def _held(flow: _Flow, end: str) -> dict[str, int]:
    """How many were right and how many wrong at the start or the end of a move."""
    return {
        side: sum(flow[name] for name, s in _STREAMS.items() if getattr(s, end) == side)
        for side in _SIDES
    }


def _out_of(k: int, counts: _Flow, columns: Sequence[int]) -> list[dict[str, Any]]:
    """The streams from one column to the next."""
    return [
        {
            "at": k,
            "from": stream.start,
            "to": stream.end,
            "n": counts[name],
            "colour": stream.colour,
            "said": f"{counts[name]:,} {stream.said}, round {columns[k + 1]}",
        }
        for name, stream in _STREAMS.items()
        if counts[name]
    ]
