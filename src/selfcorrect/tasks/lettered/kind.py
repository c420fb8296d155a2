"""What all lettered questions share: how one is shown, how a reply is read, how it is graded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from selfcorrect.outcome import ACCURACY, Figure, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.copies import copies_of, moved
from selfcorrect.tasks.data.items import check_some, digest, source_of, together
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.lettered.letters import LETTERS, VERSION, found_by
from selfcorrect.tasks.plain import tidy
from selfcorrect.tasks.reader import AS_USUAL, Reader
from selfcorrect.tasks.wording import Wording, offered

#: What the replies of a lettered question start with.
LEAD_IN = "The best answer is ("
#: Characters of an option: every reply is compared with it.
_LONGEST = 100_000


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


#: how good an answer is, where that is another number than right or wrong; ``None`` if unknown
OutcomeOf = Callable[[Item, Answer], float | None]


def right(item: Item, answer: Answer) -> float | None:
    """1 if the choice is the target, else 0, also where it couldn't be read; ``None`` without a
    target."""
    return None if item.target is None else float(answer.choice == item.target)


def surely(item: Item, index: int) -> Answer:
    """The answer of a model that is certain of a choice."""
    choices = item.example.choices
    sure = tuple(float(at == index) for at in range(len(choices)))
    return Answer(choices[index], LETTERS[index], index, probabilities=sure)


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
        if len(choice) > _LONGEST:
            return f"a choice has {len(choice):,} characters, and at most {_LONGEST:,} are shown"
        if plain in seen:
            return f"the choice {choice!r:.80} stands there twice"
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
        heard: further lead-ins that count as much.
        values, figures: as in :class:`selfcorrect.tasks.base.Task`.
        columns: further names of ``Grade.values``, which only the figures need.
        judge: computes ``Grade.values`` for one answer.
        outcome: the number that says how good an answer is; by default accuracy.
        outcome_of: gives it for one answer, from its choice or its probabilities; by default 1 if
            the choice is the target. An item may then have several right choices, or none, and no
            target. Also called for answers that couldn't be read, whose choice is ``None``.
        skipped: bad lines that were left out.
        read_as: what the data were taken for, a sentence each.
        find: the item of an id, where items are made lazily; by default an index is kept.
        identity: what determines the items, where reading them all would be a waste; else they
            are all hashed for the fingerprint.
        unmatched: how many items have no known stereotyped option (bias tasks).
        reader: how a user says that replies are read.

    Raises:
        UserError: if there are no items.
    """

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
        outcome: Outcome = ACCURACY,
        outcome_of: OutcomeOf = right,
        skipped: Sequence[str] = (),
        read_as: Sequence[str] = (),
        find: Callable[[str], Item] | None = None,
        identity: str | None = None,
        unmatched: int = 0,
        reader: Reader = AS_USUAL,
    ) -> None:
        check_some(name, items, skipped)
        self.name = name
        self.wording = wording
        self.lead_in = lead_in
        self.heard = tuple(heard)
        self.reader = reader
        self.values: Mapping[str, str] = values or {}
        self.figures: Mapping[str, Figure] = figures or {}
        self.columns: Mapping[str, str] = columns or {}
        self.skipped = tuple(skipped)
        self.read_as: Sequence[str] = tuple(read_as)
        self.unmatched = unmatched
        self._items = items
        # looking for copies makes all items, which would be a waste where they are made by number
        known = (item.example for item in items) if identity is None else ()
        self.copies, self._clusters = copies_of(known)
        self.meanings = "key"
        self.keeps_texts = True
        self.continued_by = ""
        self.outcome = outcome
        self._judge = judge
        self._outcome_of = outcome_of
        self._identity = identity
        self._find = find or {item.example.id: item for item in items}.__getitem__

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        return Lazy(len(self._items), lambda i: moved(self._items[i].example, self._clusters))

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when any example, target or wording does, the
        outcome, the source of the function that gives it, or the way in which replies are read."""
        about: tuple[object, ...] = (self.name, self.wording, self.lead_in, self.heard, VERSION)
        if self.reader:
            about = (*about, self.reader)
        if self.outcome != ACCURACY or self._outcome_of is not right:
            about = (*about, self.outcome, source_of(self._outcome_of))
        if self._identity is not None:
            return digest(about, [self._identity])
        return digest(about, [*self._items, *together(self._items)])

    def ask(self, example: Example) -> Mapping[str, str]:
        """What a strategy's templates may use; ``repeat`` is the question with nothing added."""
        return offered(self.wording, question(example), self.lead_in)

    def labels(self, example: Example) -> Sequence[str]:
        """The letters of the example's choices."""
        return tuple(LETTERS[: len(example.choices)])

    def read(self, example: Example, text: str) -> Answer:
        """See :func:`selfcorrect.tasks.lettered.letters.find`, and the reader."""
        found = found_by(self.reader, text, example.choices, (self.lead_in, *self.heard))
        key = None if found.choice is None else LETTERS[found.choice]
        return Answer(
            text,
            key,
            found.choice,
            found.problem,
            provisional=not found.firm,
            keeps=found.keeps,
        )

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """The task's outcome of each answer. Of accuracy: right if the choice is the target; an
        answer that couldn't be read is not. Without a target nothing is right or wrong.

        Raises:
            KeyError: for an example that isn't this task's.
        """
        grades = []
        for example, answer in pairs:
            item = self._find(example.id)
            outcome = self._outcome_of(item, answer)
            grades.append(Grade(outcome, item.target, self._judge(item, answer)))
        return grades

    def reference(self, example: Example) -> str | None:
        """The target, or a choice that has the best outcome, by letter and text; ``None`` where
        nothing is known of the choices."""
        item = self._find(example.id)
        best = item.target
        if best is None:
            worth = [self._outcome_of(item, surely(item, at)) for at in range(len(example.choices))]
            known = {at: each for at, each in enumerate(worth) if each is not None}
            best = max(known, key=lambda at: known[at] * self.outcome.sign, default=None)
        if best is None:
            return None
        return f"{self.lead_in}{LETTERS[best]}) {example.choices[best]}"

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself: every item is answered by letter and by text, and no
        choice may be better than the target, nor all be equally good."""
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
            problems.extend(self._check_outcomes(item))
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
                if self._outcome_of is right and grade.outcome != right(
                    item, Answer(text, choice=index)
                ):
                    yield f"{example.id}: {text!r} is graded {grade.outcome}"
                unknown = set(grade.values) - {*self.values, *self.columns}
                if unknown:
                    yield f"{example.id}: values without a description: {sorted(unknown)}"

    def _check_outcomes(self, item: Item) -> Iterable[str]:
        """Each choice's outcome where all probability is on it, and that of an empty answer."""
        example, name = item.example, self.outcome.name
        worth: dict[int, float] = {}
        for index, choice in enumerate(example.choices):
            outcome = self._outcome_of(item, surely(item, index))
            if problem := self.outcome.problem_with(outcome):
                yield f"{example.id}: the {name} of {choice!r} {problem}"
            elif outcome is not None:
                worth[index] = outcome * self.outcome.sign
        if len(worth) == len(example.choices) and len(set(worth.values())) == 1:
            yield f"{example.id}: every choice has the same {name}"
        best = max(worth.values(), default=0.0)
        if item.target in worth and worth[item.target] < best:
            yield f"{example.id}: another choice has a better {name} than the target"
        empty = self.grade([(example, self.read(example, self.lead_in))])[0].outcome
        if worth and empty is not None and empty * self.outcome.sign >= best:
            yield f"{example.id}: an empty answer is as good as the best: its {name} is {empty:g}"
