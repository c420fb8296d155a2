"""Arms: strategies with what they are run with, and what those that begin alike have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfcorrect.converse.dialogue import begin, start
from selfcorrect.converse.given import entry
from selfcorrect.messages import Message
from selfcorrect.models.base import Model
from selfcorrect.strategies import Strategy
from selfcorrect.tasks.base import Example, Task


@dataclass(frozen=True, slots=True)
class Arm:
    """A strategy, and what it is run with.

    Attributes:
        rounds: how many rounds of it are run.
        system: a system prompt for every dialogue.
        others: models that the strategy's ``from`` names.
    """

    name: str
    strategy: Strategy
    rounds: int
    system: str | None = None
    others: Mapping[str, Model] = field(default_factory=dict)


def beginning(
    task: Task, example: Example, strategy: Strategy, system: str | None
) -> tuple[list[Message], str]:
    """The messages of round 1 up to its first reply, and what the reply starts with."""
    dialogue = begin(task, example)
    messages = start(system, example)
    for step in strategy.steps(1):
        if step.given:
            first = entry(example.turns, 1, messages)
            return list(first.shown), first.request.prefill
        if step.say is None:
            return messages, dialogue.says(step.prefill, 1)
        messages.append(dialogue.message(step, 1))
    return messages, ""


def alike(arms: Sequence[Arm]) -> list[list[list[Arm]]]:
    """The arms by system prompt, which stands before all they could share, and of those with the
    same one by what they share: groups whose first rounds are the same."""
    systems: dict[str | None, list[list[Arm]]] = {}
    for arm in arms:
        groups = systems.setdefault(arm.system, [])
        alike = next((group for group in groups if _same_first_round(group[0], arm)), None)
        if alike is None:
            groups.append([arm])
        else:
            alike.append(arm)
    return list(systems.values())


def widest_first(groups: list[list[Arm]], task: Task, examples: Sequence[Example]) -> None:
    """Put first the group with whose beginning the others share most, as they find it encoded."""
    if len(groups) < 3 or not examples:
        return
    texts = []
    for group in groups:
        messages, _ = beginning(task, examples[0], group[0].strategy, group[0].system)
        parts = (part for message in messages for part in message.parts)
        texts.append("\n\n".join(part for part in parts if isinstance(part, str)))
    shared = [sum(_common(one, other) for other in texts) - len(one) for one in texts]
    groups.insert(0, groups.pop(shared.index(max(shared))))


def _common(one: str, other: str) -> int:
    """Length of the longest common beginning."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _same_first_round(one: Arm, other: Arm) -> bool:
    speakers = {step.source for step in one.strategy.first if step.source is not None}
    return one.strategy.first == other.strategy.first and all(
        one.others[name] is other.others[name] for name in speakers
    )
