"""Known data sets, found by their columns: files of our own wording in the published layouts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from commands import refused
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from selfcorrect.tasks.data.layouts import LAYOUTS
from written import jsonl, parquet, right, table, targets

SHARED = Path(__file__).parents[3].parent / "shared" / "data"

Q1, Q2 = "Which of these melts first in the sun?", "Which of these sinks in water?"
KEYED = {"text": ["ice", "iron", "sand", "glass"], "label": ["A", "B", "C", "D"]}
COUNTED = {"text": ["cork", "a nail", "wax", "oil"], "label": ["1", "2", "3", "4"]}


def listed(choices: dict[str, list[str]]) -> list[dict[str, str]]:
    return [
        {"text": text, "label": label}
        for text, label in zip(choices["text"], choices["label"], strict=True)
    ]


#: name → rows as the hub has them (or the publisher), and the right options
SETS: dict[str, tuple[str, list[dict[str, Any]], list[str]]] = {
    "ARC": (
        "ARC",
        [
            {"id": "M_1", "question": Q1, "choices": KEYED, "answerKey": "A"},
            {"id": "M_2", "question": Q2, "choices": COUNTED, "answerKey": "2"},
        ],
        ["ice", "a nail"],
    ),
    "ARC, published": (
        "ARC",
        [
            {"id": "M_1", "question": {"stem": Q1, "choices": listed(KEYED)}, "answerKey": "C"},
            {"id": "M_2", "question": {"stem": Q2, "choices": listed(COUNTED)}, "answerKey": "4"},
        ],
        ["sand", "oil"],
    ),
    "OpenBookQA": (
        "OpenBookQA",
        [
            {"id": "7-1", "question_stem": Q1, "choices": KEYED, "answerKey": "D"},
            {"id": "7-2", "question_stem": Q2, "choices": KEYED, "answerKey": "B"},
        ],
        ["glass", "iron"],
    ),
    "CommonsenseQA": (
        "CommonsenseQA",
        [
            {"id": "c1", "question": Q1, "question_concept": "sun", "choices": KEYED,
             "answerKey": "A"},
            {"id": "c2", "question": Q2, "question_concept": "water", "choices": KEYED,
             "answerKey": "B"},
        ],
        ["ice", "iron"],
    ),
    "CommonsenseQA, published": (
        "CommonsenseQA",
        [
            {"id": "c1", "answerKey": "B", "question": {"question_concept": "sun",
             "choices": listed(KEYED), "stem": Q1}},
        ],
        ["iron"],
    ),
    "MMLU": (
        "MMLU",
        [
            {"question": Q1, "subject": "physics", "choices": ["ice", "iron", "1", "0"],
             "answer": 0},
            {"question": Q2, "subject": "physics", "choices": ["1", "2", "3", "0"], "answer": 3},
        ],
        ["ice", "0"],
    ),
    "MMLU-Pro": (
        "MMLU-Pro",
        [
            {"question_id": 70, "question": Q1, "options": [f"o{n}" for n in range(10)],
             "answer": "I", "answer_index": 8, "cot_content": "", "category": "physics",
             "src": "x"},
            {"question_id": 71, "question": Q2, "options": ["p", "q", "r", *["N/A"] * 7],
             "answer": "B", "answer_index": 1, "cot_content": "", "category": "physics",
             "src": "x"},
        ],
        ["o8", "q"],
    ),
    "HellaSwag": (
        "HellaSwag",
        [
            {"ind": 4, "activity_label": "Cooking", "ctx_a": "A pot boils.", "ctx_b": "the cook",
             "ctx": "A pot boils. The cook", "endings": ["flies off.", "lowers the heat.", "is 3.",
             "sings it."], "source_id": "s~1", "split": "val", "split_type": "indomain",
             "label": "1"},
            {"ind": 5, "activity_label": "Cooking", "ctx_a": "x", "ctx_b": "", "ctx": "A pan",
             "endings": ["a", "b", "c", "d"], "source_id": "s~1", "split": "val",
             "split_type": "indomain", "label": "3"},
        ],
        ["lowers the heat.", "d"],
    ),
    "PIQA": (
        "PIQA",
        [
            {"goal": "To cool soup,", "sol1": "wait.", "sol2": "boil it.", "label": 0},
            {"goal": "To open a jar,", "sol1": "paint it.", "sol2": "turn the lid.", "label": 1},
        ],
        ["wait.", "turn the lid."],
    ),
    "WinoGrande": (
        "WinoGrande",
        [
            {"sentence": "The cup broke, not the pan, as the _ was glass.", "option1": "cup",
             "option2": "pan", "answer": "1"},
            {"sentence": "Ann thanked Bea, as _ had helped.", "option1": "Ann", "option2": "Bea",
             "answer": "2"},
        ],
        ["cup", "Bea"],
    ),
    "GPQA": (
        "GPQA",
        [
            {"Record ID": f"rec{n}", "Question": f"{Q1} {n}", "Correct Answer": "ice",
             "Incorrect Answer 1": "iron", "Incorrect Answer 2": "sand",
             "Incorrect Answer 3": "glass", "Explanation": "…", "Subdomain": "x"}
            for n in range(40)
        ],
        ["ice"] * 40,
    ),
    "TruthfulQA": (
        "TruthfulQA (mc1)",
        [
            {"Type": "Adversarial", "Category": "Weather", "Question": f"{Q1} {n}",
             "Best Answer": "Ice melts first", "Correct Answers": "Ice melts first; It is ice",
             "Incorrect Answers": "Iron does; Nothing does; Iron does; Sand",
             "Source": "https://example.org"}
            for n in range(40)
        ],
        ["Ice melts first"] * 40,
    ),
    "TruthfulQA, multiple_choice": (
        "TruthfulQA (mc1)",
        [
            {"question": f"{Q1} {n}", "mc1_targets": {"choices": ["Ice", "Iron", "Sand"],
             "labels": [1, 0, 0]}, "mc2_targets": {"choices": ["Ice", "Snow", "Sand"],
             "labels": [1, 1, 0]}}
            for n in range(40)
        ],
        ["Ice"] * 40,
    ),
    "TruthfulQA, mc_task.json": (
        "TruthfulQA (mc1)",
        [{"question": Q1, "mc1_targets": {"Ice": 1, "Iron": 0, "Sand": 0}}],
        ["Ice"],
    ),
    "BBQ": (
        "BBQ",
        [
            {"example_id": 3, "question_index": 1, "question_polarity": "neg",
             "context_condition": "ambig", "category": "Age", "context": "Two people met.",
             "question": "Who forgot it?", "ans0": "The uncle", "ans1": "The nephew",
             "ans2": "Not known", "answer_label": 2, "target_label": 0},
        ],
        ["Not known"],
    ),
}  # fmt: skip


def pandas_csv(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """As people save a data set: lists and objects in cells as Python or NumPy shows them."""
    frame = pd.DataFrame(rows)
    import numpy as np

    for name in frame.columns:
        if isinstance(frame[name][0], list):
            frame[name] = [np.array(each) for each in frame[name]]
    frame.to_csv(path, index=False)
    return str(path)


WAYS: dict[str, tuple[str, Callable[[Path, Any], str]]] = {
    "jsonl": ("d.jsonl", jsonl),
    "parquet": ("d.parquet", parquet),
    "csv": ("d.csv", table),
    "pandas": ("d.csv", pandas_csv),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SETS)
def test_a_known_data_set(tmp_path: Path, kind: str, way: str) -> None:
    name, rows, wanted = SETS[kind]
    file, write = WAYS[way]
    task = make("choices", data=write(tmp_path / file, rows))
    assert right(task) == wanted
    assert task.read_as[0].startswith(f"The data are read as {name}, ")
    assert task.check() == []
    assert task.skipped == ()
    assert not any("N/A" in e.choices for e in task.examples())


def test_every_layout_with_a_name_is_tested() -> None:
    assert {layout.name for layout in LAYOUTS if layout.name} == {
        name for name, *_ in SETS.values()
    }


@pytest.mark.parametrize("kind", ["GPQA", "TruthfulQA", "TruthfulQA, multiple_choice"])
def test_where_the_right_one_comes_first_the_order_is_drawn(tmp_path: Path, kind: str) -> None:
    """Else it would be (a) everywhere; the draw follows from the run's seed."""
    _, rows, _ = SETS[kind]
    data = jsonl(tmp_path / "d.jsonl", rows)
    first = targets(make("choices", data=data))
    assert len(set(first)) == len(make("choices", data=data).examples()[0].choices)
    assert targets(make("choices", data=data)) == first
    assert targets(make("choices", data=data, seed=1)) != first


