"""What is asked of a model beside its answer, to see how uncertain it is. Nothing of it is entered:
the transcript goes on as if it hadn't been asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from math import exp

from selfcorrect.converse.dialogue import Dialogue, Setting
from selfcorrect.converse.finite import finite, telling
from selfcorrect.converse.record import Drawn, SampleRecord, told
from selfcorrect.messages import message
from selfcorrect.models.base import Conversation, Reply, Request
from selfcorrect.tasks.base import cut_off

#: Asked for P(True) after Kadavath et al. 2022 (arXiv 2207.05221, section 3), without showing the
#: model other samples.
ASKS_TRUTH = (
    "Look at the answer that you just gave. Is it correct? Reply with one word, True or False."
)
TRUTHS = ("True", "False")
#: In place of the step's number: samples draw from a seed of their own.
_STEP = -1


def seed_of(run: int, example: str, number: int, at: int, sample: int) -> int:
    """The seed of a reply: it depends on nothing but run, example, round, step and sample."""
    text = "\x1f".join(map(str, (run, example, number, at, sample)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())


def with_samples(request: Request, dialogue: Dialogue, number: int, setting: Setting) -> Request:
    """The request of an answer in a round, with the samples that are drawn beside it."""
    run, example = setting.seed, dialogue.example.id
    seeds = (seed_of(run, example, number, _STEP, k) for k in range(setting.samples.k))
    return replace(request, samples=tuple(seeds), sample_temperature=setting.samples.temperature)


def take_samples(dialogue: Dialogue, request: Request, reply: Reply, setting: Setting) -> None:
    """Note the samples that came with a reply; they are read as answers are."""
    found: list[SampleRecord] = []
    for sample in reply.samples:
        text = request.prefill + sample.text
        answer = setting.task.read(dialogue.example, text)
        answer = dialogue.reads(cut_off(answer) if sample.cut else answer)
        found.append(
            {
                "text": text,
                "key": answer.key,
                "logp": finite(sample.logp),
                "tokens": sample.tokens,
                "cut": sample.cut,
            }
        )
    encoded = dialogue.drawn.encoded + sum(s.encoded for s in reply.samples)
    dialogue.drawn = Drawn(tuple(found), encoded=encoded)


def draw_apart(
    conversation: Conversation,
    dialogues: Sequence[Dialogue],
    requests: Sequence[Request | None],
    number: int,
    setting: Setting,
) -> None:
    """Draw the samples of answers that aren't elicited by a request of their own: chosen among
    texts, elected, or given. The reply that comes with them is thrown away, and counted."""
    if not setting.samples.k:
        return
    branch = conversation.branch()
    asked = [
        None if request is None else with_samples(request, dialogue, number, setting)
        for request, dialogue in zip(requests, dialogues, strict=True)
    ]
    replies = branch.elicit(asked)
    branch.close(range(len(asked)))
    for dialogue, request, reply in zip(dialogues, asked, replies, strict=True):
        if request is not None and reply is not None and reply.samples:
            take_samples(dialogue, request, reply, setting)
            encoded = dialogue.drawn.encoded + reply.encoded
            dialogue.drawn = replace(dialogue.drawn, encoded=encoded)
            dialogue.notes += told(reply)


def ask_truth(
    conversation: Conversation, dialogues: Sequence[Dialogue], asked: Sequence[bool]
) -> None:
    """Ask whether the answer just given is right: P(True) is what "True" has of both words."""
    branch = conversation.branch()
    branch.say([message("user", ASKS_TRUTH) if each else None for each in asked])
    found = branch.likelihoods([list(TRUTHS) if each else None for each in asked])
    branch.close(range(len(asked)))
    for dialogue, each in zip(dialogues, found, strict=True):
        if each:
            true, false = each
            p = 1 / (1 + exp(min(false.logp - true.logp, 700.0))) if telling(each) else None
            encoded = dialogue.drawn.encoded + sum(one.encoded for one in each)
            dialogue.drawn = replace(dialogue.drawn, p_true=p, encoded=encoded)
