"""An answer that nobody could read is neither right nor wrong: no direction may hang on it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verdict_words import summary

from panels import MARGINS, made
from selfcorrect.measures.catalogue import Own
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import Share
from selfcorrect.report.verdict import headline
from selfcorrect.report.verdict import verdict as words


def seen(right: np.ndarray, read: np.ndarray) -> Panel:
    """Right where read; an unread answer is recorded as wrong."""
    answer = np.where(read == 1, right, -1.0)
    return made(np.where(read == 1, right, 0.0), parse_rate=read, answer=answer)


def ends(right: np.ndarray, read: np.ndarray) -> dict[str, Any]:
    p = seen(right, read)
    return compare(p, p, (2, 1), MARGINS)["accuracy"]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_verdict_holds_however_the_unread_answers_count(data: st.DataObject) -> None:
    n = data.draw(st.integers(8, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    right = (rng.random((n, 2)) < rng.random(2)).astype(float)
    read = np.ones((n, 2))
    unread = data.draw(st.lists(st.integers(0, 2 * n - 1), max_size=6, unique=True))
    read.flat[unread] = 0
    found = ends(right, read)
    clusters = np.arange(n)
    told = set()
    for values in product((0.0, 1.0), repeat=len(unread)):
        right.flat[unread] = values
        told.add(verdict(share_difference(right[:, 1], right[:, 0], clusters), 0.03, 1))
    if found["verdict"] not in (None, "undecided"):
        assert told == {found["verdict"]}
    if found.get("hangs"):
        assert len(told) > 1
        assert found["verdict"] == "undecided"
        assert found["n_needed"] is None  # more of the same would decide nothing


def test_first_answers_that_could_not_be_read_are_no_rise() -> None:
    right = np.zeros((32, 2))
    right[:9, 1] = 1
    read = np.ones((32, 2))
    read[:27, 0] = 0
    found = summary(seen(right, read))
    assert headline(found) == "undecided"
    first, *_ = words(found).split("\n")
    assert first == (
        "Whether accuracy changed can't be said, because answers couldn't be read: 27 of 32 in "
        "round 1 and 0 of 32 in round 2. Counted as wrong, they make it +28.1 points [14.4, 45.4]; "
        "counted otherwise, anything from −56.2 to +28.1 points. Look at them first."
    )
    assert "rose" not in words(found)


def test_last_answers_that_could_not_be_read_are_no_fall() -> None:
    right = np.ones((12, 2))
    read = np.ones((12, 2))
    read[:, 1] = 0
    found = summary(seen(right, read))
    assert found["changes"]["accuracy"]["value"] == -1
    assert headline(found) == "undecided"
    assert "fell" not in words(found)


def test_a_direction_that_stands_either_way_is_still_told() -> None:
    right = np.zeros((200, 2))
    right[:100, 1] = 1
    read = np.ones((200, 2))
    read[:4, 0] = 0
    assert ends(right, read)["verdict"] == "better"


def test_nothing_converges_on_unread_answers() -> None:
    read = np.ones((300, 6))
    read[:, 1:] = 0
    told = convergence(seen(np.ones((300, 6)), read), MARGINS)["accuracy"]
    assert told["round"] is None
    assert not told["moved"]


def test_unread_answers_decide_nothing_against_the_control() -> None:
    right = np.ones((60, 5))
    read = np.ones((60, 5))
    control = seen(right, read.copy())
    read[:40, 4] = 0
    said = words(summary(seen(right, read), control))
    assert "lost" not in said
    assert "depends on how unread answers are counted, from −66.7 to 0.0 points" in said


def test_a_task_s_own_figure_hangs_on_them_as_well() -> None:
    right = np.ones((60, 2))
    read = np.ones((60, 2))
    read[:30, 1] = 0
    p = seen(right, read)
    part = Share(lambda columns: columns["outcome"], better="higher")
    half = Own(figures={"accuracy_half": part})
    table = compare(p, p, (2, 1), MARGINS, half)
    assert table["accuracy_half"]["verdict"] == "undecided"
    read[:] = 1
    right[:30, 1] = 0
    p = seen(right, read)
    table = compare(p, p, (2, 1), MARGINS, half)
    assert table["accuracy_half"]["verdict"] == "worse"
