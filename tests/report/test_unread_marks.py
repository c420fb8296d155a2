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


def test_a_gain_is_written_as_the_outcome_is() -> None:
    from selfcorrect.report.contents import cell
    from selfcorrect.report.definitions import definer

    e = {"value": 0.26, "low": 0.163, "high": 0.362, "n": 100, "clusters": 100}
    for kind, text, interval in (
        ("share", "+26.0 points", "[16.3, 36.2]"),
        ("mean", "+.260", "[.163, .362]"),
    ):
        made = cell(definer({"outcome": {"kind": kind}}), "gain", e)
        assert (made.text, made.interval) == (text, interval)
