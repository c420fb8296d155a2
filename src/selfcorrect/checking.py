"""A task looked at without a model: does it hold what a run relies on?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from selfcorrect import tasks
from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Floats, Outcome
from selfcorrect.report.numbers import count
from selfcorrect.strategies import KINDS
from selfcorrect.tasks import Answer, Example, Grade, Task
from selfcorrect.text import clipped, visible

#: After so many examples that fail the others aren't looked at.
MOST = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """One example as it is asked, and what its answers are worth.

    Attributes:
        question: the whole question as shown.
        answer_prefill: what the reply starts with.
        reference: an answer that is as good as any, or ``None`` where nobody knows one.
        key: of the reference.
        outcome: of the reference.
        empty: outcome of a reply that says nothing.
    """

    id: str
    cluster: str
    question: str
    answer_prefill: str
    reference: str | None
    key: str | None
    outcome: float | None
    empty: float | None


@dataclass(frozen=True, slots=True, repr=False)
class TaskCheck:
    """What was found. Shown, it is what the command prints.

    Attributes:
        task: its name.
        clusters: how many groups of examples there are that depend on each other.
        max_tokens: of a reply, by what is elicited, where a strategy doesn't say.
        skipped: lines of the data that were left out, a sentence each.
        read_as: what the data were taken for, a sentence each.
        shown: the first example, if it can be asked and graded at all.
        problems: what is wrong, a sentence for each mistake, however many examples it is of;
            empty when all is well.
        trace: of the first failure of a user's own code, its traceback.
        unseen: so many examples weren't looked at, as :data:`MOST` had failed.
    """

    task: str
    outcome: Outcome
    examples: int
    clusters: int
    max_tokens: Mapping[str, int]
    skipped: Sequence[str]
    shown: Shown | None
    problems: Sequence[str]
    trace: str = ""
    read_as: Sequence[str] = ()
    unseen: int = 0

    def __repr__(self) -> str:
        return visible("\n".join(map(clipped, lines(self))), lines=True)

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        whole = asdict(self)
        del whole["trace"]
        return {**whole, "outcome": self.outcome.table(), "problems": list(self.problems)}


def check_task(
    task: str | Task,
    *,
    data: object = None,
    categories: Sequence[str] = (),
    task_options: Mapping[str, Any] | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> TaskCheck:
    """Look at a task without a model: every example is asked, its reference read and graded.

    Args:
        task: a name as :func:`selfcorrect.run` takes it (``FILE.py:NAME``, too), or an object.
        data, categories, task_options, seed, skip_bad: as in :func:`selfcorrect.run`, for a name.

    Raises:
        UserError: there is no such task, or it lacks a member; what is wrong with one that can be
            looked at is in ``problems``.
    """
    if isinstance(task, str):
        task = tasks.make(
            task,
            data=data,
            categories=categories,
            seed=seed,
            skip_bad=skip_bad,
            options=task_options,
        )
    return look_at(tasks.checked(task))


def _taken_names(task: Task) -> Iterator[str]:
    """Numbers of the task that have the name of a measure."""
    from selfcorrect.measures.own import Own, check_own

    try:
        check_own(Own(task.outcome, task.values, task.figures))
    except UserError as error:
        yield str(error)


def look_at(task: Task) -> TaskCheck:
    """What :func:`check_task` finds of a task that is open and checks what it gives."""
    problems = [*_unknown_kinds(task), *_taken_names(task)]
    found = _Same()
    failed = 0
    shown: Shown | None = None
    graded: list[tuple[Answer, Grade]] = []
    traces: list[str] = []
    looked = 0
    for example in task.examples():
        looked += 1
        try:
            tried, grade = _try(task, example)
            graded.append(grade)
        except UserError as error:
            found.add(example.id, str(error))
            traces.append(error.trace)
            failed += 1
            if failed >= MOST:
                break
        else:
            shown = shown or tried
            for problem in _wrong(task, tried):
                found.add(example.id, problem)
    if failed < MOST:
        try:
            for problem in task.check():
                found.add(problem.partition(": ")[0], problem)
            _compute_figures(task, graded)
        except UserError as error:
            if not found.fails_alike(str(error)):
                found.add("", str(error))
            traces.append(error.trace)
    problems += found.told()
    return TaskCheck(
        task=task.name,
        outcome=task.outcome,
        examples=len(task.examples()),
        clusters=len({example.cluster for example in task.examples()}),
        max_tokens=dict(task.max_tokens),
        skipped=tuple(task.skipped),
        read_as=tuple(task.read_as),
        shown=shown,
        problems=tuple(dict.fromkeys(problems)),
        trace=next(filter(None, traces), ""),
        unseen=len(task.examples()) - looked,
    )


class _Same:
    """Problems of examples, each mistake once, whatever example it is of."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._every: dict[str, set[str]] = {}

    def add(self, example: str, problem: str) -> None:
        """Enter a problem of an example, by its id; of none where that is empty."""
        key = problem.removeprefix(f"{example}: ").replace(f" of the example {example!r}", "")
        if example:
            key = re.sub(rf"(?<!\w){re.escape(example)}(?!\w)", "…", key)
        self._first.setdefault(key, problem)
        self._every.setdefault(key, set()).add(example)

    def told(self) -> Iterator[str]:
        """Each with the first example that has it, and how many have."""
        for key, first in self._first.items():
            n = len(self._every[key])
            yield first if n == 1 else f"{first} (so it is with {n:,} examples)"

    def fails_alike(self, problem: str) -> bool:
        """Whether the user's code failed so in an example, too: then that is the same mistake."""
        _, failed, how = problem.partition(" failed with ")
        return bool(failed) and any(each.endswith(how) for each in self._first.values())


