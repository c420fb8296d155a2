"""The bill against a plain count of the records; requirements on a run."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from commands import printed, refused
from panels import made
from selfcorrect.cli import app
from selfcorrect.errors import nearest
from selfcorrect.measures import rounds
from selfcorrect.measures.advice import moved
from selfcorrect.measures.catalogue import margins
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.worth import worth
from selfcorrect.report.bill import of_run
from selfcorrect.report.table import table
from selfcorrect.runs import Run
from selfcorrect.runs.costs import latency_of, seconds_of
from selfcorrect.runs.require import NAMES, check
from selfcorrect.runs.spent import spent_on
from selfcorrect.runs.store import Store

N = 30


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    return sc.run(
        "planted:chain", task="planted", rounds=3, limit=N, out=out, progress=False, controls=True
    )


@pytest.fixture(scope="module")
def summary(run: Run) -> dict[str, Any]:
    return run.summary()


def priced(run: Run, price: tuple[float, ...]) -> Run:
    spec = run.header.spec
    model = spec.model.model_copy(update={"price": price})
    header = replace(run.header, spec=spec.model_copy(update={"model": model}))
    return replace(run, header=header)


def test_every_arm_is_charged_what_its_own_records_say(run: Run, summary: dict[str, Any]) -> None:
    arms = summary["cost"]["arms"]
    assert list(arms) == ["intrinsic", "repeat", "baseline"]
    for name, told in arms.items():
        of = run if name == "intrinsic" else run.control(name)
        assert of is not None
        rows = of.records.to_dicts()
        steps = [step for row in rows for step in row["steps"]]
        names = ("prompt_tokens", "reused", "generated", "drafted", "encoded")
        plain = {key: sum(step[key] or 0 for step in steps) for key in names}
        want = {
            "prompt": plain["prompt_tokens"],
            "cached": plain["reused"],
            "generated": plain["generated"],
            "drafted": plain["drafted"],
            "alone": plain["prompt_tokens"] - plain["reused"] + plain["generated"],
        }
        assert {key: told[key] * N for key in want} == pytest.approx(want)
        assert sum(each["alone"] for each in told["rounds"]) == pytest.approx(told["alone"])
        assert told["money"] is None
    ratio = summary["controls"]["repeat"]["against"]["tokens_ratio"]
    assert ratio == pytest.approx(arms["intrinsic"]["alone"] / arms["repeat"]["alone"])


@pytest.mark.parametrize("price", [(3.0, 5.0), (3.0, 1.0, 5.0)])
def test_money_with_and_without_the_price_of_what_is_cached(
    run: Run, price: tuple[float, ...]
) -> None:
    told = priced(run, price).summary()["cost"]["arms"]["intrinsic"]
    prompt, cached = told["prompt"], told["cached"]
    assert cached > 0
    whole = price[0] * prompt + price[-1] * told["generated"]
    assert told["money_uncached"] == pytest.approx(whole / 1e6)
    less = (price[0] - price[1]) * cached if len(price) == 3 else 0
    assert told["money"] == pytest.approx((whole - less) / 1e6)
    for name in ("money", "money_uncached"):
        assert sum(each[name] for each in told["rounds"]) == pytest.approx(told[name])
    last = told["rounds"][-1]
    whole = price[0] * last["prompt"] + price[-1] * last["generated"]
    assert last["money_uncached"] == pytest.approx(whole / 1e6)


def test_the_table_of_the_bill_names_every_arm(run: Run, summary: dict[str, Any]) -> None:
    billed = of_run(summary, by_round=True)
    assert billed is not None
    assert [row[0] for row in billed.rows][:4] == [
        "intrinsic", "intrinsic, round 1", "intrinsic, round 2", "intrinsic, round 3"
    ]  # fmt: skip
    assert "uncached" not in billed.columns  # nothing is paid for
    paid = of_run(priced(run, (3.0, 1.0, 5.0)).summary())
    assert paid is not None
    assert {"money", "uncached"} <= set(paid.columns)
    assert table(summary, 40)  # narrow: fewer columns


@pytest.mark.parametrize(
    ("price", "why"),
    [("0.1,0.2,0.3", "cached tokens cost more"), ("1,2,3,4", "two numbers"), ("1", "two numbers")],
)
def test_prices_that_make_no_sense_are_refused(price: str, why: str) -> None:
    said = refused("run", "--model", "openai:m", "--base-url", "http://127.0.0.1:9",
                   "--price", price)  # fmt: skip
    assert why in said


def test_requirements_against_the_summary(summary: dict[str, Any]) -> None:
    last = summary["rounds"][-1]["measures"]["accuracy"]
    first, *rest = check(
        summary,
        [f"accuracy.last >= {last['value']}", f"accuracy.last.low < {last['low']}",
         "unread.most <= 0", f"dialogues > {N - 1}", "money < 1"],
    )  # fmt: skip
    assert first.holds
    assert first.seen == last["value"]
    assert [each.holds for each in rest] == [False, True, True, False]
    assert rest[-1].seen is None  # what isn't known isn't met
    change = summary["changes"]["accuracy"]
    assert check(summary, ["change.low > -1"])[0].seen == change["decides"][0]
    # what needs another round is a measure, too
    changed = summary["rounds"][-1]["changed"]
    assert check(summary, ["changed.last < 2"])[0].seen == changed["value"]
    assert check(summary, ["settled.last < 2"])[0].seen is None  # no round follows


def test_more_is_better_whichever_way_the_outcome_goes(summary: dict[str, Any]) -> None:
    turned = {**summary, "outcome": {**summary["outcome"], "better": "lower"}}
    one, other = (
        {name: check(table, [f"change.{name} > 0"])[0].seen for name in ("value", "low", "high")}
        for table in (summary, turned)
    )
    assert (other["value"], other["low"], other["high"]) == pytest.approx(
        (-one["value"], -one["high"], -one["low"])  # type: ignore[operator]
    )


def test_a_difference_of_the_reading_alone_meets_nothing() -> None:
    """Planted: nobody's answer changes, and 15 % of the first ones can't be read."""
    read = np.ones((300, 2))
    read[:45, 0] = 0
    right = np.tile(np.arange(300) % 2, (2, 1)).T
    panel = made(np.where(read == 1, right, 0.0), parse_rate=read, gradable=np.ones((300, 2)))
    told = asked_of(panel)
    assert told["changes"]["accuracy"]["decides"][0] > 0  # as it is recorded
    for text in ("gain > 0", "gain.low > -0.02", "change.low > 0"):
        assert not check(told, [text])[0].holds
    assert check(told, ["gain.low > -0.2"])[0].holds


def test_shares_reach_as_far_as_what_could_not_be_read() -> None:
    """Of 100 right ones 20 can't be read at last, and 4 of the others are wrong."""
    read, right = np.ones((200, 2)), np.tile(np.arange(200) < 100, (2, 1)).T.astype(float)
    read[:20, 1] = 0
    right[20:24, 1] = 0
    panel = made(np.where(read == 1, right, 0.0), parse_rate=read, gradable=np.ones((200, 2)))
    told = asked_of(panel)
    assert told["decision"]["harm"]["high"] < 0.2
    seen = [check(told, [text])[0].seen for text in ("harm < 1", "harm > 0", "harm.high < 1")]
    assert seen[:2] == [0.24, 0.04]
    assert seen[2] is not None
    assert seen[2] > 0.24
    reach = [check(told, [text])[0].reach for text in ("harm < 1", "harm.high < 1", "mend.low > 0")]
    assert reach == [False, True, False]
    sure = asked_of(made(right))  # all is read: another level than 95 % alone reaches no further
    assert not any(check(sure, [f"{of} < .9"])[0].reach for of in ("gain.high", "change.high"))


