"""What a task is: examples, how one is asked, how an answer is read and graded.

Only a task knows the targets, and only :meth:`Task.grade` and :meth:`Task.reference` use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from selfcorrect.messages import Image, Message
from selfcorrect.outcome import Figure, Outcome


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
        cluster: items of one cluster (template, occupation) are not independent. What stands before
            a first slash (``Age/12``) is the category by which results are told apart.
        images: shown with the question, before its text.
        turns: the rounds of a dialogue that exists already; empty where the model has yet to speak.
        before: what stands before round 1, such as another dialogue. Fingerprints don't look at it,
            so a task that gives some says in ``fields`` which it is.
        others: the images of the example with which it makes a pair: the same question, another
            answer. Only a control that exchanges them shows them.
        together: what it is measured together with, such as the other picture of its pair: the
            examples of a cluster with the same text here stand side by side in a run's order, so
            that a limit leaves them whole. Empty: it is measured by itself.
    """

    id: str
    fields: Mapping[str, str]
    choices: tuple[str, ...]
    cluster: str
    images: tuple[Image, ...] = ()
    turns: tuple[Turn, ...] = ()
    before: tuple[Message, ...] = field(default=(), repr=False)
    others: tuple[Image, ...] = field(default=(), repr=False)
    together: str = field(default="", repr=False)

    @property
    def all_images(self) -> tuple[Image, ...]:
        """Those of its turns, too."""
        said = [message for turn in self.turns for message in turn.messages]
        said += self.before
        return (*self.images, *(image for message in said for image in message.images))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dialogue answered in one round.

    Attributes:
        text: the assistant's message, prefill included; what repeats the beginning that it was to
            go on from isn't part of it.
        key: what makes two answers the same: the letter, a number in one way of writing it, the
            text without differences that don't matter; ``None`` if the answer could not be read.
        choice: index into ``Example.choices``, or ``None``.
        problem: why it could not be read: ``empty``, ``no option``, ``several options``, ``cut
            off``; an answer has either a key or a problem.
        cut: the reply was cut off at its longest length.
        probabilities: the options' normalised probabilities, or ``None``.
        before: the text of the round before; ``None`` in the first, and where a task only reads.
        provisional: more text after this one could change the key, so that of a reply that was cut
            off it isn't known.
        keeps: it names no answer and says that it keeps one: the ``last``, or the ``first`` of the
            dialogue; see :func:`kept`.
    """

    text: str
    key: str | None = None
    choice: int | None = None
    problem: str | None = None
    cut: bool = False
    probabilities: tuple[float, ...] | None = None
    before: str | None = None
    provisional: bool = False
    keeps: Literal["", "last", "first"] = ""


def cut_off(answer: Answer) -> Answer:
    """An answer as it is read from a reply that was cut off at its longest length."""
    if answer.provisional and (answer.key is not None or answer.keeps):
        return Answer(answer.text, problem="cut off", cut=True)
    return replace(answer, cut=True)


def kept(answer: Answer, last: Answer | None, first: Answer | None) -> Answer:
    """An answer that keeps an earlier one, with the key of that; any other as it is.

    "My first answer" is that of round 1, and mostly also the last; where those differ nobody knows
    which one is meant, and it stays unread.

    Args:
        answer: as it was read.
        last: that of the round before; ``None`` in round 1.
        first: that of round 1.
    """
    if not answer.keeps or last is None or last.key is None:
        return answer
    if answer.keeps == "first" and (first is None or first.key != last.key):
        return answer
    return replace(answer, key=last.key, choice=last.choice, problem=None)


@dataclass(frozen=True, slots=True)
class Grade:
    """What the task says of an answer.

    Attributes:
        outcome: how good it is, as ``Task.outcome`` states: of a share 1 or 0 (0 where it could
            not be read); ``None`` where nobody can say.
        target: index of the right choice, or ``None``.
        values: further numbers for the record, by name: those of ``Task.values``, and any that
            only the task's figures need (a number of a category, say).
    """

    outcome: float | None
    target: int | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)


#: What every task offers to a strategy's templates.
OFFERED = (
    "question",
    "goal",
    "reversed_goal",
    "review",
    "reversed_review",
    "repeat",
    "answer_prefill",
)


@runtime_checkable
class Task(Protocol):
    """Where examples come from, how one is asked, how an answer is graded."""

    name: str
    #: names of those numbers of ``Grade.values`` whose mean over a round is itself worth knowing,
    #: with one sentence on each
    values: Mapping[str, str]
    #: names of the task's own figures per round (BBQ's bias scores, say)
    figures: Mapping[str, Figure]
    #: the number that says how good an answer is
    outcome: Outcome
    #: the most tokens that a reply of each kind (``answer``, ``rationale``, …) has where a strategy
    #: doesn't say; for kinds that aren't named the strategies' own defaults hold
    max_tokens: Mapping[str, int]
    #: lines left out by skip_bad, one sentence each
    skipped: Sequence[str]
    #: what its data were taken for, a sentence each; a task from outside need not state it
    read_as: Sequence[str]
    #: how many examples are copies of an earlier one, with which they share a cluster; of a task
    #: from outside it is counted, so that it need not state it
    copies: int
    #: by what answers say the same where nobody names it: ``key``, where equal keys are all that
    #: does; ``text``, where other words may. A task from outside need not state it: ``key``
    meanings: str
    #: whether what models reply is recorded; where not, records have its scores only. A task from
    #: outside need not state it: it is
    keeps_texts: bool
    #: the strategy that goes on from the first answers that the examples give, of which it is known
    #: whether they are right; empty where the model gives them. A task from outside need not state
    #: it: it is empty
    continued_by: str
    #: changes when any example, target or wording does, whatever the limit of a run
    fingerprint: str

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        ...

    def ask(self, example: Example) -> Mapping[str, str]:
        """What a strategy's templates may use.

        All of ``OFFERED``: ``question`` is the whole question as shown, options included;
        ``answer_prefill`` is empty where a reply isn't begun for the model.
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

    def reference(self, example: Example) -> str | None:
        """A text that is as good an answer as any, or ``None`` where nobody knows one.

        For checks, and for people who look at a task: no model is shown it.
        """
        ...

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself, without a model: the reference must score best.

        Empty when all is well.
        """
        ...
