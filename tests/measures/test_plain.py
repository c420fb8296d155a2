"""The oracle itself, against published figures, other libraries, and brute force."""

from __future__ import annotations

import random
from itertools import pairwise, permutations, product
from math import comb, sqrt

import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

import plain


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (1, 1), (3, 10), (98, 100), (2.5, 8.25)])
def test_wilson(successes: float, n: float) -> None:
    expected = proportion_confint(successes, n, method="wilson")
    assert plain.wilson(successes, n, plain.Z) == pytest.approx(expected, abs=1e-12)


def closed_tango(b: int, c: int, n: int, d: float) -> float:
    """The score with p01 from the quadratic equation that Tango solves."""
    linear = -b - c + (2 * n - b + c) * d
    p01 = (sqrt(linear**2 + 8 * n * c * d * (1 - d)) - linear) / (4 * n)
    return (b - c - n * d) / sqrt(n * (2 * p01 + d * (1 - d)))


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (0, 1, 44), (12, 0, 30), (40, 35, 900)])
def test_the_score_at_tangos_limits(b: int, c: int, n: int) -> None:
    low, high = plain.tango(b, c, n)
    assert closed_tango(b, c, n, low) == pytest.approx(plain.Z, abs=1e-5)
    assert closed_tango(b, c, n, high) == pytest.approx(-plain.Z, abs=1e-5)


def test_tango_as_published() -> None:
    # Fagerland, Lydersen & Laake (2014), airway hyper-responsiveness.
    assert plain.tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("n", [1, 10, 500])
def test_tango_at_the_edges(n: int) -> None:
    width = plain.Z**2 / (n + plain.Z**2)
    assert plain.tango(0, 0, n) == pytest.approx((-width, width), abs=1e-9)
    assert plain.tango(n, 0, n)[1] == 1
    assert plain.tango(0, n, n)[0] == -1


def test_mcnemar() -> None:
    # The published mid-p of the same data; otherwise the exact p less the observed table's.
    assert plain.mcnemar_midp(1, 7) == pytest.approx(0.0390625)
    assert plain.mcnemar_midp(0, 0) == plain.mcnemar_midp(4, 4) == 1
    exact = mcnemar([[0, 11], [4, 0]], exact=True).pvalue
    assert plain.mcnemar_midp(11, 4) == pytest.approx(exact - comb(15, 4) / 2**15)


def test_a_mean_over_clusters() -> None:
    values = [1.0, 0.0, None, 1.0, 1.0, 0.0, 0.5]
    clusters = ["a", "a", "a", "b", "c", "c", "c"]
    kept = [v for v in values if v is not None]
    fit = OLS(kept, [1.0] * len(kept)).fit(
        cov_type="cluster",
        cov_kwds={"groups": [0, 0, 1, 2, 2, 2], "df_correction": True},
        use_t=True,
    )
    # Its further factor, (n - 1) / (n - parameters), is 1 for a mean.
    low, high = fit.conf_int()[0]
    expected = (fit.params[0], fit.bse[0], low, high)
    assert plain.cluster_mean(values, clusters) == pytest.approx(expected)
    assert plain.cluster_mean([1.0, 0.0], ["a", "a"]) == (0.5, None, None, None)


def test_flipping_signs() -> None:
    sums = [1.0, 2.5, -0.5, 3.0, 1.5, 0.25]
    expected = stats.permutation_test(
        (sums,), lambda x: abs(sum(x)), permutation_type="samples", alternative="greater"
    ).pvalue
    assert plain.sign_flip(sums) == pytest.approx(expected)
    assert plain.sign_flip([0.1, 0.2, 0.3]) == 2 / 8
    assert plain.sign_flip([0.0, 0.0]) == 1


def test_holm() -> None:
    ps = [0.04, 0.001, 0.03, 0.03, 0.9]
    assert plain.holm(ps) == pytest.approx(multipletests(ps, method="holm")[1])
    assert plain.holm([0.02, None, 0.5]) == [0.04, None, 0.5]


def test_the_n_for_a_difference_gives_the_power() -> None:
    n = plain.n_for_difference(0.20, 0.10, power=0.8, alpha=0.05)
    assert n == pytest.approx(234, abs=1)
    power = 0.0
    for b, c in product(range(90), range(60)):
        if b + c and (b - c) ** 2 / (b + c) >= plain.Z**2:
            power += stats.multinomial.pmf([b, c, 234 - b - c], 234, [0.2, 0.1, 0.7])
    assert power == pytest.approx(0.8, abs=0.01)


def test_calibration_by_hand() -> None:
    assert plain.brier([0.2, 0.5, 0.3], 1) == pytest.approx(0.04 + 0.25 + 0.09)
    confidences, corrects = [0.1, 0.3, 0.35, 1.0, None], [False, True, False, True, True]
    assert plain.ece(confidences, corrects) == pytest.approx((0.1 + abs(0.65 - 1) + 0) / 4)
    assert plain.gap(confidences, corrects) == pytest.approx(1.75 / 4 - 0.5)
    assert plain.ece([], []) is None


