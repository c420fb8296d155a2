"""The preflight of studies on real models: can this model answer this question at all?

Decided from round 1 and from whether anything moves, never from what a study is to show.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from selfcorrect.measures.clusters import Floats, effective_clusters
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import paired
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import POWER, Design, MeanDesign, design_of, n_for_difference
from selfcorrect.measures.rounds import LOW_MASS
from selfcorrect.report.numbers import interval, short
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series

#: Fewer answers read than this, and the figures are of another question.
LEAST_READ = 0.8
UNGRADED = "not one of its answers is graded"
#: How alike the changes of one cluster are taken to be where no answer changed (``plan``, too).
_ALIKE = 0.1


def checked(series: Series, needs: Collection[str]) -> Result:
    """What a model does in round 1, and what speaks against asking it this question.

    Args:
        series: the arms; the first is looked at.
        needs: of ``quality`` (more than guessing), ``moves`` (some answer changes), ``uncertainty``
            and ``activation`` (they are recorded and vary).

    Returns:
        ``read``, ``outcome``, ``chance``, ``position`` (how often the letter chosen most is chosen,
        and how often it would be if all were alike), ``flips``, ``mass``: estimates as tables, or
        ``None`` where the task has none; ``detectable``, the smallest change of the outcome from
        the first round to the last that so many examples show 4 times of 5 (``None``: it can't be
        told); ``missing``: something needed isn't recorded;
        ``why``: the reasons, in sentences, empty where the model is able.
    """
    panel, outcome = series.main, series.outcome
    first = panel.at(panel.rounds[0])
    read = proportion(first["parse_rate"], panel.clusters)
    kind = proportion if outcome.kind == "share" else mean
    level = kind(first["outcome"], panel.clusters)
    mass = first["option_mass"][np.isfinite(first["option_mass"])]
    median = float(np.median(mass)) if len(mass) else None
    answers = panel.columns["answer"]
    flips = proportion(flipped(answers), panel.clusters)
    chance, position = _position(panel)
    found: dict[str, Any] = {
        "read": read.table(),
        "outcome": level.table(),
        "chance": chance,
        "position": position,
        "rounds": len(panel.rounds),
        "flips": flips.table(),
        "mass": median,
        "detectable": _detectable(series),
    }
    columns = {"uncertainty": series.uncertainty, "activation": series.activation}
    missing = any(columns[name] is None for name in columns if name in needs)
    return {**found, "missing": missing, "why": list(_reasons(series, needs, found))}


def flipped(answers: Floats) -> Floats:
    """1 where a dialogue's answers [D, T] differ, 0 where all are the same, NaN where answers that
    couldn't be read (−1) might differ [D]."""
    read = np.where(answers >= 0, answers, np.nan)
    there = np.isfinite(answers)
    known = np.isfinite(read).any(axis=1)
    differ = np.nanmax(read[known], axis=1) > np.nanmin(read[known], axis=1)
    found = np.full(len(answers), np.nan)
    whole = (there == np.isfinite(read)).all(axis=1)[known]
    found[known] = np.where(differ, 1.0, np.where(whole, 0.0, np.nan))
    return found


def preflight_of(series: Series, needs: Collection[str], inputs: Inputs) -> Preflight:
    """The preflight of a study: what :func:`checked` found, of which runs, and whether to go on.

    It goes on where nothing speaks against it; or where the user says so, and nothing that the
    analysis needs is missing.
    """
    found = checked(series, needs)
    able = _goes_on(found, inputs)
    whole: Result = {
        "able": able,
        "preflight": found,
        "folders": {arm: str(run.folder) for arm, run in inputs.runs.items()},
        "n": len(series.main.examples),
        "clusters": len(np.unique(series.main.clusters)),
        "left_out": series.left_out,
    }
    return Preflight(able, whole, series, series.main.clusters)


def _goes_on(checks: Result, inputs: Inputs) -> bool:
    return not checks["why"] or (bool(inputs.settings["anyway"]) and not checks["missing"])


def doubted(
    found: Preflight, why: Sequence[str], inputs: Inputs, *, missing: bool = False
) -> Preflight:
    """The preflight of :func:`preflight_of` with further reasons against going on.

    Args:
        found: that preflight.
        why: the reasons, in sentences; may be none.
        inputs: of the study, whose user may want to go on anyway.
        missing: something that the analysis needs isn't there, so that nobody can go on.
    """
    checks = found.found["preflight"]
    missing = missing or checks["missing"]
    checks = {**checks, "why": [*checks["why"], *why], "missing": missing}
    able = _goes_on(checks, inputs)
    return replace(found, able=able, found={**found.found, "able": able, "preflight": checks})


