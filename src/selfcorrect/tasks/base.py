"""What a task is: examples, how one is asked, how an answer is read and graded.

Only a task knows the targets, and only :meth:`Task.grade` uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Protocol, runtime_checkable

import numpy as np

from selfcorrect.messages import Image, Message


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of a dialogue that exists already.

    Attributes:
        messages: what stands before the answer.
        text: the answer, as it stands.
        prefix: what comes before its letter.
        labels: what may stand in the letter's place, for each choice.
        apart: it has no letter; the prefix comes after all of it.
    """

    messages: tuple[Message, ...]
    text: str
    prefix: str
    labels: tuple[str, ...]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """One item of a data set. Never holds its target.

    Attributes:
        id: unique within the task, stable between runs.
        fields: the item's own texts (``context``, ``question``, …).
        choices: the options' texts in the order shown; empty for generation tasks.
        cluster: items of one cluster (template, occupation) are not independent.
        images: shown with the question, before its text.
        turns: the rounds of a dialogue that exists already; empty where the model has yet to speak.
    """

    id: str
    fields: Mapping[str, str]
    choices: tuple[str, ...]
    cluster: str
    images: tuple[Image, ...] = ()
    turns: tuple[Turn, ...] = ()

    @property
    def all_images(self) -> tuple[Image, ...]:
        """Those of its turns, too."""
        said = (message for turn in self.turns for message in turn.messages)
        return (*self.images, *(image for message in said for image in message.images))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dialogue answered in one round.

    Attributes:
        text: the assistant's whole message, prefill included.
        choice: index into ``Example.choices``; ``None`` if the answer could not be read.
        problem: why it could not be read: ``empty``, ``no option``, ``several options``.
        probabilities: the options' normalised probabilities, or ``None``.
    """

    text: str
    choice: int | None = None
    problem: str | None = None
    probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """What the task says of an answer.

    Attributes:
        correct: whether it is right; ``None`` where the task has no right answer. An answer that
            could not be read is not correct (``False``).
        target: index of the right choice, or ``None``.
        values: further numbers for the record, by name: those of ``Task.values``, and any that
            only the task's figures need (a number of a category, say).
    """

    correct: bool | None
    target: int | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)


#: A number of one round from its records' columns (each an array of length n, NaN where missing):
#: returns NaN where undefined. The columns are those of ``Grade.values``, ``correct``, ``choice``.
Figure = Callable[[Mapping[str, np.ndarray]], float]


@dataclass(frozen=True)
class Share:
    """A figure that is the share of ones among some of the records, with a share's interval.

    Attributes:
        values: from the columns, 1, 0, or NaN for a record that isn't among them: [n].
    """

    values: Callable[[Mapping[str, np.ndarray]], np.ndarray]

    def __call__(self, columns: Mapping[str, np.ndarray]) -> float:
        values = self.values(columns)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else nan


@dataclass(frozen=True)
class Sums:
    """A figure computed from sums over records, which makes its interval cheap.

    Attributes:
        terms: from the columns, what is summed: [n, m], no NaN.
        value: from sums [..., m] the figure [...], NaN where undefined.
        bounds: between what it can lie.
    """

    terms: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    bounds: tuple[float, float] = (-inf, inf)

    def __call__(self, columns: Mapping[str, np.ndarray]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN
            return float(self.value(self.terms(columns).sum(axis=0)))


@runtime_checkable
class Task(Protocol):
    """Where examples come from, how one is asked, how an answer is graded."""

    name: str
    #: names of those numbers of ``Grade.values`` whose mean over a round is itself worth knowing,
    #: with one sentence on each
    values: Mapping[str, str]
    #: names of the task's own figures per round (BBQ's bias scores, say)
    figures: Mapping[str, Figure]
    #: a named scorer that grades afterwards, or None
    scorer: str | None
    #: lines left out by skip_bad, one sentence each
    skipped: Sequence[str]
    #: changes when any example, target or wording does, whatever the limit of a run
    fingerprint: str

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        ...

    def ask(self, example: Example) -> Mapping[str, str]:
        """What a strategy's templates may use.

        Always ``question`` (the whole question as shown, options included), ``goal``,
        ``reversed_goal``, ``review``, ``reversed_review``, ``repeat`` and ``answer_prefill``.
        """
        ...

    def labels(self, example: Example) -> Sequence[str]:
        """What follows ``answer_prefill`` for each choice (``a``, ``b``, …); empty if none."""
        ...

    def read(self, example: Example, text: str) -> Answer:
        """Read an assistant's message (prefill included) as an answer; ``probabilities`` unset."""
        ...

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """Grade answers; the only place that looks at targets."""
        ...

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself, without a model: the right answer must score 1.

        Empty when all is well.
        """
        ...
