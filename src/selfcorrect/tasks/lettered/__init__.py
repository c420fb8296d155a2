"""Lettered questions: one of several options is to be named."""

from selfcorrect.tasks.data.items import unique
from selfcorrect.tasks.lettered.kind import (
    LEAD_IN,
    Item,
    Judge,
    Lettered,
    OutcomeOf,
    no_values,
    problem_with,
    question,
    right,
    surely,
)
from selfcorrect.tasks.lettered.letters import LETTERS

__all__ = [
    "LEAD_IN",
    "LETTERS",
    "Item",
    "Judge",
    "Lettered",
    "OutcomeOf",
    "no_values",
    "problem_with",
    "question",
    "right",
    "surely",
    "unique",
]
