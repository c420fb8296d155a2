"""Reading a reply as one of several lettered options, never by a mere substring."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from string import ascii_lowercase as LETTERS

from selfcorrect.tasks.plain import EDGE, bare, folded, tidy, visible

__all__ = ["LETTERS", "letter_position", "read"]

_JOIN = r"(?:\s*[,/&+]\s*(?:(?:and|or)\s+)?|\s+(?:and|or|and/or)\s+)"
# What may stand before a letter, and what must follow it: a closing bracket, the end, a line
# break, punctuation, a dash. Not a blank and a word: that is an article ("a person") or "I think".
_OPEN = r"[\s\"'“‘*_(\[]*"
_SHUT = r"(?:[*_]*\s*[)\]}]|[*_]*\s*(?:$|\n|[.:;,!?\"'”’](?![^\W_])|[-–—=](?![^\W_])))"
_ONE = re.compile(rf"{_OPEN}([a-z])({_SHUT})")
_MANY = re.compile(rf"{_OPEN}([a-z])[)\]]?{_JOIN}[(\[]?([a-z])(?={_SHUT}|\s*(?:/|&|\+|and\b|or\b))")


def read(
    text: str, choices: Sequence[str], prefill: str, heard: Sequence[str] = ()
) -> tuple[int | None, str | None]:
    """Which option a reply names.

    A reply counts if, after the lead-in and a colon, if there is one (or from its beginning, where
    it has no lead-in), there is an option's letter that nothing but a bracket, punctuation, a line
    break or the end follows (``b)``, ``(b) the text``, ``b.``), or if all the rest is one option's
    text. Capitals don't matter. A letter or a text anywhere else is not an answer: ``(a)`` within a
    sentence, ``a`` as in "a person".

    Args:
        text: the assistant's message, lead-in included.
        choices: the options' texts.
        prefill: the lead-in, which ends where the letter is expected.
        heard: other lead-ins that count as much, for replies that we haven't begun.

    Returns:
        The option's index and ``None``, or ``None`` and the problem: ``empty`` (nothing after
        the lead-in), ``several options`` (two letters, or a letter with another option's text),
        ``no option``.
    """
    choice, problem, _ = _found(_body(text), choices, (prefill, *heard))
    return choice, problem


def letter_position(
    text: str, choices: Sequence[str], prefill: str, heard: Sequence[str] = ()
) -> int | None:
    """Where in a reply the letter stands that :func:`read` read; ``None`` if it read none."""
    body = _body(text)
    choice, _, start = _found(body, choices, (prefill, *heard))
    if choice is None or body != text:
        return None
    plain = unicodedata.normalize("NFKC", text[start:]).casefold()
    one = _ONE.match(plain)
    if one is None or LETTERS.index(one[1]) != choice:
        return None
    at = start + one.start(1)
    same = text[start : at + 1].casefold() == plain[: one.end(1)]
    return at if same else None  # not where what stands there is a sign that means a letter


def _body(text: str) -> str:
    return visible(unicodedata.normalize("NFC", text))


def _found(
    body: str, choices: Sequence[str], leads: Sequence[str]
) -> tuple[int | None, str | None, int]:
    """The option or the problem, and the start of what it was read from."""
    starts = _after(body, [tidy(lead).rstrip(" ([").casefold() for lead in leads])
    if not body[starts[0] :].strip(" \n(["):
        return None, "empty", starts[0]
    for start in starts:
        found = _options(body[start:], choices)
        if len(found) == 1:
            return found.pop(), None, start
        if found:
            return None, "several options", start
    return None, "no option", starts[0]


def _after(body: str, leads: Sequence[str]) -> list[int]:
    """The end of a lead-in, at each place where one stands; the likeliest place first."""
    if not all(leads):
        return [0]
    pattern = "|".join(map(_pattern, sorted(leads, key=len, reverse=True)))
    pattern = rf"(?:{pattern})(?:\s*:)?"
    ends = [m.end() for m in re.finditer(rf"(?<!\w){pattern}", body, re.IGNORECASE)]
    if not ends:
        return [0]
    # A message that begins with the lead-in was begun by us: what comes first is the answer. One
    # that begins otherwise reasons before it answers: what comes last is.
    begins = re.match(rf"\s*{pattern}", body, re.IGNORECASE) is not None
    return ends if begins else ends[::-1]


def _pattern(lead: str) -> str:
    words = r"\s+".join(re.escape(word) for word in lead.split())
    return words + (r"(?!\w)" if re.search(r"\w$", lead) else "")


def _options(rest: str, choices: Sequence[str]) -> set[int]:
    """Every option that this text names, by its letter or by its whole text."""
    labels = LETTERS[: len(choices)]
    plain = unicodedata.normalize("NFKC", rest).casefold()  # full-width and encircled letters
    found = _same_text(rest, choices)
    two = _MANY.match(plain)
    if two and two[1] != two[2] and two[1] in labels and two[2] in labels:
        # "a and b" may be an option's whole text.
        return found or {labels.index(two[1]), labels.index(two[2])}
    one = _ONE.match(plain)
    if one and one[1] in labels:
        closed = one[2].strip("*_ \n") in (")", "]", "}")
        # "b)" is a letter even if some option reads "B"; a bare "b" then fits two.
        tail = plain[one.end() :]
        if closed and not tail.strip(EDGE):
            found = set()
        found |= {labels.index(one[1])} | _same_text(tail, choices)
    return found


def _same_text(text: str, choices: Sequence[str]) -> set[int]:
    """The options that the text is: exactly, else but for capitals, else but for its edges."""
    for form in (tidy, folded, bare):
        wanted = form(text)
        same = {i for i, choice in enumerate(choices) if wanted and form(choice) == wanted}
        if same:
            return same
    return set()
