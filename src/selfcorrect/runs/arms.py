"""The arms of a command: the run itself and its controls, with everything they name checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfcorrect import models, strategies
from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import reads_text_only
from selfcorrect.models.base import Model
from selfcorrect.runs.identity import (
    Facts,
    ModelFacts,
    data_fingerprint,
    folder_name,
    spec_hash,
    task_of,
)
from selfcorrect.runs.spec import ModelSpec, RunSpec, StrategySpec
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task
from selfcorrect.tasks.data.order import order

_LOG = logging.getLogger("selfcorrect")

#: The controls that a run gets beside it: the question again without an instruction, for as many
#: rounds; and the question without the goal, for one.
CONTROLS = ("repeat", "baseline")


@dataclass(frozen=True)
class Arm:
    """One of the runs that go through the same examples.

    Attributes:
        spec: resolved: no ``auto``, no more rounds than the strategy has.
        facts: fingerprints, and the models as resolved.
        hash: see :func:`selfcorrect.runs.identity.spec_hash`.
    """

    spec: RunSpec
    strategy: Strategy
    facts: Facts
    hash: str

    @property
    def name(self) -> str:
        return self.strategy.name

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return folder_name(self.spec, self.strategy, self.hash)


@dataclass(frozen=True)
class Prepared:
    """A spec with everything it names found and checked; no weights are loaded yet.

    Attributes:
        examples: all of the task's, in the order of the run.
        wanted: how many of them the limit leaves.
        arms: the run itself, then its controls.
        opened: the models behind servers, which are known once they are asked; "" is the main one.
    """

    task: Task
    examples: Sequence[Example]
    wanted: int
    arms: Sequence[Arm]
    opened: Mapping[str, Model] = field(default_factory=dict)

    @property
    def spec(self) -> RunSpec:
        """Of the run itself, as are strategy and facts."""
        return self.arms[0].spec

    @property
    def strategy(self) -> Strategy:
        return self.arms[0].strategy

    @property
    def facts(self) -> Facts:
        return self.arms[0].facts

    def advise(self) -> None:
        """Log, once, what the user should know of the machine before the models compute on it.

        Where nobody has set up logging, that is a line on standard error.
        """
        facts = (self.facts.model, *self.facts.others.values())
        told = (models.advice(each.dtype, each.device) for each in facts)
        for sentence in dict.fromkeys(filter(None, told)):
            _LOG.warning("selfcorrect: %s", sentence)

    def close(self) -> None:
        """Close the connections to servers."""
        for model in self.opened.values():
            model.close()


def prepare(spec: RunSpec, model: Model | None = None, *, baseline: bool = True) -> Prepared:
    """Find and check everything that a spec names.

    Args:
        spec: what is to be run.
        model: an open model to use instead of opening ``spec.model``.
        baseline: whether the run has its controls.

    Raises:
        UserError: something named isn't there, or doesn't fit the rest.
    """
    from selfcorrect.measures.catalogue import margins  # scipy is slow to import

    if model is not None:
        models.check_model(model)
    # the cheap mistakes first: a strategy's file before the data, the data before a model
    strategy = strategies.load(spec.strategy.name, spec.strategy.parameters)
    _check_name(strategy, spec.strategy.name)
    _check_bound(strategy, spec)
    task = task_of(spec)
    examples = task.examples()
    if not examples:
        raise UserError(f"the task {spec.task.name} has no examples{_of(spec)}.")
    strategies.check_names(strategy, set(task.ask(examples[0])))
    strategies.check_given(strategy, len(examples[0].turns), task.name)
    named = {name: spec.models[name] for name in sorted(strategy.asked)}
    to_open = named if model is not None else {"": spec.model, **named}
    opened = _opened(to_open)
    _check_images(examples[0], model or opened.get(""))
    main = _facts(spec.model, model or opened.get(""))
    facts = Facts(
        model=main,
        data=data_fingerprint(task),
        others={name: _facts(other, opened.get(name)) for name, other in named.items()},
    )
    resolved = spec.model_copy(
        update={
            "model": _resolved(spec.model, main),
            "models": {
                name: _resolved(spec.models[name], other) for name, other in facts.others.items()
            },
            "margins": margins(task.outcome, spec.margins),
        }
    )
    arm = _arm(resolved, strategy, facts)
    ordered = order(examples, spec.seed)
    wanted = min(spec.limit or len(ordered), len(ordered))
    return Prepared(task, ordered, wanted, [arm, *(controls(arm) if baseline else ())], opened)


def controls(arm: Arm) -> list[Arm]:
    """The controls of a run, but itself; each asks no model but the run's own."""
    found = []
    for name in CONTROLS:
        if name != arm.name:
            spec = arm.spec.model_copy(update={"strategy": StrategySpec(name=name), "models": {}})
            found.append(_arm(spec, strategies.load(name, {}), replace(arm.facts, others={})))
    return found


def open_model(spec: ModelSpec) -> Model:
    """Open a model as a spec names it."""
    return models.load(spec.name, spec.dtype, spec.device, **spec.served)


def _arm(spec: RunSpec, strategy: Strategy, facts: Facts) -> Arm:
    rounds = min(spec.rounds, strategy.max_rounds or spec.rounds)
    spec = spec.model_copy(update={"rounds": rounds})
    return Arm(spec, strategy, facts, spec_hash(spec, facts, strategy))


def _check_images(example: Example, model: Model | None) -> None:
    """Refuse images that the model can't see before there are folders; those of later examples it
    refuses itself."""
    if images := example.all_images:
        if model is None:  # a local one, not opened yet
            raise reads_text_only(images[0])
        model.check_images(images)


def _of(spec: RunSpec) -> str:
    where = f" in {spec.task.data}" if spec.task.data else ""
    return where + (f" of {', '.join(spec.task.categories)}" if spec.task.categories else "")


def _opened(specs: Mapping[str, ModelSpec]) -> dict[str, Model]:
    """Those of the models that are behind servers, opened."""
    opened: dict[str, Model] = {}
    try:
        for name, spec in specs.items():
            if spec.is_served:
                opened[name] = open_model(spec)
    except BaseException:
        for model in opened.values():
            model.close()
        raise
    return opened


def _facts(spec: ModelSpec, model: Model | None = None) -> ModelFacts:
    if model is not None:
        return ModelFacts(model.name, model.fingerprint, model.dtype, model.device)
    return ModelFacts(spec.name, *models.describe(spec.name, spec.dtype, spec.device))


def _resolved(spec: ModelSpec, facts: ModelFacts) -> ModelSpec:
    """Without ``auto``, save where the model has a type that none can choose (planted ones)."""
    named = {"name": facts.name}
    try:
        return ModelSpec(**named, dtype=facts.dtype, device=facts.device)  # type: ignore[arg-type]
    except ValueError:
        return spec.model_copy(update=named)


def _check_name(strategy: Strategy, asked_for: str) -> None:
    name = strategy.name
    if name in CONTROLS and asked_for != name and strategy != strategies.load(name, {}):
        raise UserError(
            f"{strategy.path}: {name} is the name of a control that every run gets beside "
            "it; give the file another name."
        )


def _check_bound(strategy: Strategy, spec: RunSpec) -> None:
    for name, line in strategy.asked.items():
        if name not in spec.models:
            bound = f": {nearest(name, spec.models)}" if spec.models else ""
            raise UserError(
                f"{strategy.path}:{line}: this step asks a model called {name!r}; say which one "
                f"that is with models.{name}=NAME{bound}."
            )
