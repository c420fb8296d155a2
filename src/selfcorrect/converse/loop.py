"""The loop: a chunk of examples through all rounds of one or several strategies, as records.

Arms that begin alike (the same first steps, system prompt, and models that speak in them) share
round 1; all arms share the encoded beginning. What an arm costs is recorded as if it were alone: it
isn't the arm's doing who came first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from selfcorrect.concepts.recording import Recorder
from selfcorrect.converse.arms import Arm, alike, widest_first
from selfcorrect.converse.dialogue import (
    NO_SAMPLES,
    Batch,
    Dialogue,
    Samples,
    Setting,
    begin,
)
from selfcorrect.converse.elicit import elicit
from selfcorrect.converse.given import enter
from selfcorrect.converse.grading import graded, rightness
from selfcorrect.converse.record import (
    DONE,
    ENDED,
    KEPT,
    NOTHING_DRAWN,
    OUTGROWN,
    OVERFLOWED,
    STOPPED,
    Record,
    StepRecord,
    said_step,
)
from selfcorrect.converse.thoughts import THINKING
from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Message
from selfcorrect.models.base import Conversation, Model, Steer
from selfcorrect.models.function import Function
from selfcorrect.strategies import KINDS, Steering, Step, Strategy, check_given, check_names
from selfcorrect.tasks.base import Example, Task

#: Called as each arm finishes each round, with that round's records.
OnRound = Callable[[str, int, Sequence[Record]], None]
#: Seconds that each reply of a round took, by example; ``None``: not by itself.
Waited = Mapping[str, Sequence[float | None]]
#: Called as a dialogue has its answer of a round: with the arms of which it is, round and example.
OnAnswer = Callable[[Sequence[str], int, str], object]


def converse(
    model: Model,
    task: Task,
    examples: Sequence[Example],
    arms: Sequence[Arm],
    *,
    seed: int,
    samples: Samples = NO_SAMPLES,
    recorder: Recorder | None = None,
    steers: Mapping[Steering, Steer | None] | None = None,
    max_tokens: Mapping[str, int] | None = None,
    on_round: OnRound | None = None,
    on_encoded: Callable[[int], None] | None = None,
    on_asked: Callable[[str, float], None] | None = None,
    on_waited: Callable[[str, Waited], None] | None = None,
    on_answer: OnAnswer | None = None,
) -> dict[str, list[Record]]:
    """Take a chunk of examples through all rounds of every arm.

    Args:
        model: who answers.
        task: asks, reads and grades.
        examples: the chunk.
        arms: their names differ.
        seed: of the run; samples draw from the seed of (run, example, round, step, sample).
        samples: what is drawn beside every answer of ``model``.
        recorder: reads concepts in the passes that elicit its answers.
        steers: what the model is given for the steers that the strategies state; ``None`` for one
            that only stands in for a model.
        max_tokens: that a reply may have, by kind, where a step doesn't say; else the task says.
        on_round: called as each arm finishes each round.
        on_encoded: called with the tokens that went through the models in a round; one that several
            arms share is counted once.
        on_asked: called with the name of a ``from`` and the seconds that its replies took.
        on_waited: called as each arm finishes each round, with how long its replies took; one that
            several arms share is told of each.
        on_answer: called, by models that make the replies of many dialogues together, as each of
            them has its answer; those of a round are all there before ``on_round`` says so.

    Returns:
        Per arm its records (the columns of ``records.SCHEMA``), by example as they stand in
        ``examples``, then round.

    Raises:
        UserError: a strategy names a model that isn't bound, or a value the task doesn't offer.
    """
    for kind in set(task.max_tokens) - set(KINDS):
        raise UserError(
            f"the task {task.name} states the most tokens of {kind!r}, which is never elicited: "
            f"{nearest(kind, KINDS)}"
        )
    arms = [replace(arm, others=_bound(arm, model)) for arm in arms]
    fresh = [begin(task, example) for example in examples]
    for arm in arms:
        _check(arm, fresh, task, steers or {})
    records: dict[str, list[Record]] = {arm.name: [] for arm in arms}

    def tell(arm: Arm, number: int, rows: list[Record], batch: Batch) -> None:
        records[arm.name] += rows
        if on_waited:
            on_waited(arm.name, {d.example.id: tuple(d.waited) for d in batch.dialogues})
        if on_round:
            on_round(arm.name, number, rows)

    def through(batch: Batch, who: Sequence[Arm], number: int, setting: Setting) -> list[Record]:
        if on_answer:
            setting = replace(setting, on_answer=partial(on_answer, [a.name for a in who], number))
        rows = _round(batch, who[0].strategy, number, setting, on_asked)
        if on_encoded:
            on_encoded(sum(row["encoded"] + row["sampled"] for row in rows))
        return rows

    for groups in alike(arms):
        widest_first(groups, task, examples)
        root = model.open(len(fresh))
        alone: list[Record] = []
        for place, group in enumerate(groups):
            own = root if place == len(groups) - 1 else root.branch()
            batch = Batch([dialogue.copy() for dialogue in fresh], {None: own})
            told = (
                group[0].system,
                group[0].others,
                samples,
                recorder,
                steers or {},
                max_tokens or {},
                group[0].strategy.name,
            )
            setting = Setting(model, task, seed, *told)
            own.restart([setting.start(dialogue.example) for dialogue in fresh])
            first = through(batch, group, 1, setting)
            if alone:
                k = _samples(group[0].strategy)
                first = [_as_if_alone(*pair, k) for pair in zip(first, alone, strict=True)]
            else:
                alone = first
            for arm in group:
                tell(arm, 1, [{**row, "oracle": arm.strategy.oracle} for row in first], batch)
            if place == 0 and len(groups) > 1:
                root = own.branch()  # so that the next group finds this one's beginning encoded
            for arm in group:
                mine = batch if arm is group[-1] else batch.branch()
                setting = replace(setting, others=arm.others, strategy=arm.strategy.name)
                _stop(mine, arm.strategy)
                for number in range(2, arm.rounds + 1):
                    tell(arm, number, through(mine, [arm], number, setting), mine)
                    _stop(mine, arm.strategy)
                mine.close()
    index = {example.id: at for at, example in enumerate(examples)}
    for rows in records.values():
        rows.sort(key=lambda row: (index[row["example"]], row["round"]))
    return records


def _bound(arm: Arm, model: Model) -> dict[str, Model]:
    """The models that an arm's ``from`` names: the run's own where nothing else is said."""
    return {**dict.fromkeys(arm.strategy.own, model), **arm.others}


def _samples(strategy: Strategy) -> int:
    """How many replies are drawn where the run's own model first speaks."""
    steps = (step for step in strategy.steps(1) if step.elicit is not None and step.source is None)
    return next((step.samples for step in steps), 1)


