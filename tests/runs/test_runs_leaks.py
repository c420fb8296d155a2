"""Leaks are counted where answers are graded, and targets are out of reach of a dialogue."""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from selfcorrect import strategies, tasks
from selfcorrect.runs import make_spec
from selfcorrect.tasks.base import Example

SECRET = "zanzibar"


def _run(tmp_path: Path, advise: Any, **more: Any) -> Any:
    table: dict[str, Any] = {
        "model": "planted:chain",
        "task": {"name": "planted", "options": {"n": 40}},
        "strategy": "feedback",
        "rounds": 3,
        "limit": 12,
        "models": {"feedback": advise},
        **more,
    }
    return sc.run(spec=make_spec(table), out=tmp_path, controls=False, progress=False)


def test_leaks_are_in_the_record_the_summary_and_the_page(tmp_path: Path) -> None:
    """An advisor that is given the key by its own author names it in every other example."""
    task = tasks.make("planted", options={"n": 40})
    key = {}
    for example in task.examples():
        reference = task.reference(example)
        assert reference is not None
        key[task.ask(example)["question"]] = task.read(example, reference).key
    told: dict[str, bool] = {}

    def advise(question: str, _response: str) -> str:
        told[question] = len(told) % 2 == 0 if question not in told else told[question]
        return f"It is ({key[question]})." if told[question] else "Look once more."

    run = _run(tmp_path, advise)
    asked = {e.id: task.ask(e)["question"] for e in task.examples()}
    for row in run.records.iter_rows(named=True):
        want = None if row["round"] == 1 else told[asked[row["example"]]]
        assert row["leak"] is row["names_answer"] is want
        letters = {True: ["abc".index(key[asked[row["example"]]])], False: [], None: None}
        assert row["named"] == letters[want]
    summary = run.summary()
    json.dumps(summary, allow_nan=False)
    rows = summary["rounds"]
    assert [row["measures"]["leaked"]["n"] for row in rows] == [0, 12, 12]
    assert [row["measures"]["leaked"]["value"] for row in rows[1:]] == [0.5, 0.5]
    free = run.records.filter(
        pl.col("example").is_in([e for e, q in asked.items() if not told.get(q, True)])
    )
    for row in rows:
        mine = free.filter(pl.col("round") == row["round"])["outcome"]
        assert row["leak_free"]["n"] == len(mine) == 6 or row["round"] == 1
        if row["round"] > 1:
            assert row["leak_free"]["value"] == pytest.approx(mine.mean())
    page = run.report().read_text("utf-8")
    assert "no answer named" in page
    assert "Feedback that told the answer (leaks), at least: 6 of 12 in round 2" in page


def test_feedback_that_repeats_the_response_makes_no_gain(tmp_path: Path) -> None:
    """On a chain that stands still, whatever is said, half of the questions get back what was
    answered: without the leaks they seem to gain, and where no answer is named they don't."""

    def advise(question: str, response: str) -> str:
        return response if zlib.crc32(question.encode()) % 2 else "Look once more."

    model = "planted:chain?accuracy=0.5,stay=0,cl=0.6,cs=0.4"
    run = _run(
        tmp_path, advise, model=model, limit=800, task={"name": "planted", "options": {"n": 800}}
    )
    records = run.records.sort("example", "round")
    first, last = (records.filter(pl.col("round") == n)["outcome"].to_numpy() for n in (1, 3))
    gains = {}
    for column in ("leak", "names_answer"):
        some = records.group_by("example", maintain_order=True).agg(pl.col(column).any())[column]
        gains[column] = (last - first)[~some.to_numpy()].mean()
    e = run.summary()["rounds"][-1]["leak_free_gain"]
    assert e["value"] == pytest.approx(gains["names_answer"])
    assert (e["low"], e["high"]) == (None, None)
    assert abs(e["value"]) < 0.06  # three standard errors of the some 400 dialogues
    assert gains["leak"] > e["value"] + 0.06


class Secretive:
    """A task whose targets only its grades and references know. It records who asks for them."""

    def __init__(self) -> None:
        self.inner = tasks.make("planted-scores")
        self.name = "secretive"
        self.fingerprint = "1"
        self.skipped: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def reference(self, example: Example) -> str:
        callers, frame = [], sys._getframe(1)
        while frame is not None:
            callers.append(frame.f_globals.get("__name__", ""))
            frame = frame.f_back  # type: ignore[assignment]
        if "selfcorrect.converse.loop" in callers:
            assert "selfcorrect.converse.grading" in callers
        return f"{SECRET} is the word for {example.id} and nothing else at all"


