"""The bridge from folders of runs: found, planned, refused; and from a planted model."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

import selfcorrect as sc
from mixtures import made
from selfcorrect.cli import app
from selfcorrect.cli.shared import RUN, Chosen
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.runs import Run, StrategySpec, read_spec
from selfcorrect.studies import load
from selfcorrect.studies.base import Inputs
from selfcorrect.studies.bridge.plan import command, plan, three
from selfcorrect.studies.bridge.sheet import sheet
from selfcorrect.studies.execute import answer
from tampered import put_records


def bridge(run: Run, **anchors: Run) -> dict[str, Any]:
    """The result, from runs."""
    study = load("bridge")
    return answer(study, Inputs(study.settings({}), three(run, **anchors)))


@pytest.fixture(scope="module")
def lawful(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of an intrinsic, a negation and an anchor run whose probabilities obey the law."""
    out = tmp_path_factory.mktemp("lawful")
    data = made(60, rounds=6)
    built_in = Path(sc.__file__).parent / "strategies"
    (out / "anchor.toml").write_text((built_in / "intrinsic.toml").read_text())
    found = {}
    for name, strategy, rounds in (
        ("intrinsic", "intrinsic", 6),
        ("negation", "negation", 2),
        ("anchor", out / "anchor.toml", 2),
    ):
        run = sc.run(
            "planted:chain", "planted", strategy, rounds=rounds, limit=60, chunk=20,
            out=out / "runs", controls=False, progress=False,
        )  # fmt: skip
        p = {"intrinsic": data.p, "negation": data.minus[None], "anchor": data.plus[None]}[name]
        rewrite(run, np.broadcast_to(p, (rounds, 60, 3)) if len(p) == 1 else p)
        found[name] = Path(run.folder)
    return found


@pytest.fixture
def runs(lawful: dict[str, Path], tmp_path: Path) -> dict[str, Run]:
    """Copies of them, which a test may change."""
    for folder in lawful.values():
        shutil.copytree(folder, tmp_path / "runs" / folder.name)
    return {name: sc.open_run(tmp_path / "runs" / each.name) for name, each in lawful.items()}


def rewrite(run: Run, p: Any) -> None:
    """Put distributions p [T, n, K] with their likeliest answers into a run's records."""
    ids = run.read(["example"])["example"].unique().sort().to_list()
    places = {example: i for i, example in enumerate(ids)}
    for file in (run.folder / "records").glob("*.parquet"):
        rows = pl.read_parquet(file).to_dicts()
        for row in rows:
            mine = p[row["round"] - 1, places[row["example"]]]
            mine = np.roll(mine, row["target"])  # as if the right option were always the first
            row["option_p"], row["choice"] = mine.tolist(), int(mine.argmax())
            row["likeliest"] = row["choice"]
            row["outcome"] = float(row["choice"] == row["target"])
        put_records(file, pl.DataFrame(rows, schema=pl.read_parquet_schema(file)))


def test_it_finds_the_runs_beside(runs: dict[str, Run]) -> None:
    found = bridge(runs["intrinsic"])
    assert found["applies"]
    assert found["rho"]["low"] < 0.6 < found["rho"]["high"]
    assert (found["n"], found["clusters"], found["left_out"]) == (60, 60, 0)
    assert found["answers"] == {"taken_as": "greedy", "likeliest": 1.0}
    assert found["folders"]["negation"] == str(runs["negation"].folder)
    assert [row["round"] for row in found["predictions"]] == [4, 5, 6]
    right = (made(60, rounds=6).p.argmax(axis=-1) == 0).mean(axis=1)
    assert [row["accuracy"]["value"] for row in found["actual"]] == pytest.approx(right)
    given = bridge(runs["intrinsic"], negation=runs["negation"], anchor=runs["anchor"])
    assert {**given, "folders": None} == {**found, "folders": None}
    swapped = bridge(runs["intrinsic"], negation=runs["anchor"], anchor=runs["negation"])
    pairs = zip(found["epsilon"], swapped["epsilon"], strict=True)
    assert all(a["value"] == pytest.approx(1 - b["value"]) for a, b in pairs)


def test_fewer_examples_are_counted(runs: dict[str, Run]) -> None:
    found = bridge(
        replace(runs["intrinsic"], limit=50), negation=replace(runs["negation"], limit=40)
    )
    assert (found["n"], found["left_out"]) == (40, 10)


