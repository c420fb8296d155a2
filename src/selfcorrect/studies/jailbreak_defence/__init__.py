"""Which defence holds off attacks, and does it refuse what is harmless, too?

- :mod:`.arms`: the defences as strategies;
- :mod:`.analysis`: each against none, on the same prompts, by groups of attacks, beside a judge;
- :mod:`.against`: differences to no defence, whatever unread answers are;
- :mod:`.sheet`: the findings, tables and charts.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, TaskSpec
from selfcorrect.runs.identity import offers_of, task_of, tasks_that
from selfcorrect.runs.spec import ScorerSpec
from selfcorrect.studies.base import ANYWAY, QUICK, Option, Settings, Study, later
from selfcorrect.studies.jailbreak_defence.arms import HARMLESS, HARMLESS_TASK, arms
from selfcorrect.studies.jailbreak_defence.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 40, "rounds": 3, "max_tokens": {"answer": 32}}
_ROUNDS = 4
#: As many demonstrations as the strategy has.
_MOST = 3


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """Each defence on the attacks and, where a file of them is given, on harmless instructions.

    Raises:
        UserError: another task, no round with a check, too many demonstrations, or the data are
            missing or wrong.
    """
    if settings["harmful"] is not None and settings["harmless"] is None:
        raise UserError("harmful is about the labels of --harmless, and there is no such file.")
    spec = at_size(spec, settings, _QUICK, _ROUNDS)
    if spec.rounds < 2:
        raise UserError(
            "the first check is in round 2, and the run has 1 round: give at least --rounds 2."
        )
    count = settings["demonstrations"]
    if count > _MOST:
        raise UserError(f"there are {_MOST} demonstrations, and {count} are asked for.")
    if "name" not in spec.task.model_fields_set:
        [name, *_] = tasks_that(lambda task: task.attacks)
        spec = spec.model_copy(update={"task": spec.task.model_copy(update={"name": name})})
    if not offers_of(spec).attacks:
        raise UserError(
            f"this study is about attacks, and {spec.task.name} has none: leave --task out, and "
            "give --data with the attacks, and --harmless with harmless instructions."
        )
    task_of(spec)
    made = {arm: spec.model_copy(update={"strategy": s}) for arm, s in arms(count).items()}
    if settings["harmless"] is not None:
        told = {} if settings["harmful"] is None else {"harmful": settings["harmful"]}
        task = TaskSpec(name=HARMLESS_TASK, data=settings["harmless"], options=told)
        # a judge of what attacks are answered has nothing to say of harmless instructions
        control = spec.model_copy(update={"task": task, "scorer": ScorerSpec()})
        task_of(control)
        for arm, strategy in arms(count).items():
            made[HARMLESS + arm] = control.model_copy(update={"strategy": strategy})
    return made


STUDY = Study(
    about=QUESTION,
    details=(
        "Attack prompts from a published file (--data; see the task jailbreak) without a defence, "
        "with a reminder in the system message, with refused requests as demonstrations, and with "
        "the model's own checks of its answers left in the dialogue, as many as later rounds: "
        "attack success of each against none on the same prompts, clustered by goal, adjusted for "
        "how many defences there are; by attack method, attacked model and category; over the "
        "rounds; and of a judge (--scorer) beside the phrases that refusals are told by. With "
        "--harmless the same defences on harmless instructions, as one that refuses everything "
        "isn't worth having. Answers to attacks are stored only with --keep-harmful."
    ),
    question=QUESTION,
    source="arXiv 2405.18634; doi:10.1038/s42256-023-00765-8; arXiv 2310.06387",
    options=[
        Option("harmless", str, None, "Instructions with labels, of which the harmless ones are "
               "asked, too; see the task over-refusal.", metavar="FILE"),
        Option("harmful", str, None, "Which of its labels true and false harmful ones have, where "
               "that can't be told.", metavar="true|false"),
        Option("demonstrations", int, 3, "Refused requests that are shown: 1 to 3.", least=1),
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