def test_what_is_asked(tmp_path: Path) -> None:
    _, rows, _ = SETS["HellaSwag"]
    task = make("choices", data=jsonl(tmp_path / "h.jsonl", rows))
    assert task.examples()[0].fields == {
        "context": "A pot boils. The cook",
        "question": "How does this most plausibly go on?",
    }
    assert [e.cluster for e in task.examples()] == ["s~1", "s~1"]
    _, rows, _ = SETS["BBQ"]
    (example,) = make("choices", data=jsonl(tmp_path / "b.jsonl", rows)).examples()
    assert (example.id, example.cluster) == ("Age/3", "Age/1")
    assert example.fields == {"context": "Two people met.", "question": "Who forgot it?"}


def test_mirrors_that_count_otherwise(tmp_path: Path) -> None:
    """A mirror that doesn't do as the data set's authors say is read by its column, and says so."""
    _, rows, wanted = SETS["MMLU"]
    lettered = [{**row, "answer": "ABCD"[row["answer"]]} for row in rows]
    task = make("choices", data=jsonl(tmp_path / "d.jsonl", lettered))
    assert right(task) == wanted
    assert task.read_as[0].endswith("answers are letters.")
    _, rows, wanted = SETS["WinoGrande"]
    zero = [{**row, "answer": str(int(row["answer"]) - 1)} for row in rows]
    task = make("choices", data=jsonl(tmp_path / "d.jsonl", zero))
    assert right(task) == wanted
    assert task.read_as[0].endswith("answers are indices from 0.")