def test_a_run_that_is_missing_comes_with_its_command(runs: dict[str, Run]) -> None:
    run = runs["intrinsic"]
    lone = sc.run(
        "planted:chain?seed=3", "planted", rounds=4, limit=20, out=run.folder.parent, seed=2,
        task_options={"choices_per": 4}, controls=False, progress=False,
    )  # fmt: skip
    with pytest.raises(UserError, match="there is no negation and no anchor run") as told:
        bridge(lone)
    said = str(told.value)
    assert command(lone, "negation", "anchor") in said
    assert "--task planted --strategy negation --strategy anchor --rounds 4" in said
    assert "margins" not in said  # those that were taken by default
    assert said.endswith("(study bridge makes all three at once)")
    for part in ("--task planted", "--rounds 4", "--limit 20", "--seed 2", "choices_per=4"):
        assert part in said
    with pytest.raises(UserError, match="has another model, task or data"):
        bridge(run, negation=lone)


def test_records_that_say_too_little(runs: dict[str, Run]) -> None:
    run, negation = runs["intrinsic"], runs["negation"]
    files = sorted((negation.folder / "records").glob("*.parquet"))
    for file in files:
        frame = pl.read_parquet(file)
        put_records(file, frame.with_columns(pl.col("choices").list.reverse()))
    with pytest.raises(UserError, match="with other options, or in another order"):
        bridge(run)
    for file in files:
        frame = pl.read_parquet(file)
        nothing = pl.lit(None, frame.schema["option_p"]).alias("option_p")
        put_records(file, frame.with_columns(nothing))
    with pytest.raises(UserError, match="no record with the probabilities of lettered options"):
        bridge(run)


def test_examples_that_lack_a_round_are_left_out(runs: dict[str, Run]) -> None:
    file = min((runs["intrinsic"].folder / "records").glob("*.parquet"))
    frame = pl.read_parquet(file)
    short = frame["example"].unique(maintain_order=True)[:3]
    lacks = pl.col("example").is_in(short.implode()) & (pl.col("round") == 6)
    put_records(file, frame.filter(~lacks))
    found = bridge(runs["intrinsic"])
    assert (found["n"], found["left_out"]) == (57, 3)
    assert "3 examples of the run were left out" in sheet(found).findings[-1]


def test_an_outcome_that_is_not_right_or_wrong(runs: dict[str, Run]) -> None:
    run = runs["intrinsic"]
    for outcome in (Outcome("toxicity"), Outcome("refusal", "share", "lower")):
        other = replace(run, header=replace(run.header, outcome=outcome))
        with pytest.raises(UserError, match=f"is {outcome.name}, which isn't right or wrong"):
            bridge(other)


def test_what_can_not_be_an_anchor(runs: dict[str, Run]) -> None:
    run, negation = runs["intrinsic"], runs["negation"]
    with pytest.raises(UserError, match="can't be its own anchor"):
        bridge(run, negation=run)
    with pytest.raises(UserError, match="can't be both ends of the scale"):
        bridge(run, negation=negation, anchor=negation)
    header = replace(run.header, spec=run.spec.model_copy(update={"rounds": 3}))
    short = replace(run, header=header)
    with pytest.raises(UserError, match="the run has 3 rounds, and three are needed"):
        bridge(short)


def test_the_steps_of_the_anchors_are_read(runs: dict[str, Run]) -> None:
    steps = bridge(runs["intrinsic"])["last_steps"]  # both rounds of an anchor are the same
    assert [e["value"] for e in steps.values()] == pytest.approx([0, 0])


def test_no_shared_example(runs: dict[str, Run]) -> None:
    for file in (runs["anchor"].folder / "records").glob("*.parquet"):
        frame = pl.read_parquet(file)
        put_records(file, frame.with_columns(pl.col("example") + "x"))
    with pytest.raises(UserError, match="share no example"):
        bridge(runs["intrinsic"])


def test_the_hint_has_every_setting_of_the_run(runs: dict[str, Run]) -> None:
    """What it says, read back as the command reads it, is the spec of the run."""
    run = runs["intrinsic"]
    spec = read_spec(
        values={
            "model.name": "openai:a model", "model.base_url": "http://localhost:1/v1",
            "model.in_flight": 3, "model.timeout": 5.5, "model.draws": 7, "model.price": "1,2.5",
            "model.budget_tokens": 10**6, "model.budget_money": 2.5, "task.name": "bbq",
            "task.data": "/a b/'c'", "task.categories": ["Age", "Religion"],
            "task.options.shuffle": True, "task.options.text": "12", "task.options.n": 12,
            "task.options.more": "a b=c\n$(d)", "rounds": 6, "limit": 60, "seed": 3, "chunk": 7,
            "system": "-- Be \"brief\".", "skip_bad": True,
        }
    )  # fmt: skip
    other = replace(run, limit=None, header=replace(run.header, spec=spec))
    typer_run = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    words = shlex.split(command(other, "negation"))
    context = typer_run.make_context("run", words[2:])
    said = dict(context.params)
    assert words[:2] == ["selfcorrect", "run"]
    assert (said["no_controls"], said["out"]) == (True, run.folder.parent)
    (read,) = Chosen(RUN, said).specs()
    assert read == spec.model_copy(update={"strategy": StrategySpec(name="negation")})


