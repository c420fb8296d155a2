"""What checks do: beyond repetition, by category, where they are false, over rounds, by form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.contrasts import columns_at, contrast, unread_in
from selfcorrect.measures.ends import at_ends, turning
from selfcorrect.measures.intervals import proportion
from selfcorrect.measures.looks import level
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import Outcome
from selfcorrect.studies.able import graded, preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.checking.arms import (
    CHECKING,
    FALSE,
    FORMS,
    REPEAT,
    TRUE,
    false_arm,
    form_arm,
)
from selfcorrect.studies.checking.categories import by_category
from selfcorrect.studies.checking.checks import Checks, checks_of
from selfcorrect.studies.series import Series, series


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and are graded."""
    arms = series(inputs.runs, REPEAT)
    return graded(preflight_of(arms, (), inputs), arms)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``form``, ``outcome``, ``rounds``; ``beyond``: last − first round
        of ``checking`` and of ``repeat``, and ``difference``, their last rounds'; ``checks``: by
        form ``read``, the share of first checks that could be read, ``right``, of those that say
        right, ``true``, of those that say what is so, with ``n`` answers and checks known;
        ``categories``, ``association`` and more: see
        :func:`~selfcorrect.studies.checking.categories.by_category`; ``false``: share of false
        checks → the ``outcome`` of the last round and the ``difference`` from ``checking``;
        ``slope``: how the outcome changes as that share goes from 0 to 1; ``true``: an accurate
        critic minus ``checking``; ``drift``: arm → last round − round 2, ``None`` with fewer than
        two checks; ``forms``: form → minus the study's own in the last round; ``curves``: arm → the
        outcome by round; ``unread``: arm → how many answers of the last round aren't known.
        Differences are tables of :func:`selfcorrect.measures.ends.at_ends`, as many at once as
        there are in each of these parts; ``turning``: of arms in which many dialogues go back and
        forth their share; ``level`` of the intervals that decide, for all looks.
    """
    data: Series = inputs.preflight.data
    panels, outcome, form = data.panels, data.outcome, inputs.settings["form"]
    main = data.main

    def minus(arm: str, other: str, family: int, start: int | None = None) -> Any:
        pair = panels[arm], panels[other]
        return at_ends(pair, data.margins, start=start, looks=inputs.looks, family=family)

    first = main.rounds[0]
    drifting = [CHECKING, TRUE, REPEAT]
    checks = {
        each: _aligned(checks_of(inputs.runs[CHECKING if each == form else form_arm(each)]), main)
        for each in FORMS
    }
    arms_of_q = [CHECKING, *(false_arm(q) for q in FALSE)]
    return {
        **inputs.preflight.found,
        "form": form,
        "outcome": outcome.name,
        "margin": data.margins[outcome.name],
        "rounds": list(main.rounds),
        "beyond": {
            CHECKING: minus(CHECKING, CHECKING, 1, first),
            REPEAT: minus(REPEAT, REPEAT, 1, first),
            "difference": minus(CHECKING, REPEAT, 1),
        },
        "checks": {each: _checked(of, main.clusters) for each, of in checks.items()},
        **by_category(main, panels[REPEAT], checks[form], inputs.settings["seed"]),
        "false": {
            f"{q:g}": {
                "outcome": _share(panels[arm].columns["outcome"][:, -1], main.clusters),
                "difference": minus(arm, CHECKING, len(FALSE)) if q else None,
            }
            for q, arm in zip((0.0, *FALSE), arms_of_q, strict=True)
        },
        "slope": slope([panels[arm] for arm in arms_of_q], outcome),
        "true": minus(TRUE, CHECKING, 1),
        "drift": {
            arm: minus(arm, arm, len(drifting), main.rounds[1])
            if len(main.rounds) > 2
            else None
            for arm in drifting
        },
        "forms": {
            each: minus(form_arm(each), CHECKING, len(FORMS) - 1) for each in FORMS if each != form
        },
        "curves": {
            arm: [_share(panel.columns["outcome"][:, t], panel.clusters)
                  for t in range(len(panel.rounds))]
            for arm, panel in panels.items()
        },
        "unread": _unread(panels, outcome),
        "turning": turning(panels),
        "level": level(inputs.looks or (len(main.examples),)),
        "settings": dict(inputs.settings),
    }  # fmt: skip


def _share(values: Floats, clusters: NDArray[Any]) -> Result:
    return proportion(values, clusters).table()


def _aligned(checks: Checks, panel: Panel) -> Checks:
    """Those of a panel's examples, in its order."""
    at = np.searchsorted(checks.examples, panel.examples)
    return Checks(
        checks.examples[at], checks.categories[at], checks.said[at], checks.true[at],
        checks.asked[at],
    )  # fmt: skip


def _checked(of: Checks, clusters: NDArray[Any]) -> Result:
    """The first check of each dialogue, of round 1's answer."""
    read = np.where(of.asked[:, 0], np.isfinite(of.said[:, 0]), np.nan)
    return {
        "read": _share(read, clusters),
        "right": _share(of.said[:, 0], clusters),
        "true": _share(of.true[:, 0], clusters),
    }


def slope(panels: list[Panel], outcome: Outcome) -> Result:
    """How the last round's outcome changes as the share of false checks goes from 0 to 1: the slope
    of the least-squares line through the arms, within each example.

    Args:
        panels: with none of them false, and then those of :data:`FALSE`.
        outcome: of the task.
    """
    q = np.array([0.0, *FALSE])
    w = (q - q.mean()) / float(((q - q.mean()) ** 2).sum())
    return contrast(columns_at(panels), outcome, w, panels[0].clusters).difference.table()


def _unread(panels: Mapping[str, Panel], outcome: Outcome) -> dict[str, int]:
    missing = unread_in(columns_at(list(panels.values())), outcome)
    return dict(zip(panels, missing.tolist(), strict=True))
