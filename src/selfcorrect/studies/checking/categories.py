"""Whether gains are larger in categories whose checks tell right answers from wrong ones better."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.associations import Residuals, partial, residuals
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.independent import difference_between
from selfcorrect.measures.intervals import LEVEL, Estimate, mean, proportion
from selfcorrect.measures.outcomes import paired
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unread import unknown
from selfcorrect.measures.unseen import Room
from selfcorrect.studies.base import Result
from selfcorrect.studies.checking.checks import Checks

#: A category with fewer examples than these has no part in the association.
LEAST_EXAMPLES = 5
#: Nor one with fewer right first answers, or fewer wrong ones, of which a check was read.
LEAST_KIND = 5
#: Of so many categories every combination of what their unread answers could be is tried.
_TRIED = 12


@dataclass(frozen=True)
class _Answers:
    """What is known of each example [D], NaN where it isn't.

    Attributes:
        first: round 1, 1 or 0; unread ones are NaN.
        says: whether the first check says right.
        beyond: gain minus ``repeat``'s, unread last answers as wrong.
        low, high: the least and the most that this may be, whatever unread answers are.
        read: whether the last answers of both arms were.
    """

    first: Floats
    says: Floats
    beyond: Floats
    low: Floats
    high: Floats
    read: NDArray[np.bool_]


def by_category(panel: Panel, repeat: Panel, checks: Checks, seed: int) -> dict[str, Any]:
    """Accuracy before and after by category, how well checks tell right from wrong, and whether
    these go together.

    The association is of the gain beyond repetition with the *ability* of a category's checks,
    P(says right | right) − P(says right | wrong). How often checks are true isn't that: a check
    that says *wrong* whatever the answer is is true more often where answers are wrong, and what
    shakes answers most may be what says *wrong* most often. Accuracy in round 1 is taken out with
    its square.

    Args:
        panel: of ``checking``.
        repeat: of ``repeat``, of the same examples.
        checks: those of ``panel``.
        seed: of the permutations.

    Returns:
        ``categories``: name → ``first``, ``last``, ``gain`` (last − first), ``beyond``, how much
        more that is than ``repeat``'s, ``true``, the share of its first checks that say what is so,
        and ``ability``; ``association``: see :func:`_association`; ``of_read``: its value over
        examples whose answers were read in both rounds of both arms, ``None`` where all were;
        ``published``: the value of the published measure, the partial correlation with ``true``,
        given ``first``: a description; ``small``: how many categories have too few examples;
        ``uneven``: how many others too few right, or wrong, first answers; ``left_out``: of how
        many examples the first answer wasn't read.
    """
    answers = _answers(panel, repeat, checks)
    found: dict[str, Any] = {}
    kept: list[NDArray[np.bool_]] = []
    small = uneven = 0
    for name in sorted(set(checks.categories)):
        here = checks.categories == name
        true = checks.true[here, 0]
        if min((np.isfinite(answers.beyond) & here).sum(), np.isfinite(true).sum()) < (
            LEAST_EXAMPLES
        ):
            small += 1
            continue
        found[str(name)] = _category(panel, repeat, checks, answers, here)
        even = min(_kinds(answers, here)) >= LEAST_KIND
        uneven += not even
        if even:
            kept.append(here)
    whole = bool(answers.read[np.isfinite(answers.first)].all())
    read = [here & answers.read for here in kept]
    return {
        "categories": found,
        "association": _association(answers, kept, seed),
        "of_read": None if whole else _association(answers, read, None),
        "published": _published(found),
        "small": small,
        "uneven": uneven,
        "left_out": int(np.isnan(answers.first).sum()),
    }


def _answers(panel: Panel, repeat: Panel, checks: Checks) -> _Answers:
    """An unread first answer is neither right nor wrong, and there is no ability to check it: its
    example is left out. That is the same in both arms, and nothing that a check did."""
    gains, firsts, lost = [], [], []
    for each in (panel, repeat):
        after, before = each.at(each.rounds[-1]), each.at(each.rounds[0])
        gone, unread = unknown((after, before), each.outcome)
        firsts.append(np.where(unread, np.nan, before["outcome"]))
        last = np.where(gone & np.isnan(after["outcome"]), 0.0, after["outcome"])
        gains.append(last - firsts[-1])
        lost.append((gone, np.where(gone, 1 - last, 0.0), np.where(gone, last, 0.0)))
    beyond = gains[0] - gains[1]
    (gone, up, down), (away, other_up, other_down) = lost
    first = np.where(np.isfinite(beyond), firsts[0], np.nan)
    return _Answers(
        first,
        checks.said[:, 0],
        beyond,
        beyond - down - other_up,
        beyond + up + other_down,
        ~(gone | away),
    )


def _kinds(answers: _Answers, here: NDArray[np.bool_]) -> tuple[int, int]:
    """How many right and wrong first answers have a check that was read."""
    first = answers.first[here & np.isfinite(answers.says)]
    return int((first == 1).sum()), int((first == 0).sum())


def _category(
    panel: Panel, repeat: Panel, checks: Checks, answers: _Answers, here: NDArray[np.bool_]
) -> Result:
    clusters = panel.clusters[here]
    before, after = (panel.columns["outcome"][here, t] for t in (0, -1))
    again = repeat.columns["outcome"][here]
    beyond = (after - before) - (again[:, -1] - again[:, 0])
    return {
        "first": proportion(before, clusters).table(),
        "last": proportion(after, clusters).table(),
        "gain": paired(panel.outcome, after, before, clusters).table(),
        "beyond": mean(beyond, clusters, room=Room(-2, 2)).table(),
        "true": proportion(checks.true[here, 0], clusters).table(),
        "ability": _ability(answers, here, clusters).table(),
    }


def _ability(answers: _Answers, here: NDArray[np.bool_], clusters: NDArray[Any]) -> Estimate:
    """P(says right | right) − P(says right | wrong)."""
    first, says = answers.first[here], answers.says[here]
    known = np.isfinite(first) & np.isfinite(says)
    right, wrong = _kinds(answers, here)
    n, k = int(known.sum()), len(np.unique(clusters[known]))
    if min(right, wrong) < LEAST_KIND:
        why = f"{right} right and {wrong} wrong first answers, and {LEAST_KIND} of each are needed"
        return Estimate(None, None, None, n, k, why)
    return difference_between(says[known], first[known] == 1, clusters[known])


def _association(answers: _Answers, kept: list[NDArray[np.bool_]], seed: int | None) -> Result:
    """The partial correlation of ability and gain beyond repetition, given accuracy and its square.

    A category weighs what its ability is known to, n₁ n₀ / (n₁ + n₀) of n₁ right and n₀ wrong first
    answers. By chance its checks say *right* more often of those right answers that are kept, say,
    if answers follow checks; the ability that they then seem to have isn't one of the category. So
    the covariance of both errors within categories is taken off where that leaves less. (A
    correlation is skewed away from its bounds, so the other way round it would make too much of
    gains that are smaller.) It is a sum over examples, so the least that unread answers leave of it
    is known; over the most that they allow for how far gains lie apart, that is the weakest
    correlation that they allow. ``p`` is of that one.

    Args:
        answers: of all examples.
        kept: of each category its examples [D].
        seed: of the permutations; ``None`` for a value alone.

    Returns:
        The estimate; with a seed ``p``, ``None`` where it is undefined; ``weakest``, ``None`` where
        all is read or unread answers could turn it; and ``hangs``: whether it would be claimed
        without regard to unread answers, and isn't.
    """
    if not kept:
        return {**NO_CATEGORY.table(), "p": None, "weakest": None, "hangs": False}
    parts = [_part(answers, here) for here in kept]
    x, y, first, weights = np.array([part[:4] for part in parts]).T
    centred = first - 0.5
    of = residuals(x, y, np.column_stack([centred, centred**2]), weights)
    if isinstance(of, Estimate):
        return {**of.table(), "p": None, "weakest": None, "hangs": False}
    p_of, at = of.p, [parts[k] for k in np.flatnonzero(of.there)]
    length, apart = float(np.linalg.norm(of.x)), float(np.linalg.norm(of.y))
    # what each example's gain adds to the numerator, as it is and less what errors share
    plain = [of.root[k] * of.x[k] / part[5] * np.ones(part[5]) for k, part in enumerate(at)]
    own = of.root**2 * np.diag(of.left)
    less = [
        slope - own[k] * part[4] / part[5]
        for k, (slope, part) in enumerate(zip(plain, at, strict=True))
    ]
    ends = [tuple(x[part[6]] for x in (answers.low, answers.beyond, answers.high)) for part in at]
    sums = np.array([_sums(slopes, ends) for slopes in (plain, less)])  # least, as it is, most
    r = _weaker(sums[:, 1]) / length / apart
    if seed is None:
        return {**of.estimate(r).table(), "low": None, "high": None}
    p = p_of(r, seed)
    if all((low == high).all() for low, _, high in ends):
        return {**of.estimate(r).table(), "p": p, "weakest": None, "hangs": False}
    lows, highs = (np.array([end[side].mean() for end in ends]) for side in (0, 2))
    least = _weaker(sums[:, 0 if r > 0 else 2])
    turns = least * r <= 0
    weakest = None if turns else least / length / _farthest(of, lows, highs)
    worst = 1.0 if weakest is None else max(p, p_of(weakest, seed))
    hangs = p < 1 - LEVEL <= worst
    return {**of.estimate(r).table(), "p": worst, "weakest": weakest, "hangs": hangs}


def _sums(slopes: list[Floats], ends: list[tuple[Floats, ...]]) -> list[float]:
    """A numerator: the least that unread answers allow, as recorded, and the most."""
    each = [
        (s * low, s * as_is, s * high) for s, (low, as_is, high) in zip(slopes, ends, strict=True)
    ]
    return [
        float(sum(np.minimum(low, high).sum() for low, _, high in each)),
        float(sum(middle.sum() for _, middle, _ in each)),
        float(sum(np.maximum(low, high).sum() for low, _, high in each)),
    ]


def _weaker(values: Floats) -> float:
    """Of two numbers the one nearer to 0; 0 where they lie on both sides of it."""
    return float(values[np.argmin(np.abs(values))]) if values.prod() > 0 else 0.0


def _part(answers: _Answers, here: NDArray[np.bool_]) -> tuple[Any, ...]:
    """Of a category: ability, gain beyond repetition, first accuracy, weight, what each example
    adds to the error of the ability [n], n, and its examples."""
    rows = here & np.isfinite(answers.beyond)
    first, says = answers.first[rows], answers.says[rows]
    checked = np.isfinite(says)
    sums = [(first == kind) & checked for kind in (1, 0)]
    right, wrong = (int(of.sum()) for of in sums)
    if min(right, wrong) < LEAST_KIND:
        return np.nan, np.nan, np.nan, 0.0, np.zeros(len(first)), max(1, len(first)), rows
    shares = [float(says[of].mean()) for of in sums]
    errors = np.zeros(len(first))
    for of, share, sign, n in zip(sums, shares, (1, -1), (right, wrong), strict=True):
        errors[of] = sign * (says[of] - share) / n
    weight = right * wrong / (right + wrong)
    return (
        shares[0] - shares[1], float(answers.beyond[rows].mean()), float(first.mean()), weight,
        errors, len(first), rows,
    )  # fmt: skip


def _farthest(of: Residuals, lows: Floats, highs: Floats) -> float:
    """No less than how far gains may lie apart, |left y|, for gains between these ends [K].

    It is a convex function of them, so largest where each is at one of its ends. Those of the
    widest ranges are all tried; the others add no more than what each could alone.
    """
    middle, half = of.root * (lows + highs) / 2, of.root * (highs - lows) / 2
    order = np.argsort(-half)
    tried, rest = order[:_TRIED], order[_TRIED:]
    tried = tried[half[tried] > 0]
    signs = np.array(list(product((-1.0, 1.0), repeat=len(tried))))
    ways = np.repeat(middle[None], len(signs), axis=0)
    ways[:, tried] += signs * half[tried]
    most = float(np.linalg.norm(ways @ of.left, axis=1).max())
    return most + float((np.linalg.norm(of.left[:, rest], axis=0) * half[rest]).sum())


def _published(categories: dict[str, Any]) -> Result:
    """The published measure: with how often checks are true, given how many first answers are right
    (arXiv 2405.18634). No interval and no p, as a bias to say *wrong* makes one."""
    names = ("true", "beyond", "first")
    rows = [[of[name]["value"] for name in names] for of in categories.values()]
    sizes = [of["beyond"]["n"] for of in categories.values()]
    e = NO_CATEGORY
    if rows:
        true, beyond, first = np.array(rows, float).T
        e, _ = partial(true, beyond, first, weights=sizes)
    return {**e.table(), "low": None, "high": None}


#: Of an association without a category.
NO_CATEGORY = Estimate(
    None, None, None, 0, 0,
    f"no category has {LEAST_KIND} right and {LEAST_KIND} wrong first answers with a check that "
    "was read",
)  # fmt: skip
