"""How often feedback is taken, when it is right and when it is wrong, by how sure the model was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from selfcorrect.measures.intervals import Estimate, mean, proportion
from selfcorrect.measures.paired import holm_by_name, share_difference
from selfcorrect.measures.regression import Coefficient, regression, within
from selfcorrect.measures.unseen import Room
from selfcorrect.studies.base import Result
from selfcorrect.studies.innate.accept import Trials

#: Parts of equally many first answers, by how confident they were.
BINS = 3
KINDS = ("right", "wrong")
#: Of the regressions; the last one of the adjusted alone.
TERMS = ("confidence", "right", "right × confidence", "log odds before")
#: A model that takes feedback for what it says has no more than this between right and wrong.
MARGIN = 0.05
_ROOM = Room(-1.0, 1.0)


def acceptance(found: Trials) -> Result:
    """How often feedback is taken.

    Returns:
        ``taken``: by ``right`` and ``wrong`` the ``share`` taken, that ``asked`` (the share that
        moves there after feedback for no option), ``beyond`` (the first minus the second, of the
        same trials), ``rise`` (of the option's probability, over feedback for none); ``bins``: a
        table each, from least to most confident, with ``low``, ``high``, and by kind the share;
        ``told_apart``: of first answers that were wrong, where feedback for the right and for
        another wrong option can be given, the first's acceptance minus the second's, beyond that
        of merely being asked and at equal likelihood of both options; ``plain``, the same whatever
        their likelihood; and ``state``; ``fits``: coefficients of two logistic regressions.
    """
    return {
        "trials": len(found.right),
        "taken": {kind: _taken(found, _of(found, kind)) for kind in KINDS},
        "bins": _bins(found),
        "told_apart": told_apart(found),
        "fits": _fits(found),
    }


def _of(found: Trials, kind: str) -> Any:
    return found.right == (kind == "right")


def _taken(found: Trials, chosen: Any) -> dict[str, Any]:
    clusters = found.clusters[chosen].astype(str)
    taken, asked = found.taken[chosen], found.asked[chosen]
    rise = mean(found.after[chosen] - found.after_asked[chosen], clusters, room=_ROOM)
    return {
        "share": proportion(taken, clusters).table(),
        "asked": proportion(asked, clusters).table(),
        "beyond": share_difference(taken, asked, clusters).table(),
        "rise": rise.table(),
    }


def _bins(found: Trials) -> list[dict[str, Any]]:
    """By confidence; the cuts are those of the first answers, whatever feedback they got."""
    _, first = np.unique(found.examples.astype(str), return_index=True)
    if not len(first):
        return []
    cuts = np.quantile(found.confidence[first], np.linspace(0, 1, BINS + 1))
    cuts[-1] = np.inf
    rows = []
    for low, high in pairwise(cuts.tolist()):
        inside = (found.confidence >= low) & (found.confidence < high)
        row: dict[str, Any] = {"low": low, "high": min(high, 1.0)}
        for kind in KINDS:
            chosen = inside & _of(found, kind)
            clusters = found.clusters[chosen].astype(str)
            row[kind] = proportion(found.taken[chosen], clusters).table()
        rows.append(row)
    return rows


def by_example(found: Trials, values: Any, kind: str) -> dict[str, float]:
    """Of each example the mean over its trials of a kind."""
    rows: dict[str, list[float]] = {}
    for name, value, chosen in zip(found.examples, values, _of(found, kind), strict=True):
        if chosen:
            rows.setdefault(str(name), []).append(float(value))
    return {name: float(np.mean(mine)) for name, mine in rows.items()}


def told_apart(found: Trials) -> dict[str, Any]:
    """Right against wrong feedback on the same wrong answer, at equal likelihood before.

    A right option that was likelier before is taken more often by a model that heeds no feedback's
    content. So beside each trial of such an answer stand how likely its option was before, next to
    the answer given, and after feedback for none; both in log odds, with their squares, as what is
    left of each beyond the mean of its answer's trials. What feedback being right adds to those is
    told apart. Of blind feedback it is 0 as long as acceptance goes with these alike whatever the
    option is.
    """
    values = found.taken - found.asked
    names = found.examples.astype(str)
    right, wrong = (by_example(found, values, kind) for kind in KINDS)
    cluster = {str(n): str(c) for n, c in zip(found.examples, found.clusters, strict=True)}
    both = [name for name in right if name in wrong]
    apart = np.array([right[name] - wrong[name] for name in both])
    plain = mean(apart, np.array([cluster[name] for name in both]), room=Room(-2.0, 2.0))
    if not len(apart) or not np.ptp(apart):
        # nothing for a likelihood to explain
        return {**plain.table(), "plain": plain.table(), "state": _state(plain, plain)}
    rows = np.isin(names, both)
    before = _log(found.before[rows]) - _log(found.confidence[rows])
    after = _log(found.after_asked[rows]) - _log(1 - found.after_asked[rows])
    columns = {"right": found.right, "y": values}
    told = {name: within(column[rows], names[rows])[1] for name, column in columns.items()}
    for name, x in (("before", before), ("after", after)):
        told[name] = within(x, names[rows])[1]
        told[f"{name}²"] = within(x**2, names[rows])[1]
    y = told.pop("y")
    e = regression(y, told, found.clusters[rows].astype(str))["right"].estimate
    e = replace(e, n=len(both))
    return {**e.table(), "plain": plain.table(), "state": _state(e, plain)}


def _log(p: Any) -> Any:
    return np.log(np.clip(p, 1e-6, 1))


def _state(e: Estimate, plain: Estimate) -> str:
    """``more`` or ``less``, ``same`` within the margin (as they are, too), or ``undecided``."""
    if e.low is None or e.high is None or e.few:
        return "undecided"
    if e.low > 0 or e.high < 0:
        return "more" if e.low > 0 else "less"
    ends = (e.low, e.high, plain.low, plain.high)
    near = all(end is not None and abs(end) <= MARGIN for end in ends)
    return "same" if near else "undecided"


def _fits(found: Trials) -> dict[str, Any]:
    """Acceptance on confidence, on whether the feedback is right, and their product; and the same
    with how likely its option was before. Confidence is per standard deviation, seen from its mean;
    p is Holm's over a fit."""
    if len(found.taken) and not np.ptp(found.taken):
        why = "all feedback was taken" if found.taken[0] else "no feedback was taken"
        n, k = len(found.taken), len(np.unique(found.clusters.astype(str)))
        alike = {name: Coefficient(Estimate(None, None, None, n, k, why)) for name in TERMS}
        return {"plain": _holmed(dict(list(alike.items())[:3])), "adjusted": _holmed(alike)}
    spread = float(found.confidence.std()) if len(found.confidence) else 0.0
    sure = (found.confidence - found.confidence.mean()) / spread if spread > 0 else found.confidence
    centred = found.right - found.right.mean() if len(found.right) else found.right
    plain = dict(zip(TERMS, (sure, found.right, centred * sure), strict=False))
    clipped = np.clip(found.before, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))
    adjusted = {**plain, TERMS[-1]: odds}
    clusters = found.clusters.astype(str)
    return {
        name: _holmed(regression(found.taken, columns, clusters, family="logit"))
        for name, columns in (("plain", plain), ("adjusted", adjusted))
    }


def _holmed(fit: dict[str, Coefficient]) -> dict[str, Any]:
    adjusted = holm_by_name({name: c.p for name, c in fit.items()})
    return {
        name: {**c.table(), "p_holm": adjusted.get(name), "few": c.estimate.few}
        for name, c in fit.items()
    }
