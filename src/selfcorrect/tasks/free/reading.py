"""Reading a reply as an answer: its key is what makes two of them the same."""

from __future__ import annotations

import re
from collections import deque

from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.free import results
from selfcorrect.tasks.free.numbers import Number, canonical, numbers, plain
from selfcorrect.tasks.plain import bare, tidy, too_long
from selfcorrect.tasks.reader import Reader
from selfcorrect.tasks.said import own_part, said

#: Part of a run's identity: another number where numbers are read in another way.
VERSION = 3
#: So many of the last places of a lead-in are looked at.
_MOST_LEADS = 8
#: What may stand before a beginning that is repeated.
_OPENING = r"[\s\"'“‘«*_>…]*"


def whole_text(example: Example, text: str) -> Answer:
    """All of the reply is the answer, but for the ``beginning`` that the example may ask to go on
    from; capitals, blanks and what stands around it don't matter."""
    text = without(example.fields.get("beginning", ""), text)
    key = bare(text) or tidy(text)  # "?!" is an answer that is nothing but its edges
    return Answer(text, key) if key else Answer(text, problem="empty")


def without(beginning: str, text: str) -> str:
    """A reply without the given beginning, where it repeats that first: it isn't the model's."""
    words = beginning.split()
    if not words:
        return text
    found = re.match(_OPENING + r"\s+".join(map(re.escape, words)), text, re.IGNORECASE)
    return text[found.end() :].lstrip() if found else text


def last_number(example: Example, text: str) -> Answer:
    """The last number of the reply is the answer: 1,200 and 1200.0 are the same.

    What a number is, says :mod:`selfcorrect.tasks.free.numbers`. Its key is what
    ``fractions.Fraction`` reads: ``1200``, ``-0.5``, ``1/3``. A text that goes on may have another.
    """
    del example
    body = said(text)
    if too_long(body):
        return _unread(text)
    return _answer(text, _last(plain(body)), provisional=True)


def final_number(example: Example, text: str) -> Answer:
    """The number in which a derivation ends is the answer; see :func:`stated` and
    :func:`last_number`: it is the one that is stated, else the last. One that is stated stays,
    whatever follows, unless the text ends with it: it may be half of a number.

    What is denied, asked, supposed or another's is no answer ("not 12"), nor is one of several that
    stand side by side (a range, "3 or 4"). A reply that keeps the earlier answer and states no
    number keeps it.
    """
    del example
    body = said(text)
    if too_long(body):
        return _unread(text)
    shown = plain(body)
    found = results.stated(shown)
    if found.number is None and found.keeps:
        return Answer(text, problem="no number", provisional=True, keeps=found.keeps)
    own = own_part(shown)
    number = found.number or (None if found.several else _last_result(shown, own, found))
    if found.number is not None and found.number.start >= len(own):
        number = _agreed(found.number, own)
    end = _last(shown)
    half = end is not None and end.end == len(shown)
    return _answer(text, number, provisional=found.number is None or half)


def _last_result(shown: str, own: str, found: results.Result) -> Number | None:
    """The last number that could be a result: not one of a question that was made up after it."""
    return results.last(own, found.void) or results.last(shown, found.void)


def _agreed(number: Number, own: str) -> Number | None:
    """The result of what follows a reply's own part, unless that has another: the model made up the
    next question, or asked itself one; nobody can say."""
    before = results.stated(own)
    first = before.number or results.last(own, before.void)
    return number if first is None or first.value == number.value else None


def number_by(reader: Reader, example: Example, text: str) -> Answer:
    """The number that a reply gives, read as a user says: the one in the group of the pattern, or
    right after the last of the lead-ins, else as :func:`final_number` does."""
    if reader.pattern:
        given = reader.given(text)
        if given is None:
            return Answer(text, problem="no number" if tidy(text) else "empty", provisional=True)
        every = list(numbers(plain(given)))
        return _answer(text, every[0] if len(every) == 1 else None, provisional=True)
    body = said(text)
    if too_long(body):
        return _unread(text)
    for lead in reader.lead_ins:
        words = r"\s+".join(map(re.escape, lead.split()))
        for found in reversed(list(re.finditer(words, body, re.IGNORECASE))[-_MOST_LEADS:]):
            line = plain(body[found.end() :].lstrip(" :\n").partition("\n")[0])
            first = next(numbers(line), None)
            if first is not None and not line[: first.start].strip(" *_$`\"'=(["):
                return _answer(text, first, provisional=first.end == len(line))
    return final_number(example, text)


def only_number(text: str) -> str | None:
    """The key of the number that a text consists of, but for currency, ``%`` and what stands around
    it; ``None`` where it is none, or more than that."""
    shown = plain(text).strip().rstrip(". %€£¥*$")
    found = next(numbers(shown.lstrip("*")), None)
    whole = shown.lstrip("*")
    if found is None or found.value is None or (found.start, found.end) != (0, len(whole)):
        return None
    return canonical(found.value)


def stated(text: str) -> bool:
    """Whether a reply says which number is its result: see
    :func:`selfcorrect.tasks.free.results.stated`."""
    body = said(text)
    return not too_long(body) and results.stated(plain(body)).number is not None


def _last(text: str) -> Number | None:
    return next(iter(deque(numbers(text), maxlen=1)), None)


def _unread(text: str) -> Answer:
    return Answer(text, problem="no number", provisional=True)


def _answer(text: str, found: Number | None, *, provisional: bool) -> Answer:
    if found is not None and found.value is not None:
        return Answer(text, canonical(found.value), provisional=provisional)
    return Answer(text, problem="no number" if tidy(text) else "empty")
