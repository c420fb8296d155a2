"""Lettered questions with an answer that is given in the model's place: is a wrong one corrected?

Of each question there are two dialogues: the first answer of one is wrong, that of the other right,
and a model has to find out which. So how often wrong answers are corrected stands beside how often
right ones are left, and nothing that a strategy says can know which it is: which of the two ids has
the wrong answer is drawn, as the wrong option is. Any task of lettered questions carries it.

Source: arXiv 2507.02778 (known errors, put in a model's own turn or shown as a user's).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.outcome import Figure, Floats, Share
from selfcorrect.tasks.base import Answer, Example, Grade, Task, Turn
from selfcorrect.tasks.data.items import digest
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source

NAME = "blind-spot"
#: The task whose questions are asked where nobody says which.
OF = "sample"
OFFERS = Offers(continued_by="blind-spot", asks=lambda options: str(options.get("of", OF)))
#: What ids end in: which of both has the wrong answer is drawn.
_ENDINGS = ("/1", "/2")
#: Whether the answer that was given is right, among a grade's values.
GIVEN_RIGHT = "given_right"
COLUMNS = {GIVEN_RIGHT: "whether the answer that was given is right, 1 or 0"}


def make(source: Source) -> BlindSpot:
    """The task ``blind-spot``: see the module.

    Options: ``of``, the task whose questions are asked (``sample``), and that task's own. Data and
    categories are that task's, too. A cluster is one of that task. Figures: ``corrected``, the
    share of right answers where a wrong one was given, and ``left``, where a right one was.

    Raises:
        UserError: the other task has no lettered questions that are right or wrong, or something
            is wrong with its data or options.
    """
    from selfcorrect import tasks

    of = source.option("of", OF)
    if of == NAME or of not in tasks.names():
        known = [name for name in tasks.names() if name != NAME]
        raise UserError(
            f"option 'of' of task {NAME!r} names a task of lettered questions, such as bbq or "
            f"choices, and not {of!r}: known are {', '.join(known)}"
        )
    inner = tasks.make(
        of,
        data=source.data,
        categories=source.categories,
        seed=source.seed,
        skip_bad=source.skip_bad,
        options={key: each for key, each in (source.options or {}).items() if key != "of"},
    )
    first = next(iter(inner.examples()), None)
    plain = first is None or (first.choices and not first.turns and not first.before)
    if not plain or inner.outcome.kind != "share":
        raise UserError(
            f"task {NAME!r} gives wrong options as answers, and those of the task {of!r} aren't "
            "options that are right or wrong: choose one of lettered questions with "
            "task.options.of, such as bbq"
        )
    return BlindSpot(inner, source.seed)


class BlindSpot:
    """The questions of another task, each with a wrong and with a right first answer.

    Args:
        inner: asks, reads and grades; its answers are options, right or wrong.
        seed: of which option is given, and of which of both ids has the wrong one.
    """

    def __init__(self, inner: Task, seed: int) -> None:
        self._inner, self._seed = inner, seed
        self.name = NAME
        self.values: Mapping[str, str] = {}
        self.columns: Mapping[str, str] = COLUMNS
        self.figures: Mapping[str, Figure] = {
            "corrected": _share("wrong answers given that are corrected", 0.0),
            "left": _share("right answers given that are left", 1.0),
        }
        self.outcome = inner.outcome
        self.max_tokens = inner.max_tokens
        self.skipped = inner.skipped
        self.read_as = inner.read_as
        self.copies = inner.copies
        self.keeps_texts = inner.keeps_texts
        self.continued_by = OFFERS.continued_by
        self.meanings = "key"
        # "together": since when a question's two dialogues stand side by side in a run's order
        self.fingerprint = digest((NAME, seed, "together"), [inner.fingerprint])

    def examples(self) -> Sequence[Example]:
        """Two of each of the other task's, in its order."""
        questions = self._inner.examples()
        return Lazy(
            2 * len(questions), lambda at: self._example(questions[at // 2], _ENDINGS[at % 2])
        )

    def ask(self, example: Example) -> Mapping[str, str]:
        """As the other task."""
        return self._inner.ask(_question(example))

    def labels(self, example: Example) -> Sequence[str]:
        """As the other task."""
        return self._inner.labels(_question(example))

    def read(self, example: Example, text: str) -> Answer:
        """As the other task."""
        return self._inner.read(_question(example), text)

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """As the other task, of whose numbers only the outcome is kept."""
        grades = self._inner.grade([(_question(example), answer) for example, answer in pairs])
        return [
            replace(grade, values={GIVEN_RIGHT: float(self._is_right(example))})
            for (example, _), grade in zip(pairs, grades, strict=True)
        ]

    def reference(self, example: Example) -> str | None:
        """As the other task."""
        return self._inner.reference(_question(example))

    def check(self) -> Sequence[str]:
        """What is wrong with the other task, or with an answer that is given."""
        return [*self._inner.check(), *self._wrong()]

    def _wrong(self) -> Iterator[str]:
        for example in self.examples():
            answer = self.read(example, example.turns[0].text)
            outcome = self.grade([(example, answer)])[0].outcome
            if answer.choice is None or (outcome == self._best) != self._is_right(example):
                yield f"{example.id}: the answer given, {answer.text!r}, isn't graded as it should"

    @property
    def _best(self) -> float:
        return 1.0 if self.outcome.better == "higher" else 0.0

    def _is_right(self, example: Example) -> bool:
        """Whether the answer that is given to an example is the right one."""
        name, ending = example.id[:-2], example.id[-2:]
        return _ENDINGS[draw(self._seed, "right", name) % 2] == ending

    def _example(self, question: Example, ending: str) -> Example:
        bare = replace(question, id=question.id + ending, together=question.together or question.id)
        said, labels = self._inner.ask(question), tuple(self._inner.labels(question))
        lead = said["answer_prefill"]
        asked = Message("user", (*question.images, f"{said['question']}\n\n{said['goal']}"))
        at = self._given(question, bare)
        text = f"{lead}{labels[at]}) {question.choices[at]}"
        return replace(bare, turns=(Turn((asked,), text, lead, labels),))

    def _given(self, question: Example, bare: Example) -> int:
        """The option that is given as the first answer.

        Raises:
            UserError: the question has no right option, or no wrong one.
        """
        answers = [
            Answer(choice, label, at)
            for at, (label, choice) in enumerate(
                zip(self._inner.labels(question), question.choices, strict=True)
            )
        ]
        grades = self._inner.grade([(question, answer) for answer in answers])
        right = [grade.outcome == self._best for grade in grades]
        wanted = [at for at, each in enumerate(right) if each == self._is_right(bare)]
        if not wanted or any(grade.outcome is None for grade in grades):
            raise UserError(
                f"the question {question.id!r} has no option that is known to be "
                f"{'right' if self._is_right(bare) else 'wrong'}, which task {NAME!r} gives as an "
                "answer: leave it out of the data"
            )
        return wanted[draw(self._seed, "option", bare.id) % len(wanted)]


def _question(example: Example) -> Example:
    """The example as the other task knows it."""
    return replace(example, id=example.id[:-2], turns=())


def _share(label: str, right: float) -> Share:
    return Share(partial(_where, right=right), label=label, better="higher")


def _where(columns: Mapping[str, Floats], right: float) -> Floats:
    return np.where(columns[GIVEN_RIGHT] == right, columns["outcome"], nan)
