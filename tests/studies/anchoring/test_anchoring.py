"""What standing in the transcript does: planted copying, planted knowledge, and neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import softmax

import selfcorrect as sc
from selfcorrect import records
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.anchoring.analysis import Swapped, figures
from selfcorrect.studies.anchoring.sheet import findings, shown
from selfcorrect.studies.execute import execute

N, K = 300, 3


def planted(copy: float, own: float, knows: float, seed: int = 0) -> Swapped:
    """Log odds that rise by ``copy`` for whatever stands there, by ``own`` more for the model's own
    answer, and by ``knows`` more for the right option."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(N, K))
    target = rng.integers(0, K, N)
    before = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    mine = before.argmax(axis=1)
    after = np.zeros((N, K, K))
    for k in range(K):
        x = z + 0.1 * rng.normal(size=(N, K))
        x[:, k] += copy + own * (mine == k) + knows * (target == k)
        after[:, k] = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    clusters = np.repeat(np.arange(N // 5), 5)
    taken = after.argmax(axis=2).astype(float)
    return Swapped(before, after, taken, mine.astype(float), target.astype(float), clusters)


def told(of: Swapped) -> dict[str, Any]:
    return figures(of)


def test_what_is_copied_is_told_from_what_is_the_models_own() -> None:
    found = told(planted(copy=1.0, own=0.0, knows=0.0))
    assert found["stands"]["low"] > 0.1
    assert found["copied"]["own"]["value"] == pytest.approx(1.0, abs=0.05)
    assert found["copied"]["other"]["value"] == pytest.approx(1.0, abs=0.05)
    e = found["own_beyond"]
    assert e["low"] < 0 < e["high"]
    assert found["knows"]["p_holm"] > 0.05
    own = told(planted(copy=1.0, own=0.8, knows=0.0))["own_beyond"]
    assert own["low"] < 0.8 < own["high"]
    assert own["p_holm"] < 0.001


def test_a_model_that_knows_better_takes_over_right_answers() -> None:
    found = told(planted(copy=0.5, own=0.0, knows=1.5))
    assert found["knows"]["low"] > 0.1
    assert found["right"]["value"] > found["wrong"]["value"]
    assert found["right"]["n"] == found["wrong"]["n"] >= found["knows"]["n"] > 100


def blind(
    seed: int,
    *,
    n: int = 120,
    right: float = 0.0,
    adds: float = 0.0,
    copies: float = 0.0,
    own: float = 0.0,
) -> Swapped:
    """A model that copies whatever stands there with probability ``copies`` (``own`` more often its
    own answer), and else answers as by itself, with ``adds`` more log odds for what stands there;
    right options are likelier by ``right`` logits."""
    rng = np.random.default_rng([seed, n])
    z = rng.normal(0, 1.2, (n, K))
    target = rng.integers(0, K, n)
    z[np.arange(n), target] += right
    before = softmax(z, axis=-1)
    mine = before.argmax(axis=1)
    again = softmax(z[:, None] + 0.2 * rng.normal(size=(n, K, K)) + adds * np.eye(K), axis=-1)
    c = np.where(np.arange(K) == mine[:, None], copies + own, copies)[..., None]
    after = (1 - c) * again + c * np.eye(K)
    taken = after.argmax(axis=2) * 1.0
    return Swapped(before, after, taken, mine * 1.0, target * 1.0, np.arange(n) // 4)


@pytest.mark.parametrize("copies", [0.1, 0.3, 0.6])
def test_copying_whatever_stands_there_is_not_a_dislike_of_the_own_answer(copies: float) -> None:
    """In log odds an unlikely option gains more by it: that was claimed in 100 % of runs."""
    found = [told(blind(seed, copies=copies)) for seed in range(6)]
    assert all(e["copied"]["own"]["high"] < e["copied"]["other"]["low"] for e in found)
    assert sum(shown(e["own_beyond"]) != 0 for e in found) <= 1


def test_copying_and_adding_together_are_no_preference_either() -> None:
    found = [told(blind(seed, copies=0.3, adds=1.0)) for seed in range(6)]
    assert sum(shown(e["own_beyond"]) != 0 for e in found) <= 1


def test_an_own_answer_that_is_copied_more_often_gains_more() -> None:
    """It was said to gain less, in 95 to 100 % of runs."""
    for seed in range(4):
        found = told(blind(seed, n=240, copies=0.3, own=0.3))
        assert shown(found["own_beyond"]) == 1
        assert found["own_beyond"]["probability"]["low"] > 0
        less = told(blind(seed, n=240, copies=0.6, own=-0.3))
        assert shown(less["own_beyond"]) == -1


def test_scales_that_disagree_are_no_direction() -> None:
    found = told(blind(0, n=240, copies=0.3, own=0.3))
    e = found["own_beyond"]
    assert shown({**e, "p_holm": 1.0}) == 0
    said = list(findings({**found, "own_beyond": {**e, "p_holm": 1.0}}))[2]
    assert "isn't shown to gain more or less" in said
    assert "in log odds and" in said


@pytest.mark.parametrize("right", [0.6, 1.2, 2.0])
def test_right_answers_that_were_likelier_before_are_not_known(right: float) -> None:
    """They are taken over more often as they are likelier: 42 to 92 % of runs claimed it."""
    found = [told(blind(seed, n=240, right=right, adds=1.0)) for seed in range(6)]
    assert sum(e["right"]["low"] > e["wrong"]["high"] for e in found) >= 1
    assert sum(shown(e["knows"]) != 0 for e in found) <= 1


def test_who_is_always_far_surer_of_its_own_answer_tells_nothing() -> None:
    data = blind(0, adds=1.0)
    sure = np.where(np.arange(K) == data.own[:, None], 0.98, 0.01)
    found = told(Swapped(sure, data.after, data.taken, data.own, data.target, data.clusters))
    assert found["own_beyond"]["value"] is None
    assert "another one not far less likely, in 0 clusters" in found["own_beyond"]["why"]
    assert found["own_beyond"]["p_holm"] is None
    assert "can't be told (its own answer was (a)" in list(findings(found))[2]


def rivals(law: str, seed: int, n: int = 120) -> Swapped:
    """Whatever stands there is looked at alike, whosever it is, or not at all.

    Args:
        law: ``sharper`` and ``flatter``: only the second asking is; ``copies``: it is sharper, and
            any option gains alike by standing there; ``noise``: so it is, and both readings are
            noisy, so that the likeliest was so by chance; ``unsure``: who is unsure takes over
            whatever stands there, and is wrong more often.
        seed: of the draws.
        n: dialogues, in clusters of 4.
    """
    rng = np.random.default_rng(seed)
    clusters, options = np.repeat(np.arange(n // 4), 4), np.arange(K)
    if law == "unsure":
        sure, mine = rng.uniform(0.4, 0.98, n), rng.integers(0, K, n)
        other = (mine + rng.integers(1, K, n)) % K
        target = np.where(rng.random(n) < sure, mine, other)
        rest = np.repeat((1 - sure)[:, None] / (K - 1), K, axis=1)
        before = np.where(options == mine[:, None], sure[:, None], rest)
        taken = np.where(rng.random((n, K)) < 1.6 * (1 - sure)[:, None], options, mine[:, None])
        after = np.repeat(before[:, None], K, axis=1)
        return Swapped(before, after, taken * 1.0, mine * 1.0, target * 1.0, clusters)
    z = rng.normal(0, 1.2, (n, K))
    target = rng.integers(0, K, n)
    z[np.arange(n), target] += 0.5
    noise = 0.6 * (law == "noise")
    times = {"sharper": 1.6, "flatter": 0.6, "copies": 1.6, "noise": 1.0}[law]
    copy = np.eye(K) * (law in ("copies", "noise"))
    before = softmax(z + noise * rng.normal(size=(n, K)), axis=-1)
    seen = z if law == "noise" else np.log(before)
    after = softmax(times * seen[:, None] + copy + noise * rng.normal(size=(n, K, K)), axis=-1)
    mine, taken = before.argmax(axis=1), after.argmax(axis=2)
    return Swapped(before, after, taken * 1.0, mine * 1.0, target * 1.0, clusters)


@pytest.mark.parametrize("law", ["sharper", "flatter", "copies", "noise", "unsure"])
def test_nothing_is_claimed_of_the_own_answer_or_of_knowing_better(law: str) -> None:
    """Measured from round 1, the first three claimed the own answer in all of 100 runs; and right
    answers against wrong ones of other dialogues, the last one knowing in 35 %."""
    found = [told(rivals(law, seed)) for seed in range(20, 30)]
    for name in ("own_beyond", "knows"):
        assert sum(shown(each[name]) != 0 for each in found) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("law", ["noise", "unsure"])
def test_five_per_cent_are_allowed(law: str) -> None:
    found = [told(rivals(law, seed, 240)) for seed in range(200)]
    for name in ("own_beyond", "knows"):
        claimed = sum(shown(e[name]) != 0 for e in found)
        assert claimed <= 0.05 * 200 + 2 * np.sqrt(0.05 * 0.95 * 200)


def test_a_letter_that_is_copied_more_is_not_the_own_answer() -> None:
    """Its own answer is mostly (c), and (c) is copied less, whosever it is."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(N, K)) + np.array([0, 0, 1.0])
    after = softmax(z[:, None] + np.diag([1.0, 1.0, 0.4]) + 0.1 * rng.normal(size=(N, K, K)), -1)
    before = softmax(z, axis=-1)
    own, taken = before.argmax(axis=1) * 1.0, after.argmax(axis=2) * 1.0
    data = Swapped(before, after, taken, own, np.zeros(N), np.arange(N) // 5)
    found = told(data)
    assert (own == 2).mean() > 0.5
    assert found["copied"]["own"]["high"] < found["copied"]["other"]["low"]
    assert shown(found["own_beyond"]) == 0
    data.own[:] = 2
    found = told(data)
    assert found["own_beyond"]["value"] is None
    assert (
        "its own answer was (a), and another one not far less likely, in 0 clusters"
        in (found["own_beyond"]["why"])
    )


def test_two_options_tell_neither() -> None:
    data = planted(copy=0.7, own=0.5, knows=0.5)
    for array in (data.before, data.taken):
        array[:, 2] = np.nan
    data.after[:, 2] = data.after[:, :, 2] = np.nan
    data.own[data.own == 2] = 0
    found = told(data)
    for name in ("own_beyond", "knows"):
        assert found[name]["value"] is None
        assert "questions of three options or more" in found[name]["why"]
    said = list(findings(found))
    assert "Whether its own answer gains more by standing there than another that was as" in said[2]
    assert "Whether it rather takes over right answers can't be told" in said[3]


def test_nothing_is_claimed_where_nothing_is_copied() -> None:
    claimed = [
        each["p_holm"] < 0.05
        for seed in range(8, 16)
        for name, each in told(planted(0.0, 0.0, 0.0, seed)).items()
        if name in ("stands", "own_beyond", "knows") and each["p_holm"] is not None
    ]
    assert sum(claimed) <= 1


def least_squares(rows: list[list[float]], y: list[float], weights: list[float]) -> Any:
    """The weighted coefficients, by another way than sums."""
    root = np.sqrt(weights)
    return np.linalg.lstsq(np.array(rows) * root[:, None], np.array(y) * root, rcond=None)[0]


def odd(*apart: float) -> list[float]:
    return [*apart, *(float(np.tanh(x / 2)) for x in apart)]


def test_numbers_are_those_of_a_slow_count() -> None:
    data = planted(copy=0.7, own=0.2, knows=0.1)
    found = told(data)
    rises, taken, stands = [], [], []
    beyond: dict[str, list[Any]] = {"x": [], "odds": [], "probability": [], "weight": []}
    knows: dict[str, list[Any]] = {"x": [], "y": [], "weight": []}
    for d in range(N):
        own, target = int(data.own[d]), int(data.target[d])
        others = [k for k in range(K) if k != own]
        p, log, first = data.after[d], np.log(data.after[d]), np.log(data.before[d])
        for j, m in (others, others[::-1]):
            apart = first[own] - first[j]
            if apart < 3:
                mine = log[own, own] - log[own, m] - log[j, own] + log[j, m]
                theirs = log[j, j] - log[j, m] - log[own, j] + log[own, m]
                beyond["odds"].append(mine - theirs)
                beyond["probability"].append(p[own, own] - p[j, own] - p[j, j] + p[own, j])
                beyond["x"].append([*np.eye(K)[own], *odd(apart)])
                beyond["weight"].append(1 - abs(apart) / 3)
        if own != target:
            (other,) = (k for k in others if k != target)
            more = {k: (data.taken[d, k] == k) * 1.0 - (data.taken[d, own] == k) for k in others}
            both = first[target] - first[other], log[own, target] - log[own, other]
            if max(map(abs, both)) < 3:
                knows["y"].append(more[target] - more[other])
                knows["x"].append([1.0, *odd(*both)])
                knows["weight"].append(1 - max(map(abs, both)) / 3)
        rises.append(data.after[d, own, own] - data.before[d, own])
        taken.append(np.mean([data.taken[d, k] == k for k in others]))
        stands.append(
            np.mean([data.after[d, o, o] - data.after[d, k, o]
                     for o in range(K) for k in range(K) if k != o])
        )  # fmt: skip
    assert found["rises"]["own"]["value"] == pytest.approx(np.mean(rises))
    e = found["own_beyond"]
    for scale, value in (("odds", e["value"]), ("probability", e["probability"]["value"])):
        each = least_squares(beyond["x"], beyond[scale], beyond["weight"])[:K]
        assert value == pytest.approx(each.mean(), abs=1e-6)
    slow = least_squares(knows["x"], knows["y"], knows["weight"])[0]
    assert found["knows"]["value"] == pytest.approx(slow, abs=1e-6)
    assert found["knows"]["n"] == len(knows["y"])
    assert found["taken"]["value"] == pytest.approx(np.mean(taken))
    assert found["stands"]["value"] == pytest.approx(np.mean(stands))


def test_questions_with_fewer_options_and_unread_answers_count_as_far_as_they_go() -> None:
    data = planted(copy=0.7, own=0.0, knows=0.0)
    data.before[:30, 2] = np.nan
    data.after[:30, 2] = data.after[:30, :, 2] = np.nan
    data.taken[:30, 2] = np.nan
    data.own[30:40] = np.nan
    found = told(data)
    assert found["stands"]["n"] == N
    assert found["taken"]["n"] == N - 10


@pytest.mark.parametrize(
    ("law", "said"),
    [
        # the chain goes on from the answer that stands there, whoever wrote it
        ("cl=.9,cs=.2,stay=0", "is likelier where it stands in the transcript"),
        ("cl=.5,cs=.5,wander=.5,stay=0", "isn't shown to make it likelier"),
    ],
)
def test_from_a_spec_to_a_page(law: str, said: str, tmp_path: Path) -> None:
    spec = RunSpec.model_validate(
        {"model": f"planted:chain?accuracy=.5,{law}", "task": "planted", "limit": 96}
    )
    done = execute("anchoring", {"anyway": True}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    assert done.result["options"] == 3
    assert said in " ".join(done.sheet.findings)


def test_answers_without_options_cannot_be_exchanged() -> None:
    spec = RunSpec.model_validate({"task": "commongen"})
    plan = load("anchoring").plan
    assert plan is not None
    with pytest.raises(UserError, match="has no options to exchange"):
        plan(spec, {"quick": True, "anyway": False})


def test_after_its_own_answer_a_model_is_asked_as_repeat_asks(tmp_path: Path) -> None:
    """Message for message: the arms differ in the letter that stands there alone."""
    spec = RunSpec.model_validate({"model": "planted:chain", "task": "planted", "limit": 24})
    done = execute("anchoring", {"anyway": True}, spec=spec, out=tmp_path)
    frames = {
        arm: sc.open_run(folder).read(["example", "round", "choice", "steps"])
        for arm, folder in done.result["folders"].items()
    }
    asked: dict[str, dict[str, list[str]]] = {}
    for arm, frame in frames.items():
        asked[arm] = {}
        for (example,), rows in frame.sort("round").group_by(["example"]):
            said = records.transcript(rows, 2)
            asked[arm][str(example)] = [each.text for each in said[:-1]]
    own = frames["repeat"].filter(pl.col("round") == 1).select("example", "choice").iter_rows()
    for example, choice in own:
        (question, answer, again), swapped = asked["repeat"][example], asked["abc"[choice]][example]
        assert [question, again] == [swapped[0], swapped[2]]
        assert answer.startswith(swapped[1])  # the model's own may go on after its letter