def test_parts_without_answers(tmp_path: Path) -> None:
    for kind, none in (("HellaSwag", ""), ("PIQA", -1), ("WinoGrande", ""), ("ARC", "")):
        _, rows, _ = SETS[kind]
        key = "answerKey" if kind == "ARC" else "answer" if kind == "WinoGrande" else "label"
        with pytest.raises(UserError, match="nobody says which choice is right"):
            make("choices", data=jsonl(tmp_path / "d.jsonl", [{**r, key: none} for r in rows]))


def test_mmlu_as_published_has_no_header(tmp_path: Path) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [[Q1, "ice", "iron", "sand", "3", "A"], [Q2, "1", "2", "3", "4", "D"]]
    )
    (tmp_path / "physics_test.csv").write_text(text.getvalue())
    task = make("choices", data=str(tmp_path))
    assert [e.fields["question"] for e in task.examples()] == [Q1, Q2]
    assert right(task) == ["ice", "4"]
    for head in ("question,answer,A,B,C,D", "id,question,A,B,C,D"):
        (tmp_path / "physics_test.csv").write_text(f"{head}\nWhich?,B,x,y,z,w\n")
        if head.startswith("id"):
            with pytest.raises(UserError, match="known by its name as answer"):
                make("choices", data=str(tmp_path))
        else:
            assert right(make("choices", data=str(tmp_path))) == ["y"]


@pytest.mark.skipif(not (SHARED / "truthfulqa.csv").is_file(), reason="the data are not here")
def test_truthfulqa_as_published() -> None:
    task = make("choices", data=str(SHARED / "truthfulqa.csv"))
    other = make("truthful", data=str(SHARED / "truthfulqa.csv"))
    assert len(task.examples()) == len(other.examples()) == 817
    assert right(task) == right(other)
    assert [e.cluster for e in task.examples()] == [e.cluster for e in other.examples()]
    assert task.check() == []


# --- columns that a user names -----------------------------------------------------------------

OWN = [
    {"Frage": "Was schwimmt?", "Wahl 1": "Kork", "Wahl 2": "Blei", "Loesung": "Kork", "Nr": 7,
     "Thema": "Wasser"},
    {"Frage": "Was brennt?", "Wahl 1": "Stein", "Wahl 2": "Holz", "Loesung": "Holz", "Nr": 8,
     "Thema": "Feuer"},
]  # fmt: skip
FIELDS = {"question": "Frage", "choices": ["Wahl 1", "Wahl 2"], "answer": "Loesung", "id": "Nr",
          "cluster": "Thema"}  # fmt: skip


