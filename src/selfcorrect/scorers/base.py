"""What a scorer is: it grades texts after they were recorded, and knows of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome, bounds_of


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to be graded.

    Attributes:
        example, round: which one.
        answer: the text.
        prompt: the question alone, or where that isn't at hand what was said in round 1; empty
            unless the scorer uses it.
        reference: an answer that is as good as any, where the task knows one and the scorer uses
            it.
        samples: replies drawn beside the answer, as records have them, where the scorer uses them.
    """

    example: str
    round: int
    answer: str
    prompt: str = ""
    reference: str | None = None
    samples: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer says of an answer.

    Attributes:
        value: the outcome; ``None`` where the scorer can't say.
        problem: why it can't, a few words that are the same for all such answers.
        values: further numbers by name, those of :attr:`Scorer.values`.
        said: what the value rests on, in words: a judge's verdict.
    """

    value: float | None
    problem: str | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)
    said: str = ""


class Scorer(Protocol):
    """Grades texts.

    Attributes:
        name: as the user wrote it, such as ``classifier:owner/name``.
        fingerprint: changes when the same text may get another score.
        about: what it is, a sentence for whoever reads its numbers; versions are part of it.
        outcome: the number that it gives.
        values: names of further numbers, a sentence on each; a
            :class:`~selfcorrect.outcome.Number` states its bounds, too.
        uses: of ``prompt`` and ``reference`` what it looks at besides the answer; ``samples`` are
            looked at instead of it.

    An attribute ``at_once`` may say how many answers it takes at a time: what it has graded is kept
    between those, though the piece of a run that they belong to isn't whole. Without it, a piece is
    graded again from its beginning.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def outcome(self) -> Outcome: ...

    @property
    def values(self) -> Mapping[str, str]: ...

    @property
    def uses(self) -> frozenset[str]: ...

    def score(self, rows: Sequence[Answered]) -> Sequence[Score]:
        """A score for each answer, in order."""
        ...


def checked_scores(scorer: Scorer, rows: Sequence[Answered], outcome: Outcome) -> Sequence[Score]:
    """What a scorer says of answers, having checked that it can be recorded.

    Args:
        scorer: whoever grades them.
        rows: the answers.
        outcome: within whose bounds its values must lie.

    Raises:
        UserError: another number of scores than answers, or a value that is no number, isn't finite
            or lies beyond the bounds; names the answer.
    """
    found = scorer.score(rows)
    if len(found) != len(rows):
        raise UserError(
            f"the scorer {scorer.name} gave {len(found)} scores for {len(rows)} answers: it must "
            "give one for each."
        )
    for row, score in zip(rows, found, strict=True):
        at = f"the scorer {scorer.name}, example {row.example!r}, round {row.round}"
        if problem := outcome.problem_with(score.value):
            if scorer.outcome.problem_with(score.value) is None:
                problem += ", as the task has it: a function states its own bounds by its outcome"
            raise UserError(f"{at}: its {outcome.name} {problem}.")
        if score.value is None and not score.problem:
            raise UserError(f"{at}: it gave no value and didn't say why.")
        for name, value in score.values.items():
            known = bounds_of(scorer.values.get(name, ""))
            if problem := replace(_ANY, bounds=known).problem_with(value):
                raise UserError(f"{at}: its number {name!r} {problem}.")
    return found


_ANY = Outcome("number", bounds=(-float("inf"), float("inf")))
