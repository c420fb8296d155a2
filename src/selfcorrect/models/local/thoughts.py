"""Thoughts of many dialogues, made together before their replies, and replies freed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from selfcorrect.messages import Transcript
from selfcorrect.models.base import Reply, Request
from selfcorrect.models.local.decoding import decode
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.jobs import Job, plan
from selfcorrect.models.local.pages import Cache
from selfcorrect.models.local.states import Reader
from selfcorrect.models.local.vocabulary import Vocabulary
from selfcorrect.models.thought import UNASKED, Thought, parted

#: Of a seed: a thought and the reply after it are drawn from different numbers.
_THOUGHT = 0x5DEECE66D


class Talk(Protocol):
    """What thoughts need of a conversation."""

    engine: Engine
    vocabulary: Vocabulary
    cache: Cache
    transcripts: list[Transcript]
    spoken: list[dict[tuple[str, int], list[int]]]

    def thinking(self, row: int, request: Request, seed: int | None = None) -> Job: ...


@dataclass
class Made:
    """A thought, and how it came about.

    Attributes:
        too_long: it wasn't made, as it and a reply may not fit the context window.
    """

    job: Job
    text: str = ""
    ended: bool = True
    too_long: bool = False

    @property
    def overflowed(self) -> bool:
        """Hidden states under the steer were too large."""
        return self.job.finish == "overflow"


def think(talk: Talk, requests: Sequence[Request | None]) -> dict[int, list[Made]]:
    """Have the dialogues think in which a reply is asked for and has not begun.

    Rows are added to the conversation's cache, one a sample.

    Returns:
        By dialogue the thought before its reply, then those before its samples.

    Raises:
        OutOfMemoryError: the device has no room.
    """
    vocabulary, engine = talk.vocabulary, talk.engine
    if not vocabulary.template.thinks:
        return {}
    found: dict[int, list[Made]] = {}
    for row, request in enumerate(requests):
        if request is None or not request.thinks or talk.transcripts[row].open_turn()[1]:
            continue
        own = talk.thinking(row, request)
        room = engine.context - len(own.prompt) - vocabulary.most - request.max_tokens
        found[row] = [Made(own, too_long=room < 0)]
        if room >= 0:
            found[row] += [Made(_beside(talk, row, request, seed)) for seed in request.samples]
    jobs = [_begin(talk, each.job) for made in found.values() for each in made if not each.too_long]
    plan(jobs, talk.cache, keeps=engine.packed)
    reader = Reader(engine.name, engine.decoder, [()] * len(jobs), packed=engine.packed)
    decode(engine, vocabulary, talk.cache, jobs, reader)
    for row, made in found.items():
        for each in made:
            if not each.too_long:
                each.text, each.ended = vocabulary.thought(each.job.prompt.ids, each.job.tokens)
        talk.spoken[row][made[0].job.kind] = list(made[0].job.tokens)
    return found


def _beside(talk: Talk, row: int, request: Request, seed: int) -> Job:
    """The thought before a sample, in a row of its own."""
    job = talk.thinking(row, request, seed)
    job.row = talk.cache.add(row)
    return job


def _begin(talk: Talk, job: Job) -> Job:
    if job.request.temperature > 0:
        job.generator = torch.Generator().manual_seed(job.request.seed ^ _THOUGHT)
    else:
        spoken = talk.spoken[job.row] if job.row < len(talk.spoken) else {}
        job.begin(spoken.get(job.kind, []), len(talk.transcripts), talk.vocabulary)
    return job


def without_thought(reply: Reply, turn: str, made: Made | None, vocabulary: Vocabulary) -> Reply:
    """A reply with the thought before it; what it begins with may be one that nobody asked for.

    Args:
        reply: as it was generated.
        turn: what stood in the open turn before it.
        made: the thought that was asked for.
        vocabulary: the model's.
    """
    text, unasked = (reply.text, None) if turn else parted(reply.text, reply.finish)
    style = vocabulary.template.style
    kept = style is not None and bool(style.keeps)
    drawn = [(each, parted(each.text, "length" if each.cut else "stop")) for each in reply.samples]
    if not turn and any(thought for _, (_, thought) in drawn):
        samples = tuple(replace(each, text=said) for each, (said, _) in drawn)
        reply = replace(reply, samples=samples)
    if unasked is not None:
        # what was read where the reply begins is of the thought
        notes = (*reply.notes, UNASKED)
        reply = replace(reply, text=text, options=(), notes=notes, thought=unasked)
    if made is None:
        return reply
    job = made.job
    more = "" if unasked is None else f"\n\n{unasked.text}"
    thought = Thought(
        text=made.text + more,
        finish="stop" if made.ended else "length",
        kept=kept,
        token_ids=tuple(job.tokens),
        token_logps=tuple(job.logps),
        prompt_tokens=len(job.prompt),
        encoded=job.encoded,
        reused=job.start,
        generated=len(job.tokens),
        drafted=job.drafted,
        gap=job.gap,
    )
    return replace(reply, thought=thought)
