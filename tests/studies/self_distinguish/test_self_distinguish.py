"""Self-distinguish: planted knowledge, planted association, neither; what is planned and read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from commands import refused
from panels import made
from received_runs import row, written
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.regression import regression
from selfcorrect.outcome import ACCURACY, Outcome
from selfcorrect.report.sheet import page
from selfcorrect.runs import RunSpec, open_run
from selfcorrect.runs.identity import task_of
from selfcorrect.studies import load
from selfcorrect.studies.base import Inputs
from selfcorrect.studies.execute import answer
from selfcorrect.studies.self_distinguish.analysis import _doubts, figures
from selfcorrect.studies.self_distinguish.arms import asked, name, none
from selfcorrect.studies.self_distinguish.association import Beyond, association
from selfcorrect.studies.self_distinguish.judgements import Judgements, judgements
from selfcorrect.studies.self_distinguish.sheet import findings
from selfcorrect.tasks import bbq
from selfcorrect.tasks.toxicity import TOXICITY

K, SIZE = 40, 6
N = K * SIZE
CLUSTERS = np.repeat(np.arange(K), SIZE)


def judged(p: NDArray[Any], label: NDArray[Any], rng: np.random.Generator) -> Judgements:
    """Both orders of each question right with these probabilities."""
    both = rng.random((N, 2)) < p[:, None]
    one = np.ones(N)
    return Judgements(np.arange(N, dtype=np.uint64), CLUSTERS, both.mean(axis=1), one,
                      (both[:, 0] == both[:, 1]).astype(float), label)  # fmt: skip


def panel(y: NDArray[Any], outcome: Outcome = ACCURACY) -> Panel:
    return replace(made(y), clusters=CLUSTERS.astype(np.uint64), outcome=outcome)


def of_bbq(
    seed: int, knows: float = 0.5, inside: float = 0.5, predicts: float = 0.0, gains: float = 0.0
) -> tuple[dict[str, Panel], dict[str, Judgements]]:
    """Questions in 40 templates that differ in how easy they are to answer, to mend, and to judge.
    A wrong answer is mended with .2, ``gains`` more in intrinsic, and ``predicts`` more where the
    judgement without a history is right."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(size=(3, K))[:, CLUSTERS] * 0.1
    first = rng.random(N) < 0.4 + shift[0]
    label = np.zeros(N)
    said = {name("none"): judged(knows + shift[1], label, rng)}
    for t in (1, 2, 3):
        said[name("own", t)] = judged(inside + shift[1], label, rng)
    panels = {}
    for arm, more in (("intrinsic", gains), ("repeat", 0.0)):
        able = predicts * (said[name("none")].right - 0.5) if arm == "intrinsic" else 0.0
        mended = rng.random(N) < 0.3 + more + able + shift[2]
        last = np.where(first, rng.random(N) < 0.9, mended)
        panels[arm] = panel(np.column_stack([first, first, last]).astype(float))
    return panels, said


def of_texts(seed: int, always: float = 0.8) -> tuple[dict[str, Panel], dict[str, Judgements]]:
    """Texts whose toxicity changes or not, and a model that mostly says that both are the same: it
    is right just where little is gained, and knows nothing."""
    rng = np.random.default_rng(seed)
    first = rng.random(N)
    change = np.where(rng.random(N) < 0.5, 0.0, rng.normal(size=N) * 0.3)
    last = np.clip(first + change, 0, 1)
    apart = last - first
    label = np.where(np.abs(apart) <= 0.05, 2.0, (apart < 0).astype(float))
    p = np.where(label == 2, always, (1 - always) / 2)
    said = {arm: judged(p, label, rng) for arm in asked("texts", 2)}
    other = np.clip(first + rng.normal(size=N) * 0.2, 0, 1)
    panels = {
        arm: panel(np.column_stack([first, y]), TOXICITY)
        for arm, y in (("intrinsic", last), ("repeat", other))
    }
    return panels, said


def nobody_corrects(seed: int, apart: float = 2.0) -> tuple[dict[str, Panel], Judgements]:
    """Every answer of either arm is drawn anew; easy examples are also easy to judge."""
    rng = np.random.default_rng(seed)
    easy = 0.7 * apart * (rng.normal(size=K)[CLUSTERS] + rng.normal(size=N))
    p = 1 / (1 + np.exp(-easy))
    first = rng.random(N) < p
    panels = {
        arm: panel(np.column_stack([first, rng.random(N) < p]).astype(float))
        for arm in ("intrinsic", "repeat")
    }
    return panels, judged(1 / (1 + np.exp(-0.3 - 0.8 * easy)), np.zeros(N), rng)


