"""Dialogues that exist already: whoever held them, a model now measures their options.

Of a dialogue there are ``messages`` (``role`` and ``content``), ``choices`` (the options' texts, in
the order of their letters), and if wanted the right answer, ``id`` and ``cluster``. Every message
of the assistant is a round's answer; or, where any has a ``round``, the last one of each round is,
and those without are no answers. Logs of other programs are read as that
(:mod:`selfcorrect.tasks.data.dialogue_rows`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image, Message
from selfcorrect.tasks.base import Example, Turn
from selfcorrect.tasks.data.dialogue_rows import PARTS, dialogue_rows, frame_dialogues
from selfcorrect.tasks.data.rows import TABLES, Row, build, files
from selfcorrect.tasks.data.usual_names import turned_round
from selfcorrect.tasks.lettered import LEAD_IN, Item, Lettered, problem_with, unique
from selfcorrect.tasks.lettered.letters import LETTERS, found_by
from selfcorrect.tasks.lettered.targets import Keyed, Reading, reading_of
from selfcorrect.tasks.reader import Reader
from selfcorrect.tasks.source import IMAGES, Source
from selfcorrect.tasks.wording import CORRECT

#: A message, and the round that it is marked with.
_Marked = tuple[Message, int | None]

# OpenAI's newer name of the role, too
_ROLES = {each: each for each in ("system", "user", "assistant", "tool")} | {"developer": "system"}
#: Parts of a message that are thoughts, which no later message is shown.
_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True)
class _Draft:
    """A dialogue whose right answer isn't read yet; ``None`` where nobody says which it is."""

    row: Row
    example: Example
    keyed: Keyed | None


def make(source: Source) -> Lettered:
    """The task ``dialogues``: see the module.

    ``data`` is a file (JSON, Parquet, a log of inspect), a folder of them, or a frame. Options:
    ``field`` and ``answers`` as of the task ``choices``. Where an answer's letter stands, its
    reader says (:mod:`selfcorrect.tasks.reader`).

    Raises:
        UserError: for a missing file and bad lines, with file and line; where some dialogues have a
            right answer and others don't.
    """
    source.only(options=("field", "answers", *IMAGES), frames=True)
    if source.data is None and source.frame is None:
        raise UserError("task 'dialogues' needs data: a file of your dialogues, such as .jsonl")
    reader = source.reader
    lead_in = reader.lead_ins[0] if reader.lead_ins else LEAD_IN
    said = source.pairs("field")
    for part, columns in said.items():
        if part not in PARTS:
            if len(columns) == 1 and columns[0] in PARTS:
                raise UserError(turned_round(part, columns[0]))
            raise UserError(f"there is no field {part!r} of a dialogue: {nearest(part, PARTS)}")
    skipped: list[str] | None = [] if source.skip_bad else None
    drafts: list[_Draft] = []
    images = source.images
    read = [frame_dialogues(source.frame, said)] if source.frame is not None else []
    paths = files(source.data, (*TABLES, ".eval")) if source.data is not None else []
    for rows in (*read, *(dialogue_rows(path, said) for path in paths)):
        drafts += build(
            rows, lambda row: _draft(replace(row, images=images), lead_in, reader), skipped
        )
    _check_answers(drafts)
    keyed = [each.keyed for each in drafts if each.keyed is not None]
    reading = reading_of(keyed, asked=source.option("answers", "")) if keyed else None
    of = {id(draft.row): draft for draft in drafts}
    items = build([each.row for each in drafts], lambda row: _item(of[id(row)], reading), skipped)
    return Lettered(
        "dialogues",
        unique(items, skipped),
        wording=CORRECT,
        lead_in=lead_in,
        reader=reader,
        skipped=skipped or (),
        read_as=_told(drafts, reading),
    )


def _told(drafts: list[_Draft], reading: Reading | None) -> list[str]:
    """What the data were taken for, in a sentence."""
    forms = list(dict.fromkeys(draft.row.form for draft in drafts))
    if not forms:
        return []
    answers = f"right answers are {reading.about}" if reading else "no right answers are given"
    return [f"The dialogues are read as {' and as '.join(forms)}; {answers}."]


def _check_answers(drafts: list[_Draft]) -> None:
    """Raises UserError where a right answer is missing that other dialogues have."""
    without = [each for each in drafts if each.keyed is None]
    if without and len(without) < len(drafts):
        raise without[0].row.error(
            "the field 'answer' is missing, which other dialogues have: give it in all of them, or "
            "in none"
        )


def _item(draft: _Draft, reading: Reading | None) -> tuple[str, Item]:
    known = draft.keyed is not None and reading is not None
    target = reading.target(draft.keyed) if known else None  # type: ignore[union-attr, arg-type]
    return draft.row.where, Item(draft.example, target)


def _draft(row: Row, lead_in: str, reader: Reader) -> _Draft:
    if row.fields.get("choices") is None:
        raise row.error(
            "the field 'choices' is missing, and the first question lists no options by letters, a "
            "line each: give the options' texts in 'choices' (only answers to lettered questions "
            f"can be measured); {row.there('choices')}"
        )
    choices = row.texts("choices")
    if problem := problem_with(choices):
        raise row.error(problem)
    answer = row.fields.get("answer")
    keyed = None if answer in (None, "", []) else Keyed(row, choices, answer)
    name = row.name()
    turns = _turns(row, choices, lead_in, reader)
    example = Example(name, {}, tuple(choices), row.optional("cluster") or name, turns=turns)
    return _Draft(row, example, keyed)


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
    if not isinstance(role, str) or role not in _ROLES:
        raise row.error(f"message {number} has the role {role!r}: {nearest(str(role), _ROLES)}")
    if mark is not None and (not isinstance(mark, int) or isinstance(mark, bool) or mark < 1):
        raise row.error(f"the round of message {number} must be a whole number, not {mark!r}")
    parts: list[str | Image] = []
    told = content if isinstance(content, list) else [content]
    if role == "assistant":
        told = [each for each in told if not _is_thought(each)]
        called = entry.get("tool_calls") or entry.get("function_call")
        if called and not any(each not in (None, "") for each in told):
            raise row.error(f"message {number} calls a tool and has no text: it is no answer")
    for each in told:
        part = _part(row, number, str(role), each)
        last = parts[-1] if parts else None
        if isinstance(part, str) and isinstance(last, str):
            parts[-1] = last + part
        else:
            parts.append(part)
    return Message(_ROLES[str(role)], tuple(parts)), mark


def _is_thought(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") in _THOUGHTS


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
