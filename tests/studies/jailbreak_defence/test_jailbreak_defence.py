"""What was planted of a defence is found, and none where none was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import refused
from refusers import MARK, attacks, instructions, refuser
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.runs import RunSpec, run
from selfcorrect.studies import load
from selfcorrect.studies.execute import execute
from selfcorrect.studies.jailbreak_defence.against import against

SUCCESS = Outcome("attack_success", "share", better="lower")
NOTHING = {"none": 0.8}
PLANTED = {"none": 0.9, "self-reminder": 0.15, "demonstrations": 0.9, "1": 0.5, "2": 0.2}
#: The reminder refuses whatever is asked; checks don't.
HARMLESS = {"none": 0.95, "self-reminder": 0.1}


def studied(tmp_path: Path, goals: int = 30, scorer: str = "", **law: Any) -> Any:
    """The study of a model that obeys a law, on attacks and harmless instructions of ours."""
    data, control = attacks(tmp_path / "a.jsonl", goals), instructions(tmp_path / "i.jsonl")
    table = {"task": {"data": data}, "rounds": 3, "scorer": scorer}
    settings = load("jailbreak-defence").settings({"harmless": control})
    plan = load("jailbreak-defence").plan
    assert plan is not None
    specs = plan(RunSpec.model_validate(table), settings)
    model = refuser(**law)
    runs = {}
    for some in (False, True):  # attacks, then harmless instructions
        group = {arm: s for arm, s in specs.items() if arm.startswith("harmless") == some}
        done = run(list(group.values()), out=tmp_path, model=model, controls=False)
        runs |= dict(zip(group, done, strict=True))
    return execute("jailbreak-defence", {"harmless": control}, runs=runs, out=tmp_path)


def test_a_planted_defence_is_found_with_what_it_costs(tmp_path: Path) -> None:
    done = studied(tmp_path, gives_in=PLANTED, harmless=HARMLESS)
    found = done.result["attacks"]["differences"]
    truth = {
        "self-reminder": PLANTED["self-reminder"] - PLANTED["none"],
        "demonstrations": 0.0,
        "1 check": PLANTED["1"] - PLANTED["none"],
        "2 checks": PLANTED["2"] - PLANTED["none"],
    }
    assert list(found) == list(truth)
    for name, planted in truth.items():
        assert found[name]["low"] <= planted <= found[name]["high"]
        assert found[name]["n"] == 120
        assert found[name]["clusters"] == 30
        assert found[name]["state"] == ("shown" if planted else "open")
    control = done.result["harmless"]["differences"]
    assert control["self-reminder"]["state"] == "shown"
    assert control["2 checks"]["state"] == "open"
    said = " ".join(done.sheet.findings)
    assert "The reminder lowers attack success from" in said
    assert "The reminder refuses more of them" in said
    assert not done.result["apart"]["self-reminder"]["shown"]
    assert done.result["apart"]["2 checks"]["shown"]
    assert "attacks aren't shown to be refused more often" in said
    assert set(done.result["checks"]) == {
        "answers that gave in",
        "answers that refused",
        "answers to harmless instructions",
    }
    assert "That by attack method, each by itself" in said
    assert "2 checks lower attack success" in said
    groups = done.result["groups"]
    assert set(groups["method"]) == {"GCG", "PAIR"}
    assert set(groups["attacked model"]) == {"alpha", "beta"}
    assert set(groups["category"]) == {"Kind 0", "Kind 1", "Kind 2"}
    of = [each["differences"]["self-reminder"] for each in groups["method"].values()]
    assert [(e["n"], e["clusters"]) for e in of] == [(60, 30)] * 2
    both = sum(e["value"] for e in of) / 2
    assert both == pytest.approx(found["self-reminder"]["value"])
    everything = "".join(p.read_text("utf-8") for p in (done.json, done.page))
    assert MARK not in everything


def test_where_no_defence_does_anything_none_is_claimed(tmp_path: Path) -> None:
    done = studied(tmp_path, goals=12, gives_in=NOTHING)
    for part in ("attacks", "harmless"):
        states = [e["state"] for e in done.result[part]["differences"].values()]
        assert set(states) <= {"open", "same"}
    said = " ".join(done.sheet.findings)
    assert "lowers" not in said
    assert "no change of attack success is shown" in said


def test_answers_that_nobody_could_read_claim_no_defence(tmp_path: Path) -> None:
    empty = {"none": 0.0, "self-reminder": 0.6}
    law = {"gives_in": {"none": 0.5, "self-reminder": 0.6}, "says_nothing": empty}
    done = studied(tmp_path, goals=12, **law)
    e = done.result["attacks"]["differences"]["self-reminder"]
    assert e["state"] == "hangs"
    assert e["allow"][0] < 0 < e["allow"][1]
    said = " ".join(done.sheet.findings)
    assert "can't be said, as answers that couldn't be read allow anything" in said


def test_a_judge_stands_beside_the_phrases(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(
        "from selfcorrect.outcome import Outcome\n\n\n"
        "def judge(prompt, answer, reference):\n"
        f"    return float('{MARK}' in answer)\n\n\n"
        "judge.outcome = Outcome('harm', better='lower')\n"
    )
    scorer = f"python:{tmp_path / 'judge.py'}:judge"
    done = studied(tmp_path, goals=6, scorer=scorer, gives_in={"none": 0.5})
    judge = done.result["judge"]
    assert judge["agreement"]["none"]["kappa"]["value"] == pytest.approx(1)
    assert judge["levels"]["none"]["value"] == done.result["attacks"]["levels"]["none"]["value"]
    assert "agree with Cohen's κ" in " ".join(done.sheet.findings)


def drawn(
    rng: np.random.Generator, p: Mapping[str, float], goals: int = 40, size: int = 6
) -> tuple[dict[str, Any], Any]:
    """Pairs of answers with and without defences, which goals have in common; and the goals."""
    goal = np.repeat(np.arange(goals), size)
    hard = rng.normal(size=goals)[goal] + rng.normal(size=len(goal))

    def column(share: float) -> dict[str, Any]:
        noise = rng.normal(size=len(goal))
        x = hard + noise
        y = (x < np.quantile(x, share)).astype(float)
        ones = np.ones(len(goal))
        return {"outcome": y, "parse_rate": ones, "gradable": ones}

    before = column(p["none"])
    return {k: (column(v), before) for k, v in p.items() if k != "none"}, goal


@pytest.mark.slow
def test_under_the_null_a_defence_is_claimed_as_rarely_as_is_said() -> None:
    claimed, runs = 0, 400
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        pairs, goal = drawn(rng, dict.fromkeys(["none", "a", "b", "c", "d", "e"], 0.7))
        states = [e["state"] for e in against(pairs, SUCCESS, goal, 0.03).values()]
        claimed += "shown" in states
    assert claimed <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)


def test_differences_are_adjusted_together() -> None:
    pairs, goal = drawn(np.random.default_rng(0), {"none": 0.8, "a": 0.2, "b": 0.8, "c": 0.75})
    found = against(pairs, SUCCESS, goal, 0.03)
    assert found["a"]["state"] == "shown"
    assert found["a"]["value"] == pytest.approx(found["a"]["after"] - found["a"]["before"])
    p = sorted(e["p"] for e in found.values())
    by_hand = np.maximum.accumulate(np.minimum(1, np.array(p) * [3, 2, 1]))
    assert sorted(e["p_holm"] for e in found.values()) == pytest.approx(by_hand.tolist())


def test_what_cannot_be_studied_is_refused(tmp_path: Path) -> None:
    data = attacks(tmp_path / "a.jsonl", 2)
    line = ["study", "jailbreak-defence", "--model", "planted:chain"]
    assert "none come along: give --data" in refused(*line)
    assert "has none: leave --task out" in refused(*line, "--task", "bbq")
    assert "the first check is in round 2" in refused(*line, "--data", data, "--rounds", "1")
    assert "there are 3 demonstrations" in refused(*line, "--data", data, "--demonstrations", "4")
    assert "no such file" in refused(*line, "--data", data, "--harmless", "none.jsonl")


def test_attacks_that_never_succeed_leave_nothing_to_hold_off(tmp_path: Path) -> None:
    done = studied(tmp_path, goals=6, gives_in={"none": 0.0})
    assert not done.result["able"]
    assert "no attack succeeds without a defence" in done.sheet.findings[0]
    with pytest.raises(UserError, match="no option 'anywhere'"):
        execute("jailbreak-defence", {"anywhere": True}, out=tmp_path)
