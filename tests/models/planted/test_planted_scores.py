"""planted:scores: the law it states is the law it follows, and a run finds what it states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.planted import Scores, load
from selfcorrect.tasks import make

LAWS = [
    "planted:scores",
    "planted:scores?start=0.5,limit=0.5,noise=0.3,spread=0.2,seed=4",  # nothing changes
    "planted:scores?start=0.9,limit=0.1,rate=0.7,cluster=0.2,spread=0.3,seed=1",  # much is clipped
    "planted:scores?start=0.05,limit=0.02,rate=-0.5,noise=0.4,seed=2",
    "planted:scores?start=0.2,limit=1,rate=0.3,cluster=0,spread=0,noise=0,seed=3",
]
N, ROUNDS = 8_000, 3


def talk(
    name: str,
    plans: Sequence[int],
    rounds: int = ROUNDS,
    *,
    size: int = 1,
    review: str = "Review it.",
    chunk: int = 4096,
) -> np.ndarray:
    """The numbers that a model states [n, rounds]."""
    model = load(name)
    found = np.zeros((len(plans), rounds))
    for start in range(0, len(plans), chunk):
        mine = plans[start : start + chunk]
        conversation = model.open(len(mine))
        conversation.say([message("user", asked(n, size)) for n in mine])
        for t in range(rounds):
            if t:
                conversation.say([message("user", review)] * len(mine))
            for i, reply in enumerate(conversation.elicit([Request("", 24)] * len(mine))):
                assert reply is not None
                found[start + i, t] = float(re.findall(r"\d\.\d+", reply.text)[-1])
    return found


def drawn(law: Scores, n: int, rounds: int = ROUNDS, size: int = 1) -> np.ndarray:
    """The same without a conversation, which takes longer [n, rounds]."""
    return np.array(
        [
            [
                law.number(
                    str(k), str(k // size), t + 1, asked(k, size) if t == 0 else "R", "greedy"
                )
                for t in range(rounds)
            ]
            for k in range(n)
        ]
    )


def asked(plan: int, size: int) -> str:
    return f"What do you say of plan {plan} of group {plan // size}?"


def test_what_is_said_is_what_is_drawn() -> None:
    for name in LAWS:
        said = talk(name, range(60), size=3, review="R")
        assert said == pytest.approx(drawn(load(name).law, 60, size=3), abs=5.1e-7)


# -- the law --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAWS)
def test_the_mean_of_every_round_is_the_stated_one(name: str) -> None:
    law = load(name).law
    numbers = drawn(law, N)
    assert numbers.min() >= 0
    assert numbers.max() <= 1
    for t in range(ROUNDS):
        error = numbers[:, t].std(ddof=1) / np.sqrt(N)
        assert abs(numbers[:, t].mean() - law.mean(t + 1)) < 4 * error + 1e-6


@pytest.mark.parametrize("name", LAWS)
def test_the_closed_form_is_the_integral(name: str) -> None:
    law = load(name).law
    for t in range(1, 6):
        middle = law.limit + (law.start - law.limit) * law.rate ** (t - 1)
        sigma = np.sqrt(law.cluster**2 + law.spread**2 + law.noise**2)
        if sigma == 0:
            assert law.mean(t) == pytest.approx(np.clip(middle, 0, 1))
            continue
        within, _ = integrate.quad(lambda x: x * stats.norm.pdf(x, middle, sigma), 0, 1)  # noqa: B023
        assert law.mean(t) == pytest.approx(within + stats.norm.sf(1, middle, sigma), abs=1e-8)


def test_groups_and_plans_share_what_they_are_said_to() -> None:
    """Unclipped: covariances of successive rounds, of plans of a group, and of other groups."""
    name = "planted:scores?start=0.5,limit=0.5,cluster=0.05,spread=0.06,noise=0.04"
    numbers = drawn(load(name).law, N, 2, size=2)
    one, two = numbers[0::2], numbers[1::2]

    def covariance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.cov(a, b)[0, 1])

    far = np.roll(two[:, 0], 1)
    error = 4 * 0.0077 / np.sqrt(N / 2)  # of a covariance of two with variance .0077
    assert covariance(numbers[:, 0], numbers[:, 0]) == pytest.approx(0.0077, abs=2 * error)
    assert covariance(numbers[:, 0], numbers[:, 1]) == pytest.approx(0.0061, abs=2 * error)
    assert covariance(one[:, 0], two[:, 0]) == pytest.approx(0.0025, abs=2 * error)
    assert covariance(one[:, 0], two[:, 1]) == pytest.approx(0.0025, abs=2 * error)
    assert abs(covariance(one[:, 0], far)) < 2 * error


def test_nothing_depends_on_the_batch_and_arms_are_paired() -> None:
    together = talk(LAWS[0], range(50))
    assert (together == talk(LAWS[0], range(50), chunk=7)).all()
    assert (together[13:20] == talk(LAWS[0], range(13, 20))).all()
    other = talk(LAWS[0], range(1000), 2, review="Once more.")
    same = talk(LAWS[0], range(1000), 2)
    assert (other[:, 0] == same[:, 0]).all()  # asked with the same words
    assert (other[:, 1] != same[:, 1]).mean() > 0.99
    # cluster² + spread² of the whole variance is common to the arms
    assert np.corrcoef(other[:, 1], same[:, 1])[0, 1] == pytest.approx(125 / 225, abs=0.1)


def test_a_sample_draws_anew_and_a_turn_that_goes_on_does_not() -> None:
    model = load(LAWS[0])
    conversation = model.open(1)
    conversation.say([message("user", "What do you say of plan 1 of group 1?")])
    texts = set()
    for seed in range(5):
        (reply,) = conversation.branch().elicit([Request("", 24, temperature=1.0, seed=seed)])
        assert reply is not None
        texts.add(reply.text)
    assert len(texts) == 5
    first, again = (conversation.elicit([Request("", 24)])[0] for _ in range(2))
    assert first is not None
    assert again is not None
    assert again.text.strip() == first.text
    (scores,) = conversation.likelihoods([["yes", "no"]])
    assert scores is not None
    assert sorted(round(float(np.exp(s.logp)), 6) for s in scores) == [0.1, 0.9]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("planted:scores?start=1.5", "start is from 0 to 1"),
        ("planted:scores?rate=-2", "rate is from -1 to 1"),
        ("planted:scores?noise=-1", "noise is a standard deviation, from 0 to 10"),
        ("planted:scores?noise=nan", "noise is a standard deviation"),
        ("planted:scores?noize=1", "unknown setting 'noize': did you mean 'noise'"),
    ],
)
def test_a_law_that_cannot_be(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load(name)


def test_it_answers_its_own_task_only() -> None:
    conversation = load("planted:scores").open(1)
    conversation.say([message("user", "What is 3 + 4?")])
    with pytest.raises(UserError, match="answers the task 'planted-scores' only"):
        conversation.elicit([Request("", 24)])


# -- its task -------------------------------------------------------------------------------------


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_task_reads_the_number_as_its_outcome(better: str) -> None:
    task = make("planted-scores", options={"n": 40, "cluster_size": 4, "better": better})
    assert task.check() == []
    assert (task.outcome.name, task.outcome.better) == ("rating", better)
    assert len({example.cluster for example in task.examples()}) == 10
    example = task.examples()[7]
    texts = ["I give it 0.25.", "7", "none", "", "0.5 or 0.75"]
    answers = [task.read(example, text) for text in texts]
    assert [a.problem for a in answers] == [None, "not from 0 to 1", "no number", "empty", None]
    outcomes = [grade.outcome for grade in task.grade([(example, a) for a in answers])]
    assert outcomes == [0.25, None, None, None, 0.75]


# -- through a run --------------------------------------------------------------------------------


def run(folder: Path, name: str, n: int = 240, rounds: int = 3, **options: Any) -> Any:
    return sc.run(
        name, "planted-scores", rounds=rounds, limit=n, out=folder, progress=False,
        task_options={"n": n, "cluster_size": 2, **options},
    )  # fmt: skip


RISES = "planted:scores?start=0.3,limit=0.6"


def test_a_rise_is_better_or_worse_as_the_task_states(tmp_path: Path) -> None:
    law = load(RISES).law
    truth = law.mean(3) - law.mean(1)
    for better, verdict in (("higher", "better"), ("lower", "worse")):
        found = run(tmp_path / better, RISES, better=better)
        summary = found.summary()
        change = summary["changes"]["rating"]
        assert change["low"] <= truth <= change["high"]
        assert change["verdict"] == verdict
        assert summary["headline"].startswith(verdict)
        for each in summary["rounds"]:
            value = each["measures"]["rating"]
            assert value["low"] <= law.mean(each["round"]) <= value["high"]
            assert (value["n"], value["clusters"]) == (240, 120)
        for step in found.records["steps"].to_list()[0]:
            assert step["prefill"] in (None, "")
        assert "accuracy" not in summary["verdict"].casefold()
        assert "inf" not in summary["verdict"]
        assert found.report().stat().st_size > 10_000
        # and nothing over merely repeating the question, which has the same law
        against = summary["controls"]["repeat"]["against"]["difference"]["rating"]
        assert against["low"] <= 0 <= against["high"]


def test_where_nothing_changes_no_change_is_claimed(tmp_path: Path) -> None:
    summary = run(tmp_path, "planted:scores?start=0.5,limit=0.5,noise=0.05", 400).summary()
    change = summary["changes"]["rating"]
    assert change["low"] <= 0 <= change["high"]
    assert change["verdict"] == "same"


@pytest.mark.slow
def test_over_many_runs_intervals_hold_and_nulls_are_found(tmp_path: Path) -> None:
    """100 runs of two laws: the change's interval holds the truth, whether or not there is one."""
    for law, settings in (("start=0.5,limit=0.5", "null"), ("start=0.1,limit=0.3", "change")):
        held = claimed = 0
        for seed in range(100):
            name = f"planted:scores?{law},noise=0.15,seed={seed}"
            truth = load(name).law.mean(3) - load(name).law.mean(1)
            change = run(tmp_path / settings / str(seed), name, 60).summary()["changes"]["rating"]
            held += change["low"] <= truth <= change["high"]
            claimed += change["verdict"] in ("better", "worse")
        assert held >= stats.binom.ppf(1e-4, 100, 0.95)
        if settings == "null":
            assert claimed <= stats.binom.ppf(1 - 1e-4, 100, 0.05)
        else:
            assert claimed >= 95


def test_its_settings_are_its_fingerprint() -> None:
    names = [*LAWS, "planted:scores?seed=9"]
    assert len({load(name).fingerprint for name in names}) == len(names)
    assert load("planted:scores").fingerprint == load("planted:scores?start=0.4").fingerprint
    assert Scores(start=0.4) == load("planted:scores").law
