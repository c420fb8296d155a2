"""Texts to be continued, and a user's own prompts."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from selfcorrect import tasks
from selfcorrect.errors import UserError
from selfcorrect.tasks import make

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "realtoxicityprompts.jsonl"


def test_the_bundled_beginnings_are_many_mild_and_in_topics() -> None:
    task = tasks.make("toxicity")
    examples = task.examples()
    topics = Counter(example.cluster for example in examples)
    assert len(examples) >= 100
    assert len(topics) >= 12
    assert task.check() == []
    assert task.outcome.scorer == "profanity"
    pytest.importorskip("profanity_check")
    from selfcorrect import scorers

    rows = [scorers.Answered(e.id, 1, e.fields["question"].partition("\n\n")[2]) for e in examples]
    found = [score.value for score in scorers.load("profanity").score(rows)]
    assert sorted(found)[-6] < 0.5  # type: ignore[operator]  # words such as "idiot" hardly occur


def test_the_published_prompts_are_read_as_they_are() -> None:
    if not PUBLISHED.is_file():
        pytest.skip("the shared data aren't here")
    task = tasks.make("toxicity", data=str(PUBLISHED))
    assert len(task.examples()) == 993
    assert task.check() == []


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".jsonl", '{"prompt": {"text": " So if you ", "toxicity": 0.1}, "filename": "d.txt"}'),
        (".jsonl", '{"prompt": "So if you", "cluster": "d.txt"}'),
        (".csv", "prompt,cluster\nSo if you,d.txt\n"),
    ],
)
def test_prompts_as_people_have_them(tmp_path: Path, suffix: str, text: str) -> None:
    file = tmp_path / f"p{suffix}"
    file.write_text(text)
    (example,) = tasks.make("toxicity", data=str(file)).examples()
    assert example.fields["question"].endswith("\n\nSo if you")
    assert example.cluster == "d.txt"
    if suffix == ".csv":
        assert tasks.make("prompts", data=str(file)).examples()[0].fields["question"] == "So if you"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.jsonl", '{"text": "x"}', r"p\.jsonl:1: the field 'prompt' is missing"),
        ("p.jsonl", '{"prompt": 3}', r"p\.jsonl:1: 'prompt' must be a text, not 3"),
        ("p.jsonl", '{"prompt": {"toxicity": 1}}', r"p\.jsonl:1: the field 'text' is missing"),
        ("p.csv", 'prompt\n" "\n', r"without rows; its first line names prompt"),
        ("p.txt", "\n\n", r"its data hold no lines"),
    ],
)
def test_bad_prompts_are_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        tasks.make("toxicity", data=str(file))


def test_prompts_need_data() -> None:
    with pytest.raises(UserError, match="task 'prompts' needs data"):
        tasks.make("prompts")


@pytest.mark.parametrize(
    ("before", "text", "want"),
    [
        (None, "a b", None),
        ("a b", "a b c", 1.0),
        ("a b", " a b\n\nc", 1.0),
        ("a b", "a b", 0.0),
        ("a b", "a c b", 0.0),
        ("", "a", None),
    ],
)
def test_appended_is_the_earlier_text_with_more_behind(
    before: str | None, text: str, want: float | None
) -> None:
    task: Any = tasks.make("toxicity")
    example = task.examples()[0]
    answer = replace(task.read(example, text), before=before)
    (grade,) = task.grade([(example, answer)])
    assert grade.values["appended"] == want
    assert grade.outcome is None


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("You are all\n damn fools, he said, and left.", "he said, and left."),
        ("“You are all damn FOOLS, he said.", "he said."),
        ("He left. You are all damn fools, he said.", "He left. You are all damn fools, he said."),
        ("You are all nice.", "You are all nice."),
        ("You are all damn fools,", None),
    ],
)
def test_a_beginning_that_is_repeated_is_not_the_models(
    tmp_path: Path, reply: str, text: str | None
) -> None:
    file = tmp_path / "beginnings.txt"
    file.write_text("You are all damn fools,\n")
    task = make("toxicity", data=file)
    answer = task.read(task.examples()[0], reply)
    assert (answer.problem, answer.text) == ((None, text) if text else ("empty", ""))


@pytest.mark.slow
def test_a_run_is_graded_and_says_by_whom(smollm2: Any, tmp_path: Path) -> None:
    pytest.importorskip("profanity_check")
    run = sc.run(
        smollm2,
        "toxicity",
        rounds=2,
        limit=2,
        controls=False,
        out=tmp_path,
        progress=False,
    )
    table = run.summary()
    assert table["scorer"]["name"] == "profanity"
    assert all(0 <= y <= 1 for y in run.records["outcome"])
    first, second = table["rounds"]
    assert first["measures"]["appended"]["value"] is None
    assert second["measures"]["appended"]["n"] == 2
    assert first["measures"]["share_toxic"]["value"] is not None
    json.dumps(table, allow_nan=False)
    assert "toxicity is what profanity says" in run.report().read_text("utf-8")


@pytest.mark.parametrize(
    "cell",
    [
        "{'text': 'He said', 'toxicity': 0.3}",
        "{'toxicity': nan, 'text': 'He said', 'flirtation': None}",
        '{"text": "He said", "toxicity": null}',
    ],
)
def test_a_table_in_a_cell_is_read_as_one(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "x.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([["prompt"], [cell], ["{'text' is a word"]])
    first, second = make("toxicity", data=str(file)).examples()
    assert first.fields["question"].endswith("It begins:\n\nHe said")
    assert second.fields["question"].endswith("{'text' is a word")
    with file.open("a", newline="") as stream:
        csv.writer(stream).writerow([cell[:-1]])
    with pytest.raises(UserError, match=r"x\.csv:4: 'prompt' looks like a table written as text"):
        make("toxicity", data=str(file))


@pytest.mark.parametrize("task", ["toxicity", "prompts"])
def test_an_id_that_stands_twice_is_told_with_its_line(tmp_path: Path, task: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"prompt": "A", "id": "a"}\n{"prompt": "B", "id": "a"}\n')
    with pytest.raises(UserError, match=r"x\.jsonl:2: the id 'a' was used before, in .*:1"):
        make(task, data=str(file))
    left = make(task, data=str(file), skip_bad=True)
    assert (len(left.examples()), len(left.skipped)) == (1, 1)


def test_tables_as_they_come(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    long = "word " * 50_000
    file.write_text(f'prompt\n"{long}"\n')
    assert long.strip() in make("prompts", data=str(file)).examples()[0].fields["question"]
    file.write_bytes("prompt\nA\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"x\.csv: it is text in UTF-16; save it as UTF-8"):
        make("prompts", data=str(file))
    file.write_bytes("prompt\nA\n".encode("utf-16-le"))
    with pytest.raises(UserError, match="it is text in UTF-16"):
        make("prompts", data=str(file))
    file.write_bytes(b"prompt\rA\rB\r")
    with pytest.raises(UserError, match=r"x\.csv:1: its lines end in CR alone"):
        make("prompts", data=str(file))


@pytest.mark.parametrize("task", ["toxicity", "prompts"])
def test_prompts_may_be_a_frame(task: str) -> None:
    rows = [{"prompt": "Say {it}.", "id": "a"}, {"prompt": "Say so.", "id": "b"}]
    for data in (rows, pl.DataFrame(rows), pl.DataFrame(rows).lazy()):
        made = tasks.make(task, data=data)
        assert [e.id for e in made.examples()] == ["a", "b"]
        assert made.ask(made.examples()[0])["question"].endswith("Say {it}.")
    with pytest.raises(UserError, match="frame:row 2: the field 'prompt' is missing"):
        tasks.make(task, data=[rows[0], {"id": "b"}])
