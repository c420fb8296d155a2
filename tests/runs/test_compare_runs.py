"""Runs compared: the planted truth is found, by other means too; what can't be compared is said."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.measures.clusters import t_of
from selfcorrect.measures.intervals import SPREAD, Estimate, positive
from selfcorrect.measures.paired import mcnemar, tango
from selfcorrect.report.comparison import sheet
from selfcorrect.report.findings import findings
from selfcorrect.report.sheet import page
from selfcorrect.runs import Run
from selfcorrect.runs.comparable import names_of
from selfcorrect.runs.compare import compare
from selfcorrect.runs.costs import seconds_of
from selfcorrect.runs.looks import read_looks
from selfcorrect.runs.scores import Scores
from selfcorrect.runs.store import Store
from tampered import put_records

N = 160


def planted(out: Path, model: str = "planted:chain", **more: Any) -> Run:
    settings: dict[str, Any] = {"task": "planted", "rounds": 3, "limit": N, "controls": False}
    return sc.run(model, **{**settings, **more}, out=out, progress=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def models(out: Path) -> list[Run]:
    """A model that stays as it is, one that gets better, and one that is better from the start."""
    return [
        planted(out, "planted:chain?accuracy=0.5,cl=1,cs=0"),
        planted(out, "planted:chain?accuracy=0.5,cl=0.95,cs=0.6"),
        planted(out, "planted:chain?accuracy=0.95,cl=1,cs=0"),
    ]


@pytest.fixture(scope="module")
def table(models: list[Run]) -> dict[str, Any]:
    return compare(models)


@pytest.fixture(scope="module")
def oracle(out: Path) -> Run:
    file = out / "knows.toml"
    intrinsic = Path(sc.__file__).parent / "strategies" / "intrinsic.toml"
    file.write_text("oracle = true\n" + intrinsic.read_text("utf-8"), "utf-8")
    return planted(out, "planted:chain?accuracy=0.99,cl=1,cs=1", strategy=str(file))


def last(run: Run) -> np.ndarray:
    records = run.records
    return records.filter(records["round"] == records["round"].max())["outcome"].to_numpy()


def test_a_difference_is_that_of_the_records(models: list[Run], table: dict[str, Any]) -> None:
    x, y = (last(run) for run in models[:2])
    gained, lost = int(((y == 1) & (x == 0)).sum()), int(((y == 0) & (x == 1)).sum())
    (told, _) = table["comparisons"]
    e = told["difference"]["accuracy"]
    assert e["value"] == pytest.approx((gained - lost) / N)
    assert (e["low"], e["high"]) == pytest.approx(tango(gained, lost, N))
    assert e["p"] == pytest.approx(mcnemar(gained, lost))
    assert e["verdict"] == "better"
    assert e["p_holm"] <= e["p"] * table["tests"]
    # and so is the change within a run
    first = models[1].records.filter(models[1].records["round"] == 1)["outcome"].to_numpy()
    assert table["runs"][1]["change"]["value"] == pytest.approx(float((y - first).mean()))


def test_what_is_planted_is_found(table: dict[str, Any]) -> None:
    names = [run["name"] for run in table["runs"]]
    assert len(set(names)) == 3
    assert table["reference"] == names[0]
    assert table["best"][-1:] == [names[2]]
    assert names[0] not in table["best"]
    assert table["runs"][0]["change"]["verdict"] == "same"
    assert table["runs"][1]["change"]["verdict"] == "better"
    # the first two begin with the same answers; the other two don't change
    assert table["comparisons"][0]["change"] is None
    assert table["comparisons"][1]["change"]["value"] == 0
    assert any("different models" in note for note in table["notes"])
    assert "model.name" in table["differ"]
    assert table["finding"] == table["findings"][0]
    assert "highest accuracy" in table["finding"]


def test_what_does_best_for_its_tokens_is_said_simply(table: dict[str, Any]) -> None:
    """They all cost the same, so that only the best is; and one that is as good isn't beaten."""
    best, *_ = [run["name"] for run in table["runs"] if run["frontier"]["on"]]
    said = table["findings"][-1]
    assert said.startswith(f"By the estimates, {best} (")
    assert " tokens a dialogue) does best for its tokens: no other run beats it for no more" in said
    assert "(shown)" in said
    for run in table["runs"]:
        told = f"{run['name']} ({run['cost']['tokens']['value']:,.0f}) doesn't: "
        assert (told in said) == (not run["frontier"]["on"])


