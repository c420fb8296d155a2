"""A run that somebody else has graded, or labelled: what stays the task's, and how labels come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.runs.comparable import ungraded
from selfcorrect.runs.labels import read_labels
from servers.stub import Stub


def test_a_tasks_figures_are_of_its_own_outcome_whoever_graded(tmp_path: Path) -> None:
    """A share of right answers isn't made of a scorer's numbers, nor is a bias score."""
    file = tmp_path / "long.py"
    file.write_text(
        "from selfcorrect.outcome import Outcome\n"
        "def long(prompt, answer, reference):\n    return 1 + len(answer.split())\n"
        "long.outcome = Outcome('length', bounds=(0, 300))\n"
    )
    stub = Stub()
    try:
        run = sc.run(
            "openai:stub", "sample", base_url=stub.url, rounds=2, limit=24, out=tmp_path,
            progress=False, controls=False,
        )  # fmt: skip
    finally:
        stub.stop()
    seen = run.grade(f"python:{file}:long")
    names = ("bias_ambiguous", "accuracy_ambiguous", "accuracy_disambiguated")
    for own, scored in zip(run.summary()["rounds"], seen.summary()["rounds"], strict=True):
        assert own["measures"]["accuracy_disambiguated"]["n"] > 0
        for name in names:
            assert scored["measures"][name] == own["measures"][name]
    # beside the scores each record has what the task said
    told = [{v["name"]: v["value"] for v in values} for values in seen.records["values"]]
    assert [each["accuracy"] for each in told] == run.records["outcome"].to_list()
    assert seen.records["outcome"].min() >= 1  # type: ignore[operator]
    # what unread answers may do to a difference of figures isn't known of another outcome
    assert not set(names) & seen.summary()["changes"].keys()
    assert set(names) <= run.summary()["changes"].keys()


def test_a_scorer_of_another_number_gives_no_share_of_toxic_texts(tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text("def half(prompt, answer, reference):\n    return 0.9\n")
    stub = Stub()
    try:
        run = sc.run(
            "openai:stub", "toxicity", base_url=stub.url, rounds=2, limit=6, out=tmp_path,
            progress=False, controls=False, scorer="none",
        )  # fmt: skip
    finally:
        stub.stop()
    (_, last) = run.grade(f"python:{file}:half").summary()["rounds"]
    assert last["measures"]["score"]["value"] == pytest.approx(0.9)
    assert last["measures"]["share_toxic"]["value"] is None
    assert last["measures"]["appended"]["value"] is not None


def test_labels_as_programs_write_them(tmp_path: Path) -> None:
    """Whole numbers with a point, as where a column has gaps; lines that nobody has labelled."""
    first, second = "a", "7"
    file = tmp_path / "labels.csv"
    file.write_text(f"example,round,label\n{first},1.0,1.0\n{second},2.0,\n{second},1.0,0\n")
    found = read_labels(file)
    assert found.rows() == [(first, 1, 1.0), (second, 1, 0.0)]
    file = tmp_path / "labels.jsonl"
    for line, said in (
        ('{"example": "a", "round": 1.5, "label": true}', "must be a round's number, not 1.5"),
        ('{"example": "a", "label": true}', "the field 'round' is missing"),
        ('{"example": "a", "round": 1}', "the field 'label' is missing"),
        ('{"example": "a", "round": 1, "label": null}', "no line has a label"),
    ):
        file.write_text(line)
        with pytest.raises(UserError, match=said):
            read_labels(file)


def test_a_command_that_is_named_is_one_that_works(tmp_path: Path) -> None:
    """The word none leaves answers ungraded: no sentence sends anybody to it."""
    runs = [
        sc.run(
            "planted:scores", "planted-scores", strategy=strategy, rounds=2, limit=4, scorer="none",
            controls=False, progress=False, out=tmp_path, task_options={"n": 8},
        )
        for strategy in ("intrinsic", "repeat")
    ]  # fmt: skip
    assert "NAME does that" in ungraded(runs)


def test_bounds_that_the_task_states_are_named_as_its_own(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Say a.\nSay b.\n")
    file = tmp_path / "f.py"
    file.write_text(
        "from selfcorrect.outcome import Outcome\n"
        "def words(prompt, answer, reference):\n    return 2 + len(answer.split())\n"
        "def wide(prompt, answer, reference):\n    return 2 + len(answer.split())\n"
        "wide.outcome = Outcome('words', bounds=(0, 300))\n"
    )
    stub = Stub()
    try:
        run = sc.run(
            "openai:stub", "prompts", data=tmp_path / "p.txt", base_url=stub.url, rounds=1,
            controls=False, progress=False, out=tmp_path,
        )  # fmt: skip
    finally:
        stub.stop()
    with pytest.raises(UserError, match="not within 0 to 1, as the task has it: a function states"):
        run.grade(f"python:{file}:words")
    assert run.grade(f"python:{file}:wide").records["outcome"].min() > 1  # type: ignore[operator]


def test_a_scorer_that_is_shown_questions_isnt_shown_others(tmp_path: Path) -> None:
    """Without the data it was shown the instructions in place of the question, and no reference."""
    data = tmp_path / "p.csv"
    data.write_text("prompt,reference\nSay {a}.,so\nSay b.,no\n")
    file = tmp_path / "f.py"
    file.write_text("def f(p, a, r):\n    return {'score': len(p) / 100, 'so': r == 'so'}\n")
    stub = Stub()
    try:
        run = sc.run(
            "openai:stub", "prompts", data=data, base_url=stub.url, rounds=1, samples=2,
            controls=False, progress=False, out=tmp_path / "runs",
        )  # fmt: skip
    finally:
        stub.stop()
    there = sc.open_run(run.folder)
    for change in (data.unlink, lambda: data.write_text("prompt\nSay c.\nSay d.\n")):
        change()
        with pytest.raises(UserError, match="put them back as they were") as caught:
            there.grade(f"python:{file}:f")
        assert "python:f.py:f is shown what was asked" in str(caught.value)
        assert there.grade("meanings:key").meanings is not None  # which looks at samples alone
    moved = tmp_path / "elsewhere" / "p.csv"
    moved.parent.mkdir()
    moved.write_text("prompt,reference\nSay {a}.,so\nSay b.,no\n")
    seen = replace(there, data=str(moved)).grade(f"python:{file}:f").records
    assert sorted(seen["outcome"]) == [0.06, 0.08]
