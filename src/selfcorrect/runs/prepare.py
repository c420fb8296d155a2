"""Finding and checking everything that specs name, before a model is loaded or a folder made."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from selfcorrect import models, strategies, tasks
from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError, nearest
from selfcorrect.models.base import Model
from selfcorrect.models.kinds import kind_of
from selfcorrect.models.thought import MOST
from selfcorrect.models.tuned import read_tuned
from selfcorrect.models.unsteerable import unsteerable
from selfcorrect.runs.arms import CONTROLS, Arm, choose_arms, left_out, make_arm, steered
from selfcorrect.runs.concepts import concepts_of, steers_of, with_steering
from selfcorrect.runs.identity import Facts, ModelFacts, data_fingerprint, task_of
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.pictures import BLIND, OTHER, check_pictures, controls_for, with_boxes
from selfcorrect.runs.spec import RunSpec
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task
from selfcorrect.tasks.data.order import order
from selfcorrect.text import visible

_LOG = logging.getLogger("selfcorrect")

#: What specs that are run together have in common.
SHARED = ("model", "task", "seed", "limit", "chunk", "skip_bad", "scorer", "samples", "concepts",
          "meanings", "max_tokens", "max_failed")  # fmt: skip
_MOST = 3
#: From so many answers on it is said how many there are to be.
_MANY = 500


@dataclass(frozen=True)
class Prepared:
    """Specs with everything they name found and checked; no weights are loaded yet.

    Attributes:
        examples: all of the task's, in the order of the runs.
        wanted: how many of them the limit leaves.
        arms: those that were asked for, then their controls; all of them have the same model, task,
            examples, seed and chunk.
        asked: how many were asked for.
        opened: the models behind servers, which are known once they are asked.
        concepts: that are read where the model answers, by name.
        said: what the user should know of the arms, sentences.
    """

    task: Task
    examples: Sequence[Example]
    wanted: int
    arms: Sequence[Arm]
    asked: int = 1
    opened: Mapping[ModelSpec, Model] = field(default_factory=dict)
    concepts: Mapping[str, Concept] = field(default_factory=dict)
    said: Sequence[str] = ()

    @cached_property
    def clusters(self) -> int:
        """How many clusters all examples are of."""
        return len({example.cluster for example in self.examples})

    @property
    def spec(self) -> RunSpec:
        """Of the first arm, as are strategy and facts."""
        return self.arms[0].spec

    @property
    def strategy(self) -> Strategy:
        return self.arms[0].strategy

    @property
    def facts(self) -> Facts:
        return self.arms[0].facts

    def advise(self) -> None:
        """Log, once, what the user should know of data and machine before the models compute.

        Where nobody has set up logging, that is a line on standard error.
        """
        every = (
            each for arm in self.arms for each in (arm.facts.model, *arm.facts.others.values())
        )
        size = self._size()
        told = (models.advice(each.dtype, each.device) for each in every)
        for sentence in dict.fromkeys(filter(None, (*self.task.read_as, *self.said, size, *told))):
            _LOG.warning("selfcorrect: %s", visible(sentence))  # a column's name may be anything

    def _size(self) -> str:
        """How many answers are to be given, a sentence, where they are many and nobody has said how
        many examples there are to be."""
        answers = self.wanted * sum(arm.spec.rounds for arm in self.arms)
        if self.spec.limit is not None or answers < _MANY:
            return ""
        arms = ", ".join(f"{arm.name} {arm.spec.rounds}" for arm in self.arms)
        return (
            f"All {self.wanted:,} examples are asked, in so many rounds: {arms}; that makes "
            f"{answers:,} answers. Fewer with --limit (limit), 20 for a first look; see: preview."
        )

    def close(self) -> None:
        """Close the connections to servers."""
        for model in self.opened.values():
            model.close()


def prepare(
    specs: Sequence[RunSpec],
    model: Model | None = None,
    *,
    controls: bool = True,
    training: bool = True,
) -> Prepared:
    """Find and check everything that specs name.

    Args:
        specs: what is to be run, on the same examples.
        model: an open model to use instead of opening the one that the specs name.
        controls: whether the runs have their controls.
        training: whether a concept that isn't there yet is trained; else it is left out.

    Raises:
        UserError: something named isn't there, or doesn't fit the rest.
    """
    if model is not None:
        models.check_model(model)
    _check_together(specs)
    # the cheap mistakes first: a strategy's file before the data, the data before a model
    loaded = [_strategy(spec) for spec in specs]
    _check_unasked(specs, loaded)
    specs = with_boxes(with_steering(specs, loaded), model)
    task = task_of(specs[0])
    examples = task.examples()
    if not examples:
        raise UserError(f"the task {task.name} has no examples{_of(specs[0])}.")
    check_unseen(specs[0], task, examples)
    for strategy in loaded:
        strategies.check_names(strategy, set(task.ask(examples[0])))
        strategies.check_given(strategy, len(examples[0].turns), task.name, task.continued_by)
        strategies.check_replaced(strategy, task.outcome.kind == "share", task.name)
    asked = {
        spec.models[name]
        for spec, each in zip(specs, loaded, strict=True)
        for name in each.asked
        if name in spec.models
    }
    if model is None and specs[0].model.is_served and any(each.steered for each in loaded):
        raise unsteerable(specs[0].model.name)  # before a server is asked anything
    opened = _opened(asked if model is not None else {specs[0].model, *asked})
    try:
        own = model or opened.get(specs[0].model)
        check_pictures(task, examples, loaded, specs[0], own)
        if any(strategy.steered for strategy in loaded):
            _check_steer(specs[0].model, own)
        main = _facts(specs[0].model, own)
        facts = {each: _facts(each, opened.get(each)) for each in asked}
        read = concepts_of(specs[0], main, own, training=training)
        if len(read) == len(specs[0].concepts):
            steers_of(loaded, read)
        further = controls_for(examples[0])
        asked_for = _arms(specs, loaded, task, main, facts, read)
        arms = choose_arms(asked_for, controls=(*CONTROLS, *further) if controls else ())
        said = filter(None, [left_out(arms[: len(specs)]) if controls else ""])
    except BaseException:
        for each in opened.values():
            each.close()
        raise
    ordered = order(examples, specs[0].seed)
    wanted = min(specs[0].limit or len(ordered), len(ordered))
    facts[specs[0].model] = main
    resolved = {_resolved(each, facts[each]): server for each, server in opened.items()}
    return Prepared(task, ordered, wanted, arms, len(specs), resolved, read, [*said])


def _strategy(spec: RunSpec) -> Strategy:
    strategy = strategies.load(spec.strategy.name, spec.strategy.parameters)
    _check_name(strategy, spec.strategy.name)
    _check_bound(strategy, spec)
    return steered(spec, strategy)


def _arms(
    specs: Sequence[RunSpec],
    loaded: Sequence[Strategy],
    task: Task,
    main: ModelFacts,
    facts: Mapping[ModelSpec, ModelFacts],
    concepts: Mapping[str, Concept],
) -> Iterator[Arm]:
    """The arms that were asked for."""
    from selfcorrect.measures.catalogue import margins
    from selfcorrect.measures.own import Own, check_own

    check_own(Own(task.outcome, task.values, task.figures))
    data = data_fingerprint(task)
    for spec, strategy in zip(specs, loaded, strict=True):
        others = {
            name: facts[spec.models[name]] if name in spec.models else main
            for name in sorted(strategy.asked)
        }
        bound = {name: spec.models.get(name, spec.model) for name in others}
        update = {
            "model": _resolved(spec.model, main),
            "models": {name: _resolved(each, others[name]) for name, each in bound.items()},
            "concepts": {name: concept.place for name, concept in concepts.items()},
            "margins": margins(
                task.outcome, spec.margins, bool(task.examples()[0].choices), spec.samples.k > 0
            ),
        }
        fixed = {name: concept.fingerprint for name, concept in concepts.items()}
        yield make_arm(spec.model_copy(update=update), strategy, Facts(main, data, others, fixed))


def _check_together(specs: Sequence[RunSpec]) -> None:
    """Raises UserError where specs differ in what runs on the same examples share."""
    if not specs:
        raise UserError("there is no spec to run: give at least one.")
    tables = [dict(_flat(spec.model_dump(mode="json", include=set(SHARED)))) for spec in specs]
    differ = {
        key: (one.get(key), other.get(key))
        for one, other in pairwise(tables)
        for key in {**one, **other}
        if one.get(key) != other.get(key)
    }
    if differ:
        told = [f"{key} ({_short(a)} and {_short(b)})" for key, (a, b) in differ.items()]
        more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
        raise UserError(
            "runs that go together have the same model, task, scorer, samples, concepts, seed, "
            f"limit and chunk, and these differ in {', '.join(told[:_MOST])}{more}: make them "
            "equal, or run them one by one."
        )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _short(value: object) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def open_model(spec: ModelSpec) -> Model:
    """Open a model as a spec names it."""
    return models.load(
        spec.name,
        spec.dtype,
        spec.device,
        thinking=spec.thinking,
        max_thinking=spec.max_thinking,
        trust=spec.trust_remote_code,
        **spec.served,
    )


def check_unseen(spec: RunSpec, task: Task, examples: Sequence[Example]) -> None:
    """Raise UserError where the model was tuned on some of the examples, or on others of their
    clusters."""
    tuned = read_tuned(spec.model.name)
    if tuned is None:
        return
    clusters = tuned.clusters.get(tasks.label(spec.task.name), frozenset())
    seen = [e for e in examples if e.cluster in clusters or tuned.knows(_texts_of(e))]
    if seen:
        other = clusters and "part" not in spec.task.options
        way = "run it on the other part (--part test)" if other else "give data that it hasn't seen"
        raise UserError(
            f"the model {spec.model.name} was tuned on {len(seen):,} of the {len(examples):,} "
            f"examples of the task {task.name}, or on others of their clusters, such as "
            f"{seen[0].cluster!r:.60}: {way}."
        )


def _texts_of(example: Example) -> Iterator[str]:
    """An example's texts, and what they are of without a task's own words: after a lead-in such as
    ``Text:``, and a paragraph at a time."""
    for text in (*example.fields.values(), *(turn.text for turn in example.turns)):
        yield from (text, *text.split("\n\n"))
        lead, found, rest = text.partition(": ")
        if found and lead.isalpha():
            yield rest


def _check_steer(spec: ModelSpec, model: Model | None) -> None:
    """Refuse a steer where the model's states are out of reach; a local model that isn't opened yet
    has its layers looked for then."""
    if model is None and models.kind_of(spec.name) == "planted":
        model = models.load(spec.name)
    if model is not None:
        model.check_steer(None)


def _of(spec: RunSpec) -> str:
    where = f" in {spec.task.data}" if spec.task.data else ""
    return where + (f" of {', '.join(spec.task.categories)}" if spec.task.categories else "")


def _opened(specs: Iterable[ModelSpec]) -> dict[ModelSpec, Model]:
    """Those of the models that are behind servers, opened."""
    opened: dict[ModelSpec, Model] = {}
    try:
        for spec in specs:
            if spec.is_served:
                opened[spec] = open_model(spec)
    except BaseException:
        for model in opened.values():
            model.close()
        raise
    return opened


def _facts(spec: ModelSpec, model: Model | None = None) -> ModelFacts:
    if model is not None:
        told = (model.name, model.fingerprint, model.dtype, model.device, model.thinking)
        return ModelFacts(*told, model.trusted)
    trust = spec.trust_remote_code
    described = models.describe(spec.name, spec.dtype, spec.device, trust=trust)
    thinks = models.thinking(spec.name, spec.thinking, spec.max_thinking, trust=trust)
    return ModelFacts(spec.name, *described, thinks, trust)


def _resolved(spec: ModelSpec, facts: ModelFacts) -> ModelSpec:
    """Without ``auto``, save where the model has a type that none can choose (planted ones), or
    only a reply can tell whether it thinks."""
    mode, _, most = facts.thinking.partition(" ")
    named: dict[str, Any] = {"name": facts.name, "thinking": mode or "auto"}
    named["max_thinking"] = int(most) if most else MOST
    named["trust_remote_code"] = facts.trusted
    try:
        return ModelSpec(**named, dtype=facts.dtype, device=facts.device)  # type: ignore[arg-type]
    except ValueError:
        return spec.model_copy(update=named)


def _check_name(strategy: Strategy, asked_for: str) -> None:
    name = strategy.name
    if (
        name in (*CONTROLS, BLIND, OTHER)
        and asked_for != name
        and strategy != strategies.load(name, {})
    ):
        raise UserError(
            f"{strategy.path}: {name} is the name of a control that every run gets beside "
            "it; give the file another name."
        )


def _check_bound(strategy: Strategy, spec: RunSpec) -> None:
    for name, line in strategy.asked.items():
        if name not in spec.models and name not in strategy.own:
            bound = f": {nearest(name, spec.models)}" if spec.models else ""
            raise UserError(
                f"{strategy.path}:{line}: this step asks a model called {name!r}; say which one "
                f"that is with models.{name}=NAME{bound}."
            )
        if name in spec.models and kind_of(spec.models[name].name) == "function":
            _check_function(strategy, name)


def _check_function(strategy: Strategy, name: str) -> None:
    """Refuse a function where more than feedback is wanted of it."""
    for step in (*strategy.first, *strategy.again):
        other = step.elicit not in (None, "feedback") or step.choices or step.samples > 1
        if step.source == name and other:
            raise UserError(
                f"{strategy.path}:{step.line}: models.{name} is a function, which gives feedback "
                f"only, and this step asks it for something else: name a model."
            )


def _check_unasked(specs: Sequence[RunSpec], loaded: Sequence[Strategy]) -> None:
    """Refuse a model that is to give feedback where no strategy asks for any."""
    asks = any("feedback" in strategy.asked for strategy in loaded)
    if not asks and any("feedback" in spec.models for spec in specs):
        names = " and ".join(dict.fromkeys(strategy.name for strategy in loaded))
        raise UserError(
            f"models.feedback names who gives feedback, and {names} never asks for it: leave it "
            "out, or choose a strategy that does, such as intrinsic-feedback."
        )
