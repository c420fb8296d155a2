"""A gain split into parts: they add up, what is planted is found, and nothing where nothing was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import refused
from panels import MARGINS, made
from selfcorrect import runs as running
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.ends import turning
from selfcorrect.measures.ledger import PARTS, Ledger, ledger_of_arms, split
from selfcorrect.measures.paired import tango
from selfcorrect.measures.panel import Panel
from selfcorrect.report.comparison import sheet
from selfcorrect.report.sheet import Table
from selfcorrect.runs import RunSpec, open_run
from selfcorrect.runs.compare import compare
from selfcorrect.studies.attribution.sheet import findings
from selfcorrect.studies.execute import Done, execute

#: Of the first answer, and of each arm's last one.
LEVELS = {"first": 0.4, "afresh": 0.4, "majority": 0.5, "repeat": 0.55, "padded": 0.55,
          "method": 0.7}  # fmt: skip


def panels_of(ends: dict[str, Floats], clusters: Any = None, **read: Floats) -> dict[str, Panel]:
    """An arm's panel of the first answers and its last ones, right or wrong."""
    found = {}
    for arm in ("method", "repeat", "padded", "majority", "afresh"):
        right = np.stack([ends["first"], ends[arm]], axis=1)
        was_read = np.stack([np.ones(len(right)), read.get(arm, np.ones(len(right)))], axis=1)
        rounds = slice(1, None) if arm == "majority" else slice(None)
        panel = made(right[:, rounds], parse_rate=was_read[:, rounds])
        found[arm] = panel if clusters is None else replace(panel, clusters=clusters)
    return found


def drawn(rng: np.random.Generator, hardness: Floats) -> dict[str, Floats]:
    """Right or wrong at each end, of examples of which each is so much likelier to be right."""
    return {
        end: (rng.random(len(hardness)) < np.clip(level + hardness, 0, 1)).astype(float)
        for end, level in LEVELS.items()
    }


def ledger_of(ends: dict[str, Floats], clusters: Any = None, **read: Floats) -> Ledger:
    return ledger_of_arms(panels_of(ends, clusters, **read), MARGINS)


def told(found: dict[str, Any], **more: Any) -> list[str]:
    """The findings of a split."""
    none = {"tokens": None, "ratio": None, "later": None}
    return list(findings({
        "outcome": "accuracy", "share": True, "margin": 0.03, "method": "mine", "rounds": [1, 2],
        "votes": 5, "asks": True, "tokens": dict.fromkeys(("majority", "padded"), none),
        **found, **more,
    }))  # fmt: skip


def test_the_parts_are_differences_of_arms_and_add_up() -> None:
    ends = drawn(np.random.default_rng(0), np.zeros(300))
    found = split(ledger_of(ends))
    wrong = ends["first"] == 0
    for whose, rows in (("all", wrong | ~wrong), ("wrong", wrong), ("right", ~wrong)):
        parts = found[whose]["parts"]
        for name, (before, after) in PARTS.items():
            assert parts[name]["value"] == pytest.approx((ends[after] - ends[before])[rows].mean())
            gained = int((ends[after] > ends[before])[rows].sum())
            lost = int((ends[after] < ends[before])[rows].sum())
            ends_of = tango(gained, lost, int(rows.sum()))
            assert (parts[name]["low"], parts[name]["high"]) == pytest.approx(ends_of)
        whole = found[whose]["whole"]["value"]
        assert sum(part["value"] for part in parts.values()) == pytest.approx(whole, abs=1e-12)
    # verdicts go by intervals that hold together for five
    e = found["all"]["parts"]["instruction"]
    assert e["decides"][0] < e["low"]
    assert e["verdict"] == "better"


def test_dialogues_without_an_outcome_in_some_arm_are_left_out_of_all() -> None:
    ends = drawn(np.random.default_rng(1), np.zeros(200))
    ends["padded"][:15] = np.nan
    ends["method"][10:20] = np.nan
    found = split(ledger_of(ends))
    assert found["unknown"] == 20
    assert {e["n"] for e in found["all"]["parts"].values()} == {180}
    assert (
        "20 dialogues without a known outcome in some arm left out of all values (at last without "
        "one: the method 10, neutral words 15); verdicts stand for whatever those outcomes are."
    ) in told(found)
    nobody = split(ledger_of({**ends, "repeat": np.full(200, np.nan)}))
    assert told(nobody) == [
        "No dialogue has a known outcome in every arm, so there is nothing to split."
    ]


def test_answers_that_decide_it_by_being_unread_leave_it_open() -> None:
    ends = drawn(np.random.default_rng(2), np.zeros(300))
    read = np.ones(300)
    read[:150] = 0
    ends["padded"] = np.where(read == 1, ends["padded"], 0.0)
    found = split(ledger_of(ends, padded=read))
    assert found["all"]["parts"]["instruction"]["hangs"]
    said = " ".join(told(found))
    assert "undecided, as answers that couldn't be read or graded decide it" in said


