"""planted:chain: the law it states is the law it follows, whatever the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import PREFILL, ask, close, letter, question
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Model, Request
from selfcorrect.models.planted import Law, load


def run(
    model: Model, ids: Sequence[int], rounds: int, *, options: int = 3, chunk: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Choices [n, rounds] and option log-probabilities [n, rounds, options]."""
    choices = np.zeros((len(ids), rounds), dtype=int)
    logps = np.zeros((len(ids), rounds, options))
    for start in range(0, len(ids), chunk):
        mine = ids[start : start + chunk]
        talk = model.open(len(mine))
        talk.say([ask(n, options) for n in mine])
        for t in range(rounds):
            if t:
                talk.say([message("user", "Review your answer.")] * len(mine))
            request = Request(PREFILL, 8, options=tuple("abcdefgh"[:options]))
            for i, reply in enumerate(talk.elicit([request] * len(mine))):
                assert reply is not None
                choices[start + i, t] = letter(reply)
                logps[start + i, t] = [score.logp for score in reply.options]
    return choices, logps


def truths(ids: Sequence[int], options: int = 3) -> np.ndarray:
    return np.array([question(n, options)[1] for n in ids])


N = 2000


LAWS = [
    "planted:chain",
    "planted:chain?accuracy=0.5,cl=0.9,cs=0.3,stay=0,wander=0.5,sharpness=0.6,seed=7",
    "planted:chain?accuracy=0.6,cl=0.8,cs=0.2,stay=0.6,gap=0.2,sharpness=0.2,seed=1",
    "planted:chain?accuracy=0.7,cl=0.3,cs=0.9,stay=0.1,gap=-0.15,sharpness=0.8,mass=0.4,seed=2",
]


@pytest.fixture(scope="module", params=LAWS)
def planted(request: pytest.FixtureRequest) -> tuple[Law, np.ndarray, np.ndarray, np.ndarray]:
    """(law, choices [n, 4], probabilities [n, 4, 3] unnormalised, targets [n])"""
    model = load(request.param)
    choices, logps = run(model, range(N), 4)
    return model.law, choices, np.exp(logps), truths(range(N))


Planted = tuple[Law, np.ndarray, np.ndarray, np.ndarray]


def test_accuracy_of_every_round(planted: Planted) -> None:
    law, choices, _, targets = planted
    for t in range(4):
        assert close((choices[:, t] == targets).sum(), N, law.accuracy_at(t + 1))


def test_transitions_of_every_round(planted: Planted) -> None:
    law, choices, _, targets = planted
    right = choices == targets[:, None]
    for t in range(3):
        cl, cs = law.transitions(t + 1)
        was = right[:, t]
        assert close(right[was, t + 1].sum(), int(was.sum()), cl)
        assert close(right[~was, t + 1].sum(), int((~was).sum()), cs)
        # the next round's accuracy is what the transitions give
        share = law.accuracy_at(t + 1)
        assert share * cl + (1 - share) * cs == pytest.approx(law.accuracy_at(t + 2))


def test_wandering_between_wrong_options(planted: Planted) -> None:
    law, choices, _, targets = planted
    before, after = choices[:, 0], choices[:, 1]
    wrong = before != targets
    wandered = wrong & (after != targets) & (after != before)
    expected = (1 - law.stay) * (1 - law.cs) * law.wander
    assert close(wandered.sum(), int(wrong.sum()), expected)


def test_stayers_are_those_who_never_change(planted: Planted) -> None:
    """After r rounds, unchanged = stayers + movers that never moved."""
    law, choices, _, _ = planted
    unchanged = (choices == choices[:, :1]).all(1)
    still = law.accuracy * law.cl**3 + (1 - law.accuracy) * (((1 - law.cs) * (1 - law.wander)) ** 3)
    assert close(unchanged.sum(), N, law.stay + (1 - law.stay) * still)


def test_first_choices_have_no_position_bias(planted: Planted) -> None:
    _, choices, _, targets = planted
    wrong = choices[:, 0] != targets
    offset = (choices[wrong, 0] - targets[wrong]) % 3
    assert close((offset == 1).sum(), int(wrong.sum()), 0.5)


def test_option_mass_is_the_stated_one(planted: Planted) -> None:
    law, _, p, _ = planted
    np.testing.assert_allclose(p.sum(-1), law.mass, rtol=1e-12)


def test_calibration_holds_at_every_level_of_confidence(planted: Planted) -> None:
    law, choices, p, targets = planted
    p = p / p.sum(-1, keepdims=True)
    for t in range(4):
        given_p = np.take_along_axis(p[:, t], choices[:, t, None], 1)[:, 0]
        right = choices[:, t] == targets
        for part in np.array_split(np.argsort(given_p), 8):
            z = (right[part] - (given_p[part] - law.gap)).sum() / math.sqrt(
                max(1e-9, ((given_p[part] - law.gap) * (1 - given_p[part] + law.gap)).sum())
            )
            assert abs(z) < 4.2
        # its spread is the stated one
        low, high = law.range
        mean = law.accuracy_at(t + 1)
        expected = law.sharpness * (mean - low) * (high - mean)
        q = given_p - law.gap
        error = np.std((q - mean) ** 2) / math.sqrt(N)
        assert abs(np.mean((q - mean) ** 2) - expected) < 4.2 * error
        if law.gap == 0:
            separation = given_p[right].mean() - given_p[~right].mean()
            assert separation == pytest.approx(law.sharpness, abs=0.04)


