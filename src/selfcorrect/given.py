"""A round of a dialogue that exists already: what is put in, and where its options are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfcorrect.messages import Message, message
from selfcorrect.models.base import Request
from selfcorrect.tasks.base import Turn

#: What the record says where an answer has no letter.
NO_LETTER = "the answer has no letter: its options were read after it, once more led in"


@dataclass(frozen=True, slots=True)
class Entry:
    """How one round of one dialogue is entered.

    Attributes:
        said: what stands before the answer in this round.
        shown: the transcript on which the options are read.
        request: reads them; the token that the model says is thrown away.
        after: the transcript with the answer as it was given.
        notes: what is done otherwise than usually, a sentence each.
    """

    said: tuple[Message, ...]
    shown: tuple[Message, ...]
    request: Request
    after: tuple[Message, ...]
    notes: tuple[str, ...] = ()


def entry(turns: Sequence[Turn], round: int, start: Sequence[Message]) -> Entry:
    """The entry of a round, from 1.

    Args:
        turns: the dialogue's rounds, at least so many.
        start: what stands before all of it.
    """
    before = list(start)
    for turn in turns[: round - 1]:
        before += [*turn.messages, message("assistant", turn.text)]
    turn = turns[round - 1]
    said = turn.messages
    after = (*before, *said, message("assistant", turn.text))
    # an answer that is empty is no turn that could be gone on with
    shown = after if turn.apart and turn.text.strip() else after[:-1]
    request = Request(prefill=turn.prefix, max_tokens=1, options=turn.labels)
    return Entry(said, shown, request, after, (NO_LETTER,) if turn.apart else ())