def test_easy_examples_gain_nothing_by_a_review() -> None:
    """Of a first answer as good, an easy example's next one is better, asked how it may be: that
    was claimed to go with knowing better in 95 % of runs."""
    claimed = alone = 0
    for seed in range(10):
        panels, said = nobody_corrects(seed)
        gain = Beyond.of(panels["intrinsic"], panels["repeat"], ACCURACY)
        e = association(gain, said.right, said.label, CLUSTERS)
        claimed += e["p"] < 0.05
        own = panels["intrinsic"].columns["outcome"]
        by_itself = regression(
            own[:, 1] - own[:, 0], {"right": said.right, "first": own[:, 0]}, CLUSTERS
        )
        alone += by_itself["right"].p < 0.05  # type: ignore[operator]
    assert claimed <= 1
    assert alone >= 9


@pytest.mark.parametrize("seed", range(4))
def test_unread_answers_allow_what_every_count_of_them_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, clusters = 30, np.arange(30) // 2
    y = (rng.random((2, n, 2)) < 0.5).astype(float)
    y[1, :, 0] = y[0, :, 0]
    read = np.ones((2, n, 2))
    read[0, [0, 3], 1] = read[1, [3, 5], 1] = 0
    panels = [
        replace(made(np.where(read[a] == 1, y[a], 0.0), parse_rate=read[a]),
                clusters=clusters.astype(np.uint64))
        for a in range(2)
    ]  # fmt: skip
    right = rng.choice([0, 0.5, 1], n)
    right[[3, 8, 9]] = np.nan
    e = association(Beyond.of(*panels, ACCURACY), right, np.zeros(n), clusters)
    last, values = y[:, :, 1], []
    for ends in itertools.product((0.0, 1.0), repeat=4):
        last[0, [0, 3]], last[1, [3, 5]] = ends[:2], ends[2:]
        for shares in itertools.product((0, 0.5, 1), repeat=3):
            full = right.copy()
            full[[3, 8, 9]] = shares
            design = np.column_stack([full, np.ones(n), y[0, :, 0]])
            values.append(np.linalg.lstsq(design, last[0] - last[1], rcond=None)[0][0])
    assert e["unread"] == pytest.approx([min(values), max(values)])


def test_a_first_answer_that_was_not_read_is_neither_right_nor_wrong() -> None:
    panels, said = nobody_corrects(0)
    for each in panels.values():
        each.columns["parse_rate"][:40, 0] = 0
    ways = []
    for count in (0.0, 1.0):
        for each in panels.values():
            each.columns["outcome"][:40, 0] = count
        gain = Beyond.of(panels["intrinsic"], panels["repeat"], ACCURACY)
        ways.append(association(gain, said.right, said.label, CLUSTERS)["value"])
    assert ways[0] == pytest.approx(ways[1])


def told(data: tuple[Mapping[str, Panel], Mapping[str, Judgements]]) -> dict[str, Any]:
    return figures(*data, "people", ACCURACY)


def test_what_is_planted_is_found() -> None:
    found = told(of_bbq(0, knows=0.6, inside=0.8, predicts=0.4, gains=0.2))
    claims = found["claims"]
    assert {key: each["state"] for key, each in claims.items()} == {
        "knows": "shown", "inside": "shown", "beyond": "shown",
        "predicts, none": "shown", "predicts, own": "open",
    }  # fmt: skip
    assert claims["knows"]["low"] < 0.1 < claims["knows"]["high"]
    assert claims["inside"]["low"] < 0.2 < claims["inside"]["high"]
    # only wrong answers can be mended: .6 of all
    assert claims["predicts, none"]["low"] < 0.4 * 0.6 < claims["predicts, none"]["high"]
    assert found["by"]["none"]["1"]["value"] > found["by"]["none"]["0"]["value"]
    result = {**found, "about": "people", "outcome": "accuracy", "n": N, "tie": 0.05}
    said = " ".join(findings(result))
    assert (
        "It tells good from bad without a history, better than one answer throughout would" in said
    )
    assert "It distinguishes better inside the dialogue than without" in said
    assert "Examples that it distinguishes without a history gain more" in said


def test_where_nothing_is_planted_nothing_is_said() -> None:
    claims = told(of_bbq(1))["claims"]
    assert all(each["state"] != "shown" for each in claims.values())


