"""What was found of a task, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfcorrect.text import clipped

if TYPE_CHECKING:
    from selfcorrect.checking import TaskCheck


def lines(found: TaskCheck) -> Iterator[str]:
    """A task as ``check-task`` shows it."""
    outcome = found.outcome
    low, high = outcome.bounds
    yield (
        f"{found.task}: {_count(found.examples, 'example')} in {_count(found.clusters, 'cluster')}"
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
        yield f"{_count(len(found.skipped), 'line')} left out; the first: {found.skipped[0]}"
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
        yield f"The other {_count(found.unseen, 'example')} weren't looked at."
    if not found.problems:
        yield "No problems were found."


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in clipped(text, 4_000).splitlines())


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _worth(name: str, value: float | None) -> str:
    return f"no {name}" if value is None else f"the {name} {value:g}"
