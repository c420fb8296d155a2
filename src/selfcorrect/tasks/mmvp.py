"""MMVP (Tong et al., arXiv 2401.06209): pairs of photographs that CLIP takes for the same, and one
question with two answers.

As published: ``Questions.csv`` with Index, Question, Options ("(a) Open (b) Closed") and Correct
Answer ("(a)"), beside a folder ``MMVP Images`` (the authors' own script calls it ``MMVP Imgaes``)
of 1.jpg to 300.jpg. Copies on the hub are Parquet with the same columns and the pictures in
``image``. Two rows after each other are a pair.

Two pairs were published with their answers exchanged (github.com/tsb0601/MMVP, issues 14 and 30);
some copies have been corrected since. So answers are exchanged where the file still has the wrong
ones, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.outcome import Figure, Number
from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.data.cells import MISSING, pick
from selfcorrect.tasks.data.hub import is_hub
from selfcorrect.tasks.data.rows import Row, rows
from selfcorrect.tasks.data.sources import paths_of
from selfcorrect.tasks.lettered import LETTERS, Item, Lettered, problem_with
from selfcorrect.tasks.pairs import COLUMNS, FIGURES, VALUES, both, judge, paired
from selfcorrect.tasks.plain import tidy
from selfcorrect.tasks.source import IMAGES, Source
from selfcorrect.tasks.wording import CORRECT

_QUESTIONS = "questions.csv"
_FOLDERS = ("MMVP Images", "MMVP Imgaes")
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".JPG", ".JPEG", ".PNG", ".WEBP")
_MARK = re.compile(r"\(([a-z])\)", re.IGNORECASE)
_COLUMNS = {
    "index": "Index|index|lndex|question_id",
    "question": "Question|question",
    "options": "Options|options",
    "answer": "Correct Answer|correct_answer|answer|Answer",
}
#: The index of a pair's first row that was published wrongly → a word of its question, and the
#: option that its first row wrongly has.
_WRONG = {99: ("tusks", "long"), 279: ("elderly", "standing")}

_PUBLISHED = {
    "as_published": Number(
        "Share of right answers by the answers as published, of which those of two pairs are "
        "exchanged.",
        (0, 1),
    ),
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A row: its index, and the item that it makes."""

    row: Row
    index: int
    item: Item


def make(source: Source) -> Lettered:
    """The task ``mmvp``.

    ``data`` is the published folder, its file of questions, or Parquet with the pictures. Options:
    ``corrected`` (on by default: answers that were published wrongly are put right), and where
    pictures lie (``images_from``). A pair is a cluster; the figure ``pair_accuracy`` is the
    published score.

    Raises:
        UserError: for missing data, a picture that isn't there or is broken, rows that make no
            pair, and bad lines, with file and line.
    """
    source.only(options=("corrected", *IMAGES))
    if source.data is None:
        raise UserError(
            "task 'mmvp' needs data: the folder with Questions.csv and the pictures, or Parquet "
            "that holds them (--data)"
        )
    corrected = source.option("corrected", True)
    skipped: list[str] | None = [] if source.skip_bad else None
    pairs: list[tuple[_Question, _Question]] = []
    exchanged: list[int] = []
    seen: set[int] = set()
    start: int | None = None
    for number, (one, other) in enumerate(_two_by_two(_rows(source))):
        try:
            pair = _pair(one, other, number)
            start = pair[0].index if start is None else start
            _check_in_step(pair, start)
            _check_new(pair, seen)
        except UserError as error:
            if skipped is None:
                raise
            skipped.append(str(error))
            continue
        if corrected and _is_wrong(pair):
            exchanged.append(pair[0].index)
            pair = _exchanged(pair)
        pairs.append(pair)
    values, figures = dict(VALUES), dict(FIGURES)
    if exchanged:
        values |= _PUBLISHED
        figures |= _published_figure()
    return Lettered(
        "mmvp",
        paired([(one.item, other.item) for one, other in pairs]),
        wording=CORRECT,
        values=values,
        columns=COLUMNS,
        figures=figures,
        judge=_judge if exchanged else judge,
        skipped=skipped or (),
        read_as=_told(exchanged, corrected),
    )


