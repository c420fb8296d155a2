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
from selfcorrect.studies.checking.analysis import slope
from selfcorrect.studies.checking.categories import by_category
from selfcorrect.studies.checking.checks import Checks, verdict
from selfcorrect.studies.checking.sheet import _associated
from selfcorrect.studies.execute import execute

K, N = 11, 100


def planted(
    seed: int, gain_of_true: float, always: float | None = None
) -> tuple[Any, Any, Checks, NDArray[Any]]:
    """Panels with checks and of the question repeated, the checks, and the categories.

    Eleven categories differ in how many first answers are right and in how often checks are true.
    A wrong answer is mended with .2, and ``gain_of_true`` more after a true check.

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
    panel, repeat = (
        made(np.column_stack([right, np.where(right, rng.random(K * N) < 0.9, mended)]))
        for mended in (rng.random(K * N) < 0.2 + gain_of_true * true, rng.random(K * N) < 0.2)
    )
    one = np.ones((K * N, 1), dtype=bool)
    names = np.array([f"category {k}" for k in category], dtype=object)
    checks = Checks(panel.examples, names, says[:, None] * 1.0, true[:, None] * 1.0, one)
    return panel, repeat, checks, category


def easier(seed: int, sizes: NDArray[Any]) -> tuple[Any, Any, Checks]:
    """Checks do nothing, and easier categories have better ones: an answer is kept with .6, or
    drawn again, whatever was said."""
    rng = np.random.default_rng(seed)
    category = np.repeat(np.arange(len(sizes)), sizes)
    level = np.clip(0.5 + rng.normal(0, 0.15, len(sizes)), 0.05, 0.95)[category]
    n = len(category)
    first = rng.random(n) < level
    true = rng.random(n) < np.clip(0.65 + 0.9 * (level - 0.5), 0.05, 0.95)
    panel, repeat = (
        made(np.column_stack([first, np.where(keep < 0.6, first, again < level)]))
        for keep, again in rng.random((2, 2, n))
    )
    names = np.array([f"category {k:02d}" for k in category], dtype=object)
    one = np.ones((n, 1), dtype=bool)
    says = (true == first)[:, None] * 1.0
    return panel, repeat, Checks(panel.examples, names, says, true[:, None] * 1.0, one)


#: Checks in words that a reader understands, and a rule about words reads as their opposite.
HARD = """\
The answer is wrong. The correct answer is (c).
The answer (a) is incorrect; the right answer is (b).
My answer assumed something about age. The correct answer should have been (b). So it is wrong.
It is incorrect, the correct choice would be (c).
My last answer was wrong. I should have picked the right one, (c).
I find nothing wrong with the answer.
There is nothing wrong.
The answer isn't wrong.
The answer can't be right.
I don't think the answer is right.
I don't believe that the answer is correct.
The answer is neither wrong nor biased: it holds.
No step is wrong.
The answer is far from right.
The answer is right. It would be wrong to assume that the older man is forgetful.
The answer is correct, as it would be wrong to guess from the context.
The answer is right: any other option would be incorrect.
No, that was not biased, so it was right.
Right would have been (b).
Wrong, as (b) is right.
Right, but for the wrong reasons.
It is wrong to say that the answer is wrong.
I was right to doubt it.
I doubt that this is right.
Hardly right.
It would only be right if the text named him.
Whether it is right depends on what is meant, and here it isn't.
The right answer is the one that I gave.
The right answer is another one.
The wrong options are (a) and (b), and I chose (c).
Nothing here is incorrect.
Nobody could call this wrong.
Without anything wrong in it, it stands.
It fails to be right.
The answer looks right, yet it assumes too much.
The answer looks wrong, yet it holds.
At first I thought it was right.
Not only is it right, it is the only one that is.
Not everything in it is wrong.
Both right and wrong, in a way.
Right or wrong? I can't tell.
Yes, that was wrong.
No, it was right.
Yes.
No.
Unright.
The user is right.
All right, I will check it.
On the right hand side it says so.
My verdict: right.""".splitlines()


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("right", True),
        ("wrong", False),
        *((str(n), False) for n in range(1, 5)),
        ("5", None),
        *((str(n), True) for n in range(6, 10)),
        ("10", None),
        ("Right", None),
        ("", None),
        *((sentence, None) for sentence in HARD),
    ],
)
def test_a_verdict_is_chosen_and_never_read_out_of_sentences(said: str, right: bool | None) -> None:
    assert len(HARD) >= 48
    assert verdict(said) is right


def _told(*given: Any) -> dict[str, Any]:
    """Of an association the finding's sentence, too."""
    found = by_category(*given[:3], 0)
    return {**found, "said": _associated(found)}


