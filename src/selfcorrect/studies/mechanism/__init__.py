"""Where in a dialogue is the concept activated: by the goal, by feedback, by its own reasons?

- :mod:`.transcripts`: the readings, as they are shown to the model;
- :mod:`selfcorrect.studies.neutral`: words of the same length that say nothing;
- :mod:`.measure`: the readings encoded, with what they share encoded once;
- :mod:`.analysis`: what each part does beyond neutral words;
- :mod:`.sheet`: the findings, tables and charts.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import kind_of
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.runs.identity import task_of
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.mechanism.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 24, "rounds": 2, "max_tokens": {"rationale": 64, "feedback": 64}}
_ROUNDS = 3
SITE = Option("site", str, None, "Where states are read: residual, attention or mlp; may be given "
              "several times (all three).", metavar="SITE", repeatable=True)  # fmt: skip


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The eight arms: instruction, feedback and chain of thought, each on or off.

    Raises:
        UserError: the model shows no states, there is no such site, or no round has feedback.
    """
    from selfcorrect.studies.mechanism.analysis import chosen_sites

    chosen_sites(settings["site"])
    spec = with_states(at_size(spec, settings, _QUICK, _ROUNDS), "mechanism")
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in ARMS}


def with_states(spec: RunSpec, name: str) -> RunSpec:
    """A spec whose records can be read again, state by state.

    Raises:
        UserError: see :func:`plan`.
    """
    from selfcorrect.studies.series import with_inside

    if kind_of(spec.model.name) != "local":
        raise UserError(
            f"the study {name} reads hidden states of recorded dialogues, and {spec.model.name} "
            "shows none: choose a local transformer."
        )
    if spec.rounds < 2:
        raise UserError(
            "feedback comes from round 2 on, and the run has 1 round: give at least --rounds 2."
        )
    if not task_of(spec).keeps_texts:
        raise UserError(
            f"the study {name} reads recorded dialogues again, and what is replied in the task "
            f"{spec.task.name} isn't kept: give --keep-harmful."
        )
    return with_inside(spec).model_copy(update={"samples": spec.samples})


STUDY = Study(
    about=QUESTION,
    details=(
        "Eight arms: goal, external feedback and chain of thought, each on or off. Their recorded "
        "dialogues are encoded again: as they were, with a part taken out, with a part alone, and "
        "with as many neutral words in its place. Of each, the cosine with the concept at the last "
        "token, in every layer, at the residual stream and at the outputs of the attention and MLP "
        "blocks; and how likely the answer is."
    ),
    question=QUESTION,
    source="arXiv 2410.20513, 2407.15286",
    options=[SITE, QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy", "steer"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
