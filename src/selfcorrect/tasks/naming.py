"""Which of its options a text names: by its letter, by its place among them, or by its own words.

A text may name one in ways that are not known here (spelt in other letters, in other words, by
ruling out all others), so that what is found is a lower bound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from selfcorrect.tasks.plain import bare, folded

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "*": None, "_": None, "`": None})
#: What a letter, or a text, is given after when it is said to be the answer.
_GIVEN = (
    r"(?:answer|choice|letter|is|was|been|(?:must|should|would|could|may|might|to) be|it's|that's"
    r"|choos(?:e|ing)|chose|chosen|pick(?:ed|ing)?|select(?:ed|ing)?|try"
    r"|(?:go|going|gone|went) (?:with|for)"
    r"|(?:stick|stay) (?:with|to)|(?:switch|switching|change|changing|changed|revise)"
    r"(?: (?:it|this|that|(?:your|the) (?:answer|reply|choice)))? to|settle (?:on|for)"
    r"|opt(?:ing)? for|prefer|favou?rs?|say|mark|take|points? to|lean(?:ing|s)? (?:to|towards?))"
)
#: What follows a letter that stands by itself: the end, or punctuation.
_END = r"\s*(?:$|[\n.,;:!?)\]\"'])"
#: What follows a letter, and no article.
_AFTER = r"\s+(?:instead|because|since|this|rather than|here|which|if|when|unless|based)\b"
_SAYS = r"\s+(?:is|was|seems|looks|fits|would|and|or|has|says|does|but)\b"
_RIGHT = r"(?:the )?(?:right|correct|true|best|better|likelier|likeliest|answer|more likely)\b"
#: What a letter numbers when it stands after these: no option.
_NUMBERED = re.compile(
    r"\b(?:appendix|case|class|figure|group|item|line|paragraph|part|person|phase|plan|point|section"
    r"|sentence|step|table|type|version|vitamin)s? [(\[]?[a-z](?:[)\]]|(?!\w))"
)
#: A line of an enumeration, up to what it says.
_LINE = re.compile(r"^[ \t]*[(\[]?([a-z])[)\].:][ \t]+", re.MULTILINE)
#: The same within a line: with one bracket after any blank, with two after punctuation.
_INLINE = re.compile(
    r"(?:(?:^|(?<=\s))|(?:^|(?<=[.:;,!?]\s))(?:(?:and|then) )?[(\[])([a-z])[)\]]"
    r"[ \t]+(?!(?:and|or|nor|is|isn't|are|was|seems|fits|would|because|but|as|not|rather|instead"
    r"|over|which)\b)(?=\w)",
    re.MULTILINE,
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_ARTICLE = re.compile(r"(?:the|an?) (?=\w)")


def named(text: str, choices: Sequence[str], labels: Sequence[str] = ()) -> list[int]:
    """Indices of the options that a text names, right or wrong."""
    return [k for k in range(len(choices)) if names_option(text, k, choices, labels)]


def names_option(
    text: str, option: int, choices: Sequence[str], labels: Sequence[str] = ()
) -> bool:
    """Whether a text names an option: by its letter as an answer, by its place, by its own text.

    An option that is part of a longer one's text is named only where it stands by itself; without
    its article only where it is given as an answer. What enumerates (a), (b), … names none by their
    letters.

    Args:
        text: of feedback, say.
        option: index.
        choices, labels: the options' texts, and their letters; without these, texts only.
    """
    text = shown(text)
    texts = [shown(bare(choice)) for choice in choices]
    loose = [_ARTICLE.sub("", each, count=1) for each in texts]
    if _stands(text, option, texts, "") or (
        loose[option] != texts[option]
        and _stands(text, option, loose, rf"(?<!\w){_GIVEN}:? (?:(?:the|an?|his|her|your) )?[\"']?")
    ):
        return True
    if not labels:
        return False
    return _names_letter(text, shown(labels[option])) or _names_place(text, option, len(choices))


def shown(text: str) -> str:
    """A text without differences that don't matter here; line breaks stay."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return "\n".join(folded(line) for line in text.splitlines())


def whole(text: str) -> str:
    """A pattern for a text that stands by itself, however its blanks are written."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    return rf"(?<!\w){words}(?!\w)"


def _stands(text: str, option: int, texts: Sequence[str], after: str) -> bool:
    """Whether an option's text stands in one, apart from longer options that hold it."""
    wanted = texts[option]
    longer = [other for k, other in enumerate(texts) if k != option and wanted in other]
    for other in sorted(longer, key=len, reverse=True):
        text = re.sub(whole(other), " ", text)
    return bool(wanted) and re.search(after + whole(wanted), text) is not None


def _names_letter(text: str, label: str) -> bool:
    marks = {found[1] for found in _LINE.finditer(text)}
    if {"a", "b"} <= marks:  # it enumerates what is to be done
        text = _LINE.sub("", text)
    inline = [found[1] for found in _INLINE.finditer(text)]
    if inline[:2] == ["a", "b"] and len(set(inline)) == len(inline):
        text = _INLINE.sub(" ", text)
    text = _NUMBERED.sub(" ", text)
    return bool(label) and any(each.search(text) for each in _letter(label))


@cache
def _letter(label: str) -> tuple[re.Pattern[str], ...]:
    """What a letter is named by. "a" and "i" are words, too, so that more has to follow."""
    letter = rf"[\"']?{re.escape(label)}(?!\w|[-/&.']\w)"
    word = label in ("a", "i")
    end = rf"(?={_END}|{_AFTER})" if word else ""
    option_end = rf"(?={_END}|{_AFTER}|{_SAYS})" if word else ""
    right = rf"instead\b|(?:is|was|seems|looks) {_RIGHT}|fits (?:best|better)\b"
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"[(\[]\s*{letter}\s*[)\]]",
            rf"(?<!\w){letter}\)",
            rf"\b(?:options?|alternative)\s+{letter}{option_end}",
            rf"(?<!\w)(?:be|{_GIVEN}):?\s*{letter}{end}",
            rf":\s*{letter}(?={_END})",
            rf"(?<!\w){letter}\s+(?:{right})",
            rf"^\W*{letter}\s*(?:$|[.:\n])",
        )
    )


def _names_place(text: str, option: int, many: int) -> bool:
    """Whether it is named as the second, or the last, option."""
    if option >= len(_ORDINALS):
        return False
    names = [_ORDINALS[option], *(["last", "final"] if option == many - 1 else [])]
    names += ["middle"] if many % 2 and many > 1 and option == many // 2 else []
    which, number = "|".join(names), f"{option + 1}|{_NUMBERS[option]}"
    right, follows = rf"(?:is|was|seems|looks|would be) {_RIGHT}", rf"(?={_END}|{_SAYS}|{_AFTER})"
    return any(
        re.search(pattern, text)
        for pattern in (
            rf"(?<!your )(?<!my )\b(?:{which}) (?:of the )?(?:options?|alternative)\b",
            rf"\b(?:{which}) (?:choice|answer|one|possibility) {right}",
            rf"\b(?:option|alternative) (?:no\.? ?|number |# ?)?(?:{number}){follows}",
        )
    )