def test_where_no_answer_differs_no_number_of_examples_is_named(tmp_path: Path) -> None:
    """Two runs in which everything stands as it did: a wide interval, and nothing to go by."""
    runs = [planted(tmp_path, rounds=r, limit=20) for r in (1, 2)]
    for run in runs:
        for place in (run.folder / "records").iterdir():
            put_records(place, pl.read_parquet(place).with_columns(outcome=pl.lit(1.0)))
    table = compare(runs)
    assert table["comparisons"][0]["difference"]["accuracy"]["moved"] == 0
    said = " ".join(findings(table))
    assert "as none of 20 answers is better or worse" in said
    assert "examples would decide" not in said


def test_tokens_are_those_of_the_records(models: list[Run], table: dict[str, Any]) -> None:
    for run, told in zip(models, table["runs"], strict=True):
        assert told["cost"]["tokens"]["value"] == pytest.approx(run.records["encoded"].sum() / N)
        assert told["cost"]["generated"]["value"] == pytest.approx(
            run.records["generated"].sum() / N
        )
        assert told["cost"]["money"] is None
        assert told["cost"]["seconds"]["n"] == N


def test_money_is_what_the_prices_make_of_every_step(models: list[Run]) -> None:
    run = models[0]
    spec = run.header.spec
    model = spec.model.model_copy(update={"price": (3.0, 5.0)})
    header = replace(run.header, spec=spec.model_copy(update={"model": model}))
    told = compare([replace(run, header=header), models[1]])["runs"][0]["cost"]["money"]
    steps = [s for row in run.records["steps"].to_list() for s in row]
    want = sum(3 * (s["prompt_tokens"] or 0) + 5 * (s["generated"] or 0) for s in steps) / 1e6 / N
    assert told["value"] == pytest.approx(want)
    assert told["n"] == N


def test_a_mean_outcome_goes_by_its_clusters(tmp_path: Path) -> None:
    more: dict[str, Any] = {"task": "planted-scores", "limit": None}
    more["task_options"] = {"n": 400, "cluster_size": 4}
    one = planted(tmp_path, "planted:scores?start=0.6,limit=0.6,noise=0.3", **more)
    two = planted(tmp_path, "planted:scores?start=0.6,limit=0.1,noise=0.3,seed=1", **more)
    told = compare([one, two])
    e = told["comparisons"][0]["difference"]["rating"]
    d = last(two) - last(one)
    assert e["value"] == pytest.approx(float(d.mean()))
    assert e["verdict"] in ("better", "worse")
    better = told["outcome"]["better"]
    assert (e["verdict"] == "better") == ((d.mean() > 0) == (better == "higher"))
    clusters = one.records.filter(one.records["round"] == 1)["cluster"].to_numpy()
    names, at = np.unique(clusters, return_inverse=True)
    sums = np.bincount(at, d - d.mean())
    # clusters of one size: the usual t; and clusters of a kind unseen, at either bound
    n, k = len(d), len(names)
    assert set(np.bincount(at)) == {4}
    half = t_of(0.95, k - 1) * np.sqrt((sums**2).sum() * k / (k - 1)) / n
    unseen = [np.log(2 / 0.05) / k * (1 + side * -d.mean()) for side in (-1, 1)]
    ends = [
        d.mean() + side * (half**4 + far**4) ** 0.25
        for side, far in zip((-1, 1), unseen, strict=True)
    ]
    assert (e["low"], e["high"]) == pytest.approx(ends, abs=2e-3)  # both are moved by the skewness


def test_an_oracle_is_shown_and_never_ranked(models: list[Run], oracle: Run) -> None:
    table = compare([oracle, *models[:2]])
    told = table["runs"][0]
    assert told["oracle"]
    assert told["best"] is None
    assert told["frontier"] is None
    assert table["reference"] == table["runs"][1]["name"]  # the first that isn't one
    assert told["name"] not in table["best"]
    assert all(told["name"] not in run["best"]["worse_than"] for run in table["runs"][1:])
    (against,) = [each for each in table["comparisons"] if each["oracle"]]
    assert against["difference"]["accuracy"]["value"] > 0.2
    assert all(e["verdict"] is None for e in against["difference"].values())
    assert table["tests"] == compare(models[:2])["tests"]
    (said,) = [s for s in table["findings"] if "never ranked" in s]
    assert said.startswith(told["name"])
    with pytest.raises(UserError, match="name another"):
        compare([oracle, models[0]], oracle)
    twin = replace(oracle, header=replace(oracle.header, hash="0" * 16))
    with pytest.raises(UserError, match="all of these runs use the truth"):
        compare([oracle, twin])


