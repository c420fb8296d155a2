"""Does a strategy hold together: every round ends with one answer, nothing is used too early."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from selfcorrect.errors import UserError, nearest
from selfcorrect.strategies.base import KINDS, Step
from selfcorrect.strategies.templates import placeholders

#: (section, number of the step in it, key, sentence) → the error with its file and line
Fail = Callable[[str, int, str, str], UserError]


_Fact = tuple[str, str | None]


@dataclass(slots=True)
class _Known:
    """What has happened in the dialogues so far.

    A fact is ``("elicited", name)``, or ``("told", model)`` once something was said to it.

    ``sure``: facts of every dialogue. ``under``: facts of those that meet a ``when``.
    ``some``: what was elicited in some dialogue, with the values that ``choices`` allow (none
    where it is free text). ``given``: every round so far was.
    """

    sure: set[_Fact] = field(default_factory=lambda: {("told", None)})
    under: list[tuple[_Fact, Mapping[str, str]]] = field(default_factory=list)
    some: dict[str, set[str]] = field(default_factory=dict)
    given: bool = True

    def has(self, fact: _Fact, when: Mapping[str, str]) -> bool:
        return fact in self.sure or any(
            fact == f and guards.items() <= when.items() for f, guards in self.under
        )

    def add(self, step: Step) -> None:
        name = step.elicit
        if name is not None:
            # what held under another critique says nothing of dialogues under this one
            self.under = [(f, guards) for f, guards in self.under if name not in guards]
            before = self.some.get(name, set()) if step.when else set()
            self.some[name] = before | set(step.choices)
        fact = ("told", step.source) if name is None else ("elicited", name)
        if step.when:
            self.under.append((fact, step.when))
        else:
            self.sure.add(fact)


def check_flow(
    first: Sequence[Step], again: Sequence[Step], max_rounds: int | None, fail: Fail
) -> None:
    """Walk through every kind of round that a strategy has.

    Raises:
        UserError: from ``fail``, at the first step that can't work.
    """
    known = _Known()
    for round in _rounds_to_walk(again, max_rounds):
        section, steps = ("first", first) if round == 1 else ("again", again)
        _walk(
            round, section, [(n, s) for n, s in enumerate(steps) if s.applies(round)], known, fail
        )


def _rounds_to_walk(again: Iterable[Step], max_rounds: int | None) -> Iterator[int]:
    """The rounds that differ from the one before them, and rounds 1 to 3: the others repeat."""
    named = {r for s in again for r in (*(s.rounds or ()), *s.except_rounds)}
    for round in sorted({1, 2, 3} | named | {r + 1 for r in named}):
        if max_rounds is None or round <= max_rounds:
            yield round


def _walk(
    round: int, section: str, steps: Sequence[tuple[int, Step]], known: _Known, fail: Fail
) -> None:
    if not steps:
        raise fail(section, 0, "", f"no step applies in round {round}, which needs an answer")
    if given := [n for n, step in steps if step.given]:
        _check_given(round, section, given[0], len(steps), known, fail)
        return
    known.given = False
    answered: list[Mapping[str, str]] = []
    for n, step in steps:
        key = "say" if step.elicit is None else "elicit"
        for guards in answered:
            if not _exclude(guards, step.when):
                raise fail(
                    section,
                    n,
                    key,
                    f"this step follows an answer, which ends round {round}: it needs a `when` "
                    "that excludes the dialogues that have answered",
                )
        _check_when(round, section, n, step, known, fail)
        for at, template in (("say", step.say or ""), ("prefill", step.prefill)):
            for name in sorted(placeholders(template) & set(KINDS)):
                if not known.has(("elicited", name), step.when):
                    raise fail(
                        section,
                        n,
                        at,
                        f"{{{name}}} is not there yet in round {round}: no earlier step elicits "
                        f"it in every dialogue that comes to this step",
                    )
        if step.elicit is not None and not known.has(("told", step.source), step.when):
            raise fail(
                section,
                n,
                "from",
                f"{step.source!r} is asked before anything was said to it in every dialogue that "
                f"comes to this step: it sees only what a step says with from = {step.source!r}",
            )
        known.add(step)
        if step.elicit == "answer":
            # of the answer itself only what it was before is known
            answered.append({k: v for k, v in step.when.items() if k != "answer"})
    n, last = steps[-1]
    if last.elicit != "answer":
        raise fail(
            section,
            n,
            "say" if last.elicit is None else "elicit",
            f'round {round} ends with this step, but must end with elicit = "answer"',
        )
    if round == 1 and last.when:
        raise fail(section, n, "when", "round 1 must end with an answer in every dialogue")


def _check_given(round: int, section: str, n: int, steps: int, known: _Known, fail: Fail) -> None:
    if steps > 1:
        raise fail(
            section, n, "given", f"given = true is all of round {round}: no other step may apply"
        )
    if not known.given:
        raise fail(
            section,
            n,
            "given",
            f"round {round} can't be taken as it is given: an earlier round isn't, and what the "
            "dialogue holds answers something else",
        )
    known.sure.add(("elicited", "answer"))
    known.some["answer"] = set()


def _check_when(round: int, section: str, n: int, step: Step, known: _Known, fail: Fail) -> None:
    for name, value in step.when.items():
        if name not in KINDS:
            raise fail(section, n, "when", f"{name!r} is nothing elicited: {nearest(name, KINDS)}")
        if name not in known.some:
            raise fail(
                section, n, "when", f"no step before this one elicits a {name} by round {round}"
            )
        if not known.some[name]:
            raise fail(
                section, n, "when", f"the step that elicits the {name} must have `choices` for this"
            )
        if value not in known.some[name]:
            raise fail(
                section,
                n,
                "when",
                f"{value!r} is not among the choices of the {name}: "
                f"{nearest(value, known.some[name])}",
            )


def _exclude(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether no dialogue meets both."""
    return any(name in other and other[name] != value for name, value in one.items())
