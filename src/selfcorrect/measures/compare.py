"""Rounds, or runs, compared on the same examples: differences, their verdicts, convergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.calibration import auroc_difference
from selfcorrect.measures.intervals import (
    LEVEL,
    Estimate,
    Floats,
    Z,
    figure,
    means,
    of_sums,
    proportion,
)
from selfcorrect.measures.paired import share_difference, share_test
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import POWER, difference_n, least_n, margin_n
from selfcorrect.outcome import Figure, Share, Sums

#: Measures that are means over records, and the panel's column of each.
SCORES = {
    "confidence": "confidence",
    "entropy": "entropy",
    "calibration_gap": "gap",
    "brier": "brier",
    "tokens": "encoded",
}

#: +1: more is better, −1: less is better; of the others more or less is neither.
_BETTER = {"accuracy": 1, "auroc": 1, "brier": -1}

#: A run has converged at round t if it stays within the margin for at least so many more rounds.
LATER = 3


def compare(
    after: Mapping[str, Floats],
    before: Mapping[str, Floats],
    clusters: NDArray[Any],
    margins: Mapping[str, float],
    *,
    figures: Mapping[str, Figure] | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Every measure's difference, after − before, on the same examples.

    Args:
        after, before: a panel's columns in a round [D] each (:meth:`Panel.at`), rows in one order.
        clusters: the cluster of each row [D].
        margins: by measure, up to what size a change counts as none; a measure without one can't
            be called the same.
        figures: the task's own; those of a part of the data (``bias_ambiguous/Age``) are left out.
        seed: of the resampling.

    Returns:
        measure → its estimate's table with ``p`` (of no difference; ``None`` where no test is
        made), ``margin``, ``verdict`` (see :func:`verdict`), and, where that is undecided,
        ``n_needed``: about how many examples would decide, 4 times of 5, on which side of 0 it lies
        or that it lies within the margin, if it is as seen. Means also have ``after`` and
        ``before``, over the same rows as their difference. Where a verdict would depend on how
        unread answers are counted it is ``undecided``, and ``unread`` holds the lowest and the
        highest difference that they allow.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scores = {name: after[c] - before[c] for name, c in SCORES.items()}
    graded = _graded(after, before, clusters, figures, seed)
    estimates = {
        "accuracy": graded.pop("accuracy"),
        **means(scores, clusters, seed=seed),
        "auroc": auroc_difference(
            (after["confidence"], after["outcome"]),
            (before["confidence"], before["outcome"]),
            clusters,
            seed=seed,
        ),
        **graded,
    }
    # the same, had the unread answers counted in the other ways
    others = [_graded(*way, clusters, figures, seed) for way in _other_counts(after, before)]
    table: dict[str, dict[str, Any]] = {}
    for name, e in estimates.items():
        margin, p = margins.get(name), None
        if name == "accuracy":
            p = share_test(after["outcome"], before["outcome"], clusters)
        # a part of the accuracy is as much better the higher it is
        better = _BETTER.get(name.partition("_")[0], 0)
        told = verdict(e, margin, better, p)
        counted = [other[name] for other in others if name in other]
        hangs = told not in (None, "undecided") and any(
            verdict(other, margin, better) != told for other in counted
        )
        told = "undecided" if hangs else told
        table[name] = {
            **e.table(),
            "p": p,
            "margin": margin,
            "verdict": told,
            "n_needed": _to_decide(e, margin) if told == "undecided" and not hangs else None,
        }
        if hangs:
            values = [other.value for other in counted if other.value is not None]
            table[name]["unread"] = [min(values), max(values)] if values else [None, None]
        if column := {"accuracy": "outcome", **SCORES}.get(name):
            both = np.isfinite(after[column]) & np.isfinite(before[column])
            for when, columns in (("after", after), ("before", before)):
                table[name][when] = float(columns[column][both].mean()) if both.any() else None
    return table


def _graded(
    after: Mapping[str, Floats],
    before: Mapping[str, Floats],
    clusters: NDArray[Any],
    figures: Mapping[str, Figure] | None,
    seed: int,
) -> dict[str, Estimate]:
    """The differences that depend on right and wrong of unread answers."""
    found = {"accuracy": share_difference(after["outcome"], before["outcome"], clusters)}
    for name, compute in (figures or {}).items():
        if "/" not in name:
            found[name] = figure_of(compute, after, clusters, seed=seed, less=before)
    return found


def _other_counts(
    after: Mapping[str, Floats], before: Mapping[str, Floats]
) -> list[tuple[dict[str, Floats], dict[str, Floats]]]:
    """The columns with unread answers counted all for a rise, and all for a fall.

    An unread answer is recorded as wrong, though nobody knows what it is. Whatever is true of both
    extremes and of the record itself doesn't hang on that. Nothing where all answers were read.
    """
    if not any((columns["parsed"] == 0).any() for columns in (after, before)):
        return []
    ways = []
    for late, early in ((1.0, 0.0), (0.0, 1.0)):
        ways.append((_counted(after, late), _counted(before, early)))
    return ways


def _counted(columns: Mapping[str, Floats], unread: float) -> dict[str, Floats]:
    right = columns["outcome"]
    known = (columns["parsed"] == 0) & np.isfinite(right)
    return {**columns, "outcome": np.where(known, unread, right)}


def verdict(
    estimate: Estimate, margin: float | None, better: int, p: float | None = None
) -> str | None:
    """What a difference's interval says.

    Args:
        estimate: of the difference.
        margin: differences up to ± this count as none.
        better: +1 if more is better, −1 if less is, 0 if neither.
        p: of no difference, where a test is made: it has to agree.

    Returns:
        ``better`` or ``worse`` (``higher`` or ``lower``, of a measure of which neither is
        better) where the interval lies on one side of 0 and p isn't above .05; ``same`` where it
        lies within the margin; else ``undecided``. ``None`` without an interval.
    """
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None
    if (low > 0 or high < 0) and (p is None or p <= 1 - LEVEL):
        sign = 1 if low > 0 else -1
        if better:
            return "better" if sign == better else "worse"
        return "higher" if sign > 0 else "lower"
    if margin is not None and -margin <= low and high <= margin:
        return "same"
    return "undecided"


def figure_of(
    compute: Figure,
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    *,
    seed: int = 0,
    less: Mapping[str, Floats] | None = None,
) -> Estimate:
    """A task's figure in one round, or its difference from another round's on the same examples.

    Args:
        compute: the figure; a :class:`Share` has a share's interval, :class:`Sums` are resampled
            by their sums, any other is computed anew for every resample.
        columns: the round's columns [D].
        clusters: the cluster of each [D].
        seed: of the resampling.
        less: the columns of the round that is taken off.
    """
    if isinstance(compute, Share):
        after = compute.values(columns)
        if less is None:
            return proportion(after, clusters)
        return _between_shares(after, compute.values(less), clusters, seed)
    if isinstance(compute, Sums):
        terms, value, (low, high) = compute.terms(columns), compute.value, compute.bounds
        if less is None:
            return of_sums(terms, value, clusters, bounds=(low, high), seed=seed)
        both, m = np.concatenate([terms, compute.terms(less)], axis=1), terms.shape[1]
        return of_sums(
            both,
            lambda s: value(s[..., :m]) - value(s[..., m:]),
            clusters,
            bounds=(low - high, high - low),
            seed=seed,
        )

    def at(which: NDArray[np.int64]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which the figure's contract allows
            number = compute({name: column[which] for name, column in columns.items()})
            if less is not None:
                number -= compute({name: column[which] for name, column in less.items()})
        return number

    return figure(at, clusters, seed=seed)


def _between_shares(after: Floats, before: Floats, clusters: NDArray[Any], seed: int) -> Estimate:
    """The difference of two shares, which need not be of the same records."""
    there = [np.isfinite(each) for each in (after, before)]
    if (there[0] == there[1]).all():
        return share_difference(after, before, clusters)
    parts = [np.nan_to_num(after), there[0], np.nan_to_num(before), there[1]]
    return of_sums(
        np.stack(parts, axis=1),
        lambda s: s[..., 0] / s[..., 1] - s[..., 2] / s[..., 3],
        clusters,
        bounds=(-1, 1),
        seed=seed,
    )


def convergence(
    panel: Panel, margins: Mapping[str, float], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """For each measure with a margin the round from which it stays within it.

    Converged at round t: the 95 % interval of round s − round t lies within ± margin for every
    later round s, of which there are at least three. (Two one-sided tests at 2.5 % each, all of
    which must pass, so nothing need be adjusted.) Tested backwards from the last round that has
    three after it and stopped at the first failure: looking for t costs nothing.

    Returns:
        measure → ``round`` (or ``None``), ``margin``, ``why`` where there is no such round,
        ``smallest_margin`` that the round tested first would have passed, ``moved``: whether a
        later round is shown to differ from it by more than the margin, and ``n_needed``: about how
        many examples would show the margin 4 times of 5, if nothing moves (``None`` where this run
        has as many already).
    """
    rounds = panel.rounds
    found: dict[str, dict[str, Any]] = {}
    open_ = {name: margin for name, margin in margins.items() if name in _CONVERGING}
    for name, margin in open_.items():
        found[name] = {
            "round": None,
            "margin": margin,
            "smallest_margin": None,
            "moved": False,
            "n_needed": None,
        }
        if len(rounds) <= LATER:
            found[name]["why"] = f"needs at least {LATER + 1} rounds"
    for place in range(len(rounds) - 1 - LATER, -1, -1):
        later = _later(panel, place, list(open_), seed)
        for name, estimates in later.items():
            first = place == len(rounds) - 1 - LATER
            ends = [end for e in estimates for end in (e.low, e.high)]
            known = [abs(end) for end in ends if end is not None]
            if first and len(known) == len(ends):
                found[name]["smallest_margin"] = max(known)
            if len(known) == len(ends) and max(known) <= open_[name]:
                found[name]["round"] = rounds[place]
                continue
            if first:
                found[name] |= _not_shown(estimates, open_[name])
            del open_[name]
        if not open_:
            break
    return found


_CONVERGING = ("accuracy", *(name for name in SCORES if name != "tokens"))


def _later(panel: Panel, place: int, names: Sequence[str], seed: int) -> dict[str, list[Estimate]]:
    """Of each measure the differences of all later rounds from the one at ``place``."""
    later = range(place + 1, len(panel.rounds))
    columns: dict[tuple[str, int], Floats] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name in names:
            if name in SCORES:
                x = panel.columns[SCORES[name]]
                columns |= {(name, s): x[:, s] - x[:, place] for s in later}
    scores = means(columns, panel.clusters, seed=seed)
    return {
        name: [scores[name, s] if name in SCORES else _widest(panel, s, place) for s in later]
        for name in names
    }


def _widest(panel: Panel, s: int, place: int) -> Estimate:
    """Accuracy's difference of two rounds, its interval wide enough for any count of the unread."""
    after, before = (
        {name: panel.columns[name][:, at] for name in ("outcome", "parsed")} for at in (s, place)
    )
    e = share_difference(after["outcome"], before["outcome"], panel.clusters)
    others = [
        share_difference(late["outcome"], early["outcome"], panel.clusters)
        for late, early in _other_counts(after, before)
    ]
    ends = [(each.low, each.high) for each in (e, *others)]
    lows, highs = ([x for x in side if x is not None] for side in zip(*ends, strict=True))
    return replace(e, low=min(lows), high=max(highs)) if len(lows) == len(ends) else e


