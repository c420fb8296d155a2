"""Which of a text's numbers is its result: the one that it states, or else the last."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from selfcorrect.tasks.free.numbers import POWER, Number, numbers
from selfcorrect.tasks.lettered import phrases
from selfcorrect.tasks.lettered.guards import around, beside, holds

_HASHES = re.compile(r"#{4,}")
_BOXED = re.compile(r"\\boxed\s*\{")
_ANSWER = re.compile(
    rf"\b{phrases.KIND}{{0,4}}(?:answer|antwort|réponse|respuesta)[*_]{{0,3}}\s*"
    r"(?:(?:is|ist|lautet|est|es)\b|:|=)",
    re.IGNORECASE,
)
#: What may stand between a marker and its number.
_BETWEEN = " \t\r\n:=*_~`\"'“‘$([{\\"
#: Not after an abbreviation, as in "approx. 5".
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z]|\s*$)|;(?=\s)|\n")
_MOST_MARKS = 8
#: Between a marker and a number: then it isn't that number.
_DENIED = re.compile(
    r"(?<!\w)(?:not|\w+n't|never|neither|nor|cannot|unknown|unclear|wrong|either|between|less than"
    r"|more than|fewer than|greater than|at least|at most|over|under|above|below|from|nicht|pas)"
    r"(?!\w)",
    re.IGNORECASE,
)
#: After a number: another stands side by side with it, or it is only a part of something.
_RIVAL = re.compile(
    r"(?: ?(?:\\?[%°]|[A-Za-z]{1,12}))?,? (?:or|and|to|through|und|oder|bis|et|ou|à|y|o|a)"
    r"(?: maybe)? (?=[$€£]?\d)"
    r"|[-:/](?=\d)|, ?(?=[$€£]?\d)| ?[-–—] ?(?=\d)| (?=\d{3}(?!\d))| ?[*×+/](?= ?\d)"
    rf"|{POWER}| (?:\w+ )?(?:less|more|fewer|greater) than(?!\w)"
)
#: Before the last number of a text: a range, or a part of one; a name.
_BEFORE = re.compile(
    r"(?:\d ?[-–—] ?|\d:|\d,|\d (?:to|or|through) |[A-Za-z]-"
    r"|(?<!\w)(?:not|n't|never|isn't|cannot be|neither|nor|nicht|pas)(?: \w+){0,2} )[$€£]?\Z",
    re.IGNORECASE,
)
#: Numbers that only count lines or steps.
_COUNTS = re.compile(
    r"^[ \t]*[(\[]?\d{1,2}[.):][ \t]+(?=\D)|\b(?:step|question|problem|case|line|part|round)s? \d+",
    re.IGNORECASE | re.MULTILINE,
)
_REFUSES = re.compile(
    r"(?<!\w)(?:i|we)(?:'m| am)? ?(?:can't|cannot|can not|am unable to|unable to|won't|don't|do not"
    r"|refuse to)(?: \w+)? (?:answer|solve|help|determine|say|compute|calculate|know|tell)(?!\w)"
    r"|not enough information|can(?:'t|not| not) be (?:determined|known|computed|answered|solved)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a text states.

    Attributes:
        number: the result; ``None`` where none is stated.
        several: it states more than one, or takes the one that it stated back.
        void: where numbers stand that are no result: denied, asked, supposed, another's.
        keeps: it keeps an earlier answer, the last or the first one.
    """

    number: Number | None = None
    several: bool = False
    void: tuple[tuple[int, int], ...] = ()
    keeps: Literal["", "last", "first"] = ""


