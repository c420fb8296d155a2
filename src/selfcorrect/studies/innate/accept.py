"""Feedback that is right or wrong by construction, after a model's own first answer.

It argues for one option that the model hasn't given. Which one is right is known, so whether the
feedback is right is, too. Beside it stands feedback as long that argues for none: an answer may
move to an option because the question is asked again at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.converse.record import option_p
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Request
from selfcorrect.records import transcript
from selfcorrect.runs import Run
from selfcorrect.runs.identity import task_of
from selfcorrect.studies.base import Parts
from selfcorrect.studies.parts import part_key

if TYPE_CHECKING:
    from selfcorrect.models.base import Model

Floats = NDArray[np.float64]
#: What somebody else says of the answer: for one option, and for none.
ARGUED = (
    "Somebody else has read the question and your answer, and says: “({label}) is the right "
    "answer. It fits what the question says better than any of the others.”\n\n{repeat}"
)
NO_OPTION = (
    "Somebody else has read the question and your answer, and says: “There is one right answer. It "
    "fits what the question says better than any of the others.”\n\n{repeat}"
)
_TOGETHER = 8


@dataclass(frozen=True)
class Trials:
    """One feedback for one option each [T].

    Attributes:
        examples: the example's id.
        clusters: of the example.
        right: 1 where the feedback argues for the right option.
        confidence: probability of the answer given before.
        before: probability of the option that it argues for, before.
        taken: 1 where that option is the likeliest afterwards.
        asked: the same after feedback for no option.
        after, after_asked: its probability afterwards, in both cases.
    """

    examples: NDArray[Any]
    clusters: NDArray[Any]
    right: Floats
    confidence: Floats
    before: Floats
    taken: Floats
    asked: Floats
    after: Floats
    after_asked: Floats


@dataclass(frozen=True, slots=True)
class _First:
    """A first answer: the transcript with it, its options' probabilities, and what is right."""

    example: str
    cluster: str
    messages: tuple[Message, ...]
    prefill: str
    p: tuple[float, ...]
    given: int
    target: int
    labels: tuple[str, ...]
    repeat: str


def first_answers(run: Run) -> list[_First]:
    """The first answers of a run that could be read, of questions whose right option is known.

    Raises:
        UserError: there is none, or the run's data have changed.
    """
    task = run.task or task_of(run.spec)
    known = {example.id: example for example in task.examples()}
    columns = ["example", "cluster", "round", "choice", "target", "option_p", "steps"]
    found = []
    for frame in run.chunks(columns):
        for row in frame.filter(frame["round"] == 1).partition_by("example", maintain_order=True):
            told = row.to_dicts()[0]
            given, target, p = told["choice"], told["target"], told["option_p"]
            if given is None or target is None or not p or told["example"] not in known:
                continue
            example = known[told["example"]]
            found.append(
                _First(
                    told["example"],
                    told["cluster"],
                    tuple(transcript(row)),
                    told["steps"][-1]["prefill"] or "",
                    tuple(p),
                    given,
                    target,
                    tuple(task.labels(example)),
                    task.ask(example)["repeat"],
                )
            )
    if not found:
        raise UserError(
            "no first answer could be read as one of its options, so no feedback can be given on "
            "it: choose another model or task."
        )
    return found


def trials(
    model: Model, run: Run, parts: Parts, say: Callable[[], object], key: str = ""
) -> Trials:
    """Feedback for every option that wasn't given, after every first answer.

    Args:
        model: open.
        run: one of its own, whose round 1 is taken.
        parts: keeps what is finished.
        say: called after each part.
        key: stands before the parts' own.

    Raises:
        UserError: see :func:`first_answers`.
    """
    every = first_answers(run)
    rows: list[list[Any]] = []
    for start in range(0, len(every), _TOGETHER):
        some = every[start : start + _TOGETHER]
        part = part_key(key, "accept", [each.example for each in some])
        if part in parts.done:
            rows += parts.done[part]
        else:
            found = _together(model, some)
            parts.keep(part, found)
            rows += found
        say()
    names = ["examples", "clusters", "right", "confidence", "before", "taken", "asked", "after",
             "after_asked"]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    kinds: list[Any] = [object, object, *[np.float64] * 7]
    return Trials(**{n: np.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


def parts_of(run: Run) -> int:
    """At most so many parts have a run's trials."""
    return -(-run.dialogues // _TOGETHER)


def _together(model: Model, some: Sequence[_First]) -> list[list[Any]]:
    """The trials of some first answers; those that outgrow the context window are left out."""
    asked: list[tuple[_First, int | None]] = []
    for each in some:
        asked.append((each, None))
        asked += [(each, o) for o in range(len(each.labels)) if o != each.given]
    talk = model.open(len(asked))
    talk.restart([[*each.messages, message("user", _words(each, o))] for each, o in asked])
    replies = talk.elicit(
        [Request(each.prefill, 1, options=each.labels, thinks=False) for each, _ in asked]
    )
    talk.close(range(len(asked)))
    found: list[list[Any]] = []
    alone: list[float] = []
    for (each, option), reply in zip(asked, replies, strict=True):
        p = [] if reply is None else option_p(reply.options)
        if option is None:
            alone = p
            continue
        if not p or not alone:
            continue
        found.append(
            [
                each.example,
                each.cluster,
                float(option == each.target),
                each.p[each.given],
                each.p[option],
                float(int(np.argmax(p)) == option),
                float(int(np.argmax(alone)) == option),
                p[option],
                alone[option],
            ]
        )
    return found


def _words(first: _First, option: int | None) -> str:
    if option is None:
        return NO_OPTION.replace("{repeat}", first.repeat)
    return ARGUED.replace("{label}", first.labels[option]).replace("{repeat}", first.repeat)