def _not_shown(estimates: Sequence[Estimate], margin: float) -> dict[str, Any]:
    """Why the round tested first isn't shown to be within the margin of the later ones."""
    whys = [e.why for e in estimates if e.low is None]
    if whys:
        return {"why": whys[0]}
    moved = any((e.low or 0) > margin or (e.high or 0) < -margin for e in estimates)
    # all of them must be shown: each fails with its part of the chance that one does
    power = 1 - (1 - POWER) / len(estimates)
    needed = max(_n_for_margin(e, margin, 0.0, power) for e in estimates)
    return {
        "why": "moved by more than the margin" if moved else "not shown to be within the margin",
        "moved": moved,
        "n_needed": None if moved or needed <= max(e.n for e in estimates) else math.ceil(needed),
    }


def _to_decide(e: Estimate, margin: float | None) -> int | None:
    """Examples that would show on which side of 0 it lies, or that it lies within the margin."""
    difference = abs(e.value or 0.0)
    ways = [difference_n(_spread(e), difference)] if difference else []
    if margin is not None and difference < margin:
        ways.append(_n_for_margin(e, margin, difference, POWER))
    return math.ceil(min(ways)) if ways else None


def _n_for_margin(e: Estimate, margin: float, difference: float, power: float) -> float:
    n = margin_n(_spread(e), margin, power, difference)
    # a share's interval has a width even where nothing changed
    return max(n, least_n(margin) * e.n / e.worth) if e.worth else n


def _spread(e: Estimate) -> float:
    if e.spread is not None:
        return e.spread
    return e.n * (((e.high or 0.0) - (e.low or 0.0)) / 2 / Z) ** 2
