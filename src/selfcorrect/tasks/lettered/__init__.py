"""Lettered questions: one of several options is to be named."""

from selfcorrect.tasks.data.items import unique
from selfcorrect.tasks.lettered.kind import (
    LEAD_IN,
    Item,
    Judge,
    Lettered,
    no_values,
    problem_with,
    question,
)
from selfcorrect.tasks.lettered.letters import LETTERS, letter_position
from selfcorrect.tasks.lettered.targets import target_of

__all__ = [
    "LEAD_IN",
    "LETTERS",
    "Item",
    "Judge",
    "Lettered",
    "letter_position",
    "no_values",
    "problem_with",
    "question",
    "target_of",
    "unique",
]