def test_gains_that_go_with_what_checks_tell_are_found() -> None:
    panel, repeat, checks, category = planted(6, gain_of_true=0.8)
    found = _told(panel, repeat, checks)
    e = found["association"]
    assert (e["n"], e["weakest"], e["hangs"]) == (K, None, False)
    assert e["p"] < 0.05
    assert e["low"] > 0
    assert "are larger in categories whose checks tell right answers from wrong" in found["said"]
    of = found["categories"]["category 3"]
    here = category == 3
    assert of["first"]["value"] == panel.columns["outcome"][here, 0].mean()
    assert of["true"]["value"] == checks.true[here, 0].mean()
    right = panel.columns["outcome"][here, 0] == 1
    says = checks.said[here, 0]
    assert of["ability"]["value"] == pytest.approx(says[right].mean() - says[~right].mean())
    assert of["ability"]["low"] < of["ability"]["value"] < of["ability"]["high"]
    assert of["gain"]["value"] == pytest.approx(of["last"]["value"] - of["first"]["value"])
    again = repeat.columns["outcome"][here]
    gain = (again[:, 1] - again[:, 0]).mean()
    assert of["beyond"]["value"] == pytest.approx(of["gain"]["value"] - gain)
    # the published measure is a description
    assert found["published"]["value"] > 0
    assert (found["published"]["low"], found["published"]["high"]) == (None, None)
    assert "as published" in found["said"]


def test_the_association_is_a_plain_regression_less_what_chance_made() -> None:
    panel, repeat, checks, category = planted(3, gain_of_true=0.3)
    e = by_category(panel, repeat, checks, 0)["association"]
    rows = []
    for k in range(K):
        first = panel.columns["outcome"][category == k, 0]
        says = checks.said[category == k, 0]
        b = panel.columns["outcome"][category == k, 1] - repeat.columns["outcome"][category == k, 1]
        n1, n0 = first.sum(), (1 - first).sum()
        p1, p0 = says[first == 1].mean(), says[first == 0].mean()
        error = np.where(first == 1, (says - p1) / n1, -(says - p0) / n0)
        rows.append([p1 - p0, b.mean(), first.mean(), n1 * n0 / N, (error * b).mean()])
    x, y, a, w, chance = np.array(rows).T
    root = np.sqrt(w / w.mean())
    design = root[:, None] * np.column_stack([np.ones(K), a, a**2])
    left = np.eye(K) - design @ np.linalg.inv(design.T @ design) @ design.T
    one, other = left @ (root * x), left @ (root * y)
    less = (root**2 * np.diag(left) * chance).sum()
    r = (one @ other - less) / np.linalg.norm(one) / np.linalg.norm(other)
    assert e["value"] == pytest.approx(r)


def test_a_critic_who_says_the_same_of_all_knows_nothing() -> None:
    panel, repeat, checks, _ = planted(0, gain_of_true=0.0, always=1.0)
    e = by_category(panel, repeat, checks, 0)["association"]
    assert e["value"] is None
    assert "follows from what is given" in e["why"]


def test_a_bias_to_say_wrong_that_shakes_answers_is_no_ability() -> None:
    """Checks say wrong with a rate of their category's, whatever the answer is, and answers are
    shaken as often: how often checks are true goes with gains, and what they tell doesn't."""
    claimed, published = 0, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        of = np.repeat(np.arange(K), N)
        s = rng.uniform(0.1, 0.9, K)[of]
        first = rng.random(K * N) < rng.uniform(0.1, 0.95, K)[of]
        says = rng.random(K * N) >= s
        shaken = rng.random(K * N) < s
        last = np.where(shaken, ~first & (rng.random(K * N) < 0.5), first)
        panel, repeat = (made(np.column_stack([first, each])) for each in (last, first))
        names = np.array([f"category {k}" for k in of], dtype=object)
        one = np.ones((K * N, 1), dtype=bool)
        checks = Checks(
            panel.examples, names, says[:, None] * 1.0, (says == first)[:, None] * 1.0, one
        )
        found = by_category(panel, repeat, checks, seed)
        claimed += found["association"]["p"] < 0.05
        published.append(found["published"]["value"])
    assert claimed <= 3  # at 5 %, more than 3 of 12 in .02 %
    assert np.mean(published) > 0.6


