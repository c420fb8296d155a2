"""The Python side, and that importing it is light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from html import escape
from inspect import signature
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from selfcorrect.cli import app
from selfcorrect.cli.bias import bias as bias_command
from selfcorrect.cli.shared import MEASURE, RUN
from selfcorrect.cli.tuning import choose as choose_command
from selfcorrect.cli.tuning import tune as tune_command
from selfcorrect.models import planted

ROOT = Path(__file__).parents[1]


def test_importing_loads_no_torch() -> None:
    code = (
        "import sys, selfcorrect, selfcorrect.cli;"
        "heavy = {'torch', 'transformers', 'scipy', 'statsmodels'} & set(sys.modules);"
        "heavy and sys.exit(str(heavy));"
        "import selfcorrect.runs;"
        "sys.exit('torch' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert sc.__version__ == project["version"]
    assert f"## {sc.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_a_run_as_short_as_the_command_line(tmp_path: Path) -> None:
    run = sc.run(
        model="planted:chain",
        task="planted",
        strategy="injection",
        rounds=3,
        limit=20,
        task_options={"n": 50, "choices_per": 4},
        strategy_parameters={"injected": [3]},
        out=tmp_path,
        progress=False,
    )
    assert isinstance(run.records, pl.DataFrame)
    assert run.records.shape[0] == 60
    assert run.records["choices"].list.len().unique().to_list() == [4]
    summary = run.summary()
    assert [r["n"] for r in summary["rounds"]] == [20, 20, 20]
    assert set(summary["controls"]) == {"repeat", "baseline"}
    assert sc.open_run(run.folder).records.equals(run.records)


def test_an_open_model_and_a_spec(tmp_path: Path) -> None:
    chain = planted.load("planted:chain?accuracy=0.9")
    run = sc.run(chain, "planted", rounds=2, limit=10, out=tmp_path, controls=False, progress=False)
    assert run.spec.model.name == "planted:chain?accuracy=0.9"
    spec = sc.read_spec(None, ["task=planted", "model=planted:chain", "rounds=1", "limit=5"])
    assert sc.run(spec=spec, out=tmp_path, progress=False).records.shape[0] == 5


def test_nothing_is_ignored_beside_a_spec(tmp_path: Path) -> None:
    spec = sc.read_spec(None, ["task=planted", "model=planted:chain", "rounds=1", "limit=5"])
    with pytest.raises(sc.UserError, match="model, rounds can't be given beside spec"):
        sc.run("planted:scores", spec=spec, rounds=3, out=tmp_path)
    with pytest.raises(sc.UserError, match="model, seed can't be given beside spec"):
        sc.run("smollm2", spec=spec, seed=0, out=tmp_path)  # though these are the defaults
    for wrong in ("intrinsic", [None], ["intrinsic"], spec):
        with pytest.raises(sc.UserError, match=r"is no spec|takes a list of specs"):
            sc.run_many(wrong, out=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(sc.UserError, match="is no spec: make one with read_spec"):
        sc.run(spec={"rounds": 3}, out=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(sc.UserError, match="several go to run_many"):
        sc.run(strategy=["intrinsic", "negation"])  # type: ignore[arg-type]
    with pytest.raises(sc.UserError, match="NUL character"):
        sc.run(spec=spec, out="a\0b", progress=False)
    with pytest.raises(sc.UserError, match="is no model"):
        sc.run(5, spec=spec, out=tmp_path)  # type: ignore[arg-type]
    chain = planted.load("planted:chain?accuracy=0.9")
    run = sc.run(chain, spec=spec, out=tmp_path, controls=False, progress=False)
    assert run.spec.model.name == "planted:chain?accuracy=0.9"


#: In a spec file or ``KEY=VALUE`` on the command line; progress is shown on a terminal alone.
_BY_KEY = {"task_options", "scorer_options", "strategy_parameters", "models"} | {
    "margins",
    "progress",
}


def test_python_and_the_command_line_take_the_same_options() -> None:
    in_python = {p for p in signature(sc.run).parameters if p not in _BY_KEY}
    assert {{"controls": "no_controls"}.get(p, p) for p in in_python - {"spec"}} == set(RUN)
    in_python = {p for p in signature(sc.measure).parameters if p != "progress"}
    assert in_python - {"data"} == set(MEASURE)


@pytest.mark.parametrize(
    ("function", "command"),
    [(sc.bias, bias_command), (sc.choose, choose_command), (sc.tune, tune_command)],
)
def test_functions_of_texts_take_what_their_commands_take(function: Any, command: Any) -> None:
    ours, theirs = signature(function).parameters, signature(command).parameters
    assert set(ours) - {"progress"} == set(theirs) - {"as_json"}
    for name in set(ours) & set(theirs):
        if theirs[name].default not in (None, theirs[name].empty):
            assert Path(str(ours[name].default)) == Path(str(theirs[name].default)), name


def test_a_task_that_gives_first_answers_says_what_goes_on_from_them(tmp_path: Path) -> None:
    done = sc.run(
        "planted:chain", "blind-spot", task_options={"of": "planted"}, limit=4, rounds=2,
        controls=False, out=tmp_path, progress=False,
    )  # fmt: skip
    assert done.spec.strategy.name == "blind-spot"


def test_bad_input_is_a_user_error() -> None:
    with pytest.raises(sc.UserError, match="did you mean 'bbq'"):
        sc.run(task="bqb", model="planted:chain", progress=False)
    with pytest.raises(sc.UserError, match="rounds must be at least 1"):
        sc.run(rounds=0, progress=False)
    with pytest.raises(sc.UserError, match="budget_money needs a price"):
        sc.run("openai:m", base_url="http://127.0.0.1:9", budget_money=1.0, progress=False)


def test_in_a_notebook_a_run_shows_what_it_came_to(tmp_path: Path) -> None:
    run = sc.run(
        "planted:chain", "planted", rounds=2, limit=12, out=tmp_path / "<script>", progress=False
    )
    shown = run._repr_html_()
    assert "<script" not in shown
    summary = run.summary()
    first, *rest = summary["decision"]["said"], *summary["verdict"].splitlines()
    assert f"<p><b>{escape(first)}</b></p>" in shown
    assert "report.html" not in shown
    run.report()
    assert "report.html" in run._repr_html_()
    shown = run._repr_html_()
    both = run._repr_mimebundle_()
    assert both == {"text/html": shown, "text/plain": "\n".join([first, *rest, repr(run)])}


def test_runs_are_listed_opened_by_the_beginning_of_a_name_and_taken_to_pandas(
    tmp_path: Path,
) -> None:
    run = sc.run("planted:chain", "planted", rounds=2, limit=8, out=tmp_path, progress=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.toml").write_text("?")
    listed = sc.list_runs(tmp_path)
    assert listed["name"].to_list() == [run.folder.name, "broken"]
    assert listed.row(0, named=True)["dialogues"] == 8
    assert listed.filter(pl.col("problem") != "")["name"].to_list() == ["broken"]
    with pytest.raises(sc.UserError, match="no folder"):
        sc.list_runs(tmp_path / "nothing")
    again = sc.open_run("planted-intrinsic", out=tmp_path)
    assert again.folder == run.folder
    taken = run.pandas()
    assert taken.shape == run.records.shape
    assert taken["key"].tolist() == run.records["key"].to_list()
    assert run.chart().startswith("<svg ")
    with pytest.raises(sc.UserError, match=r"no chart 'curve'; it has curves"):
        run.chart("curve")


def test_a_study_is_a_call_and_shows_itself(tmp_path: Path) -> None:
    given = ["model.name=planted:chain", "task.name=planted", "rounds=5", "limit=24"]
    done = sc.study("transitions", spec=sc.read_spec(None, given), out=tmp_path)
    assert done.page.is_file()
    assert repr(done).splitlines()[0] == done.sheet.findings[0]
    shown = done._repr_mimebundle_()["text/html"]
    assert escape(done.sheet.findings[0]) in shown
    assert len(shown) < 80_000


def test_dir_shows_the_api_and_nothing_else() -> None:
    assert dir(sc) == sorted([*sc.__all__, "__version__"])
    assert all(hasattr(sc, name) for name in dir(sc))


def test_advice_is_what_the_command_prints_and_shows_itself(tmp_path: Path) -> None:
    model = "planted:chain?accuracy=0.4,cl=0.98,cs=0.6"
    run = sc.run(model, "planted", rounds=2, limit=60, out=tmp_path, progress=False)
    told = sc.advise([run])
    printed = CliRunner().invoke(app, ["advise", str(run.folder), "--json"]).stdout
    assert json.loads(printed) == json.loads(json.dumps(told)) == told
    assert (told["word"], told["arm"]) == ("do", "repeat")
    assert repr(told).splitlines() == told["said"]
    shown = told._repr_html_()
    assert escape(told["said"][0])[:40] in shown
    name = run.folder.name
    assert sc.advise([name, "planted-repeat"], out=tmp_path)["word"] == "do"
    with pytest.raises(sc.UserError, match="advise takes a list of runs"):
        sc.advise(name, out=tmp_path)
    with pytest.raises(sc.UserError, match="is no run"):
        sc.advise([5], out=tmp_path)  # type: ignore[list-item]
    alone = sc.run(model, "planted", rounds=2, limit=9, out=tmp_path / "alone", controls=False)
    with pytest.raises(sc.UserError, match="is alone"):
        sc.advise([alone])


def test_a_run_is_checked_as_by_the_command(tmp_path: Path) -> None:
    run = sc.run("planted:chain", "planted", rounds=2, limit=8, out=tmp_path, progress=False)
    first, second = sc.check(run, ["gain > -0.9", "dialogues > 8"])
    assert (first.holds, second.holds, second.seen) == (True, False, 8)
    assert sc.check("planted-intrinsic", "dialogues >= 8", out=tmp_path)[0].holds
    with pytest.raises(sc.UserError, match=r"it is a share, and -2 points are -0\.02"):
        sc.check(run, "gain > -2")
    done = CliRunner().invoke(app, ["check", *map(str, tmp_path.iterdir()), "--require", "gain<1"])
    assert done.exit_code == 0, done.output  # its controls beside it


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sc.run(round=4), r"run has no argument 'round': did you mean 'rounds'"),
        (lambda: sc.measure("x", modle="y"), r"measure has no argument 'modle': did you mean 'mod"),
        (lambda: sc.open_run(), "open_run can't be called so: missing a required argument: 'name'"),
        (lambda: sc.tune("x", "y", step=3), "tune has no argument 'step': did you mean 'steps'"),
        (lambda: sc.advise("x"), r"takes a list of runs, not a str alone: write advise\(\[run\]\)"),
        (lambda: sc.study("nosuch", out="x"), "nosuch"),
    ],
)
def test_a_call_that_no_function_has_is_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(sc.UserError, match=said):
        call()


def test_errors_speak_of_arguments_where_they_speak_of_options(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("Frage,A,B,C\nWas?,x,y,z\n")
    with pytest.raises(sc.UserError, match=r"--field is the argument field\.\)$"):
        sc.run("planted:chain", "choices", data=tmp_path / "q.csv", progress=False)


def test_the_report_is_a_file_in_the_folder(tmp_path: Path) -> None:
    run = sc.run("planted:chain", "planted", rounds=2, limit=12, out=tmp_path, progress=False)
    assert run.report() == run.folder / "report.html"
    text = (run.folder / "report.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert run.folder.name in text
    assert sc.open_run(run.folder / "report.html").folder == run.folder


def test_margins_are_part_of_the_spec_and_of_the_verdict(tmp_path: Path) -> None:
    run = sc.run(
        "planted:chain",
        "planted",
        rounds=4,
        limit=60,
        margins={"accuracy": 0.5},
        out=tmp_path,
        progress=False,
    )
    summary = run.summary()
    assert summary["convergence"]["accuracy"]["margin"] == 0.5
    assert summary["converged_at"] == 1
    assert "stays within ±50 points" in summary["verdict"]
    assert sc.open_run(run.folder).summary()["verdict"] == summary["verdict"]


def test_whatever_is_returned_shows_itself(tmp_path: Path) -> None:
    runs = [
        sc.run(
            "planted:chain", "planted", strategy, rounds=2, limit=20, out=tmp_path, progress=False
        )
        for strategy in ("intrinsic", "negation")
    ]
    table = sc.compare(runs)
    assert repr(table).splitlines() == [*table["findings"], *table["advice"]["said"]]
    assert json.loads(json.dumps(table)) == table
    shown = table._repr_html_()
    assert escape(table["finding"])[:40] in shown
    assert len(shown) < 80_000
    assert re.fullmatch(
        r"\[(holds|fails): tokens < 60 \(it is [\d.]+\)\]", repr(sc.check(runs[0], "tokens < 60"))
    )
    assert repr(sc.check_task("planted")).endswith("No problems were found.")


def test_progress_in_a_notebook_draws_no_widgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """rich warns that ipywidgets isn't there where it takes itself to be in a notebook."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    sc.run("planted:chain", "planted", rounds=2, limit=4, out=tmp_path)
    assert not [each for each in recwarn if "ipywidgets" in str(each.message)]
