"""The study ``innate``: feedback that is right or wrong by construction, gains, and both models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks import feedback_laws

import read_again as again
from inside import arms
from made_concepts import made
from selfcorrect.concepts import write
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.report.sheet import page
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.base import NO_PARTS, Parts
from selfcorrect.studies.innate.accept import NO_OPTION, Trials, first_answers, trials
from selfcorrect.studies.innate.acceptance import acceptance, told_apart
from selfcorrect.studies.innate.analysis import acceptance_difference, gains
from selfcorrect.studies.innate.arms import ARMS, MODELS, arm_of

DIALOGUES = 240


def planted(
    seed: int, *, sure: float = 0.0, right: float = 0.0, base: float = -0.5, n: int = DIALOGUES
) -> Trials:
    """Trials in which the log odds of taking feedback are ``base``, by ``sure`` a standard
    deviation of confidence and by ``right`` where it is right; three options each."""
    rng = np.random.default_rng(seed)
    rows = []
    confidence = rng.uniform(0.35, 1.0, n)
    spread = 0.65 / 12**0.5
    for e in range(n):
        given, target = int(rng.integers(3)), 0
        for option in set(range(3)) - {given}:
            truth = float(option == target)
            odds = base + sure * (confidence[e] - 0.675) / spread + right * truth
            taken = float(rng.random() < 1 / (1 + np.exp(-odds)))
            asked = float(rng.random() < 0.05)
            before = (1 - confidence[e]) * rng.uniform(0.2, 0.8)
            rows.append([f"e{e}", f"c{e // 2}", truth, confidence[e], before, taken, asked,
                         0.5 * taken + 0.2, 0.2])  # fmt: skip
    columns = list(zip(*rows, strict=True))
    text = [np.array(c, object) for c in columns[:2]]
    return Trials(*text, *[np.array(c, float) for c in columns[2:]])


def test_what_acceptance_goes_with_is_found_within_its_interval() -> None:
    found = acceptance(planted(0, sure=-0.8, right=1.0))
    for fit in found["fits"].values():
        for name, truth in (("confidence", -0.8), ("right", 1.0)):
            assert fit[name]["low"] <= truth <= fit[name]["high"]
            assert fit[name]["p_holm"] < 0.01
    assert found["told_apart"]["state"] == "more"
    right, wrong = (found["taken"][kind]["share"] for kind in ("right", "wrong"))
    assert right["low"] > wrong["high"]
    assert found["taken"]["right"]["rise"]["value"] == pytest.approx(0.5 * right["value"], abs=1e-9)
    shares = [row["wrong"]["value"] for row in found["bins"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(row["right"]["n"] + row["wrong"]["n"] for row in found["bins"]) == found["trials"]


def test_a_model_that_only_obeys_is_not_said_to_know_better() -> None:
    told, knows = 0, 0
    for seed in range(30):
        found = acceptance(planted(100 + seed, n=90))
        fit = found["fits"]["plain"]
        told += any(e["p_holm"] is not None and e["p_holm"] < 0.05 for e in fit.values())
        knows += found["told_apart"]["state"] in ("more", "less")
    assert told <= 5  # at 5 %, more than 5 of 30 in .3 %
    assert knows <= 5
    obeys = acceptance(replace(planted(9), taken=np.ones(2 * DIALOGUES), asked=np.zeros(480)))
    assert obeys["taken"]["wrong"]["share"]["value"] == 1.0
    assert obeys["told_apart"]["state"] == "same"
    assert obeys["told_apart"]["value"] == 0
    assert obeys["fits"]["plain"]["confidence"]["why"] == "all feedback was taken"
    assert list(obeys["fits"]["adjusted"]) == [*obeys["fits"]["plain"], "log odds before"]


@pytest.mark.parametrize("more", [0.0, 1.0])
def test_right_options_that_were_likelier_are_not_knowledge(more: float) -> None:
    """Right options are 1.2 logits likelier before, and feedback for them pushes as much as any, or
    one logit more: whatever their likelihood the right one is taken more often in both."""
    found = [
        told_apart(feedback_laws.trials(np.random.default_rng(seed), 160, 1.2, more))
        for seed in range(12)
    ]
    assert sum(e["plain"]["low"] > 0 for e in found) >= 4
    states = [e["state"] for e in found]
    # of nothing, at 5 %, more than 3 of 12 in .2 %
    assert (states.count("undecided") <= 3) if more else (states.count("undecided") >= 9)


def test_without_right_feedback_nothing_is_said_of_it() -> None:
    some = planted(3)
    wrong = some.right == 0
    names = Trials.__dataclass_fields__
    found = acceptance(Trials(**{name: getattr(some, name)[wrong] for name in names}))
    assert found["taken"]["right"]["share"]["value"] is None
    assert found["told_apart"]["value"] is None
    assert found["fits"]["plain"]["right"]["value"] is None
    json.dumps(found, allow_nan=False)


def test_a_difference_of_acceptance_between_models_is_found() -> None:
    more, less = planted(5, base=1.0), planted(6, base=-2.0)
    found = acceptance_difference(more, less)
    truth = 1 / (1 + np.exp(-1.0)) - 1 / (1 + np.exp(2.0))
    for kind in ("right", "wrong"):
        assert found[kind]["state"] == "shown"
        assert found[kind]["low"] <= truth <= found[kind]["high"]
    same = acceptance_difference(planted(7), planted(8))
    assert all(e["state"] == "undecided" for e in same.values())


# --- gains ----------------------------------------------------------------------------------------


def _gains(by: float, sibling: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    series = {}
    for which, gain in zip(MODELS, (by, sibling), strict=True):
        first = (rng.random((DIALOGUES, 1)) < 0.4).astype(float)
        for arm in ARMS:
            right = first.repeat(2, axis=1)
            up = gain if arm == "intrinsic" else 0.0
            right[:, 1] = np.maximum(first[:, 0], rng.random(DIALOGUES) < up)
            series[arm_of(which, arm)] = (right, right, right)
    return gains(arms(series, np.repeat(np.arange(80), 3)))


def test_a_gain_of_one_model_is_found_and_one_of_neither_is_not() -> None:
    found = _gains(0.5)
    assert found["model"]["gain"]["state"] == "shown"
    assert found["model"]["gain"]["low"] <= 0.3 <= found["model"]["gain"]["high"]
    assert found["sibling"]["gain"]["state"] == "undecided"
    assert found["difference"]["low"] <= 0.3 <= found["difference"]["high"]
    nothing = _gains(0.0)
    assert {nothing[w]["gain"]["state"] for w in MODELS} == {"undecided"}
    assert nothing["difference"]["state"] == "undecided"


def test_no_gain_is_claimed_that_unread_answers_could_turn() -> None:
    """As recorded the control fell: half of its last answers couldn't be read."""
    rng = np.random.default_rng(11)
    right = np.repeat((rng.random((DIALOGUES, 1)) < 0.6).astype(float), 2, axis=1)
    made = arms(
        {arm_of(w, arm): (right.copy(), right, right) for w in MODELS for arm in ARMS},
        np.repeat(np.arange(80), 3),
    )
    columns = made.panels[arm_of("model", "repeat")].columns
    lost = np.arange(DIALOGUES) % 2 == 0
    for name, value in (("outcome", 0.0), ("parse_rate", 0.0)):
        columns[name][:] = np.where(lost[:, None] & [False, True], value, columns[name])  # type: ignore[index]
    found = gains(made)
    gain = found["model"]["gain"]
    assert gain["low"] > 0
    assert gain["p_holm"] == 1
    assert (gain["state"], found["difference"]["state"]) == ("undecided", "undecided")
    assert gain["unread"][0] <= 0 < gain["unread"][1]
    assert "unread" not in found["sibling"]["gain"]


