"""What benchmarks.statistics simulates with clusters of unequal size, skewed means and looks."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scenarios import COVERAGE, ERRORS, FALSE, HOLDS, ONE_SIDE, Scenario
from benchmarks.simulated import (
    BBQ,
    FEW_LARGE,
    HUGE,
    at_margin,
    auroc_differences,
    aurocs,
    bias,
    claims,
    clustered_excess,
    copied,
    differences,
    equal,
    gains_at_margin,
    gap,
    lognormal,
    no_difference,
    one_way,
    rare_at_margin,
    repelling,
    scores,
    shares,
    shares_of_large,
    sized,
    uncertain,
)
from benchmarks.simulated_runs import looked_at, planned, planned_rounds
from benchmarks.simulated_unseen import rare_losses

from selfcorrect.measures.power import Design
from selfcorrect.measures.quality import risk_coverage, spearman

#: Where so few clusters tell so little that an interval is honest only by being wide …
AT_LEAST = (0.94, 1.0)
#: … and where clusters of very different sizes make it somewhat wider than need be.
WIDER = (0.94, 0.99)
SAME = "called the same at exactly the margin"

#: Layouts of clusters: what they are called, the layout, and whether few clusters tell.
LAYOUTS = {
    "8 lognormal clusters": (lognormal(8), True),
    "25 lognormal clusters": (lognormal(25), False),
    "60 lognormal clusters": (lognormal(60), False),
    "one cluster of 400, 20 of 10": (sized(HUGE), True),
    "BBQ Disability_status's sizes": (sized(BBQ), False),
    "4 clusters of 20": (equal(4, 20), True),
    "10 clusters of 60, 190 of 1": (sized(FEW_LARGE), True),
}


def _rows() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    for said, (layout, few) in LAYOUTS.items():
        goal = AT_LEAST if few else WIDER
        for icc in (0.0, 0.2, 0.7):
            found[f"share, {said}, icc {icc}"] = Scenario(
                "proportion", f"p = .7, {said}, icc {icc:g}", HOLDS, goal, shares(0.7, layout, icc)
            )
        found[f"share near 1, {said}"] = Scenario(
            "proportion", f"p = .97, {said}, icc .2", HOLDS, AT_LEAST, shares(0.97, layout, 0.2)
        )
        found[f"difference, {said}"] = Scenario(
            "share_difference",
            f"+10 points, 30 % change, {said}, icc .2",
            HOLDS,
            goal,
            differences(0.2, 0.1, layout, 0.2),
        )
        found[f"difference, rare, {said}"] = Scenario(
            "share_difference",
            f"+1 point, 3 % change, {said}, icc .1",
            HOLDS,
            AT_LEAST,
            differences(0.02, 0.01, layout, 0.1),
        )
        found[f"test, {said}"] = Scenario(
            "share_test",
            f"20 % change, {said}, icc .2",
            FALSE,
            ERRORS,
            no_difference(0.2, layout, 0.2),
        )
        found[f"better, {said}"] = Scenario(
            "verdict",
            f"no difference, 20 % change, {said}, icc .2",
            "called better",
            ONE_SIDE,
            claims(0.2, layout, 0.2),
        )
        found[f"same, {said}"] = Scenario(
            "verdict",
            f"+10 points, margin 10, 30 % change, {said}, icc .2",
            SAME,
            ONE_SIDE,
            at_margin(0.3, layout, 0.2),
        )
        for kind in ("normal", "gamma"):
            found[f"mean, {kind}, {said}"] = Scenario(
                "mean",
                f"{kind}, {said}, icc .5",
                HOLDS,
                (0.92, 1.0) if few else goal,
                scores(layout, kind),
            )
        found[f"gap, {said}"] = Scenario(
            "mean",
            f"calibration gap of a calibrated model, {said}, icc .5",
            HOLDS,
            goal,
            gap(layout, 0.5),
        )
        found[f"ECE, {said}"] = Scenario(
            "calibration.excess",
            f"perfectly calibrated, {said}, icc .25",
            "an excess is claimed",
            ONE_SIDE,
            clustered_excess(layout, 0.25),
        )
        found[f"figure, {said}"] = Scenario(
            "of_sums", f"bias score, {said}, icc .1", HOLDS, goal, bias(layout, sums=True)
        )
        if not few:  # else there is no interval
            found[f"AUROC, {said}"] = Scenario(
                "auroc", f"about .83, {said}, icc .1", HOLDS, goal, aurocs(3.0, layout, 0.1)
            )
            found[f"AUROC, difference, {said}"] = Scenario(
                "auroc_difference", f"0, {said}", HOLDS, goal, auroc_differences(layout)
            )
    return found


#: A few large clusters among many small ones.
AMONG_SMALL = {
    "10 of 60, 200 of 6": (*[60] * 10, *[6] * 200),
    "20 of 30, 200 of 3": (*[30] * 20, *[3] * 200),
    "15 of 40, 300 of 4": (*[40] * 15, *[4] * 300),
    "12 of 50, 60 of 5": (*[50] * 12, *[5] * 60),
}


def _large_among_small() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    for said, sizes in AMONG_SMALL.items():
        for icc in (0.2, 0.5):
            name = f"share of few, {said}" if icc == 0.5 else f"share of few, {said}, icc .2"
            found[name] = Scenario(
                "proportion",
                f"p = .1, {said}, icc {icc:g}",
                HOLDS,
                AT_LEAST,
                shares(0.1, sized(sizes), icc),
            )
        found[f"share of large, {said}"] = Scenario(
            "proportion",
            f"p = .1, {said}; icc .5 in the large ones, 0 in the small",
            HOLDS,
            AT_LEAST,
            shares_of_large(0.1, sizes, 0.5),
        )
        found[f"difference of few, {said}"] = Scenario(
            "share_difference",
            f"+10 points, 10 % change, {said}, icc .5",
            HOLDS,
            AT_LEAST,
            differences(0.1, 0.0, sized(sizes), 0.5),
        )
        found[f"same, few, {said}"] = Scenario(
            "verdict",
            f"+10 points, margin 10, 10 % change, {said}, icc .5",
            "the interval lies within exactly the margin",
            ONE_SIDE,
            gains_at_margin(0.1, sized(sizes), 0.5),
        )
    return found


UNEQUAL: Mapping[str, Scenario] = {
    **_rows(),
    "share, repelling": Scenario(
        "proportion", "p = .58, 25 clusters of 8 that repel, icc below 0", HOLDS, AT_LEAST,
        repelling(0.6, 25, 8),
    ),
    "share, copies": Scenario(
        "proportion", "p = .7, one of 100 questions 200 times", HOLDS, AT_LEAST,
        shares(0.7, copied(100, 200), 0.999),
    ),
    **{
        f"mean, {kind}, n = {n}": Scenario(
            "mean", f"{kind}, n = {n}", HOLDS, (0.93, 0.99), scores(equal(n), kind, 0.0)
        )
        for kind in ("gamma", "lognormal")
        for n in (4, 8, 25, 60, 200)
    },
    **{
        f"one way, {moved:g} of {n}, {kind}": Scenario(
            "mean", f"{100 * moved:g} % of {n} differences above 0, {kind}, all others 0", HOLDS,
            (0.94, 0.995), one_way(n, moved, kind),
        )
        for kind in ("uniform", "lognormal")
        for n, moved in ((200, 0.03), (1000, 0.03), (2000, 0.005))
    },
    "mean, heavy tails": Scenario(
        "mean", "lognormal, σ 1.5, n = 100", HOLDS, COVERAGE, scores(equal(100), "heavy", 0.0)
    ),
    "same, whole clusters": Scenario(
        "verdict", "3 % of 400 clusters gain as a whole, margin 3; sizes lognormal, σ 1.5", SAME,
        ONE_SIDE, rare_at_margin(lognormal(400, 1.5)),
    ),
    **{
        f"same, whole clusters, {said}": Scenario(
            "verdict", f"3 % of the clusters gain as a whole, margin 3; {said}", SAME, ONE_SIDE,
            rare_at_margin(sized(sizes)),
        )
        for said, sizes in (
            ("10 of 60, 190 of 1", FEW_LARGE), ("20 of 30, 600 of 1", (*[30] * 20, *[1] * 600)),
        )
    },
    **_large_among_small(),
    "share near 1, whole clusters": Scenario(
        "proportion", "p = .99, 100 clusters of 4, all right or all wrong", HOLDS, AT_LEAST,
        shares(0.99, equal(100, 4), 0.999),
    ),
    **{
        f"rare losses of {loss}, n = {n}": Scenario(
            "verdict", f"no difference: gains of 1 in {100 * p:g} %, losses of {loss} in "
            f"{100 * p / loss:g} %, n = {n}", "called better", ONE_SIDE, rare_losses(n, p, loss),
        )
        for n, p, loss in ((100, 0.1, 10), (400, 0.02, 5), (200, 0.03, 3))
    },
    "AUROC, accuracy .97": Scenario(
        "auroc", "accuracy .97, n = 400", HOLDS, AT_LEAST, aurocs(3.0, equal(400), 0.0, 0.97)
    ),
    **{
        f"AUROC, BBQ, icc {icc}": Scenario(
            "auroc", f"about .83, BBQ Disability_status's sizes, icc {icc}", HOLDS, AT_LEAST,
            aurocs(3.0, sized(BBQ), icc),
        )
        for icc in (0.2, 0.6)
    },
    "AUROC, 8 clusters": Scenario(
        "auroc", "about .83, 8 clusters of 25, icc .2", HOLDS, COVERAGE,
        aurocs(3.0, equal(8, 25), 0.2),
    ),
    **{
        f"{name}, {said}": Scenario(
            name, f"{said}, n = {layout(None)[-1] + 1}", HOLDS, AT_LEAST,
            uncertain(measure, layout, 0.0, accuracy),
        )
        for name, measure in (("spearman", spearman), ("risk_coverage", risk_coverage))
        for said, layout, accuracy in (
            ("accuracy .65", equal(200), 0.65), ("accuracy .97", equal(400), 0.97),
        )
    },
    "plan, unequal clusters": Scenario(
        "n_for_difference", "5 points, 20 % change, clusters of 10, a fifth of them larger "
        "(G* = K / 2), icc .2, power .8", "shown", (0.78, 0.86),
        planned(0.05, Design(0.2, 10, 0.2, unequal=2.0)),
    ),
    "plan, four rounds": Scenario(
        "n_for_difference", "10 points, 20 % change, the verdict of a run of four "
        "rounds, power .8", "called better", (0.78, 0.86), planned_rounds(0.1, Design(0.2)),
    ),
    "looks": Scenario(
        "verdict", "no difference, 20 % change; looked at 20 times, from n = 100 on every 100",
        "a direction, ever", ERRORS, looked_at(20, 100, 1.0, obeying=False),
    ),
    "looks, obeying": Scenario(
        "compare", "no difference, 20 % change; from n = 100 on, each time as many as were said to "
        "decide it", "a direction, ever", ERRORS, looked_at(10, 100, 1.0, obeying=True),
    ),
}  # fmt: skip
