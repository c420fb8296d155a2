"""Files of rows in every format, and files that are something else than they are called."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from selfcorrect.tasks.data.rows import Row, rows
from selfcorrect.tasks.data.tables import table as read_table
from written import indented, jsonl, parquet, right, table

ROWS = [
    {"question": "Which is even?", "choices": ["three", "four"], "answer": "four"},
    {"question": "Which is odd;\nif any?", "choices": ["five", "six | 6", "8"], "answer": "five"},
]
FLAT = [
    {"question": "Which is even?", "choice_a": "three", "choice_b": "four, 4", "answer": "b"},
    {"question": "Which\tis; odd|?", "choice_a": 'f"i"ve', "choice_b": "six\n6", "answer": "a"},
]


def one_after_the_other(path: Path, given: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(json.dumps(row, indent=1) for row in given))
    return str(path)


def within(path: Path, given: list[dict[str, Any]]) -> str:
    path.write_text(json.dumps({"version": 1, "data": given}))
    return str(path)


@pytest.mark.parametrize(
    ("write", "name", "form"),
    [
        (jsonl, "q.jsonl", "JSON lines"),
        (jsonl, "q.txt", "JSON lines"),
        (indented, "q.json", "a JSON list"),
        (indented, "q.jsonl", "a JSON list"),
        (one_after_the_other, "q.json", "JSON objects"),
        (within, "q.json", "a JSON list ('data')"),
        (parquet, "q.parquet", "Parquet"),
        (parquet, "q.jsonl", "Parquet"),
    ],
)
def test_json_and_parquet(
    tmp_path: Path, write: Callable[[Path, list[dict[str, Any]]], str], name: str, form: str
) -> None:
    task = make("choices", data=write(tmp_path / name, ROWS))
    assert right(task) == ["four", "five"]
    assert [e.fields["question"] for e in task.examples()] == [r["question"] for r in ROWS]
    assert task.read_as[0].startswith(f"The data are read as {form}: question = question")
    assert len({e.id for e in task.examples()}) == 2
    assert task.check() == []


@pytest.mark.parametrize("name", ["q.csv", "q.tsv", "q.tab", "q.txt"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, name: str, delimiter: str) -> None:
    task = make("choices", data=table(tmp_path / name, FLAT, delimiter))
    assert right(task) == ["four, 4", 'f"i"ve']
    assert [e.choices for e in task.examples()] == [("three", "four, 4"), ('f"i"ve', "six\n6")]


@given(
    cells=st.lists(
        st.lists(st.text(st.sampled_from('ab ,;\t|"\n'), max_size=6), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    ),
    delimiter=st.sampled_from(",;\t|"),
)
def test_what_is_written_as_a_table_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], delimiter: str
) -> None:
    """Whatever stands in the cells, by the writer of the standard library; the header has no
    delimiter in it, as few have."""
    cells = [each for each in cells if any(cell.strip() for cell in each)]
    if delimiter == "\t":  # a table of tabs with line breaks in cells could be one without quotes
        cells = [[cell.replace("\n", " ") for cell in each] for each in cells]
    names = ["first", "second", "third"]
    path = tmp_path_factory.mktemp("t") / "t.csv"
    table(path, [dict(zip(names, each, strict=True)) for each in (cells or [["a", "b", "c"]])],
          delimiter)  # fmt: skip
    found = [list(r.fields.values()) for r in read_table(path) if isinstance(r, Row)]
    assert found == (cells or [["a", "b", "c"]])


def test_a_table_of_tabs_without_quotes(tmp_path: Path) -> None:
    """As data sets are published: a quotation mark at a cell's beginning belongs to it."""
    file = tmp_path / "q.tsv"
    file.write_text(
        'question\tchoice_a\tchoice_b\tanswer\n"So" she said\t"x\ty"\tb\nWho?\tp\tq\ta\n'
    )
    task = make("choices", data=str(file))
    assert task.examples()[0].fields["question"] == '"So" she said'
    assert [e.choices for e in task.examples()] == [('"x', 'y"'), ("p", "q")]


