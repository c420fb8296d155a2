"""Calibration against plain re-implementations, exact expectations and planted truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import plain
from selfcorrect import records
from selfcorrect.measures.auroc import auroc, auroc_difference
from selfcorrect.measures.calibration import (
    calibration,
    ece,
    equal_mass,
)
from selfcorrect.measures.clusters import error_of_mean
from selfcorrect.measures.panel import panel

# tenths lie on the edges of bins
said = st.one_of(st.floats(0, 1), st.integers(0, 10).map(lambda i: i / 10))
answers = st.lists(st.tuples(said, st.booleans().map(float)), min_size=1, max_size=40)


@settings(deadline=None)
@given(answers)
def test_ece_and_its_debiased_square(rows: list[tuple[float, float]]) -> None:
    c, y = [r[0] for r in rows], [r[1] for r in rows]
    got = calibration(c, y, np.arange(len(c)))
    assert ece(c, y) == pytest.approx(plain.ece(c, y))
    assert got.ece.value == pytest.approx(plain.ece(c, y))
    assert got.ece.low is None  # no resampling gives a valid one
    square = plain.debiased_l2(c, y, 10)
    if square is None:
        assert got.debiased.value is None
    else:
        assert got.debiased.value == pytest.approx(math.sqrt(max(0.0, square)), abs=1e-6)
    assert sum(bin["n"] for bin in got.reliability) == len(c)


def test_the_null_of_ece_is_what_a_calibrated_model_has() -> None:
    rng = np.random.default_rng(1)
    c = rng.beta(3, 1.5, 60)
    got = calibration(c, rng.random(60) < c, np.arange(60))
    assert got.expected.value == pytest.approx(plain.ece_expected_exact(list(c)), rel=0.04)
    drawn = [plain.ece(list(c), list((rng.random(60) < c).astype(float))) for _ in range(800)]
    assert (got.expected.low, got.expected.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.015
    )
    assert got.excess.value == pytest.approx(got.ece.value - got.expected.value)
    assert got.excess.high == pytest.approx(got.ece.value - got.expected.low)


def test_a_model_that_grows_sharp_has_a_falling_ece_and_no_excess() -> None:
    # what statistics.md warns of: calibrated both times, ECE falls nevertheless
    rng = np.random.default_rng(2)
    found = []
    for sharp in (3.0, 0.03):
        c = np.clip(rng.beta(0.6 * sharp, 0.4 * sharp, 200), 0, 1)
        found.append(calibration(c, rng.random(200) < c, np.arange(200)))
    blunt, sharp = found
    assert blunt.expected.value > 3 * sharp.expected.value
    for each in found:
        assert each.excess.low < 0 < each.excess.high


def test_the_null_band_of_a_bin_is_a_binomial() -> None:
    c = np.full(50, 0.7)
    (bin,) = calibration(c, np.ones(50), np.arange(50)).reliability
    wanted = stats.binom(50, 0.7).ppf([0.025, 0.975]) / 50
    assert (bin["null_low"], bin["null_high"]) == pytest.approx(tuple(wanted), abs=0.021)
    assert (bin["low"], bin["high"], bin["accuracy"]) == (0.7, 0.8, 1.0)
    assert (bin["accuracy_low"], bin["accuracy_high"]) == plain_approx(
        plain.wilson(50, 50, plain.Z)
    )


def plain_approx(ends: tuple[float, float]) -> Any:
    return pytest.approx(ends, abs=1e-9)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 20))
def test_bins_of_equal_mass(values: list[int], bins: int) -> None:
    got = equal_mass(values, bins)
    wanted = plain.equal_mass(values, bins)
    assert [sorted(np.flatnonzero(got == b)) for b in range(max(got) + 1)] == [
        sorted(bin) for bin in wanted
    ]


# --- AUROC ---------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans().map(float)), max_size=60))
def test_auroc_counts_pairs(rows: list[tuple[int, float]]) -> None:
    c, y = [r[0] / 6 for r in rows], [r[1] for r in rows]
    got = auroc(c, y, np.arange(len(rows)))
    if min(sum(y), len(y) - sum(y)) < 5 or len(set(c)) == 1:
        assert got.value is None
        assert got.why
        return
    assert got.value == pytest.approx(plain.auroc(c, y))
    assert 0 <= got.low <= got.value <= got.high <= 1


def test_aurocs_error_is_that_of_resampled_clusters() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(40), 5)
    level = rng.normal(size=40)[clusters]
    y = (rng.random(200) < 0.6).astype(float)
    c = stats.norm.cdf(y + level + rng.normal(size=200))
    got = auroc(c, y, clusters)
    draws = []
    for _ in range(400):
        rows = np.concatenate([np.arange(5 * k, 5 * k + 5) for k in rng.integers(0, 40, 40)])
        right, wrong = c[rows][y[rows] == 1], c[rows][y[rows] == 0]
        u = stats.mannwhitneyu(right, wrong).statistic  # of pairs, those that it tells apart
        draws.append(u / (len(right) * len(wrong)))
    a = got.value
    half = stats.t.ppf(0.975, 39) * np.std(draws) / (a * (1 - a))
    ends = [1 / (1 + math.exp(-(math.log(a / (1 - a)) + s * half))) for s in (-1, 1)]
    assert (got.low, got.high) == pytest.approx(tuple(ends), abs=0.02)


def test_aurocs_of_rounds_are_compared_on_the_same_dialogues() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(300) < 0.6).astype(float)
    c = stats.norm.cdf(y + rng.normal(size=300))
    same = auroc_difference((c, y), (c, y), np.arange(300))
    assert (same.value, same.low) == (0, None)
    assert "every cluster has the same" in (same.why or "")
    better = stats.norm.cdf(2 * y + rng.normal(size=300))
    got = auroc_difference((better, y), (c, y), np.arange(300))

    def one(scores: Any, right: Any) -> float:
        u = stats.mannwhitneyu(scores[right], scores[~right]).statistic
        return float(u) / (right.sum() * (~right).sum())

    def plainly(rows: Any) -> float:
        return one(better[rows], y[rows] == 1) - one(c[rows], y[rows] == 1)

    assert got.value == pytest.approx(plainly(np.arange(300)))
    draws = [plainly(rng.integers(0, 300, 300)) for _ in range(300)]
    assert got.high - got.value == pytest.approx(
        stats.t.ppf(0.975, 299) * np.std(draws, ddof=1), rel=0.15
    )
    assert got.low > 0


def test_only_answers_of_one_part_are_compared() -> None:
    """Levels of their own, the lower the more right answers a part holds, change nothing."""
    rng = np.random.default_rng(12)
    parts, clusters = np.repeat(np.arange(5), 40), np.arange(200)
    y = (rng.random(200) < np.linspace(0.2, 0.8, 5)[parts]).astype(float)
    c = rng.normal(size=200) + 0.7 * y
    level = -9.0 * parts
    plain, got = (auroc(x, y, clusters, parts=parts) for x in (c, c + level))
    assert got == plain
    assert auroc(c + level, y, clusters).value < 0.4
    wins = pairs = 0.0
    for part in range(5):
        right, wrong = (c[(parts == part) & (y == side)] for side in (1, 0))
        wins += stats.mannwhitneyu(right, wrong).statistic
        pairs += len(right) * len(wrong)
    assert got.value == pytest.approx(wins / pairs)
    assert auroc(c, y, clusters, parts=0 * parts) == auroc(c, y, clusters)
    other = c + rng.normal(size=200)
    change = auroc_difference((c + level, y), (other, y), clusters, parts=parts)
    assert change.value == pytest.approx(got.value - auroc(other, y, clusters, parts=parts).value)
    # an answer with nothing beside it is of no use
    alone = auroc([*c, 9, 9], [*y, 1, 1], [*clusters, 998, 999], parts=[*parts, 7, 8])
    assert (alone.value, alone.n) == (got.value, 200)
    apart = auroc(c, parts > 2, clusters, parts=parts)
    assert (apart.value, apart.n) == (None, 0)


def test_the_interval_over_parts_holds() -> None:
    rng, held = np.random.default_rng(2), 0
    parts = np.repeat(np.arange(5), 16)
    for _ in range(300):
        y = rng.permutation(np.arange(80) % 2).astype(float)
        e = auroc(rng.normal(size=80) + 0.8 * y - parts, y, np.arange(80), parts=parts)
        held += e.low <= stats.norm.cdf(0.8 / 2**0.5) <= e.high
    assert held / 300 >= 0.92


def test_an_auroc_that_few_large_clusters_turned_round_may_be_lower_yet() -> None:
    """Its change reaches further to the side on which few clusters lie far out."""
    rng, clusters = np.random.default_rng(8), np.repeat(np.arange(60), 8)
    y = (rng.random(480) < 0.6).astype(float)
    c, turned = y + rng.normal(size=480), clusters < 3
    after = np.where(turned, -3, 1) * y + rng.normal(size=480)
    got = auroc_difference((after, y), (c, y), clusters)
    assert got.value - got.low > 1.1 * (got.high - got.value)
    even = auroc_difference((y + rng.normal(size=480), y), (c, y), clusters)
    assert even.value - even.low == pytest.approx(even.high - even.value, rel=0.05)


def test_rounds_both_told_apart_perfectly_have_no_interval() -> None:
    y = np.repeat([0.0, 1.0], 20)
    got = auroc_difference((y, y), (y / 2, y), np.arange(40))
    assert (got.value, got.low) == (0, None)
    assert "every cluster has the same" in (got.why or "")


def test_told_apart_perfectly_is_not_certain() -> None:
    got = auroc(np.linspace(0, 1, 60), np.arange(60) >= 30, np.arange(60))
    assert got.value == 1
    assert (got.low, got.high) == plain_approx(plain.wilson(30, 30, plain.Z))


@pytest.mark.parametrize("confidence", [np.full(40, 0.8), np.full(40, np.nan), np.ones(40)])
def test_constant_or_missing_confidence(confidence: Any) -> None:
    y = np.arange(40) % 2.0
    got = calibration(confidence, y, np.arange(40))
    rank = auroc(confidence, y, np.arange(40))
    if math.isnan(confidence[0]):
        assert got.ece.why == "no record has it"
        assert rank.value is None
        assert got.reliability == []
    else:
        assert got.ece.value == pytest.approx(confidence[0] - 0.5)
        assert (rank.value, rank.why) == (None, "all confidences are equal")


# --- from records --------------------------------------------------------------------------------


def test_brier_and_what_unread_answers_do_to_it() -> None:
    rows = []
    rng = np.random.default_rng(5)
    for i in range(30):
        read, p = bool(rng.random() < 0.7), rng.dirichlet([1, 1, 1])
        blank: dict[str, Any] = dict.fromkeys(records.SCHEMA)
        rows.append(
            blank
            | {
                "example": str(i),
                "cluster": str(i),
                "round": 1,
                "choices": ["x", "y", "z"],
                "choice": int(p.argmax()) if read else None,
                "problem": None if read else "empty",
                "target": i % 3,
                "outcome": float(read and int(p.argmax()) == i % 3),
                "option_p": list(p),
                "confidence": float(p.max()) if read else None,
                "values": [],
            }
        )
    got = panel(records.frame(rows))
    by_id = {row["example"]: row for row in rows}
    # panels are in an order of their own
    frame = pl.DataFrame({"brier": np.sort(got.columns["brier"][:, 0])})
    wanted = sorted(plain.brier(r["option_p"], r["target"]) for r in rows if r["problem"] is None)
    assert frame["brier"].drop_nans().to_list() == pytest.approx(wanted)
    everything = [
        plain.brier(r["option_p"], r["target"]) if r["problem"] is None else 1 - 1 / 3
        for r in by_id.values()
    ]
    assert np.sort(got.columns["brier_all"][:, 0]) == pytest.approx(sorted(everything))
    gaps = [
        (r["confidence"] if r["problem"] is None else 1 / 3) - r["outcome"] for r in by_id.values()
    ]
    assert np.sort(got.columns["calibration_gap_all"][:, 0]) == pytest.approx(sorted(gaps))


def test_the_band_of_one_bin_is_that_of_the_mean_residual() -> None:
    """All confidences alike: ECE is |accuracy − confidence|, and varies as the clusters say."""
    rng = np.random.default_rng(8)
    sizes = np.array([24, *[8] * 22])
    members = np.repeat(np.arange(23), sizes)
    y = (rng.random(200) < rng.beta(3, 1, 23)[members]).astype(float)
    c = np.full(200, 0.75)
    found = calibration(c, y, members)
    centred = y - y.mean()
    error = error_of_mean(
        np.bincount(members, centred), sizes.astype(float), float((centred**2).sum())
    )
    widest = stats.t.ppf(0.9875, error.df) * error.error
    assert found.expected.high == pytest.approx(widest, rel=0.15)
