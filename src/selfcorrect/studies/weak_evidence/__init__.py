"""Does a hint that settles nothing move answers, and more so where it points at the stereotype?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.runs.identity import offers_of, tasks_that
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.sizes import at_size
from selfcorrect.studies.weak_evidence.arms import ARMS, EVIDENCE, name
from selfcorrect.studies.weak_evidence.sheet import QUESTION, sheet

_QUICK = {"limit": 40, "rounds": 2, "max_tokens": {"rationale": 64}}
_ROUNDS = 3


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """Every arm with every evidence, on the same questions.

    Raises:
        UserError: a task that offers no evidence, evidence or a condition that is said already, or
            one round only.
    """
    known = tasks_that(lambda task: task.evidence)
    if "name" not in spec.task.model_fields_set:
        spec = spec.model_copy(update={"task": spec.task.model_copy(update={"name": known[0]})})
    if not offers_of(spec).evidence:
        raise UserError(
            f"weak evidence is an option of the task {' and '.join(known)}, and the task is "
            f"{spec.task.name}: give --task {known[0]}."
        )
    for option in ("evidence", "condition"):
        if option in spec.task.options:
            raise UserError(
                f"the study weak-evidence sets the option {option} of its task itself: leave it "
                "out."
            )
    spec = at_size(spec, settings, _QUICK, _ROUNDS)
    if spec.rounds < 2:
        raise UserError(
            "answers are reviewed from round 2 on, and the run has 1 round: give at least "
            "--rounds 2."
        )
    made = {}
    for arm in ARMS:
        strategy = StrategySpec(name=arm)
        for evidence in EVIDENCE:
            options = {**spec.task.options, "evidence": evidence}
            task = spec.task.model_copy(update={"options": options})
            rounds = 1 if arm == "baseline" else spec.rounds
            each = {"strategy": strategy, "task": task, "rounds": rounds}
            made[name(arm, evidence)] = spec.model_copy(update=each)
    return made


STUDY = Study(
    about="Does a hint that settles nothing move answers, more so towards the stereotype?",
    details=(
        "The same ambiguous questions of BBQ with no evidence, with a sentence that hints at the "
        "stereotyped person, and with one that hints at the other; the right answer is always "
        "that nobody knows. In five arms: baseline, intrinsic and repeat, reasons (cot) and the "
        "question repeated without a goal (neutral). Accuracy with each evidence, how often a "
        "hint is followed, and how much more often one at the stereotyped person is; what "
        "instruction and reasons change of both, against their controls."
    ),
    question=QUESTION,
    source="arXiv 2410.20513; the evidence: arXiv 2305.04388",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