def _as_if_alone(row: Record, alone: Record, samples: int) -> Record:
    """A record of round 1 with the costs that it would have had alone.

    What the first arm had encoded already is counted again. Guesses (``drafted``) stay as they
    were: the first arm's reply is one that an arm alone wouldn't have had.

    Args:
        row: of an arm.
        alone: of the same dialogue in the first arm, which found nothing; what it has reused all
            the same came from other dialogues.
        samples: replies drawn in the first step; each has reused the beginning, and an arm alone
            encodes it for the first of them.
    """
    at, of = (_first_reply(each["steps"]) for each in (row, alone))
    if at is None:
        return row
    step = row["steps"][at]
    others = 0 if of is None else alone["steps"][of]["reused"]
    found = max(0, step["reused"] // samples - others)
    steps = list(row["steps"])
    steps[at] = {**step, "encoded": step["encoded"] + found, "reused": step["reused"] - found}
    encoded, reused = row["encoded"] + found, row["reused"] - found
    return {**row, "encoded": encoded, "reused": reused, "steps": steps}


def _first_reply(steps: Sequence[StepRecord]) -> int | None:
    """Where the run's own model first spoke, or thought before it did."""
    spoken = (at for at, step in enumerate(steps) if step["kind"] != "say" and step["shown"])
    at = next(spoken, None)
    return at - 1 if at and steps[at - 1]["kind"] == THINKING else at


def _check(
    arm: Arm, dialogues: Sequence[Dialogue], task: Task, steers: Mapping[Steering, Steer | None]
) -> None:
    strategy = arm.strategy
    for step in (*strategy.first, *strategy.again):
        if step.steer is not None and step.steer not in steers:
            raise UserError(
                f"the strategy {strategy.name} is steered by {step.steer} (line {step.line}), and "
                f"no concept is bound to that name: add concepts.{step.steer.concept}=FILE."
            )
    if dialogues:
        check_names(strategy, set(dialogues[0].texts))
        turns = len(dialogues[0].example.turns)
        check_given(strategy, turns, task.name, task.continued_by)
    for name, line in strategy.asked.items():
        if name not in arm.others:
            raise UserError(
                f"the strategy {strategy.name} lets {name!r} speak (line {line}), but no model is "
                f"bound to that name: add models.{name}=MODEL to the spec."
            )


def _round(
    batch: Batch,
    strategy: Strategy,
    number: int,
    setting: Setting,
    on_asked: Callable[[str, float], None] | None,
) -> list[Record]:
    """All steps of one round; returns its records."""
    for dialogue in batch.dialogues:
        dialogue.steps, dialogue.notes, dialogue.answered = [], [], False
        dialogue.drawn, dialogue.activations, dialogue.waited = NOTHING_DRAWN, (), []
        dialogue.before = None if dialogue.answer is None else dialogue.answer.text
        if number == 1:
            earlier = dialogue.example.before
            for message in setting.start(dialogue.example):
                given = any(message is each for each in earlier)
                dialogue.steps.append(said_step(message, speaker="given" if given else "strategy"))
    for at, step in enumerate(strategy.steps(number)):
        taking = [
            dialogue.over is None and not dialogue.answered and dialogue.meets(step.when)
            for dialogue in batch.dialogues
        ]
        if not any(taking):
            continue
        is_function = isinstance(setting.speaker(step.source), Function)
        if is_function and step.say is not None:
            continue  # a function isn't told what a model would be
        if not is_function and step.source not in batch.conversations:
            batch.conversations[step.source] = _opened(batch, setting, step.source)
        if step.given:
            enter(batch, number, setting)
        elif step.say is not None:
            _say(batch, step, number, taking)
        else:
            started = time.perf_counter()
            elicit(batch, step, number, at, setting, taking)
            if on_asked and step.source is not None:
                on_asked(step.source, time.perf_counter() - started)
    for dialogue in batch.dialogues:
        _settle(dialogue, number)
    rows = graded(batch.dialogues, number, setting.task, oracle=strategy.oracle)
    batch.right = rightness(rows, setting.task.outcome)
    return rows


def _opened(batch: Batch, setting: Setting, source: str | None) -> Conversation:
    """A conversation with another speaker. The run's own model finds encoded there what a
    transcript has in common with its dialogue, the question say."""
    speaker = setting.speaker(source)
    if speaker is not setting.model:
        return speaker.open(len(batch.dialogues))
    conversation = batch.conversations[None].branch()
    conversation.restart([[] for _ in batch.dialogues])
    return conversation


def _say(batch: Batch, step: Step, number: int, taking: Sequence[bool]) -> None:
    conversation = batch.conversations[step.source]
    messages: list[Message | None] = [None] * len(taking)
    for i, dialogue in enumerate(batch.dialogues):
        if taking[i]:
            messages[i] = said = dialogue.message(step, number)
            shown = step.source is None
            dialogue.steps.append(said_step(said, begin=step.begin, shown=shown))
    if step.begin:
        conversation.restart([[] if m is not None else None for m in messages])
    conversation.say(messages)


def _settle(dialogue: Dialogue, number: int) -> None:
    """What the end of a round means for the next."""
    if dialogue.over == "settled":
        dialogue.notes.append(STOPPED)
    elif dialogue.over == "done":
        dialogue.notes.append(DONE)
    elif dialogue.over == "ended":
        dialogue.notes.append(ENDED)
    elif dialogue.over == "context" and not dialogue.steps:
        dialogue.notes.append(OUTGROWN)
    elif dialogue.over == "overflow" and not dialogue.steps:
        dialogue.notes.append(OVERFLOWED)
    elif dialogue.over is None and not dialogue.answered:
        dialogue.notes.append(KEPT)
        dialogue.unchanged += 1
    if number == 1 and dialogue.answer is not None:
        dialogue.first_choice = dialogue.answer.choice


def _stop(batch: Batch, strategy: Strategy) -> None:
    """Stop the dialogues whose answers have settled, or whose replies say that they are done."""
    stop = strategy.stop
    for dialogue in batch.dialogues:
        if stop is None or dialogue.over is not None:
            continue
        if stop.unchanged is not None and dialogue.unchanged >= stop.unchanged:
            dialogue.over = "settled"
        elif stop.when and dialogue.meets(stop.when):
            dialogue.over = "done"