def test_quotes_after_backslashes(tmp_path: Path) -> None:
    """As databases and Spark write them; a path's backslash alone says nothing."""
    file = tmp_path / "q.csv"
    file.write_text(lines('"He said \\"yes, I\\" do",x,"a\\\\b",a', "plain,x,y,b"))
    task = make("choices", data=str(file))
    assert task.examples()[0].fields["question"] == 'He said "yes, I" do'
    assert task.examples()[0].choices == ("x", "a\\b")
    file.write_text(lines('"C:\\",x,y,a', 'bad,"x,y,a', "plain,x,y,b"))
    task = make("choices", data=str(file), skip_bad=True)
    assert [e.fields["question"] for e in task.examples()] == ["C:\\", "plain"]


def test_excel_says_what_separates(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("sep=!\r\nquestion!choice_a!choice_b!answer\r\nx!y!z!b\r\n")
    assert right(make("choices", data=str(file))) == ["z"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("owner/questions", "a data set of the hub is given as hub:owner/questions"),
        ("https://example.org/q.jsonl", "it is an address: download the file and give its place"),
    ],
)
def test_what_may_be_meant(data: str, says: str) -> None:
    with pytest.raises(UserError, match=f"no such file or folder; {says}"):
        make("choices", data=data)


def test_other_tasks_fetch_nothing() -> None:
    with pytest.raises(UserError, match="only the tasks choices and bbq fetch data sets"):
        make("harmful", data="hub:owner/name")


def test_columns_without_names_and_a_first_line_alone(tmp_path: Path) -> None:
    """As spreadsheets write columns that were used once."""
    file = tmp_path / "q.csv"
    file.write_text('question,choice_a,choice_b,answer,,\nx,y,"z\nw",b,,\nx2,y,z,a\n')
    assert right(make("choices", data=str(file))) == ["z\nw", "y"]
    file.write_text("question,choice_a,choice_b,answer\n")
    with pytest.raises(UserError, match=r"without rows; its first line names question, choice_a"):
        make("choices", data=str(file))


def test_a_bad_first_line_says_nothing_of_the_others(tmp_path: Path) -> None:
    data = jsonl(tmp_path / "q.jsonl", [{"version": 3}, *ROWS])
    with pytest.raises(UserError, match=r"q\.jsonl:1: the field 'question' is missing; this is"):
        make("choices", data=data)
    task = make("choices", data=data, skip_bad=True)
    assert right(task) == ["four", "five"]
    assert len(task.skipped) == 1


def test_names_of_columns_cannot_steer_a_terminal(tmp_path: Path) -> None:
    data = jsonl(tmp_path / "q.jsonl", [{"Qestion\x1b[31m": "x", "\ud800": 1}])
    sentence = refused("check-task", "choices", "--data", data)
    assert "Qestion" in sentence
    assert "\x1b" not in sentence


def test_cells_of_any_size(tmp_path: Path) -> None:
    long = "word, " * 50_000
    given = [{**FLAT[0], "question": long}]
    assert make("choices", data=table(tmp_path / "q.csv", given)).examples()[0].fields == {
        "question": long
    }


def test_folders(tmp_path: Path) -> None:
    for number, row in enumerate(FLAT):
        table(tmp_path / f"{number}.csv", [row])
    assert len(make("choices", data=str(tmp_path)).examples()) == 2
    jsonl(tmp_path / "more.jsonl", ROWS)
    with pytest.raises(UserError, match=r"files of several kinds \(\.csv, \.jsonl\)"):
        make("choices", data=str(tmp_path))
    empty = tmp_path / "none"
    empty.mkdir()
    (empty / "notes.docx").write_text("x")
    with pytest.raises(UserError, match=r"holds no \*\.jsonl, .*\(it holds notes\.docx\)"):
        make("choices", data=str(empty))
    with pytest.raises(UserError, match=r"no such file or folder; did you mean '1\.csv'\?"):
        make("choices", data=str(tmp_path / "1.csw"))


# --- quotes that aren't closed -----------------------------------------------------------------


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in ("question,choice_a,choice_b,answer", *texts))


GOOD = [f'"q{n}",x,y,a' for n in range(6)]


