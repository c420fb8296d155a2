"""A scorer's further numbers never stand in the place of another number."""

from __future__ import annotations

import math
from pathlib import Path

import selfcorrect as sc
from selfcorrect.outcome import Number, Outcome, Share
from selfcorrect.tasks import Example, Grade
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import CORRECT


def test_a_scorers_number_called_like_the_tasks_own_stands_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "both.py"
    file.write_text("def both(prompt, answer, reference):\n    return {'score': 1, 'words': 7}\n")
    data = tmp_path / "mine.txt"
    data.write_text("What do you say of plan 1 of group 1?\n")
    run = sc.run("planted:scores", "prompts", data=data, rounds=2, out=tmp_path, progress=False)
    stated = sc.open_run(run.folder).header.values["words"]
    assert isinstance(stated, Number)
    assert stated.bounds == (0, math.inf)
    own = run.summary()["rounds"][0]["measures"]["words"]["value"]
    measured = run.grade(f"{file}:both").summary()["rounds"][0]["measures"]
    assert (measured["words"]["value"], measured["words (scorer)"]["value"]) == (own, 7)


def test_a_scorers_number_never_replaces_a_measure_or_a_column_of_the_task(tmp_path: Path) -> None:
    taken = ("tokens", "encoded", "semantic_entropy", "likelihood", "round", "choice")
    file = tmp_path / "many.py"
    file.write_text(
        "def many(prompt, answer, reference):\n"
        f"    return {{'score': 1, 'free': 3, **dict.fromkeys({taken}, 7)}}\n"
    )
    run = sc.run(
        "planted:chain", "planted", limit=8, rounds=2, out=tmp_path, progress=False, samples=2,
        meanings="key", controls=False,
    )  # fmt: skip
    before = run.summary()["rounds"][0]["measures"]
    after = run.grade(f"{file}:many").summary()["rounds"][0]["measures"]
    assert {name: after[f"{name} (scorer)"]["value"] for name in taken} == dict.fromkeys(taken, 7)
    assert after["free"]["value"] == 3
    for name in ("tokens", "encoded", "semantic_entropy"):
        assert after[name] == before[name]


def test_a_scorers_number_never_replaces_a_column_that_only_figures_need(tmp_path: Path) -> None:
    asked = {"question": "What do you say of plan 1 of group 1?"}
    task = Free(
        "mine", [Item(Example("a", asked, (), "a"))], wording=CORRECT, outcome=Outcome("score"),
        judge=lambda *_: Grade(None, values={"hidden": 1.0}),
        columns={"hidden": "always 1"}, figures={"shown": Share(lambda c: c["hidden"])},
    )  # fmt: skip
    file = tmp_path / "both.py"
    file.write_text("def both(prompt, answer, reference):\n    return {'score': 1, 'hidden': 0}\n")
    run = sc.run("planted:scores", task, rounds=2, out=tmp_path, progress=False, controls=False)
    measured = run.grade(f"{file}:both").summary()["rounds"][0]["measures"]
    assert (measured["shown"]["value"], measured["hidden (scorer)"]["value"]) == (1, 0)