# --- asked of a model -----------------------------------------------------------------------------


def _run(frames: Any) -> Any:
    spec = SimpleNamespace(system=None)
    return SimpleNamespace(task=again.TASK, spec=spec, dialogues=len(frames) // again.ROUNDS,
                           chunks=lambda columns: iter([frames.select(columns)]))  # fmt: skip


def test_trials_are_what_a_plain_pass_says_after_the_same_words() -> None:
    which, of = again.talked()
    frames = of["neutral"]
    run = _run(frames.with_columns(choice=frames["choice"].fill_null(1)))
    kept: dict[str, Any] = {}
    found = trials(which, run, Parts({}, lambda k, v: kept.update({k: v})), lambda: None)
    (first,) = first_answers(run)
    assert len(found.right) == 2
    assert found.right.sum() == (first.given != first.target)
    words = message("user", NO_OPTION.replace("{repeat}", first.repeat))
    ids = which.vocabulary.template.render([*first.messages, words], first.prefill).prompt.ids
    with torch.inference_mode():
        logits = which.twin(torch.tensor([ids])).logits[0, -1]  # type: ignore[attr-defined]
    at = [
        which.vocabulary.template.render([*first.messages, words], first.prefill + o).prompt.ids[-1]
        for o in first.labels
    ]
    p = torch.softmax(logits[at].float(), dim=0).tolist()
    others = [o for o in range(3) if o != first.given]
    assert found.after_asked.tolist() == pytest.approx([p[o] for o in others], abs=1e-5)
    assert found.asked.tolist() == [float(int(np.argmax(p)) == o) for o in others]
    # what was kept isn't asked again
    again_ = trials(None, run, Parts(kept), lambda: None)  # type: ignore[arg-type]
    for name in Trials.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again_, name), getattr(found, name))


