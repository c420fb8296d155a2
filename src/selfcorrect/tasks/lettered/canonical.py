"""A reply in one way of writing, each of its characters with the place where it comes from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Stand around what a box holds.
BOX, BOX_END = "⟦", "⟧"

_QUOTES = dict.fromkeys("“”„‟«»‹›″", '"') | dict.fromkeys("‘’‚‛`´′", "'")
#: Of languages without blanks between words the signs that end sentences and clauses.
_STOPS = dict.fromkeys("。｡", ". ") | {"、": ", ", "，": ", ", "？": "? ", "！": "! ", "；": "; "}
#: Of an object of JSON.
_FIELD = r'(?:(?<=[{{,])|(?<=[{{,]\s))\s*"{}"\s*:\s*"([^"\n]{{0,300}})"'
#: Removed but for what their group holds, and what stands around that instead.
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), before, after)
    for pattern, before, after in (
        # twice: \text{\textbf{b}}
        *((r"\\(?:text|textbf|textit|textsf|texttt|mathrm|mathbf|mathsf|mathit|emph) ?"
           r"\{([^{}]{0,300})\}", "", ""),) * 2,
        (r"\\(?:boxed|fbox) ?\{([^{}]{0,300})\}", BOX, BOX_END),
        (r"\\(?:boxed|fbox) ?\{([^{}\n]{0,300})\Z", BOX, BOX_END),
        (r"\\(?:boxed|fbox) (\w)(?!\w)", BOX, BOX_END),
        (_FIELD.format("(?:your_?|my_?)?(?:answer|choice|option|letter)"), "\nanswer: ", "\n"),
        (_FIELD.format("final_?(?:answer|choice|option)"), "\nfinal answer: ", "\n"),
        (r"<answer> ?([^<>]{0,300})(?:</answer>|\Z)", "\nanswer: ", "\n"),
        (r"</?(?:b|strong|i|em|u|p|br|span|div|code|mark) ?/?>()", "", ""),
        (r"[*$]|\\[()\[\]]()", "", ""),
        (r"(?<!\w)_++()|(?<!_)_++()(?!\w)", "", ""),
        (r"(?<=[a-z])_(?=[a-z])()", " ", ""),
        # from the beginning of the blanks only, and all of them: else many take for ever
        (r"(?<![^\S\n])[^\S\n]*+\n\s*()", "\n", ""),
        (r"[^\S\n]+()", " ", ""),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Canonical:
    """A text as :func:`canonical` gives it.

    Attributes:
        text: in lower case, without emphasis, TeX and control characters; a box is ``⟦b⟧``.
        places: of each character, the index of the one that it comes from.
    """

    text: str
    places: list[int]


def canonical(text: str) -> Canonical:
    """A text in lower case, in one way of writing quotation marks, blanks, emphasis and boxes."""
    signs: list[str] = []
    places: list[int] = []
    for at, sign in enumerate(text):
        if sign.isascii():
            plain = sign.lower() if sign != "`" else "'"
        else:
            known = _QUOTES.get(sign) or _STOPS.get(sign)
            plain = known or unicodedata.normalize("NFKC", sign).casefold()
        for each in plain:
            if each in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
                each = "\n"
            elif each.isspace():
                each = " "
            elif (kind := unicodedata.category(each)) in ("Cc", "Cf") or each == "\ufe0f":
                continue
            elif kind == "So":  # ticks, stars and emoji are emphasis
                if signs and signs[-1] == " ":
                    continue
                each = " "
            signs.append(each)
            places.append(at)
    found = Canonical("".join(signs), places)
    for pattern, before, after in _RULES:
        found = _instead(found, pattern, before, after)
    return found


def _instead(shown: Canonical, pattern: re.Pattern[str], before: str, after: str) -> Canonical:
    text, places = shown.text, shown.places
    signs: list[str] = []
    moved: list[int] = []
    end = 0
    for match in pattern.finditer(text):
        start, stop = match.span(match.lastindex or 1)
        if start < 0:
            start = stop = match.end()
        signs += (text[end : match.start()], before, text[start:stop], after)
        moved += places[end : match.start()]
        moved += [places[match.start()]] * len(before)
        moved += places[start:stop]
        moved += [places[match.end() - 1]] * len(after)
        end = match.end()
    if not end:
        return shown
    return Canonical("".join((*signs, text[end:])), [*moved, *places[end:]])
