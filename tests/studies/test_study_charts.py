"""The traces of the studies' charts."""

from __future__ import annotations

import pytest

from selfcorrect.studies.charts import axes, line, markers


def test_bars_reach_from_the_value_to_the_ends_of_its_interval() -> None:
    by_error = markers("a", [1, 2], [0.5, 0.7], "@outcome", "circle", [0.1, 0.2])
    assert by_error["error_y"]["array"] == pytest.approx([0.196, 0.392])
    assert by_error["error_y"]["arrayminus"] == pytest.approx([0.196, 0.392])
    ends = ([0.4, 0.1], [0.9, 0.8])
    by_ends = markers("a", [1, 2], [0.5, 0.7], "@outcome", "circle", ends=ends)
    assert by_ends["error_y"]["array"] == pytest.approx([0.4, 0.1])
    assert by_ends["error_y"]["arrayminus"] == pytest.approx([0.1, 0.6])
    assert "error_y" not in markers("a", [1], [0.5], "@outcome", "circle")


def test_a_line_and_its_axes() -> None:
    drawn = line("theory", [1, 2], [3, 4], "@ink", "dash")
    assert (drawn["x"], drawn["y"], drawn["line"]["dash"]) == ([1, 2], [3, 4], "dash")
    layout = axes("round", "ε", yaxis={"type": "log"})
    assert layout["yaxis"] == {"title": {"text": "ε"}, "type": "log"}
    assert layout["xaxis"] == {"title": {"text": "round"}}
