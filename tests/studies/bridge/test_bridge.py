"""The bridge from arrays: planted ρ, planted nulls, and what a page says of them."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from mixtures import made, shares
from selfcorrect.errors import UserError
from selfcorrect.measures.intervals import Estimate
from selfcorrect.studies.bridge.analysis import compare, forecast, known
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.forecasts import METHODS, forecasts
from selfcorrect.studies.bridge.identified import misfit, undecidable
from selfcorrect.studies.bridge.sheet import sheet
from selfcorrect.theory import two_concept as tc


def bridged(data: Aligned, *, folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """The result, from arrays."""
    found = known(data, folds, seed)
    return compare(data, found) if found["able"] else found


@cache
def tournament() -> dict[str, Any]:
    """Some tournament, where another would be as good."""
    small = made(40, rounds=4)
    return dict(compare(small, known(small, 2, 0))["tournament"])


def lined(data: Aligned) -> dict[str, Any]:
    """The result from arrays, but for the tournament, which takes longest."""
    found = {**known(data, 5, 0), "tournament": tournament()}
    return forecast(data, found) if found["applies"] else found


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """Of records that obey the law, with ρ .6."""
    return bridged(made())


@pytest.mark.parametrize("greedy", [False, True])
def test_it_finds_rho_and_beats_persistence(greedy: bool, usual: dict[str, Any]) -> None:
    found = lined(made(greedy=True)) if greedy else usual
    assert found["applies"]
    assert found["rho"]["low"] < 0.6 < found["rho"]["high"]
    for quantity in ("probability", "accuracy", "distribution"):
        assert found["skill"]["two_concept"][quantity]["low"] > 0.5
    assert found["lead"]["exponential"]["probability"]["low"] > 0
    assert set(found["skill"]) == set(METHODS)
    assert any("better than persistence" in line for line in sheet(found).findings)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_skill_by_a_plain_count(usual: dict[str, Any]) -> None:
    found = usual
    for name in ("probability", "accuracy"):
        rows = [row[name] for row in found["predictions"]]

        def missed(method: str, rows: Any = rows) -> float:
            return float(sum(abs(row[method] - row["actual"]["value"]) for row in rows))

        for method in ("two_concept", "exponential"):
            wanted = 1 - missed(method) / missed("persistence")
            assert found["skill"][method][name]["value"] == pytest.approx(wanted)
        lead = (
            found["skill"]["two_concept"][name]["value"]
            - (found["skill"]["exponential"][name]["value"])
        )
        assert found["lead"]["exponential"][name]["value"] == pytest.approx(lead)


def test_no_record_is_predicted_from_its_own_cluster() -> None:
    data = made(100, size=5)
    before = lined(data)["predictions"][0]["probability"]
    # what happens later can't change what was foretold
    p = data.p.copy()
    p[3:] = p[3:, :, ::-1]
    after = lined(replace(data, p=p))["predictions"][0]["probability"]
    assert after["two_concept"] == before["two_concept"]
    assert after["actual"]["value"] != before["actual"]["value"]


def test_no_fold_is_predicted_from_its_own_clusters() -> None:
    """Other first rounds of one cluster change the forecasts of the other folds, not its own."""
    data = made(60, size=3)
    mine = data.clusters == 4
    p = data.p.copy()
    p[:3, mine] = tc.mixture([0.3, 0.6, 0.9], data.plus, data.minus)[:, mine]
    before, _ = forecasts(data, 5, seed=0)
    after, _ = forecasts(replace(data, p=p), 5, seed=0)
    moved = (before["two_concept"]["distribution"] != after["two_concept"]["distribution"]).any(
        axis=(0, 2)
    )
    assert not moved[mine].any()
    assert moved.sum() == 48  # those of the four other folds


def about(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value, low, high, 100, 50)


INSIDE = [about(0.5, 0.4, 0.6)] * 3


@pytest.mark.parametrize(
    ("tv", "residual", "epsilon", "why"),
    [
        (about(0.2, 0.1, 0.3), about(0.1, 0.05, 0.2), INSIDE, None),
        (about(0.2), about(0.1), INSIDE, None),
        (about(None), about(0.1), INSIDE, "hardly differ"),
        (about(0.04, 0.03, 0.06), about(0.1), INSIDE, "hardly differ"),
        (about(0.06, 0.04, 0.08), about(0.1), INSIDE, "aren't shown to differ"),
        (about(0.2), about(None), INSIDE, "the records don't differ"),
        (
            about(0.2),
            about(0.6, 0.4, 0.8),
            INSIDE,
            r"isn't shown to be a mixture.* .60 \[.40, .80\]",
        ),
        (about(0.2), about(0.7, 0.6, 0.8), INSIDE, "isn't a mixture of its anchors: .70 of"),
        (about(0.2), about(1.7, 1.6, 1.8), INSIDE, "is 1.7 times that from the mean of"),
        (
            about(0.2),
            about(0.1),
            [*INSIDE[:2], about(1.2, 1.1, 1.3)],
            "doesn't lie .*round 3 is 1.2",
        ),
        (
            about(0.2),
            about(0.1),
            [about(0.0, -0.1, 0.1), *INSIDE[:2]],
            "isn't shown to lie .*round 1",
        ),
    ],
)
def test_why_it_can_not_be_fitted(
    tv: Estimate, residual: Estimate, epsilon: list[Estimate], why: str | None
) -> None:
    said = undecidable(tv) or misfit(residual, epsilon)
    assert said is None if why is None else re.search(why, said or "")


@pytest.mark.parametrize(
    ("low", "high", "headline", "rival"),
    [
        (0.1, 0.3, "predicts .* better than persistence: skill .20", "It does better than"),
        (-0.3, -0.1, "predicts .* worse than persistence: skill −.20", "A free exponential, which"),
        (-0.1, 0.3, "^Whether .* better than persistence is undecided", "isn't shown to do better"),
        (None, None, "predicts .* with skill .20 .*: too few", ""),
    ],
)
def test_the_headline_follows_the_interval(
    usual: dict[str, Any], low: float | None, high: float | None, headline: str, rival: str
) -> None:
    value = 0.2 if low is None or low > -0.2 else -0.2
    e = {"value": value, "low": low, "high": high, "n": 9, "clusters": 9, "why": "too few"}
    found = deepcopy(usual)
    found["skill"]["two_concept"]["probability"] = e
    found["lead"]["exponential"]["probability"] = e
    findings = " / ".join(sheet(found).findings)
    assert re.search(headline.replace("^", "/ "), findings)
    assert rival in findings if rival else "which uses no theory" not in findings


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.6, 0.5, 0.7, "Each round lowers the odds of the other concept: ρ = .600"),
        (1.6, 1.5, 1.7, "Each round raises the odds of the other concept: ρ = 1.600"),
        (0.9, 0.8, 1.1, "The odds of the other concept aren't shown to change: ρ = .900"),
        (0.6, None, None, "Ρ = .600 [–]; it has no interval: too few"),
    ],
)
def test_what_is_said_of_the_odds(
    usual: dict[str, Any], value: float, low: float | None, high: float | None, said: str
) -> None:
    rho = {"value": value, "low": low, "high": high, "why": "too few"}
    found = {**usual, "tournament": {**usual["tournament"], "rho": rho}}
    assert any(said in line for line in sheet(found).findings)
    other = sheet({**found, "identified": False}).findings
    assert any(f"If it were two concepts, {said[0].lower()}{said[1:]}" in x for x in other)


def test_nothing_moves_and_no_skill_is_claimed() -> None:
    found = bridged(made(150, rho=1.0, rounds=5))
    assert found["applies"]
    assert not found["identified"]
    assert found["tournament"]["named"] == "persistence"
    assert found["skill"]["two_concept"]["probability"]["value"] is None
    rho = found["tournament"]["rho"]
    assert rho["low"] < 1 < rho["high"]
    findings = sheet(found).findings
    assert findings[0].startswith("Not two concepts, but persistence")
    assert any(line.startswith("No skill is claimed") for line in findings)
    assert "aren't shown to change" in " ".join(findings)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (made(apart=0.05), "the anchors hardly differ"),
        (made(noise=0.0, apart=0.0), "the anchors hardly differ"),
    ],
)
def test_anchors_that_identify_nothing(data: Aligned, why: str) -> None:
    found = bridged(data)
    assert not found["able"]
    assert not found["identified"]
    assert why in found["why"]
    assert (found["skill"], found["lead"], found["predictions"]) == ({}, {}, [])
    assert found["tournament"] is None
    assert found["rho"]["value"] is None
    assert found["tv"]["value"] is not None
    assert len(found["epsilon"]) == 8
    page = sheet(found)
    assert page.findings[0] == f"Not identified here: {found['why']}"
    json.dumps(found, allow_nan=False)


def test_a_run_beyond_its_anchors() -> None:
    data = made(noise=0.0)
    beyond = tc.mixture([-0.2] * 8, data.plus, data.minus)
    found = lined(replace(data, p=beyond))
    assert "ε in round 1 is −0.200" in found["why"]


def test_a_run_about_at_an_anchor() -> None:
    data = made(100)
    p = tc.mixture([1.003] * 8, data.plus, data.minus)
    p += data.p - tc.mixture(shares(data), data.plus, data.minus)  # records differ
    found = lined(replace(data, p=p))
    assert "isn't shown to lie between its anchors: ε in round 1 is 1.003 [0.99" in found["why"]


def test_a_run_that_is_no_mixture() -> None:
    data = made()
    aside = np.array([0.9, 0.05, 0.05])  # every record moves the same way, whatever its anchors
    found = lined(replace(data, p=data.p / 10 + 0.9 * aside))
    assert found["residual"]["low"] > 1
    said = f"is {found['residual']['value']:.1f} times that from the mean of comparable ones"
    assert said in found["why"]
    assert (found["identified"], found["skill"], found["predictions"]) == (False, {}, [])
    assert sheet(found).findings[0] == f"Not identified here: {found['why']}"
    assert found["why"].endswith("another model, task or wording may.")
    lines = [row for row in measured_rows(found) if row[0].startswith("unexplained")]
    assert lines[0][-1] == "at most .50 (not met)"


def measured_rows(found: dict[str, Any]) -> list[Any]:
    return [list(row) for row in sheet(found).sections[1].parts[0].rows]  # type: ignore[union-attr]


def test_anchors_that_have_not_settled_are_told(usual: dict[str, Any]) -> None:
    data = made(60, rounds=4)
    assert usual["last_steps"] is None
    still = bridged(replace(data, earlier=np.stack([np.stack([data.plus, data.minus])] * 2)))
    assert [e["value"] for e in still["last_steps"].values()] == pytest.approx([0, 0])
    assert still["tournament"]["moved"] == []
    assert not any("settled" in line for line in sheet(still).findings if "planted" not in line)
    ends = tc.mixture([0.07, 0.9, 0.21, 0.7], data.plus, data.minus).reshape(2, 2, 60, 3)
    found = bridged(replace(data, earlier=ends))
    assert [e["value"] for e in found["last_steps"].values()] == pytest.approx([-0.07, 0.1])
    assert found["tournament"]["moved"] == ["anchor", "negation"]
    told = next(line for line in sheet(found).findings if "haven't settled" in line)
    assert "in the anchor run and by" in told
    assert "put where they would have ended" in told
    one = bridged(replace(data, earlier=ends[:1]))
    assert one["tournament"]["moved"] == []
    told = next(line for line in sheet(one).findings if "haven't settled" in line)
    assert "ρ is nearer to 1 than estimated here" in told


def test_anchors_that_do_not_differ_in_being_right_are_told(usual: dict[str, Any]) -> None:
    data = made(150)
    assert not any("The right option" in line for line in sheet(usual).findings)
    swapped = lined(replace(data, plus=data.minus, minus=data.plus))
    assert any("The right option is less likely under p₊" in x for x in sheet(swapped).findings)
    elsewhere = lined(replace(data, target=(data.target + 2) % 3))
    assert abs(elsewhere["anchors"]["difference"]["value"]) < 0.05


def test_records_that_differ_are_told(usual: dict[str, Any]) -> None:
    found = bridged(made(150, rounds=5, differ=2.0))
    # each record's odds go by .6; the pooled ones by less
    assert found["rho"]["low"] > 0.62
    assert found["tournament"]["rho"]["value"] == pytest.approx(0.6, abs=0.02)
    assert found["spread"][2]["low"] > 0.25
    assert any("Records differ much" in line for line in sheet(found).findings)
    assert not any("Records differ" in line for line in sheet(usual).findings)


def test_unequal_evidence_is_told() -> None:
    data = made(150, noise=0.02)
    p = tc.mixture([0.8, 0.5, 0.48, *tc.on_line(0, -0.1, range(1, 6))], data.plus, data.minus)
    found = lined(replace(data, p=p + 0.2 * (data.p - p)))
    assert found["bend"]["low"] > 0
    assert any("don't bring the same evidence" in line for line in sheet(found).findings)


def test_what_can_not_foretell_is_persistence() -> None:
    data = made(150)
    found = lined(replace(data, correct=np.ones_like(data.correct)))
    assert (found["fallbacks"]["chain"], found["fallbacks"]["exponential_accuracy"]) == (5, 5)
    assert found["skill"]["chain"]["accuracy"]["value"] is None
    assert any("transition chain in 5 of 5" in line for line in sheet(found).findings)


@pytest.mark.parametrize(
    ("data", "folds", "says"),
    [
        (made(rounds=3), 5, "at least 4 rounds"),
        (made(30, size=5), 5, "6 clusters can't be cut into 5 folds"),
        (made(), 1, "folds must be at least 2"),
    ],
)
def test_too_little(data: Aligned, folds: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        bridged(data, folds=folds)


def test_the_page_holds_everything_drawn(usual: dict[str, Any]) -> None:
    page = sheet({**usual, "folders": {"run": "runs/x"}, "left_out": 3})
    charts = [part for s in page.sections for part in s.parts if hasattr(part, "layout")]
    assert [t.title for s in page.sections for t in s.parts if "tournament" in t.title]
    assert [c.name for c in charts] == ["epsilon", "later-probability", "later-accuracy"]
    assert [t["name"] for t in charts[2].data][-2:] == ["persistence", "measured"]
    for section in page.sections:
        for table in section.parts:
            for row in getattr(table, "rows", ()):
                assert len(row) == len(table.columns)
    assert "3 examples of the run were left out" in page.findings[-1]
    four = sheet(lined(made(rounds=4)))
    assert any("in round 4" in line for line in four.findings)
