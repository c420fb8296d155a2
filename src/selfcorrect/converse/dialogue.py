"""What the loop knows of the dialogues under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from selfcorrect.concepts.recording import ActivationRecord, Recorder
from selfcorrect.converse.record import (
    NOTHING_DRAWN,
    Drawn,
    Note,
    Record,
    StepRecord,
    option_p,
    record,
)
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Conversation, Likelihood, Model, Steer
from selfcorrect.strategies import MAX_TOKENS, Steering, Step, placeholders, render
from selfcorrect.tasks.base import Answer, Example, Grade, Task, kept
from selfcorrect.tasks.leaks import Told

#: Names in a template with which the example's images are shown.
_WITH_IMAGES = {"question", "repeat"}


@dataclass
class Dialogue:
    """One dialogue; what the model is shown stands in the conversation.

    Attributes:
        texts: what the task lets templates say of the example.
        labels: what stands for each choice.
        replies: the latest text of each kind that was elicited.
        steps, notes: of this round.
        answer: the latest.
        before: the text that was the answer of the round before.
        first, last: the answer of round 1, and the one before the latest.
        options: the likelihood of each choice, where the answer has any.
        first_choice: of round 1.
        unchanged: for how many rounds running the answer has stayed the same.
        answered: in this round.
        drawn: beside the answer of this round.
        activations: of concepts, where the answer of this round was elicited.
        waited: the seconds of each reply of this round, ``None`` for one that was made together
            with those of other dialogues.
        over: why no more steps are taken.
    """

    example: Example
    texts: Mapping[str, str]
    labels: tuple[str, ...]
    replies: dict[str, str] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    answer: Answer | None = None
    before: str | None = None
    first: Answer | None = None
    last: Answer | None = None
    options: tuple[Likelihood, ...] = ()
    first_choice: int | None = None
    unchanged: int = 0
    answered: bool = False
    drawn: Drawn = NOTHING_DRAWN
    activations: Sequence[ActivationRecord] = ()
    waited: list[float | None] = field(default_factory=list)
    over: Literal["context", "overflow", "lost", "settled", "done", "ended"] | None = None

    @property
    def answered_with(self) -> Answer:
        """The answer as it is graded."""
        answer = self.answer or Answer("", problem="empty")
        p = tuple(option_p(self.options)) or None
        return replace(answer, probabilities=p, before=self.before)

    @property
    def response(self) -> str:
        """The latest rationale, where there is one, and the latest answer."""
        kinds = ("rationale", "answer")
        return "\n\n".join(self.replies[kind] for kind in kinds if kind in self.replies)

    def reads(self, answer: Answer) -> Answer:
        """An answer of this round, or a sample beside it, as it stands in this dialogue: one that
        keeps an earlier one has its key."""
        return kept(answer, self.last if self.answered else self.answer, self.first)

    def meets(self, when: Mapping[str, str]) -> bool:
        """Whether its latest replies are those that a step names."""
        return all(self.replies.get(kind) == text for kind, text in when.items())

    def says(self, template: str, number: int) -> str:
        """A template with this dialogue's texts, in a round."""
        return render(template, {**self.texts, **self.replies, "round": str(number)})

    def message(self, step: Step, number: int) -> Message:
        """What a step says; the example's images come with its question, wherever that is said, and
        where the step shows them."""
        template = step.say or ""
        shown = step.image
        if shown is None:
            shown = bool(placeholders(template) & _WITH_IMAGES)
        images = self.example.others if shown == "other" else self.example.images if shown else ()
        return Message(step.role, (*images, self.says(template, number)))

    def take(self, answer: Answer, options: Sequence[Likelihood]) -> None:
        """An answer ends the dialogue's round."""
        same = self.answer is not None and _same(self.answer, answer)
        self.first = self.first or answer
        self.last, self.answer = self.answer, answer
        self.answered, self.options = True, tuple(options)
        self.unchanged = self.unchanged + 1 if same else 0

    def fail(self, why: Literal["context", "overflow", "lost"]) -> None:
        """There is no answer any more: the transcript is longer than the model's window, hidden
        states under the steer were not finite, or a server lost a reply."""
        self.over, self.answer, self.options = why, Answer("", problem=why), ()

    def row(self, grade: Grade, number: int, *, oracle: bool, told: Told) -> Record:
        """The record of a round."""
        return record(
            self.example,
            number,
            self.answered_with,
            grade,
            self.options,
            self.first_choice,
            self.steps,
            self.notes,
            self.drawn,
            self.activations,
            oracle=oracle,
            told=told,
        )

    def copy(self) -> Dialogue:
        """One that goes its own way."""
        return replace(
            self,
            replies=dict(self.replies),
            steps=list(self.steps),
            notes=list(self.notes),
            waited=list(self.waited),
        )


