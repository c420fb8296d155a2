"""A user's own lettered questions, from JSONL or CSV.

JSONL, an object a line: ``question``, ``choices`` (a list), ``answer`` (the choice's index from 0,
its letter, or its text), and if wanted ``id``, ``context``, ``cluster``. CSV: the same columns,
with the choices in ``choice_a``, ``choice_b``, … (a question with fewer leaves the last ones
empty) and the answer as letter or text.
"""

from __future__ import annotations

import re

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.rows import Row, build, files, rows
from selfcorrect.tasks.lettered import Item, Lettered, problem_with, unique
from selfcorrect.tasks.lettered.letters import LETTERS
from selfcorrect.tasks.lettered.targets import target_of
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import CORRECT


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
        items += build(rows(path), lambda row: (row.where, _item(row)), skipped)
    return Lettered("choices", unique(items, skipped), wording=CORRECT, skipped=skipped or ())


def _item(row: Row) -> Item:
    question = row.text("question")
    columns = [name for name in row.fields if re.fullmatch(r"choice_[a-z]", name)]
    choices = _columns(row, columns) if columns else row.texts("choices")
    problem = problem_with(choices)
    if problem:
        raise row.error(problem)
    if row.fields.get("answer") in (None, ""):
        raise row.error("the field 'answer' is missing")
    target = target_of(row, choices)
    name = row.name()
    fields = {"question": question}
    context = row.optional("context")
    if context:
        fields["context"] = context
    cluster = row.optional("cluster") or name
    return Item(Example(name, fields, tuple(choices), cluster, _images(row)), target)


def _images(row: Row) -> tuple[Image, ...]:
    named = row.fields.get("image")
    if named in (None, "", []):
        return ()
    images = named if isinstance(named, list) else [named]
    return tuple(row.image("the image", each) for each in images)


def _columns(row: Row, columns: list[str]) -> list[str]:
    """The choices in ``choice_a``, ``choice_b``, …, without the empty ones at the end.

    Raises:
        UserError: a letter is left out, so that the letters of answers would be shifted.
    """
    wanted = [f"choice_{letter}" for letter in LETTERS[: len(columns)]]
    if sorted(columns) != wanted:
        missing = next(name for name in wanted if name not in columns)
        raise row.error(f"there is a column {max(columns)!r} but no {missing!r}")
    cells = [str(row.fields[name] or "") for name in sorted(columns)]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells
