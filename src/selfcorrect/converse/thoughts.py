"""Thoughts before replies: each is a step of its own, and no part of what is read, shown to another
model, or passed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfcorrect.converse.record import Note, StepRecord, reply_step
from selfcorrect.models.base import Reply
from selfcorrect.models.thought import Thought

#: The kind of such a step.
THINKING = "thinking"
KEPT = Note(
    "thought kept", "the model thought first, and its template shows that in later rounds, too"
)
DROPPED = Note("thought dropped", "the model thought first, which later rounds don't show")
CUT = "thought cut"


def notes(reply: Reply) -> list[Note]:
    """What a reader of the record has to know of the thought before a reply."""
    thought = reply.thought
    if thought is None:
        return []
    cut = Note(CUT, "a thought was cut off at the most tokens that it may have (max_thinking)")
    return [KEPT if thought.kept else DROPPED, *([cut] if thought.finish == "length" else [])]


def steps(speaker: str, reply: Reply) -> list[StepRecord]:
    """The step in which the model thought before a reply, or nothing. It isn't shown: a transcript
    holds what was said."""
    thought = reply.thought
    if thought is None:
        return []
    return [reply_step(THINKING, speaker, thought.text, "", thought, shown=False)]


def with_all_costs(taken: Reply, drawn: Sequence[Reply]) -> Thought | None:
    """The thought before the one of several replies that counts, with what all of theirs cost."""
    thoughts = [reply.thought for reply in drawn if reply.thought is not None]
    if taken.thought is None:
        return None
    return replace(
        taken.thought,
        encoded=sum(each.encoded for each in thoughts),
        reused=sum(each.reused for each in thoughts),
        generated=sum(each.generated for each in thoughts),
        drafted=sum(each.drafted for each in thoughts),
    )
