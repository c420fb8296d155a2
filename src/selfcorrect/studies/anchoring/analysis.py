"""What an option gains by standing in the transcript, the model's own answer and any other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.intervals import Estimate, mean, p_of
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unseen import ANYWHERE, Room
from selfcorrect.runs import Run
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import series

#: No probability counts as less than this in logarithms.
_LEAST = 1e-12
#: In so many clusters each letter has to be an own answer.
LEAST_CLUSTERS = 5


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
    found = preflight_of(series(inputs.runs), (), inputs)
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

    All claims are made within round 2: since round 1, all answers may have got sharper or flatter,
    whatever stands there, and its likeliest answer may have been so by chance.

    Returns:
        ``stands``: an option's probability where it stands there, minus where another one does, the
        mean over options; ``copied``: by how much an option's log odds against a third one rise
        where it stands there in the place of another, ``own``, the answer of round 1 in the place
        of others, and ``other``, these in the place of the own; ``own_beyond``: the former minus
        the latter, see :func:`_over_letters`; ``taken``: the share of other options that are taken
        over; ``kept``: how often the own answer is given after itself; ``returned``: after another
        one; ``right`` and ``wrong``: of the same wrong answers, how often the right and another
        wrong option is taken over; ``knows``: their difference, beyond how often either is answered
        after the own answer; ``lost``: how often a wrong option is taken over from a right answer;
        ``rises``: how much likelier an option is after standing there than in round 1, ``own`` and
        ``other``. ``stands``, ``own_beyond`` and ``knows`` have ``p_holm`` over the three.
    """
    d, width = of.before.shape
    options = np.arange(width)
    own = of.own[:, None] == options
    there = np.isfinite(of.before)
    known = np.isfinite(of.own)[:, None] & there
    standing = of.after[:, options, options]
    rise = np.where(known, standing - of.before, np.nan)
    apart = of.after - standing[:, None, :]  # minus where the option itself stands
    off = np.where(~np.eye(width, dtype=bool)[None], -apart, np.nan)
    unit, both = Room(0, 1), Room(-1, 1)
    copied_own, copied_other = copied(of)

    read = np.isfinite(of.taken)
    taken = np.where(known & ~own & read, of.taken == options, np.nan)
    back = np.where(known & ~own & read, of.taken == of.own[:, None], np.nan)
    kept = np.where(known & own & read, of.taken == options, np.nan)
    right = options == of.target[:, None]
    graded = (np.isfinite(of.target) & np.isfinite(of.own))[:, None]
    was = (of.own == of.target)[:, None]
    asked = _after_own(of)[:, None]  # what is answered with the own answer standing there
    beyond = np.where(np.isfinite(asked), taken - (asked == options), np.nan)

    def of_wrong(values: Floats) -> tuple[Floats, Floats]:
        """Of wrong answers of which both are known: the right option, other wrong ones."""
        wrong = np.where(graded & ~was, values, np.nan)
        one, other = _mean(np.where(right, wrong, np.nan)), _mean(np.where(right, np.nan, wrong))
        lack = np.isnan(one + other)
        return np.where(lack, np.nan, one), np.where(lack, np.nan, other)

    to_right, to_wrong = of_wrong(taken)
    told = of_wrong(beyond)
    claims = {
        "stands": mean(_mean(off.reshape(d, -1)), of.clusters, room=both),
        "own_beyond": _over_letters(of, copied_own - copied_other),
        "knows": _of_three(told[0] - told[1], of.clusters, Room(-2, 2)),
    }
    adjusted = holm_by_name({name: p_of(e) for name, e in claims.items()})
    shares = {"taken": _mean(taken), "kept": _mean(kept), "returned": _mean(back)}
    shares |= {"right": to_right, "wrong": to_wrong}
    shares["lost"] = _mean(np.where(graded & was, taken, np.nan))
    return {
        "rises": {
            "own": mean(_mean(np.where(own, rise, np.nan)), of.clusters, room=both).table(),
            "other": mean(_mean(np.where(own, np.nan, rise)), of.clusters, room=both).table(),
        },
        "copied": {
            "own": mean(copied_own, of.clusters).table(),
            "other": mean(copied_other, of.clusters).table(),
        },
        **{
            name: {**e.table(), "few": e.few, "p_holm": adjusted.get(name)}
            for name, e in claims.items()
        },
        **{name: mean(x, of.clusters, room=unit).table() for name, x in shares.items()},
    }