def test_the_arms_differ_in_their_strategy_only() -> None:
    spec = read_spec(values={"rounds": 4, "seed": 2, "limit": 9})
    made = plan(spec, {})
    assert list(made) == ["intrinsic", "negation", "anchor"]
    for name, each in made.items():
        assert each == spec.model_copy(update={"strategy": StrategySpec(name=name)})


# The planted model


class Planted(NamedTuple):
    """A study of a planted model, by the command that makes its runs."""

    out: Path
    result: dict[str, Any]


def planted(out: Path, law: str, rounds: int = 6, limit: int = 120) -> Planted:
    arguments = ["study", "bridge", "--model", f"planted:{law}", "--task", "planted", "--rounds",
                 str(rounds), "--limit", str(limit), "--out", str(out), "--json"]  # fmt: skip
    return Planted(out, json.loads(told(*arguments)[1]))


def told(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "80"})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.mktemp("usual"), "two-concept?rho=0.6,prior=0.9,spread=1")


def test_the_planted_concepts_and_their_odds_ratio_are_found(usual: Planted) -> None:
    found = usual.result
    assert found["identified"]
    rho = found["tournament"]["rho"]
    assert rho["low"] < 0.6 < rho["high"]
    assert found["rho"]["low"] > 0.6  # flattened by the spread
    assert found["skill"]["two_concept"]["probability"]["low"] > 0
    assert (found["n"], found["left_out"]) == (120, 0)


def test_runs_that_exist_already_give_the_same(usual: Planted) -> None:
    status, printed, _ = told("theory", "bridge", "planted-intrinsic", "--out", str(usual.out),
                              "--json")  # fmt: skip
    assert status == 0
    assert json.loads(printed) == usual.result
    [run] = usual.out.glob("planted-intrinsic-*")
    assert json.loads((run / "bridge.json").read_text("utf-8")) == usual.result
    line = "selfcorrect theory bridge planted-intrinsic --folds 5 --seed 0"
    assert line in (run / "bridge.html").read_text("utf-8")
    [page] = usual.out.glob("bridge-*/bridge.html")
    assert "selfcorrect study bridge --model" in page.read_text("utf-8")


def test_a_command_prints_findings_and_refuses_its_own_anchor(usual: Planted) -> None:
    status, printed, _ = told("theory", "bridge", "planted-intrinsic", "--out", str(usual.out))
    assert status == 0
    assert "better than persistence" in printed
    [anchor] = usual.out.glob("planted-anchor-*")
    status, printed, error = told("theory", "bridge", str(anchor))
    assert (status, printed) == (2, "")
    assert "its own anchor" in error
    [run], other = usual.out.glob("planted-intrinsic-*"), usual.out / "other"
    other.mkdir()
    lone = other / run.name
    lone.symlink_to(run)
    # a link's neighbours are those of the folder that it leads to
    assert told("theory", "bridge", str(lone))[0] == 0


def test_planted_anchors_of_too_few_rounds_are_told(tmp_path: Path) -> None:
    found = planted(tmp_path, "two-concept?rho=0.9", limit=60).result
    assert found["last_steps"]["anchor"]["high"] < -0.01
    assert any("anchors haven't settled" in line for line in sheet(found).findings)


def test_the_planted_null_is_not_taken_for_skill(tmp_path: Path) -> None:
    found = planted(tmp_path, "two-concept?rho=1,prior=0.9", rounds=4, limit=60).result
    assert found["skill"].get("two_concept", {}).get("probability", {}).get("value") is None


@pytest.mark.parametrize(
    ("law", "name"),
    [
        ("sharpen=1.3", "sharpening"),
        pytest.param("drift=0.5", "drift", marks=pytest.mark.slow),
        pytest.param("copy=0.5", "copying", marks=pytest.mark.slow),
    ],
)
def test_a_model_without_concepts_is_seen_through(law: str, name: str, tmp_path: Path) -> None:
    found = planted(tmp_path, f"logits?{law},spread=1", rounds=5).result
    assert not found["identified"]
    assert found["tournament"]["named"] == name
    assert all(abs(e["value"]) < 0.01 for e in found["last_steps"].values())
