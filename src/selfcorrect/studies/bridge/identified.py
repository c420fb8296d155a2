"""Whether the question can be answered, and whether the two-concept model can be fitted at all.

From the anchors and rounds 1-3 alone. That it can be fitted isn't that it is identified: for that
it must beat its rivals (:mod:`selfcorrect.studies.bridge.tournament`).
"""

from __future__ import annotations

from collections.abc import Sequence

from selfcorrect.measures.intervals import Estimate
from selfcorrect.report.numbers import short
from selfcorrect.studies.bridge.plan import FITTED

#: Anchors that differ by less identify nothing (specification).
LEAST_TV = 0.05
#: A mixture that leaves a larger share of the differences between records with the options in the
#: same positions unexplained doesn't describe them.
MOST_RESIDUAL = 0.5
#: Anchors whose ε changed by more in their own last round haven't settled.
MOST_LAST_STEP = 0.01


def undecidable(tv: Estimate) -> str | None:
    """Why these anchors can't identify anything, and what to do; ``None`` if they can.

    Args:
        tv: of the total variation between p+ and p−.
    """
    if tv.value is None or tv.value < LEAST_TV:
        return (
            "the anchors hardly differ: the total variation between p+ and p− is "
            f"{tv.value or 0:.3f}, below {LEAST_TV:g}; use a model or a task on which the "
            "instruction changes the answers."
        )
    if tv.low is not None and tv.low < LEAST_TV:
        return (
            "the anchors aren't shown to differ: the interval of the total variation between p+ "
            f"and p− reaches down to {tv.low:.3f}, below {LEAST_TV:g}; run all three on more "
            "examples (a larger --limit)."
        )
    return None


def misfit(residual: Estimate, epsilon: Sequence[Estimate]) -> str | None:
    """Why the two-concept model can't be fitted here, and what to do; ``None`` if it can.

    Args:
        residual: the share left unexplained in rounds 1-3.
        epsilon: of ε in rounds 1-3.
    """
    if residual.value is None or residual.value > MOST_RESIDUAL:
        return _no_mixture(residual)
    for round, e in zip(FITTED, epsilon, strict=True):
        if e.value is not None and not 0 < e.value < 1:
            return _outside(round, e.value, e.low, e.high)
    return None


def _no_mixture(residual: Estimate) -> str:
    """Comes before what is said of ε, which means nothing where the run is no mixture."""
    if residual.value is None:
        return (
            "the records don't differ, so it can't be told whether they are mixtures of their "
            "anchors; run all three on other examples."
        )
    most = f"more than {short(MOST_RESIDUAL)}"
    stays = "of the differences between comparable records in rounds 1-3 stay unexplained"
    if residual.low is not None and residual.low <= MOST_RESIDUAL:
        return (
            f"the run isn't shown to be a mixture of its anchors: {short(residual.value)} "
            f"[{short(residual.low)}, {short(residual.high or 0.0)}] {stays}, {most}; "
            "run all three on more examples (a larger --limit)."
        )
    if residual.value <= 1:
        missed = f"{short(residual.value)} {stays}, {most}"
    else:
        missed = (
            "the squared distance of the records of rounds 1-3 from the nearest mixtures is "
            f"{residual.value:.1f} times that from the mean of comparable ones"
        )
    return (
        f"the run isn't a mixture of its anchors: {missed}; more examples won't change that, but "
        "another model, task or wording may."
    )


def _outside(round: int, value: float, low: float | None, high: float | None) -> str:
    said = _number(value)
    if low is None or high is None or low >= 1 or high <= 0:
        return (
            f"the run doesn't lie between its anchors: ε in round {round} is {said}, and a "
            "probability is between 0 and 1; use anchors with more rounds, or another wording of "
            "the goal."
        )
    return (
        f"the run isn't shown to lie between its anchors: ε in round {round} is {said} "
        f"[{_number(low)}, {_number(high)}], and its logit needs a value between 0 and 1; run "
        "all three on more examples (a larger --limit)."
    )


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