def test_of_too_few_clusters_and_of_a_coin_s_side_no_end_is_told() -> None:
    up = np.tile([0.0, 1.0], (200, 1))
    few = replace(made(up), clusters=np.arange(200, dtype=np.uint64) % 3)
    assert not check(asked_of(few), ["gain.low > -1"])[0].holds
    turning = made(np.tile([0.0, 1.0, 0.0, 1.0], (200, 1)))
    told = asked_of(turning)
    assert told["changes"]["accuracy"]["depends"]
    assert [check(told, [text])[0].holds for text in ("gain > 0", "gain.low > 0.5")] == [False] * 2


def test_a_gain_is_over_every_single_answer_not_the_one_best_known() -> None:
    """Shown to be as its first round is says nothing of the question alone: planted, 2 points less
    than that, `gain.low > -0.02` held in 60 % of runs."""
    e = {"margin": 0.03, "n": 400, "clusters": 400, "reach": None}
    first = {**e, "value": 0.0, "verdict": "same", "low": -0.01, "high": 0.01}
    alone = {**e, "value": 0.01, "verdict": "undecided", "low": -0.04, "high": 0.06}
    for better, sign in (("higher", 1), ("lower", -1)):
        turned: list[dict[str, Any]] = []
        for x in (first, alone):
            low, high = sorted((sign * x["low"], sign * x["high"]))  # type: ignore[operator]
            value = sign * x["value"]  # type: ignore[operator]
            turned.append({**x, "value": value, "low": low, "high": high})
        outcome = {"name": "accuracy", "better": better, "kind": "share"}
        against = {"against": {"difference": {"accuracy": turned[1]}}}
        decided = worth({"accuracy": turned[0]}, {"baseline": against}, outcome, None)
        told = {**asked_of(made(np.ones((9, 2)))), "outcome": outcome, "decision": decided}
        seen = [check(told, [f"gain{part} > -0.5"])[0].seen for part in ("", ".low", ".high")]
        assert seen == [0.0, -0.04, 0.01]
    assert decided is not None
    decided["singles"]["baseline"] = {**alone, "value": None, "low": None, "high": None}
    assert check(told, ["gain.low > -0.5"])[0].seen is None


def test_a_name_that_is_not_known_lists_the_usual_ones_first() -> None:
    known = [*(f"brier.{n}" for n in range(60)), "unread.last", "money", "gain", "harm"]
    said = nearest("x", known, first=NAMES)
    assert said.startswith("known are gain, harm, unread.last, money, brier.0, ")
    assert said.endswith(" and 24 more")