def _published_figure() -> Mapping[str, Figure]:
    text = "Pair accuracy by the answers as published, of which those of two pairs are exchanged."
    return {"pair_accuracy_as_published": both("as_published", "pair accuracy, as published", text)}


def _told(exchanged: Sequence[int], corrected: bool) -> list[str]:
    if exchanged:
        rows = " and ".join(f"{index}/{index + 1}" for index in exchanged)
        return [
            f"The answers of rows {rows} are exchanged, as they were published wrongly; "
            "numbers by the published ones stand beside (corrected=false keeps those)."
        ]
    if corrected:
        return ["The answers are taken as they are: no row has one that was published wrongly."]
    return ["The answers are taken as they were published, also where they are known to be wrong."]


def _judge(item: Item, answer: Answer) -> Mapping[str, float | None]:
    """The values of a pair, and whether the answer is the published one."""
    published = item.facts.get("published", item.target)
    return {**judge(item, answer), "as_published": float(answer.choice == published)}


# --- rows ----------------------------------------------------------------------------------------


def _rows(source: Source) -> Iterator[Row | UserError]:
    """All rows, each with the place of its picture under ``image``."""
    allowed = source.images
    data = source.data or ""
    path = Path(data).expanduser()
    if not is_hub(data) and path.is_dir() and (file := _questions(path)) is not None:
        found: list[Path] = [file]
    else:
        found = paths_of(source)
    for each in found:
        for row in rows(each):
            yield row if isinstance(row, UserError) else replace(row, images=allowed)


def _questions(folder: Path) -> Path | None:
    try:
        named = [p for p in folder.iterdir() if p.name.casefold() == _QUESTIONS and p.is_file()]
    except OSError as error:
        raise UserError(f"{folder}: can't be read ({error.strerror or error})") from None
    return named[0] if named else None


def _two_by_two(
    rows: Iterator[Row | UserError],
) -> Iterator[tuple[Row | UserError, Row | UserError | None]]:
    for one in rows:
        yield one, next(rows, None)


def _pair(
    one: Row | UserError, other: Row | UserError | None, number: int
) -> tuple[_Question, _Question]:
    """Two rows as a pair.

    Raises:
        UserError: one of them is bad, or they don't belong together.
    """
    if isinstance(one, UserError):
        raise one
    if isinstance(other, UserError):
        raise other
    if other is None:
        raise one.error(
            "this is the last row, and the other one of its pair is missing: two rows after each "
            "other are a pair"
        )
    first, second = (_question(row, 2 * number + at) for at, row in enumerate((one, other), 1))
    a, b = first.item.example, second.item.example
    if tidy(a.fields["question"]) != tidy(b.fields["question"]):
        raise other.error(
            f"the question {b.fields['question']!r:.80} isn't that of the row before, with which "
            f"it makes a pair ({a.fields['question']!r:.80}): two rows after each other are a pair"
        )
    if tuple(map(tidy, a.choices)) != tuple(map(tidy, b.choices)):
        raise other.error("its options aren't those of the row before, with which it makes a pair")
    if first.item.target == second.item.target:
        raise other.error(
            f"both pictures of the pair have the answer ({LETTERS[second.item.target or 0]}): "
            "those of a pair differ"
        )
    cluster = str(number + 1)
    return _clustered(first, cluster), _clustered(second, cluster)


def _check_in_step(pair: tuple[_Question, _Question], start: int) -> None:
    """Raise UserError where a row before is missing, so that halves of two pairs stand together."""
    first, second = pair
    if second.index != first.index + 1 or (first.index - start) % 2:
        raise second.row.error(
            f"the indices {first.index} and {second.index} make no pair: a row before is missing, "
            "or rows are in another order"
        )


