"""Reading a reply as one of several lettered options, never by a mere substring."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase as LETTERS
from typing import Literal

from selfcorrect.tasks.lettered.guards import is_name
from selfcorrect.tasks.lettered.phrases import WRONG
from selfcorrect.tasks.lettered.statements import Reply
from selfcorrect.tasks.plain import EDGE, bare, folded, tidy, too_long, visible
from selfcorrect.tasks.reader import Reader
from selfcorrect.tasks.said import own_part, said

__all__ = ["LETTERS", "Found", "find", "found_by", "read"]

#: Part of a run's identity: another number where replies are read in another way.
VERSION = 4

_JOIN = r"(?:\s*[,/&+]\s*(?:(?:and|or)\s+)?|\s+(?:and|or|and/or)\s+)"
# What may stand before a letter, and what must follow it: a closing bracket, the end, a line
# break, punctuation, a dash. Not a blank and a word: that is an article ("a person") or "I think".
_OPEN = r"[\s\"'“‘*_(\[]*"
_SHUT = r"(?:[*_]*\s*[)\]}]|[*_]*\s*(?:$|\n|[.:;,!?\"'”’](?![^\W_])|[-–—=](?![^\W_])))"
_ONE = re.compile(rf"{_OPEN}([a-z])({_SHUT})")
_MANY = re.compile(rf"{_OPEN}([a-z])[)\]]?{_JOIN}[(\[]?([a-z])(?={_SHUT}|\s*(?:/|&|\+|and\b|or\b))")


@dataclass(frozen=True, slots=True)
class Found:
    """Which option a reply names.

    Attributes:
        choice: index of the option, or ``None``.
        problem: why there is none: ``empty``, ``no option``, ``several options``.
        at: where its letter stands in the text; ``None`` where it is named in another way.
        firm: whether it stays whatever text follows.
        keeps: the reply keeps an earlier answer: the last, or that of the first round.
    """

    choice: int | None
    problem: str | None
    at: int | None = None
    firm: bool = True
    keeps: Literal["", "last", "first"] = ""


def find(text: str, choices: Sequence[str], leads: Sequence[str]) -> Found:
    """Which option a reply names, read in one of two ways.

    A reply that begins with a lead-in was begun by us: the letter right after it counts, which
    nothing but a bracket, punctuation, a line break or the end follows (``b)``, ``(b) the text``,
    ``b.``), or the option's text that is all the rest. If neither stands there the reply doesn't go
    on from the lead-in, and is read as any other: :mod:`selfcorrect.tasks.lettered.statements`,
    which finds the last statement of an answer. A letter or a text anywhere else is not an answer:
    ``(a)`` within a sentence, ``a`` as in "a person". Capitals don't matter. What stands in
    ``<think>`` is no part of a reply.

    Args:
        text: the assistant's message, lead-in included.
        choices: the options' texts.
        leads: lead-ins, each of which ends where the letter is expected; an empty one is none.
    """
    body = visible(unicodedata.normalize("NFC", text))
    begun = _beginning(body, leads)
    rest = said(body[begun:])
    if not rest.strip(" \n(["):
        return Found(None, "empty")
    if too_long(rest):
        return Found(None, "no option", firm=False)
    at = body.find(rest.strip(), begun) if body == text else -1
    alone = len(rest.strip(EDGE)) == 1
    options, letter = (
        _options(rest, choices) if begun or alone else (_same_text(rest, choices), None)
    )
    if begun and letter is not None and (_restates(rest, choices) or _ruled_out(rest, letter)):
        options = set()  # it doesn't go on from the lead-in
    if len(options) == 1:
        where = None if letter is None or at < 0 else _where(text, at, rest, letter)
        return Found(options.pop(), None, where)
    if options:
        return Found(None, "several options")
    free = rest.lstrip(" \n([" if begun else " \n")  # the lead-in's own bracket is no part of it
    told = Reply(free, choices, leads).stated()
    if told.option is not None and (own := own_part(free)) != free:
        before = Reply(own, choices, leads).stated().option
        if before is not None and before != told.option:
            return Found(None, "several options")  # of this question, and of one that it made up
    where = None
    if told.letter is not None and told.option is not None and at >= 0:
        where = at + len(rest.lstrip()) - len(free) + told.letter
        if text[where : where + 1].casefold() != LETTERS[told.option]:
            where = None  # what stands there is a sign that means a letter
    firm = told.begins or (told.option is None and not told.keeps)
    return Found(told.option, told.problem, where, firm, told.keeps)


def found_by(reader: Reader, text: str, choices: Sequence[str], leads: Sequence[str]) -> Found:
    """Which option a reply names, read as a user says; see :func:`find`.

    By a pattern it is the one whose letter or text its group holds.
    """
    if not reader.pattern:
        return find(text, choices, (*leads, *reader.lead_ins))
    body = said(text)
    span = reader.span(body)
    if span is None:
        return Found(None, "no option" if body.strip() else "empty", firm=False)
    options, letter = _options(body[span[0] : span[1]], choices)
    if len(options) != 1:
        return Found(None, "several options" if options else "no option", firm=False)
    at = None if letter is None or body != text else span[0] + letter
    choice = options.pop()
    if at is not None and text[at].casefold() != LETTERS[choice]:
        at = None
    return Found(choice, None, at, firm=False)


def read(
    text: str, choices: Sequence[str], prefill: str, heard: Sequence[str] = ()
) -> tuple[int | None, str | None]:
    """The option's index and ``None``, or ``None`` and the problem: see :func:`find`."""
    found = find(text, choices, (prefill, *heard))
    return found.choice, found.problem


