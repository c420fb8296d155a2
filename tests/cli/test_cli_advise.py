"""``selfcorrect advise``, and the end of ``compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import selfcorrect as sc
from commands import refused
from selfcorrect.cli import app
from selfcorrect.runs import Run
from selfcorrect.runs.advise import _control
from selfcorrect.runs.compare import compare
from selfcorrect.studies.checking.checks import checks_of

GAINS = "planted:chain?accuracy=0.4,cl=0.98,cs=0.6"


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(
        app, [str(arg) for arg in args], catch_exceptions=False, env={"COLUMNS": "200"}
    )


def run(out: Path, model: str = GAINS, **more: Any) -> Run:
    settings: dict[str, Any] = {"task": "planted", "rounds": 2, "limit": 120, "controls": False}
    return sc.run(model, **{**settings, **more}, out=out, progress=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    run(folder, controls=True)
    run(folder, strategy="majority", rounds=1, strategy_parameters={"samples": 3}, limit=100)
    return folder


def test_of_one_run_its_controls_are_taken_along(out: Path) -> None:
    done = call("advise", "planted-intrinsic", "--out", out)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Do: use repeat, with 2 rounds." in said  # as good as the review, and cheaper
    assert "what a majority of samples gains at these tokens (run --strategy majority)" in said
    assert "1,000 dialogues take" in said
    assert "whom it hurts, as its examples aren't of several categories" in said
    table = json.loads(call("advise", "planted-intrinsic", "--out", out, "--json").stdout)
    assert (table["word"], table["arm"]) == ("do", "repeat")
    assert table["gain"]["low"] > 0
    assert set(table["gains"]) == {"intrinsic", "repeat", "baseline"}
    assert table["gains"]["baseline"] is None
    assert table["costs"]["tokens"]["n"] == table["harm"]["n"] + table["mend"]["n"] == 120
    assert table["alike"] == ["intrinsic"]
    assert "intrinsic does as well as far as this shows" in said


def test_one_run_has_one_interval_and_a_wider_one_says_why(out: Path) -> None:
    """Its controls are no further methods; another method is."""
    mine = run(out, controls=True)  # as it is there
    decided = mine.summary()["decision"]
    table = json.loads(call("advise", "planted-intrinsic", "--out", out, "--json").stdout)
    gain, control = table["gains"]["intrinsic"], table["gains"]["repeat"]
    assert (gain["together"], control["together"]) == (1, 2)
    assert decided["once"]["value"] == gain["value"]
    for name in ("low", "high", "decides"):
        assert decided["once"][name] == gain[name]
    assert not any("wider" in each for each in sc.advise([mine])["said"] if "intrinsic" in each)
    other = run(out, strategy="negation")
    told = sc.advise([mine, other])
    assert told["gains"]["intrinsic"]["together"] == told["gains"]["negation"]["together"] == 2
    assert sum("wider than the one of" in each for each in told["said"]) == 1
    low, high = told["gains"]["intrinsic"]["decides"]
    assert low < gain["decides"][0] < gain["decides"][1] < high


def test_tokens_and_harm_are_those_of_an_arms_own_dialogues(tmp_path: Path) -> None:
    """Three rounds over a first round of three, and beside another arm's own first answers."""
    done = run(tmp_path, "planted:chain?accuracy=0.5,cl=0.95,cs=0.25,stay=0.2", rounds=3,
               controls=True)  # fmt: skip
    names = [f"planted-{name}" for name in ("intrinsic", "repeat", "baseline")]
    for chosen in (names[:2], names):
        told = json.loads(call("advise", *chosen, "--out", tmp_path, "--json").stdout)
        arm = done if told["arm"] == "intrinsic" else done.control("repeat")
        assert arm is not None
        over = sc.open_run(next(tmp_path.glob(f"planted-{told['over']}-*")))
        taken = arm.records["encoded"].sum()
        once = over.records.filter(over.records["round"] == 1)["encoded"].sum()
        more = (taken - once) / 120 * 1_000
        assert told["costs"]["tokens"]["value"] == pytest.approx(more)
        assert more > 0
        for name, record in (("harm", arm), ("again", done.control("repeat"))):
            if name == "again" and told["arm"] == "repeat":
                assert told["again"] is None
                continue
            assert record is not None
            wide = record.records.pivot(on="round", index="example", values="outcome")
            right = wide.filter(wide["1"] == 1)
            share = float((right["3"] == 0).sum()) / len(right)
            e = told["harm"] if name == "harm" else told["again"]["harm"]
            assert (e["value"], e["n"]) == (pytest.approx(share), len(right))


