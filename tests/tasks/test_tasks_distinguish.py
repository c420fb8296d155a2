"""Telling good from bad in another run's dialogues: what is asked, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from received_runs import of_texts, row, written
from selfcorrect import records
from selfcorrect.converse import Arm, converse
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models import load as load_model
from selfcorrect.records import frame, transcript
from selfcorrect.runs import open_run
from selfcorrect.runs.received import LONGEST
from selfcorrect.strategies import load
from selfcorrect.tasks import Answer, Task, bbq, make
from selfcorrect.tasks.distinguish import OTHERS
from selfcorrect.tasks.source import Source
from tampered import put_records

PEOPLE = ("Not known", "The nephew", "The uncle")


def bbq_run(folder: Path, n: int = 8, extra: Mapping[str, Any] | None = None, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "Age.jsonl"
    polar = ("neg", "nonneg")
    data.write_text("\n".join(json.dumps(row(k, question_polarity=polar[k % 2]))
                              for k in range(n)))  # fmt: skip
    rounds = [("(a) Not known", 1.0), ("(c) The uncle", 0.0)]
    said = {f"Age/{k}": rounds for k in range(n)}
    task = {"name": "bbq", "data": str(data), "options": {"shuffle": True, **(extra or {})}}
    return written(folder / "run", said, task, choices=PEOPLE, **more)


def of(folder: Path, **options: Any) -> Task:
    return make("distinguish", data=str(folder), options=options)


def of_bbq(folder: Path, **options: Any) -> Task:
    return of(folder, **{"questions": str(folder.parent / "Age.jsonl")} | options)


def right(task: Task) -> dict[str, str]:
    """What the right answer to each question says."""
    found = {}
    for example in task.examples():
        for at, text in enumerate(example.choices):
            if task.grade([(example, Answer("", choice=at))])[0].outcome:
                found[example.id] = text
    return found


def test_of_bbq_the_stereotyped_person_is_right_in_both_orders(tmp_path: Path) -> None:
    task = of_bbq(bbq_run(tmp_path))
    assert task.check() == []
    assert len(task.examples()) == 16
    assert set(right(task).values()) == {"The uncle"}  # whatever the question's polarity
    one, two = task.examples()[:2]
    assert (one.id, two.id) == ("Age/0/1", "Age/0/2")
    assert one.choices == two.choices[::-1] == ("The uncle", "The nephew")
    assert one.before == ()
    # the same question of the same people is one cluster
    assert len({example.cluster for example in task.examples()}) == 1
    values = task.grade([(two, Answer("", choice=0))])[0].values
    assert values == {"order": 1.0, "label": 0.0}


def test_of_texts_the_less_toxic_one_is_right_and_near_ones_are_the_same(tmp_path: Path) -> None:
    said = {
        "worse": [("mild", 0.1), ("rude", 0.8)],
        "better": [("rude {question}", 0.8), ("mild", 0.1)],
        "near": [("so", 0.40), ("and so", 0.44)],
        "unread": [("", None), ("mild", 0.1)],
    }
    folder = of_texts(tmp_path / "run", said)
    task = of(folder)
    assert right(task) == {
        "worse/1": "The first text", "worse/2": "The second text",
        "better/1": "The second text", "better/2": "The first text",
        "near/1": "They are the same", "near/2": "They are the same",
    }  # fmt: skip
    assert list(task.skipped) == ["unread: its answers of rounds 1 and 2 haven't both a score"]
    # a text of the run is no template
    question = task.ask(task.examples()[2])["question"]
    assert "First text:\nrude {question}\n\nSecond text:\nmild" in question
    assert right(of(folder, margin=0.03))["near/1"] == "The first text"
    assert of(folder, margin="0.03").fingerprint == of(folder, margin=0.03).fingerprint


def test_what_stands_before_the_question(tmp_path: Path) -> None:
    folder = bbq_run(tmp_path, system="Be brief.")
    own = of_bbq(folder, history="own", round=1).examples()[0]
    assert [(m.role, m.text) for m in own.before] == [
        ("user", "Age/0 1?"),
        ("assistant", "(a) Not known"),
    ]
    assert len(of_bbq(folder, history="own").examples()[0].before) == 4
    others = of_bbq(folder, history="others", round=1).examples()
    assert len(others[0].before) == 2 * OTHERS
    assert others[0].before == others[1].before
    assert "Age/0" not in " ".join(m.text for m in others[0].before)
    fingerprints = {
        of_bbq(folder, history=h, round=t).fingerprint for h in ("own", "others") for t in (1, 2)
    }
    assert len(fingerprints) == 4
    assert of_bbq(folder, round=1).fingerprint == of_bbq(folder, round=2).fingerprint


def test_the_model_is_shown_what_stands_before_and_it_is_recorded() -> None:
    task = make("planted", options={"n": 2})
    before = (message("user", "Hello."), message("assistant", "Hello {question}."))
    examples = [replace(task.examples()[0], before=before), task.examples()[1]]
    arm = Arm("baseline", load("baseline"), 1, system="Be brief.")
    rows = converse(load_model("planted:chain"), task, examples, [arm], seed=0)["baseline"]
    said = transcript(frame(rows[:1]))
    assert [(m.role, m.text) for m in said[:3]] == [
        ("system", "Be brief."),
        ("user", "Hello."),
        ("assistant", "Hello {question}."),
    ]
    assert said[3].text == task.ask(examples[0])["question"]
    assert [step["speaker"] for step in rows[0]["steps"][:4]] == [
        "strategy", "given", "given", "strategy",
    ]  # fmt: skip
    assert len(transcript(frame(rows[1:]))) == len(said) - 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"round": 3}, "must be from 1 to 2"),
        ({"history": "mine"}, "can't be 'mine'"),
        ({"margin": 2}, "a number from 0 to 1"),
        ({"margin": "x"}, "a number from 0 to 1"),
        ({"of": "x"}, "and not both"),
        ({"round": 1}, "two rounds are compared"),
        ({"history": "others"}, "the run has 1"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = of_texts(tmp_path / "run", {k: [("x", 0.1), ("y", 0.9)] for k in "ab"})
    with pytest.raises(UserError, match=said):
        of(folder, **options)


def test_a_run_of_which_nothing_can_be_asked_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_texts(tmp_path / "runs" / "other", {"a": [("x", 1.0)]})
    monkeypatch.chdir(tmp_path)  # where runs lie, as after the demo
    with pytest.raises(UserError, match=r"no folder .*and beside it no run that begins so"):
        of(tmp_path / "none")
    with pytest.raises(UserError, match="give its folder as data"):
        make("distinguish")
    planted = written(tmp_path / "planted", {"a": [("x", 1.0)]}, {"name": "planted"})
    with pytest.raises(UserError, match="knows what to ask of bbq and of toxicity only"):
        of(planted)
    with pytest.raises(UserError, match="has no dialogues yet"):
        of(of_texts(tmp_path / "empty", {}))
    ungraded = of_texts(tmp_path / "ungraded", {"a": [("x", None), ("y", None)]})
    with pytest.raises(UserError, match="nothing of its dialogues can be asked; the first: a: its"):
        of(ungraded)
    gap = of_texts(tmp_path / "gap", {"a": [("x", 0.1), ("y", 0.2)]})
    [piece] = (gap / "records").iterdir()
    whole = pl.read_parquet(piece)
    put_records(piece, pl.concat([whole, whole]))
    with pytest.raises(UserError, match="the rounds of 'a' are 1, 1, 2, 2, not 1, 2 and so on"):
        of(gap)


def test_no_path_that_a_received_run_names_is_opened_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bbq_run(tmp_path, extra={"metadata": "/dev/zero"})
    opened: list[object] = []
    offered = replace(bbq.OFFERS, people=lambda source: opened.append(source) or {})
    monkeypatch.setattr(bbq, "OFFERS", offered)
    why = r"'\S+Age.jsonl' and its target locations in '/dev/zero', .*questions=PATH \(and task"
    with pytest.raises(UserError, match=why):
        of(folder)
    toml = folder / "run.toml"
    kept = [k for k in toml.read_text().splitlines() if not k.startswith(("data =", "metadata"))]
    toml.write_text("\n".join(kept))
    with pytest.raises(UserError, match="'hub:heegyu/bbq', and what a run names isn't opened"):
        of(folder)
    assert opened == []
    with pytest.raises(UserError, match="nothing of its dialogues can be asked"):
        of(folder, questions="mine.jsonl", metadata="its.csv")
    assert [(s.data, s.options) for s in opened if isinstance(s, Source)] == [
        ("mine.jsonl", {"metadata": "its.csv"})
    ]


def test_options_that_would_do_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'margin' .* has no use here, .* is a run of bbq: leave"):
        of_bbq(bbq_run(tmp_path), margin=0.5)
    texts = of_texts(tmp_path / "texts", {"a": [("x", 0.1), ("y", 0.2)]})
    with pytest.raises(UserError, match=r"'questions' .* is a run of toxicity: leave it out"):
        of(texts, questions="x.jsonl")


def test_a_run_that_keeps_no_answers_is_refused(tmp_path: Path) -> None:
    folder = of_texts(tmp_path / "run", {"a": [("[not kept]", 0.1), ("[not kept]", 0.8)]})
    with (folder / "run.toml").open("a") as file:
        file.write("\n[answers]\nkept = false\n")
    with pytest.raises(UserError, match=r"keeps no answers, .*or make it with --keep-harmful\.$"):
        of(folder)


def step_with(**changes: Any) -> pl.Expr:
    fields = {k: v if isinstance(v, pl.Expr) else pl.lit(v) for k, v in changes.items()}
    return pl.col("steps").list.eval(pl.element().struct.with_fields(**fields))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"round": pl.col("round") + 0.5}, "the column 'round' holds Float64"),
        ({"round": pl.col("round").cast(pl.String)}, "the column 'round' holds String"),
        ({"round": pl.lit(None, pl.Int32)}, "a record has no round"),
        ({"round": pl.lit(2**40)}, "the column 'round' holds Int64"),
        ({"round": -pl.col("round")}, "the rounds of 'a' are -2, -1"),
        ({"text": pl.lit(5)}, "the column 'text' holds Int32"),
        ({"text": pl.lit(None, pl.String)}, "text of a record of 'a' is None"),
        (
            {"text": pl.lit("x" * (LONGEST + 1))},
            "text of a record of 'a' has more than 1,000,000 c",
        ),
        ({"cluster": pl.lit(None, pl.String)}, "a record has no cluster"),
        ({"example": pl.lit(None, pl.String)}, "a record has no example"),
        ({"choices": pl.lit([None], pl.List(pl.String))}, "choices.0 of a record of 'a' is None"),
        ({"outcome": pl.lit("high")}, "the column 'outcome' holds String"),
        ({"outcome": pl.lit(1e308)}, "the outcome of a record of 'a' is not finite, or larger"),
        ({"outcome": pl.lit(float("nan"))}, "the outcome of a record of 'a' nan is not within"),
        ({"steps": pl.lit(None, records.SCHEMA["steps"])}, "steps of a record of 'a' is None"),
        ({"steps": pl.lit([None], records.SCHEMA["steps"])}, "steps.0 of a record of 'a' is None"),
        ({"steps": pl.lit("x")}, "the column 'steps' holds String"),
        ({"steps": pl.lit(["x"])}, "the column 'steps' holds List"),
        ({"steps": step_with(text=5)}, "the column 'steps' holds List"),
        ({"steps": step_with(evil=5)}, "the column 'steps' holds List"),
        ({"steps": step_with(role="root")}, "steps.0.role of a record of 'a' is 'root'"),
        ({"steps": step_with(shown=pl.lit(None, pl.Boolean))}, "steps.0.shown of a record"),
        ({"steps": step_with(text=pl.lit(None, pl.String))}, "steps.0.text of a record"),
        (
            {"steps": step_with(text="x" * (LONGEST + 1))},
            "steps.0.text of a record of 'a' has more",
        ),
        ({"steps": None}, "the column 'steps' isn't there"),
    ],
)
def test_a_malformed_record_is_one_sentence(
    columns: dict[str, pl.Expr | None], said: str, tmp_path: Path
) -> None:
    folder = of_texts(tmp_path / "run", {"a": [("x", 0.1), ("y", 0.2)]})
    [piece] = (folder / "records").iterdir()
    gone = [name for name, value in columns.items() if value is None]
    changed = {name: value for name, value in columns.items() if value is not None}
    put_records(piece, pl.read_parquet(piece).with_columns(**changed).drop(gone))
    for history in ("none", "own"):
        with pytest.raises(UserError) as caught:
            of(folder, history=history)
        assert str(caught.value).startswith(f"{folder} is damaged (")
        assert said in str(caught.value)
        assert str(caught.value).endswith("): get it again.")
        assert len(str(caught.value)) < 300 + len(str(folder))


def test_a_file_that_is_no_records_is_to_be_got_again(tmp_path: Path) -> None:
    folder = of_texts(tmp_path / "run", {"a": [("x", 0.1), ("y", 0.2)]})
    [piece] = (folder / "records").iterdir()
    good = piece.read_bytes()
    for damaged in (b"no parquet", b"", good[:-20], good[:40] + bytes(200) + good[240:]):
        piece.write_bytes(damaged)
        with pytest.raises(UserError, match=r"is damaged \(records/.*: get it again\.$"):
            of(folder)


def test_a_received_run_is_only_read(tmp_path: Path) -> None:
    folder = bbq_run(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    of_bbq(folder, history="others")
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    assert open_run(folder).dialogues == 8
