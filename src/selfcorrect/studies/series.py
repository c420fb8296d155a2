"""Several runs on the same examples as series over rounds: outcome, uncertainty, activation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.measures.activations import reference
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unseen import ANYWHERE, Room
from selfcorrect.models.kinds import MIXTURE, kind_of
from selfcorrect.outcome import Outcome
from selfcorrect.runs import Run, RunSpec
from selfcorrect.runs.activated import centred, readings
from selfcorrect.runs.identity import offers_of, task_of
from selfcorrect.runs.spec import SamplesSpec
from selfcorrect.runs.summary import margins_of, own_of, panel_of

#: Up to what size a change of an activation, a cosine, counts as none.
ACTIVATION_MARGIN = 0.02
#: Samples of an answer that has no options, where nobody says how many.
SAMPLES = 5


@dataclass(frozen=True)
class Series:
    """The arms of a study, on the examples that all have, in one order.

    Attributes:
        panels: by arm; activations are seen from round 1 of the control.
        own: what the task states of its own numbers.
        margins: by measure.
        uncertainty: the measure of it: ``entropy`` of the options, else ``semantic_entropy``.
        concept: whose activation is read; ``None`` where no states are.
        activation: the measure, among the task's own numbers.
        layer: the one that the concept's training chose.
        left_out: examples that not all arms have.
    """

    panels: Mapping[str, Panel]
    own: Own
    margins: Mapping[str, float]
    uncertainty: str | None
    concept: str | None
    activation: str | None
    layer: int | None
    left_out: int

    @property
    def outcome(self) -> Outcome:
        return self.own.outcome

    @property
    def main(self) -> Panel:
        """Of the first arm."""
        return next(iter(self.panels.values()))

    def room(self, name: str) -> Room:
        """Between what a number of a record lies.

        An activation is a cosine, whose bounds are far from all that happens; so the ends of what
        any arm shows stand for them.
        """
        if name == self.outcome.name:
            return room_of(self.outcome)
        if name == self.activation:
            values = np.concatenate([self.of(arm, name).ravel() for arm in self.panels])
            values = values[np.isfinite(values)]
            return Room(float(values.min()), float(values.max())) if len(values) else ANYWHERE
        return next((room_of(m) for m in self.main.measures if m.name == name), ANYWHERE)

    def of(self, arm: str, name: str) -> Floats:
        """A number of every record of an arm [D, T]; all NaN where it has none."""
        panel = self.panels[arm]
        column = panel.own.get(name, panel.columns.get(name))
        if name == self.outcome.name:
            column = panel.columns["outcome"]
        if column is None:
            return np.full((len(panel.examples), len(panel.rounds)), np.nan)
        return np.asarray(column, dtype=np.float64)


def with_inside(spec: RunSpec, *, concept: bool = True) -> RunSpec:
    """A spec whose records say how uncertain the model is and, of a local model, how active a
    concept is.

    What the spec says itself stays. Answers without options get samples; a local model gets the
    concept that fits the task.

    Raises:
        UserError: the task, or its data, are wrong.
    """
    changes: dict[str, object] = {}
    if not spec.samples.k:
        task = task_of(spec)
        if not task.labels(task.examples()[0]):
            changes["samples"] = SamplesSpec(k=SAMPLES)
    if concept and not spec.concepts and kind_of(spec.model.name) == "local":
        changes["concepts"] = {offers_of(spec).concept: ""}
    return spec.model_copy(update=changes)


def check_plan(
    study: str,
    spec: RunSpec,
    needs: Collection[str] = (),
    *,
    rounds: int = 1,
) -> None:
    """Refuse a spec whose runs couldn't serve a study, before they are made.

    Args:
        study: its name.
        spec: of its runs, as :func:`with_inside` gives it.
        needs: of ``activation`` (a concept is read), ``steering`` (the model's states can be
            moved), ``options`` (answers have some), ``English`` (the model understands it).
        rounds: that a run needs at least.

    Raises:
        UserError: it couldn't.
    """
    name, kind = spec.model.name, kind_of(spec.model.name)
    if "steering" in needs and kind != "local":
        raise UserError(
            f"the study {study} moves a model's hidden states, and those of {name} are out of "
            "reach: choose a local transformer."
        )
    if "activation" in needs and not spec.concepts:
        raise UserError(
            f"the study {study} reads a concept's activation, and of {name} none is read unless "
            "it is named: --concept NAME=FILE, or a local model."
        )
    if "English" in needs and name == MIXTURE:
        raise UserError(
            f"the study {study} gives its instructions in English, and {name} understands nothing "
            "but its own words: choose another model."
        )
    if spec.rounds < rounds:
        raise UserError(
            f"the study {study} needs at least {rounds} rounds, and the run has {spec.rounds}: "
            f"give --rounds {rounds}, or more."
        )
    if "options" in needs:
        task = task_of(spec)
        if not task.labels(task.examples()[0]):
            raise UserError(
                f"the study {study} is about answers that have options, and those of the task "
                f"{spec.task.name} have none: choose a task of lettered questions."
            )


def series(runs: Mapping[str, Run], seen_from: str = "repeat") -> Series:
    """The arms of a study as series.

    Args:
        runs: by arm, of one task; the first is the one that the study is about.
        seen_from: the arm whose round 1 activations are seen from; else the first.

    Raises:
        UserError: the arms share no example, or a run is damaged.
    """
    first = next(iter(runs.values()))
    own, _ = own_of(first)
    panels = {arm: panel_of(run, own) for arm, run in runs.items()}
    shared = next(iter(panels.values())).examples
    for panel in panels.values():
        shared = np.intersect1d(shared, panel.examples)
    if not len(shared):
        raise UserError("the study's runs have no example in common: run them again together.")
    most = max(len(panel.examples) for panel in panels.values())
    # a panel's examples are in ascending order
    panels = {a: p.only(np.searchsorted(p.examples, shared)) for a, p in panels.items()}
    found = readings(first.header)
    by: dict[str, float] = {}
    origin = panels.get(seen_from, next(iter(panels.values())))
    for reading in found:
        column = origin.own.get(reading.name)
        by[reading.name] = 0.0 if column is None else reference([column[:, :1]])
    panels = {arm: centred(panel, by) for arm, panel in panels.items()}
    main = next(iter(panels.values()))
    uncertainty = "entropy" if main.options else "semantic_entropy" if main.samples else None
    return Series(
        panels=panels,
        own=own,
        margins=margins_of(first, own),
        uncertainty=uncertainty,
        concept=found[0].concept if found else None,
        activation=found[0].name if found else None,
        layer=found[0].layer if found else None,
        left_out=most - len(shared),
    )
