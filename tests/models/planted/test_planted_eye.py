"""planted:eye errs as it says: accuracy, pairs and boxes by round, with and without the picture."""

from __future__ import annotations

from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from pictures import png
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, held, message
from selfcorrect.models.base import Request
from selfcorrect.models.planted import Eye, load
from selfcorrect.tasks import make
from selfcorrect.tasks.boxes import overlap

LAWS = [
    {},
    {"accuracy": 0.4, "correlation": 0.9, "corrects": 0.5, "breaks": 0.2, "seed": 3},
    {"accuracy": 0.9, "correlation": 0.0, "corrects": 0.0, "breaks": 0.3, "seed": 1},
]
N, ROUNDS = 240, 3


def name_of(settings: dict[str, Any]) -> str:
    return "planted:eye?" + ",".join(f"{k}={v}" for k, v in settings.items())


@cache
def pairs(n: int = N) -> Any:
    return make("shapes", options={"n": n})


def talk(name: str, task: Any, *, picture: str = "own", again: bool = False) -> np.ndarray:
    """Whether a model is right of each example in every round [n, rounds]."""
    examples = list(task.examples())
    conversation = load(name).open(len(examples))
    shown = [{"own": e.images, "none": (), "other": e.others}[picture] for e in examples]
    asked = [task.ask(e)["question"] for e in examples]
    conversation.say([Message("user", (*i, q)) for i, q in zip(shown, asked, strict=True)])
    found = np.zeros((len(examples), ROUNDS))
    for t in range(ROUNDS):
        if t:
            said = [Message("user", (*(i if again else ()), "Review it.")) for i in shown]
            conversation.say(said)
        replies = conversation.elicit([Request("", 24)] * len(examples))
        read = [(e, task.read(e, r.text)) for e, r in zip(examples, replies, strict=True)]
        found[:, t] = [grade.outcome for grade in task.grade(read)]
    return found


def near(value: float, wanted: float, n: int) -> bool:
    """Within four standard errors of a share, with pairs as independent of each other as can be."""
    return abs(value - wanted) <= 4 * sqrt(wanted * (1 - wanted) / n) + 1e-9


@pytest.mark.parametrize(
    ("settings", "again"), [(LAWS[0], True), (LAWS[1], False), (LAWS[1], True), (LAWS[2], False)]
)
def test_accuracy_and_pairs_are_as_stated(settings: dict[str, Any], again: bool) -> None:
    law = Eye(**settings)
    right = talk(name_of(settings), pairs(), again=again)
    both = right[::2] * right[1::2]
    for t in range(ROUNDS):
        assert near(right[:, t].mean(), law.accuracy_at(t + 1, again=again), N / 2)
        assert near(both[:, t].mean(), law.pair_accuracy_at(t + 1, again=again), N / 2)


def test_the_accuracy_of_a_round_by_a_plain_chain() -> None:
    law = Eye(accuracy=0.5, corrects=0.25, breaks=0.1, again=0.75)
    assert law.accuracy_at(2) == pytest.approx(0.5 * 0.9 + 0.5 * 0.25)
    assert law.accuracy_at(2, again=True) == pytest.approx(0.5 * 0.9 + 0.5 * 0.75)
    assert law.pair_accuracy_at(1) == pytest.approx(0.3 * 0.5 + 0.7 * 0.25)


def test_right_answers_of_a_pair_have_the_stated_correlation() -> None:
    right = talk("planted:eye?correlation=0.6,accuracy=0.6", pairs())
    for t in range(ROUNDS):
        found = np.corrcoef(right[::2, t], right[1::2, t])[0, 1]
        assert abs(found - 0.6) < 4 * (1 - 0.6**2) / sqrt(N / 2)


def test_without_the_picture_it_guesses_and_never_gets_both() -> None:
    right = talk("planted:eye", pairs(), picture="none")
    assert near(right[:, 0].mean(), (3 * 1 / 2 + 1 / 4) / 4, N / 2)
    assert (right[:, 0] == right[:, 1]).all()
    assert not (right[::2] * right[1::2]).any()


def test_of_the_other_picture_it_says_what_is_right_there() -> None:
    task = pairs()
    own, other = talk("planted:eye", task), talk("planted:eye?accuracy=1,breaks=0", task)
    assert near(own[:, 0].mean(), 0.7, N / 2)
    assert other.all()
    # what is right of the other picture is wrong of this one
    assert not talk("planted:eye?accuracy=1,breaks=0", task, picture="other").any()


