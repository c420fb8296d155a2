"""Transitions, comparisons, convergence, plans and the verdict in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import plain
from panels import MARGINS, made
from selfcorrect.measures import transitions as of

answered = st.integers(1, 6).flatmap(
    lambda t: st.lists(
        st.lists(st.sampled_from([0, 1, 2, None]), min_size=t, max_size=t), min_size=1, max_size=12
    )
)


def coded(answers: list[list[int | None]]) -> NDArray[np.float64]:
    return np.array([[-1.0 if a is None else float(a) for a in row] for row in answers])


@given(answered)
def test_flips_settling_and_alternating(answers: list[list[int | None]]) -> None:
    a = coded(answers)
    assert list(of.changed(a)[:, 1:].mean(axis=0)) == pytest.approx(plain.flips(answers))
    assert np.isnan(of.changed(a)[:, 0]).all()
    found = of.settled(a)
    assert list(found[:, :-1].mean(axis=0)) == pytest.approx(plain.settled(answers)[:-1])
    assert np.isnan(found[:, -1]).all()
    wanted = plain.alternating(answers)
    got = of.alternating(a).mean()
    assert math.isnan(got) if wanted is None else got == pytest.approx(wanted)


@given(answered, st.integers(0, 2))
def test_the_flow_between_rounds(answers: list[list[int | None]], target: int) -> None:
    corrects = [[a == target for a in row] for row in answers]
    y = np.array(corrects, dtype=float)
    assert of.flow(coded(answers), y) == plain.flow(answers, corrects)
    for t, step in enumerate(of.flow(coded(answers), y), start=1):
        right = step["kept_right"] + step["right_to_wrong"]
        stayed = of.stayed_right(y)[:, t]
        assert np.isfinite(stayed).sum() == right
        assert np.nansum(stayed) == step["kept_right"]
        assert np.nansum(of.became_right(y)[:, t]) == step["wrong_to_right"]


def test_a_missing_round_leaves_its_pairs_out() -> None:
    a = np.array([[0.0, 1.0, np.nan, 1.0], [2.0, 2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(of.changed(a)[0], [np.nan, 1, np.nan, np.nan])
    np.testing.assert_array_equal(of.settled(a), [[np.nan] * 4, [1, 1, 1, np.nan]])
    np.testing.assert_array_equal(of.alternating(a), [np.nan, 0])
    assert of.flow(a, a == 1)[1]["kept_wrong"] == 1


def test_nothing_is_said_to_have_settled_in_the_last_round() -> None:
    """All answers change in every round, and one round alone shows nothing."""
    from selfcorrect.measures.rounds import summarize
    from selfcorrect.report.charts.lines import settled

    churning = summarize(made(np.tile([0.0, 1, 0, 1], (20, 1))), MARGINS)["rounds"]
    assert [row["settled"]["value"] for row in churning] == [0, 0, 0, None]
    assert churning[-1]["settled"]["why"]
    assert next(t for t in settled(churning)[0] if t["name"] == "settled")["x"] == [1, 2, 3]
    (one,) = summarize(made(np.ones((20, 1))), MARGINS)["rounds"]
    assert one["settled"] is None
    assert all(t["name"] != "settled" for t in settled([one])[0])
