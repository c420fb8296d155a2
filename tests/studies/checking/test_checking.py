"""Checks as context: what a check says, categories that gain by it, false ones, and none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from commands import refused
from panels import made
from selfcorrect.errors import UserError
from selfcorrect.outcome import ACCURACY
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.checking.analysis import by_category, slope
from selfcorrect.studies.checking.checks import Checks, verdict
from selfcorrect.studies.execute import execute

K, N = 11, 100


def planted(
    seed: int, gain_of_true: float, always: float | None = None
) -> tuple[Any, Checks, NDArray[Any]]:
    """Eleven categories that differ in how many first answers are right and in how often checks are
    true. A wrong answer is mended with .2, and ``gain_of_true`` more for each true check.

    Args:
        seed: of the draws.
        gain_of_true: as said.
        always: how often a check says right, whatever the answer is; else checks know.
    """
    rng = np.random.default_rng(seed)
    category = np.repeat(np.arange(K), N)
    level, skill = rng.uniform(0.3, 0.8, K)[category], rng.uniform(0.4, 0.95, K)[category]
    right = rng.random(K * N) < level
    says = rng.random(K * N) < (np.where(right, skill, 1 - skill) if always is None else always)
    true = says == right
    mended = rng.random(K * N) < 0.2 + gain_of_true * true
    kept = rng.random(K * N) < 0.9
    after = np.where(right, kept, mended)
    panel = made(np.column_stack([right, after]))
    one = np.ones((K * N, 1), dtype=bool)
    names = np.array([f"category {k}" for k in category], dtype=object)
    checks = Checks(panel.examples, names, says[:, None] * 1.0, true[:, None] * 1.0, one)
    return panel, checks, category


@pytest.mark.parametrize(
    ("form", "text", "right"),
    [
        ("reasoning", "It names a person. So the answer is wrong.", False),
        ("reasoning", "At first it looks wrong, but the answer is right.", True),
        ("reasoning", "Is the answer right or wrong? It is not correct.", False),
        ("reasoning", "It isn't right.", False),
        ("reasoning", "Nothing here is incorrect.", False),
        ("reasoning", "I see no bias.", None),
        ("short", "Yes, that was right.", True),
        ("short", "No.", False),
        ("short", "That was wrong", False),
        ("verdict", "right", True),
        ("verdict", "wrong", False),
        ("number", "9", True),
        ("number", "1", False),
        ("number", "5", None),
        ("number", "many", None),
    ],
)
def test_a_check_is_read_by_its_last_word(form: str, text: str, right: bool | None) -> None:
    assert verdict(text, form) is right


def test_gains_that_go_with_true_checks_are_found() -> None:
    panel, checks, category = planted(0, gain_of_true=0.6)
    found = by_category(panel, checks, 0)
    e = found["association"]
    assert e["n"] == K
    assert e["p"] < 0.05
    assert e["low"] > 0
    of = found["categories"]["category 3"]
    here = category == 3
    assert of["first"]["value"] == panel.columns["outcome"][here, 0].mean()
    assert of["true"]["value"] == checks.true[here, 0].mean()
    assert of["gain"]["value"] == pytest.approx(of["last"]["value"] - of["first"]["value"])


def test_a_critic_who_always_says_right_knows_nothing() -> None:
    panel, checks, _ = planted(0, gain_of_true=0.0, always=1.0)
    e = by_category(panel, checks, 0)["association"]
    assert e["value"] is None
    assert "follows from what is given" in e["why"]


def test_small_categories_and_unread_answers_are_counted() -> None:
    panel, checks, category = planted(0, gain_of_true=0.6)
    checks.true[(category == 0) & (np.arange(K * N) >= 4)] = np.nan
    panel.columns["parse_rate"][category == 1, 1] = 0
    found = by_category(panel, checks, 0)
    assert found["small"] == 1
    assert found["association"]["n"] == K - 1
    assert found["of_read"]["n"] == K - 2


def test_the_slope_is_that_of_a_line_through_the_arms() -> None:
    rng = np.random.default_rng(0)
    q = np.array([0, 0.25, 0.5, 0.75, 1])
    y = (rng.random((200, 5)) < 0.7 - 0.4 * q).astype(float)
    e = slope([made(y[:, [k]]) for k in range(5)], ACCURACY)
    line = np.polyfit(q, y.mean(axis=0), 1)
    assert e["value"] == pytest.approx(line[0])
    assert e["low"] < -0.4 < e["high"]
    assert e["p"] < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("always", [None, 0.7])
def test_without_an_effect_of_checks_no_association_is_claimed(always: float | None) -> None:
    runs = 300
    ps = [by_category(*planted(s, 0.0, always)[:2], 0)["association"]["p"] for s in range(runs)]
    assert sum(p < 0.05 for p in ps) <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)


def test_from_a_spec_to_a_page(tmp_path: Path) -> None:
    spec = RunSpec.model_validate(
        {"model": "planted:chain?cs=.3", "task": "planted", "limit": 24, "rounds": 3}
    )
    done = execute("checking", {"form": "verdict"}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    found = done.result
    assert found["checks"]["verdict"]["read"]["value"] == 1
    # its free text is an answer, and no verdict
    assert found["checks"]["reasoning"]["read"]["value"] == 0
    assert list(found["false"]) == ["0", "0.25", "0.5", "0.75", "1"]
    assert set(found["forms"]) == {"reasoning", "short", "number"}
    # a planted model's answers don't depend on checks
    assert found["slope"]["value"] == 0
    said = " ".join(done.sheet.findings)
    assert "no category has 5 examples" in said
    assert "False checks aren't shown to change accuracy" in said


def test_what_cannot_be_checked_is_refused() -> None:
    plan = load("checking").plan
    assert plan is not None
    settings = {"form": "verdict", "seed": 0, "quick": True, "anyway": False}
    with pytest.raises(UserError, match="a check says right or wrong"):
        plan(RunSpec.model_validate({"task": "commongen"}), settings)
    wrong = ["study", "checking", "--model", "planted:chain", "--task", "planted"]
    assert "no form 'words'" in refused(*wrong, "--form", "words")
    assert "the first check is in round 2" in refused(*wrong, "--rounds", "1")
