"""The study of latent concepts: each law against brute force and planted cases; its page."""

from __future__ import annotations

import itertools
import json
import math
from copy import deepcopy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from plain_concepts import plain_posterior
from selfcorrect.errors import UserError
from selfcorrect.report.sheet import Chart, page
from selfcorrect.studies.concepts import analysis, answers, calibration, laws, noise
from selfcorrect.studies.concepts.analysis import DISTRIBUTIONS, concepts
from selfcorrect.studies.concepts.sheet import sheet
from selfcorrect.theory import confidence
from selfcorrect.theory.posteriors import (
    stated,
)
from studied import studied

GOOD = [[0.5, 0.5], [0.4, 0.6]]


def test_calibration_against_all_sequences() -> None:
    # in fractions, for some of these confidences stand on an edge of a bin
    rows = [[Fraction(str(x)) for x in row] for row in DISTRIBUTIONS]
    known = stated(DISTRIBUTIONS, tokens=2)
    found = calibration.calibration(known, 3, 500, np.random.default_rng(0))
    for t in (1, 2, 3):
        bins = [Fraction(0)] * confidence.BINS
        distance = Fraction(0)
        for tokens in itertools.product(range(3), repeat=2 * t):
            joint = [math.prod(row[token] for token in tokens) for row in rows]
            said, y = max(
                (sum(b * row[y] for b, row in zip(joint, rows, strict=True)) / sum(joint), -y)
                for y in range(3)
            )
            gap = said - rows[0][-y]
            distance += joint[0] * abs(gap)
            bins[min(int(said * 10), 9)] += joint[0] * gap
        row = found.curves["calibration"]["fixed"][t]
        assert row["distance"] == pytest.approx(float(distance))
        assert row["ece"] == pytest.approx(float(sum(map(abs, bins))))
        assert found.curves["calibration"]["drawn"][t]["ece"] == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("shape", ["a", "i", "ia", "aai"])
def test_followed_against_all_sequences(shape: str) -> None:
    known = stated(DISTRIBUTIONS[:2], [0.3, 0.7], tokens=1)
    found = laws.Results()
    curve = answers.followed(known, shape, 2, 200, np.random.default_rng(0), found)
    mean = 0.0
    for tokens in itertools.product(range(3), repeat=2 * len(shape)):
        p = 1.0
        for k, token in enumerate(tokens):
            belief = plain_posterior(known.p, known.prior, tokens[:k])
            own = sum(b * row[token] for b, row in zip(belief, known.p, strict=True))
            p *= own if shape[k % len(shape)] == "a" else known.p[0][token]
        mean += p * plain_posterior(known.p, known.prior, tokens)[0]
    assert curve["exact"][1] == pytest.approx(mean)


def test_noise_finds_the_threshold_and_its_sides() -> None:
    known = stated(DISTRIBUTIONS[:2])
    rng = np.random.default_rng(5)
    found = noise.noise(known, [0, 0.5, 1], 5, 200, 4000, rng)
    named = {law["name"]: law for law in found.laws}
    star = named["noise_threshold"]
    assert star["low"] < star["predicted"] < star["high"]
    limits = [named[f"noise_{side}"]["predicted"] for side in ("below", "at", "above")]
    assert limits == [1, 0.5, 0]
    assert named["noise_below"]["measured"] > 0.98
    assert named["noise_above"]["measured"] < 0.02
    assert abs(named["noise_at"]["measured"] - 0.5) < 0.05
    # a round is wrong as a whole: brute force over one round
    side = found.curves["sides"]["at"]
    wanted = 0.0
    for tokens in itertools.product(range(3), repeat=3):
        p, q = (math.prod(float(row[t]) for t in tokens) for row in known.p)
        w = (1 - side["wrong"]) * p + side["wrong"] * q
        wanted += w * plain_posterior(known.p, known.prior, tokens)[0]
    assert side["exact"][0] == pytest.approx(wanted)


def test_comparisons_are_normal_and_skip_what_is_not() -> None:
    exact = laws.moments(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    assert exact == pytest.approx((0.5, 0.25, 1))
    (one,) = laws.compare("", 1, exact, [1.0] * 60 + [0.0] * 40)
    assert one["z"] == pytest.approx(2)
    rare = laws.moments(np.array([0.0, 1.0]), np.array([1 - 1e-6, 1e-6]))
    assert laws.compare("", 1, rare, np.zeros(10_000)) == []
    same = laws.moments(np.array([0.3, 0.3]), np.array([0.5, 0.5]))
    assert laws.compare("", 1, same, [0.3] * 1000) == []


def test_agreement_says_how_large_z_usually_gets() -> None:
    rng = np.random.default_rng(0)
    largest = np.abs(rng.standard_normal((4000, 300))).max(axis=1)
    found = laws.agreement([{"z": z} for z in rng.standard_normal(300)])
    assert found["usual_largest"] == pytest.approx(np.median(largest), abs=0.03)
    assert found["chance"] == pytest.approx((largest >= found["largest_z"]).mean(), abs=0.04)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "QUICK_PATHS", 4_000)
        return studied(tmp_path_factory.mktemp("theory"), "concepts", "--quick")


def test_every_rate_and_every_mean(quick: dict[str, Any]) -> None:
    agreement = quick["agreement"]
    assert agreement["within_3"] == agreement["compared"] > 300
    named = {law["name"]: law for law in quick["laws"]}
    for law in quick["laws"]:
        if law["kind"] == "rate":
            assert law["relative_error"] < 0.02, law
    assert named["ratio"]["predicted"] > 3
    assert named["ratio"]["low"] < named["ratio"]["predicted"] < named["ratio"]["high"]
    assert named["distance_rises"]["measured"] == 0
    assert named["ece_rise"]["low"] > 0  # ECE rises, beyond what sampling does
    assert named["ece_prior"]["measured"] < 1e-12
    assert named["answers_martingale_exact"]["measured"] < 1e-12
    for law in quick["laws"]:
        if law["name"] == "answers_locked":
            assert law["relative_error"] < 0.05