@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_quote_that_is_never_closed_costs_its_own_row(tmp_path: Path, at: int) -> None:
    file = tmp_path / "q.csv"
    given = [f"p{n},x,y,a" for n in range(6)]
    given[at] = 'bad,"x,y,a'
    file.write_text(lines(*given))
    task = make("choices", data=str(file), skip_bad=True)
    asked = [e.fields["question"] for e in task.examples()]
    assert asked == [f"p{n}" for n in range(6) if n != at]
    assert task.skipped == (
        f'{file}:{at + 2}: a quote is opened here and never closed: close it, or write "" for one '
        "in a cell",
    )
    with pytest.raises(UserError, match=f"q.csv:{at + 2}: a quote is opened here and never"):
        make("choices", data=str(file))


def test_a_quote_that_the_next_one_closes_costs_its_own_row(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text(lines(GOOD[0], 'bad,"x,y,a', "plain,x,y,b", *GOOD[1:4]))
    task = make("choices", data=str(file), skip_bad=True)
    assert [e.fields["question"] for e in task.examples()] == ["q0", "plain", "q1", "q2", "q3"]
    assert len(task.skipped) == 1
    assert task.skipped[0].startswith(f"{file}:3: ")


def test_what_a_quote_swallows_is_counted_and_named(tmp_path: Path) -> None:
    """Lines that are no rows of the table can't be read again: each of them is named."""
    file = tmp_path / "q.csv"
    file.write_text(lines(GOOD[0], 'bad,"two', "three", 'a "four", five', *GOOD[1:3]))
    task = make("choices", data=str(file), skip_bad=True)
    assert [e.fields["question"] for e in task.examples()] == ["q0", "q1", "q2"]
    assert [line.removeprefix(f"{file}:")[0] for line in task.skipped] == ["3", "4", "5"]
    assert "it swallows 2 further lines" in task.skipped[0]
    assert task.skipped[1] == f"{file}:4: swallowed by the quote of line 3"
    with pytest.raises(UserError, match="swallows 2 further lines"):
        make("choices", data=str(file))


@given(
    bad=st.sets(st.integers(0, 19), max_size=6),
    quoted=st.sets(st.integers(0, 19)),
    where=st.integers(0, 2),
)
def test_no_row_is_lost_without_a_word(
    tmp_path_factory: pytest.TempPathFactory, bad: set[int], quoted: set[int], where: int
) -> None:
    """Every line is read, or named as bad: whichever lines open a quote."""
    file = tmp_path_factory.mktemp("t") / "q.csv"
    written = []
    for n in range(20):
        cells = [f'"q{n}"' if n in quoted else f"q{n}", "x", "y", "a"]
        if n in bad:
            cells[where] = '"' + cells[where].strip('"')
        written.append(",".join(cells))
    file.write_text(lines(*written))
    found = list(rows(file))
    named = {int(str(each).removeprefix(f"{file}:").split(":")[0]) for each in found
             if isinstance(each, UserError)}  # fmt: skip
    read: set[int] = set()
    for each in found:
        if isinstance(each, Row):
            begin = int(each.where.rpartition(":")[2])
            read |= set(
                range(begin, begin + sum(str(v).count("\n") for v in each.fields.values()) + 1)
            )
    assert named | read == set(range(2, 22))


@pytest.mark.parametrize("bad", [1, 2, 5, 7])
def test_the_first_five_bad_lines_are_told_and_how_many_there_are(bad: int, tmp_path: Path) -> None:
    good = {"question": "Which?", "choices": ["a", "b"], "answer": 0}
    lines = [good, *[{**good, "answer": 9}] * bad, good]
    file = tmp_path / "d.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with pytest.raises(UserError) as raised:
        make("choices", data=str(file), options={"answers": "index-from-0"})
    told = [f"{file}:{number}: " for number in range(2, 2 + min(bad, 5))]
    sentence, *more = str(raised.value).splitlines()
    if bad == 1:
        assert (sentence.startswith(told[0]), more) == (True, [])
        return
    assert sentence.startswith(f"{bad} of {bad + 2} lines")
    assert "--skip-bad" in sentence
    assert [any(line.startswith(each) for line in more) for each in told] == [True] * len(told)
    assert len(more) == len(told)
    copy = pickle.loads(pickle.dumps(raised.value))  # from a worker's process
    assert str(copy) == str(raised.value)