def test_outcomes_that_one_arm_lacks_where_it_is_wrong_make_no_gain() -> None:
    """Every end is right as often; a third of the method's wrong answers has no outcome."""
    rng = np.random.default_rng(7)
    ends = {end: (rng.random(1_000) < 0.5).astype(float) for end in LEVELS}
    ends["method"][(ends["method"] == 0) & (rng.random(1_000) < 0.4)] = np.nan
    ledger = ledger_of(ends)
    found = split(ledger)
    for e in (
        found["all"]["whole"],
        found["all"]["parts"]["instruction"],
        *found["beside"].values(),
    ):
        assert e["low"] > 0  # of those that have one it looks like a gain
        assert (e["verdict"], e["hangs"]) == ("undecided", True)
        assert e["unread"][0] < e["low"] < e["unread"][1]
    assert "couldn't be read or graded decide it" in told(found)[0]
    # what lacks nothing itself is no better where the method's gaps choose the dialogues
    ends["padded"] = np.where(np.isnan(ends["method"]), 0.0, ends["repeat"])
    e = split(ledger_of(ends))["all"]["parts"]["length"]
    assert e["verdict"] != "same"


def test_answers_that_go_back_and_forth_show_no_gain() -> None:
    rng = np.random.default_rng(8)
    ends = {end: (rng.random(300) < 0.5).astype(float) for end in LEVELS}
    panels = panels_of(ends)
    y = np.repeat(ends["first"][:, None], 5, axis=1)
    y[:90, 1:] = [0.0, 1.0, 0.0, 1.0]
    panels["method"] = made(y)
    found = split(ledger_of_arms(panels, MARGINS))
    whole = found["all"]["whole"]
    assert whole["low"] > 0
    assert (whole["verdict"], whole["depends"]) == ("undecided", True)
    assert whole["parity"]["previous"]["verdict"] == "worse"
    assert "as it depends on the round in which one stops" in told(found)[0]
    assert "up to round 4)" in told(found)[0]
    assert set(turning(panels)) == {"method"}


def test_a_ledger_that_was_looked_at_before_has_less_to_spend() -> None:
    ends = drawn(np.random.default_rng(9), np.zeros(300))
    once, again = (ledger_of_arms(panels_of(ends), MARGINS, n) for n in ((300,), (100, 200, 300)))
    widths = [np.ptp(split(each)["all"]["whole"]["decides"]) for each in (once, again)]
    assert widths[1] > widths[0]


def test_arms_that_answer_alike_and_clusters_that_are_few_are_said() -> None:
    ends = drawn(np.random.default_rng(3), np.zeros(80))
    ends["padded"] = ends["repeat"]
    found = split(ledger_of(ends))
    e = found["all"]["parts"]["length"]
    assert (e["value"], e["low"]) == (0, pytest.approx(tango(0, 0, 80)[0]))
    assert "length .000 [" in told(found)[2]
    assert "none of 80 answers is better or worse" in told(found)[2]
    few = split(ledger_of(ends, np.arange(80, dtype=np.uint64) % 4))
    assert "undecided, as clusters are too few" in told(few)[1]


def planted(out: Path, model: str, n: int, rounds: int = 2, **settings: Any) -> Done:
    task = {"name": "planted", "options": {"n": n, "cluster_size": 2}}
    spec = RunSpec.model_validate({"model": model, "task": task, "rounds": rounds})
    return execute("attribution", settings, spec=spec, out=out)


def test_a_model_that_only_draws_again_owes_nothing_to_the_instruction(tmp_path: Path) -> None:
    """Every round of this chain is another first answer: all of its mending is chance."""
    law = "planted:chain?accuracy=.5,cl=.5,cs=.5,stay=0"
    done = planted(tmp_path, law, 40)
    result = done.result
    parts = result["all"]["parts"]
    assert all(e["low"] <= 0 <= e["high"] for e in parts.values())
    assert parts["instruction"]["verdict"] != "better"
    wrong = result["wrong"]["parts"]["regression"]
    assert wrong["low"] < 0.5 < wrong["high"]
    assert result["wrong"]["whole"]["low"] > 0  # and yet it looks like mending
    assert result["tokens"]["padded"]["later"]["value"] == pytest.approx(1, abs=0.1)
    assert "Of that the instruction" in done.sheet.findings[1]
    assert done.page.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.slow
def test_a_planted_instruction_is_found(tmp_path: Path) -> None:
    """Only words of being correct move this model: neither length nor repetition does."""
    result = planted(tmp_path, "planted:two-concept?rho=.3", 300, 4).result
    parts = result["all"]["parts"]
    assert parts["instruction"]["verdict"] == "better"
    assert parts["length"]["verdict"] not in ("better", "worse")
    # the lure is likelier than the right option: a majority falls for it, repetition gives it back
    assert (parts["sampling"]["verdict"], parts["repetition"]["verdict"]) == ("worse", "better")
    levels = {arm: e["value"] for arm, e in result["all"]["levels"].items()}
    assert levels["majority"] < levels["afresh"] - 0.1
    assert levels["repeat"] == pytest.approx(levels["afresh"], abs=0.1)
    assert result["tokens"]["majority"]["ratio"]["value"] == pytest.approx(1, abs=0.2)


