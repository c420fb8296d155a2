"""Text from data, models and files made fit to show: nothing in it can hide, reorder or steer."""

from __future__ import annotations

import re
from typing import Any

#: Control characters, lone surrogates, line and paragraph separators, and characters that are
#: invisible or reorder the text around them; but not the joiners, which scripts and emoji need.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_DELETE = 0x7F
_PICTURES = 0x2400  # ␀, ␁, … stand for the control characters 0, 1, …


def visible(text: str, *, lines: bool = False) -> str:
    """The text with what is invisible, reorders text or steers a terminal as a picture or a code.

    Args:
        text: any text.
        lines: keep line ends and tabs; else a line end becomes a space, so that one line stays one.
    """
    return _HIDDEN.sub(lambda found: _shown(found[0], lines), text)


def clipped(text: str, most: int = 2_000) -> str:
    """The text, or of a longer one its beginning and its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … ({len(text):,} characters) … {text[-half:]}"


def visible_values(value: Any) -> Any:
    """The same for every text in a nest of JSON values."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible_values(key): visible_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [visible_values(each) for each in value]
    return value


def _shown(character: str, lines: bool) -> str:
    code = ord(character)
    if character in "\n\t":
        return character if lines else " "
    if code < 0x20:
        return chr(_PICTURES + code)
    if code == _DELETE:
        return "␡"
    return f"<U+{code:04X}>"
