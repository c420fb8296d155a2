"""One rule for the mark of unread answers, and what is said of answers that were given."""

from __future__ import annotations

import pytest

from selfcorrect.report.decision import _costs
from selfcorrect.report.notes import doubtful
from selfcorrect.report.phrases import of_others


@pytest.mark.parametrize(
    ("unread", "of", "marked"), [(3, 6, True), (6, 6, True), (0, 6, False), (2, 100, False)]
)
def test_a_mark_stands_where_unread_answers_could_move_a_number(
    unread: int, of: int, marked: bool
) -> None:
    row = {"n": of, "missing": 0, "unparsed": unread, "ungraded": 0}
    assert doubtful(row, {"margin": 0.03}) is marked
    lost = {"n": of - unread, "missing": unread, "unparsed": 0, "ungraded": 0}
    assert doubtful(lost, {"margin": 0.03}) is marked


def test_what_measuring_took_is_not_what_given_dialogues_cost() -> None:
    given = {"spec": {"strategy": {"name": "given"}}, "cost": {"arms": {"given": {}}}}
    assert of_others(given)
    assert _costs(given) == ""
    assert not of_others({"spec": {"strategy": {"name": "intrinsic"}}})