def test_an_arm_that_is_not_as_large_as_it_should_be_is_said() -> None:
    found = split(ledger_of(drawn(np.random.default_rng(6), np.zeros(60))))
    twice = {"tokens": None, "ratio": {"value": 2.0, "low": 1.9, "high": 2.1}, "later": None}
    long = {"tokens": None, "ratio": None, "later": {"value": 1.5, "low": 1.4, "high": 1.6}}
    said = told(found, tokens={"majority": twice, "padded": long}, votes=10)
    assert "takes 2.00 [1.90, 2.10] times the method's tokens" in said[-2]
    assert "about --votes 5 would" in said[-2]
    assert "so length is only partly what differs" in said[-1]
    assert "counts no tokens" in told(found)[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--strategy", "repeat"], "has no parts"),
        (["--strategy", "baseline"], "has no parts"),
        (["--rounds", "1"], "has no parts"),
        (["--strategy", "cot"], "begins otherwise"),
        (["--strategy", "checking-oracle"], "uses the truth (oracle)"),
    ],
)
def test_a_method_that_cannot_be_split_is_refused(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    model = ["--model", "planted:chain", "--task", "planted", "--out", str(tmp_path)]
    assert said in refused("study", "attribution", *model, *arguments)


@pytest.mark.slow
def test_the_parts_intervals_hold() -> None:
    """400 ledgers of 240 dialogues in 40 clusters of 2 to 10, each of its own hardness."""
    rng = np.random.default_rng(4)
    sizes = rng.permutation(np.repeat([2, 4, 6, 8, 10], 8))
    clusters = np.repeat(np.arange(40, dtype=np.uint64), sizes)
    held = dict.fromkeys([(w, name) for w in ("all", "wrong") for name in (*PARTS, "whole")], 0)
    truth = _truth(np.random.default_rng(5))
    tried = 400
    for _ in range(tried):
        found = split(ledger_of(drawn(rng, rng.choice([-0.25, 0.25], 40)[clusters]), clusters))
        for whose, name in held:
            of = found[whose]
            e = of["whole"] if name == "whole" else of["parts"][name]
            held[whose, name] += e["low"] <= truth[whose, name] <= e["high"]
    shares = {key: n / tried for key, n in held.items()}
    assert all(0.92 <= share <= 0.995 for share in shares.values()), shares
    assert 0.945 <= np.mean(list(shares.values())) <= 0.98, shares


def _truth(rng: np.random.Generator) -> dict[tuple[str, str], float]:
    """By a million dialogues; those that were wrong at first are of the harder clusters more often
    (of as many dialogues each, as a cluster's hardness has nothing to do with its size)."""
    ends = drawn(rng, rng.choice([-0.25, 0.25], 1_000_000))
    found = {}
    for whose, rows in (("all", slice(None)), ("wrong", ends["first"] == 0)):
        for name, (before, after) in {**PARTS, "whole": ("first", "method")}.items():
            found[whose, name] = float((ends[after] - ends[before])[rows].mean())
    return found


def test_who_can_only_gain_never_stands_without_who_can_only_lose() -> None:
    from selfcorrect.studies.attribution.sheet import _rest

    e = {"value": -0.5, "low": -0.7, "high": -0.3, "n": 20, "clusters": 20}
    right = {"whole": e, "parts": {"regression": {**e, "value": -0.4}}}
    said = _rest({"share": True, "right": right})
    assert said.startswith("; of the others, which can only lose, by −.400 [")
    assert "and −.500 [−.700, −.300] (n 20" in said
    assert _rest({"share": True, "right": {"whole": {**e, "value": None}}}) == ""


def test_a_comparison_that_has_the_arms_has_the_ledger(tmp_path: Path) -> None:
    """The study's own numbers, and none where an arm is missing or is another's."""
    done = planted(tmp_path, "planted:chain?accuracy=0.4,cl=0.95,cs=0.4", 60)
    runs = [open_run(folder) for folder in sorted(tmp_path.glob("planted-*"))]
    named = {run.spec.strategy.name: run for run in runs if run}
    assert {"intrinsic", "repeat", "padded", "majority", "afresh"} == named.keys()
    table = compare(list(named.values()))
    [ledger] = table["ledgers"]
    assert ledger["run"] == "intrinsic"
    parts = {name: e["value"] for name, e in ledger["all"]["parts"].items()}
    assert parts == {name: e["value"] for name, e in done.result["all"]["parts"].items()}
    assert sum(parts.values()) == pytest.approx(ledger["all"]["whole"]["value"], abs=1e-12)
    [section] = [each for each in sheet(table).sections if "gains consist" in each.title]
    [shown] = section.parts
    assert isinstance(shown, Table)
    assert [row[0] for row in shown.rows][-1] == "together: the gain"
    for name in ("repeat", "padded", "majority", "afresh"):
        left = [run for arm, run in named.items() if arm != name]
        assert compare(left)["ledgers"] == []
    longer = named["intrinsic"].spec.model_copy(update={"rounds": 3})
    [other] = running.run([longer], out=tmp_path / "other", controls=False)
    assert compare([other, *(named[a] for a in named if a != "intrinsic")])["ledgers"] == []
