"""Which of its choices a line of data calls the right one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfcorrect.tasks.data.rows import Row
from selfcorrect.tasks.lettered.letters import LETTERS
from selfcorrect.tasks.plain import tidy


def target_of(row: Row, choices: Sequence[str]) -> int:
    """The choice that the line's ``answer`` stands for: an index, a letter, or a choice's text.

    Returns:
        The choice's index, from 0.

    Raises:
        UserError: it is none of them, or two of them.
    """
    answer = row.fields.get("answer")
    if isinstance(answer, int) and not isinstance(answer, bool):
        numbered = {i for i, choice in enumerate(choices) if tidy(choice) == str(answer)}
        numbered |= {answer} & set(range(len(choices)))
        return _only(
            row,
            numbered,
            f"the answer {answer} is the text of one choice and the index of another; "
            f'write "{answer}" for the text, or the letter',
            f"the answer {answer} is none of the choices 0 to {len(choices) - 1}",
        )
    text = tidy(row.text("answer"))
    found = {i for i, choice in enumerate(choices) if tidy(choice) == text}
    letter = re.fullmatch(r"(\()?([a-z])(?(1)\))", text.casefold())
    if letter and letter[2] in LETTERS[: len(choices)]:
        index = LETTERS.index(letter[2])
        found = found | {index} if not letter[1] else {index}
    return _only(
        row,
        found,
        f"the answer {text!r} is the text of one choice and the letter of another; "
        f"write the letter in brackets, as ({text.casefold()})",
        f"the answer {text!r} is neither the letter nor the text of a choice",
    )


def _only(row: Row, found: set[int], several: str, none: str) -> int:
    if len(found) != 1:
        raise row.error(several if found else none)
    return found.pop()