def copied(of: Swapped) -> tuple[Floats, Floats]:
    """By how much an option's log odds against a third one, m, rise where it stands there in the
    place of another: log(p_k / p_m) with k standing minus with j standing, where neither is m.

    Whatever the first answer was, and however much sharper the second asking is, a model that looks
    at what stands there alike, whosever it was, has the same of both.

    Returns:
        Of the own answer k in the place of others, and of the others in its place, each the mean
        over j and m [D]; NaN where the own answer isn't known, or there is no third option.
    """
    d, width = of.before.shape
    logp = np.log(np.maximum(of.after, _LEAST))  # [D, standing, of]
    found = np.full((2, d), np.nan)
    for row in np.flatnonzero(np.isfinite(of.own)):
        k, x = int(of.own[row]), logp[row]
        others = [j for j in range(width) if j != k and np.isfinite(of.before[row, j])]
        pairs = [(j, m) for j in others for m in others if j != m]
        if pairs:
            j, m = np.array(pairs).T
            found[0, row] = np.mean((x[k, k] - x[k, m]) - (x[j, k] - x[j, m]))
            found[1, row] = np.mean((x[j, j] - x[j, m]) - (x[k, j] - x[k, m]))
    # what rounding leaves of equal logarithms is no difference
    rounded = np.round(found, 9)
    return rounded[0], rounded[1]


def _over_letters(of: Swapped, values: Floats) -> Estimate:
    """The mean over own letters of the mean over their dialogues.

    A model may copy one letter more than another. Own minus other, at an own letter k, then holds
    what k is copied by minus what the others are; over all letters, each counted once, that sums to
    0. So it takes questions of one number of options, and each of their letters as an own answer.

    Args:
        of: what was read.
        values: own minus other [D].
    """
    many = np.isfinite(of.before).sum(axis=1)
    known = np.isfinite(values)
    if not known.any():
        return _of_three(values, of.clusters)
    width = int(np.bincount(many[known]).argmax())
    rows = known & (many == width)
    x, own, clusters = values[rows], of.own[rows].astype(int), of.clusters[rows]
    for k in range(width):
        groups = len(np.unique(clusters[own == k]))
        if groups < LEAST_CLUSTERS:
            why = (
                f"its own answer was ({'abcdefghijklmnopqrstuvwxyz'[k]}) in {groups} clusters, and "
                f"it takes each letter in at least {LEAST_CLUSTERS} to tell its own answer from a "
                "letter that is copied more"
            )
            return Estimate(None, None, None, len(x), len(np.unique(clusters)), why)
    each = own[:, None] == np.arange(width)
    return of_sums_with_p(
        np.hstack([np.where(each, x[:, None], 0.0), each]).astype(np.float64),
        lambda s: np.asarray((s[..., :width] / s[..., width:]).mean(axis=-1)),
        clusters,
    )


def _after_own(of: Swapped) -> Floats:
    """The option answered in round 2 with the own answer standing there [D]; NaN where unknown."""
    found = np.full(len(of.own), np.nan)
    known = np.flatnonzero(np.isfinite(of.own))
    found[known] = of.taken[known, of.own[known].astype(int)]
    return found


def _of_three(values: Floats, clusters: NDArray[Any], room: Room = ANYWHERE) -> Estimate:
    """The mean of what needs a third option."""
    e = mean(values, clusters, room=room)
    if e.n:
        return e
    return replace(e, why="it takes answers that were read, to questions of three options or more")


def _mean(values: Floats) -> Floats:
    """Over the options of each dialogue; NaN where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=1))
