"""Where the answers went, as it is drawn: blocks stand where the table says, streams in between."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from selfcorrect.report.charts.flow import flow
from selfcorrect.report.svg import alone

RIGHT, WRONG, BOTH = (10, 0), (0, 10), (7, 3)
#: Every pattern of empty blocks in up to four rounds.
PATTERNS = [
    each for rounds in (2, 3, 4) for each in itertools.product((RIGHT, WRONG, BOTH), repeat=rounds)
]
SIDES = ("right", "wrong")


def _move(before: tuple[int, int], after: tuple[int, int]) -> dict[str, int]:
    """A table of answers that moved between two columns of (right, wrong)."""
    kept = min(before[0], after[0])
    lost, won = before[0] - kept, after[0] - kept
    stay = before[1] - won
    return {
        "kept_right": kept, "wrong_to_right": won, "right_to_wrong": lost,
        "wrong_to_wrong": stay - stay // 2, "kept_wrong": stay // 2,
    }  # fmt: skip


def _rounds(pattern: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    moves = [None, *(_move(a, b) for a, b in itertools.pairwise(pattern))]
    return [{"round": k, "flow": each} for k, each in enumerate(moves, 1)]


def _drawn(pattern: tuple[tuple[int, int], ...]) -> ElementTree.Element:
    data, layout = flow(_rounds(pattern))
    return ElementTree.fromstring(alone({"data": data, "layout": layout}, "flow"))


def _blocks(root: ElementTree.Element) -> list[tuple[str, float, float, float]]:
    """Side, left, top and height of each block."""
    return [
        (e.attrib["class"].split()[1], *(float(e.attrib[k]) for k in ("x", "y", "height")))
        for e in root.iter("{http://www.w3.org/2000/svg}rect")
        if e.attrib.get("class", "").startswith("block")
    ]


def _streams(root: ElementTree.Element) -> list[tuple[str, list[float]]]:
    """What each stream says, and the numbers of its outline."""
    found = []
    for mark in root.iter("{http://www.w3.org/2000/svg}g"):
        path = mark.find("{http://www.w3.org/2000/svg}path")
        title = mark.find("{http://www.w3.org/2000/svg}title")
        if path is not None and title is not None:
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
            found.append((str(title.text), numbers))
    return found


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_blocks_stand_in_their_rounds_and_are_as_high_as_their_counts(
    pattern: tuple[tuple[int, int], ...],
) -> None:
    blocks = _blocks(_drawn(pattern))
    held = [(k, side, each[s]) for k, each in enumerate(pattern) for s, side in enumerate(SIDES)]
    there = [(k, side, n) for k, side, n in held if n]
    assert len(blocks) == len(there)
    unit = blocks[0][3] / there[0][2]
    lefts = sorted({left for _, left, _, _ in blocks})
    for (k, side, n), (drawn, left, _, height) in zip(there, blocks, strict=True):
        assert (drawn, lefts.index(left)) == (side, k)
        assert height == pytest.approx(n * unit, abs=0.2)
    gaps = [b - a for a, b in itertools.pairwise(lefts)]
    assert max(gaps) - min(gaps) < 0.3
    for left in lefts:  # right above wrong, and neither over the other
        column = [b for b in blocks if b[1] == left]
        if len(column) == 2:
            assert column[0][2] + column[0][3] < column[1][2]


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_streams_fill_the_blocks_that_they_leave_and_reach(
    pattern: tuple[tuple[int, int], ...],
) -> None:
    root = _drawn(pattern)
    blocks = _blocks(root)
    lefts = sorted({left for _, left, _, _ in blocks})
    leaving: dict[tuple[int, str], list[tuple[float, float]]] = {}
    reaching: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for said, d in _streams(root):
        starts, ends = (d[1], d[-1]), (d[7], d[9])
        for at, ys, into in ((d[0], starts, leaving), (d[6], ends, reaching)):
            k = min(range(len(lefts)), key=lambda k, at=at: abs(lefts[k] + 5 - at))  # type: ignore[misc]
            [block] = [
                b
                for b in blocks
                if b[1] == lefts[k] and b[2] - 0.2 <= ys[0] and ys[1] <= b[2] + b[3] + 0.2
            ]
            into.setdefault((k, block[0]), []).append(ys)
        n = int(said.split()[0])
        assert starts[1] - starts[0] == pytest.approx(ends[1] - ends[0], abs=0.2)
        assert (starts[1] - starts[0]) / n == pytest.approx(
            blocks[0][3] / max(pattern[0])
            if len([b for b in blocks if b[1] == lefts[0]]) == 1
            else blocks[0][3] / pattern[0][0],
            rel=0.05,
        )
    for side_k, spans in [*leaving.items(), *reaching.items()]:
        k, side = side_k
        [block] = [b for b in blocks if b[1] == lefts[k] and b[0] == side]
        spans.sort()
        assert spans[0][0] == pytest.approx(block[2], abs=0.2)
        assert spans[-1][1] == pytest.approx(block[2] + block[3], abs=0.3)
        assert all(a[1] == pytest.approx(b[0], abs=0.2) for a, b in itertools.pairwise(spans))
