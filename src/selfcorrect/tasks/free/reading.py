"""Reading a reply as an answer: its key is what makes two of them the same."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.free.numbers import Number, canonical, numbers, plain
from selfcorrect.tasks.plain import bare, tidy

_HASHES = re.compile(r"#{4,}")
_BOXED = re.compile(r"\\boxed\s*\{")
_ANSWER = re.compile(r"\banswer[*_]{0,3}\s*(?:is\b|:|=)", re.IGNORECASE)
#: What may stand between a marker and its number.
_BETWEEN = " \t\r\n:=*_~`\"'“‘$([{\\"
#: Not after an abbreviation, as in "approx. 5".
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z]|\s*$)|;(?=\s)|\n")
_MOST_MARKS = 8
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
    return _answer(text, _last(plain(text)), provisional=True)


def final_number(example: Example, text: str) -> Answer:
    """The number in which a derivation ends is the answer; see :func:`stated` and
    :func:`last_number`: it is the one that is stated, else the last. One that is stated stays,
    whatever follows, unless the text ends with it: it may be half of a number."""
    del example
    shown = plain(text)
    found, last = _stated(shown), _last(shown)
    half = last is not None and last.end == len(shown)
    return _answer(text, found or last, provisional=found is None or half)


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
    """Whether a reply says which number is its result.

    It does after the last ``####`` with a number right after it, else in the last ``\\boxed{}``
    with a number in it, else after the last "answer is" or "answer:" with a number in the same
    sentence. Where that sentence (or box) is an equation, the number after its last ``=`` counts,
    else the first.
    """
    return _stated(plain(text)) is not None


def _stated(text: str) -> Number | None:
    for part in (_after_hashes(text), _in_boxes(text), _after_answer(text)):
        if found := next(filter(None, map(_result, part)), None):
            return found
    return None


def _after_hashes(text: str) -> Iterator[str]:
    for mark in _marks(_HASHES, text):
        rest = text[mark.end() :].lstrip(_BETWEEN)
        if found := _ANSWER.match(rest):
            rest = rest[found.end() :].lstrip(_BETWEEN)
        first = next(numbers(rest.partition("\n")[0]), None)
        if first is not None and first.start == 0:  # else it is a heading
            yield rest


def _in_boxes(text: str) -> Iterator[str]:
    for mark in _marks(_BOXED, text):
        depth, end = 1, mark.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield text[mark.end() : end - (depth == 0)]


def _after_answer(text: str) -> Iterator[str]:
    for mark in _marks(_ANSWER, text):
        yield text[mark.end() :].lstrip(_BETWEEN)


def _marks(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """From the last; of a text that is full of them only some, so that none takes long."""
    return reversed(deque(pattern.finditer(text), maxlen=_MOST_MARKS))


def _result(text: str) -> Number | None:
    """The number that the first sentence of a text comes to, if there is one in it."""
    end = _SENTENCE_END.search(text)
    sentence = text[: end.start()] if end else text
    found = list(numbers(sentence))
    equals = sentence.rfind("=")
    return next((n for n in found if n.start > equals), found[0] if found else None)


def _last(text: str) -> Number | None:
    return next(iter(deque(numbers(text), maxlen=1)), None)


def _answer(text: str, found: Number | None, *, provisional: bool) -> Answer:
    if found is not None and found.value is not None:
        return Answer(text, canonical(found.value), provisional=provisional)
    return Answer(text, problem="no number" if tidy(text) else "empty")
