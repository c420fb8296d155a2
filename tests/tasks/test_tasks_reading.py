"""Data files: every bad input is one sentence with file and line; and the registry's errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfcorrect.errors import UserError
from selfcorrect.tasks import make, names

GOOD = {"question": "Which?", "choices": ["x", "y"], "answer": 0}


def line(**changes: object) -> str:
    row = {**GOOD, **changes}
    return json.dumps({k: v for k, v in row.items() if v != "gone"})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "expected a JSON object"),
        (b'{"question": "\xff"}', "not valid UTF-8"),
        (b"[" * 100_000, "beyond reason"),
        (b'{"n": ' + b"9" * 5000 + b"}", "beyond reason"),
        (b'{"question": "\\ud800", "choices": ["x", "y"], "answer": 0}', "no Unicode text"),
        (line(question="gone").encode(), "'question' is missing"),
        (line(question=" ").encode(), "'question' is empty"),
        (line(question=3).encode(), "must be a text, not 3"),
        (line(answer="gone").encode(), "'answer' is missing"),
        (line(answer=2).encode(), "none of the 2 choices"),
        (line(answer=True).encode(), "none of the 2 choices"),
        (line(answer="z").encode(), "none of the 2 choices (a to b: x, y)"),
        (line(choices=["x"]).encode(), "at least two"),
        (line(choices="xy").encode(), "must be a list"),
        (line(choices=["x", None]).encode(), "list of texts"),
        (line(choices=["x", "x"]).encode(), "twice"),
    ],
)
def test_bad_lines(tmp_path: Path, bad: bytes, said: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_bytes(line().encode() + b"\n" + bad + b"\n" + line(question="Z?").encode())
    with pytest.raises(UserError) as caught:
        make("choices", data=str(file))
    message = str(caught.value)
    assert message.startswith(f"{file}:2: ")
    assert said in message
    assert "\n" not in message
    task = make("choices", data=str(file), skip_bad=True)
    assert len(task.examples()) == 2
    assert list(task.skipped) == [message]


def test_bom_blank_lines_and_line_separators(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    text = (
        "\ufeff"
        + line()
        + "\r\n\n"
        + '{"question": "a\u2028b", "choices": ["x","y"], "answer": "b"}'
    )
    file.write_bytes(text.encode())
    examples = make("choices", data=str(file)).examples()
    assert [e.id for e in examples] == ["q.jsonl:1", "q.jsonl:3"]
    assert examples[1].fields["question"] == "a\u2028b"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "folder").mkdir()
    for place, said in [
        ("absent.jsonl", "no such file or folder"),
        ("empty.jsonl", "the file is empty"),
        ("folder", "holds no *.jsonl, "),
        ("\0", "no such file"),
    ]:
        with pytest.raises(UserError, match=said.replace("*", r"\*")):
            make("choices", data=str(tmp_path / place))
    (tmp_path / "blank.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match="no examples"):
        make("choices", data=str(tmp_path / "blank.jsonl"))
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(UserError, match=r"all lines of its data are bad.*bad\.jsonl:1"):
        make("choices", data=str(tmp_path / "bad.jsonl"), skip_bad=True)


def test_a_folder_is_read_in_sorted_order(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / f"{name}.jsonl").write_text(line(question=name))
    examples = make("choices", data=str(tmp_path)).examples()
    assert [e.fields["question"] for e in examples] == ["a", "b", "c"]


def test_an_id_used_twice(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(line(id="n") + "\n" + line(id="n"))
    with pytest.raises(UserError, match=r"q.jsonl:2: the id 'n' was used before, in .*q.jsonl:1"):
        make("choices", data=str(file))


def test_csv(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text(
        "\ufeffid,question,choice_a,choice_b,choice_c,answer,cluster,context\n"
        'one,"Which,\nof these?",x,"y ""z""",,b,k,\n'
        "\n"
        "two,And?,x,y,z,z,,Once upon a time.\n"
    )
    task = make("choices", data=str(file))
    one, two = task.examples()
    assert (one.id, one.choices, one.cluster) == ("one", ("x", 'y "z"'), "k")
    assert two.fields == {"question": "And?", "context": "Once upon a time."}
    assert two.cluster == "two"
    targets = [g.target for g in task.grade([(e, task.read(e, "")) for e in (one, two)])]
    assert targets == [1, 2]
    assert task.check() == []


def test_csv_errors(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    head = b"question,choice_a,choice_b,answer\n"
    for bad, said in [
        (b"Which?,x,y\n", "3 cells where the header has 4"),
        (b'Wh"ich?,"x"x,y,a\n', "not a valid table row"),
        (b"Which?,x,\xff,a\n", "not valid UTF-8"),
        (b"Which?,x,,a\n", "at least two"),
        (b"Which?,,y,a\n", "a choice is empty"),
        (b"Which?,x,y,\n", "'answer' is missing"),
        (b"Which?,1,2,3\n", "none of the 2 choices"),
    ]:
        file.write_bytes(head + b'"two\nlines",x,y,a\n' + bad + b"Last?,x,y,a\n")
        with pytest.raises(UserError) as caught:
            make("choices", data=str(file))
        assert str(caught.value).startswith(f"{file}:4: "), caught.value
        assert said in str(caught.value)
        task = make("choices", data=str(file), skip_bad=True)
        assert len(task.examples()) == 2
    file.write_bytes(b"question,question\n")
    with pytest.raises(UserError, match="names the column 'question' twice"):
        make("choices", data=str(file))
    file.write_bytes(b"")
    with pytest.raises(UserError, match="empty"):
        make("choices", data=str(file))


def test_answers_by_index_letter_and_text(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    answers = [1, "b", "B", "(b)", "y"]
    file.write_text("\n".join(line(answer=a) for a in answers))
    task = make("choices", data=str(file))
    pairs = [(e, task.read(e, "(b)")) for e in task.examples()]
    assert [g.outcome for g in task.grade(pairs)] == [True] * 5


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("bqb", {}, "did you mean 'bbq'"),
        ("sample", {"options": {"conditon": "both"}}, "did you mean 'condition'"),
        ("sample", {"options": {"condition": "ambigous"}}, "did you mean 'ambiguous'"),
        ("sample", {"categories": ["agee"]}, "did you mean 'age'"),
        ("sample", {"data": "x"}, "leave out data"),
        ("planted", {"categories": ["x"]}, "has no categories"),
        ("planted", {"options": {"n": 0}}, "from 1 to"),
        ("planted", {"options": {"n": "many"}}, "whole number"),
        ("planted", {"options": {"n": True}}, "whole number"),
        ("planted", {"options": {"choices_per": 27}}, "from 2 to 26"),
        ("winogender", {}, "needs data"),
        ("winogender", {"options": {"shuffle": "perhaps"}}, "true or false"),
        ("choices", {}, "needs data"),
        ("choices", {"data": "x", "options": {"n": 1}}, "known are answers, field"),
    ],
)
def test_wrong_requests(name: str, more: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        make(name, **more)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_options_may_be_words() -> None:
    assert len(make("planted", options={"n": "7"}).examples()) == 7


def test_every_task_is_described() -> None:
    assert {"bbq", "choices", "planted", "sample", "winogender"} <= names().keys()
    assert all(sentence.endswith(".") for sentence in names().values())
