"""The studies of the inside on made-up series: what is planted is found, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inside import ACTIVATION, arms, inputs
from inside import told as _told
from panels import made
from selfcorrect.errors import UserError
from selfcorrect.measures.convergence import converged, convergence
from selfcorrect.measures.lagged import order
from selfcorrect.measures.outcomes import room_of
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.able import checked, sentence
from selfcorrect.studies.injection import injected
from selfcorrect.studies.injection.analysis import lasts, places_of

DIALOGUES, ROUNDS = 240, 6
CLUSTERS = np.repeat(np.arange(60), 4)


def _noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(DIALOGUES, ROUNDS))


def _right(rng: np.random.Generator, p: Any) -> np.ndarray:
    return (rng.random((DIALOGUES, ROUNDS)) < p).astype(float)


# --- convergence ----------------------------------------------------------------------------------


def _convergence(series: dict[str, Any]) -> tuple[dict[str, Any], str]:
    made_up = arms(series, CLUSTERS)
    result = load("convergence").analyse(inputs(made_up, quick=False, anyway=False))
    return result, _told("convergence", result)


def test_what_is_planted_in_an_arm_is_found_against_its_controls() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(ROUNDS)
    falls = 0.9 * np.exp(-t) + 0.05 + 0.01 * np.abs(_noise(rng))
    flat = 0.9 + 0.01 * np.abs(_noise(rng))
    plain = _right(rng, 0.5), flat, 0.01 * _noise(rng)
    result, told = _convergence(
        {
            "intrinsic": (_right(rng, 0.5), falls, 0.2 * (1 - np.exp(-t)) + 0.01 * _noise(rng)),
            "repeat": plain,
            "negation": plain,
            "baseline": tuple(x[:, :1] for x in plain),
        }
    )
    repeat = result["against"]["repeat"]["difference"]
    assert repeat["entropy"]["high"] < -0.5
    assert repeat[ACTIVATION]["verdict"] == "higher"
    assert repeat["accuracy"]["verdict"] == "undecided"
    assert result["stays"]["entropy"]["repeat"]["round"] == 1
    assert "Entropy: it isn't shown to stay" in told or "Entropy: it stays" in told
    assert "is below the merely repeated question's" in told
    assert "Accuracy:" in told
    assert "isn't shown to differ from the merely repeated question's" in told


def test_arms_that_are_alike_are_found_to_be() -> None:
    rng = np.random.default_rng(1)
    level, names = 0.5 + 0.05 * _noise(rng), ("intrinsic", "repeat", "negation", "baseline")
    result, told = _convergence(
        {arm: (_right(rng, 0.5), level + 0.01 * _noise(rng), 0.02 * _noise(rng)) for arm in names}
    )
    assert result["against"]["repeat"]["difference"]["entropy"]["verdict"] == "same"
    assert result["stays"]["entropy"]["intrinsic"]["round"] == 1
    assert "goes ahead of" not in told.replace("is shown to go ahead of", "")


def test_answers_that_never_move_leave_open_what_goes_first() -> None:
    rng = np.random.default_rng(3)
    stuck = np.repeat(_right(rng, 0.5)[:, :1], ROUNDS, axis=1)
    series = {
        arm: (stuck, 0.5 + 0.05 * _noise(rng), 0.02 * _noise(rng))
        for arm in ("intrinsic", "repeat", "negation", "baseline")
    }
    result, told = _convergence(series)
    assert result["order"]["uncertainty and quality"]["still"] == ["u"]
    assert (
        "Whether uncertainty or quality goes ahead of the other can't be told: quality never "
        "changes from one round to the next." in told
    )
    assert "Neither of uncertainty and quality" not in told
    name = "concept-drives-uncertainty"
    frozen = {arm: (y, 0 * u + 0.1, c) for arm, (y, u, c) in series.items()}
    given = inputs(arms(frozen, CLUSTERS), folds=5, seed=0, quick=False, anyway=False)
    told = _told(name, load(name).analyse(given))
    assert "What goes first can't be told: the uncertainty never changes" in told


def test_a_round_from_which_an_activation_stays_is_that_of_convergence() -> None:
    rng = np.random.default_rng(2)
    values = 0.3 * np.exp(-np.arange(ROUNDS)) + 0.02 * _noise(rng)
    panel = made(np.ones((DIALOGUES, ROUNDS)), entropy=values)
    for margin in (0.01, 0.03, 0.1, 0.5):
        theirs = convergence(panel, {"entropy": margin})["entropy"]["round"]
        room = next(room_of(m) for m in panel.measures if m.name == "entropy")
        found = converged(values, panel.clusters, panel.rounds, margin, room)
        assert found["round"] == theirs
    assert "at least 4 rounds" in converged(values[:, :3], panel.clusters, (1, 2, 3), 0.1)["why"]


# --- the concept's change -------------------------------------------------------------------------


@pytest.mark.parametrize("by", [0.0, -0.8])
def test_a_change_that_tells_is_found_and_a_shared_trend_is_not(by: float) -> None:
    rng = np.random.default_rng(4)
    t = np.arange(ROUNDS) * 0.3
    c = t + _noise(rng).cumsum(axis=1) * 0.5
    u = -t + by * (c - t) + 0.5 * _noise(rng)
    y = _right(rng, 0.5)
    series = {"intrinsic": (y, u, c), "repeat": (y, _noise(rng), _noise(rng))}
    name = "concept-drives-uncertainty"
    given = inputs(arms(series, CLUSTERS), folds=5, seed=0, quick=False, anyway=False)
    result = load(name).analyse(given)
    told = _told(name, result)
    assert result["arms"]["intrinsic"]["added"]["shown"] == bool(by)
    assert "; where the question is merely repeated " in told
    how = "adds" if by else "isn't shown to add"
    assert f"In the run the change of the activation {how} to what is known without it" in told


def test_what_goes_first_may_be_the_better_reading_and_what_settles_leads_nothing() -> None:
    from selfcorrect.studies.concept_drives_uncertainty.sheet import findings

    rng = np.random.default_rng(12)
    state = _noise(rng)
    for t in range(1, ROUNDS):
        state[:, t] += 0.7 * state[:, t - 1]
    better = order(state + 0.2 * _noise(rng), state + 1.5 * _noise(rng), CLUSTERS)
    far = rng.gamma(2, 0.5, size=(DIALOGUES, 1)) * 0.5 ** np.arange(ROUNDS)
    settles = order(far + 0.1 * _noise(rng), -far + 0.1 * _noise(rng), CLUSTERS)
    unasked = {"why": "few", "fell": 0, "rose": 0, "ties": 0}
    orders = {"intrinsic": better, "repeat": settles}
    told = findings({"arms": {a: {"added": unasked, "order": o} for a, o in orders.items()}})
    *_, first = told
    assert "goes ahead of the uncertainty (a better reading of the same thing would look" in first
    assert "where the question is merely repeated each tells the other's next value" in first
    told = findings({"arms": {a: {"added": unasked, "order": settles} for a in orders}})
    *_, first = told
    assert "Each tells the other's next value: dialogues that settle or alternate" in first
    assert first.endswith("where the question is merely repeated it is the same.")


# --- injection ------------------------------------------------------------------------------------


def _injection(
    effect: list[float],
    unread: float = 0.0,
    activation: Any = 0.0,
    recorded: float | None = None,
) -> tuple[dict[str, Any], str]:
    rng = np.random.default_rng(5)
    plain = 0.5 + 0.05 * _noise(rng)
    moved = plain + np.array(effect) + 0.02 * _noise(rng)
    y = _right(rng, 0.5)
    quiet = 0.001 * _noise(rng)
    series = {
        "injection": (y, moved, quiet + activation),
        "intrinsic": (y, plain, quiet),
        "repeat": (y, plain, quiet),
    }
    made_up = arms(series, CLUSTERS)
    columns = made_up.panels["injection"].columns
    hidden = rng.random(y.shape) < unread
    columns["parse_rate"][hidden] = 0
    if recorded is not None:
        columns["outcome"] = np.where(hidden, recorded, y)
    given = inputs(made_up, injected=None, quick=False, anyway=False)
    strategy = SimpleNamespace(parameters={"injected": [2]})
    given.runs["injection"].spec = SimpleNamespace(strategy=strategy)  # type: ignore[index]
    result = load("injection").analyse(given)
    return result, _told("injection", result)


def test_an_effect_of_one_round_lasts_one_round() -> None:
    result, told = _injection([0, 0.3, 0, 0, 0, 0])
    assert result["lasts"]["entropy"] == {"shown": 0, "gone": 1}
    assert "not shown any more in the round after, and shown to be gone" in told
    assert "Accuracy: the injected round isn't shown to change it" in told


def test_an_effect_that_stays_is_never_called_gone() -> None:
    result, told = _injection([0, 0.3, 0.3, 0.2, 0.1, 0.1])
    assert result["lasts"]["entropy"] == {"shown": 4, "gone": None}
    assert "still shown 4 rounds later, and never shown to be gone" in told


def test_unread_answers_leave_an_injections_effect_open() -> None:
    read, _ = _injection([0] * ROUNDS)
    some, _ = _injection([0] * ROUNDS, unread=0.2)
    (one, *_), (other, *_) = read["lags"]["accuracy"], some["lags"]["accuracy"]
    assert other["high"] - other["low"] > one["high"] - one["low"] + 0.15
    assert other["state"] == "undecided"


def test_a_side_that_hangs_on_unread_answers_is_none() -> None:
    """Nine of ten are unread and recorded as right: that would be shown, and so would all wrong."""
    some, told = _injection([0] * ROUNDS, unread=0.9, recorded=1.0)
    assert some["lags"]["accuracy"][0]["value"] > 0.3
    assert {row["state"] for row in some["lags"]["accuracy"]} == {"undecided"}
    assert "Accuracy: the injected round isn't shown to change it" in told


def test_a_rare_kind_that_no_record_showed_may_undo_a_small_shift_of_an_activation() -> None:
    """All move by .0005 here, and far as activations go: 3 % that go the other way would win."""
    shift = np.where(np.arange(ROUNDS) == 1, 0.0005, 0.0)
    far = np.where((np.arange(DIALOGUES) == 0)[:, None] & (np.arange(ROUNDS) == 0), 0.2, 0.0)
    seen, _ = _injection([0] * ROUNDS, activation=shift)
    wide, _ = _injection([0] * ROUNDS, activation=shift + far)
    assert seen["lags"][ACTIVATION][0]["state"] == "gone"
    assert seen["lags"][ACTIVATION][0]["low"] > 0
    assert wide["lags"][ACTIVATION][0]["low"] < 0


def test_lags_count_from_the_last_injection() -> None:
    assert places_of((2, 4), (1, 2, 3, 4, 5, 6)) == {0: [1, 3], 1: [2, 4], 2: [5]}
    assert lasts(["shown", "shown", "undecided", "gone"]) == {"shown": 1, "gone": 3}
    assert lasts(["undecided"]) == {"shown": -1, "gone": None}


def test_rounds_that_cannot_be_injected_are_refused() -> None:
    settings = {"quick": False, "injected": None}
    assert injected(settings, 10) == (2, 5, 8)
    assert injected({**settings, "injected": [3, 3]}, 5) == (3,)
    for wrong, rounds, said in (([9], 5, "has rounds 1 to 5"), ([5], 5, "no injected round has")):
        with pytest.raises(UserError, match=said):
            injected({**settings, "injected": wrong}, rounds)


def test_a_plan_says_itself_what_the_spec_leaves_open_and_nothing_else() -> None:
    settings = {"quick": True, "anyway": False, "injected": None, "folds": 5, "seed": 0}
    given = RunSpec.model_validate({"model": "planted:chain", "task": "planted", "rounds": 7})
    for name in ("convergence", "joint", "injection"):
        study = load(name)
        assert study.plan is not None
        plan = study.plan(given, settings)
        assert {spec.limit for spec in plan.values()} == {40}
        assert {spec.rounds for arm, spec in plan.items() if arm != "baseline"} == {7}
        assert all(not spec.concepts and not spec.samples.k for spec in plan.values())


# --- preflight ------------------------------------------------------------------------------------


def test_a_model_that_guesses_cannot_answer_what_needs_right_answers() -> None:
    rng = np.random.default_rng(6)
    y = _right(rng, 0.5)
    series = arms({"intrinsic": (y, np.abs(_noise(rng)), _noise(rng))}, CLUSTERS)
    found = checked(series, ("quality", "uncertainty"))
    assert found["chance"] == 0.5
    assert "isn't shown to be above guessing (.50)" in sentence(found)
    assert checked(series, ("uncertainty",))["why"] == []


def test_what_is_not_recorded_cannot_be_waived() -> None:
    still = np.ones((DIALOGUES, ROUNDS))
    series = arms({"intrinsic": (still, still, still)}, CLUSTERS, concept=False)
    found = checked(series, ("moves", "uncertainty", "activation"))
    assert found["missing"]
    told = sentence(found)
    for said in ("not one of its answers changes", "its uncertainty is the same in all records",
                 "its activation isn't recorded"):  # fmt: skip
        assert said in told


# --- wording --------------------------------------------------------------------------------------


def _wording(rng: np.random.Generator, specific: float, apart: float) -> tuple[dict[str, Any], str]:
    from selfcorrect.studies.wording.texts import LEVELS, WORDINGS, arm_of

    own = rng.normal(size=len(WORDINGS)) * apart
    first = 0.5 + 0.1 * rng.normal(size=(DIALOGUES, 1))
    made_up = {}
    for level in LEVELS:
        for n in range(1, len(WORDINGS) + 1):
            moved = own[n - 1] + specific * (level == "specific")
            last = first + moved + 0.05 * rng.normal(size=(DIALOGUES, 1))
            u = np.concatenate([first, last], axis=1)
            made_up[arm_of(level, n)] = (_right(rng, 0.5)[:, :2], u, u)
    made_up["repeat"] = made_up["plain 1"]
    given = inputs(arms(made_up, CLUSTERS), quick=False, anyway=False)
    result = load("wording").analyse(given)
    return result, _told("wording", result)


def test_specificity_is_found_beyond_the_wordings_and_their_spread_is_measured() -> None:
    result, told = _wording(np.random.default_rng(7), 0.2, 0.05)
    of = result["measures"]["entropy"]
    assert of["levels"]["specific − plain"]["low"] > 0.15
    assert of["levels"]["goal − plain"]["p_holm"] > 0.05
    assert 0.02 < of["last"]["plain"]["spread"]["value"] < 0.12
    assert "ntropy: the specific instruction minus none on the goal: +.1" in told.replace(
        "+.2", "+.1"
    )
    assert "no difference is shown" in told


def test_a_gain_among_the_answers_that_were_read_is_none() -> None:
    """Three of ten wrong answers come as refusals at one level; nothing else differs."""
    from selfcorrect.studies.wording.texts import LEVELS, WORDINGS, arm_of

    rng = np.random.default_rng(9)
    names = [arm_of(level, n) for level in LEVELS for n in range(1, len(WORDINGS) + 1)]
    right = _right(rng, 0.6)[:, :1]
    still = 0.5 + 0.01 * rng.normal(size=(DIALOGUES, 2))
    series = {}
    for name in [*names, "repeat"]:
        again = np.where(rng.random(right.shape) < 0.1, _right(rng, 0.6)[:, :1], right)
        series[name] = (np.concatenate([right, again], axis=1), still, still)
    made_up = arms(series, CLUSTERS)
    for name in names:
        if name.startswith("specific"):
            columns = made_up.panels[name].columns
            refused = (columns["outcome"][:, 1] == 0) & (rng.random(DIALOGUES) < 0.3)
            columns["parse_rate"][refused, 1], columns["outcome"][refused, 1] = 0, np.nan
    result = load("wording").analyse(inputs(made_up, quick=False, anyway=False))
    of = result["measures"]["accuracy"]
    assert of["levels"]["specific − plain"]["p_holm"] > 0.05
    assert of["levels"]["specific − plain"]["low"] < 0
    assert of["levels"]["goal − plain"]["n"] == DIALOGUES
    assert of["last"]["specific"]["spread"]["high"] > of["last"]["plain"]["spread"]["high"]
    assert "Answers of the last round that aren't known: plain 0 of" in _told("wording", result)


def test_wordings_that_lie_apart_are_no_effect_of_a_review() -> None:
    result, _ = _wording(np.random.default_rng(8), 0.0, 0.3)
    beyond = result["measures"]["entropy"]["beyond"]["plain"]
    assert beyond["low"] < 0 < beyond["high"]
    assert beyond["fixed"]["high"] - beyond["fixed"]["low"] < beyond["high"] - beyond["low"]
