"""MMVP as published: pairs, wrong answers put right once, and what is wrong with a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pictures import png
from selfcorrect import check_task
from selfcorrect.errors import UserError
from selfcorrect.outcome import Share
from selfcorrect.tasks import make
from selfcorrect.tasks.base import Answer

COLUMNS = ("Index", "Question", "Options", "Correct Answer")
#: As the upstream file has them: both pairs are the wrong way round.
TUSKS = [
    (99, "Does the elephant have long or short tusks?", "(a) Long (b) Short", "(a)"),
    (100, "Does the elephant have long or short tusks?", "(a) Long (b) Short", "(b)"),
]
ELDERLY = [
    (279, "Is the elderly person standing or sitting in the picture?",
     "(a) Standing (b) Sitting", "(a)"),
    (280, "Is the elderly person standing or sitting in the picture?",
     "(a) Standing (b) Sitting", "(b)"),
]  # fmt: skip
DOOR = [
    (1, "Is the door open or closed?", "(a) Open (b) Closed", "(a)"),
    (2, "Is the door open or closed?", "(a) Open (b) Closed", "(b)"),
]
ROWS = [*DOOR, *TUSKS, *ELDERLY]


def published(folder: Path, rows: Sequence[Any] = ROWS, images: str = "MMVP Images") -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "Questions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    for number, row in enumerate(rows):
        png(folder, f"{images}/{row[0]}.jpg", number)
    return folder


def targets(task: Any) -> list[int]:
    graded = task.grade([(example, Answer("", "a", 0)) for example in task.examples()])
    return [grade.target for grade in graded]


@pytest.mark.parametrize("images", ["MMVP Images", "MMVP Imgaes"])
def test_the_published_folder(tmp_path: Path, images: str) -> None:
    task = make("mmvp", data=published(tmp_path, images=images))
    examples = task.examples()
    assert [example.id for example in examples] == ["1", "2", "99", "100", "279", "280"]
    assert [example.cluster for example in examples] == ["1", "1", "2", "2", "3", "3"]
    assert task.ask(examples[0])["question"] == "Is the door open or closed?\n(a) Open\n(b) Closed"
    assert examples[0].images[0].name == f"{images}/1.jpg"
    assert examples[0].others == examples[1].images
    assert task.check() == []


def test_a_camera_writes_endings_in_capitals(tmp_path: Path) -> None:
    folder = published(tmp_path / "MMVP")
    for file in (folder / "MMVP Images").iterdir():
        file.rename(file.with_suffix(".JPG"))
    images = [example.images[0].name for example in make("mmvp", data=folder).examples()]
    assert images[0] == "MMVP Images/1.JPG"


def test_wrong_answers_are_exchanged_once(tmp_path: Path) -> None:
    task = make("mmvp", data=published(tmp_path))
    assert targets(task) == [0, 1, 1, 0, 1, 0]
    assert "rows 99/100 and 279/280 are exchanged" in task.read_as[0]
    # a file in which one of them is mended already
    mended = [(*row[:3], {"(a)": "(b)", "(b)": "(a)"}[row[3]]) for row in TUSKS]
    other = make("mmvp", data=published(tmp_path / "other", [*DOOR, *mended, *ELDERLY]))
    assert targets(other) == targets(task)
    assert "rows 279/280 are exchanged" in other.read_as[0]
    assert "99" not in other.read_as[0]
    # and one in which both are: nothing is exchanged back
    both = [(*row[:3], {"(a)": "(b)", "(b)": "(a)"}[row[3]]) for row in ELDERLY]
    last = make("mmvp", data=published(tmp_path / "last", [*DOOR, *mended, *both]))
    assert targets(last) == targets(task)
    assert "as_published" not in last.values


def test_they_are_left_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    task = make("mmvp", data=published(tmp_path), options={"corrected": "false"})
    assert targets(task) == [0, 1, 0, 1, 0, 1]
    assert set(task.figures) == {"pair_accuracy"}


def test_another_question_at_those_rows_is_left_alone(tmp_path: Path) -> None:
    rows = [(n, "Is the door open or closed?", "(a) Open (b) Closed", a)
            for n, a in ((99, "(a)"), (100, "(b)"))]  # fmt: skip
    assert targets(make("mmvp", data=published(tmp_path, rows))) == [0, 1]


def test_both_numbers_are_there(tmp_path: Path) -> None:
    task = make("mmvp", data=published(tmp_path))
    right = [0, 1, 1, 0, 1, 0]
    grades = task.grade(
        [(e, Answer("", "x", k)) for e, k in zip(task.examples(), right, strict=True)]
    )
    assert [grade.outcome for grade in grades] == [1] * 6
    assert [grade.values["as_published"] for grade in grades] == [1, 1, 0, 0, 0, 0]
    columns = {
        name: pl.Series([grade.values[name] for grade in grades], dtype=pl.Float64).to_numpy()
        for name in ("pair", "as_published", "other_picture")
    } | {"outcome": pl.Series([1.0] * 6).to_numpy()}
    figures = {name: figure(columns) for name, figure in task.figures.items()}
    assert figures == {"pair_accuracy": 1, "pair_accuracy_as_published": 1 / 3}
    assert columns["other_picture"].tolist() == [0] * 6


def test_a_pair_counts_where_both_were_asked(tmp_path: Path) -> None:
    figure = make("mmvp", data=published(tmp_path)).figures["pair_accuracy"]
    assert isinstance(figure, Share)
    made = figure.values(
        {
            "pair": pl.Series([0.0, 1.0, 2.0, 1.0, 0.0, 3.0]).to_numpy(),
            "outcome": pl.Series([1.0, 1.0, 1.0, 0.0, 1.0, 1.0]).to_numpy(),
        }
    )
    # pair 0 both, pair 1 one of two, pairs 2 and 3 asked once
    assert made.tolist()[:2] == [1, 0]
    assert [value != value for value in made] == [False, False, True, True, True, True]


def test_parquet_with_the_pictures(tmp_path: Path) -> None:
    published(tmp_path / "csv")
    rows = [
        {**dict(zip(COLUMNS, map(str, row), strict=True)),
         "image": {"bytes": (tmp_path / "csv" / "MMVP Images" / f"{row[0]}.jpg").read_bytes(),
                   "path": f"{row[0]}.jpg"}}
        for row in ROWS
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(tmp_path / "mmvp.parquet")
    task = make("mmvp", data=tmp_path / "mmvp.parquet")
    plain = make("mmvp", data=tmp_path / "csv")
    assert targets(task) == targets(plain)
    digests = [[example.images[0].digest for example in each.examples()] for each in (task, plain)]
    assert digests[0] == digests[1]
    assert task.examples()[0].images[0].url().startswith("data:image/png;base64,")


def test_pictures_in_another_folder(tmp_path: Path) -> None:
    folder = published(tmp_path / "mmvp")
    (folder / "MMVP Images").rename(tmp_path / "photos")
    with pytest.raises(UserError, match=r"Questions\.csv:2: there is no picture 1\.jpg in "):
        make("mmvp", data=folder)
    task = make("mmvp", data=folder, options={"images_from": str(tmp_path / "photos")})
    assert len(task.examples()) == 6


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([DOOR[0], TUSKS[1]], "Questions.csv:3: the question .* isn't that of the row before"),
        ([DOOR[0], (*DOOR[1][:2], "(a) Open (b) Shut", "(b)")], ":3: its options aren't those"),
        ([DOOR[0], (2, *DOOR[0][1:])], r":3: both pictures of the pair have the answer \(a\)"),
        (DOOR[:1], ":2: this is the last row, and the other one of its pair is missing"),
        ([DOOR[0], (*DOOR[1][:3], "(c)")], ":3: 'Correct Answer' must be the letter of an option"),
        ([DOOR[0], (2, DOOR[1][1], "Open or closed", "(b)")], ":3: 'Options' must be such as"),
        ([DOOR[0], ("two", *DOOR[1][1:])], ":3: 'Index' must be a whole number, not 'two'"),
        ([*DOOR, *DOOR], ":4: the index 1 stands there twice"),
        ([DOOR[0], (2, DOOR[1][1], "(a) Open (b) open", "(b)")], ":3: its options|twice"),
    ],
)
def test_rows_that_make_no_pair_are_one_sentence(
    tmp_path: Path, rows: Sequence[Any], wanted: str
) -> None:
    with pytest.raises(UserError, match=wanted):
        make("mmvp", data=published(tmp_path, rows))


def test_a_bad_pair_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = published(tmp_path, [DOOR[0], TUSKS[1], *ELDERLY])
    task = make("mmvp", data=folder, skip_bad=True)
    assert [example.id for example in task.examples()] == ["279", "280"]
    assert len(task.skipped) == 1


def test_halves_of_two_pairs_are_never_joined(tmp_path: Path) -> None:
    """A row is missing, and the next pairs ask the same with the other answer first."""
    asked = ("Is the door open or closed?", "(a) Open (b) Closed")
    twice = [(3, *asked, "(a)"), (4, *asked, "(b)"), (5, *asked, "(a)"), (6, *asked, "(b)")]
    folder = published(tmp_path, [*DOOR, *twice[1:], (7, *asked, "(a)")])
    task = make("mmvp", data=folder, skip_bad=True)
    assert [example.id for example in task.examples()] == ["1", "2"]
    assert len(task.skipped) == 2
    with pytest.raises(UserError, match="the indices 4 and 5 make no pair"):
        make("mmvp", data=folder)


def test_a_broken_picture_is_one_sentence(tmp_path: Path) -> None:
    folder = published(tmp_path)
    (folder / "MMVP Images" / "100.jpg").write_bytes(b"GIF89a")
    with pytest.raises(
        UserError, match=r"Questions\.csv:5: the picture: .*100\.jpg is a broken GIF"
    ):
        make("mmvp", data=folder)
    (folder / "MMVP Images" / "100.jpg").unlink()
    with pytest.raises(
        UserError, match=r"Questions\.csv:5: there is no picture 100\.jpg in .*MMVP"
    ):
        make("mmvp", data=folder)


def test_without_data_it_says_what_it_needs() -> None:
    with pytest.raises(UserError, match=r"'mmvp' needs data: the folder with Questions\.csv"):
        make("mmvp")


def test_check_task_finds_nothing(tmp_path: Path) -> None:
    found = check_task("mmvp", data=published(tmp_path))
    assert (found.problems, found.examples, found.clusters) == ((), 6, 3)
