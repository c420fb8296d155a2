"""The loop: a chunk of examples through all rounds of one or several strategies, as records.

Arms whose first steps are the same share round 1, and all arms share the encoded beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfcorrect.converse.dialogue import Batch, Dialogue, Setting, begin, start
from selfcorrect.converse.elicit import elicit
from selfcorrect.converse.given import enter, entry
from selfcorrect.converse.record import ENDED, KEPT, OUTGROWN, STOPPED, Record, said_step
from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Message
from selfcorrect.models.base import Model
from selfcorrect.strategies import KINDS, Step, Strategy, check_given, check_names
from selfcorrect.tasks.base import Answer, Example, Grade, Task

#: Called as each arm finishes each round, with that round's records.
OnRound = Callable[[str, int, Sequence[Record]], None]


@dataclass(frozen=True, slots=True)
class Arm:
    """A strategy and how many rounds of it are run."""

    name: str
    strategy: Strategy
    rounds: int


def converse(
    model: Model,
    task: Task,
    examples: Sequence[Example],
    arms: Sequence[Arm],
    *,
    seed: int,
    system: str | None = None,
    others: Mapping[str, Model] | None = None,
    on_round: OnRound | None = None,
) -> dict[str, list[Record]]:
    """Take a chunk of examples through all rounds of every arm.

    Args:
        model: who answers.
        task: asks, reads and grades.
        examples: the chunk.
        arms: their names differ.
        seed: of the run; samples draw from the seed of (run, example, round, step, sample).
        system: a system prompt for every dialogue.
        others: models that a strategy's ``from`` names.
        on_round: called as each arm finishes each round.

    Returns:
        Per arm its records (the columns of ``records.SCHEMA``), by example as they stand in
        ``examples``, then round.

    Raises:
        UserError: a strategy names a model that isn't bound, or a value the task doesn't offer.
    """
    setting = Setting(model, task, seed, system, others or {})
    for kind in set(task.max_tokens) - set(KINDS):
        raise UserError(
            f"the task {task.name} states the most tokens of {kind!r}, which is never elicited: "
            f"{nearest(kind, KINDS)}"
        )
    fresh = [begin(task, example) for example in examples]
    for arm in arms:
        _check(arm.strategy, fresh, setting)
    root = model.open(len(fresh))
    records: dict[str, list[Record]] = {arm.name: [] for arm in arms}
    groups = _same_beginning(arms)
    for number, group in enumerate(groups):
        own = root if number == len(groups) - 1 else root.branch()
        own.restart([setting.start] * len(fresh))
        batch = Batch([dialogue.copy() for dialogue in fresh], {None: own})
        first = _round(batch, group[0].strategy, 1, setting)
        for arm in group:
            own_first: list[Record] = [{**row, "oracle": arm.strategy.oracle} for row in first]
            records[arm.name] += own_first
            if on_round:
                on_round(arm.name, 1, own_first)
        if number == 0 and len(groups) > 1:
            root = own.branch()  # so that the next group finds this one's beginning encoded
        for k, arm in enumerate(group):
            mine = batch if k == len(group) - 1 else batch.branch()
            for number_of_round in range(2, arm.rounds + 1):
                rows = _round(mine, arm.strategy, number_of_round, setting)
                records[arm.name] += rows
                if on_round:
                    on_round(arm.name, number_of_round, rows)
            mine.close()
    index = {example.id: at for at, example in enumerate(examples)}
    for rows in records.values():
        rows.sort(key=lambda row: (index[row["example"]], row["round"]))
    return records


def beginning(
    task: Task, example: Example, strategy: Strategy, system: str | None
) -> tuple[list[Message], str]:
    """The messages of round 1 up to its first reply, and what the reply starts with."""
    dialogue = begin(task, example)
    messages = start(system)
    for step in strategy.steps(1):
        if step.given:
            first = entry(example.turns, 1, messages)
            return list(first.shown), first.request.prefill
        if step.say is None:
            return messages, dialogue.says(step.prefill, 1)
        messages.append(dialogue.message(step.role, step.say, 1))
    return messages, ""


def _check(strategy: Strategy, dialogues: Sequence[Dialogue], setting: Setting) -> None:
    if dialogues:
        check_names(strategy, set(dialogues[0].texts))
        check_given(strategy, len(dialogues[0].example.turns), setting.task.name)
    for name, line in strategy.asked.items():
        if name not in setting.others:
            raise UserError(
                f"the strategy {strategy.name} lets {name!r} speak (line {line}), but no model is "
                f"bound to that name: add models.{name}=MODEL to the spec."
            )


def _same_beginning(arms: Sequence[Arm]) -> list[list[Arm]]:
    groups: list[list[Arm]] = []
    for arm in arms:
        for group in groups:
            if group[0].strategy.first == arm.strategy.first:
                group.append(arm)
                break
        else:
            groups.append([arm])
    return groups


def _round(batch: Batch, strategy: Strategy, number: int, setting: Setting) -> list[Record]:
    """All steps of one round; returns its records."""
    for dialogue in batch.dialogues:
        dialogue.steps, dialogue.notes, dialogue.answered = [], [], False
        if number == 1:
            dialogue.steps += [said_step(message) for message in setting.start]
    for at, step in enumerate(strategy.steps(number)):
        taking = [
            dialogue.over is None and not dialogue.answered and dialogue.meets(step.when)
            for dialogue in batch.dialogues
        ]
        if not any(taking):
            continue
        if step.source not in batch.conversations:
            opened = setting.speaker(step.source).open(len(batch.dialogues))
            batch.conversations[step.source] = opened
        if step.given:
            enter(batch, number, setting)
        elif step.say is not None:
            _say(batch, step, step.say, number, taking)
        else:
            elicit(batch, step, number, at, setting, taking)
    for dialogue in batch.dialogues:
        _settle(dialogue, strategy, number)
    pairs = [(dialogue.example, dialogue.answered_with) for dialogue in batch.dialogues]
    grades = setting.task.grade(pairs)
    _check_grades(setting.task, pairs, grades, number)
    return [
        dialogue.row(grade, number, oracle=strategy.oracle)
        for dialogue, grade in zip(batch.dialogues, grades, strict=True)
    ]


def _check_grades(
    task: Task, pairs: Sequence[tuple[Example, Answer]], grades: Sequence[Grade], number: int
) -> None:
    """Raises UserError for an outcome or a key that isn't what the task has stated."""
    if len(grades) != len(pairs):
        raise UserError(f"the task {task.name} graded {len(pairs)} answers {len(grades)} times.")
    for (example, answer), grade in zip(pairs, grades, strict=True):
        where = f"the task {task.name}, example {example.id!r} in round {number}"
        if problem := task.outcome.problem_with(grade.outcome):
            raise UserError(f"{where}: its {task.outcome.name} {problem}; correct Task.grade.")
        if answer.key is not None and not isinstance(answer.key, str):
            raise UserError(
                f"{where}: the key of an answer is {answer.key!r}, and must be text or None; "
                "correct Task.read."
            )


