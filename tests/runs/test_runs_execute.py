"""Runs end to end on ``planted:chain``: found, continued, extended, killed, damaged, locked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from executed import SIZE, _copy, a_spec, contents, the_run
from selfcorrect import models, records
from selfcorrect.errors import UserError
from selfcorrect.runs import Progress, find_run, open_run, run
from selfcorrect.runs.prepare import prepare


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a complete run must not open its model")


def test_a_run_and_its_controls(tmp_path: Path, monkeypatch: Any) -> None:
    told: list[Progress] = []
    done = run(a_spec(), out=tmp_path, progress=told.append)
    assert done.complete
    assert done.dialogues == SIZE
    frame = done.records
    assert frame.schema == pl.Schema(records.SCHEMA)
    assert frame.height == SIZE * 3
    assert frame["round"].to_list() == [1, 2, 3] * SIZE
    repeat, baseline = done.control("repeat"), done.control("baseline")
    assert repeat is not None
    assert baseline is not None
    assert (repeat.records.height, baseline.records.height) == (SIZE * 3, SIZE)
    for other in (repeat, baseline):
        same = other.records.filter(pl.col("round") == 1)["example"]
        assert same.equals(frame.filter(pl.col("round") == 1)["example"])
    assert told[0].round == 0
    assert told[-1].steps == told[-1].all_steps == SIZE * 7
    assert [t.steps for t in told] == sorted(t.steps for t in told)
    last = next(t for t in reversed(told) if t.arm == "intrinsic" and t.round == 3)
    right = frame.filter(pl.col("round") == 3)["outcome"].mean()
    assert last.outcome == pytest.approx(right)
    # the header explains itself
    text = (done.folder / "run.toml").read_text()
    assert "What is" in done.header.transcript
    for part in ("fingerprint", "created", "record_version", "[versions]", "polars"):
        assert part in text
    timing = json.loads(next((done.folder / "timing").iterdir()).read_text())
    assert timing["process"] == os.getpid()
    # found: no model is opened, and nothing is touched
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    monkeypatch.setattr("selfcorrect.converse.converse", refuse)
    assert run(a_spec(), out=tmp_path).records.equals(frame)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_control_is_found_by_another_strategy(whole: Path, tmp_path: Path) -> None:
    _copy(whole, tmp_path)
    before = contents(tmp_path)
    other = run(a_spec(strategy="negation"), out=tmp_path)
    after = contents(tmp_path)
    assert {k: v for k, v in after.items() if k in before} == before
    assert {k.split("/")[0] for k in after if k not in before} == {other.folder.name}
    assert other.control("repeat") is not None


@pytest.mark.parametrize(
    ("strategy", "arms"), [("baseline", {"baseline", "repeat"}), ("repeat", {"repeat", "baseline"})]
)
def test_a_control_has_no_other_copy_of_itself(
    tmp_path: Path, strategy: str, arms: set[str]
) -> None:
    run(a_spec(strategy=strategy, limit=4), out=tmp_path)
    assert {p.name.split("-")[1] for p in tmp_path.iterdir()} == arms


def test_no_controls_then_with_them(tmp_path: Path, whole: Path) -> None:
    alone = run(a_spec(), out=tmp_path, controls=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert "There is no control" in alone.summary()["verdict"]
    with_them = run(a_spec(), out=tmp_path)
    assert set(with_them.summary()["controls"]) == {"repeat", "baseline"}
    assert [p.name for p in sorted(tmp_path.iterdir())] == [p.name for p in sorted(whole.iterdir())]


def test_an_open_model_is_used(tmp_path: Path, monkeypatch: Any, whole: Path) -> None:
    model = models.load("planted:chain")
    monkeypatch.setattr(models, "load", refuse)
    run(a_spec(), out=tmp_path, model=model)
    assert contents(tmp_path) == contents(whole)


def test_summary_and_notebook(whole: Path) -> None:
    summary = the_run(whole).summary()
    json.dumps(summary, allow_nan=False)
    assert [r["round"] for r in summary["rounds"]] == [1, 2, 3]
    first = summary["rounds"][0]
    assert (first["n"], first["clusters"]) == (SIZE, SIZE // 2)
    assert {"accuracy", "confidence", "entropy", "option_mass", "parse_rate"} <= set(
        first["measures"]
    )
    assert len(summary["controls"]["baseline"]["rounds"]) == 1
    first, *later = summary["controls"]["repeat"]["against"]["by_round"]
    assert first is None  # both have the same records there: no chance is in it
    assert all(each["n"] == SIZE for each in later)
    html = the_run(whole)._repr_html_()
    assert "accuracy" in html
    assert "<script" not in html


def test_html_is_escaped(whole: Path, tmp_path: Path) -> None:
    _copy(whole, tmp_path)
    folder = the_run(tmp_path).folder
    file = folder / "run.toml"
    file.write_text(file.read_text().replace('name = "planted"', 'name = "<script>"', 1))
    html = open_run(folder)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_planted_truth_is_found(tmp_path: Path) -> None:
    law = models.load("planted:chain").law  # type: ignore[attr-defined]
    spec = a_spec(task={"name": "planted", "options": {"n": 400}}, chunk=64)
    rounds = run(spec, out=tmp_path, controls=False).summary()["rounds"]
    for r in rounds:
        accuracy = r["measures"]["accuracy"]
        slack = 0.02  # three intervals at 95 %, one seed
        assert accuracy["low"] - slack <= law.accuracy_at(r["round"]) <= accuracy["high"] + slack


def test_of_a_run_and_its_controls_the_run_is_meant(whole: Path, tmp_path: Path) -> None:
    assert find_run("planted", whole).folder == the_run(whole).folder
    assert find_run("planted-repeat", whole).folder == the_run(whole, "repeat").folder
    _copy(whole, tmp_path)
    run(a_spec(strategy="negation"), out=tmp_path)
    with pytest.raises(UserError, match=r"2 runs in .*: planted-intrinsic-.*, planted-negation-"):
        find_run("planted", tmp_path)
    (the_run(tmp_path, "negation").folder / "run.toml").write_text("damaged")
    with pytest.raises(UserError, match="2 runs in"):  # it may have been meant, too
        find_run("planted", tmp_path)


@pytest.mark.parametrize("strategy", ["repeat", "baseline"])
def test_a_run_that_is_itself_a_control_is_meant(tmp_path: Path, strategy: str) -> None:
    done = run(a_spec(strategy=strategy, limit=4), out=tmp_path)
    assert find_run("planted", tmp_path).folder == done.folder


def test_a_folder_of_the_same_name_that_is_no_run_hides_none(
    whole: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "planted").mkdir()  # of data, say
    monkeypatch.chdir(tmp_path)
    assert find_run("planted", whole).folder == the_run(whole).folder
    assert find_run(str(the_run(whole, "repeat").folder), tmp_path).spec.strategy.name == "repeat"
    with pytest.raises(UserError, match="planted is not the folder of a run"):
        find_run("planted", tmp_path)


def test_a_larger_limit_extends(tmp_path: Path, whole: Path) -> None:
    for limit, more in ((5, 5), (20, 20), (12, 20), (None, SIZE)):
        got = run(a_spec(limit=limit), out=tmp_path)
        assert got.complete
        assert got.records["example"].n_unique() == min(limit or SIZE, SIZE)
        assert open_run(got.folder).complete
        assert open_run(got.folder).records["example"].n_unique() == more
    for strategy in ("intrinsic", "repeat", "baseline"):
        assert the_run(tmp_path, strategy).records.equals(the_run(whole, strategy).records)
    names = sorted(p.name for p in (got.folder / "records").iterdir())
    assert names[:3] == [
        "chunk-00000.0000000-0000005.parquet",
        "chunk-00000.0000005-0000016.parquet",
        "chunk-00001.0000016-0000020.parquet",
    ]


def test_a_limit_beyond_the_data_is_all_of_it(tmp_path: Path, whole: Path) -> None:
    run(a_spec(limit=10_000), out=tmp_path)
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize(
    ("strategy", "rounds", "controls"),
    [
        ("intrinsic", 1, {"baseline"}),
        ("intrinsic", 2, {"baseline", "repeat"}),
        ("cot", 1, {"baseline", "repeat"}),  # its first round is another one
        ("repeat", 1, {"baseline"}),
    ],
)
def test_a_control_that_would_be_the_run_again_is_left_out_with_a_word(
    strategy: str, rounds: int, controls: set[str], tmp_path: Path, caplog: Any
) -> None:
    done = run(a_spec(strategy=strategy, rounds=rounds, limit=2), out=tmp_path)
    assert set(done.header.controls) == controls
    assert len(list(tmp_path.iterdir())) == 1 + len(controls)
    word = "the control repeat would be the run itself" in caplog.text
    assert word == ("repeat" not in controls and strategy != "repeat")


@pytest.mark.parametrize(("n", "limit"), [(100, None), (100, 100), (20, None)])
def test_how_much_is_asked_for_is_said_before_the_model_is_opened(
    n: int, limit: int | None, caplog: Any
) -> None:
    spec = a_spec(task={"name": "planted", "options": {"n": n}}, rounds=5, limit=limit)
    prepare([spec]).advise()
    told = "All 100 examples are asked, in so many rounds: intrinsic 5, repeat 5, baseline 1; that"
    assert (f"{told} makes 1,100 answers. Fewer with --limit" in caplog.text) == (
        n == 100 and limit is None
    )