def test_looks_are_shared_by_whoever_is_named_first(tmp_path: Path) -> None:
    small, large = 40, 80
    settings: dict[str, Any] = {"out": tmp_path, "task": "planted", "rounds": 2, "progress": False}
    for limit in (small, large):
        one = sc.run("planted:chain", strategy="intrinsic", limit=limit, **settings)
        repeat = one.control("repeat")
        assert repeat is not None
        pair = [one, repeat] if limit == small else [repeat, one]
        told = compare(pair)
        looks = told["comparisons"][0]["looks"]
    assert looks == [small, large]
    assert repeat is not None
    first = compare([repeat, one])
    assert first["comparisons"][0]["level"] == told["comparisons"][0]["level"]
    # the run's own summary knows of it
    summary = one.summary()
    assert [look["n"] for look in summary["looks"]] == [small, large]
    noted = [look.n for look in read_looks(Store(one.folder)) if look.control == "repeat"]
    assert noted == [small, large]
    assert summary["controls"]["repeat"]["against"]["level"] == first["comparisons"][0]["level"]


def test_shared_examples_rounds_and_what_is_incomplete_are_said(
    models: list[Run], tmp_path: Path
) -> None:
    shutil.copytree(models[1].folder, tmp_path / models[1].folder.name)
    part = sc.open_run(tmp_path / models[1].folder.name)
    pieces = sorted((part.folder / "records").glob("*"))
    pieces[0].unlink()
    short = planted(tmp_path, "planted:chain?accuracy=0.8", rounds=2)
    table = compare([models[0], sc.open_run(part.folder), short])
    notes = "\n".join(table["notes"])
    assert table["shared"] < N
    assert f"of {N} dialogues" in notes
    assert f"the {table['shared']:,} examples that all runs have" in notes
    assert "The last round of each is compared, and these differ" in notes
    assert table["comparisons"][1]["reference_round"] == 3
    assert table["comparisons"][1]["round"] == 2
    assert [row["round"] for row in table["comparisons"][1]["by_round"]] == [1, 2]


def test_what_cannot_be_compared_is_refused_in_a_sentence(
    models: list[Run], tmp_path: Path
) -> None:
    other = planted(tmp_path, task_options={"n": 300, "choices_per": 4})
    text = planted(tmp_path, "planted:scores", task="planted-scores")
    rude = tmp_path / "rate.py"
    rude.write_text("def a(p, x, r):\n    return .5\ndef b(p, x, r):\n    return .25\n")
    again = planted(tmp_path, "planted:scores?start=0.5", task="planted-scores")
    a, b = (run.grade(f"python:{rude}:{f}") for run, f in ((text, "a"), (again, "b")))
    nobody = Scores("nobody", "0" * 16, "nothing", text.outcome, {})
    refusals: list[tuple[list[Run], str]] = [
        (models[:1], "two runs or more"),
        ([models[0], models[0]], "are the same run: name it once"),
        ([models[0], other], "are of different data"),
        ([models[0], text], "are of different data"),
        ([a, b], "are graded differently"),
        ([a, again], "are graded differently"),
        ([text.seen_by(nobody), again.seen_by(nobody)], "aren't graded"),
    ]
    for runs, said in refusals:
        with pytest.raises(UserError, match=said) as caught:
            compare(runs)
        assert "\n" not in str(caught.value)
    again.grade(f"python:{rude}:a")
    named = r"add --scorer python:rate\.py:a\.$"
    for runs in ([a, b], [text.seen_by(nobody), again.seen_by(nobody)]):
        with pytest.raises(UserError, match=named):
            compare(runs)
    with pytest.raises(UserError, match="is none of the runs"):
        compare(models[:2], models[2])
    with pytest.raises(UserError, match="takes a list of runs"):
        sc.compare(str(models[0].folder))
    with pytest.raises(UserError, match="is no run"):
        sc.compare([models[0], 5])  # type: ignore[list-item]


def test_names_and_settings_cannot_steer_the_page(models: list[Run]) -> None:
    bad = "<script>alert(1)</script>\u202e{{ 7 * 7 }}<br><img src=x onerror=alert(2)>"
    spec = models[1].header.spec
    strategy = spec.strategy.model_copy(update={"name": bad.replace("/", "|")})
    header = replace(models[1].header, spec=spec.model_copy(update={"strategy": strategy}))
    table = compare([models[0], replace(models[1], header=header)])
    assert any("alert(1)" in run["name"] for run in table["runs"])
    text = page(sheet(table))
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "\u202e" not in text
    assert "{{ 7 * 7 }}" in text  # never a template
    assert re.search(r"&lt;script&gt;alert\(1\)", text)