def stated(text: str) -> Result:
    """The result that a text from :func:`selfcorrect.tasks.free.numbers.plain` states.

    It does after the last ``####`` with a number right after it, else in the last ``\\boxed{}``
    with a number in it, else after the last "answer is" or "answer:" with a number in the same
    sentence. Where that sentence (or box) is an equation, the number after its last ``=`` counts,
    else the first, unless another stands side by side with it.
    """
    lower, void = text.lower(), list[tuple[int, int]]()
    keeps = _keeps(lower)
    for part in (_after_hashes(text), _in_boxes(text), _after_answer(text, lower, void)):
        found = [each for begin, end in part if (each := _result(text, begin, end, void))]
        if not found:
            continue
        first = found[0]
        if first.several:
            return Result(several=True, void=tuple(void))
        number = first.number
        assert number is not None
        if phrases.BACK.match(lower[number.end :].lstrip(" *_}$)")):
            return Result(several=True, void=tuple(void))
        for other in found[1:2] if text[: number.start].rstrip(_BETWEEN)[-1:] != "#" else ():
            near = other.number is not None and beside(lower, other.number.end, number.start)
            if near and other.number is not None and other.number.value != number.value:
                return Result(several=True, void=tuple(void))
        return Result(number, void=tuple(void))
    return Result(void=tuple(void), keeps=keeps)


def last(text: str, void: Sequence[tuple[int, int]] = ()) -> Number | None:
    """The last number of a text that could be its result: that of its last sentence with one."""
    if _REFUSES.search(text):
        return None
    counted = [found.span() for found in _COUNTS.finditer(text)]
    found = [n for n in numbers(text) if not any(a <= n.start < b for a, b in counted)]
    if not found:
        return None
    number = found[-1]
    if any(a <= number.start < b for a, b in void):
        return None
    before, after = around(text.lower(), number.start, number.end)
    if after.rstrip(" \"')").endswith("?") or phrases.OTHERS.search(before):
        return None
    if re.search(r"(?<!\w)(?:previous|earlier|initial|first|original) (?:answer|result)", before):
        return None
    if _BEFORE.search(text[max(0, number.start - 60) : number.start]):
        return None
    return None if text.startswith(POWER, number.end) else number


def _keeps(lower: str) -> Literal["", "last", "first"]:
    for match in deque(phrases.KEEP.finditer(lower), maxlen=1):
        before, after = around(lower, match.start(), match.end())
        if re.search(
            r"(?<!\w)(?:not|\w+n't|never|cannot|if|whether|should|no longer)(?!\w)", before
        ):
            return ""
        if after.rstrip().endswith("?") or re.match(r"(?: of| as|:|,)? ?[$€£(]*\d", after):
            return ""
        return "first" if match["which"] or match["which2"] else "last"
    return ""


def _after_hashes(text: str) -> Iterator[tuple[int, int]]:
    for mark in _marks(_HASHES, text):
        begin = _skip(text, mark.end())
        if found := _ANSWER.match(text, begin):
            begin = _skip(text, found.end())
        end = text.find("\n", begin)
        first = next(numbers(text[begin : end if end >= 0 else len(text)]), None)
        if first is not None and first.start == 0:  # else it is a heading
            yield begin, len(text)


def _in_boxes(text: str) -> Iterator[tuple[int, int]]:
    for mark in _marks(_BOXED, text):
        depth, end = 1, mark.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield mark.end(), end - (depth == 0)


def _after_answer(text: str, lower: str, void: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for mark in _marks(_ANSWER, text):
        begin = _skip(text, mark.end())
        end = _SENTENCE_END.search(text, begin)
        stop = end.end() if end else len(text)
        number = next(numbers(text[begin:stop]), None)
        if number is not None and not holds(lower, mark.start(), begin + number.end, mark.start()):
            void.append((mark.start(), stop))
            continue
        yield begin, len(text)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BETWEEN:
        at += 1
    return at


def _marks(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """From the last; of a text that is full of them only some, so that none takes long."""
    return reversed(deque(pattern.finditer(text), maxlen=_MOST_MARKS))


def _result(text: str, begin: int, end: int, void: list[tuple[int, int]]) -> Result | None:
    """The number that the first sentence of a part comes to, if there is one in it."""
    stop = _SENTENCE_END.search(text, begin, end)
    close = stop.start() if stop else end
    found = [Number(begin + n.start, begin + n.end, n.value) for n in numbers(text[begin:close])]
    equals = text.rfind("=", begin, close)
    number = next((n for n in found if n.start > equals), found[0] if found else None)
    if number is None:
        return None
    if _DENIED.search(text[begin : number.start]):
        void.append((begin, close))
        return None
    if _RIVAL.match(text, number.end, close):
        return Result(several=True)
    return Result(number)