def _unknown_kinds(task: Task) -> Iterator[str]:
    for kind in sorted(set(task.max_tokens) - set(KINDS)):
        yield f"max_tokens names {kind!r}, which is never elicited: {nearest(kind, KINDS)}"


def _compute_figures(task: Task, graded: Sequence[tuple[Answer, Grade]]) -> None:
    """Raises UserError for a figure that fails on what the reference answers got."""
    graded = [(answer, grade) for answer, grade in graded if answer.key is not None]
    if not graded:
        return  # without references nothing is known of them
    names = dict.fromkeys(name for _, grade in graded for name in grade.values)
    names |= dict.fromkeys((*task.values, *getattr(task, "columns", ())))
    columns = {
        "outcome": _column(grade.outcome for _, grade in graded),
        "choice": _column(answer.choice for answer, _ in graded),
        **{name: _column(grade.values.get(name) for _, grade in graded) for name in names},
    }
    for figure in task.figures.values():
        figure(columns)


def _column(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])


def _try(task: Task, example: Example) -> tuple[Shown, tuple[Answer, Grade]]:
    """Everything that a run asks of the task for one example."""
    asked = task.ask(example)
    task.labels(example)
    reference = task.reference(example)
    texts = (reference or "", asked["answer_prefill"])
    best, empty = (task.read(example, text) for text in texts)
    pairs = [(example, best), (example, empty)]
    grades, again = task.grade(pairs), task.grade(pairs)
    for (_, answer), grade, other in zip(pairs, grades, again, strict=True):
        if grade.outcome != other.outcome:
            raise UserError(
                f"{example.id}: the answer {answer.text!r:.60} has the {task.outcome.name} "
                f"{grade.outcome}, and graded again {other.outcome}: an outcome must be the same "
                "each time"
            )
    worth, nothing = (None if grade.outcome is None else float(grade.outcome) for grade in grades)
    known = reference is not None
    found = Shown(
        id=example.id,
        cluster=example.cluster,
        question=asked["question"],
        answer_prefill=asked["answer_prefill"],
        reference=reference,
        key=best.key if known else None,
        outcome=worth if known else None,
        empty=nothing,
    )
    return found, (best, grades[0])


def _wrong(task: Task, tried: Shown) -> Iterator[str]:
    if tried.reference is None:
        return
    if tried.key is None:
        yield f"{tried.id}: the reference can't be read as an answer"
    if tried.outcome is None or tried.empty is None:
        return
    if (tried.outcome - tried.empty) * task.outcome.sign <= 0:
        yield (
            f"{tried.id}: an empty answer is as good as the reference, or better: its "
            f"{task.outcome.name} is {tried.empty:g}, and the reference's {tried.outcome:g}"
        )


def lines(found: TaskCheck) -> Iterator[str]:
    """A task as ``check-task`` shows it."""
    outcome = found.outcome
    low, high = outcome.bounds
    yield (
        f"{found.task}: {count(found.examples, 'example')} in {count(found.clusters, 'cluster')}"
    )
    yield (
        f"outcome: {outcome.name} (a {outcome.kind} from {low:g} to {high:g}, {outcome.better} is "
        f"better, changes up to {outcome.margin:g} count as none)"
    )
    if found.max_tokens:
        each = ", ".join(f"{kind} {tokens}" for kind, tokens in found.max_tokens.items())
        yield f"tokens that a reply may have: {each}"
    yield from found.read_as
    if found.skipped:
        yield f"{count(len(found.skipped), 'line')} left out; the first: {found.skipped[0]}"
    if (shown := found.shown) is not None:
        yield f"\nThe example {shown.id} (cluster {shown.cluster}) as it is asked:\n"
        yield from _indented(shown.question)
        if shown.answer_prefill:
            yield f"\nA reply begins with: {shown.answer_prefill}"
        if shown.reference is None:
            yield "\nIt has no reference answer."
        else:
            yield f"\nIts reference answer has {_worth(outcome.name, shown.outcome)}:\n"
            yield from _indented(shown.reference)
        yield f"\nAn answer that says nothing has {_worth(outcome.name, shown.empty)}."
    yield ""
    yield from (f"problem: {problem}" for problem in found.problems)
    if found.unseen:
        yield f"The other {count(found.unseen, 'example')} weren't looked at."
    if not found.problems:
        yield "No problems were found."


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in clipped(text, 4_000).splitlines())


def _worth(name: str, value: float | None) -> str:
    return f"no {name}" if value is None else f"the {name} {value:g}"