def _check_new(pair: tuple[_Question, _Question], seen: set[int]) -> None:
    """Raise UserError where an index was there before."""
    for each in pair:
        if each.index in seen:
            raise each.row.error(f"the index {each.index} stands there twice")
        seen.add(each.index)


def _clustered(question: _Question, cluster: str) -> _Question:
    item = question.item
    example = replace(item.example, cluster=cluster)
    return replace(question, item=Item(example, item.target, item.facts))


def _question(row: Row, place: int) -> _Question:
    fields = {name: pick(row.fields, path) for name, path in _COLUMNS.items()}
    for name in ("question", "options", "answer"):
        if fields[name] is MISSING or fields[name] is None:
            raise row.missing(_COLUMNS[name].split("|")[0])
    read = Row(row.where, {k: v for k, v in fields.items() if v is not MISSING}, row.form)
    index = read.optional("index") or str(place)
    if not re.fullmatch(r"\d{1,9}", index, re.ASCII):
        raise row.error(f"'Index' must be a whole number, not {index!r:.60}")
    choices = _choices(row, read.text("options"))
    marks = [mark.lower() for mark in _MARK.findall(read.text("answer"))]
    bare = read.text("answer").strip().strip("().").lower()
    letter = marks[0] if len(marks) == 1 else bare
    if letter not in LETTERS[: len(choices)] or len(letter) != 1:
        raise row.error(
            f"'Correct Answer' must be the letter of an option, such as (a), not "
            f"{read.text('answer')!r:.60}"
        )
    images = (row.image("the picture", _picture(row, index)),)
    example = Example(index, {"question": read.text("question")}, choices, index, images)
    return _Question(row, int(index), Item(example, LETTERS.index(letter)))


def _choices(row: Row, text: str) -> tuple[str, ...]:
    """The options of a text such as "(a) Open (b) Closed"."""
    _, *parts = _MARK.split(text)
    letters, choices = parts[::2], tuple(tidy(part) for part in parts[1::2])
    if not letters or [letter.lower() for letter in letters] != list(LETTERS[: len(letters)]):
        raise row.error(f"'Options' must be such as '(a) Open (b) Closed', not {text!r:.80}")
    if problem := problem_with(choices):
        raise row.error(problem)
    return choices


def _picture(row: Row, index: str) -> object:
    """What a row says of its picture, or where that lies by the row's index."""
    told = pick(row.fields, "image|Image|image_path")
    if told not in (MISSING, None, ""):
        return told
    home = row.images.folder or Path(row.where.rpartition(":")[0]).parent
    folders = ("", *_FOLDERS) if row.images.folder is not None else (*_FOLDERS, "")
    for folder in folders:
        for ending in _ENDINGS:
            if (home / folder / f"{index}{ending}").is_file():
                return str(Path(folder) / f"{index}{ending}")
    raise row.error(
        f"there is no picture {index}.jpg in {home / folders[0] if folders[0] else home}: put the "
        "folder 'MMVP Images' beside the questions, or name it with --images-from"
    )


# --- answers that were published wrongly ---------------------------------------------------------


def _is_wrong(pair: tuple[_Question, _Question]) -> bool:
    """Whether a pair is one of those, and still has its answers exchanged."""
    first, second = pair
    word, wrong = _WRONG.get(first.index, ("", ""))
    example = first.item.example
    return (
        bool(word)
        and second.index == first.index + 1
        and word in example.fields["question"].casefold()
        and example.choices[first.item.target or 0].casefold() == wrong
    )


def _exchanged(pair: tuple[_Question, _Question]) -> tuple[_Question, _Question]:
    one, other = pair
    return _with(one, other.item.target), _with(other, one.item.target)


def _with(question: _Question, target: int | None) -> _Question:
    """A question with another answer, which knows the one it had."""
    facts = {"published": float(question.item.target or 0)}
    return replace(question, item=Item(question.item.example, target, facts))