def _beginning(body: str, leads: Sequence[str]) -> int:
    """The end of the lead-in that a reply begins with, said once or twice; 0 without one."""
    known = sorted({words for lead in leads if (words := tidy(lead).rstrip(" ([").casefold())})
    if not known:
        return 0
    either = "|".join(map(_pattern, sorted(known, key=len, reverse=True)))
    found = re.match(rf"(?:\s*[(\[]?(?:{either})(?:\s*:)?)+", body, re.IGNORECASE)
    return found.end() if found else 0


def _pattern(lead: str) -> str:
    words = r"\s+".join(re.escape(word) for word in lead.split())
    return words + (r"(?!\w)" if re.search(r"\w$", lead) else "")


def _options(rest: str, choices: Sequence[str]) -> tuple[set[int], int | None]:
    """Every option that this text names, by its letter or by its whole text, and where the letter
    stands in lower case."""
    labels = LETTERS[: len(choices)]
    plain = unicodedata.normalize("NFKC", rest).casefold()  # full-width and encircled letters
    found = _same_text(rest, choices)
    two = _MANY.match(plain)
    if two and two[1] != two[2] and two[1] in labels and two[2] in labels:
        # "a and b" may be an option's whole text.
        return found or {labels.index(two[1]), labels.index(two[2])}, None
    one = _ONE.match(plain)
    if one is None or one[1] not in labels:
        return found, None
    if _is_name(plain, one.end(1), labels.index(one[1]), choices, found):
        return found, None
    closed = one[2].strip("*_ \n") in (")", "]", "}")
    # "b)" is a letter even if some option reads "B"; a bare "b" then fits two.
    tail = plain[one.end() :]
    if closed and not tail.strip(EDGE):
        found = set()
    found |= {labels.index(one[1])} | _same_text(tail, choices)
    return found, one.start(1)


def _is_name(plain: str, end: int, letter: int, choices: Sequence[str], named: set[int]) -> bool:
    """Whether what seems a letter is somebody's initial: "A. Smith", where that is no option's own
    text, or is another option's as it stands; also at the beginning of a sentence ("A. Smith did
    it"), where another option ends with that name."""
    own = folded(choices[letter])
    if plain[end : end + 2] != ". " or folded(plain[end + 1 :]).startswith(own):
        return False
    return bool(named) or is_name(plain, end, letter, [folded(each) for each in choices])


def _ruled_out(rest: str, letter: int) -> bool:
    """Whether the letter that a text begins with is said to be wrong."""
    tail = unicodedata.normalize("NFKC", rest).casefold()[letter + 1 :].lstrip(")]}*_\"'")
    return WRONG.match(tail) is not None


def _where(text: str, at: int, rest: str, letter: int) -> int | None:
    """Where the letter stands that was read at a place of the rest in lower case."""
    plain = unicodedata.normalize("NFKC", rest).casefold()
    place = at - (len(rest) - len(rest.lstrip())) + letter
    same = rest[: letter + 1].casefold() == plain[: letter + 1]
    return place if same and text[place].casefold() == plain[letter] else None


def _same_text(text: str, choices: Sequence[str]) -> set[int]:
    """The options that the text is: exactly, else but for capitals, else but for its edges."""
    for form in (tidy, folded, bare):
        wanted = form(text)
        same = {i for i, choice in enumerate(choices) if wanted and form(choice) == wanted}
        if same:
            return same
    return set()


def _restates(text: str, choices: Sequence[str]) -> bool:
    """Whether a text shows several options again, each on a line with its letter and its text."""
    lines = [line.lstrip(" ([*").casefold() for line in text.splitlines() if line.strip()]
    shown = 0
    for letter, choice in zip(LETTERS, choices, strict=False):
        mark = re.compile(rf"{letter}[)\].:*]{{1,3}} *{re.escape(choice.casefold().strip())}(?!\w)")
        shown += any(mark.match(line) for line in lines)
    return shown > 1
