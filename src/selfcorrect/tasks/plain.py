"""Texts without the differences that don't make them other texts."""

from __future__ import annotations

import re
import unicodedata

#: What may stand around a text without being part of it.
EDGE = " \t\n.,;:!?\"'()[]{}*_`“”‘’«»"

#: A reply of more characters, once its thoughts are taken out, isn't read: nobody gives an answer
#: in so many, and whoever wants to keep a reader busy does.
LONGEST = 200_000


def too_long(text: str) -> bool:
    """Whether a reply has more than :data:`LONGEST` characters, as it is or as it is compared (some
    signs stand for eighteen)."""
    if len(text) > LONGEST:
        return True
    return not text.isascii() and len(unicodedata.normalize("NFKC", text)) > LONGEST


def tidy(text: str) -> str:
    """The text as one sees it: composed, without control and format characters, blanks collapsed.

    Marks that set the direction of writing, zero-width characters and the like are invisible and
    must not make two options out of one.
    """
    return " ".join(visible(unicodedata.normalize("NFC", text)).split())


def folded(text: str) -> str:
    """As :func:`tidy`, and capitals don't matter."""
    return tidy(text).casefold()


def bare(text: str) -> str:
    """As :func:`folded`, without brackets, quotation marks and punctuation around it."""
    return folded(text).strip(EDGE)


def visible(text: str) -> str:
    """Line breaks as \\n, other white space as blanks, no control or format characters."""
    if text.replace("\n", "").isprintable():  # nearly always, and far quicker
        return text
    text = re.sub(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", "\n", text)
    return "".join(
        c if c == "\n" else " " if c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf")
    )
