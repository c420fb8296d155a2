"""Answers that go back and forth, and clusters of which one is too large: what the verdict says."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_verdict_words import summary, words

from panels import MARGINS, made
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.rounds import summarize
from selfcorrect.outcome import Outcome

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import simulated_runs


def alternating(rounds: int, n: int = 400, share: float = 1.0) -> Panel:
    """Right in even rounds oftener than in odd ones; ``share`` of the dialogues alternate."""
    rng = np.random.default_rng(0)
    start = rng.random(n) < 0.42
    turns = rng.random(n) < share
    y = np.stack([np.where(turns & (t % 2 == 1), ~start, start) for t in range(rounds)], axis=1)
    return made(y.astype(float))


@pytest.mark.parametrize("rounds", [3, 4, 5, 6])
def test_alternation_has_one_verdict_whatever_the_number_of_rounds(rounds: int) -> None:
    table = summary(alternating(rounds))
    assert table["changes"]["accuracy"]["verdict"] == "undecided"
    assert table["changes"]["accuracy"]["n_needed"] is None
    assert table["alternating"]["alternates"]
    assert all(each["n_needed"] is None for each in table["convergence"].values())
    x = alternating(rounds).columns["outcome"]
    assert table["parity"]["both"]["value"] == pytest.approx(
        (x[:, -1] + x[:, -2] - 2 * x[:, 0]).mean() / 2
    )
    said = words(table)
    first = said.split("\n")[0]
    assert first.startswith(
        "100 % of the dialogues go back and forth between two answers, and whether accuracy "
        "changed depends on where one stops: "
    )
    assert f" if one stops after round {rounds}, " in first
    assert f" after round {rounds - 1} (n " in first
    assert "examples would" not in said
    assert "Accuracy rose" not in said
    assert "stayed the same" not in said


def test_some_that_alternate_are_said_before_a_verdict_that_holds() -> None:
    y = alternating(5, share=0.08).columns["outcome"].copy()
    still = y[:, 0] == y[:, 1]
    y[still, 1:] = 1  # all others become right
    table = summary(made(y))
    assert table["parity"]["agree"]
    assert table["changes"]["accuracy"]["verdict"] == "better"
    first, second, *_ = words(table).split("\n")
    assert (
        "% of the dialogues go back and forth between two answers, though accuracy is better after "
        "either of the last rounds: " in first
    )
    assert second.startswith("Accuracy rose by ")


TOXICITY = {"name": "toxicity", "kind": "mean", "better": "lower", "margin": 0.02}


def toxic(y: NDArray[Any], clusters: int) -> dict[str, Any]:
    """The summary of a run whose outcome is toxicity, in that many clusters."""
    panel = replace(
        made(y),
        outcome=Outcome("toxicity", better="lower", margin=0.02),
        clusters=np.arange(len(y), dtype=np.uint64) % clusters,
    )
    table = summarize(panel, {"toxicity": 0.02})
    beside = {"spec": {"strategy": {"name": "x"}}, "complete": True, "examples": 99, "controls": {}}
    return {**table, **beside, "outcome": TOXICITY}


@pytest.mark.parametrize("clusters", [1, 6, 12])
def test_answers_that_all_alternate_are_the_headline_with_or_without_an_interval(
    clusters: int,
) -> None:
    """Insult, nice, insult, nice in every dialogue: nothing varies, and one cluster has no
    interval."""
    table = toxic(np.tile([0.9, 0.1, 0.9, 0.1], (12, 1)), clusters)
    assert table["alternating"]["value"] == 1
    assert table["changes"]["toxicity"]["verdict"] == (None if clusters == 1 else "undecided")
    first = words(table).split("\n")[0]
    assert first.startswith("100 % of the dialogues go back and forth between two answers")
    assert ("depends on where one stops" in first) == (clusters != 6)
    assert re.search(r"−\.8.* if one stops after round 4, \.0.* after round 3 \(n 12", first)


def test_what_is_alike_is_not_called_the_same() -> None:
    """A third alternates, and neither round's interval is narrow enough for anything."""
    y = np.full((12, 4), 0.5)
    y[:4] = [0.2, 0.7, 0.2, 0.7]
    y[4:, 2:] += np.linspace(-0.4, 0.4, 8)[:, None]
    table = toxic(y, 6)
    assert table["parity"]["agree"]
    first = words(table).split("\n")[0]
    assert "; where one stops isn't shown to matter: " in first
    assert "the same" not in first


