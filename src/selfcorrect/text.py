"""Text from data, models and files made fit to show: nothing in it can hide, reorder or steer."""

from __future__ import annotations

import re
from typing import Any

#: Control characters, lone surrogates, line and paragraph separators, what is no character in any
#: text (XML refuses it), and characters that are invisible or reorder the text around them; but not
#: joiners and single variation selectors, which scripts and emoji need. A row of those selectors
#: chooses nothing: each can stand for a byte of a hidden text.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    "|(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
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
