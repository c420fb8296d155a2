"""Text from data, models and files made fit to print: nothing in it can steer the terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

#: Characters that reorder the text around them (Unicode's bidirectional controls).
_REORDERING = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_DELETE = 0x7F
_PICTURES = 0x2400  # ␀, ␁, … stand for the control characters 0, 1, …


def visible(text: str, *, lines: bool = False) -> str:
    """The text with its control characters, ANSI escapes and right-to-left marks made visible.

    Args:
        text: any text.
        lines: keep line ends and tabs; else a line end becomes a space, so that one line stays one.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, lines) for character in text)


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
    if code in _REORDERING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return f"<U+{code:04X}>"
    return character
