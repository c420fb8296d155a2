"""Is self-correction acquired in pretraining? The same on a base model and its tuned sibling.

- :mod:`.accept`: feedback that is right or wrong by construction, and whether a model takes it;
- :mod:`.acceptance`: how often, by how confident it was;
- :mod:`.analysis`: gains, what the parts of a dialogue do inside, acceptance, of both models;
- :mod:`.sheet`: the findings, tables and charts.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect import models
from selfcorrect.concepts.file import read
from selfcorrect.errors import UserError
from selfcorrect.models.kinds import kind_of
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.innate.arms import ARMS, MODELS, arm_of
from selfcorrect.studies.innate.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 24, "rounds": 2, "max_tokens": {"rationale": 64, "feedback": 64}}
_ROUNDS = 3


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """Four arms on the model, and the same on its sibling.

    Raises:
        UserError: there is no sibling, a model shows no states, the task's answers have no options,
            or no round has feedback.
    """
    from selfcorrect.runs.identity import task_of
    from selfcorrect.studies.mechanism import with_states
    from selfcorrect.studies.mechanism.analysis import chosen_sites

    chosen_sites(settings["site"])
    other = settings["sibling"]
    if not other:
        raise UserError(
            "the study innate compares two models: name the other one with --sibling MODEL, such "
            "as the base model of the one that --model names."
        )
    if other == spec.model.name:
        raise UserError(f"--sibling is {other}, the model itself: name another one.")
    _check_sibling(spec, other)
    task = task_of(spec)
    if not task.labels(task.examples()[0]):
        raise UserError(
            "acceptance of feedback is measured on options, and this task's answers have none: "
            "choose a task of lettered questions."
        )
    spec = at_size(spec, settings, _QUICK, _ROUNDS)
    found = {}
    for which, name in zip(MODELS, (spec.model.name, other), strict=True):
        mine = spec.model_copy(update={"model": spec.model.model_copy(update={"name": name})})
        mine = with_states(mine, "innate")
        for arm in ARMS:
            strategy = StrategySpec(name=arm)
            found[arm_of(which, arm)] = mine.model_copy(update={"strategy": strategy})
    return found


def _check_sibling(spec: RunSpec, other: str) -> None:
    """Find the other model before anything is run, and check that concepts given as files are its
    own: those of the first model can't be."""
    if kind_of(other) != "local":
        return  # what is refused is said where its states are asked for
    fingerprint = models.describe(other, spec.model.dtype, spec.model.device)[0]
    for name, file in spec.concepts.items():
        if file and read(file).bound.fingerprint != fingerprint:
            raise UserError(
                f"the concept {name} is a file, and a file is of one model, so that it can't be "
                f"read in {spec.model.name} and in {other}: train it on both (selfcorrect concept "
                f"train {name} --model …) and give its name alone, --concept {name}."
            )


STUDY = Study(
    about=QUESTION,
    details=(
        "Both models go through the same examples: with goal and review, merely asked again, and "
        "with feedback and reasons besides. Of each: what it gains, what the goal, feedback and "
        "reasons do to the concept inside it beyond neutral words, and how often it takes feedback "
        "that is right or wrong by construction, by how confident it was before. A model without a "
        "chat template is shown plain text: “User: …”, “Assistant: …”, a blank line between."
    ),
    question=QUESTION,
    source="arXiv 2410.20513, 2407.15286",
    options=[
        Option("sibling", str, None, "The other model, as --model takes it (needed).",
               metavar="MODEL"),
        Option("site", str, None, "Where states are read: residual, attention or mlp; may be given "
               "several times (residual).", metavar="SITE", repeatable=True),
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy", "steer"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
