"""What is shown of differences that are claimed together."""

from __future__ import annotations

import pytest

from selfcorrect.measures.contrasts import state_of
from selfcorrect.measures.intervals import Estimate
from selfcorrect.measures.parity import weighed
from selfcorrect.measures.unread import state_whatever


def over(low: float | None, high: float | None, clusters: int = 40) -> Estimate:
    value = 0.1 if low is None or high is None else (low + high) / 2
    return Estimate(value, low, high, 120, clusters)


ABOVE, BELOW, AROUND, NONE = over(0.05, 0.2), over(-0.2, -0.05), over(-0.01, 0.01), over(None, None)


@pytest.mark.parametrize(
    ("ways", "wide", "p", "p_recorded", "state"),
    [
        ([ABOVE], [AROUND], 0.01, 0.01, "shown"),
        ([ABOVE, ABOVE], [AROUND] * 2, 0.01, 0.01, "shown"),
        ([ABOVE, AROUND], [AROUND] * 2, 0.2, 0.01, "hangs"),
        ([ABOVE, BELOW], [AROUND] * 2, 0.01, 0.01, "hangs"),
        ([ABOVE, NONE], [ABOVE, NONE], 0.01, 0.2, "open"),
        ([ABOVE], [AROUND], 0.2, 0.2, "same"),
        ([AROUND, AROUND], [AROUND, ABOVE], None, None, "open"),
        ([AROUND, AROUND], [AROUND, NONE], None, None, "open"),
        ([over(0.05, 0.2, 2)], [AROUND], 0.01, 0.01, "few"),
        ([NONE], [NONE], None, None, "few"),
    ],
)
def test_a_direction_is_shown_only_if_unread_answers_cant_undo_it(
    ways: list[Estimate], wide: list[Estimate], p: float, p_recorded: float, state: str
) -> None:
    assert state_whatever(ways, wide, 0.02, p, p_recorded) == state


@pytest.mark.parametrize(
    ("few", "p", "within", "state"),
    [
        (True, 0.01, True, "few"),
        (False, 0.01, True, "shown"),
        (False, 0.05, True, "same"),
        (False, None, False, "open"),
    ],
)
def test_a_contrast_is_shown_by_its_p(few: bool, p: float, within: bool, state: str) -> None:
    assert state_of({"few": few, "p_holm": p}, within=within) == state


@pytest.mark.parametrize(
    ("agree", "alternates", "verdict", "needed"),
    [
        (None, False, "better", 500),
        (True, False, "better", 500),
        (True, True, "better", None),
        (False, False, "undecided", None),
    ],
)
def test_a_difference_is_weighed_by_the_round_before_and_stays_as_it_was(
    agree: bool | None, alternates: bool, verdict: str, needed: int | None
) -> None:
    change = {"value": 0.1, "verdict": "better", "n_needed": 500}
    found = None if agree is None else {"agree": agree, "previous": {"verdict": "worse"}}
    told = weighed(change, found, alternates=alternates)
    assert (told["verdict"], told["n_needed"]) == (verdict, needed)
    assert told.get("depends", False) is (agree is False)
    assert told.get("stops") == (["better", "worse"] if agree is False else None)
    assert change == {"value": 0.1, "verdict": "better", "n_needed": 500}