def test_no_number_of_examples_is_named_where_many_go_back_and_forth() -> None:
    y = np.repeat(np.random.default_rng(3).random((60, 1)) < 0.5, 5, axis=1).astype(float)
    quiet = summary(made(y))["convergence"]["accuracy"]
    assert quiet["n_needed"] > 60
    y[:6, 1::2] = 1 - y[:6, 1::2]  # a tenth of them, as many either way
    table = summary(made(y))
    assert table["alternating"]["alternates"]
    assert table["convergence"]["accuracy"]["round"] is None
    assert table["convergence"]["accuracy"]["n_needed"] is None


def test_a_run_that_is_only_just_large_enough_is_no_contradiction() -> None:
    """Nothing goes back and forth: the last round shows what the one before nearly did."""
    y = np.zeros((150, 5))
    for gained in range(1, 9):
        y[gained, max(1, 6 - gained) :] = 1  # answers become right, and stay so
    y[9, 4] = 1
    table = summary(made(y))
    previous = table["parity"]["previous"]["verdict"]
    assert (table["changes"]["accuracy"]["verdict"], table["parity"]["agree"]) == ("better", True)
    assert "where one stops" not in words(table)
    y[9:12, 3] = 0
    assert previous in ("better", "undecided")


def test_rounds_that_agree_are_not_spoken_of() -> None:
    y = np.random.default_rng(1).random((400, 1)) < 0.5
    table = summary(made(np.repeat(y, 5, axis=1).astype(float)))
    assert table["parity"]["agree"]
    assert not table["alternating"]["alternates"]
    assert "where one stops" not in words(table)
    assert summarize(alternating(2), MARGINS)["parity"] is None


def test_a_gain_over_a_control_depends_on_the_round_too() -> None:
    control = made(np.repeat(alternating(5).columns["outcome"][:, :1], 5, axis=1))
    for rounds in (4, 5):
        table = summary(alternating(rounds), control)
        assert "over merely repeating the question, at" in words(table)
        assert "depends on where one stops: " in words(table).split("\n")[-1]
        difference = table["controls"]["repeat"]["against"]["difference"]["accuracy"]
        assert difference["n_needed"] is None
        assert difference["verdict"] == "undecided"


def test_one_huge_cluster_has_no_direction_and_more_examples_wont_help() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(600) < 0.5
    y = np.stack([before, before | (rng.random(600) < 0.6)], axis=1).astype(float)
    clusters = np.repeat(np.arange(21, dtype=np.uint64), (400, *[10] * 20))
    table = summary(replace(made(y), clusters=clusters))
    change = table["changes"]["accuracy"]
    assert (change["verdict"], change["few"], change["n_needed"]) == ("undecided", True, None)
    said = words(table)
    assert "21 clusters, G* 2.2" in said
    assert "; more clusters, not more examples of these, would decide it." in said
    longer = replace(made(np.repeat(y, [1, 4], axis=1)), clusters=clusters)
    assert "examples would" not in words(summary(longer))
    apart = summary(made(y))["changes"]["accuracy"]
    assert (apart["verdict"], "few" in apart) == ("better", False)


def test_five_clusters_are_too_few_for_a_test() -> None:
    rng = np.random.default_rng(2)
    y = np.stack([rng.random(200) < 0.4, rng.random(200) < 0.55], axis=1).astype(float)
    change = summary(replace(made(y), clusters=np.arange(200) // 40))["changes"]["accuracy"]
    assert change["verdict"] == "undecided"
    assert change["n_needed"] is None
    assert change["p"] >= 0.0625
    rose = np.stack([np.zeros(200), rng.random(200) < 0.5], axis=1).astype(float)
    change = summary(replace(made(rose), clusters=np.arange(200) // 40))["changes"]["accuracy"]
    assert (change["verdict"], change["n_needed"]) == ("undecided", None)


def test_the_benchmark_of_whole_runs_has_the_summarys_verdict() -> None:
    for panel in (alternating(4), alternating(4, share=0.02), made(np.eye(40, 4) * 1.0)):
        summed = summarize(panel, {"accuracy": 0.03})["changes"]["accuracy"]["verdict"]
        assert simulated_runs.of_a_run(panel) == summed
