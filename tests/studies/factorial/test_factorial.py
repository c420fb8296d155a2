"""Effects and interactions of three factors: planted on either scale, and none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commands import refused
from factorials import NAMES, drawn, shares, told
from selfcorrect.measures.leaks import CHOSEN
from selfcorrect.outcome import ACCURACY
from selfcorrect.runs import RunSpec
from selfcorrect.studies.execute import execute
from selfcorrect.studies.factorial.analysis import EFFECTS, effects, leak_free, weights


def test_effects_are_those_of_a_slow_count() -> None:
    columns, clusters = drawn(
        shares(0.5, {"I": 0.2, "FC": -0.1}, odds=False), 20, 3, np.random.default_rng(0)
    )
    found = effects(columns, NAMES, ACCURACY, clusters, 0.03)
    mean = dict(zip(NAMES, columns["outcome"].mean(axis=0), strict=True))
    name = {
        "": "neutral", "I": "intrinsic", "F": "feedback", "C": "cot", "IF": "intrinsic-feedback",
        "IC": "intrinsic-cot", "FC": "feedback-cot", "IFC": "intrinsic-feedback-cot",
    }  # fmt: skip
    y = {key: mean[arm] for key, arm in name.items()}
    goal = np.mean([y["I"] - y[""], y["IF"] - y["F"], y["IC"] - y["C"], y["IFC"] - y["FC"]])
    assert found["I"]["difference"]["value"] == pytest.approx(goal)
    both = np.mean([y["IF"] - y["I"] - y["F"] + y[""], y["IFC"] - y["IC"] - y["FC"] + y["C"]])
    assert found["I×F"]["difference"]["value"] == pytest.approx(both)
    three = (y["IFC"] - y["IC"] - y["FC"] + y["C"]) - (y["IF"] - y["I"] - y["F"] + y[""])
    assert found["I×F×C"]["difference"]["value"] == pytest.approx(three)


def test_a_planted_interaction_is_found_on_both_scales() -> None:
    p = shares(0.4, {"I": 0.3, "F": 0.2, "IF": -0.3}, odds=False)
    found = told(p, clusters=100)
    for effect in EFFECTS:
        e = found[effect]["difference"]
        truth = float(p @ weights(effect, NAMES))
        assert e["low"] < truth < e["high"], effect
        odds = float(np.log(p / (1 - p)) @ weights(effect, NAMES))
        e = found[effect]["log_odds"]
        assert e["low"] < odds < e["high"], effect
    assert found["I×F"]["state"] == "shown"
    assert found["I×F"]["difference"]["value"] < 0
    assert found["I"]["state"] == "shown"
    assert found["C"]["state"] in ("open", "same")


def test_effects_that_add_up_in_log_odds_depend_on_the_scale() -> None:
    p = shares(0.0, {"I": 2.0, "F": 2.0}, odds=True)
    found = told(p, clusters=100)
    e = found["I×F"]
    assert e["difference"]["value"] == pytest.approx(-0.28, abs=0.06)
    assert e["state"] == "scale"
    # and those that add up in probability
    p = shares(0.05, {"I": 0.35, "F": 0.35}, odds=False)
    assert told(p, clusters=100)["I×F"]["state"] == "scale"


def test_few_clusters_and_arms_without_a_wrong_answer_claim_nothing() -> None:
    found = told(shares(0.4, {"I": 0.5}, odds=False), clusters=4, size=30)
    assert {each["state"] for each in found.values()} == {"few"}
    found = told(shares(0.4, {"I": 0.6}, odds=False))
    assert found["I"]["state"] == "shown"
    assert found["I"]["log_odds"]["value"] is None
    assert found["I×F"]["p_both"] is None


def test_unread_answers_that_could_turn_an_effect_leave_none() -> None:
    columns, clusters = drawn(shares(0.4, {"I": 0.2}, odds=False), 60, 5, np.random.default_rng(0))
    assert effects(columns, NAMES, ACCURACY, clusters, 0.03)["I"]["state"] == "shown"
    columns["parse_rate"][:120] = 0
    columns["outcome"][:120] = 0
    found = effects(columns, NAMES, ACCURACY, clusters, 0.03)
    low, high = found["I"]["difference"]["unread"]
    assert low < 0 < high
    assert found["I"]["state"] == "open"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "parts", "odds"),
    [
        (0.6, {}, False),
        (-2.0, {"I": 2.0, "F": 2.0}, True),
        (0.5, {"I": 1.0, "F": 1.0, "C": 0.5}, True),
        (0.3, {"I": 0.15, "F": 0.15, "C": 0.2}, False),
    ],
)
@pytest.mark.parametrize(("clusters", "size"), [(60, 5), (25, 8)])
def test_without_an_interaction_none_is_claimed(
    base: float, parts: dict[str, float], odds: bool, clusters: int, size: int
) -> None:
    """At most 5 % of runs claim any of the four; intervals of both scales hold the truth."""
    p = shares(base, parts, odds=odds)
    truth = {
        "difference": {e: float(p @ weights(e, NAMES)) for e in EFFECTS},
        "log_odds": {e: float(np.log(p / (1 - p)) @ weights(e, NAMES)) for e in EFFECTS},
    }
    rng, runs, false, held = np.random.default_rng(1), 200, 0, []
    for _ in range(runs):
        found = told(p, clusters, size, rng)
        wrong = False
        for effect, each in found.items():
            for scale, of in truth.items():
                e = each[scale]
                if e["low"] is not None:
                    held.append(e["low"] <= of[effect] <= e["high"])
            side = np.sign(each["difference"]["value"])
            true = all(side * of[effect] > 1e-9 for of in truth.values())
            wrong |= "×" in effect and each["state"] == "shown" and not true
        false += wrong
    assert false <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)
    assert np.mean(held) > 0.93


def test_from_a_spec_to_a_page(tmp_path: Path) -> None:
    spec = RunSpec.model_validate(
        {"model": "planted:chain?stay=.2", "task": "planted", "limit": 24, "rounds": 2}
    )
    done = execute("factorial", {}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    assert next(iter(done.result["folders"])) == "neutral"
    assert done.result["round"] == 2
    assert set(done.result["effects"]) == set(EFFECTS)
    assert set(done.result["leaks"]) == {arm for arm in NAMES if "feedback" in arm}
    # a planted model's feedback is its answer: where it is right, it leaks
    assert all(e["value"] > 0.2 for e in done.result["leaks"].values())
    said = " ".join(done.sheet.findings)
    assert "interaction" in said
    assert "tokens" in said
    assert "on both scales" not in said
    page = done.page.read_text("utf-8")
    assert "if some questions are always answered right and others never" in page
    costs = {arm: of["cost"]["tokens"]["value"] for arm, of in done.result["arms"].items()}
    assert min(costs, key=costs.__getitem__) == "neutral"


def test_without_leaks_there_is_a_value_and_no_interval() -> None:
    """Feedback does nothing, and names the right option in 40 % of the rounds whose response is
    right: on the examples that are left it seems to harm."""
    rng, n = np.random.default_rng(0), 1000
    theta = np.clip(rng.normal(0.5, 0.25, n), 0.02, 0.98)[:, None]
    with_feedback = np.array(["feedback" in name for name in NAMES])
    now, clean = (rng.random((n, 8)) < theta), np.ones(n, dtype=bool)
    for _ in range(2):
        clean &= ~((now & (rng.random((n, 8)) < 0.4))[:, with_feedback].any(axis=1))
        now = np.where(rng.random((n, 8)) < 0.7, now, rng.random((n, 8)) < theta)
    y = now.astype(float)
    columns = {"outcome": y, "parse_rate": np.ones_like(y), "gradable": np.ones_like(y)}
    clusters = np.arange(n) // 5
    assert effects(columns, NAMES, ACCURACY, clusters, 0.03)["F"]["state"] != "shown"
    left = leak_free(columns, NAMES, ACCURACY, clusters, clean)
    assert left is not None
    assert left["n"] == clean.sum()
    y = y[clean]
    of = y[:, with_feedback].mean() - y[:, ~with_feedback].mean()
    assert left["effects"]["F"]["difference"]["value"] == pytest.approx(of)
    assert of < -0.04
    for each in left["effects"].values():
        assert set(each) == {"difference", "log_odds"}
        for e in each.values():
            assert not {"p", "p_holm", "state"} & set(e)
            assert (e["low"], e["high"], e["why"]) == (None, None, CHOSEN)
    for every in (np.ones(n, dtype=bool), np.zeros(n, dtype=bool)):
        assert leak_free(columns, NAMES, ACCURACY, clusters, every) is None


def test_a_single_round_has_no_feedback() -> None:
    said = refused("study", "factorial", "--model", "planted:chain", "--rounds", "1")
    assert "feedback comes from round 2 on" in said
