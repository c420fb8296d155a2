"""Whether what looks like a statement is one: what stands around it in its sentence, and after."""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfcorrect.tasks.lettered import phrases
from selfcorrect.tasks.plain import EDGE

#: Of so many characters before and after a statement it is found out whether it is one.
WINDOW = 400
_SENTENCE = re.compile(r"[.!?;](?=[\s\"')]|\Z)|\n")
_CLAUSE = re.compile(
    r"[,;:]|(?<!\w)(?:so|therefore|thus|hence|but|and|then|also|daher|donc|pero|aber|mais"
    r"|por tanto)(?!\w)|[-–—] "
)
#: Of a name ("A. Smith", "A. T. P."), where one word alone stands after it, and none of these.
_INITIAL = re.compile(
    r"\. (?!(?:correct|right|yes|true|done|thanks|because|explanation|reason|reasoning|note"
    r"|confidence|final|hope)(?!\w))[^\W\d_][\w'-]*(?= ?(?:\Z|\n|[.,;!?)\]⟧]|'s))"
)
_WORD = re.compile(r"[^\W\d_][\w'-]*")
#: Two statements with fewer words between them stand beside each other.
_BESIDE = 12


def around(text: str, start: int, end: int) -> tuple[str, str]:
    """The rest of the sentence before and after a place, its end included."""
    before = text[max(0, start - WINDOW) : start]
    cut = 0
    for mark in _SENTENCE.finditer(before):
        cut = mark.end()
    after = text[end : end + WINDOW]
    stop = _SENTENCE.search(after)
    return before[cut:], after[: stop.end()] if stop else after


def holds(text: str, start: int, end: int, noun: int | None, *, strict: bool = True) -> bool:
    """Whether nothing in its sentence makes a statement none: it is asked, negated, supposed,
    somebody else's, or said to be wrong.

    Args:
        text: as it is canonical.
        start, end: of the statement.
        noun: where what it calls the answer begins, if it does.
        strict: whether what stands before it matters; it doesn't for a line of its own.
    """
    before, after = around(text, start, end)
    if after.rstrip(" \"')").endswith("?") or phrases.AFTER.match(after):
        return False
    if not strict:
        return True
    if before.count('"') % 2 and before.strip(EDGE):
        return False
    if phrases.OTHERS.search(before) or phrases.CONDITION.search(before):
        return False
    clause = before if re.search(r"(?<!\w)that ?\Z", before) else after_clause(before)
    if phrases.BEFORE.search(clause):
        return False
    if noun is None:
        return True
    word = re.search(r"([\w'’-]+)[ \"']*\Z", clause)
    return word is None or word[1] in phrases.DETERMINERS


def is_name(text: str, end: int, option: int, texts: Sequence[str]) -> bool:
    """Whether a letter that ends at a place is somebody's initial, also at the beginning of a
    sentence ("a. smith did it") where another option ends with that name.

    Args:
        text: as it is canonical.
        end: of the letter.
        option: that the letter would be.
        texts: of the options, in lower case.
    """
    if _INITIAL.match(text, end):
        return True
    word = _WORD.match(text, end + 2) if text.startswith(". ", end) else None
    if word is None or word[0] in _WORD.findall(texts[option]):
        return False
    others = (each for k, each in enumerate(texts) if k != option)
    return any(_WORD.findall(other)[-1:] == [word[0]] for other in others)


def undone(text: str, end: int, labels: Sequence[str]) -> bool:
    """Whether what follows a statement takes it back, or rules its option out.

    Args:
        text: as it is canonical.
        end: of the statement.
        labels: of its options.
    """
    rest = text[end:]
    if phrases.BACK.search(rest[: 4 * WINDOW]):
        return True
    for label in labels:
        for out in phrases.NOT.finditer(rest):
            if re.match(rf"[(\[\"']?{label}(?!\w)", rest[out.end() : out.end() + 3]):
                return True
        for named in re.finditer(rf"(?<![\w'])[(\[]?{label}[)\]]?(?!\w)", rest):
            if phrases.WRONG.match(rest, named.end()):
                return True
    return False


def beside(text: str, end: int, start: int) -> bool:
    """Whether nothing that could have changed a mind stands between two statements.

    Args:
        text: as it is canonical.
        end: of the first statement.
        start: of the second.
    """
    between = text[end:start]
    if phrases.INSTEAD.search(between) or phrases.INSTEAD.match(text, start):
        return False
    return len(re.findall(r"\w+", between[: 20 * _BESIDE])) < _BESIDE


def after_clause(before: str) -> str:
    """What follows the last comma, or the last word that begins a new thought."""
    cut = 0
    for mark in _CLAUSE.finditer(before):
        cut = mark.end()
    return before[cut:]
