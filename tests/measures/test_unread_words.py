"""What the verdict says where some answers are unread, ungraded or without a confidence."""

from __future__ import annotations

import numpy as np
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
    assert "couldn't be graded: 0 of 150 in round 1 and 90 of 150 in round 2." in words(found)
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
