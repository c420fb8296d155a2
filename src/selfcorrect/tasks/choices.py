"""A user's own lettered questions, or those of a known data set, from files of many kinds.

What of a row is question, choices and answer follows from its columns
(:mod:`selfcorrect.tasks.data.layouts`); how answers are read, from all of them
(:mod:`selfcorrect.tasks.lettered.targets`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from string import ascii_lowercase

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.cells import MISSING, nested, pick
from selfcorrect.tasks.data.layouts import Layout, layout_of, left_out
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.row import plain_name, short
from selfcorrect.tasks.data.rows import Row, build
from selfcorrect.tasks.data.sources import rows_of
from selfcorrect.tasks.data.usual_names import NAMES
from selfcorrect.tasks.lettered import Item, Lettered, problem_with, unique
from selfcorrect.tasks.lettered.targets import FROM_0, Keyed, Reading, reading_of
from selfcorrect.tasks.plain import bare, tidy
from selfcorrect.tasks.source import IMAGES, Source
from selfcorrect.tasks.wording import CORRECT

#: A letter of a choice's own before its text.
_MARK = re.compile(r"\s*[(\[]?([A-Za-z])[)\].:、．]\s*(?=\S)")


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question whose answer isn't read yet."""

    example: Example
    keyed: Keyed


def make(source: Source) -> Lettered:
    """The task ``choices``: see the module.

    ``data`` is a file, a folder of files, or a data set of the hub, as of
    :func:`selfcorrect.tasks.data.sources.rows_of`, or a data frame. Options: ``field`` says in
    which column a part of a question stands (``question=Frage``, or a table of them); ``answers``
    says how answers are read (``index``, ``letter``, ``text``, …), where their column doesn't. An
    example without an id has its file and line as one; without a cluster it is its own.

    Raises:
        UserError: for missing data, columns that say nothing, answers that could be read in two
            ways, and bad lines, with file and line.
    """
    source.only(options=("field", "answers", *IMAGES), frames=True)
    if source.data is None and source.frame is None:
        raise UserError(
            "task 'choices' needs data: a file of your questions (JSON, CSV, TSV, Parquet), a "
            "folder of them, or hub:owner/name"
        )
    skipped: list[str] | None = [] if source.skip_bad else None
    images = source.images
    rows = build(rows_of(source), lambda row: replace(row, images=images), skipped)
    if not rows:
        return Lettered("choices", [], wording=CORRECT, skipped=skipped or ())
    layout = layout_of(rows, source.pairs("field"))
    drafts = build(rows, lambda row: _draft(row, layout), skipped)
    # What the whole column leaves open is no fault of a line, so that skip_bad doesn't help.
    reading = reading_of(
        [each.keyed for each in drafts if not each.keyed.unlabelled],
        asked=source.option("answers", ""),
        stated=layout.stated or (FROM_0 if layout.first else ""),
    )
    if not layout.name and "answer" not in source.pairs("field"):
        _check_only_answer([each.keyed for each in drafts], reading, layout)
    of = {id(draft.keyed.row): draft for draft in drafts}

    def item(row: Row) -> tuple[str, Item]:
        return row.where, _item(of[id(row)], reading, layout, source.seed)

    items = build([each.keyed.row for each in drafts], item, skipped)
    return Lettered(
        "choices",
        unique(items, skipped),
        wording=CORRECT,
        skipped=skipped or (),
        read_as=[_told(next((r for r in rows if layout.fits(r)), rows[0]), layout, reading)],
    )


def _check_only_answer(column: Sequence[Keyed], reading: Reading, layout: Layout) -> None:
    """Raise UserError where another column of an answer's usual name says otherwise: one of the two
    may be what some model answered. A column in which one value is no choice's is none."""
    names = dict.fromkeys(name for each in column for name in each.row.fields)
    used = {layout.answer, layout.question, *layout.choices}
    for name in names:
        if name in used or plain_name(name) not in NAMES["answer"]:
            continue
        differs = None
        for each in column:
            other = Keyed(each.row, each.choices, each.row.fields.get(name), each.names)
            if each.unlabelled or other.unlabelled:
                continue
            fits = set(other.fits().values())
            if not fits:
                break
            mine = {at for kind, at in each.fits().items() if kind in reading.kinds}
            differs = differs or (None if mine & fits or not mine else other)
        else:
            if differs is not None:
                value = short(differs.row.fields[layout.answer])
                raise differs.row.error(
                    f"{layout.answer!r} says {value} and {name!r} says {short(differs.value)}, and "
                    f"both may be the right answer: say --field answer={layout.answer} or "
                    f"--field answer={name}"
                )


def _told(row: Row, layout: Layout, reading: Reading) -> str:
    """What the data were taken for, in a sentence."""
    kind = f"{layout.name}, {row.form}" if layout.name else row.form
    order = "the options, each once, in an order drawn from the seed" if layout.first else ""
    answers = order or f"answers are {reading.about}"
    return f"The data are read as {kind}: {layout.told(row)}; {answers}."


