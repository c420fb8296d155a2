"""What a column of answers means: decided by all of it, or asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from selfcorrect.tasks.data.row import Row
from selfcorrect.tasks.lettered.targets import Keyed, reading_of
from written import jsonl, table, targets

WORDS = ["red", "green", "blue", "pink"]
NUMBERS = ["2", "3", "4", "1"]


def read(tmp_path: Path, *rows: tuple[list[str], Any], asked: str = "", **more: Any) -> Any:
    data = [
        {"question": f"q{n}", "choices": choices, "answer": answer}
        for n, (choices, answer) in enumerate(rows)
    ]
    options = {"answers": asked} if asked else {}
    return make("choices", data=jsonl(tmp_path / "q.jsonl", data), options=options, **more)


@pytest.mark.parametrize(
    ("rows", "wanted", "said"),
    [
        ([(WORDS, "green"), (WORDS, "pink")], [1, 3], "texts of choices"),
        ([(WORDS, "GREEN"), (WORDS, "pink ")], [1, 3], "texts of choices"),
        ([(WORDS, "B"), (WORDS, "d")], [1, 3], "letters"),
        ([(WORDS, "(b)"), (WORDS, "D."), (WORDS, "C) blue")], [1, 3, 2], "letters"),
        ([(WORDS, 1), (WORDS, 0)], [1, 0], "indices from 0"),
        ([(WORDS, "1"), (WORDS, "0")], [1, 0], "indices from 0"),
        ([(WORDS, 1.0), (WORDS, 3.0), (WORDS, 0.0)], [1, 3, 0], "indices from 0"),
        ([(WORDS, 4), (WORDS, 1), (WORDS, 4)], [3, 0, 3], "indices from 1"),
        ([(WORDS, 1), (WORDS, 2)], [1, 2], r"indices from 0 \(from 1, if --answers"),
        ([(WORDS, ["b"]), (WORDS, ["d"])], [1, 3], "letters"),
        ([(WORDS, [0, 1, 0, 0]), (WORDS, [0, 0, 0, 1])], [1, 3], "a 1 in the place"),
        ([(["True", "False"], True), (["False", "True"], True)], [0, 1], "texts of choices"),
        # numbers as options: the other rows decide
        ([(NUMBERS, 2), (WORDS, 1), (WORDS, 0)], [2, 1, 0], "indices from 0"),
        ([(NUMBERS, 2), (NUMBERS, 4), (NUMBERS, 0)], [2, 2, 0], None),
        ([(NUMBERS, 2), (["10", "20"], 20)], [0, 1], "texts of choices"),
        ([(NUMBERS, 2), (["10", "20"], 0)], [2, 0], "indices from 0"),
        ([(["0", "1", "2"], 2), (["0", "1", "2"], 1)], [2, 1], "texts of choices or indices"),
        # letters as options
        ([(["b", "a"], "a"), (WORDS, "D")], [0, 3], "letters"),
        ([(["b", "a"], "a"), (WORDS, "pink")], [1, 3], "texts of choices"),
        ([(["b", "a"], "(a)"), (["b", "a"], "(b)")], [0, 1], "letters"),
        # each row in its own way, as none could mean two choices
        ([(WORDS, "green"), (WORDS, "D"), (WORDS, 0)], [1, 3, 0], "texts of choices or letters or"),
    ],
)
def test_what_answers_mean(
    tmp_path: Path, rows: list[Any], wanted: list[int], said: str | None
) -> None:
    if said is None:  # 4 is no index, and 0 no text: one of both is a mistake
        with pytest.raises(UserError, match="the answer 2 is the text of"):
            read(tmp_path, *rows)
        assert targets(read(tmp_path, *rows, asked="index-from-0", skip_bad=True)) == [2, 0]
        return
    task = read(tmp_path, *rows)
    assert targets(task) == wanted
    assert re.search(f"answers are {said}", task.read_as[0])


@pytest.mark.parametrize(
    ("rows", "says", "by"),
    [
        ([(NUMBERS, 2), (NUMBERS, 3)], "the text of .* and the index",
         {"text": [0, 1], "index": [2, 3]}),
        ([(["b", "a"], "a")], "the text of .* and the letter", {"text": [1], "letter": [0]}),
        ([(WORDS, 1 + n % 3) for n in range(40)], "may count from 0 or from 1",
         {"index-from-0": [1 + n % 3 for n in range(40)],
          "index-from-1": [n % 3 for n in range(40)]}),
        ([(WORDS, 1), (WORDS, 4)], "once one is the number of a last choice",
         {"index-from-1": [0, 3]}),
        ([(WORDS, 0), (WORDS, 4)], "no index from 0, and other answers are none from 1", {}),
    ],
)  # fmt: skip
def test_what_is_open_is_asked_for(
    tmp_path: Path, rows: list[Any], says: str, by: dict[str, list[int]]
) -> None:
    """``skip_bad`` doesn't help: a column that leaves it open isn't a bad line."""
    for skip_bad in (False, True):
        with pytest.raises(UserError, match=rf"q\.jsonl:\d+: .*{says}.*--answers") as caught:
            read(tmp_path, *rows, skip_bad=skip_bad)
        assert "\n" not in str(caught.value)
    for asked, wanted in by.items():
        assert targets(read(tmp_path, *rows, asked=asked)) == wanted


def test_rows_that_do_not_fit_what_is_asked_for_are_bad_lines(tmp_path: Path) -> None:
    rows = [(WORDS, "B"), (WORDS, "green"), (WORDS, 2)]
    with pytest.raises(UserError, match=r"q\.jsonl:2: .*read as letters"):
        read(tmp_path, *rows, asked="letter")
    assert len(read(tmp_path, *rows, asked="letter", skip_bad=True).skipped) == 2
    with pytest.raises(UserError, match="can't be read as 'leter': did you mean 'letter'"):
        read(tmp_path, *rows, asked="leter")


def test_parts_without_answers_say_so(tmp_path: Path) -> None:
    for none in ("", -1, "-1", None, "?"):
        with pytest.raises(UserError, match="nobody says which choice is right"):
            read(tmp_path, (WORDS, none), (WORDS, none))
    # one of many is a bad line
    assert targets(read(tmp_path, (WORDS, 0), (WORDS, -1), (WORDS, 2), skip_bad=True)) == [0, 2]
    # and -1 may be an option
    assert targets(read(tmp_path, (["-1", "1"], -1), (["-1", "0"], -1))) == [0, 0]


def test_answers_of_a_table_are_texts(tmp_path: Path) -> None:
    rows = [
        {"question": "p", "choice_a": "7", "choice_b": "8", "answer": "8"},
        {"question": "q", "choice_a": "9", "choice_b": "7", "answer": "7"},
        {"question": "r", "choice_a": "x", "choice_b": "y", "answer": "choice_a"},
    ]
    assert targets(make("choices", data=table(tmp_path / "a.csv", rows[:2]))) == [1, 1]
    assert targets(make("choices", data=table(tmp_path / "b.csv", rows[2:]))) == [0]


@settings(max_examples=40)
@given(
    right=st.lists(st.integers(0, 3), min_size=20, max_size=25),
    way=st.sampled_from(["text", "letter", "index-from-0", "index-from-1"]),
    numbers=st.booleans(),
    names=st.randoms(use_true_random=False),
)
def test_no_column_is_read_as_something_else(
    right: list[int], way: str, numbers: bool, names: Any
) -> None:
    """However answers are written: they are read as what they mean, or asked for."""
    written = {
        "text": lambda choices, at: choices[at],
        "letter": lambda _, at: "ABCD"[at],
        "index-from-0": lambda _, at: at,
        "index-from-1": lambda _, at: at + 1,
    }
    pool = list("123456") if numbers else ["red", "green", "a", "d", "blue"]
    column = []
    for n, at in enumerate(right):
        choices = names.sample(pool, 4)
        column.append(Keyed(Row(f"f:{n}", {}), choices, written[way](choices, at)))
    assert [reading_of(column, asked=way).target(each) for each in column] == right
    found: list[int] | str
    try:
        reading = reading_of(column)
        found = [reading.target(each) for each in column]
    except UserError as error:
        found = str(error)
    assert found == right or (isinstance(found, str) and "--answers" in found)