def test_compare_ends_with_it_and_says_what_was_left_out(out: Path) -> None:
    names = ["planted-intrinsic", "planted-repeat", "planted-majority"]
    done = call("compare", *names, "--out", out)
    assert done.exit_code == 0, done.output
    last = " ".join(done.output.split()).rpartition("Do: use")[2]
    assert "Beside a majority (majority, at " in last
    assert "which were left out (intrinsic 20, repeat 20, baseline 20)" in last
    page = (out / "compare.html").read_text("utf-8")
    assert "Advice on " in page
    table = json.loads(call("compare", *names, "--out", out, "--json").stdout)
    told = json.loads(call("advise", *names, "--out", out, "--json").stdout)
    assert told == table["advice"]
    # the majority's part is the records' own
    assert told["majority"]["arm"] == "majority"


def test_categories_of_clusters_and_dont(tmp_path: Path) -> None:
    """Right answers are undone, in two categories of 40 and not in one of five."""
    lines = []
    for k in range(85):
        a, b = 100 + k, 200 + 3 * k
        options = [str(a + b + step) for step in (0, 10, -10)]
        cluster = f"{'small' if k >= 80 else 'AB'[k % 2]}/{k % 5}/{k}"
        row = {"question": f"What is {a} + {b}?", "choices": options, "answer": 0}
        lines.append(json.dumps({**row, "id": str(k), "cluster": cluster}))
    data = tmp_path / "sums.jsonl"
    data.write_text("\n".join(lines), "utf-8")
    model = "planted:chain?accuracy=0.9,cl=0.2,cs=0,stay=0"
    done = run(tmp_path, model, task="choices", data=data, controls=True, limit=None)
    told = json.loads(call("advise", done.folder.name, "--out", tmp_path, "--json").stdout)
    assert told["word"] == "don't"
    hurt = {each["name"] for each in told["hurts"]["groups"] if each["hurts"]}
    assert hurt == {"A", "B"}
    assert told["hurts"]["few"] == {"small": 5}
    # the study of checks tells categories by the same rule
    assert {*checks_of(done).categories} == {"A", "B", "small"}
    said = " ".join(told["said"])
    assert "Don't: ask once." in said
    assert "It is shown to hurt in 2 of 2 categories (Holm)" in said
    assert "Too small to say anything of: small (5 examples)." in said


def test_an_outcome_that_is_a_number_and_runs_that_tell_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "planted:scores", task="planted-scores", controls=True, limit=40)
    told = json.loads(call("advise", done.folder.name, "--out", tmp_path, "--json").stdout)
    assert "worse by more than" in " ".join(told["said"])
    alone = run(tmp_path, strategy="baseline", rounds=1, limit=20)
    assert "is alone" in refused("advise", alone.folder.name, "--out", tmp_path)
    other = run(tmp_path, strategy="baseline", rounds=1, limit=20, seed=1, task_options={"n": 20})
    more = run(tmp_path, strategy="baseline", rounds=1, limit=20, task_options={"n": 20})
    names = [other.folder.name, more.folder.name]
    told = json.loads(call("advise", *names, "--out", tmp_path, "--json").stdout)
    assert told["word"] is None
    assert "each of these runs is a single answer" in told["said"][0]
    done = call("advise", *names, "--out", tmp_path)
    assert "Nothing can be advised" in done.output


def test_money_is_what_later_rounds_take_more(out: Path) -> None:
    done = sc.open_run(next(out.glob("planted-repeat-*")))
    spec = done.spec
    model = spec.model.model_copy(update={"price": (3.0, 5.0)})
    header = replace(done.header, spec=spec.model_copy(update={"model": model}))
    other = sc.open_run(next(out.glob("planted-baseline-*")))
    told = compare([replace(done, header=header), other])["advice"]
    later = done.records.filter(done.records["round"] == 2)
    paid = float((3 * later["prompt_tokens"] + 5 * later["generated"]).sum()) / 120 * 1_000 / 1e6
    assert told["arm"] == "repeat"
    assert told["costs"]["money"]["value"] == pytest.approx(paid)
    assert "in money more than" in " ".join(told["said"])


