"""The verdict, table and page of an outcome that isn't accuracy."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console

from outcomes import records
from selfcorrect.measures.catalogue import margins
from selfcorrect.measures.compare import compare
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel, panel
from selfcorrect.measures.rounds import against, summarize
from selfcorrect.outcome import Outcome
from selfcorrect.records import frame
from selfcorrect.report.decision import headline
from selfcorrect.report.notes import missing
from selfcorrect.report.numbers import about
from selfcorrect.report.page import page
from selfcorrect.report.table import table
from selfcorrect.report.verdict import verdict

TOXICITY = Outcome("toxicity", "mean", "lower", (0, 1), 0.02, "How toxic a reply is.")
LENGTH = Outcome("lines_kept", "mean", "higher", (0, float("inf")), 0.5, "Lines that stay.")


def summary(
    run: NDArray[Any], control: NDArray[Any], outcome: Outcome, read: NDArray[Any] | None = None
) -> dict[str, Any]:
    def made(values: NDArray[Any], read: NDArray[Any] | None = None) -> Panel:
        return panel(frame(records(values, read)), (), outcome)

    own, mine, other = Own(outcome), made(run, read), made(control)
    within = margins(outcome, {})
    beside = {**summarize(other, within, own), "against": against(mine, other, within, own)}
    found: dict[str, Any] = {
        "folder": "runs/x",
        "complete": True,
        "dialogues": len(run),
        "wanted": len(run),
        "examples": 1_000_000,
        "outcome": {
            "name": outcome.name,
            "kind": outcome.kind,
            "better": outcome.better,
            "margin": outcome.margin,
        },
        "own": own.terms(),
        "spec": {
            "model": {"name": "m"},
            "task": {"name": "t"},
            "strategy": {"name": "intrinsic"},
            "margins": within,
        },
        **summarize(mine, within, own),
        "controls": {"repeat": {"folder": "runs/y", "dialogues": len(run), **beside}},
        "notes": [],
    }
    found |= {"headline": headline(found), "verdict": verdict(found)}
    return found


def falling(step: float, seed: int = 0, n: int = 200, rounds: int = 5) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.3, 0.6, (n, 1))
    return np.clip(level - step * np.arange(rounds) + rng.normal(0, 0.02, (n, rounds)), 0, 1)


def test_an_outcome_that_falls_for_the_better() -> None:
    found = summary(falling(0.05), falling(0.0, seed=1), TOXICITY)
    assert found["headline"] == "better"
    said = found["verdict"]
    change = found["changes"]["toxicity"]
    assert change["value"] == pytest.approx(-0.2, abs=0.01)
    assert change["after"] - change["before"] == pytest.approx(change["value"])
    assert re.search(
        r"^Toxicity fell by \.20\d \[\.17\d, \.2[12]\d\] from round 1 to round 5 \(n 200, 200 "
        r"clusters\), which is better\.$",
        said,
        re.MULTILINE,
    )
    assert re.search(
        r"^intrinsic ends with \.\d+ \[.*\] less toxicity than merely repeating the question.*, "
        r"which is better",
        said,
        re.MULTILINE,
    )
    assert "hasn't converged: toxicity moved by more than .020 after round 2" in said
    assert (
        found["rounds"][4]["flow"]
        == {"better": 190, "unchanged": 0, "worse": 10} | found["rounds"][4]["flow"]
    )


def test_one_that_rises_for_the_worse_and_one_that_rises_for_the_better() -> None:
    worse = summary(1 - falling(0.05), 1 - falling(0.0, seed=1), TOXICITY)
    assert worse["headline"] == "worse"
    assert re.search(r"^Toxicity rose by .*, which is worse\.$", worse["verdict"], re.M)
    assert "more toxicity than merely repeating the question, which is worse" in worse["verdict"]
    better = summary(10 * (1 - falling(0.05)), 10 * (1 - falling(0.0)), LENGTH)
    assert better["headline"] == "better"
    assert re.search(r"^Lines kept rose by 2\.0\d\d \[", better["verdict"], re.M)


def test_one_that_stays_is_the_same_and_has_converged() -> None:
    run = falling(0.0, n=300)  # fewer couldn't show it: 2 % of them might jump
    twin = run + np.random.default_rng(9).normal(0, 0.01, run.shape)
    found = summary(run, np.clip(twin, 0, 1), TOXICITY)
    assert found["headline"] == "same"
    assert "Toxicity stayed the same within ±.020 from round 1 to round 5" in found["verdict"]
    assert "From round 1 on, toxicity stays within ±.020" in found["verdict"]
    assert (
        "intrinsic adds nothing to merely repeating the question, within ±.020"
        in (found["verdict"])
    )


def test_unread_texts_decide_nothing() -> None:
    values = falling(0.0)
    read = np.ones(values.shape)
    read[:80, 4] = 0
    found = summary(values - 0.05 * (np.arange(5) == 4), values, TOXICITY, read)
    assert found["headline"] == "undecided"
    first, second, *_ = found["verdict"].split("\n")
    assert first == "Whether toxicity changed can't be said: too many answers couldn't be read."
    assert "80 of 200 in round 5" in second
    assert "Left out, they make it −.049" in second
    assert " (n 120, 120 clusters); counted otherwise, " in second
    assert found["changes"]["toxicity"]["n_needed"] is None


def test_without_bounds_the_unread_count_as_what_was_seen() -> None:
    values = 5 + falling(0.0)
    read = np.ones(values.shape)
    read[:80, 4] = 0
    found = summary(values + 0.5 * (np.arange(5) == 4), values, LENGTH, read)
    assert found["headline"] in ("undecided", "better")
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("outcome", [TOXICITY, LENGTH])
def test_table_and_page_speak_of_the_outcome_alone(outcome: Outcome) -> None:
    found = summary(falling(0.02), falling(0.0, seed=3), outcome)
    json.dumps(found, allow_nan=False)
    console = Console(width=100, record=True)
    console.print(table(found, 100))
    text = console.export_text()
    html = page(found)
    name = outcome.name.replace("_", " ")
    assert f"{name} [95 %]" in text
    assert name in html
    for shown in (text, found["verdict"], re.sub(r"<script.*?</script>", "", html, flags=re.S)):
        assert "accuracy" not in shown.lower().replace("@outcome", "")
        assert "inf" not in re.findall(r"[\w.]+", shown.lower())
        assert "nan" not in re.findall(r"[\w.]+", shown.lower())
    assert set(found["rounds"][0]["measures"]) == {
        outcome.name, "parse_rate", "tokens", "encoded", "generated", "reused", "drafted"
    }  # fmt: skip


@pytest.mark.slow
def test_intervals_of_a_mean_hold() -> None:
    """Planted: the difference is −.05; 95 % intervals hold it 95 times of 100."""
    held = 0
    for seed in range(120):
        p = panel(frame(records(falling(0.05, seed, n=60, rounds=2))), (), TOXICITY)
        found = compare(p, p, (2, 1), margins(TOXICITY, {}))["toxicity"]
        held += found["low"] <= -0.05 <= found["high"]
    assert held >= 106


def test_no_interval_leaves_the_outcome_s_bounds() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random((12, 2)) < 0.15, 1.0, 0.0)
    found = summarize(panel(frame(records(values)), (), TOXICITY), margins(TOXICITY, {}))
    for row in found["rounds"]:
        e = row["measures"]["toxicity"]
        assert 0 <= e["low"] <= e["value"] <= e["high"] <= 1
        assert 0 <= e["band"][0] <= e["band"][1] <= 1
    assert found["changes"]["toxicity"]["low"] >= -1


def test_a_count_of_words_is_written_without_thousandths() -> None:
    """And a share of the task's own as any other."""
    rng = np.random.default_rng(0)
    found = summary(rng.uniform(0, 1, (12, 3)), rng.uniform(0, 1, (12, 3)), TOXICITY)
    share = {"value": 0.43752, "low": 0.2304, "high": 0.6678, "n": 12, "clusters": 12}
    words = {"value": 50.93812, "low": 32.93412, "high": 68.77512, "n": 12, "clusters": 12}
    for row in found["rounds"]:
        row["measures"] |= {"share_toxic": share, "words": words}
    console = Console(width=100, record=True)
    console.print(table(found, 100))
    said = " ".join(console.export_text().split())
    assert "words: 50.9 [32.9, 68.8] in round 1" in said
    assert "share_toxic: .438 [.230, .668] in round 1" in said
    shown = re.sub(r"<script.*?</script>", "", page(found), flags=re.S)
    assert "50.9" in shown
    assert "50.938" not in shown


