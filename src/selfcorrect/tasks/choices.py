"""A user's own lettered questions, from JSONL or CSV.

JSONL, an object a line: ``question``, ``choices`` (a list), ``answer`` (the choice's index from 0,
its letter, or its text), and if wanted ``id``, ``context``, ``cluster``. CSV: the same columns,
with the choices in ``choice_a``, ``choice_b``, … (a question with fewer leaves the last ones
empty) and the answer as letter or text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.lettered import CORRECT, Item, Lettered, problem_with, unique
from selfcorrect.tasks.letters import LETTERS, tidy
from selfcorrect.tasks.reading import Row, build, files, jsonl, table
from selfcorrect.tasks.source import Source


def make(source: Source) -> Lettered:
    """The task ``choices``: see the module.

    ``data`` is a ``.jsonl`` or ``.csv`` file, or a folder of ``*.jsonl``. An example without an id
    has its file and line as one; without a cluster it is its own.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """
    source.only(options=())
    if source.data is None:
        raise UserError("task 'choices' needs data: a .jsonl or .csv file of your questions")
    skipped: list[str] | None = [] if source.skip_bad else None
    items: list[tuple[str, Item]] = []
    for path in files(source.data):
        rows: Iterable[Row | UserError]
        rows = table(path) if path.suffix.casefold() == ".csv" else jsonl(path)
        items += build(rows, lambda row: (row.where, _item(row)), skipped)
    return Lettered("choices", unique(items, skipped), wording=CORRECT, skipped=skipped or ())


def _item(row: Row) -> Item:
    question = row.text("question")
    columns = [name for name in row.values if re.fullmatch(r"choice_[a-z]", name)]
    choices = _columns(row, columns) if columns else row.texts("choices")
    problem = problem_with(choices)
    if problem:
        raise row.error(problem)
    answer = row.values.get("answer")
    if answer is None or answer == "":
        raise row.error("the field 'answer' is missing")
    target = _target(row, answer, choices)
    path, _, line = row.where.rpartition(":")
    # Not row.where: the same file must have the same ids wherever it lies.
    name = _optional(row, "id") or f"{Path(path).name}:{line}"
    fields = {"question": question}
    context = _optional(row, "context")
    if context:
        fields["context"] = context
    return Item(Example(name, fields, tuple(choices), _optional(row, "cluster") or name), target)


def _columns(row: Row, columns: list[str]) -> list[str]:
    """The choices in ``choice_a``, ``choice_b``, …, without the empty ones at the end.

    Raises:
        UserError: a letter is left out, so that the letters of answers would be shifted.
    """
    wanted = [f"choice_{letter}" for letter in LETTERS[: len(columns)]]
    if sorted(columns) != wanted:
        missing = next(name for name in wanted if name not in columns)
        raise row.error(f"there is a column {max(columns)!r} but no {missing!r}")
    cells = [str(row.values[name] or "") for name in sorted(columns)]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _optional(row: Row, name: str) -> str:
    return "" if row.values.get(name) in (None, "") else row.word(name)


def _target(row: Row, answer: object, choices: Sequence[str]) -> int:
    """The index that the answer stands for: an index, a letter, or the text of a choice."""
    if isinstance(answer, int) and not isinstance(answer, bool):
        numbered = {i for i, choice in enumerate(choices) if tidy(choice) == str(answer)}
        numbered |= {answer} & set(range(len(choices)))
        return _only(
            row,
            numbered,
            f"the answer {answer} is the text of one choice and the index of another; "
            f'write "{answer}" for the text, or the letter',
            f"the answer {answer} is none of the choices 0 to {len(choices) - 1}",
        )
    text = tidy(row.text("answer"))
    found = {i for i, choice in enumerate(choices) if tidy(choice) == text}
    letter = re.fullmatch(r"(\()?([a-z])(?(1)\))", text.casefold())
    if letter and letter[2] in LETTERS[: len(choices)]:
        index = LETTERS.index(letter[2])
        found = found | {index} if not letter[1] else {index}
    return _only(
        row,
        found,
        f"the answer {text!r} is the text of one choice and the letter of another; "
        f"write the letter in brackets, as ({text.casefold()})",
        f"the answer {text!r} is neither the letter nor the text of a choice",
    )


def _only(row: Row, found: set[int], several: str, none: str) -> int:
    if len(found) != 1:
        raise row.error(several if found else none)
    return found.pop()
