"""One elicitation: a reply to each dialogue that takes the step, read where it is an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import isfinite

from selfcorrect.converse import thoughts
from selfcorrect.converse.dialogue import Batch, Dialogue, Setting
from selfcorrect.converse.draws import ask_truth, draw_apart, seed_of, take_samples, with_samples
from selfcorrect.converse.finite import likeliest
from selfcorrect.converse.record import (
    NO_FEEDBACK,
    OWN_MODEL,
    TOLD_FALSEHOOD,
    TOLD_TRUTH,
    choice_step,
    reply_step,
    steered_note,
    told,
)
from selfcorrect.messages import Message, message
from selfcorrect.models.base import UNMADE, Conversation, Likelihood, Reply, Request
from selfcorrect.models.function import Function
from selfcorrect.strategies import Step
from selfcorrect.strategies.base import Replaced
from selfcorrect.tasks.base import Answer, cut_off

#: In place of a sample's number: whether a reply is replaced is drawn from a seed of its own.
_DRAWS = -2
#: Stands in the place of feedback that came back empty.
NOTHING = "(none)"
#: Of a step's choices where no likelihood tells one from another.
_UNTOLD = "nothing tells which of a step's choices is the likeliest: {!r} was put in, the first one"


def elicit(
    batch: Batch, step: Step, number: int, at: int, setting: Setting, taking: Sequence[bool]
) -> None:
    """Replies are entered in the conversation, in the dialogues and as their steps.

    Args:
        number: of the round.
        at: the step's place in it; samples draw from a seed of their own at each.
        taking: the dialogues that take the step.
    """
    kind = str(step.elicit)
    requests = [
        _request(dialogue, step, number, at, setting) if takes else None
        for dialogue, takes in zip(batch.dialogues, taking, strict=True)
    ]
    if step.replaced is not None:
        for i in _replace(batch, step, step.replaced, requests, number, setting):
            requests[i] = None
    plainly = not step.choices and step.samples == 1
    speaker = setting.speaker(step.source)
    if isinstance(speaker, Function):
        replies = _advice(speaker, batch.dialogues, requests, number, setting)
    else:
        conversation = batch.conversations[step.source]
        if kind == "answer" and not plainly:
            draw_apart(conversation, batch.dialogues, requests, number, setting)
        if step.choices:
            begins = step.steer is not None or speaker.thinking.startswith("on")
            choose = _choose_begun if begins else _choose
            replies = choose(conversation, step.choices, requests)
        elif step.samples > 1:
            replies = _sample(conversation, step, number, at, batch.dialogues, requests, setting)
        else:
            replies = list(conversation.elicit(requests))
    for dialogue, request, reply in zip(batch.dialogues, requests, replies, strict=True):
        if request is None or reply is None:
            continue
        prefill = request.prefill
        text = prefill + reply.text
        failed = reply.finish in UNMADE
        # A reply that wasn't made was never part of the transcript.
        shown = step.source is None and not failed
        dialogue.waited.append(reply.seconds)
        dialogue.steps += thoughts.steps(speaker.name, reply)
        if step.choices and not failed:
            dialogue.steps.append(
                choice_step(
                    kind, speaker.name, text, prefill, reply, shown=shown, choices=step.choices
                )
            )
        else:
            dialogue.steps.append(reply_step(kind, speaker.name, text, prefill, reply, shown=shown))
        dialogue.notes += [*told(reply), *thoughts.notes(reply)]
        beside = dialogue.drawn.encoded + reply.beside
        dialogue.drawn = replace(dialogue.drawn, encoded=beside)
        nothing = kind == "feedback" and not text.strip() and not failed
        if nothing:
            dialogue.notes.append(NO_FEEDBACK)
        if step.source is not None and speaker is setting.model:
            dialogue.notes.append(OWN_MODEL)
        if step.steer is not None:
            dialogue.notes.append(steered_note(step.steer))
        dialogue.replies[kind] = reply.text if step.choices else NOTHING if nothing else text
        if reply.finish == "context" or reply.finish == "overflow" or reply.finish == "lost":
            dialogue.fail(reply.finish)
        elif kind == "answer":
            # A step's own choices aren't the example's options: nothing is known of those.
            options = () if step.choices else reply.options
            dialogue.take(_answer(dialogue, text, reply, setting), options)
            if setting.recorder is not None and request.states:
                dialogue.activations = setting.recorder.of(reply.states)
            if plainly:
                take_samples(dialogue, request, reply, setting)
    if kind == "answer" and setting.samples.p_true:
        answered = [takes and d.answered for takes, d in zip(taking, batch.dialogues, strict=True)]
        ask_truth(batch.conversations[step.source], batch.dialogues, answered)


def _replace(
    batch: Batch,
    step: Step,
    replaced: Replaced,
    requests: Sequence[Request | None],
    number: int,
    setting: Setting,
) -> list[int]:
    """Put verdicts that the data dictate in the place of replies; returns in which dialogues.

    Where nobody knows whether an answer is right the model replies itself.
    """
    kind, found = str(step.elicit), []
    messages: list[Message | None] = [None] * len(requests)
    for i, (dialogue, request) in enumerate(zip(batch.dialogues, requests, strict=True)):
        right = batch.right[i] if batch.right else None
        if request is None or right is None:
            continue
        # of the round, not of the step: reasons and verdict say the same
        seed = seed_of(setting.seed, dialogue.example.id, number, 0, _DRAWS)
        drawn = seed / 2**56  # uniform: a seed has 7 bytes
        if drawn >= replaced.truth + replaced.falsehood:
            continue
        lies = drawn < replaced.falsehood
        said = replaced.right if right != lies else replaced.wrong
        text = request.prefill + said
        messages[i] = message("assistant", text)
        reply = Reply(said, "stop")
        dialogue.steps.append(
            {**reply_step(kind, "oracle", text, request.prefill, reply, shown=True),
             "finish": "given", "choices": list(step.choices)}
        )  # fmt: skip
        dialogue.replies[kind] = said if step.choices else text
        note = TOLD_FALSEHOOD if lies else TOLD_TRUTH
        if note not in dialogue.notes:
            dialogue.notes.append(note)
        found.append(i)
    batch.conversations[step.source].say(messages)
    return found


def _advice(
    function: Function,
    dialogues: Sequence[Dialogue],
    requests: Sequence[Request | None],
    number: int,
    setting: Setting,
) -> list[Reply | None]:
    """What a function says of each response."""
    replies: list[Reply | None] = [None] * len(requests)
    for i, (request, dialogue) in enumerate(zip(requests, dialogues, strict=True)):
        if request is None:
            continue
        replies[i] = function.advise(
            dialogue.texts["question"],
            dialogue.response,
            request.max_tokens,
            setting.model.count,
            f"example {dialogue.example.id!r} in round {number}",
        )
    return replies


def _request(dialogue: Dialogue, step: Step, number: int, at: int, setting: Setting) -> Request:
    kind = str(step.elicit)
    request = Request(
        prefill=dialogue.says(step.prefill, number),
        max_tokens=step.max_tokens or setting.most(kind),
        temperature=step.temperature,
        seed=seed_of(setting.seed, dialogue.example.id, number, at, 0),
        options=dialogue.labels if kind == "answer" else (),
        steer=None if step.steer is None else setting.steers[step.steer],
        place=f"{setting.strategy}, {'first' if number == 1 else 'again'}, step {step.place}",
    )
    if kind == "answer" and setting.on_answer is not None:
        request = replace(request, on_made=partial(setting.on_answer, dialogue.example.id))
    if kind != "answer" or step.choices:
        return request
    if setting.recorder is not None and step.source is None:
        request = replace(request, states=setting.recorder.sites)
    if step.samples > 1:
        return request
    return with_samples(request, dialogue, number, setting)


def _choose(
    conversation: Conversation, choices: Sequence[str], requests: Sequence[Request | None]
) -> list[Reply | None]:
    """The likeliest of a step's choices, put in as the reply."""
    texts = [None if r is None else [r.prefill + choice for choice in choices] for r in requests]
    likelihoods = conversation.likelihoods(texts)
    replies: list[Reply | None] = [None] * len(requests)
    messages: list[Message | None] = [None] * len(requests)
    for i, (request, each) in enumerate(zip(requests, likelihoods, strict=True)):
        if request is None or each is None:
            continue
        if not each:
            replies[i] = Reply("", "context", notes=("the transcript is too long",))
            continue
        best = likeliest(each)
        messages[i] = message("assistant", request.prefill + choices[best])
        replies[i] = Reply(
            choices[best],
            "stop",
            options=tuple(each),
            prompt_tokens=each[0].prompt_tokens,
            encoded=each[0].encoded,
            reused=each[0].reused,
            notes=_untold(each, choices[best]),
            seconds=each[0].seconds,
        )
    conversation.say(messages)
    return replies


def _untold(likelihoods: Sequence[Likelihood], put: str) -> tuple[str, ...]:
    return () if any(isfinite(each.logp) for each in likelihoods) else (_UNTOLD.format(put),)


def _choose_begun(
    conversation: Conversation, choices: Sequence[str], requests: Sequence[Request | None]
) -> list[Reply | None]:
    """The same under a steer, or after a thought: likelihoods are those of options, read where a
    reply begins. It is begun on a branch, and thrown away. Where it tells none (a server's), they
    are asked for by themselves."""
    asked = [
        None if r is None else replace(r, max_tokens=1, options=tuple(choices)) for r in requests
    ]
    branch = conversation.branch()
    replies = list(branch.elicit(asked))
    branch.close(range(len(asked)))
    messages: list[Message | None] = [None] * len(requests)
    untold = [
        request if reply is not None and reply.finish in ("stop", "length") and not reply.options
        else None
        for request, reply in zip(requests, replies, strict=True)
    ]  # fmt: skip
    found = _choose(conversation, choices, untold) if any(untold) else [None] * len(untold)
    for i, (request, reply) in enumerate(zip(asked, replies, strict=True)):
        if request is None or reply is None or reply.finish == "overflow":
            continue
        if (told_apart := found[i]) is not None:
            seconds = _sum(reply.seconds, told_apart.seconds)
            replies[i] = replace(told_apart, thought=reply.thought, seconds=seconds)
            continue
        if not reply.options:
            replies[i] = replace(reply, text="", finish="context")
            continue
        best = likeliest(reply.options)
        thought = "" if reply.thought is None else reply.thought.text
        messages[i] = message("assistant", request.prefill + choices[best], thought)
        replies[i] = Reply(
            choices[best],
            "stop",
            options=reply.options,
            prompt_tokens=reply.prompt_tokens,
            encoded=reply.encoded,
            reused=reply.reused,
            notes=(*reply.notes, *_untold(reply.options, choices[best])),
            thought=reply.thought,
            seconds=reply.seconds,
        )
    conversation.say(messages)
    return replies