def test_a_number_that_one_round_lacks_is_not_said_to_be_missing_everywhere() -> None:
    found = summary(falling(0.02), falling(0.0, seed=3), TOXICITY)
    nowhere = {"value": None, "low": None, "high": None, "n": 0, "clusters": 0}
    nowhere |= {"why": "no record has it"}
    for row in found["rounds"]:
        row["measures"]["all_rounds"] = nowhere
    found["rounds"][0]["measures"]["appended"] = nowhere
    [(why, names)] = [each for each in missing(found) if "appended" in str(each)]
    assert why == "no record has it"
    assert "appended in round 1" in names
    assert any(name.replace(" ", "_") == "all_rounds" for name in names)


@given(st.integers(1, 10**9))
def test_a_number_of_examples_has_two_digits_and_is_never_less(n: int) -> None:
    told = int(about(n).removeprefix("about ").replace(",", ""))
    assert n <= told <= n * 1.1 + 1
    assert len(str(told).rstrip("0")) <= 2


def test_every_control_has_its_outcome_beside_the_table() -> None:
    """What another control came to can be read, not only what it took."""
    values = falling(0.05)
    found = summary(values, values, TOXICITY)
    blind = summary(values, values + 0.1, TOXICITY)["controls"]["repeat"]
    found["controls"]["blind"] = blind
    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(found))
    mean = blind["rounds"][-1]["measures"]["toxicity"]["value"]
    (line,) = [line for line in shown.get().splitlines() if line.startswith("blind (round 5)")]
    assert f"{mean:.3f}".lstrip("0") in line
    assert "round 5 − blind: −.100" in line
