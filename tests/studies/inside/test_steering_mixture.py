"""Steering where the truth is planted: the concept's push is found, with sign and order, and where
answers don't depend on the concept nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.inside import pushed

pytestmark = pytest.mark.slow  # dialogues to train on, and a grid of doses on 160 questions


@pytest.mark.parametrize("at", ["reply", "transcript"])
def test_the_planted_effect_is_found_with_sign_and_order(tmp_path: Path, at: str) -> None:
    result = pushed(tmp_path, 160, at, "concept")
    assert (result["layer"], result["layers"], result["at"]) == (1, 3, at)
    assert (result["of_texts"], result["directions"]) == (39, 39)
    right = result["responses"]["p_right"]
    odd = right["chosen"]["odd"]
    assert odd["shown"]
    assert odd["concept"]["low"] > 0
    assert right["ordered"]["low"] > 0.9
    assert odd["null"]["high"] < odd["concept"]["value"]
    doses = [row["odd"]["null"] is not None for row in right["by_dose"]]
    assert doses == ([True] * 4 if at == "reply" else [False, False, True, False])
    assert result["left_out"] == 0


def test_nothing_is_found_where_answers_don_t_depend_on_the_concept(tmp_path: Path) -> None:
    result = pushed(tmp_path, 160, "reply", "alike")
    for told in result["responses"].values():
        assert not told["chosen"]["odd"]["shown"]
        assert told["ordered"]["high"] < 0.9
        assert told["chosen"]["odd"]["p"] > 0.05
