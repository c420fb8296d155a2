"""The analysis: what is known before anything is predicted, the tournament, and the forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.bridge.arrays import GREEDY_FROM, QUANTITIES, Aligned, aligned
from selfcorrect.studies.bridge.forecasts import Forecasts, folds_of, forecasts
from selfcorrect.studies.bridge.identified import LEAST_TV, MOST_LAST_STEP, MOST_RESIDUAL
from selfcorrect.studies.bridge.measured import measured
from selfcorrect.studies.bridge.plan import FITTED, check_rounds
from selfcorrect.studies.bridge.settled import settled
from selfcorrect.studies.bridge.skill import skills
from selfcorrect.studies.bridge.tournament import LEAST_LEAD, TWO, tournament
from selfcorrect.theory import two_concept as tc


def preflight(inputs: Inputs) -> Preflight:
    """Whether these anchors can identify anything, before any round that they are to explain.

    Returns:
        In ``found`` what :func:`known` returns, with the three ``folders``, and ``left_out``, the
        examples of the run that were not used.

    Raises:
        UserError: too few rounds, clusters or options' probabilities; runs that share no example
            or ask it with other options.
    """
    run, negation, anchor = (inputs.runs[arm] for arm in ("intrinsic", "negation", "anchor"))
    data = aligned(run, negation, anchor)
    found = {
        "folders": {
            "run": str(run.folder),
            "negation": str(negation.folder),
            "anchor": str(anchor.folder),
        },
        "left_out": run.dialogues - len(data.target),
        **known(data, inputs.settings["folds"], inputs.settings["seed"]),
    }
    return Preflight(found["able"], found, data)


def analyse(inputs: Inputs) -> Result:
    """The tournament, and where the model can be fitted its forecasts of the later rounds."""
    return compare(inputs.preflight.data, inputs.preflight.found)


def known(data: Aligned, folds: int, seed: int) -> Result:
    """What is known before anything is predicted.

    Args:
        data: the three runs as arrays, of at least four rounds.
        folds: into how many parts the clusters are cut, each predicted from the others.
        seed: of the folds.

    Returns:
        ``able``, whether the anchors can identify anything; ``applies``, whether the model can be
        fitted too, and if not, ``why``; ``n``, ``clusters``, ``rounds``, ``options``; ``tv``,
        ``residual``, ``bend``; ``rho``, of the mean in rounds 1-3; ``anchors``, the mean
        probability of the right option under p+ and p− and their difference; ``last_steps``, by how
        much ε of each anchor's own run changed in its last round, or ``None`` where one has a
        single round; ``epsilon``, ``spread`` and ``actual``, a row a round; ``answers``;
        ``settings``; and empty what :func:`compare` fills. Estimates as
        :meth:`selfcorrect.measures.intervals.Estimate.table`.

    Raises:
        UserError: fewer than four rounds, or fewer than two clusters a fold.
    """
    check_rounds(len(data.p))
    _check_folds(folds, len(np.unique(data.clusters)))
    return {
        **measured(data),
        "identified": False,
        "tournament": None,
        "odds_fit": None,
        "answers": {
            "taken_as": "greedy" if data.greedy else "drawn",
            "likeliest": data.likeliest,
        },
        "skill": {},
        "lead": {},
        "predictions": [],
        "fallbacks": {},
        "settings": {
            "folds": folds,
            "seed": seed,
            "fitted_rounds": list(FITTED),
            "least_tv": LEAST_TV,
            "most_residual": MOST_RESIDUAL,
            "most_last_step": MOST_LAST_STEP,
            "least_lead": LEAST_LEAD,
            "greedy_from": GREEDY_FROM,
        },
    }


def compare(data: Aligned, found: Result) -> Result:
    """What was known before, with the tournament, and forecasts where the model can be fitted.

    Args:
        data: the three runs as arrays.
        found: what :func:`known` has found; the anchors can identify something.

    Returns:
        What :func:`named` and, where the model can be fitted, :func:`forecast` add.
    """
    result = named(data, found)
    return forecast(data, result) if found["applies"] else result


def named(data: Aligned, found: Result) -> Result:
    """What was known before, with the tournament and its verdict.

    Args:
        data: the three runs as arrays.
        found: what :func:`known` has found.

    Returns:
        ``found`` with ``tournament`` (see :func:`selfcorrect.studies.bridge.tournament.tournament`)
        and in it ``moved``, which anchors were put where they would have settled (see
        :mod:`selfcorrect.studies.bridge.settled`); and ``identified``, whether two concepts can be
        fitted, are better than each rival, and leave less unexplained than they are ahead.
    """
    folds, seed = found["settings"]["folds"], found["settings"]["seed"]
    at, moved = settled(data, found["last_steps"])
    told = tournament(at, folds_of(data, folds, seed))
    return {
        **found,
        "tournament": {**told, "moved": moved},
        "identified": found["applies"] and told["named"] == TWO and told["explains"],
    }


def forecast(data: Aligned, found: Result) -> Result:
    """The forecasts of the later rounds on held-out clusters, and their skill.

    Args:
        data: the three runs as arrays.
        found: what :func:`known` has found; the model can be fitted.

    Returns:
        ``found`` with ``line`` in each row of ``epsilon``; ``odds_fit`` (a and b); ``skill`` by
        method and quantity; ``lead``, by how much the skill of ``two_concept`` exceeds each
        other's; ``predictions``, a row a later round; ``fallbacks``, in how many folds a method
        gave no prediction.
    """
    folds, seed = found["settings"]["folds"], found["settings"]["seed"]
    a, b = (
        float(x)
        for x in tc.odds_line([e["value"] for e in found["epsilon"][: len(FITTED)]], FITTED)
    )
    line = tc.on_line(a, b, range(1, len(data.p) + 1))
    predicted, fallbacks = forecasts(data, folds, seed)
    skill, lead = skills(data, predicted, seed)
    return {
        **found,
        "epsilon": [
            {**row, "line": float(on_line)}
            for row, on_line in zip(found["epsilon"], line, strict=True)
        ],
        "odds_fit": {"a": a, "b": b},
        "skill": skill,
        "lead": lead,
        "predictions": _rows(found["actual"], predicted),
        "fallbacks": fallbacks,
    }


def _check_folds(folds: int, clusters: int) -> None:
    if folds < 2:
        raise UserError(f"folds must be at least 2, not {folds}.")
    if clusters < 2 * folds:
        raise UserError(
            f"{clusters} cluster{'' if clusters == 1 else 's'} can't be cut into {folds} folds of "
            "at least 2: run all three on more examples (a larger --limit)."
        )


def _rows(actual: Sequence[Mapping[str, Any]], predicted: Forecasts) -> list[dict[str, Any]]:
    """A row a later round: what was measured, and each method's mean."""
    return [
        {
            "round": row["round"],
            **{
                name: {
                    "actual": row[name],
                    **{
                        method: float(of[name][t].mean())
                        for method, of in predicted.items()
                        if name in of
                    },
                }
                for name in QUANTITIES
            },
        }
        for t, row in enumerate(actual[len(FITTED) :])
    ]
