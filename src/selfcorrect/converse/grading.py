"""The end of a round: its answers are graded and its feedback is looked at, by what only the task
knows. What comes of it goes into the records, and never back into a dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfcorrect.converse.dialogue import Dialogue
from selfcorrect.converse.record import Record
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.tasks.base import Answer, Example, Grade, Task
from selfcorrect.tasks.leaks import Told, told


def graded(dialogues: Sequence[Dialogue], number: int, task: Task, *, oracle: bool) -> list[Record]:
    """The records of a round.

    Raises:
        UserError: a grade isn't what the task has stated.
    """
    pairs = [(dialogue.example, dialogue.answered_with) for dialogue in dialogues]
    grades = task.grade(pairs)
    _check(task, pairs, grades, number)
    return [
        dialogue.row(grade, number, oracle=oracle, told=_told(dialogue, grade, task))
        for dialogue, grade in zip(dialogues, grades, strict=True)
    ]


def rightness(rows: Sequence[Record], outcome: Outcome) -> list[bool | None]:
    """Whether each record's answer is right, of a task whose answers are right or wrong."""
    best = 1.0 if outcome.better == "higher" else 0.0
    known = outcome.kind == "share"
    outcomes = (row["outcome"] for row in rows)
    return [x == best if known and x is not None else None for x in outcomes]


def _told(dialogue: Dialogue, grade: Grade, task: Task) -> Told:
    """What the feedback of this round tells of answers. What the run's model says to itself in its
    own dialogue is no feedback from outside, and an empty reply is none at all."""
    feedback = [
        step["text"]
        for step in dialogue.steps
        if step["kind"] == "feedback" and not step["shown"] and step["text"].strip()
    ]
    return told(task, dialogue.example, feedback, dialogue.answered_with, grade.target)


def _check(
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
