"""The preview of a run: the loop, gone through on stand-ins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from selfcorrect.converse import Arm, Record, converse
from selfcorrect.preview.estimate import Estimate, estimate
from selfcorrect.preview.prompts import Prompt, Trace
from selfcorrect.preview.rendering import rendering
from selfcorrect.preview.stand_in import StandIn
from selfcorrect.runs import Prepared, RunSpec, prepare
from selfcorrect.runs.paths import folder_path
from selfcorrect.strategies.base import Strategy

#: Examples whose prompts are counted for the estimate.
COUNTED = 16


@dataclass(frozen=True, slots=True)
class Preview:
    """One example's prompts, and the estimate.

    Attributes:
        example: its id.
        prompts: in order.
        assumed: what was assumed of the replies, a sentence each.
        specials: the model's special tokens, for display.
    """

    spec: RunSpec
    example: str
    prompts: Sequence[Prompt]
    assumed: Sequence[str]
    specials: Sequence[str]
    estimate: Estimate


def preview(spec: RunSpec, *, out: str | Path = "runs", baseline: bool = True) -> Preview:
    """Preview a run: nothing is asked of the model, and no weights are loaded.

    Args:
        spec: what would be run.
        out: where the runs' folders lie: the timing of an earlier run is the best estimate.
        baseline: whether the run would have its controls.

    Raises:
        UserError: as :func:`selfcorrect.runs.run` would, of whatever the spec names.
    """
    ready = prepare([spec], baseline=baseline)
    try:
        ready.advise()
        return _preview(ready, out)
    finally:
        ready.close()


def _preview(ready: Prepared, out: str | Path) -> Preview:
    trace = Trace(_preferred(ready.strategy))
    served = {model.name: model for model in ready.opened.values()}

    @cache
    def stand_in(name: str) -> StandIn:
        return StandIn(name, rendering(name, served), trace)

    main = stand_in(ready.facts.model.name)
    others = {name: stand_in(facts.name) for name, facts in ready.facts.others.items()}
    arms = [
        Arm(arm.name, arm.strategy, arm.spec.rounds, arm.spec.system, others) for arm in ready.arms
    ]

    def next_round(_arm: str, number: int, _rows: Sequence[Record]) -> None:
        trace.round = number + 1

    def through(examples: int, arms: Sequence[Arm]) -> dict[str, list[Record]]:
        return converse(
            main,
            ready.task,
            list(ready.examples[:examples]),
            arms,
            seed=ready.spec.seed,
            on_round=next_round,
        )

    through(1, arms[:1])
    prompts, assumed = list(trace.prompts), list(dict.fromkeys(trace.assumed))
    if ready.strategy.stop is not None:
        assumed.append("no dialogue stops early, as the strategy would let it")
    counted = min(COUNTED, ready.wanted)
    return Preview(
        spec=ready.spec,
        example=ready.examples[0].id,
        prompts=prompts,
        assumed=assumed,
        specials=main.rendering.specials,
        estimate=estimate(ready, arms, through(counted, arms), counted, folder_path(out)),
    )


def _preferred(strategy: Strategy) -> Counter[str]:
    """The choices on which steps depend: where a strategy parts, most steps' way is shown."""
    steps = (*strategy.first, *strategy.again)
    return Counter(value for step in steps for value in step.when.values())