def asked_of(panel: Panel) -> dict[str, Any]:
    """As much of a run's summary as requirements look at."""
    within = margins(panel.outcome, {})
    told = rounds.summarize(panel, within, Own(panel.outcome))
    outcome = {"name": panel.outcome.name, "better": "higher", "kind": "share"}
    decided = worth(told["changes"], {}, outcome, moved(panel, within[panel.outcome.name]))
    return {**told, "outcome": outcome, "decision": decided, "cost": {"arms": {}}, "dialogues": 1}


def test_every_name_that_the_docs_promise_is_one(summary: dict[str, Any]) -> None:
    for name in NAMES:
        wanted = name + {"unread": ".last", "latency": ".p95"}.get(name, "")
        assert check(summary, [f"{wanted} > 0"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gain > -2", "'gain > -2' says nothing, as gain lies between -1 and 1"),
        ("gain.low > -2", "it is a share, and -2 points are -0.02"),
        ("unread.last < 5", "and 5 points are 0.05"),
        ("accuracy.last.low >= 60", "accuracy lies between 0 and 1"),
        ("unread.last >= 0", "unread lies between 0 and 1 whatever a run shows"),
        ("harm <= 1", "harm lies between 0 and 1 whatever a run shows"),
        ("gain > 1", "gain lies between -1 and 1 whatever a run shows"),
        ("brier.last <= 2", "brier lies between 0 and 2 whatever a run shows"),
        ("seconds > -1", "seconds lies at 0 or above whatever a run shows"),
        ("gain > x", "is no number"),
        ("gain > nan", "is no number"),
        ("gain > 1_0", "is no number"),
        ("gain == 1", "is no requirement"),
        ("gain", "is no requirement"),
        ("__import__('os') > 1", "is no requirement"),
        ("gian.low > 1", "did you mean 'gain"),
    ],
)
def test_what_is_no_requirement_is_refused(run: Run, text: str, why: str) -> None:
    assert why in refused("check", str(run.folder), "--require", text)


def test_statuses_and_files(run: Run, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "j.xml", tmp_path / "m.md"
    asked = ["check", str(run.folder), "--require", "unread.last < 0.05", "--json",
             "--junit", str(junit), "--markdown", str(markdown)]  # fmt: skip
    told = json.loads(printed(*asked))
    assert told["holds"] is True
    assert told["requirements"][0]["seen"] == 0
    failing = CliRunner().invoke(app, [*asked, "--require", "gain > 0.9"], catch_exceptions=False)
    assert failing.exit_code == 1  # and the files of before are ours to replace
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert len(re.findall(r"^\| (?:yes|\*\*no\*\*) \|", markdown.read_text("utf-8"), re.M)) == 2
    other = tmp_path / "notes.md"
    other.write_text("mine", "utf-8")
    said = refused(*asked[:-1], str(other))
    assert "isn't a table of ours" in said
    assert other.read_text("utf-8") == "mine"
    assert math.isfinite(told["requirements"][0]["seen"])
    (tmp_path / "link.xml").symlink_to(tmp_path / "new")
    (tmp_path / "link.md").symlink_to(tmp_path / "new")
    said = refused(*asked[:5], "--junit", str(tmp_path / "link.xml"),
                   "--markdown", str(tmp_path / "link.md"))  # fmt: skip
    assert "can't be a JUnit file and a table" in said


def test_a_junit_file_of_a_strange_folder_is_xml(run: Run, tmp_path: Path) -> None:
    odd = shutil.copytree(run.folder, tmp_path / "a\uffff]]><b>&\x0b")
    asked = ("check", str(odd), "--require", "unread.last < 0.05", "--junit", str(tmp_path / "j"))
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert ElementTree.parse(tmp_path / "j").getroot().get("name") == "a<U+FFFF>]]><b>&␋"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e400", "1e300", f"1{'0' * 400}"])
def test_damaged_times_are_as_none(run: Run, value: str, tmp_path: Path) -> None:
    """Whole numbers that no float can be ended in a traceback, of every command."""
    shutil.copytree(run.folder, tmp_path / run.folder.name)
    copy = replace(run, folder=tmp_path / run.folder.name)
    (note,) = (copy.folder / "timing").glob("chunk-*.json")
    whole = json.loads(note.read_text())
    for name in ("seconds", "dialogues", "waited"):
        text = json.dumps({**whole, name: [[["@"]]] * N if name == "waited" else "@"})
        note.write_text(text.replace('"@"', value))
        assert (seconds_of(copy) is None) == (name != "waited")
        assert latency_of(copy, [1])["request"] is None
    spent = {"requests": 1, "prompt": 1, "cached": 0, "generated": 1, "tokens": 2, "runs": 1}
    file = copy.folder / "timing" / "spent-20260101T000000Z-1-0123abcd.json"
    file.write_text(json.dumps({**spent, "money": "@"}).replace('"@"', value))
    assert spent_on(Store(copy.folder)) is None