def _sample(
    conversation: Conversation,
    step: Step,
    number: int,
    at: int,
    dialogues: Sequence[Dialogue],
    requests: Sequence[Request | None],
    setting: Setting,
) -> list[Reply | None]:
    """Several replies each on a branch; the one taken is put in as the reply."""
    k = step.samples
    spread: list[Request | None] = []
    for request, dialogue in zip(requests, dialogues, strict=True):
        for sample in range(k):
            seed = seed_of(setting.seed, dialogue.example.id, number, at, sample)
            spread.append(None if request is None else replace(request, seed=seed))
    branch = conversation.branch(k)
    drawn = branch.elicit(spread)
    branch.close(range(len(spread)))
    replies: list[Reply | None] = [None] * len(requests)
    messages: list[Message | None] = [None] * len(requests)
    for i, (request, dialogue) in enumerate(zip(requests, dialogues, strict=True)):
        mine = [reply for reply in drawn[i * k : (i + 1) * k] if reply is not None]
        if request is None or not mine:
            continue
        failed = next((reply for reply in mine if reply.finish in UNMADE[1:]), None)
        taken = failed or mine[0]
        if step.take == "majority" and failed is None:
            texts = [(request.prefill + reply.text, reply) for reply in mine]
            answers = [_answer(dialogue, text, reply, setting) for text, reply in texts]
            taken = mine[elected(answers)]
        replies[i] = _with_all_costs(taken, mine)
        if taken.finish not in UNMADE:
            thought = "" if taken.thought is None else taken.thought.text
            messages[i] = message("assistant", request.prefill + taken.text, thought)
    conversation.say(messages)
    return replies


def _answer(dialogue: Dialogue, text: str, reply: Reply, setting: Setting) -> Answer:
    answer = setting.task.read(dialogue.example, text)
    answer = cut_off(answer) if reply.finish == "length" else replace(answer, cut=False)
    return dialogue.reads(answer)


def elected(answers: Sequence[Answer]) -> int:
    """Which of several answers most of them agree with: the first of those that do.

    Answers that couldn't be read have no vote; of as many votes, those of the earliest count.
    """
    votes = Counter(answer.key for answer in answers if answer.key is not None)
    if not votes:
        return 0
    winner = max(votes, key=votes.__getitem__)  # the first of the largest: as they were drawn
    return next(at for at, answer in enumerate(answers) if answer.key == winner)


def _with_all_costs(taken: Reply, drawn: Sequence[Reply]) -> Reply:
    return replace(
        taken,
        encoded=sum(reply.encoded for reply in drawn),
        reused=sum(reply.reused for reply in drawn),
        generated=sum(reply.generated for reply in drawn),
        drafted=sum(reply.drafted for reply in drawn),
        beside=sum(reply.beside for reply in drawn),
        thought=thoughts.with_all_costs(taken, drawn),
        seconds=_longest([reply.seconds for reply in drawn]),
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _longest(seconds: Sequence[float | None]) -> float | None:
    """Of replies that are waited for together."""
    known = [each for each in seconds if each is not None]
    return max(known) if len(known) == len(seconds) else None
