"""What an option gains by standing in the transcript, the model's own answer and any other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.intervals import Estimate, mean, p_of
from selfcorrect.measures.paired import holm
from selfcorrect.measures.unseen import ANYWHERE, Room
from selfcorrect.runs import Run
from selfcorrect.studies.able import told
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import series

#: Probabilities are taken no further from 0 and 1 in log odds.
_LEAST = 1e-6


@dataclass(frozen=True)
class Swapped:
    """What a model says after each option.

    Attributes:
        before: probabilities of the options in round 1 [D, K]; NaN beyond a question's own.
        after: in round 2, by the option that stands in the transcript: [D, K (standing), K].
        taken: the option answered in round 2, by the one that stands there [D, K]; NaN where it
            couldn't be read.
        own: the option answered in round 1 [D], NaN where it couldn't be read.
        target: the right option [D], NaN where there is none.
        clusters: of each dialogue [D].
    """

    before: Floats
    after: Floats
    taken: Floats
    own: Floats
    target: Floats
    clusters: NDArray[Any]


def preflight(inputs: Inputs) -> Preflight:
    """Whether the answers can be read."""
    found = told(series(inputs.runs), (), inputs)
    return Preflight(found.able, found.found, read(inputs.runs))


def read(runs: Mapping[str, Run]) -> Swapped:
    """The runs' probabilities and answers, on the examples that all of them have."""
    columns = ["example", "cluster", "round", "choice", "option_p", "target"]
    rows: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for arm, run in runs.items():
        found = run.read(columns).iter_rows(named=True)
        rows[arm] = {(row["example"], row["round"]): row for row in found}
    letters = [arm for arm in runs if arm != "repeat"]
    shared = sorted(
        example
        for example, number in rows["repeat"]
        if number == 1
        and all((example, t) in rows[arm] for arm in rows for t in (1, 2))
        and rows["repeat"][example, 1]["option_p"]
    )
    first = [rows["repeat"][example, 1] for example in shared]
    width = len(letters)
    after = np.full((len(shared), width, width), np.nan)
    taken = np.full((len(shared), width), np.nan)
    for k, arm in enumerate(letters):
        for d, example in enumerate(shared):
            row = rows[arm][example, 2]
            if k < len(row["option_p"] or ()):
                after[d, k, : len(row["option_p"])] = row["option_p"]
                taken[d, k] = _number(row["choice"])
    before = np.full((len(shared), width), np.nan)
    for d, row in enumerate(first):
        before[d, : len(row["option_p"])] = row["option_p"]
    return Swapped(
        before,
        after,
        taken,
        np.array([_number(row["choice"]) for row in first]),
        np.array([_number(row["target"]) for row in first]),
        np.array([row["cluster"] for row in first]),
    )


def _number(value: int | None) -> float:
    return np.nan if value is None else float(value)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``options``, and the numbers of :func:`figures`.
    """
    data: Swapped = inputs.preflight.data
    return {
        **inputs.preflight.found,
        "options": data.before.shape[1],
        **figures(data),
        "settings": dict(inputs.settings),
    }


def figures(of: Swapped) -> dict[str, Any]:
    """What standing in the transcript does.

    Returns:
        ``rises``: how much likelier an option is in round 2, after standing in the transcript, than
        in round 1: ``own``, the answer of round 1, and ``other``, the mean of the others, in
        probability and in log odds; ``stands``: an option's probability where it stands there,
        minus where another one does, the mean over options; ``own_beyond``: the rise of log odds of
        the own answer minus the others'; ``taken``: the share of other options that are taken over;
        ``kept``: how often the own answer is given after itself; ``returned``: after another one;
        ``right`` and ``wrong``: how often a right option is taken over by a model that was wrong, a
        wrong one by one that was right; ``knows``: their difference. ``stands``, ``own_beyond`` and
        ``knows`` have ``p_holm`` over the three.
    """
    d, width = of.before.shape
    options = np.arange(width)
    own = of.own[:, None] == options
    there = np.isfinite(of.before)
    known = np.isfinite(of.own)[:, None] & there
    standing = of.after[:, options, options]
    rise = np.where(known, standing - of.before, np.nan)
    odds = np.where(known, _logit(standing) - _logit(of.before), np.nan)
    apart = of.after - standing[:, None, :]  # minus where the option itself stands
    off = np.where(~np.eye(width, dtype=bool)[None], -apart, np.nan)
    unit, both = Room(0, 1), Room(-1, 1)

    def own_and_other(values: Floats) -> tuple[Floats, Floats]:
        return _mean(np.where(own, values, np.nan)), _mean(np.where(own, np.nan, values))

    taken = np.where(known & ~own & np.isfinite(of.taken), of.taken == options, np.nan)
    back = np.where(known & ~own & np.isfinite(of.taken), of.taken == of.own[:, None], np.nan)
    kept = np.where(known & own & np.isfinite(of.taken), of.taken == options, np.nan)
    right = options == of.target[:, None]
    was = np.isfinite(of.target) & (of.own == of.target)
    graded = np.isfinite(of.target) & np.isfinite(of.own)
    to_right = _mean(np.where((graded & ~was)[:, None] & right, taken, np.nan))
    to_wrong = _mean(np.where((graded & was)[:, None], taken, np.nan))
    rises = {
        unit_of: dict(zip(("own", "other"), own_and_other(values), strict=True))
        for unit_of, values in (("probability", rise), ("log_odds", odds))
    }
    claims = {
        "stands": mean(_mean(off.reshape(d, -1)), of.clusters, room=both),
        "own_beyond": mean(
            rises["log_odds"]["own"] - rises["log_odds"]["other"], of.clusters, room=ANYWHERE
        ),
        "knows": _between(to_right, to_wrong, of.clusters),
    }
    ps = {name: p for name, e in claims.items() if (p := p_of(e)) is not None}
    adjusted = dict(zip(ps, holm(list(ps.values())).tolist(), strict=True))
    return {
        "rises": {
            unit_of: {
                name: mean(
                    x, of.clusters, room=both if unit_of == "probability" else ANYWHERE
                ).table()
                for name, x in each.items()
            }
            for unit_of, each in rises.items()
        },
        **{
            name: {**e.table(), "few": e.few, "p_holm": adjusted.get(name)}
            for name, e in claims.items()
        },
        "taken": mean(_mean(taken), of.clusters, room=unit).table(),
        "kept": mean(_mean(kept), of.clusters, room=unit).table(),
        "returned": mean(_mean(back), of.clusters, room=unit).table(),
        "right": mean(to_right, of.clusters, room=unit).table(),
        "wrong": mean(to_wrong, of.clusters, room=unit).table(),
    }


def _logit(p: Floats) -> Floats:
    q = np.clip(p, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(q) - np.log1p(-q))


def _mean(values: Floats) -> Floats:
    """Over the options of each dialogue; NaN where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=1))


def _between(one: Floats, other: Floats, clusters: NDArray[Any]) -> Estimate:
    """The difference of two means, which are of different dialogues."""
    parts = [np.nan_to_num(one), np.isfinite(one), np.nan_to_num(other), np.isfinite(other)]
    return of_sums_with_p(
        np.stack(parts, axis=1).astype(np.float64),
        lambda s: np.asarray(s[..., 0] / s[..., 1] - s[..., 2] / s[..., 3]),
        clusters,
        bounds=(-1, 1),
    )
