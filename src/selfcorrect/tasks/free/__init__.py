"""Questions whose answer is free text, and how good it is a number that the task states."""

from selfcorrect.tasks.data.items import unique
from selfcorrect.tasks.free.kind import MAX_TOKENS, Free, Item, Judge, Read
from selfcorrect.tasks.free.reading import (
    final_number,
    last_number,
    only_number,
    stated,
    whole_text,
)

__all__ = [
    "MAX_TOKENS",
    "Free",
    "Item",
    "Judge",
    "Read",
    "final_number",
    "last_number",
    "only_number",
    "stated",
    "unique",
    "whole_text",
]
