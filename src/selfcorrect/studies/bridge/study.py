"""The study itself: the anchors' figures, whether they identify the model, and its forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.runs.run import Run
from selfcorrect.studies.bridge.arrays import GREEDY_FROM, QUANTITIES, Aligned, aligned
from selfcorrect.studies.bridge.forecasts import Forecasts, forecasts
from selfcorrect.studies.bridge.identified import FITTED, LEAST_TV, MOST_LAST_STEP, MOST_RESIDUAL
from selfcorrect.studies.bridge.measured import measured
from selfcorrect.studies.bridge.runs import beside, checked
from selfcorrect.studies.bridge.skill import skills
from selfcorrect.theory import two_concept as tc


def bridge(
    run: Run,
    *,
    negation: Run | None = None,
    anchor: Run | None = None,
    folds: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the two-concept model to a run and judge its forecasts on held-out clusters.

    Args:
        run: of at least four rounds, on a task with lettered options.
        negation: the run whose last round is p−; by default the one beside ``run`` of that
            strategy, on the same model, task, data and seed.
        anchor: the same for p+.
        folds: into how many parts the clusters are cut, each predicted from the others.
        seed: of the folds and of the resampling.

    Returns:
        See :func:`bridged`; with the three ``folders``, and ``left_out``, the examples of the run
        that were not used.

    Raises:
        UserError: a run is missing (with the command that makes it), is of another model, or of
            other data; or there are too few rounds, clusters or options' probabilities.
    """
    _check_rounds(run.spec.rounds)
    negation = checked(run, negation, "negation") if negation else beside(run, "negation")
    anchor = checked(run, anchor, "anchor") if anchor else beside(run, "anchor")
    folders = {"run": run.folder, "negation": negation.folder, "anchor": anchor.folder}
    _check_different({name: folder.resolve() for name, folder in folders.items()})
    data = aligned(run, negation, anchor)
    return {
        "folders": {name: str(folder) for name, folder in folders.items()},
        "left_out": run.dialogues - len(data.target),
        **bridged(data, folds=folds, seed=seed),
    }


def bridged(data: Aligned, *, folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """The same from arrays.

    Returns:
        ``identified`` and, if not, ``why``; ``n``, ``clusters``, ``rounds``; ``tv``, ``residual``,
        ``bend``, ``rho``; ``anchors``, the mean probability of the right option under p+ and p−
        and their difference; ``last_steps``, by how much ε of each anchor's own run changed in its
        last round, or ``None`` where one has a single round;
        ``epsilon``, ``spread`` and ``actual``, a row a round; ``odds_fit`` (a and b, or ``None``);
        ``answers``; ``skill`` by method and quantity, ``lead``, how far ``two_concept``'s exceeds
        each other's, and ``predictions``, a row a later round, all empty where it isn't
        identified; ``fallbacks``, in how many folds a method had nothing but persistence;
        ``settings``. Estimates as :meth:`selfcorrect.measures.intervals.Estimate.table`.

    Raises:
        UserError: fewer than four rounds, or fewer than two clusters a fold.
    """
    rounds = len(data.p)
    _check_rounds(rounds)
    _check_folds(folds, len(np.unique(data.clusters)))
    found: dict[str, Any] = {
        **measured(data, seed),
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
            "greedy_from": GREEDY_FROM,
        },
    }
    if not found["identified"]:
        return found
    a, b = (
        float(x)
        for x in tc.odds_line([e["value"] for e in found["epsilon"][: len(FITTED)]], FITTED)
    )
    line = tc.on_line(a, b, range(1, rounds + 1))
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


def _check_rounds(rounds: int) -> None:
    if rounds <= len(FITTED):
        raise UserError(
            f"the run has {rounds} round{'' if rounds == 1 else 's'}, and three are fitted before "
            "any is predicted: give a run of at least 4 rounds (--rounds 10)."
        )


def _check_folds(folds: int, clusters: int) -> None:
    if folds < 2:
        raise UserError(f"folds must be at least 2, not {folds}.")
    if clusters < 2 * folds:
        raise UserError(
            f"{clusters} cluster{'' if clusters == 1 else 's'} can't be cut into {folds} folds of "
            "at least 2: run all three on more examples (a larger --limit)."
        )


def _check_different(folders: Mapping[str, Path]) -> None:
    for name, other in (("run", "negation"), ("run", "anchor"), ("negation", "anchor")):
        if folders[name] == folders[other]:
            said = "its own anchor" if name == "run" else "both ends of the scale"
            raise UserError(f"{folders[name]} can't be {said}: give a run of another strategy.")


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