def unable(found: Preflight, why: str) -> Preflight:
    """The same where something that the analysis needs is missing, whatever the user wants."""
    checks = found.found["preflight"]
    checks = {**checks, "why": [*checks["why"], why], "missing": True}
    return replace(found, able=False, found={**found.found, "able": False, "preflight": checks})


def graded(found: Preflight, series: Series) -> Preflight:
    """The preflight of :func:`preflight_of`, and whether the first arm has graded answers."""
    if np.isfinite(series.main.columns["outcome"]).any():
        return found
    return unable(found, UNGRADED)


def _position(panel: Panel) -> tuple[float | None, Result | None]:
    """The share of right answers by guessing, and how often one letter is preferred; both by how
    many options the questions have."""
    chosen, offered = panel.columns["choice"][:, 0], panel.columns["offered"][:, 0]
    known = np.isfinite(chosen) & (offered > 0)
    if not panel.options or not known.any():
        return None, None
    counts = np.bincount(chosen[known].astype(int))
    letter = int(counts.argmax())
    alike = float(np.where(offered[known] > letter, 1 / offered[known], 0.0).mean())
    e = proportion(np.where(known, chosen == letter, np.nan), panel.clusters)
    there = offered[offered > 0]
    return float((1 / there).mean()), {"letter": letter, "alike": alike, **e.table()}


def _detectable(series: Series) -> float | None:
    """From how the outcome changes between the first arm's first and last round."""
    x, clusters = series.main.columns["outcome"], series.main.clusters
    if x.shape[1] < 2:
        return None
    e = paired(series.outcome, x[:, -1], x[:, 0], clusters)
    if e.n < 2 or e.clusters < 2:
        return None
    size, unequal = e.n / e.clusters, e.clusters / (e.effective or e.clusters)
    if series.outcome.kind == "share":
        none = Design(0.0, size, _ALIKE, POWER, unequal)
        return _smallest(e.n, design_of(x[:, -1], x[:, 0], clusters) or none)
    if not e.spread:
        return None
    known = e.n / len(x)
    return MeanDesign(e.spread, POWER, size, known, unequal, max(e.unseen)).difference_of(len(x))


def smallest_difference(clusters: NDArray[Any]) -> float | None:
    """The smallest difference of shares that so many records show 4 times of 5, had all that change
    done so one way; ``None``: it can't be told.

    Args:
        clusters: of each record [n].
    """
    sizes = np.unique(clusters, return_counts=True)[1].astype(np.float64)
    if len(sizes) < 2:
        return None
    n, k = len(clusters), len(sizes)
    return _smallest(n, Design(0.0, n / k, _ALIKE, POWER, k / effective_clusters(sizes)))


def _smallest(n: int, design: Design) -> float | None:
    """The smallest difference of shares that n examples show, more answers changing than did where
    it takes more: then all of them the same way."""

    def lacking(size: float) -> float:
        needed = n_for_difference(size, replace(design, changed=max(design.changed, size)))
        return math.inf if needed is None else needed - n - 0.5

    least, most = 1e-4, 0.999
    if design.independent(n) <= 0 or lacking(most) > 0:
        return None
    return float(optimize.bisect(lacking, least, most, xtol=1e-5))


def _reasons(series: Series, needs: Collection[str], found: Result) -> Any:
    read, level = found["read"], found["outcome"]
    if read["value"] is None or read["value"] < LEAST_READ:
        yield (
            f"only {short(read['value'] or 0)} of its first answers could be read "
            f"{interval(read)}, and at least {short(LEAST_READ)} must be"
        )
    if found["mass"] is not None and found["mass"] < LOW_MASS:
        yield (
            f"the options hold a median of {short(found['mass'])} of its probability, so it hardly "
            "considers them"
        )
    if "quality" in needs and found["chance"] is not None:
        low = level["low"]
        if low is None or low <= found["chance"]:
            yield (
                f"its {series.outcome.name} in round 1, {short(level['value'])} {interval(level)}, "
                f"isn't shown to be above guessing ({short(found['chance'])})"
            )
    if "moves" in needs and not found["flips"]["value"]:
        changes = "changes" if found["flips"]["value"] is not None else "is known to change"
        yield f"not one of its answers {changes} from one round to another"
    for name, column in (("uncertainty", series.uncertainty), ("activation", series.activation)):
        if name not in needs:
            continue
        if column is None:
            hint = "--samples 5" if name == "uncertainty" else "--concept NAME, of a local model"
            yield f"its {name} isn't recorded: run with {hint}"
            continue
        arm = next(iter(series.panels))
        values = series.of(arm, column)
        known = values[np.isfinite(values)]
        if not len(known) or np.ptp(known) < 1e-9:
            yield f"its {name} is the same in all records"


def sentence(found: Result) -> str:
    """That a model can't answer a question, and why."""
    return "This model can't answer this question: " + "; ".join(found["why"]) + "."
