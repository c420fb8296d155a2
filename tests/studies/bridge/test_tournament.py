"""The tournament: who is named where the truth is known, and what is said of it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from benchmarks import documented
from benchmarks.bridge import (
    BIASES,
    CELLS,
    MOST_FALSE,
    PAGE,
    RESULTS,
    SETTINGS,
    Setting,
    estimated,
    once,
    tables,
)
from benchmarks.bridge_truths import TRUTHS
from benchmarks.bridge_truths import made as planted

from mixtures import made
from selfcorrect.measures.intervals import wilson
from selfcorrect.studies.bridge.analysis import known, named
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.forecasts import folds_of
from selfcorrect.studies.bridge.tables import tournament as table
from selfcorrect.studies.bridge.tournament import LEAST_LEAD, best, competing
from selfcorrect.studies.bridge.verdict import PLANTED, findings
from selfcorrect.theory.log_scores import fit, log_scores
from selfcorrect.theory.mechanisms import MECHANISMS, seen


def run(truth: str, options: int = 3, seed: int = 0) -> dict[str, Any]:
    """What is found in a run of a mechanism, with a prior spread of 1."""
    data = planted(truth, Setting(options, 1.0), np.random.default_rng(seed))
    return named(data, known(data, 2, 0))


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """Of two concepts."""
    return run("two concepts")


@pytest.mark.parametrize("truth", ["sharpening", "constant drift"])
def test_a_process_without_concepts_is_not_identified(truth: str) -> None:
    found = run(truth)
    assert not found["identified"]
    assert found["tournament"]["named"] == TRUTHS[truth][0]
    said = findings(found)
    label = MECHANISMS[TRUTHS[truth][0]].label
    assert said[0].startswith(f"Not two concepts, but {label}: it forecasts")
    assert any(f"Two concepts are worse than {label} by ." in line for line in said)


def test_a_run_of_the_benchmark_names_what_was_planted() -> None:
    setting = next(name for name in SETTINGS if name == "3 options, spread 1")
    assert once("sharpening", setting, 0) == ("sharpening", False)


def test_two_concepts_are_identified_by_what_they_beat(usual: dict[str, Any]) -> None:
    assert usual["identified"]
    first, by, third = findings(usual)
    assert first.startswith("Identified: two concepts forecast the distributions of held-out")
    assert "(n 150, 150 clusters)" in first
    rows = usual["tournament"]["rows"]
    for name, row in rows.items():
        if name not in ("two_concepts", "three_concepts"):
            assert row["behind"]["low"] > LEAST_LEAD
            assert f"{row['label']} by ." in by
    assert third.startswith("A third concept isn't needed: it gains")
    assert usual["tournament"]["rho"]["low"] < 0.6 < usual["tournament"]["rho"]["high"]
    assert json.loads(json.dumps(usual, allow_nan=False)) == usual


def test_two_options_never_identify_concepts() -> None:
    found = run("two concepts", options=2)
    assert not found["identified"]
    assert found["tournament"]["named"] is None
    assert "three_concepts" not in found["tournament"]["rows"]
    said = findings(found)
    assert said[0].startswith("Consistent with two concepts, and better than each rival")
    assert "no such run can identify them" in said[-1]


def test_what_is_not_told_apart_is_named(usual: dict[str, Any]) -> None:
    found = deepcopy(usual)
    found["identified"], found["tournament"]["named"] = False, None
    rows = found["tournament"]["rows"]
    rows["sharpening"]["behind"].update(value=0.001, low=-0.002, high=0.004)
    first, better, close, _ = findings(found)
    assert "but not identified: on held-out dialogues not told apart from sharpening (n" in first
    assert "sharpening" not in better
    assert "sharpening by +.0010 [−.0020, .0040] nats" in close
    rows["copying"]["behind"].update(value=-0.03, low=-0.04, high=-0.02)
    rows["three_concepts"]["behind"].update(value=-0.005, low=-0.02, high=0.01)
    said = findings(found)
    assert said[0].startswith(
        "Not consistent with two concepts: on held-out dialogues they are beh"
    )
    assert "Two concepts are worse than copying by .0300 [.0200, .0400] nats a round." in said
    assert said[-1].startswith("Whether a third concept is needed isn't told: it gains +.0050")


def test_a_lead_must_be_shown_and_matter() -> None:
    rng, n = np.random.default_rng(0), 200
    clusters = np.arange(n)
    base = rng.normal(size=n)

    def told(lead: float, third: float = 0.0) -> str | None:
        scores = {name: base - lead + 1e-5 * rng.normal(size=n) for name in MECHANISMS}
        scores["two_concepts"] = base
        scores["three_concepts"] = base + third + 1e-5 * rng.normal(size=n)
        return best(scores, clusters)

    assert told(4 * LEAST_LEAD) == "two_concepts"
    assert told(LEAST_LEAD / 2) is None  # shown, and too little to matter
    assert told(4 * LEAST_LEAD, third=LEAST_LEAD / 2) == "two_concepts"
    assert told(4 * LEAST_LEAD, third=2 * LEAST_LEAD) == "three_concepts"


def test_no_dialogue_is_judged_by_parameters_fitted_to_its_cluster() -> None:
    """By fits of one's own: each fold with the parameters of the other one."""
    data = made(60, rounds=4, size=2)
    fold = folds_of(data, 2, 0)
    assert not set(data.clusters[fold == 0]) & set(data.clusters[fold == 1])
    mechanism = MECHANISMS["sharpening"]
    _, scores = competing(data, fold)
    for mine in (0, 1):
        train, test = (part(data, fold == f) for f in (1 - mine, mine))
        of = seen(*train)
        fitted = fit(mechanism, of, train[0])
        wanted = log_scores(mechanism, fitted, seen(*test, of.pooled), test[0]).mean(axis=0)
        assert scores["sharpening"][fold == mine] == pytest.approx(wanted, abs=1e-4)