def test_from_python_by_name(models: list[Run], out: Path, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "page.html"
    names = [run.folder.name for run in models[:2]]
    table = sc.compare([names[0], models[1]], out=out, reference=names[1], page=file)
    assert table["reference"] == table["runs"][1]["name"]
    text = file.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert 'data-chart="forest"' in text
    assert 'data-chart="frontier"' in text


def test_seconds_are_divided_by_what_each_run_takes(tmp_path: Path) -> None:
    """A control of one round isn't charged half of what three rounds took."""
    run = planted(tmp_path, controls=True, limit=20)
    baseline = run.control("baseline")
    assert baseline is not None
    for arm in (run, baseline):  # a machine that took a second for each of 20 dialogues
        for note in (arm.folder / "timing").iterdir():
            note.write_text(json.dumps(json.loads(note.read_text()) | {"seconds": 20.0}))
    cost = [row["cost"] for row in compare([run, baseline])["runs"]]
    alone = json.loads(note.read_text())["alone"]
    for arm, each in zip((run, baseline), cost, strict=True):
        share = alone[arm.folder.name] / sum(alone.values())
        assert each["seconds"]["value"] == pytest.approx(share)
    assert cost[1]["seconds"]["value"] < cost[0]["seconds"]["value"] / 2


def test_nothing_does_best_for_its_tokens_while_unread_answers_decide(tmp_path: Path) -> None:
    runs = [planted(tmp_path, f"planted:chain?accuracy={a}", rounds=2) for a in (0.3, 0.9)]
    for place in (runs[0].folder / "records").iterdir():
        frame = pl.read_parquet(place)
        lost = [pl.lit(None, pl.Int32).alias("choice"), pl.lit("no option").alias("problem")]
        put_records(place, frame.with_columns(*lost, outcome=pl.lit(0.0)))
    table = compare(runs)
    said = " ".join(findings(table))
    assert "can't be told, as answers that couldn't be read or graded decide it" in said
    assert "By the estimates" not in said


def test_names_tell_what_differs_and_whose_it_is(tmp_path: Path) -> None:
    one, four = (planted(tmp_path, rounds=r, limit=20) for r in (1, 4))
    assert names_of([one, four]) == ["intrinsic, 1 round", "intrinsic, 4 rounds"]
    other = planted(tmp_path, "planted:chain?accuracy=.9", limit=20)
    assert names_of([planted(tmp_path, limit=20), other])[1].startswith("planted:chain?")


def test_a_cost_has_no_interval_that_could_not_be(tmp_path: Path) -> None:
    """Of two pieces nothing is told of the seconds; no interval of what is above 0 reaches 0."""
    run = planted(tmp_path, limit=80, chunk=40)
    notes = sorted((run.folder / "timing").iterdir())
    seen = []
    for seconds in ((1.0, 30.0), (2.0, 2.1)):
        for note, each in zip(notes, seconds, strict=True):
            note.write_text(json.dumps(json.loads(note.read_text()) | {"seconds": each}))
        seen.append(seconds_of(run))
    assert [(e["pieces"], e["low"], e["high"]) for e in seen if e] == [(2, None, None)] * 2
    wide = Estimate(5.0, -1.0, 11.0, 6, 6)
    assert positive(wide).table() == {**wide.table(), "low": None, "high": None, "why": SPREAD}
    assert positive(replace(wide, low=0.5)).low == 0.5
    assert positive(replace(wide, value=0.0)).low == -1  # nothing was seen above 0


def test_what_dialogues_take_is_one_figure(tmp_path: Path) -> None:
    for controls, than in ((True, "1,000 single answers"), (False, "their first rounds alone")):
        run = planted(tmp_path / f"{controls}", controls=controls, limit=20)
        other = planted(tmp_path / f"{controls}", controls=False, limit=20, strategy="negation")
        said = run.summary()["decision"]["said"]
        told = sc.advise([run, other] if not controls else [run])
        more = told["costs"]["tokens"]["value"]
        if told["arm"] == "intrinsic":
            assert f"1,000 dialogues take {more:,.0f} tokens more than {than}." in said
        assert f"1,000 dialogues take {more:,.0f} tokens more than {than}." in " ".join(
            told["said"]
        )


def test_of_two_runs_it_is_said_plainly_which_is_the_best(models: list[Run]) -> None:
    table = compare([models[0], models[2]])
    worse, best = (run["name"] for run in table["runs"])
    assert table["finding"].startswith(
        f"{best} has the highest accuracy: {worse} is shown to be worse than {best} (at 95 %, n "
    )
    text = page(sheet(table))
    assert "yes +" in text
    assert "may be +" not in text
    table["tests"] = 1
    assert "all 1" not in page(sheet(table))


def test_a_strategy_of_a_file_has_one_name_wherever_it_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "mine6.toml"
    file.write_text((Path(sc.__file__).parent / "strategies" / "intrinsic.toml").read_text("utf-8"))
    run = planted(tmp_path, strategy=str(file), controls=True, limit=12)
    summary = run.summary()
    assert list(summary["cost"]["arms"]) == ["mine6", "repeat", "baseline"]
    assert "Whether mine6 gains" in summary["verdict"]
    assert "mine6.toml" not in run._repr_html_().replace("mine6.toml-", "")
    assert sc.list_runs(tmp_path)["strategy"].to_list() == ["mine6"]
