"""The role of the earlier answer: planted, absent, unread, and what is shown in each role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from commands import refused
from roles import clusters_of, panels_of
from selfcorrect import records
from selfcorrect.runs import RunSpec
from selfcorrect.studies.execute import execute
from selfcorrect.studies.role.analysis import figures
from selfcorrect.studies.role.sheet import findings

Rates = dict[str, tuple[float, float]]


def told(rates: Rates, seed: int = 0, k: int = 60, size: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    clusters = clusters_of(rng, k, size)
    first = np.where(rng.random(len(clusters)) < 0.6, 0, rng.integers(1, 3, len(clusters)))
    found = figures(panels_of(rng, first, clusters, rates), clusters, 0.03)
    nothing = {"value": 0.0, "low": 0.0, "high": 0.1, "n": 1, "clusters": 1}
    return {**found, "n": len(clusters), "margin": 0.03, "outcome": "accuracy", "as_user": nothing}


def test_what_a_role_does_is_found_and_the_rest_is_not() -> None:
    found = told({"own": (0.95, 0.1), "user": (0.95, 0.5), "tool": (0.6, 0.1)})
    states = {
        name: {pair: e["state"] for pair, e in pairs.items()}
        for name, pairs in found["claims"].items()
    }
    assert states["corrected"]["user − own"] == "more"
    assert states["corrected"]["tool − own"] in ("open", "same")
    assert states["harmed"]["user − own"] in ("open", "same")
    assert states["harmed"]["tool − own"] == states["harmed"]["tool − user"] == "more"
    assert states["accuracy"]["user − own"] == "more"
    e = found["claims"]["harmed"]["tool − own"]
    assert e["low"] < 0.35 < e["high"]
    words = " ".join(findings(found))
    assert "Right answers lost by role" in words
    assert "(Holm over 12)" in words


def test_numbers_are_those_of_a_slow_count() -> None:
    rng = np.random.default_rng(1)
    clusters = clusters_of(rng, 30, 2)
    first = rng.integers(0, 3, len(clusters))
    rates: Rates = {"own": (0.9, 0.2), "user": (0.6, 0.5), "tool": (0.7, 0.4)}
    panels = panels_of(rng, first, clusters, rates)
    found = figures(panels, clusters, 0.03)
    value = {}
    for role, panel in panels.items():
        a = panel.columns["answer"]
        slow = {
            "accuracy": [r[1] == 0 for r in a],
            "kept": [r[1] == r[0] for r in a],
            "corrected": [r[1] == 0 for r in a if r[0] != 0],
            "harmed": [r[1] != 0 for r in a if r[0] == 0],
        }
        for name, each in slow.items():
            value[role, name] = np.mean(each)
            assert found["arms"][role][name]["value"] == pytest.approx(value[role, name])
    for name, pairs in found["claims"].items():
        for pair, e in pairs.items():
            one, other = pair.split(" − ")
            assert e["value"] == pytest.approx(value[one, name] - value[other, name])


def test_unread_answers_are_bounded_and_unread_first_ones_left_out() -> None:
    rng = np.random.default_rng(0)
    clusters = clusters_of(rng, 60, 4)
    first = np.where(rng.random(len(clusters)) < 0.6, 0, 1)
    panels = panels_of(rng, first, clusters, dict.fromkeys(("own", "user", "tool"), (0.7, 0.4)))
    early, late = rng.random(len(clusters)) < 0.1, rng.random(len(clusters)) < 0.3
    for role, panel in panels.items():
        for t, rows in ((0, early), (1, late & (role == "tool"))):
            for name, value in (("parse_rate", 0), ("outcome", 0), ("answer", -1)):
                panel.columns[name][rows, t] = value
    found = figures(panels, clusters, 0.03)
    assert found["arms"]["own"]["harmed"]["n"] == ((first == 0) & ~early).sum()
    assert found["arms"]["own"]["kept"]["n"] == (~early).sum()
    assert found["unread"] == {"own": 0, "user": 0, "tool": int(late.sum())}
    for name in ("accuracy", "kept", "corrected", "harmed"):
        assert "unread" not in found["claims"][name]["user − own"]
        e = found["claims"][name]["tool − own"]
        low, high = e["unread"]
        assert low + 0.1 < high
        assert e["value"] in (low, high)  # as they were counted
        assert e["state"] in ("unread", "open")


def test_from_a_spec_to_a_page_and_word_for_word(tmp_path: Path) -> None:
    """The chain goes on from its own answers, and doesn't see those of others."""
    task = {"name": "planted", "options": {"n": 90, "cluster_size": 3}}
    model = "planted:chain?accuracy=.6,cl=.95,cs=.1,stay=0"
    spec = RunSpec.model_validate({"model": model, "task": task})
    done = execute("role", {}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    assert done.result["claims"]["kept"]["user − own"]["state"] == "less"
    said: dict[str, list[Any]] = {}
    for arm, folder in done.result["folders"].items():
        frame = sc.open_run(folder).records
        one = frame.filter(frame["example"] == frame["example"].min()).sort("round")
        said[arm] = [(m.role, m.text) for m in records.transcript(one, 2)]
    (question, answer, request, reply) = said["own"]
    assert (answer[0], reply[0]) == ("assistant", "assistant")
    shown = ("user", f"I have this answer:\n{answer[1]}")
    assert said["user"][:3] == [question, shown, request]
    assert said["tool"][:3] == [question, ("tool", answer[1]), request]


def test_answers_with_a_number_have_no_part_in_it(tmp_path: Path) -> None:
    told = refused("study", "role", "--task", "commongen", "--out", tmp_path)
    assert "those of the task commongen are neither" in told


@pytest.mark.slow
@pytest.mark.parametrize(("k", "size"), [(60, 4), (25, 8)])
@pytest.mark.parametrize("rates", [(0.97, 0.03), (0.8, 0.3), (0.5, 0.5)])
def test_nothing_is_claimed_where_roles_do_nothing(
    rates: tuple[float, float], k: int, size: int
) -> None:
    """At most 5 % of runs claim any of the twelve differences; the intervals hold 0."""
    runs, false, held = 300, 0, []
    for seed in range(runs):
        found = told(dict.fromkeys(("own", "user", "tool"), rates), seed, k, size)
        every = [e for pairs in found["claims"].values() for e in pairs.values()]
        false += any(e["state"] in ("more", "less") for e in every)
        held += [e["low"] <= 0 <= e["high"] for e in every if e["low"] is not None]
    assert false <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)
    assert np.mean(held) > 0.94