def _draft(row: Row, layout: Layout) -> _Draft:
    question = _text(row, layout.question, "question")
    marked, names = _choices(row, layout)
    choices = _unmarked(marked)
    if layout.first:
        choices = _distinct(choices)
    if problem := problem_with(choices):
        raise row.error(problem)
    fields = {"question": question}
    if layout.ask:
        fields = {"context": question, "question": layout.ask}
    elif context := _optional(row, layout.context):
        fields["context"] = context
    name = _joined(row, layout.id) or row.name()
    cluster = _joined(row, layout.cluster) or name
    example = Example(name, fields, tuple(choices), cluster, _images(row, layout))
    answer = 0 if layout.first and not layout.stated else pick(row.fields, layout.answer)
    if answer is MISSING:
        raise row.missing(layout.answer.split("|")[0])
    if choices is not marked and isinstance(answer, str) and (mark := _MARK.match(answer)):
        answer = answer[mark.end() :]
    return _Draft(example, Keyed(row, choices, answer, names))


def _item(draft: _Draft, reading: Reading, layout: Layout, seed: int) -> Item:
    example = draft.example
    if not layout.first:
        return Item(example, reading.target(draft.keyed))
    target = 0 if not layout.stated else reading.target(draft.keyed)
    shown = list(range(len(example.choices)))
    Random(draw(seed, "options", example.id)).shuffle(shown)
    choices = tuple(example.choices[i] for i in shown)
    return Item(
        Example(example.id, example.fields, choices, example.cluster, example.images),
        shown.index(target),
    )


def _choices(row: Row, layout: Layout) -> tuple[list[str], list[str]]:
    """The choices, and what the data call them."""
    found: list[str] = []
    called: list[str] = []
    for path in layout.choices:
        value = pick(row.fields, path)
        if len(layout.choices) == 1 or path.endswith(";"):
            value = nested(value)
        if isinstance(value, dict):  # {"A": text, "B": text}
            called += [tidy(str(key)) for key in value]
            value = ["" if each is None else each for each in value.values()]
        if len(layout.choices) == 1 and not isinstance(value, list):
            raise row.error(
                f"{_one(row, path)!r} must be a list of texts, not {short(value)}; in a table give "
                """each option a column (A, B, C), or write ["red", "blue"] into the cell"""
            )
        if isinstance(value, list):
            found += [_choice(row, path, each) for each in value]
        else:
            found.append("" if value in (MISSING, None) else _choice(row, path, value))
            called.append(path)
    if layout.choices[0] == "choice_a" and (problem := left_out(row)):
        raise row.error(problem)
    while found and (not found[-1].strip() or found[-1].strip() == layout.filler):
        found.pop()
    if layout.names:
        value = nested(pick(row.fields, layout.names))
        called = [tidy(str(each)) for each in value] if isinstance(value, list) else []
    return found, called[: len(found)] if len(called) >= len(found) else []


def _unmarked(choices: list[str]) -> list[str]:
    """Choices without the letters of their own ("(A) one", "B. two") that all of them have, in
    order: shown beside ours, or in another order, they would be two answers in one."""
    marks = [_MARK.match(each) for each in choices]
    letters = [mark[1].lower() if mark else "" for mark in marks]
    if len(choices) < 2 or letters != list(ascii_lowercase[: len(choices)]):
        return choices
    return [each[mark.end() :] for each, mark in zip(choices, marks, strict=True) if mark]


def _choice(row: Row, path: str, value: object) -> str:
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        raise row.error(f"{_one(row, path)!r} must be a list of texts, and {short(value)} is none")
    row.writable(path, value)
    return value


def _one(row: Row, path: str) -> str:
    """Of several names of a column the one that is there."""
    each = [path] if path in row.fields else path.split("|")
    return next((one for one in each if pick(row.fields, one) is not MISSING), each[0])


def _distinct(choices: Sequence[str]) -> list[str]:
    """Choices of which the first is right, each once: a false one that repeats another isn't shown
    again."""
    found: dict[str, str] = {}
    for each in choices:
        found.setdefault(bare(each) or tidy(each), each)
    return list(found.values())


def _text(row: Row, path: str, part: str) -> str:
    value = pick(row.fields, path)
    if value is MISSING or value is None:
        raise row.missing(path.split("|")[0])
    return Row(row.where, {part: value}, row.form).text(part)


def _optional(row: Row, path: str) -> str:
    value = pick(row.fields, path) if path else MISSING
    if value is MISSING:
        return ""
    return Row(row.where, {path: value}, row.form).optional(path)


def _joined(row: Row, paths: Sequence[str]) -> str:
    """The values of several columns with slashes between them; empty if one is missing."""
    found = [_optional(row, path) for path in paths]
    return "/".join(found) if all(found) else ""


def _images(row: Row, layout: Layout) -> tuple[Image, ...]:
    found = [(path, pick(row.fields, path)) for path in layout.image.split("|")]
    filled = [(p, each) for p, each in found if each is not MISSING and each not in (None, "", [])]
    if not filled:
        return ()
    if len(filled) > 1:  # one of them would be left out in silence
        names = " and ".join(repr(path) for path, _ in filled)
        raise row.error(
            f"{names} could all be its images: say which, as --field image={filled[0][0]}"
        )
    named = filled[0][1]
    images = named if isinstance(named, list) else [named]
    return tuple(row.image("the image", each) for each in images)
