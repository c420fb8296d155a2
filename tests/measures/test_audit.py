"""A run's own audit: it finds an interval that is too narrow, and nothing wrong with ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from panels import made
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.measures import audit as audits
from selfcorrect.measures.audit import audit
from selfcorrect.measures.intervals import proportion
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import Outcome
from selfcorrect.runs.audit import AUDIT, audit_run, read_audit, told


def sample(n: int = 90) -> Panel:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(n // 6), 6).astype(np.uint64)
    right = (rng.random((n, 3)) < rng.beta(2, 1, (n // 6, 1))[clusters]).astype(float)
    said = np.clip(0.6 + 0.2 * right + rng.normal(0, 0.1, (n, 3)), 0.01, 0.99)
    p = made(right, confidence=said, calibration_gap=said - right)
    return replace(p, clusters=clusters)


def test_ours_hold_on_clustered_data() -> None:
    found = audit(sample(), simulations=150)
    assert [each.figure.split(" in ")[0] for each in found] == [
        "accuracy",
        "change of accuracy from round 1 to 3",
        "calibration gap",
        "change of the calibration gap from round 1 to 3",
        "ECE",
        "AUROC",
    ]
    assert all(each.holds for each in found)
    assert all(each.share is not None and each.low <= each.share <= each.high for each in found)
    assert told(found) == [
        "Audited: in 150 simulations of data like these none of 6 figures was seen to miss its "
        "goal (an interval holds the truth in at least 94 %)."
    ]


def test_an_interval_that_is_too_narrow_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(values: Any, clusters: Any) -> Any:
        return proportion(values, np.arange(len(clusters)))  # as if records were independent

    monkeypatch.setattr(audits, "proportion", narrow)
    found = audit(sample(), simulations=150)
    assert [each.holds for each in found] == [False, *[True] * 5]
    (said,) = told(found)
    assert said.startswith("Audited: on simulated data like these the interval of the accuracy in")
    assert "instead of 95 %: take it with care." in said


@pytest.mark.parametrize(
    "p",
    [
        made(np.empty((0, 0))),
        made(np.ones((1, 2))),
        made(np.ones((30, 2))),
        made(np.full((30, 3), np.nan)),
        replace(made(np.eye(30, 2)), clusters=np.zeros(30, np.uint64)),
    ],
)
def test_nothing_to_audit_is_no_error(p: Panel) -> None:
    for each in audit(p, simulations=20):
        json.dumps(each.table(), allow_nan=False)


def test_it_is_kept_and_stands_under_the_verdict(tmp_path: Path) -> None:
    run = sc.run(
        model="planted:chain", task="planted", rounds=2, limit=30, controls=False, out=tmp_path
    )
    assert "Audited" not in str(run.summary()["notes"])
    words = ["audit", run.folder.name, "--out", str(tmp_path), "--simulations", "100"]
    shown = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "Found: how often the interval held the truth" in shown.output
    assert not (run.folder / AUDIT).exists()  # so few tell little: only the full one is kept
    table = [each.table() for each in audit_run(run, simulations=100)]
    table[0] |= {"share": 0.8, "low": 0.78, "high": 0.82, "holds": False}
    text = json.dumps({"version": 1, "n": 30, "figures": table})
    (run.folder / AUDIT).write_text(text)
    assert not audit_run(run)[0].holds
    assert any("80.0 % instead of 95 %" in note for note in run.summary()["notes"])
    assert read_audit(run, 31) == []
    (run.folder / AUDIT).write_text(text.replace('"n": 30', '"n": 20'))
    later = str(run.summary()["notes"])
    assert "The audit is of 20 dialogues, and these numbers are of 30" in later
    assert "instead of 95 %" not in later
    (run.folder / AUDIT).write_text(text)
    for damaged in (
        "{",
        "[]",
        text.replace("0.8", "7"),
        text.replace("held", "hidden"),
        text.replace('"goal": 0', '"goal": "\\u202e"'),
        text.replace('"simulations": ', '"simulations": -'),
        text.replace('"holds": false', '"holds": 1'),
    ):
        (run.folder / AUDIT).write_text(damaged)
        assert read_audit(run, 30) == []


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    run = sc.run(
        model="planted:chain", task="planted", rounds=1, limit=2, controls=False, out=tmp_path
    )
    for piece in (run.folder / "records").iterdir():
        piece.unlink()
    with pytest.raises(UserError, match="has no records yet, so there is nothing to audit"):
        audit_run(run)


def test_the_planted_auroc_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    c, chance = np.round(rng.random(12), 1), rng.random(12)
    over = under = 0.0
    for i in range(12):
        for j in range(12):
            if i != j:
                under += chance[i] * (1 - chance[j])
                over += chance[i] * (1 - chance[j]) * (0.5 * (c[i] >= c[j]) + 0.5 * (c[i] > c[j]))
    assert audits._expected_auroc(c, chance) == pytest.approx(over / under)


def test_gains_and_losses_have_the_rates_and_likeness_planted() -> None:
    """Where clusters differ much, a gain leaves less room for a loss: the rates go together."""
    up, down = audits._changes(np.random.default_rng(0), 0.35, 0.3, 0.3, 40_000)
    assert (up.mean(), down.mean()) == pytest.approx((0.35, 0.3), abs=0.01)
    assert (up + down).max() <= 1 + 1e-9
    assert up.var() == pytest.approx(0.3 * 0.35 * 0.65, rel=0.05)


def test_what_the_large_clusters_dont_show_is_planted_as_the_worst() -> None:
    """Ten large clusters of which none changed, among small ones of which some did."""
    members = np.repeat(np.arange(210), [60] * 10 + [6] * 200)
    x = np.zeros(len(members))
    x[600::12] = 1
    _, _, icc = audits._alike(x, members)
    assert icc is not None
    assert icc > 0.3
    x[:600:10] = 1  # and where they did, as often as the small ones
    assert (audits._alike(x, members)[2] or 0) < 0.05


def test_a_change_with_bounds_is_audited_with_what_it_allows_for() -> None:
    rng = np.random.default_rng(0)
    change = np.where(rng.random(100) < 0.1, 1.0, 0.0)
    wide = Outcome("score", bounds=(-10.0, 1.0))
    each = np.arange(100)
    audited, plain = audits._difference_of(wide)(change, each), audits.mean(change, each)
    assert audited.low is not None
    assert plain.low is not None
    assert audited.low < plain.low - 0.05
    once = audits._mean(change, each, audits._difference_of(wide))
    assert once is not None
    assert sum(once(rng) is True for _ in range(100)) > 90
