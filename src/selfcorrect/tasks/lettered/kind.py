"""What all lettered questions share: how one is shown, how a reply is read, how it is graded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from selfcorrect.outcome import ACCURACY, Figure, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.copies import copies_of, moved
from selfcorrect.tasks.data.items import check_some, digest
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.lettered.letters import LETTERS, read
from selfcorrect.tasks.plain import tidy
from selfcorrect.tasks.wording import Wording, offered

#: What the replies of a lettered question start with.
LEAD_IN = "The best answer is ("


@dataclass(frozen=True, slots=True)
class Item:
    """An example with what only its task may know.

    Attributes:
        target: index of the right choice among those shown; ``None`` where nobody said which.
        facts: what the task's judge needs besides, by name.
    """

    example: Example
    target: int | None
    facts: Mapping[str, float] = field(default_factory=dict)


#: the numbers of ``Grade.values`` for one answer
Judge = Callable[[Item, Answer], Mapping[str, float | None]]


def no_values(item: Item, answer: Answer) -> Mapping[str, float | None]:
    """The judge of a task that knows right and wrong only."""
    del item, answer
    return {}


def problem_with(choices: Sequence[str]) -> str | None:
    """Why these can't be a question's options, or ``None``."""
    if len(choices) < 2:
        return f"a question needs at least two choices, and this one has {len(choices)}"
    if len(choices) > len(LETTERS):
        return f"there are {len(choices)} choices and only {len(LETTERS)} letters"
    seen: dict[str, str] = {}
    for choice in choices:
        plain = tidy(choice)
        if not plain:
            return "a choice is empty"
        if plain in seen:
            return f"the choice {choice!r} stands there twice"
        seen[plain] = choice
    return None


def question(example: Example) -> str:
    """The question as shown: context if there is one, question, a line for each lettered option.

    That of a dialogue which exists already is what its user said before the first answer.
    """
    if example.turns:
        said = [each.parts for each in example.turns[0].messages if each.role == "user"]
        return "\n\n".join("".join(p for p in parts if isinstance(p, str)) for parts in said)
    context = example.fields.get("context", "")
    # A line break within an option would let it look like two.
    options = (
        f"({letter}) {' '.join(choice.split())}"
        for letter, choice in zip(LETTERS, example.choices, strict=False)
    )
    head = f"{context}\n\n" if context else ""
    return head + "\n".join((example.fields["question"], *options))


class Lettered:
    """A task of lettered questions. The tasks differ in data only: see :class:`Item`.

    Args:
        name: as in the registry.
        items: every item; may be lazy.
        wording: what is said besides the question.
        lead_in: what a reply starts with, up to where the letter is expected.
        heard: what leads in to a letter as well, in answers that we haven't begun.
        values, figures: as in :class:`selfcorrect.tasks.base.Task`.
        columns: further names of ``Grade.values``, which only the figures need.
        judge: computes ``Grade.values`` for one answer.
        skipped: bad lines that were left out.
        find: the item of an id, where items are made lazily; by default an index is kept.
        identity: what determines the items, where reading them all would be a waste; else they
            are all hashed for the fingerprint.
        unmatched: how many items have no known stereotyped option (bias tasks).

    Raises:
        UserError: if there are no items.
    """

    outcome: Outcome = ACCURACY
    max_tokens: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self,
        name: str,
        items: Sequence[Item],
        *,
        wording: Wording,
        lead_in: str = LEAD_IN,
        heard: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
        figures: Mapping[str, Figure] | None = None,
        columns: Mapping[str, str] | None = None,
        judge: Judge = no_values,
        skipped: Sequence[str] = (),
        find: Callable[[str], Item] | None = None,
        identity: str | None = None,
        unmatched: int = 0,
    ) -> None:
        check_some(name, items, skipped)
        self.name = name
        self.wording = wording
        self.lead_in = lead_in
        self.heard = tuple(heard)
        self.values: Mapping[str, str] = values or {}
        self.figures: Mapping[str, Figure] = figures or {}
        self.columns: Mapping[str, str] = columns or {}
        self.skipped = tuple(skipped)
        self.unmatched = unmatched
        self._items = items
        # looking for copies makes all items, which would be a waste where they are made by number
        known = (item.example for item in items) if identity is None else ()
        self.copies, self._clusters = copies_of(known)
        self._judge = judge
        self._identity = identity
        self._find = find or {item.example.id: item for item in items}.__getitem__

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        return Lazy(len(self._items), lambda i: moved(self._items[i].example, self._clusters))

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when any example, target or wording does."""
        return digest(
            (self.name, self.wording, self.lead_in, self.heard),
            self._items if self._identity is None else [self._identity],
        )

    def ask(self, example: Example) -> Mapping[str, str]:
        """What a strategy's templates may use; ``repeat`` is the question with nothing added."""
        return offered(self.wording, question(example), self.lead_in)

    def labels(self, example: Example) -> Sequence[str]:
        """The letters of the example's choices."""
        return tuple(LETTERS[: len(example.choices)])

    def read(self, example: Example, text: str) -> Answer:
        """See :func:`selfcorrect.tasks.lettered.letters.read`."""
        choice, problem = read(text, example.choices, self.lead_in, self.heard)
        key = None if choice is None else LETTERS[choice]
        return Answer(text, key, choice, problem)

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """Right if the choice is the target; an answer that couldn't be read is not. Without a
        target nothing is right or wrong.

        Raises:
            KeyError: for an example that isn't this task's.
        """
        grades = []
        for example, answer in pairs:
            item = self._find(example.id)
            right = None if item.target is None else float(answer.choice == item.target)
            grades.append(Grade(right, item.target, self._judge(item, answer)))
        return grades

    def reference(self, example: Example) -> str | None:
        """The right choice by letter and text; ``None`` without a target."""
        target = self._find(example.id).target
        if target is None:
            return None
        return f"{self.lead_in}{LETTERS[target]}) {example.choices[target]}"

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself: every item is answered by letter and by text."""
        problems = []
        ids: set[str] = set()
        if self.lead_in != self.lead_in.rstrip():
            problems.append("lead_in ends in white space")
        for item in self._items:
            example = item.example
            if example.id in ids:
                problems.append(f"{example.id}: the id is not unique")
            ids.add(example.id)
            if not example.cluster:
                problems.append(f"{example.id}: it has no cluster")
            wrong = problem_with(example.choices)
            if wrong is not None or not 0 <= (item.target or 0) < len(example.choices):
                problems.append(f"{example.id}: {wrong or 'the target is none of the choices'}")
                continue
            problems.extend(self._check_answers(item))
        return problems

    def _check_answers(self, item: Item) -> Iterable[str]:
        example = item.example
        lead = self.lead_in
        for index, (label, choice) in enumerate(
            zip(self.labels(example), example.choices, strict=True)
        ):
            for text in (f"{lead}{label})", f"{lead}{label}) {choice}", choice):
                answer = self.read(example, text)
                if text == choice and answer.problem == "several options":
                    continue  # the text of this option is the letter of another
                if answer.choice != index:
                    yield f"{example.id}: {text!r} is not read as choice {index}"
                grade = self.grade([(example, answer)])[0]
                right = None if item.target is None else float(index == item.target)
                if grade.outcome != right or grade.target != item.target:
                    yield f"{example.id}: {text!r} is graded {grade.outcome}"
                unknown = set(grade.values) - {*self.values, *self.columns}
                if unknown:
                    yield f"{example.id}: values without a description: {sorted(unknown)}"
        if self.grade([(example, self.read(example, lead))])[0].outcome:
            yield f"{example.id}: an empty answer is graded correct"
