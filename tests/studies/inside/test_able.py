"""What studies say before their analysis: what a model can show, and what is refused unrun."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inside import arms
from selfcorrect.errors import UserError
from selfcorrect.measures.intervals import Estimate, proportion
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.able import checked, flipped
from selfcorrect.studies.convergence.sheet import findings as convergence_findings
from selfcorrect.studies.injection.sheet import findings as injection_findings
from selfcorrect.studies.words import UNVARYING, estimate, limits, sized

N = 40
SETTINGS = {
    "quick": True,
    "anyway": False,
    "fit": 4,
    "seed": 0,
    "folds": 5,
    "injected": None,
    "at": "reply",
}


def _arms(y: Any, **columns: Any) -> Any:
    u = np.abs(np.random.default_rng(0).normal(size=np.shape(y)))
    made = arms({"intrinsic": (y, u, u)}, np.arange(len(y)))
    for name, values in columns.items():
        made.main.columns[name] = np.broadcast_to(values, np.shape(y)).copy()
    return made


def test_where_nothing_moves_the_smallest_change_is_what_so_many_examples_show() -> None:
    """All that change do so one way; checked by drawing so many, and testing as a study does."""
    from selfcorrect.measures.outcomes import paired_test
    from selfcorrect.outcome import ACCURACY

    still = np.tile((np.arange(N) % 2)[:, None], (1, 4)).astype(float)
    least = checked(_arms(still), ())["detectable"]
    assert 0.15 < least < 0.35
    rng, before = np.random.default_rng(1), np.zeros(N)
    shown = {}
    for size in (least, least / 2):
        ps = [
            paired_test(ACCURACY, (rng.random(N) < size).astype(float), before, np.arange(N))
            for _ in range(300)
        ]
        shown[size] = np.mean([p is not None and p < 0.05 for p in ps])
    assert shown[least] > 0.8
    assert shown[least / 2] < 0.7


def test_answers_that_could_not_be_read_are_not_known_to_stay() -> None:
    """By dialogue: all the same, one other, never read, one unread, unread but known to change."""
    answers = np.array([[0, 0, 0], [0, 1, 0], [-1, -1, -1], [0, -1, 0], [0, -1, 1]], float)
    answers = np.vstack([answers, [2, np.nan, 2]])  # a round without a record
    np.testing.assert_array_equal(flipped(answers), [0, 1, np.nan, np.nan, 1, 0])


def test_the_smallest_change_falls_with_examples_and_rises_with_what_moves() -> None:
    rng = np.random.default_rng(2)

    def detectable(n: int, moves: float) -> float:
        y = (rng.random((n, 1)) < 0.5).astype(float)
        last = np.where(rng.random((n, 1)) < moves, 1 - y, y)
        return float(checked(_arms(np.concatenate([y, last], axis=1)), ())["detectable"])

    assert detectable(40, 0.3) > detectable(400, 0.3) > detectable(4_000, 0.3)
    assert detectable(400, 0.5) > detectable(400, 0.1) > detectable(400, 0.0)
    assert checked(_arms(np.ones((N, 1))), ())["detectable"] is None


def test_chance_is_by_the_options_that_questions_have() -> None:
    y = np.ones((N, 2))
    first = _arms(y, choice=0.0, offered=3.0)
    found = checked(first, ())
    assert found["chance"] == pytest.approx(1 / 3)
    assert found["position"]["alike"] == pytest.approx(1 / 3)
    assert found["position"]["value"] == 1
    mixed = np.where(np.arange(N)[:, None] < N // 2, 2.0, 5.0)
    found = checked(_arms(y, choice=3.0, offered=mixed), ())
    assert found["chance"] == pytest.approx((1 / 2 + 1 / 5) / 2)
    # questions of two options have no (d)
    assert found["position"]["letter"] == 3
    assert found["position"]["alike"] == pytest.approx(1 / 5 / 2)


def _said(y: Any, **columns: Any) -> str:
    return " ".join(limits(checked(_arms(y, **columns), ())))


def test_a_model_that_hardly_moves_or_prefers_a_letter_is_told() -> None:
    rng = np.random.default_rng(3)
    right = np.tile(np.arange(N)[:, None] % 20 < 7, (1, 5)).astype(float)
    c = np.where(np.arange(N)[:, None] < 0.9 * N, 2.0, 0.0)
    told = _said(right, choice=c, offered=3.0)
    assert "No answer moves: .000 [.000, " in told
    assert "One letter is preferred: .900 [" in told
    assert "are (c), where .333 would be" in told
    assert "aren't shown to be better than guessing" in told
    lively = (rng.random((400, 5)) < 0.8).astype(float)
    letters = rng.integers(0, 3, size=lively.shape).astype(float)
    assert _said(lively, choice=letters, offered=3.0) == ""


def test_a_series_that_does_not_vary_has_no_estimate() -> None:
    assert estimate({"value": 0.0, "low": 0.0, "high": 0.0}, signed=True) == UNVARYING
    assert estimate({"value": 0.0, "low": -0.1, "high": 0.1}) == ".000 [−.100, .100]"
    clusters = np.repeat(np.arange(6), [1, 1, 1, 1, 1, 15])
    table = proportion(np.arange(20) % 2.0, clusters).table()
    assert "G*" not in sized(table)
    assert " of one size" in sized(table)


# --- sentences ------------------------------------------------------------------------------------

E = Estimate(0.01, 0.005, 0.015, 120, 40).table()


def _lag(lag: int, state: str, value: float = -0.175) -> dict[str, Any]:
    e = Estimate(value, value - 0.1, value + 0.1, 120, 40).table()
    return {**e, "lag": lag, "state": state, "p_holm": 0.031}


@pytest.mark.parametrize(
    ("states", "said", "unsaid"),
    [
        (["undecided", "shown", "shown"],
         ["isn't shown to change it at once", "differ afterwards, 1 round later −.175",
          "2 rounds later −.175", "p .031 (Holm)", "never shown to be gone"], "no difference"),
        (["gone", "shown", "gone"],
         ["no more than ±.03 at once", "afterwards, 1 round later",
          "gone (within ±.03) from 2 rounds later on"], "no difference"),
        (["undecided", "undecided", "gone"],
         ["isn't shown to change it at once", "no difference is shown afterwards"], "differ "),
        (["shown", "undecided", "shown"],
         ["changes it at once", "not shown any more in the round after, shown again 2 rounds"],
         "isn't shown"),
        (["shown", "shown", "gone"],
         ["still shown 1 round later, and shown to be gone (within ±.03) from 2 rounds later on"],
         "again"),
    ],
)  # fmt: skip
def test_an_injection_is_told_as_its_table_has_it(
    states: list[str], said: list[str], unsaid: str
) -> None:
    from selfcorrect.studies.injection.analysis import lasts

    rows = [_lag(n, state) for n, state in enumerate(states)]
    result = {
        "lags": {"accuracy": rows},
        "lasts": {"accuracy": lasts(states)},
        "margins": {"accuracy": 0.03},
    }
    (told,) = injection_findings(result)
    for each in said:
        assert each in told
    assert unsaid not in told


def _difference(**changed: Any) -> str:
    told = {**E, "verdict": "undecided", "margin": 0.02, "decides": [-0.001, 0.021], **changed}
    stays = {"round": None, "margin": 0.02, "why": None}
    result = {
        "outcome": "accuracy", "uncertainty": None, "activation": None, "curves": {},
        "against": {"repeat": {"rounds": [5, 5], "difference": {"accuracy": told}}},
        "stays": {"accuracy": {"intrinsic": stays}}, "order": {},
        "settled": {"intrinsic": {"value": 0.0}},
    }  # fmt: skip
    return " ".join(convergence_findings(result))


def test_a_verdict_that_its_interval_does_not_show_says_what_it_went_by() -> None:
    assert "is the same, within ±.02, as the merely" in _difference(verdict="same")
    told = _difference()
    assert "isn't shown to differ from the merely repeated question's: +.010 [.005, .015]" in told
    assert "is judged by a wider interval, [−.001, .021]" in told
    assert "test doesn't show a difference, p .060" in _difference(decides=[0.001, 0.02], p=0.06)
    assert "unread answers could turn it" in _difference(hangs=True)
    assert "too few clusters" in _difference(few=True)
    assert "wider" not in _difference(low=-0.001)
    assert "wider" not in _difference(verdict="better")


def test_an_order_that_is_not_shown_has_its_estimates() -> None:
    ways = {name: {"changes": E} for name in ("forward", "backward")}
    from selfcorrect.studies.convergence.sheet import _neither

    told = _neither("uncertainty", "quality", ways)
    assert "uncertainty on the next quality +.010 [.005, .015]" in told
    assert "quality on the next uncertainty +.010 [.005, .015], per standard deviation" in told
    assert "; a lead takes levels, too, and more than the other way round." in told
    ways = {name: {"changes": {**E, "low": -0.01}} for name in ways}
    assert "takes" not in _neither("uncertainty", "quality", ways)
    constant = {**E, "value": 0.0, "low": 0.0, "high": 0.0}
    ways["forward"] = {"changes": constant}
    told = _neither("uncertainty", "quality", ways)
    assert f"uncertainty on the next quality {UNVARYING}" in told


# --- refused before anything is run ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("study", "spec", "said"),
    [
        ("steering", {"model": {"name": "openai:m", "base_url": "http://127.0.0.1:9"}},
         "moves a model's hidden states, and those of openai:m are out of reach"),
        ("steering", {"model": "planted:chain", "task": "planted"}, "are out of reach"),
        ("steering", {"model": "planted:mixture", "task": "toxicity"}, "have none: choose a task"),
        ("concept-drives-uncertainty", {"model": "openai:m"}, "--concept NAME=FILE, or a local"),
        ("concept-drives-uncertainty", {"model": "planted:chain", "task": "planted"}, "--concept"),
        ("concept-drives-uncertainty", {"rounds": 1}, "needs at least 2 rounds, and the run has 1"),
        ("joint", {"rounds": 1}, "at least 2 rounds"),
        ("convergence", {"rounds": 1}, "at least 2 rounds"),
        ("wording", {"rounds": 1}, "at least 2 rounds"),
        ("wording", {"model": "planted:mixture", "task": "planted-mixture"}, "in English"),
        ("transitions", {"rounds": 4}, "the first 4 are to be fitted"),
        ("transitions", {"task": "toxicity"}, "answers that are right or wrong"),
    ],
)  # fmt: skip
def test_what_the_spec_tells_is_refused_in_the_plan(
    study: str, spec: dict[str, Any], said: str
) -> None:
    plan = load(study).plan
    assert plan is not None
    with pytest.raises(UserError, match=said):
        plan(RunSpec.model_validate(spec), SETTINGS)


def test_a_server_asked_to_steer_is_asked_nothing(tmp_path: Any) -> None:
    from selfcorrect.runs import make_spec, run
    from servers.stub import Able, Stub

    stub = Stub(Able())
    told = {"name": "openai:stub", "base_url": stub.url}
    with pytest.raises(UserError, match="can't be steered"):
        run(make_spec({"task": "sample", "model": told, "steer": "kind:2"}), out=tmp_path / "runs")
    assert not stub.requests