def test_the_expected_ece_is_a_sum_over_all_outcomes() -> None:
    confidences = [0.05, 0.31, 0.33, 0.38, 0.72, 0.75, 0.99, 1.0]
    expected = 0.0
    for corrects in product((False, True), repeat=len(confidences)):
        chance = 1.0
        for c, correct in zip(confidences, corrects, strict=True):
            chance *= c if correct else 1 - c
        expected += chance * plain.ece(confidences, corrects)
    assert plain.ece_expected_exact(confidences) == pytest.approx(expected)
    assert plain.ece_expected_exact([0.0, 1.0, 1.0]) == 0


def test_the_debiased_error_has_no_bias() -> None:
    # Each bin's members share their chance, so that the error within bins is all there is.
    confidences, truth = [0.6, 0.6, 0.6, 0.8, 0.8], [0.7, 0.7, 0.7, 0.5, 0.5]
    expected = 0.0
    for corrects in product((False, True), repeat=5):
        chance = 1.0
        for p, correct in zip(truth, corrects, strict=True):
            chance *= p if correct else 1 - p
        expected += chance * plain.debiased_l2(confidences, corrects, 2)
    assert expected == pytest.approx((3 * 0.1**2 + 2 * 0.3**2) / 5)


def test_bins_of_equal_mass() -> None:
    assert plain.equal_mass([4, 3, 2, 1], 2) == [[3, 2], [1, 0]]
    assert plain.equal_mass([1, 2, 2, 2, 3], 5) == [[0], [1, 2, 3], [4]]
    assert plain.equal_mass([7, 7, 7], 20) == [[0, 1, 2]]
    # [1], [2, 2, 2], [3] become one: the first joins the right, the last the left.
    one = plain.debiased_l2([0.1, 0.2, 0.2, 0.2, 0.3], [1, 0, 0, 0, 1], 5)
    assert one == pytest.approx((0.4 - 0.2) ** 2 - 0.4 * 0.6 / 4)


def test_ranks_against_scipy() -> None:
    draw = random.Random(1)
    u = [draw.randrange(8) / 8 for _ in range(60)]
    a = [draw.random() < x for x in u]
    right = [x for x, y in zip(u, a, strict=True) if y]
    wrong = [x for x, y in zip(u, a, strict=True) if not y]
    wins = stats.mannwhitneyu(right, wrong).statistic
    assert plain.auroc(u, a) == pytest.approx(wins / len(right) / len(wrong))
    assert plain.spearman(u, a) == pytest.approx(stats.spearmanr(u, a).statistic)
    assert plain.auroc([0.5, 0.6], [True, True]) is plain.spearman([1, 2], [3, 3]) is None


def test_rank_calibration() -> None:
    u = [x / 100 for x in range(100)]
    assert plain.rce(u, [-x for x in u]) == 0
    # Reversed, bin b has b - 1 others above it in a where it should have B - b: |2b - B - 1|.
    assert plain.rce(u, u) == pytest.approx(sum(abs(2 * b - 21) for b in range(1, 21)) / 19 / 20)
    # Bins (0, 0), (1), (2): a is 1/2, 1/2, 0 and ties count 1/2.
    assert plain.rce([0, 0, 1, 2], [1, 0, 0.5, 0], 4) == pytest.approx((0.25 + 0.25 + 0) / 3)
    assert plain.rce(u, [1.0] * 100) is plain.rce([1.0] * 9, list(range(9))) is None


def test_the_area_is_the_mean_over_orders_of_ties() -> None:
    u, loss = [0.1, 0.3, 0.3, 0.3, 0.9], [0.0, 1.0, 0.0, 0.0, 1.0]
    areas = []
    for order in permutations(range(5)):
        if all(u[i] <= u[j] for i, j in pairwise(order)):
            areas.append(sum(sum(loss[i] for i in order[:k]) / k for k in range(1, 6)) / 5)
    assert len(areas) == 6
    assert plain.risk_coverage_area(u, loss) == pytest.approx(sum(areas) / 6)


def test_movements() -> None:
    answers = [["A", "B", "A", "B"], ["A", "A", "A", "A"], ["C", None, None, "A"], list("CCBB")]
    corrects = [[x == "A" for x in dialogue] for dialogue in answers]
    assert plain.flips(answers) == [0.5, 0.5, 0.5]
    assert plain.settled(answers) == [0.25, 0.25, 0.5, 1]
    assert plain.alternating(answers) == 0.25
    assert plain.alternating([["A", "B"]]) is None
    names = ("kept_right", "kept_wrong", "right_to_wrong", "wrong_to_right", "wrong_to_wrong")
    rows = [[row[name] for name in names] for row in plain.flow(answers, corrects)]
    assert rows == [[1, 1, 1, 0, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 0]]


def test_convergence() -> None:
    def within(levels: list[float], margin: float = 0.1) -> int | None:
        def interval(s: int, t: int) -> tuple[float, float]:
            d = levels[s - 1] - levels[t - 1]
            return d - 0.01, d + 0.01

        return plain.converged_at(interval, len(levels), margin)

    assert within([0, 0.5, 0.5, 0.5, 0.5, 0.5]) == 2
    assert within([0.5, 0, 0.5, 0.5, 0.5, 0.5]) == 3  # round 1 alone would pass but for round 2
    assert within([0, 1, 2, 3, 4, 5]) is within([1, 1, 1]) is None
    assert within([1, 1, 1, 1]) == 1
    assert plain.converged_at(lambda s, t: None, 9, 0.1) is None  # noqa: ARG005