def _same(a: Answer, b: Answer) -> bool:
    return a.key == b.key if a.key is not None else a.text.strip() == b.text.strip()


def begin(task: Task, example: Example) -> Dialogue:
    """A dialogue in which nothing has been said yet."""
    return Dialogue(example, dict(task.ask(example)), tuple(task.labels(example)))


@dataclass(frozen=True, slots=True)
class Samples:
    """What is drawn beside every answer, to see how uncertain the model is.

    Attributes:
        k: so many replies.
        temperature: at which they are drawn.
        p_true: the model is also asked whether its answer is right.
    """

    k: int = 0
    temperature: float = 1.0
    p_true: bool = False


NO_SAMPLES = Samples()


@dataclass(frozen=True)
class Setting:
    """In what an arm's dialogues take place.

    Attributes:
        model: who answers.
        others: models that the strategy's ``from`` names.
        seed: of the run.
        system: a system prompt for every dialogue.
        samples: what is drawn beside every answer of the model.
        recorder: reads concepts where it answers.
        steers: what the model is given for the steers that strategies state.
        max_tokens: of a reply, by kind, where they aren't the task's.
        strategy: the name of the arm's.
        on_answer: called with each example as its dialogue has its answer.
    """

    model: Model
    task: Task
    seed: int
    system: str | None
    others: Mapping[str, Model]
    samples: Samples = NO_SAMPLES
    recorder: Recorder | None = None
    steers: Mapping[Steering, Steer | None] = field(default_factory=dict)
    max_tokens: Mapping[str, int] = field(default_factory=dict)
    strategy: str = ""
    on_answer: Callable[[str], object] | None = None

    def most(self, kind: str) -> int:
        """Tokens that a reply of a kind may have where its step doesn't say."""
        return {**MAX_TOKENS, **self.task.max_tokens, **self.max_tokens}[kind]

    def start(self, example: Example) -> list[Message]:
        """What stands before all that a strategy says."""
        return start(self.system, example)

    def speaker(self, source: str | None) -> Model:
        """The model of a step's ``from``."""
        return self.model if source is None else self.others[source]


def start(system: str | None, example: Example) -> list[Message]:
    """The transcript before the first step."""
    return [*([] if system is None else [message("system", system)]), *example.before]


@dataclass
class Batch:
    """An arm's dialogues under way, and the conversations they stand in, by ``from``.

    Attributes:
        right: whether each dialogue's latest answer is right, ``None`` where nobody knows: for the
            one step that a controlled intervention has, ``replaced``. No dialogue knows it.
    """

    dialogues: list[Dialogue]
    conversations: dict[str | None, Conversation]
    right: Sequence[bool | None] = ()

    def branch(self) -> Batch:
        """One that goes its own way; what is encoded is shared."""
        conversations = {source: c.branch() for source, c in self.conversations.items()}
        copies = [dialogue.copy() for dialogue in self.dialogues]
        return Batch(copies, conversations, self.right)

    def close(self) -> None:
        for conversation in self.conversations.values():
            conversation.close(range(len(self.dialogues)))
