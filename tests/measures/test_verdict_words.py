"""Transitions, comparisons, convergence, plans and the verdict in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from panels import MARGINS, made
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.rounds import against, summarize
from selfcorrect.report.numbers import examples_needed
from selfcorrect.report.verdict import verdict as words

ACCURACY = {"name": "accuracy", "kind": "share", "better": "higher", "margin": 0.03}


def summary(
    p: Panel, control: Panel | None = None, strategy: str = "intrinsic", **more: Any
) -> dict[str, Any]:
    controls: Mapping[str, Any] = {}
    if control is not None:
        beside = {**summarize(control, MARGINS), "against": against(p, control, MARGINS)}
        controls = {"repeat": beside}
    table = {
        **summarize(p, MARGINS),
        "spec": {"strategy": {"name": strategy}, "margins": MARGINS},
        "outcome": ACCURACY,
        "complete": True,
        "examples": 1_000_000,
        "controls": controls,
    }
    return {**table, **more}


def chain(up: float, n: int = 400, rounds: int = 5, seed: int = 0, **columns: Any) -> Panel:
    rng = np.random.default_rng(seed)
    right = [rng.random(n) < 0.5]
    for _ in range(rounds - 1):
        right.append(right[-1] | (rng.random(n) < up))
    return made(np.stack(right, axis=1), **columns)


def test_better_than_the_control() -> None:
    said = words(summary(chain(0.1), chain(0.0)))
    assert re.match(r"Accuracy rose by \d+\.\d points \[\d", said)
    assert "from round 1 to round 5 (n 400, 400 clusters)." in said
    assert "intrinsic gained 18.0 points [14.3, 22.5]" in said
    assert "over merely repeating the question, at 1.0 times the tokens." in said
    assert "It hasn't converged" in said


def test_worse_and_a_loss_has_no_minus() -> None:
    p = chain(0.2)
    turned = made(1 - p.columns["outcome"])
    said = words(summary(turned, chain(0.0)))
    assert "Accuracy fell by " in said
    assert "fell by −" not in said
    assert "intrinsic lost " in said


def test_the_same_and_converged_and_what_churns_beneath() -> None:
    y = chain(0.0, n=4000).columns["outcome"]
    churn = np.random.default_rng(1).random((4000, 5))  # wrong answers that never settle
    p = made(y, answer=np.where(y == 1, 1.0, churn))
    said = words(summary(p, chain(0.0, n=4000)))
    assert "stayed the same within ±3 points" in said
    assert "From round 1 on, accuracy stays within ±3 points, though " in said
    assert " % of the answers still change in the last round" in said
    assert "intrinsic adds nothing to merely repeating the question, within ±3 points" in said


def test_undecided_says_how_many_would_decide() -> None:
    said = words(summary(chain(0.01, n=60), chain(0.0, n=60, seed=1)))
    assert "Whether accuracy changed from round 1 to round 5 is undecided" in said
    assert "examples would decide it" in said
    assert "smallest margin this run could show" in said
    of_these = words({**summary(chain(0.01, n=60), chain(0.0, n=60, seed=1)), "examples": 60})
    assert "examples, more than the 60 there are, would decide it" in of_these
    assert "examples, more than the 60 there are, would show ±3" in of_these
    looked = [{"n": 20, "clusters": 20, "at": ""}, {"n": 60, "clusters": 60, "at": ""}]
    later = words({**summary(chain(0.01, n=60), chain(0.0, n=60, seed=1)), "looks": looked})
    assert "this run could show at look 2 (each look takes some width);" in later


def test_surer_without_better_comes_first() -> None:
    rng = np.random.default_rng(5)
    rising = np.linspace(0.6, 0.9, 5) + rng.normal(0, 0.02, (400, 5))
    right = chain(0.0).columns["outcome"]
    p = chain(0.0, confidence=rising, calibration_gap=rising - right)
    said = words(summary(p, chain(0.0, confidence=rising, calibration_gap=rising - right)))
    assert said.startswith("It grew surer, not better: mean confidence went from .60 to .90, +.30")
    flat = np.full((400, 5), 0.6) + rng.normal(0, 0.02, (400, 5))
    said = words(summary(p, chain(0.0, confidence=flat, calibration_gap=flat - right)))
    assert "merely repeating the question takes it from .60 to .60." in said
    noisy = rising + rng.normal(0, 0.02, (400, 5))
    said = words(summary(p, chain(0.0, confidence=noisy, calibration_gap=noisy - right)))
    assert "merely repeating the question does the same, from .60 to .90." in said
    # a gain that keeps up with confidence isn't "merely surer", one that doesn't is
    gain = chain(0.15)
    right = gain.columns["outcome"]
    kept = right.mean(axis=0) + rng.normal(0, 0.02, (400, 5))
    assert "surer" not in words(summary(made(right, confidence=kept, calibration_gap=kept - right)))
    slow = chain(0.02, n=2000).columns["outcome"]
    fast = np.linspace(0.5, 0.95, 5) + rng.normal(0, 0.02, (2000, 5))
    said = words(summary(made(slow, confidence=fast, calibration_gap=fast - slow)))
    assert said.startswith("It grew surer by more than it grew better")


def test_a_test_that_disagrees_with_its_interval_keeps_it_undecided() -> None:
    y = np.zeros((100, 2))
    y[:4, 1] = 1  # four gained, none lost: the 95 % interval is above 0, and mid-p is .0625
    change = summary(made(y))["changes"]["accuracy"]
    assert change["low"] > 0 > change["decides"][0]
    assert change["p"] == pytest.approx(0.0625)
    assert change["verdict"] == "undecided"
    y[4, 1] = 1  # of five the wider interval is above 0 too; of clusters the test isn't
    table = summary(replace(made(y), clusters=np.where(np.arange(100) < 5, 0, np.arange(100))))
    assert table["changes"]["accuracy"]["verdict"] == "undecided"
    y = np.zeros((400, 2))
    y[np.arange(6)[:, None] * 20 + np.arange(4), 1] = 1
    table = summary(replace(made(y), clusters=np.arange(400) // 20))
    change = table["changes"]["accuracy"]
    assert change["p"] == pytest.approx(2 / 2**6, abs=0.01)


def test_moving_is_only_said_where_it_is_shown() -> None:
    rng = np.random.default_rng(7)
    moved = 0
    for _ in range(20):
        still = [rng.random(60) < 0.5]
        for _ in range(3):  # right as often as wrong in every round
            still.append(still[-1] ^ (rng.random(60) < 0.1))
        table = summary(made(np.stack(still, axis=1)))
        moved += table["convergence"]["accuracy"]["moved"]
        assert ("hasn't converged" in words(table)) == table["convergence"]["accuracy"]["moved"]
    assert moved <= 1
    moving = summary(made(np.stack([rng.random(400) < p for p in (0.2, 0.4, 0.6, 0.8)], axis=1)))
    said = words(moving)
    assert "It hasn't converged: accuracy moved by more than 3 points after round 1." in said


def test_where_nothing_flips_the_examples_needed_are_those_of_tango() -> None:
    for n in (10, 40, 100):
        y = np.ones((n, 5))
        y[0] = 0
        change = summary(made(y))["changes"]["accuracy"]
        assert change["verdict"] == "undecided"
        assert 150 < change["n_needed"] < 200  # 125 at 95 %, and the next look decides at less
    decided = summary(chain(0.1))["changes"]["accuracy"]
    assert (decided["verdict"], decided["n_needed"]) == ("better", None)


def test_rounds_that_share_no_dialogue_or_have_no_grades() -> None:
    y = np.full((6, 2), np.nan)
    y[:3, 0], y[3:, 1] = 1, 0
    p = made(y, parsed=np.where(np.isnan(y), np.nan, 1.0))
    assert "can't be compared from round 1 to round 2" in words(summary(p))
    last = np.ones((6, 2))
    last[:, 1] = np.nan
    assert "can't be compared" in words(summary(made(last)))


def test_a_control_that_isnt_finished_says_so() -> None:
    p = chain(0.1)
    said = words(summary(p, chain(0.0).only(np.arange(30))))
    assert "over merely repeating the question" in said
    assert "(n 30, 30 clusters)" in said
    one = chain(0.1, n=1)
    assert "Against merely repeating the question intrinsic stands at" in words(summary(one, one))


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (summary(chain(0.1)), "There is no control on the same examples"),
        (summary(chain(0.1), strategy="repeat"), "is itself the control"),
        (summary(chain(0.1, rounds=1)), "so nothing to compare: accuracy .46 [.41, .51], n 400"),
        (summary(chain(0.1, rounds=2)), "needs at least 4 rounds"),
        (summary(chain(0.1, n=1)), "says nothing of other data: one record: no interval"),
        (summary(made(np.full((5, 3), np.nan))), "has no right answers"),
        (summary(made(np.empty((0, 0)))), "No dialogue is finished yet"),
        (
            summary(chain(0), complete=False, dialogues=40, wanted=90),
            "So far (40 of 90 dialogues): ",
        ),
        (summary(chain(0.0), strategy="a/b/mine.toml"), "no control"),
    ],
)
def test_what_cant_be_told_is_said_plainly(table: dict[str, Any], part: str) -> None:
    said = words(table)
    assert part in said
    assert "nan" not in said.lower()
    assert "None" not in said
    json.dumps(table, allow_nan=False)


def test_all_right_and_all_wrong_and_all_unread() -> None:
    for right in (np.ones((40, 5)), np.zeros((40, 5))):
        table = summary(made(right), made(right))
        said = words(table)
        # no flip is no certainty: 40 examples can't show ±3 points
        assert "is undecided: 0.0 points [−10.3, 10.3] (n 40, 40 clusters), as none" in said
        assert table["rounds"][0]["measures"]["auroc"]["value"] is None
    unread = np.full((40, 5), -1.0)
    table = summary(made(np.zeros((40, 5)), answer=unread, parse_rate=np.zeros((40, 5))))
    assert table["rounds"][0]["unparsed"] == 40
    assert table["rounds"][1]["changed"]["value"] == 0
    json.dumps(table, allow_nan=False)


def test_so_many_examples_would_decide_it_in_so_many_clusters() -> None:
    """As many more of the same 25 clusters decided 16 of 60 planted runs, of new ones 48."""
    first = np.arange(200) % 3 == 0
    last = first | (np.arange(200) % 29 == 5)
    p = made(np.stack([first, last, last, last, last], axis=1))
    found = summary(replace(p, clusters=p.examples // 8))
    said = words(found)
    assert re.search(r"about [\d,]+ examples \(in about [\d,]+ clusters\) would decide it", said)
    assert "(in about" not in words(summary(p))
    few = {"n": 200, "clusters": 25}
    assert examples_needed(590, few, 590) == "about 590 examples (in about 74 clusters)"
    alone = examples_needed(590, {"n": 200, "clusters": 200}, 300)
    assert alone == "about 590 examples, more than the 300 there are,"