def test_answers_that_cannot_be_read_get_no_feedback() -> None:
    import polars as pl

    frames = again.talked()[1]["neutral"].with_columns(choice=pl.lit(None, pl.Int32))
    with pytest.raises(UserError, match="no first answer could be read"):
        trials(again.talked()[0], _run(frames), NO_PARTS, lambda: None)


# --- the plan and the sheet -----------------------------------------------------------------------


def test_a_plan_has_both_models_and_refuses_what_it_cannot_compare(tmp_path: Path) -> None:
    study, file = load("innate"), tmp_path / "a.safetensors"
    write(made(), file)
    assert study.plan is not None
    settings = {"quick": True, "anyway": False, "site": None, "sibling": "planted:mixture"}
    plan = study.plan(RunSpec.model_validate({"model": "smollm2"}), settings)
    assert list(plan) == [arm_of(which, arm) for which in MODELS for arm in ARMS]
    assert {spec.model.name for spec in plan.values()} == {"smollm2", "planted:mixture"}
    assert {spec.strategy.name for spec in plan.values()} == set(ARMS)
    for spec, more, said in (
        ({}, {"sibling": None}, "name the other one with --sibling MODEL"),
        ({}, {"sibling": "/nowhere/base"}, "there is no model '/nowhere/base'"),
        ({"concepts": {"a": str(file)}}, {}, "the concept a is a file, and a file is of one model"),
        ({}, {"sibling": "smollm2"}, "the model itself: name another one"),
        ({}, {"sibling": "openai:x"}, "openai:x shows none: choose a local"),
        ({"model": "openai:x"}, {}, "openai:x shows none: choose a local"),
        ({"task": "toxicity"}, {}, "choose a task of lettered questions"),
        ({"rounds": 1}, {}, "give at least --rounds 2"),
    ):
        with pytest.raises(UserError, match=said):
            study.plan(RunSpec.model_validate(spec), {**settings, **more})


def test_the_sheet_says_what_was_found_of_both_models() -> None:
    share = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 60, "clusters": 20}
    nothing = dict.fromkeys(("chance", "position", "mass", "detectable"))
    checked = {"read": share, "outcome": share, "flips": share, "rounds": 2, "missing": False,
               "why": [], **nothing}  # fmt: skip
    row = {**share, "p_holm": 0.2, "state": "undecided", "within": False}
    parts = {kind: {"residual": {"raw": row, "mere": row, "beyond": row}}
             for kind in ("instruction", "feedback", "rationale")}  # fmt: skip
    inside = {"parts": parts, "upper": [3, 6], "layers": 8, "concept": "biased"}
    one, other = planted(20, sure=-0.8, right=1.0), planted(21)
    result = {
        "able": True, "preflight": checked, "sibling": checked, "folders": {}, "n": 60,
        "clusters": 20, "names": {"model": "tuned", "sibling": "base"}, "concept": "biased",
        "plain": {"model": False, "sibling": True}, "outcome": "accuracy", "share": True, "last": 2,
        "layer": 3, "sites": ["residual"], "gains": _gains(0.5),
        "inside": dict.fromkeys(MODELS, inside),
        "acceptance": {"model": acceptance(one), "sibling": acceptance(other)},
        "difference": acceptance_difference(one, other),
    }  # fmt: skip
    json.dumps(result, allow_nan=False)
    sheet = load("innate").sheet(result)
    assert page(sheet).startswith("<!doctype html>")
    told = " ".join(sheet.findings)
    for said in (
        "its gain differs: +", "tuned: beyond as many neutral words in its place, the goal",
        "on the same wrong answers, of options as likely before: it takes right feedback more",
        "tuned: the more confident it was, the less often it takes feedback",
        "base: that acceptance goes with confidence isn't shown",
        "base has no chat template: it was shown plain text",
    ):  # fmt: skip
        assert said in told, said