def test_a_look_is_as_good_whatever_is_said_and_in_whatever_order() -> None:
    task = pairs(40)
    examples = list(task.examples())
    model = load("planted:eye")
    texts = []
    for order, words in ((examples, ""), (examples[::-1], "\n\nBe careful.")):
        conversation = model.open(len(order))
        conversation.say(
            [Message("user", (*e.images, task.ask(e)["question"] + words)) for e in order]
        )
        replies = conversation.elicit([Request("", 24)] * len(order))
        texts.append({e.id: r.text for e, r in zip(order, replies, strict=True)})
    assert texts[0] == texts[1]


@pytest.mark.parametrize("lost", [0.0, 0.25])
def test_boxes_without_noise_are_right_as_often_as_stated(lost: float) -> None:
    n = 300
    task = make("shapes", options={"kind": "grounding", "box_format": "per-mille", "n": n // 2})
    settings = {"noise": 0, "lost": lost}
    law = Eye(**settings)
    iou = talk(name_of(settings), task)
    for t in range(ROUNDS):
        hit = iou[:, t] > 0.9
        assert set(np.unique(iou[:, t] > 0)) <= {False, True}
        assert ((iou[:, t] == 0) | hit).all()  # shapes don't overlap
        assert near(hit.mean(), (1 - lost) * law.accuracy_at(t + 1), n)


def test_noise_costs_as_much_as_drawn_by_other_means() -> None:
    noise, n = 0.1, 240
    task = make("shapes", options={"kind": "grounding", "box_format": "per-mille", "n": n // 2})
    found = talk(f"planted:eye?noise={noise},accuracy=1,breaks=0,lost=0", task)
    random = np.random.default_rng(0)
    errors = random.normal(0, noise, (20_000, 4))
    corner = np.array([0.0, 0.0, 1.0, 1.0])
    expected = [overlap((0, 0, 1, 1), tuple(corner + e)) for e in errors]
    error = 4 * np.std(expected) / sqrt(n) + 0.01  # thousandths of a small shape
    assert abs(found[:, 0].mean() - np.mean(expected)) < error
    assert not np.allclose(found[:, 0], found[:, 1])  # drawn anew


def test_a_run_finds_what_is_stated(tmp_path: Path) -> None:
    law = Eye(accuracy=0.6, correlation=0.5, seed=2)
    run = sc.run("planted:eye?accuracy=0.6,correlation=0.5,seed=2", "shapes", "look-again",
                 rounds=3, task_options={"n": 160}, out=tmp_path, progress=False)  # fmt: skip
    summary = run.summary()
    for t, row in enumerate(summary["rounds"], 1):
        for name, wanted in (
            ("accuracy", law.accuracy_at(t, again=True)),
            ("pair_accuracy", law.pair_accuracy_at(t, again=True)),
        ):
            told = row["measures"][name]
            assert told["low"] <= wanted <= told["high"], (t, name)
    assert summary["rounds"][0]["measures"]["pair_accuracy"]["n"] == 80
    controls = summary["controls"]
    assert set(controls) == {"repeat", "baseline", "blind", "other-picture"}
    first = {name: c["rounds"][0]["measures"] for name, c in controls.items()}
    assert first["blind"]["pair_accuracy"]["value"] == 0
    # the answer follows the picture: as often as it is right of its own
    follows, own = first["other-picture"]["other_picture"], summary["rounds"][0]["measures"]
    assert follows["value"] == own["accuracy"]["value"]
    assert first["other-picture"]["accuracy"]["high"] < own["accuracy"]["low"]


def test_it_describes_what_it_sees(tmp_path: Path) -> None:
    run = sc.run("planted:eye?accuracy=1", "shapes", "describe-first", rounds=2, limit=8,
                 controls=False, out=tmp_path, progress=False)  # fmt: skip
    assert run.summary()["rounds"][0]["measures"]["accuracy"]["value"] == 1
    said = [s for row in run.records["steps"].to_list() for s in row if s["kind"] == "rationale"]
    assert len(said) == 16
    assert all(each["text"].startswith("From left to right I see: a ") for each in said)


def test_what_it_cannot_see_is_one_sentence(tmp_path: Path) -> None:
    conversation = load("planted:eye").open(1)
    conversation.say([message("user", "What is 1 + 2?")])
    with pytest.raises(UserError, match="answers the task 'shapes' only"):
        conversation.elicit([Request("", 8)])
    photo = held(png(tmp_path, "a.png"))
    question = make("shapes").ask(make("shapes").examples()[0])["question"]
    conversation = load("planted:eye").open(1)
    conversation.say([Message("user", (photo, question))])
    with pytest.raises(UserError, match="sees the drawn pictures of the task 'shapes' only"):
        conversation.elicit([Request("", 8)])
    for wrong in ("accuracy=2", "noise=-1", "mass=1"):
        with pytest.raises(UserError, match="planted:eye: "):
            load(f"planted:eye?{wrong}")
    with pytest.raises(UserError, match="reads text only"):
        sc.run("planted:chain", "shapes", out=tmp_path, progress=False)
