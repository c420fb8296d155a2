"""What an option gains by standing in the transcript, the model's own answer and any other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.as_likely import REACH, as_likely
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate, mean, p_of
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unread import p_whatever
from selfcorrect.measures.unseen import Room
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
    return replace(found, data=read(inputs.runs))


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
    whatever stands there, and its likeliest answer may have been so by chance. And those that
    compare options do so of options that were as likely as each other
    (:mod:`selfcorrect.measures.as_likely`): the own answer is likelier than others, and right
    options often are, so that whatever depends on likelihood would look like theirs.

    Returns:
        ``stands``: an option's probability where it stands there, minus where another one does, the
        mean over options; ``copied``: by how much an option's log odds against a third one rise
        where it stands there in the place of another, ``own``, the answer of round 1 in the place
        of others, and ``other``, these in the place of the own; ``gained``: the same of its
        probability; ``own_beyond``: by how much more the own answer's log odds rise than those of
        another that is as likely, with ``probability``, the same of that, see
        :func:`_own_beyond`; ``taken``: the share of other options that are taken over; ``kept``:
        how often the own answer is given after itself; ``returned``: after another one; ``right``
        and ``wrong``: of the same wrong answers, how often the right and another wrong option is
        taken over; ``knows``: their difference where both are as likely, beyond how often either is
        answered after the own answer, see :func:`_knows`; ``lost``: how often a wrong option is
        taken over from a right answer; ``rises``: how much likelier an option is after standing
        there than in round 1, ``own`` and ``other``. ``stands``, ``own_beyond`` and ``knows`` have
        ``p_holm`` over the three; of ``own_beyond`` it is that of the scale that is less sure, and
        1 where the two lie on different sides of 0.
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
    gains = gained(of)

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
    odds, probability = _own_beyond(of, gains)
    claims = {
        "stands": mean(_mean(off.reshape(d, -1)), of.clusters, room=both),
        "own_beyond": odds,
        "knows": _knows(of, np.where(graded & ~was, beyond, np.nan)),
    }
    ps = {name: p_of(e) for name, e in claims.items()}
    ps["own_beyond"] = p_whatever((odds, probability), (p_of(odds), p_of(probability)))
    adjusted = holm_by_name(ps)
    shares = {"taken": _mean(taken), "kept": _mean(kept), "returned": _mean(back)}
    shares |= {"right": to_right, "wrong": to_wrong}
    shares["lost"] = _mean(np.where(graded & was, taken, np.nan))
    return {
        "rises": {
            "own": mean(_mean(np.where(own, rise, np.nan)), of.clusters, room=both).table(),
            "other": mean(_mean(np.where(own, np.nan, rise)), of.clusters, room=both).table(),
        },
        "copied": {
            "own": mean(_mean(gains.odds[0]), of.clusters).table(),
            "other": mean(_mean(gains.odds[1]), of.clusters).table(),
        },
        "gained": {
            "own": mean(_mean(gains.probability[0]), of.clusters, room=both).table(),
            "other": mean(_mean(gains.probability[1]), of.clusters, room=both).table(),
        },
        **{
            name: {
                **e.table(),
                "few": e.few,
                "p_holm": adjusted.get(name),
                **({"probability": probability.table()} if name == "own_beyond" else {}),
            }
            for name, e in claims.items()
        },
        **{name: mean(x, of.clusters, room=unit).table() for name, x in shares.items()},
    }


@dataclass(frozen=True)
class Gains:
    """What an option gains by standing there in the place of another, of each dialogue and each
    option j that isn't its own answer k.

    Attributes:
        odds: of k in the place of j, and of j in the place of k, log odds against a third option
            m: log(p_k / p_m) with k standing minus with j standing, the mean over m [2, D, K]; NaN
            where the own answer isn't known, of j = k, and without a third option.
        probability: the same of p_k, and of p_j [2, D, K].
        apart: log(p_k / p_j) in round 1 [D, K].
    """

    odds: Floats
    probability: Floats
    apart: Floats


def gained(of: Swapped) -> Gains:
    """What the own answer, and what others gain by standing there.

    If whatever stands there is copied alike, whosever it is, these need not be the same: where the
    log odds rise by the same, the probability rises by more of an option that is about as likely as
    not; where it is copied with a fixed probability, the log odds rise by more of an unlikely one.
    """
    d, width = of.before.shape
    logp = np.log(np.maximum(of.after, _LEAST))  # [D, standing, of]
    odds, probability = np.full((2, d, width), np.nan), np.full((2, d, width), np.nan)
    apart = np.full((d, width), np.nan)
    first = np.log(np.maximum(of.before, _LEAST))
    for row in np.flatnonzero(np.isfinite(of.own)):
        k, x, p = int(of.own[row]), logp[row], of.after[row]
        others = [j for j in range(width) if j != k and np.isfinite(of.before[row, j])]
        for j in others:
            thirds = [m for m in others if m != j]
            if not thirds:
                continue
            m = np.array(thirds)
            odds[0, row, j] = np.mean((x[k, k] - x[k, m]) - (x[j, k] - x[j, m]))
            odds[1, row, j] = np.mean((x[j, j] - x[j, m]) - (x[k, j] - x[k, m]))
            probability[:, row, j] = p[k, k] - p[j, k], p[j, j] - p[k, j]
            apart[row, j] = first[row, k] - first[row, j]
    # what rounding leaves of equal numbers is no difference
    return Gains(np.round(odds, 9), np.round(probability, 9), apart)


def _own_beyond(of: Swapped, gains: Gains) -> tuple[Estimate, Estimate]:
    """What the own answer gains more than another that was as likely in round 1, in log odds and in
    probability: the mean over own letters, each counted once.

    A model may copy one letter more than another. Own minus other, at an own letter k, then holds
    what k is copied by minus what the others are; over all letters, each counted once, that sums to
    0. So it takes questions of one number of options, and each of their letters as an own answer.
    """
    both = [values[0] - values[1] for values in (gains.odds, gains.probability)]
    known = np.isfinite(both[0]).any(axis=1)
    if not known.any():
        return _lacking(of), _lacking(of)
    many = np.isfinite(of.before).sum(axis=1)
    width = int(np.bincount(many[known]).argmax())
    rows = known & (many == width)
    own, clusters, apart = of.own[rows].astype(int), of.clusters[rows], gains.apart[rows]
    inside = (np.abs(apart) < REACH).any(axis=1)
    for k in range(width):
        groups = len(np.unique(clusters[inside & (own == k)]))
        if groups < LEAST_CLUSTERS:
            why = (
                f"its own answer was ({'abcdefghijklmnopqrstuvwxyz'[k]}), and another one not far "
                f"less likely, in {groups} clusters; it takes each letter in at least "
                f"{LEAST_CLUSTERS} to tell its own answer from a letter that is copied more"
            )
            e = Estimate(None, None, None, len(own), len(np.unique(clusters)), why)
            return e, e
    odds, probability = (
        as_likely(values[rows], apart[None], clusters, groups=own) for values in both
    )
    return odds, probability


def _knows(of: Swapped, beyond: Floats) -> Estimate:
    """By how much more often the right option is taken over than another wrong one that is as
    likely, in round 1 and in round 2 after the own answer.

    Args:
        of: what was read.
        beyond: of wrong answers, whether an option is taken over, minus whether it is answered
            after the own answer [D, K].
    """
    rows = np.flatnonzero(np.isfinite(beyond).any(axis=1))
    target = of.target[rows].astype(int)
    at = np.arange(len(rows))
    after = of.after[rows, of.own[rows].astype(int)]
    readings = [np.log(np.maximum(p, _LEAST)) for p in (of.before[rows], after)]
    values = beyond[rows]
    difference = values[at, target][:, None] - values
    difference[at, target] = np.nan
    if not np.isfinite(difference).any():
        return _lacking(of)
    apart = np.stack([x[at, target][:, None] - x for x in readings])
    return as_likely(difference, apart, of.clusters[rows])


def _lacking(of: Swapped) -> Estimate:
    """Of what needs a third option."""
    why = "it takes answers that were read, to questions of three options or more"
    return Estimate(None, None, None, 0, len(np.unique(of.clusters)), why)


def _after_own(of: Swapped) -> Floats:
    """The option answered in round 2 with the own answer standing there [D]; NaN where unknown."""
    found = np.full(len(of.own), np.nan)
    known = np.flatnonzero(np.isfinite(of.own))
    found[known] = of.taken[known, of.own[known].astype(int)]
    return found


def _mean(values: Floats) -> Floats:
    """Over the options of each dialogue; NaN where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=1))
