"""Arms trained to a plateau: learning rates chosen by validation, several budgets of steps.

The rules, fixed beforehand:

- **tuning**: each arm is trained with its recipe's learning rates times each of :data:`FACTORS`, to
  the middle budget, on a seed that is used for nothing else. The factor with the smallest excess on
  validation contexts is taken.
- **plateau**: an arm has reached one if its last doubling of steps lowers its excess by less than
  the margin (:func:`selfcorrect.studies.train.claims.margin`), with the whole 95 % interval over
  seeds.
- **claims**: a part is needed, or isn't, if the two-sided t test over seeds of "the difference is
  the margin" has p ≤ .05 after Holm's correction for all parts and data, both arms have reached
  their plateau, and the difference lies on the same side of the margin at the last two budgets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy import stats

from selfcorrect.measures.paired import holm
from selfcorrect.studies.train.arms import Arm
from selfcorrect.studies.train.references import estimate
from selfcorrect.theory.training import VALIDATION, at_budgets, judged

#: Factors of the recipe's learning rates.
FACTORS = (0.5, 1.0, 2.0)
#: The seed of the trainings that the factor is chosen by.
SEED = 1_000
LEVEL = 0.05
Found = dict[str, Any]


def scaled(arm: Arm, factor: float) -> Arm:
    """The arm with its learning rates times a factor."""
    recipe = arm.recipe
    matrices, others = recipe.matrices * factor, recipe.others * factor
    return replace(arm, recipe=replace(recipe, matrices=matrices, others=others))


def tried(arm: Arm, contexts: int, device: torch.device) -> float:
    """The excess on validation contexts after the middle one of the arm's budgets."""
    middle = arm.budgets[len(arm.budgets) // 2]
    (model,) = at_budgets(arm.shape, arm.recipe, SEED, [middle], device)
    found = judged(model, arm.recipe.kind, contexts=contexts, seed=VALIDATION)
    return float(found["excess"])


def once(arm: Arm, seed: int, contexts: int, device: torch.device) -> Found:
    """Train one arm on one seed, and evaluate it at each budget.

    Returns:
        What :func:`selfcorrect.theory.training.judged` returns for the last budget, ``parameters``,
        ``seconds`` of all budgets together, and ``excess_at``: the excess at each budget.
    """
    start = time.process_time()
    models = list(at_budgets(arm.shape, arm.recipe, seed, arm.budgets, device))
    seconds = time.process_time() - start
    each = [judged(model, arm.recipe.kind, contexts=contexts) for model in models]
    return {
        "seconds": seconds,
        "parameters": sum(p.numel() for p in models[-1].parameters()),
        "excess_at": [one["excess"] for one in each],
        **each[-1],
    }


def settled(each: Sequence[Found], most: float) -> Found:
    """Whether an arm has reached its plateau.

    Args:
        each: what :func:`once` returned for each seed.
        most: the margin, in nats.
    """
    fell = estimate([one["excess_at"][-2] - one["excess_at"][-1] for one in each])
    reached = fell["high"] is not None and fell["high"] < most
    return {"last_doubling": fell, "reached": reached}


def compare(arm: Sequence[Found], other: Sequence[Found], most: float) -> Found:
    """An arm minus another, paired by seed, at each budget; and p of "the difference is ``most``".

    ``p`` is ``None`` for a single seed.
    """
    apart = np.array([one["excess_at"] for one in arm]) - [one["excess_at"] for one in other]
    p = float(stats.ttest_1samp(apart[:, -1], most).pvalue) if len(apart) > 1 else None
    return {"at": [estimate(column.tolist()) for column in apart.T], "p": p}


def decide(told: Sequence[Found], margins: Mapping[str, float]) -> None:
    """Add the verdict to each arm that was compared at budgets.

    Args:
        told: the arms, with ``compared`` (:func:`compare`) and ``plateau`` (:func:`settled`).
        margins: by kind of data.
    """
    by_name = {(arm["preset"], arm["name"]): arm for arm in told}
    tested = [arm for arm in told if arm.get("compared") and arm["compared"]["p"] is not None]
    adjusted = holm([arm["compared"]["p"] for arm in tested])
    for arm, p in zip(tested, adjusted, strict=True):
        other, most = by_name[arm["preset"], arm["versus"]], margins[arm["kind"]]
        above = [each["mean"] > most for each in arm["compared"]["at"]]
        sides = set(above[-2:])
        reasons = []
        if p > LEVEL:
            reasons.append("the test doesn't decide")
        unsettled = [a["name"] for a in (other, arm) if not a["plateau"]["reached"]]
        if unsettled:
            reasons.append(f"no plateau: {', '.join(unsettled)}")
        if len(sides) > 1:
            reasons.append("the side changed with the last doubling")
        arm["compared"] |= {
            "p_holm": float(p),
            "tests": len(tested),
            "flipped": len(set(above)) > 1,
            "needed": None if reasons else above[-1],
            "why": "; ".join(reasons),
        }


def key(arm: Arm, seed: int, contexts: int) -> str:
    """Of the part that one training of an arm is."""
    told = arm.as_dict()
    of = {name: told[name] for name in ("shape", "recipe")}
    if arm.budgets:
        of["budgets"] = list(arm.budgets)
    return json.dumps({**of, "seed": seed, "contexts": contexts}, sort_keys=True)