def test_the_whole_distribution_is_calibrated_without_a_gap() -> None:
    model = load("planted:chain?accuracy=0.4,sharpness=0.5,seed=3")
    choices, logps = run(model, range(N), 2, options=4)
    p = np.exp(logps) / np.exp(logps).sum(-1, keepdims=True)
    outcome = np.eye(4)[truths(range(N), 4)]
    for t in range(2):
        for k in range(4):
            for part in np.array_split(np.argsort(p[:, t, k]), 5):
                inside = p[part, t, k]
                z = (outcome[part, k] - inside).sum() / math.sqrt((inside * (1 - inside)).sum())
                assert abs(z) < 4.2
    assert len(np.unique(choices)) == 4


def test_sharpness_zero_says_the_accuracy_every_time() -> None:
    law = Law(sharpness=0.0, gap=0.1)
    drawn = law.confidences([1, 3], [True, False], np.array([0.1, 0.9]), np.array([0.2, 0.7]))
    assert drawn == pytest.approx([law.accuracy_at(1) + 0.1, law.accuracy_at(3) + 0.1])


@settings(deadline=None)
@given(
    accuracy=st.floats(0, 1),
    cl=st.floats(0, 1),
    cs=st.floats(0, 1),
    stay=st.floats(0, 1),
    round=st.integers(1, 30),
)
def test_closed_form_is_the_recursion(
    accuracy: float, cl: float, cs: float, stay: float, round: int
) -> None:
    law = Law(accuracy=accuracy, cl=cl, cs=cs, stay=stay)
    a = accuracy
    for _ in range(round - 1):
        a = a * cl + (1 - a) * cs
    assert law.accuracy_at(round) == pytest.approx(stay * accuracy + (1 - stay) * a, abs=1e-9)


@settings(deadline=None)
@given(
    accuracy=st.floats(0, 1),
    sharpness=st.floats(0, 0.999),
    gap=st.floats(-0.99, 0.99),
    # what a hash draws: multiples of 2^-53, never a denormal
    draws=st.tuples(*[st.integers(0, 2**53 - 1).map(lambda k: k / 2**53)] * 2),
    right=st.booleans(),
)
def test_confidence_is_a_probability_or_the_law_is_refused(
    accuracy: float, sharpness: float, gap: float, draws: tuple[float, float], right: bool
) -> None:
    try:
        law = Law(accuracy=accuracy, cl=1, cs=0, sharpness=sharpness, gap=gap)
    except UserError:
        assert not max(0, -gap) <= accuracy <= min(1, 1 - gap)
        return
    (c,) = law.confidences([1], [right], np.array([draws[0]]), np.array([draws[1]]))
    assert 1e-6 <= c <= 1 - 1e-6


def test_extreme_settings() -> None:
    choices, _ = run(load("planted:chain?accuracy=1,cl=1"), range(50), 3)
    assert (choices == truths(range(50))[:, None]).all()
    choices, _ = run(load("planted:chain?accuracy=0,cl=0,cs=1,stay=0"), range(50), 3)
    right = choices == truths(range(50))[:, None]
    assert (right == [False, True, False]).all()
    choices, _ = run(load("planted:chain?accuracy=0,cs=0,wander=1,stay=0"), range(50), 3, options=2)
    assert (choices == 1 - truths(range(50), 2)[:, None]).all()  # nowhere else to go


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_neither_order_nor_chunk_nor_limit_matters(order: list[int], chunk: int) -> None:
    model = load("planted:chain")
    choices, logps = run(model, order, 3, chunk=chunk)
    expected_choices, expected_logps = run(model, range(12), 3)
    assert (choices == expected_choices[order]).all()
    assert (logps == expected_logps[order]).all()  # bit for bit
    some = order[:chunk]
    assert (run(model, some, 3)[1] == expected_logps[some]).all()


def test_the_seed_matters() -> None:
    one, other = (run(load(f"planted:chain?seed={s}"), range(200), 1)[0] for s in (0, 1))
    assert 20 < (one != other).sum() < 180


def test_arms_share_round_1_and_part_where_their_words_do() -> None:
    model = load("planted:chain?cl=0.5,cs=0.5,stay=0")
    talk = model.open(200)
    talk.say([ask(n) for n in range(200)])
    request = [Request(PREFILL, 8)] * 200
    talk.elicit(request)
    other = talk.branch()
    talk.say([message("user", "Review your answer.")] * 200)
    other.say([ask(n) for n in range(200)])
    first, second = talk.elicit(request), other.elicit(request)
    differ = sum(letter(a) != letter(b) for a, b in zip(first, second, strict=True))
    assert 50 < differ < 180