def part(data: Aligned, which: np.ndarray) -> tuple[np.ndarray, ...]:
    """What a mechanism is shown of some dialogues."""
    rows = (data.plus, data.minus)
    return (data.p[:, which], *(x[which] for x in rows), data.answers[:, which], data.target[which])


def test_the_table_has_every_mechanism(usual: dict[str, Any]) -> None:
    shown = table(usual)
    assert [row[0] for row in shown.rows] == [
        MECHANISMS[name].label for name in usual["tournament"]["rows"]
    ]
    counts = {row[0]: row[1] for row in shown.rows}
    assert (counts["two concepts"], counts["sharpening"], counts["copying"]) == ("3", "7", "4")
    assert {row[-1] for row in shown.rows} == {"150 (150)"}


def test_the_estimate_of_rho_is_not_moved_by_spread_and_less_by_unsettled_anchors() -> None:
    spread = [estimated("spread 1", seed) for seed in range(3)]
    assert all(e["mean"] > 0.62 and abs(e["own"] - 0.6) < 0.01 for e in spread)
    moved = [estimated("unsettled anchors", seed) for seed in range(3)]
    assert all(e["own"] < 0.58 and abs(e["settled"] - 0.6) < 0.015 for e in moved)


def test_the_pages_tables_are_the_measured_ones() -> None:
    if not RESULTS.exists():
        pytest.skip("not measured yet")
    found = json.loads(RESULTS.read_text("utf-8"))
    text = PAGE.read_text("utf-8")
    for name, head, rows in tables(found):
        assert documented.filled(PAGE, name, head, rows) == text, "run 'make bridge'"
    assert set(found["rho"]) == set(BIASES)
    assert {(s, t) for s, rows in found["named"].items() for t in rows} <= set(CELLS)
    for truths in found["named"].values():
        for truth, row in truths.items():
            share = row["identified"]
            assert (share["low"], share["high"]) == pytest.approx(
                wilson(round(share["share"] * share["runs"]), share["runs"])
            )
            if truth != "two concepts":
                assert share["share"] <= MOST_FALSE
    settings = {"settled": list(BIASES)[:3], "moved": list(BIASES)[3:]}
    for kind, names in settings.items():
        means = [round(found["rho"][name]["settled"]["value"], 3) for name in names]
        holds = [found["rho"][name]["holds"]["share"] for name in names]
        assert PLANTED[kind] == (min(means), max(means), min(holds), max(holds))
