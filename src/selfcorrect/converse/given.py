"""A round of a dialogue that exists already: its options are read, then its answer is entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfcorrect.converse.dialogue import Batch, Setting
from selfcorrect.converse.draws import ask_truth, draw_apart
from selfcorrect.converse.record import NO_LETTER, UNMEASURED, Note, given_step, said_step, told
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Request
from selfcorrect.tasks.base import Turn


@dataclass(frozen=True, slots=True)
class Entry:
    """How one round of one dialogue is entered.

    Attributes:
        said: what stands before the answer in this round.
        shown: the transcript on which the options are read.
        request: reads them; the token that the model says is thrown away.
        after: the transcript with the answer as it was given.
        notes: what is done otherwise than usually.
    """

    said: tuple[Message, ...]
    shown: tuple[Message, ...]
    request: Request
    after: tuple[Message, ...]
    notes: tuple[Note, ...] = ()


def entry(turns: Sequence[Turn], number: int, start: Sequence[Message]) -> Entry:
    """The entry of a round.

    Args:
        turns: the dialogue's rounds, at least so many.
        number: of the round, from 1.
        start: what stands before all of it.
    """
    before = list(start)
    for turn in turns[: number - 1]:
        before += [*turn.messages, message("assistant", turn.text)]
    turn = turns[number - 1]
    said = turn.messages
    after = (*before, *said, message("assistant", turn.text))
    # an empty answer is no turn that a dialogue can continue from
    shown = after if turn.apart and turn.text.strip() else after[:-1]
    request = Request(prefill=turn.prefix, max_tokens=1, options=turn.labels, thinks=False)
    return Entry(said, shown, request, after, (NO_LETTER,) if turn.apart else ())


def enter(batch: Batch, number: int, setting: Setting) -> None:
    """Take every dialogue's round as it is given; one that holds no such round has ended."""
    conversation = batch.conversations[None]
    entries: list[Entry | None] = []
    for dialogue in batch.dialogues:
        turns = dialogue.example.turns
        if dialogue.over is None and number > len(turns):
            dialogue.over = "ended"
        goes_on = dialogue.over is None
        entries.append(entry(turns, number, setting.start(dialogue.example)) if goes_on else None)
    conversation.restart([None if e is None else e.shown for e in entries])
    draw_apart(
        conversation, batch.dialogues, [_drawn_as(e, setting) for e in entries], number, setting
    )
    replies = conversation.elicit([_read(e, setting) for e in entries])
    conversation.restart([None if e is None else e.after for e in entries])
    for dialogue, each, reply in zip(batch.dialogues, entries, replies, strict=True):
        if each is None or reply is None:
            continue
        dialogue.steps += [said_step(said, speaker="given") for said in each.said]
        text = each.after[-1].text
        prefill = each.request.prefill if each.shown != each.after else None
        dialogue.steps.append(given_step(text, prefill, reply))
        dialogue.replies["answer"] = text
        fits = reply.finish != "context"
        dialogue.notes += [*told(reply), *(each.notes if fits else (UNMEASURED,))]
        answer = dialogue.reads(setting.task.read(dialogue.example, text))
        dialogue.take(answer, reply.options if fits else ())
        if setting.recorder is not None:
            dialogue.activations = setting.recorder.of(reply.states)
    if setting.samples.p_true:
        ask_truth(conversation, batch.dialogues, [e is not None for e in entries])


def _read(each: Entry | None, setting: Setting) -> Request | None:
    """The request of an entry. Concepts are read before the answer alone, as its first token is the
    model's own; and not where what is shown holds the answer already."""
    if each is None or setting.recorder is None or each.shown == each.after:
        return None if each is None else each.request
    return replace(each.request, states=setting.recorder.before)


def _drawn_as(each: Entry | None, setting: Setting) -> Request | None:
    """The request by which samples are drawn in place of a given answer; of one without a letter
    nothing is: what is read after it stands behind the answer."""
    if each is None or each.shown == each.after:
        return None
    return Request(prefill=each.request.prefill, max_tokens=setting.most("answer"))