@pytest.mark.parametrize("template", ["{target}", "{reference}", "{outcome}", "{leak}", "{key}"])
def test_a_template_cannot_name_a_target(tmp_path: Path, template: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        f'about = "x"\n[[first]]\nsay = "{{question}}"\n[[first]]\nelicit = "answer"\n[[again]]\n'
        f'say = "{template}"\n[[again]]\nelicit = "answer"\n'
    )
    with pytest.raises(sc.UserError, match="which neither the task offers nor an earlier step"):
        _run(tmp_path, None, strategy=str(mine), models={})
    text = mine.read_text().replace(template, "x")
    for key in ("target", "leak", "outcome"):
        mine.write_text(f"{text}[stop]\n{key} = 1\n")
        with pytest.raises(sc.UserError, match=f"unknown key '{key}'"):
            _run(tmp_path, None, strategy=str(mine), models={})


def test_a_function_that_looks_for_the_target_finds_none(tmp_path: Path) -> None:
    """It is given texts; what it writes as a template stays text; its exceptions hold no target;
    and nothing that the loop holds of the dialogue, from the frames above it on, has one."""
    found: list[str] = []

    def advise(question: str, response: str) -> str:
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__", "").startswith("selfcorrect.converse"):
                for name, value in frame.f_locals.items():
                    if name not in ("task", "setting") and SECRET in repr(value):
                        found.append(name)
            frame = frame.f_back  # type: ignore[assignment]
        found.extend(text for text in (question, response) if SECRET in text)
        return "{target} {reference} {answer} {outcome}"

    task = Secretive()
    run = sc.run(
        "planted:scores", task, "feedback", rounds=3, limit=4, feedback=advise, out=tmp_path,
        controls=False, scorer="none", progress=False,
    )  # fmt: skip
    assert found == []
    steps = [step for row in run.records["steps"] for step in row]
    assert not any(SECRET in step["text"] for step in steps)
    said = [step["text"] for step in steps if step["kind"] == "say" and "{target}" in step["text"]]
    assert len(said) == 4 * 2  # as it was written, in every later round
    assert SECRET not in (run.folder / "run.toml").read_text("utf-8")

    def fails(question: str, response: str) -> str:
        raise ValueError("{target}" + question[:5] + response[:5])

    with pytest.raises(sc.UserError) as told:
        sc.run("planted:scores", task, "feedback", rounds=2, limit=4, feedback=fails,
               out=tmp_path / "b", controls=False, scorer="none", progress=False)  # fmt: skip
    assert "{target}" in str(told.value)
    assert SECRET not in str(told.value) + told.value.trace


@pytest.mark.parametrize("template", ["{given_right}", "{right}", "{wrong}", "{reference}"])
def test_a_template_cannot_tell_known_errors(tmp_path: Path, template: str) -> None:
    """Of an answer that a task gives a strategy can say what it is, not whether it is right."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        f'about = "x"\n[[first]]\ngiven = true\n[[again]]\nsay = "{{answer}} {template}"\n'
        '[[again]]\nelicit = "answer"\n'
    )
    known = {"name": "blind-spot", "options": {"of": "planted", "n": 40}}
    with pytest.raises(sc.UserError, match="which neither the task offers nor an earlier step"):
        _run(tmp_path, None, task=known, strategy=str(mine), models={})
    oracle = Path(strategies.__file__).parent / "blind-spot-oracle.toml"
    mine.write_text(oracle.read_text("utf-8").replace("oracle = true\n", ""))
    with pytest.raises(sc.UserError, match="what only the data know: say so with oracle = true"):
        _run(tmp_path, None, task=known, strategy=str(mine), models={})


def test_a_function_that_looks_for_known_errors_finds_none(tmp_path: Path) -> None:
    """Whoever advises on an answer that was given sees its text, and half of those are wrong; what
    the loop holds of the dialogues doesn't say which."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'about = "x"\n[models]\nfeedback = "own"\n[[first]]\ngiven = true\n'
        '[[again]]\nfrom = "feedback"\nsay = "{question} {answer}"\n'
        '[[again]]\nfrom = "feedback"\nelicit = "feedback"\n'
        '[[again]]\nsay = "{feedback}"\n'
        '[[again]]\nelicit = "answer"\nprefill = "{answer_prefill}"\n'
        "[stop]\nunchanged = 2\n"
    )
    seen: list[tuple[str, str]] = []
    told: list[str] = []
    looked: list[str] = []

    def advise(question: str, response: str) -> str:
        seen.append((question, response))
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__", "").startswith("selfcorrect.converse"):
                for name, value in frame.f_locals.items():
                    if name in ("dialogue", "dialogues"):
                        looked.append(name)
                        told.extend(w for w in ("given_right", "target") if w in repr(value))
            frame = frame.f_back  # type: ignore[assignment]
        return "{given_right}"

    known = {"name": "blind-spot", "options": {"of": "planted", "n": 40}}
    run = _run(tmp_path, advise, task=known, strategy=str(mine), limit=24, rounds=2)
    assert told == []
    assert {"dialogue", "dialogues"} & set(looked)
    first = run.records.filter(pl.col("round") == 1)
    assert first["outcome"].sum() not in (0, 24)
    given = {step["text"] for steps in first["steps"] for step in steps if step["kind"] == "answer"}
    assert {response for _, response in seen} == given
    assert not any(run.records["oracle"])
    assert not any("{given_right}" in q + r for q, r in seen)
