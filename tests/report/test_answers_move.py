"""Where the answers went, as the browser draws it: blocks stand where the table says."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from browser import Chromium, opened
from selfcorrect.report.charts.flow import flow

RIGHT, WRONG, BOTH = (10, 0), (0, 10), (7, 3)
#: Every pattern of empty blocks in up to four rounds.
PATTERNS = [
    each for rounds in (2, 3, 4) for each in itertools.product((RIGHT, WRONG, BOTH), repeat=rounds)
]
WIDTH, HEIGHT = 400, 200
_READ = """() => [...document.querySelectorAll('.chart')].map((chart) => {
  const whole = chart.getBoundingClientRect();
  return [...chart.querySelectorAll('.sankey-node')].map((node) => {
    const box = node.querySelector('.node-rect').getBoundingClientRect();
    return { label: node.textContent, x: (box.left + box.right) / 2 - whole.left,
             top: box.top - whole.top, height: box.height };
  });
})"""


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


@pytest.fixture(scope="module")
def drawn(started: Chromium, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    figures = [flow(_rounds(pattern)) for pattern in PATTERNS]  # type: ignore[arg-type]
    charts = [
        {"data": data, "layout": {**layout, "width": WIDTH, "height": HEIGHT}}
        for data, layout in figures
    ]
    told = json.dumps(charts).replace("@", "#88")
    for name in ("kept", "outcome", "lost", "other", "soft"):
        for end in ("/75", "/60", "/45", "/30", ""):
            told = told.replace(f'"#88{name}{end}"', '"#888888"')
    file = tmp_path_factory.mktemp("flow") / "flow.html"
    divs = "".join('<div class="chart"></div>' for _ in charts)
    file.write_text(
        f"<!doctype html><meta charset=utf-8><script>{get_plotlyjs()}</script>{divs}<script>"
        f"const charts = {told};"
        "Promise.all([...document.querySelectorAll('.chart')].map((box, k) =>"
        "Plotly.newPlot(box, charts[k].data, charts[k].layout)))"
        ".then(() => { window.ready = true; });</script>"
    )
    with opened(started, file, until="window.ready === true") as it:
        return list(it.page.evaluate(_READ))


@pytest.mark.parametrize("at", range(len(PATTERNS)), ids=lambda at: str(PATTERNS[at]))
def test_blocks_stand_in_their_rounds_and_are_as_high_as_their_counts(
    at: int, drawn: list[Any]
) -> None:
    pattern, boxes = PATTERNS[at], drawn[at]
    held = [(k, side, n) for k, each in enumerate(pattern) for side, n in enumerate(each) if n]
    assert len(boxes) == len(held)
    margin = {"l": 2, "r": 2, "t": 4, "b": 28}
    wide, high = WIDTH - margin["l"] - margin["r"], HEIGHT - margin["t"] - margin["b"]
    for k, side, number in held:
        [box] = [
            each
            for each in boxes
            if each["label"] == str(number)
            and abs(each["x"] - margin["l"] - wide * k / (len(pattern) - 1)) < 12
            and (side == 0 or each["top"] > margin["t"] + high * pattern[k][0] / 10 - 8)
            and (side == 1 or each["top"] < margin["t"] + 8)
        ]
        assert abs(box["height"] - high * number / 10) < 0.12 * high
        assert box["top"] + box["height"] < margin["t"] + high + 14
    for k, each in enumerate(pattern):  # right above wrong, and neither over the other
        if all(each):
            x = margin["l"] + wide * k / (len(pattern) - 1)
            above, below = sorted(
                (b for b in boxes if abs(b["x"] - x) < 12), key=lambda b: float(b["top"])
            )
            assert (above["label"], below["label"]) == (str(each[0]), str(each[1]))
            assert above["top"] + above["height"] <= below["top"] + 1