def test_bounds_rates_and_counterexamples(quick: dict[str, Any]) -> None:
    named = {law["name"]: law for law in quick["laws"]}
    assert 0.49 < named["performance"]["measured"] <= named["performance"]["predicted"] == 0.5
    assert named["bound_entropy"]["measured"] == 0
    for case in ("covered", "uncovered"):
        assert named[f"bound_{case}"]["relative_error"] < 1e-9
        c = quick["curves"]["entropy_rounds"][case]
        inside = zip(c["low"], c["away"], c["high"], strict=True)
        assert all(low <= away <= high * (1 + 1e-12) for low, away, high in inside)
    slow, fast = (each["apart"] for each in quick["curves"]["between"]["examples"])
    assert max(slow[1:]) < 0 < min(fast[1:])
    won = [law for law in quick["laws"] if law["name"] == "third_paths"]
    assert [law["measured"] > 0.99 for law in won] == [True] * 3
    assert quick["curves"]["third"]["held"] < 0.35 < quick["curves"]["third"]["threshold"]


def test_it_is_a_page(quick: dict[str, Any]) -> None:
    made = sheet(quick)
    names = [p.name for s in made.sections for p in s.parts if isinstance(p, Chart)]
    assert len(names) == len(set(names)) == 14
    assert "<html" in page(made)
    assert any("2 %" in said for said in made.findings)


def test_findings_follow_the_numbers(quick: dict[str, Any]) -> None:
    n = quick["agreement"]["compared"]
    said = " ".join(sheet(quick).findings)
    assert "falls in each of 12 rounds; ECE rises in 2, at most by" in said
    assert "answers slow the rise of E[p(C+)] in this example" in said
    assert "in another example they hasten it" in said
    assert f"all {n} lie within 3 standard errors" in said
    assert "can't be distinguished" not in said
    other = deepcopy(quick)
    named = {law["name"]: law for law in other["laws"]}
    named["distance_rises"]["measured"] = 3.0
    named["ece_rises"]["measured"] = 0.0
    named["answers_and_instructions"]["alone"] = named["answers_and_instructions"]["predicted"]
    other["laws"] = [law for law in other["laws"] if law["name"] != "ece_rise"]
    other["agreement"]["within_3"] = n - 1
    said = " ".join(sheet(other).findings)
    assert "rises in 3 of 12 rounds, contrary to the theory; ECE falls in every round" in said
    assert "answers don't slow the rise of E[p(C+)]" in said
    assert f"{n - 1} of {n} lie within 3 standard errors" in said


@pytest.mark.slow
def test_the_seed_decides() -> None:
    first, again, other = (
        concepts(rounds=2, paths=100, seed=seed, distributions=GOOD) for seed in (0, 0, 1)
    )
    assert first == again
    assert first["laws"] != other["laws"]


def test_equal_concepts_are_not_told_apart() -> None:
    found = concepts(rounds=3, paths=200, distributions=[[0.5, 0.5], [0.5, 0.5]])
    assert not found["told_apart"]["value"]
    named = {law["name"]: law for law in found["laws"]}
    assert named["typical_rate"]["predicted"] == 0
    assert "can't be distinguished" in named["mean_rate"]["why"]
    made = sheet(json.loads(json.dumps(found, allow_nan=False)))
    assert "can't be distinguished" in made.findings[0]
    assert page(made)


@pytest.mark.parametrize(
    "rows",
    [
        [[0.5, 0.5, 0], [0.5, 0, 0.5]],
        [[1, 0], [0, 1]],
        [[0.5, 0.5, 0], [0.3, 0.3, 0.4], [0, 0.5, 0.5]],
        [[0.5, 0.5], [1, 0]],
        [[0.5, 0.5], [0.4999, 0.5001]],
    ],
)
def test_excluding_tokens_and_near_twins(rows: list[list[float]]) -> None:
    found = concepts(rounds=2, paths=200, distributions=rows)
    assert page(sheet(json.loads(json.dumps(found, allow_nan=False))))
    for law in found["laws"]:
        assert law["measured"] is not None or law["why"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"rounds": 0}, "rounds must be a whole number from 1 on"),
        ({"rounds": 1.5}, "rounds must be a whole number"),
        ({"rounds": math.nan}, "rounds must be a whole number"),
        ({"paths": 5}, "paths must be a whole number from 100 on"),
        ({"rounds": 500}, "ask for at most"),
        ({"tokens": 0}, "tokens a round must be"),
        ({"wrong": [1.2]}, "between 0 and 1, not 1.2"),
        ({"wrong": [math.nan]}, "between 0 and 1, not nan"),
        ({"distributions": GOOD[:1]}, "single concept"),
        ({"distributions": [[0.5, 0.5], [0.2, 0.3, 0.5]]}, "same tokens"),
        ({"distributions": [[0.5, 0.4], GOOD[1]]}, "concept 1 sums to 0.9"),
        ({"distributions": [GOOD[0], [1.2, -0.2]]}, "concept 2 holds a negative probability"),
        ({"distributions": [GOOD[0], [math.nan, 1]]}, "no number"),
        ({"distributions": GOOD, "prior": [1.0, 0.0]}, "prior 0"),
        ({"distributions": GOOD, "prior": [0.2, 0.3, 0.5]}, "3 numbers for 2 concepts"),
    ],
)
def test_bad_input_is_one_sentence(how: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as told:
        concepts(**how)
    assert "\n" not in str(told.value)
    assert not str(told.value).endswith(".")
