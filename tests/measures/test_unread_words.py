"""What the verdict says where some answers are unread, ungraded or without a confidence."""

from __future__ import annotations

import numpy as np
import pytest
from test_unread import ends, seen
from test_verdict_words import summary

from panels import made
from selfcorrect.measures.panel import Panel
from selfcorrect.report.notes import notes
from selfcorrect.report.verdict import verdict as words


def test_answers_that_nothing_graded_are_told_apart_from_wrong_ones() -> None:
    """A share: what couldn't be read is recorded as wrong, what nothing graded is left out."""
    right = np.zeros((150, 2))
    right[:100, 0] = 1
    right[:40, 1] = 1
    right[60:, 1] = np.nan
    found = summary(made(right, gradable=np.ones((150, 2))))
    assert "couldn't be graded.\nThey are 0 of 150 in round 1 and 90 of 150 in round 2." in words(
        found
    )
    assert "As they are recorded, they make it" in words(found)
    assert "Counted as wrong" not in words(found)
    told = notes({**found, "notes": [], "own": {}}, ())
    assert "Answers that have no outcome (no interval counts them): 90 in round 2." in told


def test_repeating_does_not_do_the_same_where_its_confidence_is_missing() -> None:
    rng = np.random.default_rng(4)
    right = (rng.random((3000, 2)) < 0.5).astype(float)
    start = rng.uniform(0.5, 0.8, 3000)

    def grown(by: float, shown: np.ndarray) -> Panel:
        late = np.where(shown, start + by + rng.normal(0, 0.02, 3000), np.nan)
        sure = np.stack([start, late], axis=1)
        return made(right, confidence=sure, calibration_gap=sure - right)

    run = grown(0.15, np.ones(3000, bool))
    assert "does the same" in words(summary(run, grown(0.15, np.ones(3000, bool))))
    control = grown(0.02, start > 0.65)
    said = words(summary(run, control))
    assert said.startswith("It grew surer")
    assert "merely repeating the question does" not in said
    assert "takes it from" not in said


def test_leaving_them_out_is_one_of_the_ways_in_which_they_count() -> None:
    """As recorded it rose; of the dialogues that were read in both rounds it fell."""
    right = np.zeros((400, 2))
    right[200:320, 1] = 1
    right[:80, 0] = 1
    read = np.ones((400, 2))
    read[200:320, 0] = 0
    found = ends(right, read)
    assert found["value"] == pytest.approx(0.1)
    assert (found["left_out"]["n"], found["left_out"]["value"]) == (280, pytest.approx(-80 / 280))
    assert (found["verdict"], found["hangs"]) == ("undecided", True)
    assert "left_out" not in ends(right, np.ones((400, 2)))


def test_many_unread_answers_are_said_first_where_nothing_hangs_on_them() -> None:
    right = np.zeros((400, 2))
    right[:300, 1] = 1
    read = np.ones((400, 2))
    read[380:, 0] = 0
    found = {**summary(seen(right, read)), "folder": "somewhere/run-1"}
    assert words(found).startswith("Accuracy rose by")  # 5 % is no more than 5 %
    read[379, 0] = 0
    found = {**summary(seen(right, read)), "folder": "somewhere/run-1"}
    first, second, third, *_ = words(found).split("\n")
    assert first == "Many answers couldn't be read: 21 of 400 in round 1."
    assert second == "Look at them first: selfcorrect show somewhere/run-1 --unread."
    assert third.startswith("Accuracy rose by")
    read[:] = 1
    control = np.ones((400, 2))
    control[:30, 1] = 0
    beside = summary(seen(right, read), seen(right, control))
    assert words(beside).startswith(
        "Many answers couldn't be read: 30 of 400 in round 2 of repeat."
    )