def _say(batch: Batch, step: Step, template: str, number: int, taking: Sequence[bool]) -> None:
    conversation = batch.conversations[step.source]
    messages: list[Message | None] = [None] * len(taking)
    for i, dialogue in enumerate(batch.dialogues):
        if taking[i]:
            messages[i] = said = dialogue.message(step.role, template, number)
            shown = step.source is None
            dialogue.steps.append(said_step(said, begin=step.begin, shown=shown))
    if step.begin:
        conversation.restart([[] if m is not None else None for m in messages])
    conversation.say(messages)


def _settle(dialogue: Dialogue, strategy: Strategy, number: int) -> None:
    """What the end of a round means for the next."""
    if dialogue.over == "settled":
        dialogue.notes.append(STOPPED)
    elif dialogue.over == "ended":
        dialogue.notes.append(ENDED)
    elif dialogue.over == "context" and not dialogue.steps:
        dialogue.notes.append(OUTGROWN)
    elif dialogue.over is None and not dialogue.answered:
        dialogue.notes.append(KEPT)
        dialogue.unchanged += 1
    if number == 1 and dialogue.answer is not None:
        dialogue.first_choice = dialogue.answer.choice
    stop = strategy.stop
    if stop is not None and dialogue.over is None and dialogue.unchanged >= stop.unchanged:
        dialogue.over = "settled"
