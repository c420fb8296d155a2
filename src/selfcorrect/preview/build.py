"""The preview of a run: the loop, gone through on stand-ins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import overload

from selfcorrect.converse import Arm, Record, converse
from selfcorrect.messages import message
from selfcorrect.models.base import Model
from selfcorrect.models.function import Function
from selfcorrect.models.kinds import kind_of
from selfcorrect.models.used import Used, together
from selfcorrect.preview.estimate import Estimate, estimate
from selfcorrect.preview.prompts import PLACEHOLDER, Prompt, Trace
from selfcorrect.preview.rendering import Rendering, rendering
from selfcorrect.preview.stand_in import StandIn
from selfcorrect.runs import Prepared, RunSpec, prepare
from selfcorrect.runs.arms import Arm as RunArm
from selfcorrect.runs.arms import drawn
from selfcorrect.runs.concepts import steers_in
from selfcorrect.runs.identity import ModelFacts
from selfcorrect.runs.paths import folder_path
from selfcorrect.strategies.base import MAX_TOKENS, Strategy
from selfcorrect.tasks.base import Example

#: Examples whose prompts are counted for the estimate, at most.
COUNTED = 16
#: Of so many examples each is tokenised, to find the longest; of more only letters are counted.
RANKED = 2_000


@dataclass(frozen=True, slots=True)
class Preview:
    """One example's prompts, and the estimate of the whole command.

    Attributes:
        example: its id.
        prompts: in order.
        assumed: what was assumed of the replies, a sentence each.
        specials: the model's special tokens, for display.
        served: what the models' servers can and can't, a line each.
        asked: what was asked of servers to find that out.
    """

    spec: RunSpec
    example: str
    prompts: Sequence[Prompt]
    assumed: Sequence[str]
    specials: Sequence[str]
    estimate: Estimate
    served: Sequence[str] = ()
    asked: Used = field(default_factory=Used)


@overload
def preview(specs: RunSpec, *, out: str | Path = ..., controls: bool = ...) -> Preview: ...


@overload
def preview(
    specs: Sequence[RunSpec], *, out: str | Path = ..., controls: bool = ...
) -> list[Preview]: ...


def preview(
    specs: RunSpec | Sequence[RunSpec], *, out: str | Path = "runs", controls: bool = True
) -> Preview | list[Preview]:
    """Preview runs: no dialogue is begun, and no weights are loaded. A server is asked what it can.

    Args:
        specs: what would be run, several together.
        out: where the runs' folders lie: the timing of an earlier run is the best estimate.
        controls: whether the runs would have their controls.

    Returns:
        The preview; of several specs a list of theirs, whose estimate is that of all together.

    Raises:
        UserError: as :func:`selfcorrect.runs.run` would, of whatever the specs name.
    """
    ready = prepare(
        [specs] if isinstance(specs, RunSpec) else specs, controls=controls, training=False
    )
    try:
        ready.advise()
        found = _preview(ready, out)
    finally:
        ready.close()
    return found[0] if isinstance(specs, RunSpec) else found


def _preview(ready: Prepared, out: str | Path) -> list[Preview]:
    served = {model.name: model for model in ready.opened.values()}
    every = [each for arm in ready.arms for each in (*arm.facts.others.values(), arm.facts.model)]
    thinking = {each.name: each.thinking for each in every}
    trusted = {each.name for each in every if each.trusted}
    shown_as = cache(
        lambda name: rendering(name, served, thinking.get(name, ""), trust=name in trusted)
    )
    asked = together([model.used for model in ready.opened.values()])
    longest, each = _longest(ready, shown_as(ready.facts.model.name))
    found = _through(ready, ready.arms, longest, shown_as)
    bound = None
    if served:
        most = cache(
            lambda name: rendering(
                name, served, thinking.get(name, ""), trust=name in trusted, most=True
            )
        )
        longest, each = _longest(ready, most(ready.facts.model.name))
        bound = _through(ready, ready.arms, longest, most)
    whole = estimate(ready, found, bound, each, folder_path(out), asked)
    able = [
        f"{model.name} at {model.about['url']}: {' '.join(model.about['can'])}"
        for model in ready.opened.values()
        if model.about
    ]
    previews = []
    for arm in ready.arms[: ready.asked]:
        trace, _ = _through(ready, [arm], ready.examples[:1], shown_as)
        assumed = list(dict.fromkeys(trace.assumed))
        if arm.strategy.stop is not None:
            assumed.append("no dialogue stops early, as the strategy would let it")
        previews.append(
            Preview(
                spec=arm.spec,
                example=ready.examples[0].id,
                prompts=trace.prompts,
                assumed=assumed,
                specials=shown_as(arm.facts.model.name).specials,
                estimate=whole,
                served=able,
                asked=asked,
            )
        )
    return previews


def _longest(ready: Prepared, shown: Rendering) -> tuple[list[Example], int]:
    """Examples that stand for all: these are put in order by their tokens (many by their letters),
    and cut into :data:`COUNTED` parts. Of each the longest, and how many are in it."""
    examples = ready.examples[: ready.wanted]
    each = math.ceil(len(examples) / COUNTED)

    def length(example: Example) -> int:
        text = "\n".join((*example.fields.values(), *example.choices, *_given(example)))
        if len(examples) > RANKED:
            return len(text)
        return len(shown.render([message("user", text)], None).tokens)

    ranked = sorted(examples, key=length, reverse=True) if each > 1 else list(examples)
    return ranked[::each], each


def _given(example: Example) -> Iterator[str]:
    """What was said in a dialogue that exists already."""
    for turn in example.turns:
        yield from (message.text for message in turn.messages)
        yield turn.text


def _through(
    ready: Prepared,
    arms: Sequence[RunArm],
    examples: Sequence[Example],
    shown_as: Callable[[str], Rendering],
) -> tuple[Trace, dict[str, list[Record]]]:
    """Take some examples through the rounds of some arms."""
    trace = Trace(_preferred([arm.strategy for arm in arms]))

    @cache
    def stand_in(name: str) -> StandIn:
        return StandIn(name, shown_as(name), trace)

    most: dict[str, int] = {**MAX_TOKENS, **ready.task.max_tokens, **ready.spec.max_tokens}

    def advise(_question: str, _response: str) -> str:
        trace.replies += 1
        reply = PLACEHOLDER.format(trace.replies)
        trace.longest[reply] = most["feedback"]
        return reply

    def speaker(facts: ModelFacts) -> Model:
        if kind_of(facts.name) == "function":  # the user's own isn't asked
            return Function(facts.name, facts.fingerprint, advise)
        return stand_in(facts.name)

    def next_round(_arm: str, number: int, _rows: Sequence[Record]) -> None:
        trace.round = number + 1

    def encoded(tokens: int) -> None:
        trace.encoded += tokens

    through = [
        Arm(
            arm.folder,
            arm.strategy,
            arm.spec.rounds,
            arm.spec.system,
            {name: speaker(facts) for name, facts in arm.facts.others.items()},
        )
        for arm in arms
    ]
    rows = converse(
        stand_in(ready.facts.model.name),
        ready.task,
        list(examples),
        through,
        seed=ready.spec.seed,
        samples=drawn(ready.spec),
        steers=dict.fromkeys(steers_in(arm.strategy for arm in arms)),
        max_tokens=ready.spec.max_tokens,
        on_round=next_round,
        on_encoded=encoded,
    )
    return trace, rows


def _preferred(strategies: Sequence[Strategy]) -> Counter[str]:
    """The choices on which steps depend: where a strategy parts, most steps' way is shown."""
    steps = (step for each in strategies for step in (*each.first, *each.again))
    return Counter(value for step in steps for value in step.when.values())