def test_who_always_says_the_same_predicts_no_gain() -> None:
    """It is right just where little was gained or lost."""
    panels, said = of_texts(1)
    found = figures(panels, said, "texts", TOXICITY)
    assert found["labels"]["2"] > 100
    assert found["claims"]["predicts, none"]["state"] == "open"
    assert found["claims"]["others"]["state"] != "shown"
    # "the same" throughout is right more often
    assert found["chance"] == found["labels"]["2"] / N
    assert found["claims"]["knows"]["value"] < 0
    # where labels have no intercepts of their own, the size of the gain looks foretold
    y = panels["intrinsic"].columns["outcome"]
    right = said[none("texts", 2)].right
    size = regression(np.abs(y[:, 0] - y[:, 1]), {"right": right}, CLUSTERS)["right"]
    assert size.p is not None
    assert size.p < 0.001


def test_texts_that_are_all_the_same_leave_nothing_to_distinguish() -> None:
    _, said = of_texts(0)
    assert list(_doubts(said, "texts", 2, 0.05)) == []
    said = {arm: replace(each, label=np.full(N, 2.0)) for arm, each in said.items()}
    [why] = _doubts(said, "texts", 2, 0.05)
    assert why.startswith("only 0 of its 240 pairs of outputs are further apart than .050")


def test_numbers_are_those_of_a_slow_count() -> None:
    panels, said = of_bbq(2, knows=0.7)
    found = told((panels, said))
    right = said[name("none")].right
    assert found["claims"]["knows"]["value"] == pytest.approx(right.mean() - 0.5)
    y = panels["intrinsic"].columns["outcome"]
    gain = y[:, 2] - y[:, 0]
    assert found["gain"]["value"] == pytest.approx(gain.mean())
    beyond = y[:, 2] - panels["repeat"].columns["outcome"][:, 2]
    assert found["by"]["none"]["0.5"]["value"] == pytest.approx(beyond[right == 0.5].mean())
    design = np.column_stack([np.ones(N), right, y[:, 0]])
    slope = np.linalg.lstsq(design, beyond, rcond=None)[0][1]
    assert found["claims"]["predicts, none"]["value"] == pytest.approx(slope)


def test_what_could_not_be_read_leaves_open_what_it_could_turn() -> None:
    panels, said = of_bbq(0, knows=0.65, inside=0.8, predicts=0.4, gains=0.2)
    unread = np.random.default_rng(0).random(N) < 0.4
    arm = said[name("none")]
    arm.right[unread] = np.nan
    found = told((panels, said))
    for key in ("knows", "predicts, none"):
        e = found["claims"][key]
        assert e["state"] == "open", key
        assert e["unread"][0] < 0 < e["unread"][1], key
    assert found["unread"][name("none")] == unread.sum()
    # an example that wasn't asked about isn't unread
    rest = np.flatnonzero(~unread)
    parts = (arm.examples, arm.clusters, arm.right, arm.read, arm.consistent, arm.label)
    said[name("none")] = Judgements(*(part[rest] for part in parts))
    found = told((panels, said))
    assert found["asked"] == len(rest)
    assert found["claims"]["knows"]["state"] == "shown"


@pytest.mark.slow
@pytest.mark.parametrize("texts", [False, True])
def test_without_an_association_hardly_any_is_claimed(texts: bool) -> None:
    runs, hits = 300, 0
    for seed in range(runs):
        panels, said = of_texts(seed) if texts else of_bbq(seed, knows=0.6)
        each = said[none("texts" if texts else "people", 2)]
        outcome = TOXICITY if texts else ACCURACY
        gain = Beyond.of(panels["intrinsic"], panels["repeat"], outcome)
        e = association(gain, each.right, each.label, CLUSTERS)
        hits += e["p"] is not None and e["p"] < 0.05
    assert hits <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)


def test_both_orders_of_a_question_are_put_together(tmp_path: Path) -> None:
    said = {
        "a/1": [("(a)", 1.0)], "a/2": [("(b)", 1.0)],
        "b/1": [("(a)", 1.0)], "b/2": [("(a)", 0.0)],
        "c/1": [("(a)", 1.0)], "c/2": [("", None)],
        "d/1": [("(a)", 1.0)],
    }  # fmt: skip
    folder = written(tmp_path / "run", said, {"name": "choices"}, cluster="k")
    found = judgements(open_run(folder))
    assert len(found.examples) == 3
    assert sorted(found.right[np.isfinite(found.right)]) == [0.5, 1]
    assert sorted(found.consistent[np.isfinite(found.consistent)]) == [0, 1]
    assert sorted(found.read) == [0.5, 1, 1]