@pytest.mark.parametrize("write", [jsonl, table, parquet])
@pytest.mark.parametrize(
    "field",
    [
        FIELDS,
        [f"{part}={','.join([c] if isinstance(c, str) else c)}" for part, c in FIELDS.items()],
    ],
)
def test_fields_are_mapped(tmp_path: Path, write: Any, field: Any) -> None:
    task = make("choices", data=write(tmp_path / "d.csv", OWN), options={"field": field})
    assert right(task) == ["Kork", "Holz"]
    assert [(e.id, e.cluster) for e in task.examples()] == [("7", "Wasser"), ("8", "Feuer")]
    assert "question = Frage; choices = Wahl 1, Wahl 2; answer = Loesung" in task.read_as[0]


def test_fields_on_the_command_line(tmp_path: Path) -> None:
    data = table(tmp_path / "d.csv", OWN, ";")
    said = ["--field", "question=Frage", "--field", "choices=Wahl 1", "--field", "choices=Wahl 2"]
    command = ["check-task", "choices", "--data", data, *said, "--field", "answer=Loesung"]
    done = CliRunner().invoke(app, [*command, "--answers", "text"])
    assert done.exit_code == 0, done.output
    assert "The data are read as a table (cells separated by semicolons): question = Frage;" in (
        done.output
    )
    assert "problem" not in done.output.replace("No problems", "")
    sentence = refused(*command, "--answers", "letter")
    assert "d.csv:2: the answer " in sentence
    assert "answers are read as letters" in sentence
    # the same in a spec, and as settings over it
    (tmp_path / "s.toml").write_text(
        f'[task]\nname = "choices"\ndata = "{data}"\n[task.options.field]\nquestion = "Frage"\n'
        'choices = ["Wahl 1", "Wahl 2"]\n'
    )
    spec = ["check-task", "choices", tmp_path / "s.toml", "task.options.field.answer=Loesung"]
    assert CliRunner().invoke(app, [str(each) for each in spec]).exit_code == 0


def test_a_field_inside_another_one(tmp_path: Path) -> None:
    rows = [
        {"item": {"q": "Which?", "o": [{"t": "x"}, {"t": "y"}]}, "meta": json.dumps({"key": 1})}
    ]
    field = {"question": "item.q", "choices": "item.o.t", "answer": "meta.key"}
    assert right(
        make("choices", data=jsonl(tmp_path / "d.jsonl", rows), options={"field": field})
    ) == ["y"]


@pytest.mark.parametrize(
    ("rows", "field", "says"),
    [
        (OWN, {}, r"d\.csv:2: no column is known by its name as question, choices and answer;"),
        (OWN, {}, "--field question=COLUMN --field choices=COLUMN --field answer=COLUMN$"),
        (OWN, {}, "a table .* with the fields Frage, Wahl 1, Wahl 2, Loesung, Nr, Thema"),
        (OWN, {"question": "Frge"}, r"no column 'Frge' for question; .*did you mean 'Frage'\?"),
        (OWN, {"qestion": "Frage"}, "no field 'qestion' of a question: did you mean 'question'"),
        (OWN, {"question": ""}, "gives columns to fields, as question=Frage"),
        (OWN, 5, "gives columns to fields, as question=Frage"),
        (OWN, ["question"], "gives columns to fields, as question=Frage"),
        (OWN, {"Frage": "question"}, "wrong way round, .*: write --field question=Frage$"),
        (OWN, ["Wahl 1=choices"], "wrong way round, .*: write --field 'choices=Wahl 1'$"),
    ],
)
def test_what_is_there_is_said(tmp_path: Path, rows: Any, field: Any, says: str) -> None:
    data = table(tmp_path / "d.csv", rows)
    for skip_bad in (False, True):
        with pytest.raises(UserError, match=says) as caught:
            make("choices", data=data, options={"field": field}, skip_bad=skip_bad)
        assert "\n" not in str(caught.value)


def test_cells_that_look_like_lists_stay_texts(tmp_path: Path) -> None:
    rows = [{"question": "[1, 2]", "choice_a": "[3]", "choice_b": "{'a': 1}", "answer": "[3]"}]
    (example,) = make("choices", data=table(tmp_path / "d.csv", rows)).examples()
    assert example.fields == {"question": "[1, 2]"}
    assert example.choices == ("[3]", "{'a': 1}")