def test_asking_again_is_a_control_of_as_many_rounds_and_names_tell_what_differs(
    tmp_path: Path,
) -> None:
    one = run(tmp_path, limit=40, rounds=3)
    again = [run(tmp_path, limit=40, strategy="repeat", rounds=n) for n in (1, 2, 3)]
    table = compare([again[0], one, *again[1:]])
    assert [told["name"] for told in table["runs"]] == [
        "repeat, 1 round", "intrinsic, 3 rounds", "repeat, 2 rounds", "repeat, 3 rounds"
    ]  # fmt: skip
    alone = compare([one, again[0]])["advice"]  # the other one is a single answer
    assert (alone["arm"], alone["repeats"], alone["control"]) == ("intrinsic", False, None)
    arms = SimpleNamespace(panels=[SimpleNamespace(rounds=range(n)) for n in (1, 3, 2, 3, 3)])
    other = run(tmp_path, "planted:chain?accuracy=0.6,cl=0.98,cs=0.6", limit=40)
    side = SimpleNamespace(runs=[again[0], one, *again[1:], other], ranked=range(5))
    for found, nearest in (([2, 3], 3), ([2], 2), ([4, 2], 2), ([4], 4), ([], None)):
        assert _control(side, arms, 1, found) == nearest  # type: ignore[arg-type]
    assert "as the runs are of different models" in call("advise", one.folder, other.folder).output


def test_controls_beside_any_run_count_however_many_runs_are_named(out: Path) -> None:
    """An arm that is added doesn't hide what lies beside the others; a control of several counts
    once."""
    mine = run(out, controls=True)
    other = run(out, strategy="negation", controls=True)
    several = sc.advise([mine, other])
    assert set(several["gains"]) == {"intrinsic", "negation", "repeat", "baseline"}
    assert several["controls"] == ["repeat", "baseline"]
    assert several["methods"] == ["intrinsic", "negation"]
    assert (several["word"], several["arm"]) == ("do", "repeat")
    assert (several["word"], several["arm"]) == tuple(sc.advise([mine])[k] for k in ("word", "arm"))
    assert compare([mine, other])["advice"] == several
    named = sc.advise([mine, other, *(mine.control(n) for n in ("repeat", "baseline"))])  # type: ignore[list-item]
    assert named["controls"] == []
    told = [each for each in several["said"] if not each.startswith("Counted, too: repeat and")]
    assert told == named["said"]
    assert len(told) == len(several["said"]) - 1


def test_a_control_that_cannot_be_read_leaves_no_do(tmp_path: Path) -> None:
    mine = run(tmp_path, "planted:chain?accuracy=0.2,cl=1,cs=0.9", controls=True)
    other = run(tmp_path, "planted:chain?accuracy=0.2,cl=1,cs=0.9", strategy="negation")
    repeat = mine.control("repeat")
    assert repeat is not None
    (repeat.folder / "run.toml").write_text("?")
    for runs in ([mine], [mine, other]):
        told = sc.advise(runs)
        assert told["word"] == "undecided"
        assert list(told["without"]) == ["repeat"]
        assert told["said"][0].startswith("Not on this evidence: a control can't be read that may")


def test_a_method_that_is_shown_to_harm_is_said_to(tmp_path: Path) -> None:
    """Whether its control gains anything may stay open."""
    model = "planted:chain?accuracy=0.8,cl=0.75,cs=0.1"
    harmed = run(tmp_path, model, limit=300, controls=True)
    told = sc.advise([harmed])
    assert told["gains"]["intrinsic"]["verdict"] == "worse"
    assert (told["word"], told["arm"]) == ("don't", "intrinsic")
    assert told["said"][0].startswith("Don't: ask once. intrinsic is shown to be worse than asking")
    assert "looks best" not in " ".join(told["said"])