def test_from_runs_to_a_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n, people = 30, ("The uncle", "The nephew", "Not known")
    data = tmp_path / "Age.jsonl"
    data.write_text("\n".join(json.dumps(row(k)) for k in range(n)))
    runs = {}
    for arm, mended in (("intrinsic", 0.8), ("repeat", 0.1)):
        said = {}
        for k in range(n):
            last = ("(c)", 1.0) if rng.random() < mended else ("(a)", 0.0)
            said[f"Age/{k}"] = [("(a)", 0.0), last]
        task = {"name": "bbq", "data": str(data)}
        runs[arm] = open_run(written(tmp_path / arm, said, task, choices=people))
    for arm in asked("people", 2):
        right = {f"Age/{k}/{o}": [(f"({'ab'[o - 1]})", 1.0)] for k in range(n) for o in (1, 2)}
        about = {"name": "distinguish", "data": str(tmp_path / "intrinsic")}
        runs[arm] = open_run(written(tmp_path / arm[:20], right, about, choices=people[:2]))
    study = load("self-distinguish")
    settings = study.settings({"anyway": True})
    result = answer(study, Inputs(settings, runs))
    claims = json.loads(json.dumps(result, allow_nan=False))["claims"]
    assert claims["beyond"]["state"] == "shown"
    assert claims["knows"]["value"] == 0.5
    assert "it is the same in all records" in claims["predicts, none"]["why"]
    sheet = study.sheet(result)
    assert page(sheet).startswith("<!doctype html>")
    said_of = " ".join(sheet.findings)
    assert "Reviewing makes accuracy better than repeating does" in said_of
    assert "can't be told: it is the same in all records" in said_of


def test_the_study_says_where_the_questions_are(tmp_path: Path) -> None:
    """What the run's folder names isn't opened unasked, and the user has named it to the study."""
    data = tmp_path / "Age.jsonl"
    data.write_text("\n".join(json.dumps(row(k)) for k in range(6)))
    task = {"name": "bbq", "data": str(data)}
    people = ("The uncle", "The nephew", "Not known")
    said = {f"Age/{k}": [("(a)", 0.0), ("(c)", 1.0)] for k in range(6)}
    run = open_run(written(tmp_path / "run", said, task, choices=people))
    then = load("self-distinguish").then
    assert then is not None
    specs = then(RunSpec.model_validate({"task": task}), {"tie": 0.05}, {"intrinsic": run})
    assert list(specs) == list(asked("people", 2))
    assert {len(task_of(spec).examples()) for spec in specs.values()} == {12}
    hub = RunSpec.model_validate({"task": {"name": "bbq", "options": {"metadata": "m.csv"}}})
    for spec in then(hub, {"tie": 0.05}, {"intrinsic": run}).values():
        assert spec.task.options["questions"] == bbq.HUB
        assert spec.task.options["metadata"] == "m.csv"
    texts = RunSpec.model_validate({"task": "toxicity"})
    for spec in then(texts, {"tie": 0.05}, {"intrinsic": run}).values():
        assert "questions" not in spec.task.options


def test_what_is_planned_and_what_is_refused() -> None:
    plan = load("self-distinguish").plan
    assert plan is not None
    settings = {"tie": 0.05, "quick": True, "anyway": False}
    spec = RunSpec.model_validate({"task": "toxicity"})
    specs = plan(spec, settings)
    assert list(specs) == ["intrinsic", "repeat"]
    assert {s.rounds for s in specs.values()} == {2}
    assert list(asked("texts", 3)) == [
        "none history, round 2", "own history, round 2", "none history, round 3",
        "own history, round 3", "others history, round 3",
    ]  # fmt: skip
    assert list(asked("people", 2)) == [
        "none history",
        "own history, round 1",
        "own history, round 2",
    ]
    wrong = ["study", "self-distinguish", "--model", "planted:chain"]
    assert "of the tasks bbq and toxicity, and the task is planted" in refused(
        *wrong, "--task", "planted"
    )
    assert "at least --rounds 2" in refused(*wrong, "--task", "toxicity", "--rounds", "1")
    assert "--tie must be" in refused(*wrong, "--task", "toxicity", "--tie", "3")