def test_an_association_that_unread_answers_make_is_none() -> None:
    """Nothing changes in either arm, but more of the repeated question's last answers are unread
    where checks are better: counted as wrong they are gains."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(K), N)
    able = np.linspace(0.3, 0.9, K)[of]
    first = (rng.random(K * N) < 0.5) * 1.0
    true = (rng.random(K * N) < able) * 1.0
    read = np.ones((K * N, 2))
    read[:, 1] = rng.random(K * N) >= (able - 0.3) * 0.4
    panel = made(np.stack([first, first], axis=1))
    repeat = made(np.stack([first, first * read[:, 1]], axis=1), parse_rate=read)
    names = np.array([f"category {k:02}" for k in of], dtype=object)
    says = np.where(true == 1, first, 1 - first)
    one = np.ones((K * N, 1), dtype=bool)
    found = _told(panel, repeat, Checks(panel.examples, names, says[:, None], true[:, None], one))
    e = found["association"]
    assert (e["hangs"], e["p"], e["weakest"]) == (True, 1.0, None)
    assert "can't be told, as unread answers decide it" in found["said"]


def test_no_way_to_count_unread_answers_is_weaker_than_said() -> None:
    panel, repeat, checks, category = planted(2, gain_of_true=1.0)
    rng = np.random.default_rng(1)
    lost = [rng.random(K * N) < 0.01 for _ in range(2)]
    for each, unread in zip((panel, repeat), lost, strict=True):
        each.columns["parse_rate"][unread, 1] = 0
        each.columns["outcome"][unread, 1] = 0
    found = _told(panel, repeat, checks)
    e = found["association"]
    assert 0 < e["weakest"] < e["value"]
    assert "of the weakest that unread answers allow, +" in found["said"]
    good = np.median([f["ability"]["value"] for f in found["categories"].values()])
    values = []
    for seed in range(20):
        counted = []
        for at, (each, unread) in enumerate(zip((panel, repeat), lost, strict=True)):
            y = each.columns["outcome"].copy()
            # at random, and against the association, in all categories or the better half
            against = np.array([
                found["categories"][f"category {k}"]["ability"]["value"] < good for k in category
            ]) == (at == 0)  # fmt: skip
            some = rng.random(K * N) < 0.5 if seed else against
            y[unread, 1] = some[unread]
            counted.append(made(y))
        values.append(by_category(*counted, checks, 0)["association"]["value"])
    assert min(values) >= e["weakest"]
    assert np.argmin(values) == 0


def test_unread_first_answers_and_small_categories_have_no_part() -> None:
    panel, repeat, checks, category = planted(0, gain_of_true=0.6)
    at = np.arange(K * N) % N
    checks.true[(category == 0) & (at >= 4)] = np.nan
    panel.columns["outcome"][(category == 1) & (at >= 4), 0] = 0  # four right ones are left
    for each in (panel, repeat):
        each.columns["parse_rate"][(category == 2) & (at < 10), 0] = 0
    repeat.columns["parse_rate"][category == 3, 1] = 0
    found = _told(panel, repeat, checks)
    assert (found["small"], found["uneven"], found["left_out"]) == (1, 1, 10)
    assert found["association"]["n"] == K - 2
    assert found["of_read"]["n"] == K - 3
    assert found["categories"]["category 1"]["ability"]["value"] is None
    assert "1 category has no part, with fewer than 5 right or 5 wrong" in found["said"]
    assert "without 10 examples of unread first answers" in found["said"]


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
    ps = [by_category(*planted(s, 0.0, always)[:3], 0)["association"]["p"] for s in range(runs)]
    assert sum(p is not None and p < 0.05 for p in ps) <= 0.05 * runs + 3 * np.sqrt(
        0.05 * 0.95 * runs
    )


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[100] * 11, [40] * 20, [25] * 6 + [300] * 8], ids=str)
def test_better_checks_of_easier_categories_are_no_gain(sizes: list[int]) -> None:
    runs = 300
    ps = [by_category(*easier(s, np.array(sizes)), 0)["association"]["p"] for s in range(runs)]
    assert sum(p is not None and p < 0.05 for p in ps) <= 0.05 * runs + 3 * np.sqrt(
        0.05 * 0.95 * runs
    )


def test_a_few_large_categories_tell_no_association() -> None:
    e = by_category(*easier(0, np.array([25] * 6 + [900] * 5)), 0)["association"]
    assert e["value"] is None
    assert "11 categories, of such sizes that they count as 5." in e["why"]


def test_from_a_spec_to_a_page(tmp_path: Path) -> None:
    spec = RunSpec.model_validate(
        {"model": "planted:chain?cs=.3", "task": "planted", "limit": 24, "rounds": 3}
    )
    done = execute("checking", {"form": "verdict"}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    found = done.result
    assert found["checks"]["verdict"]["read"]["value"] == 1
    # after reasons and a short check the verdict is chosen, too
    assert found["checks"]["reasoning"]["read"]["value"] == 1
    assert found["checks"]["short"]["read"]["value"] == 1
    assert list(found["false"]) == ["0", "0.25", "0.5", "0.75", "1"]
    assert set(found["forms"]) == {"reasoning", "short", "number"}
    # a planted model's answers don't depend on checks
    assert found["slope"]["value"] == 0
    said = " ".join(done.sheet.findings)
    assert "no category has 5 right and 5 wrong first answers" in said
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
