"""How claims are written."""

from __future__ import annotations

import pytest

from selfcorrect.studies.claims import allowed, counted, direction, unread


@pytest.mark.parametrize(
    ("ends", "text"),
    [(None, "–"), ([-0.02, 0.14], "−.020 to +.140"), ([None, 0.14], "– to +.140")],
)
def test_what_unread_answers_allow(ends: list[float | None] | None, text: str) -> None:
    assert allowed(ends) == text


def test_a_direction_is_only_that_of_a_claim_that_is_shown() -> None:
    assert [direction("shown", x) for x in (0.1, -0.1, None)] == [1, -1, 0]
    assert {direction(state, 0.1) for state in ("open", "same", "few", "hangs")} == {0}


def test_only_arms_with_unread_answers_are_named() -> None:
    assert counted({"a": 1200, "b": 0, "c": 1}) == "a 1,200, c 1"
    assert unread("Answers", {"a": 0}, 5) == []
    assert unread("Answers", {"a": 0, "b": 2}, 5) == [
        "Answers, of 5: b 2. No direction is named that they could turn."
    ]
