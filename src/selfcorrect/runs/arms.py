"""Arms: runs that go through the same examples, those that were asked for and their controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfcorrect import strategies
from selfcorrect.converse import Samples
from selfcorrect.errors import UserError
from selfcorrect.runs.identity import Facts, folder_name, spec_hash
from selfcorrect.runs.spec import RunSpec, StrategySpec
from selfcorrect.strategies.base import Strategy

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
        controls: name → folder of the arms that this one is compared with.
    """

    spec: RunSpec
    strategy: Strategy
    facts: Facts
    hash: str
    controls: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.strategy.name

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return folder_name(self.spec, self.strategy, self.hash)

    def is_own(self, name: str) -> bool:
        """Whether a further model of the strategy is the one that answers."""
        return self.facts.others[name] == self.facts.model


def drawn(spec: RunSpec) -> Samples:
    """What is drawn beside every answer of a run."""
    return Samples(spec.samples.k, spec.samples.temperature, spec.samples.p_true)


def steered(spec: RunSpec, strategy: Strategy) -> Strategy:
    """The strategy under the steer of its spec, where there is one.

    Raises:
        UserError: it elicits nothing that could be steered.
    """
    if spec.steer is None:
        return strategy
    return strategies.under(strategy, strategies.steering_of(spec.steer))


def make_arm(spec: RunSpec, strategy: Strategy, facts: Facts) -> Arm:
    """An arm of a resolved spec."""
    rounds = min(spec.rounds, strategy.max_rounds or spec.rounds)
    spec = spec.model_copy(update={"rounds": rounds})
    return Arm(spec, strategy, facts, spec_hash(spec, facts, strategy))


def choose_arms(asked: Iterable[Arm], *, controls: Sequence[str]) -> list[Arm]:
    """The arms of a command: those that were asked for, then their controls, each of them once.

    Args:
        asked: arms.
        controls: the names of those that each of them has.

    A control of several arms is shared by them, and one that was asked for isn't there twice.

    Raises:
        UserError: two that were asked for are the same run.
    """
    asked = list(asked)
    arms = {arm.folder: arm for arm in asked}
    if len(arms) < len(asked):
        folders = [arm.folder for arm in asked]
        twice = next(name for name in folders if folders.count(name) > 1)
        raise UserError(
            f"two of the specs describe the same run, {twice}: give it once (margins and limits "
            "make no other run)."
        )
    compared: dict[str, dict[str, str]] = {name: {} for name in arms}
    for arm in asked if controls else ():
        mine = _controls(arm, controls)
        compared[arm.folder] = {control.name: control.folder for control in mine}
        for control in mine:
            arms.setdefault(control.folder, control)
            # a control is shown beside the others
            beside = [arm, *mine] if arm.name in controls else mine
            others = {other.name: other.folder for other in beside if other is not control}
            compared.setdefault(control.folder, others)
    return [replace(arm, controls=compared[name]) for name, arm in arms.items()]


def _controls(arm: Arm, names: Sequence[str]) -> list[Arm]:
    """The controls of a run, but itself; each asks no model but the run's own."""
    found = []
    for name in names:
        if name != arm.name:
            spec = arm.spec.model_copy(update={"strategy": StrategySpec(name=name), "models": {}})
            control = steered(spec, strategies.load(name, {}))
            if not _the_same(arm, control):
                found.append(make_arm(spec, control, replace(arm.facts, others={})))
    return found


def _the_same(arm: Arm, control: Strategy) -> bool:
    """Whether a control would only say again what the arm says: both have one round, and the same
    steps in it."""
    return arm.spec.rounds == 1 and arm.strategy.steps(1) == control.steps(1)


def left_out(arms: Iterable[Arm]) -> str:
    """A sentence where a run has no control ``repeat``, as that would be the run again; else
    empty."""
    repeat = CONTROLS[0]
    control = strategies.load(repeat, {})
    if any(arm.name != repeat and _the_same(arm, control) for arm in arms):
        return (
            f"With one round nothing is asked again, so that the control {repeat} would be the run "
            "itself: it is left out."
        )
    return ""


def labels(arms: Sequence[Arm]) -> dict[str, str]:
    """What arms are called, by folder: the strategy, and where two have the same a part of the
    hash that also ends the folder's name."""
    names = [arm.name for arm in arms]
    return {
        arm.folder: arm.name if names.count(arm.name) == 1 else f"{arm.name} {arm.hash[:8]}"
        for arm in arms
    }
