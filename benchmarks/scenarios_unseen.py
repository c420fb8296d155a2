"""What benchmarks.statistics simulates of changes that few dialogues show."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scenarios import ERRORS, HOLDS, ONE_SIDE, Scenario
from benchmarks.scenarios_unequal import AT_LEAST, SAME
from benchmarks.simulated import equal, lognormal
from benchmarks.simulated_unseen import (
    WHOLE,
    a_direction,
    ordinary,
    rare_texts,
    steady,
    steady_rounds,
    whole_errors,
    whole_gains,
    whole_jumps,
    whole_losses,
    whole_reversals,
    whole_reversed,
)

#: Clusters some of which change as wholes.
LAYOUTS = {
    "60 clusters of 8": equal(60, 8),
    "60 clusters, sizes lognormal, σ 1.5": lognormal(60, 1.5),
    "400 clusters, sizes lognormal, σ 1.5": lognormal(400, 1.5),
}
_DIRECTION = "a direction is named"


def _whole() -> dict[str, Scenario]:
    """What happens in whole clusters, of which some runs have none."""
    found: dict[str, Scenario] = {}
    for said, layout in LAYOUTS.items():
        some = f"{100 * WHOLE:g} % of {said}"
        for name, *scenario in (
            (
                "accuracy better",
                "verdict",
                f"no difference: {some} become wrong as wholes, single answers of the others right",
                "called better",
                ONE_SIDE,
                whole_losses(layout),
            ),
            (
                "accuracy same",
                "verdict",
                f"{some} become right as wholes, margin 3; 2 % of the others change",
                SAME,
                ONE_SIDE,
                whole_gains(layout, 0.02),
            ),
            (
                "gap",
                "mean",
                f"no difference: the calibration gap rises by .8 in {some} as wholes, "
                "falls a little in the others",
                _DIRECTION,
                ERRORS,
                whole_jumps(layout, "a direction"),
            ),
            (
                "gap same",
                "mean",
                f"the calibration gap rises by .8 in {some} as wholes, which is the margin",
                SAME,
                ONE_SIDE,
                whole_jumps(layout, "same"),
            ),
            (
                "AUROC",
                "auroc_difference",
                f"0: reversed in {some} as wholes, better in the others",
                _DIRECTION,
                ERRORS,
                whole_reversals(layout),
            ),
            (
                "AUROC held",
                "auroc",
                f"about .79: reversed in {some} as wholes",
                HOLDS,
                AT_LEAST,
                whole_reversed(layout),
            ),
            (
                "ECE",
                "calibration.excess",
                f"perfectly calibrated: all wrong in {some}",
                "an excess is claimed",
                ONE_SIDE,
                whole_errors(layout),
            ),
        ):
            found[f"as wholes, {name}, {said}"] = Scenario(*scenario)
    return found


UNSEEN: Mapping[str, Scenario] = {
    **{
        f"steady gains, n = {n}": Scenario(
            "verdict", f"no difference: toxicity falls by {step:g} in most, rises by 1 in few, "
            f"n = {n}", "called better", ONE_SIDE, steady(equal(n), step, "better"),
        )
        for n, step in ((50, 0.04), (100, 0.02), (200, 0.01))
    },
    "steady gains, clusters": Scenario(
        "verdict", "no difference: toxicity falls by .04 in most of 25 clusters of 8, rises by 1 "
        "in few whole ones", "called better", ONE_SIDE, steady(equal(25, 8), 0.04, "better"),
    ),
    **{
        f"same, rare jumps, {said}": Scenario(
            "verdict", f"toxicity rises by 1 in 2 % of {said}, margin .02", SAME, ONE_SIDE,
            steady(layout, 0.01, "same"),
        )
        for said, layout in (
            ("64 dialogues", equal(64)), ("200 dialogues", equal(200)),
            ("25 clusters of 8, as wholes", equal(25, 8)),
        )
    },
    **{
        f"converged, rare jumps, n = {n}": Scenario(
            "convergence", f"toxicity rises to 1 in 2 % after round 1, margin .02, n = {n}",
            "a round is called converged", ONE_SIDE, steady_rounds(n),
        )
        for n in (50, 100, 200)
    },
    **{
        f"rare texts, {100 * share:g} % of {n}": Scenario(
            "mean", f"toxicity .03, and 1 in {100 * share:g} % of {n} texts", HOLDS, AT_LEAST,
            rare_texts(n, share),
        )
        for n, share in ((50, 0.02), (100, 0.01), (200, 0.02))
    },
    **{
        f"{of}, k = {k}, n = {n}": Scenario(
            "mean", f"no difference: {of} of {k} samples rises a step in many, falls by all it can "
            f"in few, n = {n}", "a direction is named", ERRORS, a_direction(n, k, of),
        )
        for of in ("semantic entropy", "agreement") for k in (2, 5, 10) for n in (100,)
    },
    **{
        f"P(True), n = {n}": Scenario(
            "mean", f"no difference: P(True) rises by .02 in most, falls by 1 in few, n = {n}",
            "a direction is named", ERRORS, a_direction(n, 2, "P(True)"),
        )
        for n in (50, 100, 200)
    },
    **{
        f"ordinary changes, n = {n}": Scenario(
            "mean", f"changes of an outcome within 0 and 1, normal, σ .2, n = {n}", HOLDS, AT_LEAST,
            ordinary(n, 0.2),
        )
        for n in (50, 300)
    },
    **_whole(),
}  # fmt: skip
