"""The blind spot: planted, absent, mere changing, and what unread answers leave open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import refused
from roles import clusters_of, panel_of, panels_of
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.blind_spot.analysis import figures
from selfcorrect.studies.blind_spot.sheet import findings
from selfcorrect.studies.execute import execute

#: Arm → how often right answers are left, and wrong ones corrected.
Rates = dict[str, tuple[float, float]]
TOLD: Rates = {"own, told": (1.0, 0.7), "user, told": (1.0, 0.7)}


def told(own: tuple[float, float], user: tuple[float, float], seed: int = 0, k: int = 60,
         size: int = 3) -> dict[str, Any]:  # fmt: skip
    """What the analysis says of made-up dialogues, half of them with a wrong answer given."""
    rng = np.random.default_rng(seed)
    clusters = clusters_of(rng, k, size)
    first = np.where(np.arange(len(clusters)) % 2 == 0, 0, rng.integers(1, 3, len(clusters)))
    panels = panels_of(rng, first, clusters, {"own": own, "user": user, **TOLD})
    alone = (rng.random(len(clusters)) < 0.4).astype(int)
    panels = {"by itself": panel_of(alone, alone, clusters), **panels}
    return {**figures(panels, clusters, 0.03), "n": len(clusters), "margin": 0.03}


def test_a_planted_blind_spot_is_found() -> None:
    found = told(own=(0.9, 0.2), user=(0.9, 0.6))
    spot, claims = found["blind_spot"], found["claims"]
    assert spot["low"] < 1 - 0.2 / 0.6 < spot["high"]
    assert claims["corrected"]["state"] == claims["accuracy"]["state"] == "more"
    assert claims["corrected"]["low"] < 0.4 < claims["corrected"]["high"]
    assert claims["left"]["state"] in ("open", "same")
    words = " ".join(findings(found))
    assert "Wrong answers are corrected more often as the user's than as its own" in words
    assert "so more is corrected than merely changed" in words
    assert "Told that it is wrong, it corrects .6" in words


def test_what_changes_more_whatever_stands_there_is_not_said_to_correct() -> None:
    found = told(own=(0.9, 0.1), user=(0.5, 0.5), k=120)
    assert found["claims"]["corrected"]["state"] == "more"
    assert found["claims"]["left"]["state"] == "less"
    assert found["claims"]["accuracy"]["state"] in ("open", "same")
    assert "may merely be changed more, wrong or right" in " ".join(findings(found))


def test_without_one_none_is_found_and_the_contrary_is_said() -> None:
    found = told(own=(0.8, 0.4), user=(0.8, 0.4))
    assert found["blind_spot"]["low"] < 0 < found["blind_spot"]["high"]
    assert "No blind spot is shown, and none is ruled out" in " ".join(findings(found))
    found = told(own=(0.8, 0.6), user=(0.8, 0.2))
    assert found["claims"]["corrected"]["state"] == "less"
    assert "but the contrary" in " ".join(findings(found))


def test_numbers_are_those_of_a_slow_count() -> None:
    rng = np.random.default_rng(2)
    clusters = clusters_of(rng, 30, 2)
    first = rng.integers(0, 3, len(clusters))
    rates: Rates = {"own": (0.7, 0.3), "user": (0.6, 0.5), **TOLD}
    panels = panels_of(rng, first, clusters, rates)
    panels["by itself"] = panels["user, told"]
    found = figures(panels, clusters, 0.03)
    for arm in ("own", "user"):
        a = panels[arm].columns["answer"]
        wrong = [row for row in a if row[0] != 0]
        right = [row for row in a if row[0] == 0]
        of = found["arms"][arm]
        assert of["corrected"]["value"] == pytest.approx(np.mean([r[1] == 0 for r in wrong]))
        assert of["left"]["value"] == pytest.approx(np.mean([r[1] == 0 for r in right]))
        changed = [np.mean([r[1] != r[0] for r in rows]) for rows in (wrong, right)]
        assert of["changed_wrong"]["value"] == pytest.approx(changed[0])
        assert of["tells"]["value"] == pytest.approx(changed[0] - changed[1])
    rates_of = [found["arms"][arm]["corrected"]["value"] for arm in ("own", "user")]
    assert found["blind_spot"]["value"] == pytest.approx(1 - rates_of[0] / rates_of[1])


def test_unread_answers_that_could_turn_it_leave_it_open() -> None:
    rng = np.random.default_rng(0)
    clusters = clusters_of(rng, 60, 3)
    first = np.where(np.arange(len(clusters)) % 2 == 0, 0, 1)
    panels = panels_of(rng, first, clusters, {"own": (0.9, 0.2), "user": (0.9, 0.5), **TOLD})
    panels["by itself"] = panels["user, told"]
    assert figures(panels, clusters, 0.03)["claims"]["corrected"]["state"] == "more"
    missing = (first == 1) & (rng.random(len(clusters)) < 0.6)
    for name, value in (("parse_rate", 0), ("outcome", 0), ("answer", -1)):
        column = panels["own"].columns[name].copy()
        column[missing, 1] = value
        panels["own"].columns[name][:] = column
    found = figures(panels, clusters, 0.03)
    e = found["claims"]["corrected"]
    low, high = e["unread"]
    assert low < 0 < high
    assert e["state"] == "unread"
    assert found["unread"]["own"] == missing.sum()
    spot = found["blind_spot"]
    assert spot["unread"][0] < 0 < spot["unread"][1]
    result = {**found, "n": len(clusters), "margin": 0.03}
    assert "answers that weren't read could turn it" in " ".join(findings(result))


def test_what_is_never_corrected_has_no_ratio() -> None:
    found = told(own=(0.9, 0.0), user=(0.9, 0.0))
    assert found["blind_spot"]["value"] is None
    assert "not defined" in " ".join(findings(found))


def test_from_a_spec_to_a_page(tmp_path: Path) -> None:
    """The chain goes on from its own answers, and doesn't see those of others."""
    law = "accuracy=.6,cl=.9,cs=.2,stay=0"
    task = {"name": "planted", "options": {"n": 80, "cluster_size": 2}}
    spec = RunSpec.model_validate({"model": f"planted:chain?{law}", "task": task, "limit": 120})
    done = execute("blind-spot", {}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    assert "more often as the user's than as its own" in done.sheet.findings[0]
    spot = done.result["blind_spot"]
    assert spot["low"] < 1 - 0.2 / 0.6 < spot["high"]
    assert done.result["arms"]["own"]["left"]["value"] == pytest.approx(0.9, abs=0.1)


def test_a_guesser_is_told_that_it_cannot_answer(tmp_path: Path) -> None:
    task = {"name": "planted", "options": {"n": 40}}
    spec = RunSpec.model_validate(
        {"model": "planted:chain?accuracy=.33,cl=.5,cs=.2", "task": task, "limit": 40}
    )
    done = execute("blind-spot", {}, spec=spec, out=tmp_path)
    assert "arms" not in done.result
    assert "isn't shown to be above guessing" in done.sheet.findings[0]


def test_what_cannot_serve_it_is_refused_before_runs(tmp_path: Path) -> None:
    study = ("study", "blind-spot", "--out", tmp_path, "--model", "planted:chain")
    assert "aren't options that are right or wrong" in refused(*study, "--task", "commongen")
    assert "sets the rounds of its runs itself" in refused(*study, "rounds=3")
    plan = load("blind-spot").plan
    assert plan is not None
    given = {"name": "blind-spot", "options": {"of": "planted", "n": 12}}
    arms = plan(RunSpec.model_validate({"task": given}), {"quick": False, "anyway": False})
    assert arms["own"].task.options == {"of": "planted", "n": 12}
    assert arms["user, told"].strategy.name == "blind-spot-oracle"


@pytest.mark.slow
@pytest.mark.parametrize(("k", "size"), [(60, 3), (25, 8)])
@pytest.mark.parametrize("rates", [(0.9, 0.05), (0.8, 0.3), (0.5, 0.5)])
def test_nothing_is_claimed_where_roles_do_nothing(
    rates: tuple[float, float], k: int, size: int
) -> None:
    """At most 5 % of runs claim any of the four, and the ratio's interval holds 0."""
    runs, false, held = 300, 0, []
    for seed in range(runs):
        found = told(rates, rates, seed, k, size)
        false += any(e["state"] in ("more", "less") for e in found["claims"].values())
        if found["blind_spot"]["low"] is not None:
            held.append(found["blind_spot"]["low"] <= 0 <= found["blind_spot"]["high"])
    assert false <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)
    assert np.mean(held) > 0.93
