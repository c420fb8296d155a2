"""Dialogues that exist already, from JSONL: whoever held them, a model now measures their options.

An object a line: ``messages`` (``role`` and ``content``), ``choices`` (the options' texts, in the
order of their letters), and if wanted ``answer`` (the right choice's index from 0, letter, or
text), ``id`` and ``cluster``. Every message of the assistant is a round's answer; or, where any has
a ``round``, the last one of each round is, and those without are no answers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image, Message
from selfcorrect.tasks.base import Example, Turn
from selfcorrect.tasks.data.rows import Row, build, files, jsonl
from selfcorrect.tasks.lettered import LEAD_IN, Item, Lettered, problem_with, unique
from selfcorrect.tasks.lettered.letters import LETTERS, found_by
from selfcorrect.tasks.lettered.targets import target_of
from selfcorrect.tasks.reader import Reader
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import CORRECT

#: A message, and the round that it is marked with.
_Marked = tuple[Message, int | None]

# OpenAI's newer name of the role, too
_ROLES = {each: each for each in ("system", "user", "assistant", "tool")} | {"developer": "system"}


def make(source: Source) -> Lettered:
    """The task ``dialogues``: see the module.

    ``data`` is a ``.jsonl`` file or a folder of them. Where an answer's letter stands, its reader
    says (:mod:`selfcorrect.tasks.reader`).

    Raises:
        UserError: for a missing file and bad lines, with file and line; where some dialogues have a
            right answer and others don't.
    """
    source.only(options=())
    if source.data is None:
        raise UserError("task 'dialogues' needs data: a .jsonl file of your dialogues")
    reader = source.reader
    lead_in = reader.lead_ins[0] if reader.lead_ins else LEAD_IN
    skipped: list[str] | None = [] if source.skip_bad else None
    items: list[tuple[str, Item]] = []
    for path in files(source.data):
        items += build(jsonl(path), lambda row: (row.where, _item(row, lead_in, reader)), skipped)
    _check_answers(items)
    return Lettered(
        "dialogues",
        unique(items, skipped),
        wording=CORRECT,
        lead_in=lead_in,
        reader=reader,
        skipped=skipped or (),
    )


def _check_answers(items: list[tuple[str, Item]]) -> None:
    """Raises UserError where a right answer is missing that other dialogues have."""
    without = [where for where, item in items if item.target is None]
    if without and len(without) < len(items):
        raise UserError(
            f"{without[0]}: the field 'answer' is missing, which other dialogues have: give it in "
            "all of them, or in none"
        )


def _item(row: Row, lead_in: str, reader: Reader) -> Item:
    choices = row.texts("choices")
    if problem := problem_with(choices):
        raise row.error(problem)
    target = None if row.fields.get("answer") in (None, "") else target_of(row, choices)
    path, _, line = row.where.rpartition(":")
    # Not row.where: the same file must have the same ids wherever it lies.
    name = row.optional("id") or f"{Path(path).name}:{line}"
    turns = _turns(row, choices, lead_in, reader)
    example = Example(name, {}, tuple(choices), row.optional("cluster") or name, turns=turns)
    return Item(example, target)


def _turns(row: Row, choices: list[str], lead_in: str, reader: Reader) -> tuple[Turn, ...]:
    listed = row.get("messages", list)
    messages = [_message(row, number, each) for number, each in enumerate(listed, 1)]
    answers = _answers(row, messages)
    turns, begin = [], 0
    for at in answers:
        before = tuple(each for each, _ in messages[begin:at])
        turns.append(_turn(before, messages[at][0].text, choices, lead_in, reader))
        begin = at + 1
    if not turns[0].messages:
        raise row.error("message 1 is an answer already: the question must stand before it")
    if begin < len(messages):
        raise row.error(
            f"message {begin + 1} comes after the last answer and belongs to no round: leave it out"
        )
    return tuple(turns)


def _message(row: Row, number: int, entry: object) -> _Marked:
    if not isinstance(entry, Mapping):
        raise row.error(f"message {number} must be an object with 'role' and 'content'")
    role, content, mark = entry.get("role"), entry.get("content"), entry.get("round")
    if role not in _ROLES:
        raise row.error(f"message {number} has the role {role!r}: {nearest(str(role), _ROLES)}")
    if mark is not None and (not isinstance(mark, int) or isinstance(mark, bool) or mark < 1):
        raise row.error(f"the round of message {number} must be a whole number, not {mark!r}")
    parts: list[str | Image] = []
    for each in content if isinstance(content, list) else [content]:
        part = _part(row, number, str(role), each)
        last = parts[-1] if parts else None
        if isinstance(part, str) and isinstance(last, str):
            parts[-1] = last + part
        else:
            parts.append(part)
    return Message(_ROLES[str(role)], tuple(parts)), mark


def _part(row: Row, number: int, role: str, part: object) -> str | Image:
    name = f"message {number}"
    kind = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(part, Mapping) and kind in ("text", "input_text", "output_text"):
        part = part.get("text")
    if isinstance(part, str):
        row.writable(name, part)
        return part
    if isinstance(part, Mapping) and kind in ("image_url", "input_image") and role != "assistant":
        image = part.get("image_url")
        return row.image(name, image.get("url") if isinstance(image, Mapping) else image)
    what = repr(kind or "something else") if isinstance(part, Mapping) else "no text"
    also = "" if role == "assistant" else ", or parts of text and images"
    raise row.error(f"{name} holds {what}: its content must be text{also}")


def _answers(row: Row, messages: list[_Marked]) -> list[int]:
    """Where the rounds' answers stand among the messages."""
    spoken = [at for at, (each, _) in enumerate(messages) if each.role == "assistant"]
    marks = {at: mark for at in spoken if (mark := messages[at][1]) is not None}
    if not spoken:
        raise row.error("none of the messages is the assistant's: there is no answer to measure")
    if not marks:
        return spoken
    rounds = list(marks.values())
    last = {mark: at for at, mark in marks.items()}
    if rounds != sorted(rounds) or list(last) != list(range(1, len(last) + 1)):
        raise row.error(
            f"the answers' rounds are {', '.join(map(str, rounds))}: they must begin with 1 and "
            "leave none out"
        )
    return list(last.values())


def _turn(
    messages: tuple[Message, ...], text: str, choices: list[str], lead_in: str, reader: Reader
) -> Turn:
    at = found_by(reader, text, choices, (lead_in,)).at
    if at is None:
        # A letter may stand right behind an opening bracket, but not behind a word or colon.
        space = "" if unicodedata.category(lead_in[-1]) == "Ps" else " "
        apart = not text.startswith(lead_in)  # else it is clear where the letter would stand
        return Turn(messages, text, lead_in, _labels(space, LETTERS, choices), apart)
    prefix = text[:at].rstrip()
    # the space belongs to the letter's token
    space, letters = text[len(prefix) : at], LETTERS.upper() if text[at].isupper() else LETTERS
    return Turn(messages, text, prefix, _labels(space, letters, choices))


def _labels(space: str, letters: str, choices: list[str]) -> tuple[str, ...]:
    return tuple(space + letter for letter in letters[: len(choices)])
