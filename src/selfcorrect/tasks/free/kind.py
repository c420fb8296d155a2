"""What all tasks of free text share: how one is shown, read, graded and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from selfcorrect.errors import UserError
from selfcorrect.outcome import Figure, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.copies import copies_of, moved
from selfcorrect.tasks.data.items import check_some, digest, source_of, together
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.free.reading import (
    VERSION,
    final_number,
    last_number,
    number_by,
    whole_text,
)
from selfcorrect.tasks.reader import AS_USUAL, Reader
from selfcorrect.tasks.wording import Wording, offered

#: Tokens that a reply may have where a strategy doesn't say.
MAX_TOKENS: Mapping[str, int] = {"answer": 128}


@dataclass(frozen=True, slots=True)
class Item:
    """An example with what only its task may know.

    Attributes:
        reference: a text that is as good an answer as any; ``None`` where nobody knows one.
        facts: what the task's judge needs besides, by name: numbers and texts.
    """

    example: Example
    reference: str | None = None
    facts: Mapping[str, float | str] = field(default_factory=dict)


#: how good an answer is, and further numbers; called for answers that could be read
Judge = Callable[[Item, Answer], Grade]
#: a reply as an answer: with a key, or with a problem where it couldn't be read
Read = Callable[[Example, str], Answer]


class Free:
    """A task of free text.

    An answer that couldn't be read has no outcome, unless the task says which. Of a share it has
    the worse one, as a lettered answer that couldn't be read is recorded as wrong.

    Args:
        name: of the task.
        items: every item; may be lazy.
        wording: what is said besides the question.
        outcome: the number that says how good an answer is.
        judge: gives it for one answer.
        read: reads a reply as an answer; by default all of its text is one.
        unread: the grade of an answer that couldn't be read, where it is as bad as an answer can
        be.
        max_tokens: as in :class:`selfcorrect.tasks.base.Task`.
        values, figures: as in :class:`selfcorrect.tasks.base.Task`.
        columns: further names of ``Grade.values``, which only the figures need.
        skipped: bad lines that were left out.
        find: the item of an id, where items are made lazily; by default an index is kept.
        identity: what determines the items, where reading them all would be a waste; else they
            are all hashed for the fingerprint.
        keeps_texts: as in :class:`selfcorrect.tasks.base.Task`.

    Raises:
        UserError: if there are no items.
    """

    def __init__(
        self,
        name: str,
        items: Sequence[Item],
        *,
        wording: Wording,
        outcome: Outcome,
        judge: Judge,
        read: Read = whole_text,
        unread: Callable[[Item], Grade] | None = None,
        max_tokens: Mapping[str, int] = MAX_TOKENS,
        values: Mapping[str, str] | None = None,
        figures: Mapping[str, Figure] | None = None,
        columns: Mapping[str, str] | None = None,
        skipped: Sequence[str] = (),
        find: Callable[[str], Item] | None = None,
        identity: str | None = None,
        keeps_texts: bool = True,
    ) -> None:
        check_some(name, items, skipped)
        self.name = name
        self.wording = wording
        self.outcome = outcome
        self.meanings = "text" if read is whole_text else "key"
        self.keeps_texts = keeps_texts
        self.continued_by = ""
        self.max_tokens: Mapping[str, int] = {**MAX_TOKENS, **max_tokens}
        self.values: Mapping[str, str] = values or {}
        self.figures: Mapping[str, Figure] = figures or {}
        self.columns: Mapping[str, str] = columns or {}
        self.skipped = tuple(skipped)
        self.read_as: Sequence[str] = ()
        self._items = items
        # looking for copies makes all items, which would be a waste where they are made by number
        known = (item.example for item in items) if identity is None else ()
        self.copies, self._clusters = copies_of(known)
        self._judge = judge
        self._read = read
        self._unread = unread
        self._identity = identity
        self._reader = AS_USUAL
        self._find = find or {item.example.id: item for item in items}.__getitem__

    def read_by(self, reader: Reader) -> bool:
        """Read replies as a user says; ``False`` where answers are no numbers."""
        if self._read not in (final_number, last_number):
            return False
        self._read = partial(number_by, reader)
        self._reader = reader
        return True

    def examples(self) -> Sequence[Example]:
        """All examples, in the data's own order."""
        return Lazy(len(self._items), lambda i: moved(self._items[i].example, self._clusters))

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when any example, reference or wording does, the
        outcome, or the source of the functions that read and judge."""
        about: tuple[object, ...] = (
            self.name, self.wording, self.outcome, sorted(self.max_tokens.items()), VERSION
        )  # fmt: skip
        read = number_by if self._reader else self._read
        code = (source_of(read), source_of(self._judge))
        if self._reader:
            about = (*about, self._reader)
        if self._identity is not None:
            return digest((about, code), [self._identity])
        return digest((about, code), [*self._items, *together(self._items)])

    def ask(self, example: Example) -> Mapping[str, str]:
        """What a strategy's templates may use; a reply isn't begun, so the prefill is empty."""
        context = example.fields.get("context", "")
        head = f"{context}\n\n" if context else ""
        return offered(self.wording, head + example.fields["question"], "")

    def labels(self, example: Example) -> Sequence[str]:
        """None: there are no choices."""
        del example
        return ()

    def read(self, example: Example, text: str) -> Answer:
        """Read a reply as an answer."""
        return self._read(example, text)

    def grade(self, pairs: Sequence[tuple[Example, Answer]]) -> Sequence[Grade]:
        """What the judge says of each answer that could be read.

        Raises:
            KeyError: for an example that isn't this task's.
        """
        return [self._grade(self._find(example.id), answer) for example, answer in pairs]

    def _grade(self, item: Item, answer: Answer) -> Grade:
        if answer.key is None:
            return self._unread(item) if self._unread else Grade(self._worst)
        grade: object = self._judge(item, answer)
        if not isinstance(grade, Grade):
            raise UserError(
                f"the task {self.name}, example {item.example.id!r}: its judge must give one "
                f"Grade, such as Grade(1.0), not {_short(grade)}."
            )
        return grade

    @property
    def _worst(self) -> float | None:
        """The outcome of an answer that couldn't be read: nobody knows it; a mean needs none."""
        if self.outcome.kind == "mean":
            return None
        return 0.0 if self.outcome.better == "higher" else 1.0

    def reference(self, example: Example) -> str | None:
        """A text that is as good an answer as any, or ``None``."""
        return self._find(example.id).reference

    def check(self) -> Sequence[str]:
        """What is wrong with the task itself: the reference of an item must be read, and no other
        text may be better: not another item's reference, nor the question itself; an empty answer
        must be worse. Outcomes lie within their bounds, equal texts have equal keys."""
        problems = []
        ids: set[str] = set()
        other: str | None = None
        references: set[str] = set()
        seen: set[float] = set()
        for item in self._items:
            example = item.example
            if example.id in ids:
                problems.append(f"{example.id}: the id is not unique")
            ids.add(example.id)
            if not example.cluster:
                problems.append(f"{example.id}: it has no cluster")
            if not example.fields.get("question", "").strip():
                problems.append(f"{example.id}: it has no question")
                continue
            if example.choices:
                problems.append(f"{example.id}: it has choices: make it a task of lettered ones")
            if not all(isinstance(fact, float | int | str) for fact in item.facts.values()):
                problems.append(f"{example.id}: its facts must be numbers and texts")
            problems.extend(self._check_answers(item, other, seen))
            if item.reference is not None:
                other = item.reference
                references.add(item.reference)
        if len(references) > 1 and len(seen) == 1:
            problems.append(
                f"every answer that was tried has the {self.outcome.name} {seen.pop():g}: the "
                "judge doesn't tell them apart"
            )
        return problems

    def _check_answers(self, item: Item, other: str | None, seen: set[float]) -> Iterable[str]:
        example = item.example
        rivals = ["", " \n", example.fields["question"], *([other] if other is not None else [])]
        texts = rivals if item.reference is None else [item.reference, *rivals]
        outcomes: list[float | None] = []
        judged: list[float | None] = []
        for text in texts:
            answer, again = self.read(example, text), self.read(example, text)
            if problems := list(_check_key(example, text, answer, again)):
                yield from problems
                return
            grade = self.grade([(example, answer)])[0]
            if problem := self.outcome.problem_with(grade.outcome):
                yield f"{example.id}: the {self.outcome.name} of {_short(text)} {problem}"
            if unknown := set(grade.values) - {*self.values, *self.columns}:
                yield f"{example.id}: values without a description: {sorted(unknown)}"
            outcomes.append(None if grade.outcome is None else float(grade.outcome))
            if answer.key is not None:  # what can't be read the judge never sees
                judged.append(outcomes[-1])
        seen.update(outcome for outcome in judged if outcome is not None)
        if item.reference is not None:
            yield from self._check_reference(item, texts, outcomes)

    def _check_reference(
        self, item: Item, texts: Sequence[str], outcomes: Sequence[float | None]
    ) -> Iterable[str]:
        name, id = self.outcome.name, item.example.id
        best = outcomes[0]
        if self.read(item.example, texts[0]).key is None:
            yield f"{id}: the reference {_short(texts[0])} can't be read"
        if best is None:
            yield f"{id}: the reference {_short(texts[0])} has no {name}"
            return
        if best == self.outcome.bounds[0 if self.outcome.sign > 0 else 1]:
            yield f"{id}: the reference {_short(texts[0])} has the worst {name} there is ({best:g})"
        for text, outcome in zip(texts[1:], outcomes[1:], strict=True):
            if outcome is None:
                continue
            ahead = (outcome - best) * self.outcome.sign
            if ahead > 0:
                yield (
                    f"{id}: {_short(text)} has a better {name} ({outcome:g}) than the reference "
                    f"({best:g})"
                )
            elif not text.strip() and ahead == 0:
                yield f"{id}: an empty answer is as good as the reference: its {name} is {best:g}"


def _check_key(example: Example, text: str, answer: Answer, again: Answer) -> Iterable[str]:
    if answer.key is not None and not isinstance(answer.key, str):
        yield f"{example.id}: the key of {_short(text)} is {answer.key!r}, and must be text"
    if (answer.key is None) == (answer.problem is None):
        yield f"{example.id}: {_short(text)} must have either a key or a problem"
    if answer.key != again.key:
        yield f"{example.id}: {_short(text)} has another key each time: equal texts have equal keys"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
