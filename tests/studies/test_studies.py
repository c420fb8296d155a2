"""What every study is: found by its name, run by a command, stored, and gone on with."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from selfcorrect import studies
from selfcorrect.cli import ending
from selfcorrect.cli.study import group
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, open_run
from selfcorrect.studies.execute import execute

SOURCE = Path(studies.__file__).parents[1]
RESULTS = Path(__file__).parents[2] / "benchmarks" / "theory"

#: A whole study: how many rounds do two strategies have?
TINY = """
from selfcorrect.report.sheet import Section, Sheet, Table
from selfcorrect.runs import StrategySpec
from selfcorrect.studies.base import QUICK, SEED, Option, Preflight, Study

calls = []


def plan(spec, settings):
    arms = ("intrinsic", "repeat")
    return {a: spec.model_copy(update={"strategy": StrategySpec(name=a)}) for a in arms}


def preflight(inputs):
    least = min(run.dialogues for run in inputs.runs.values())
    found = {"n": least, "arms": {}, "settings": dict(inputs.settings)}
    return Preflight(least >= inputs.settings["least"], found)


def analyse(inputs):
    parts, total = inputs.parts, len(inputs.runs)
    arms = dict(parts.done)
    for arm, run in inputs.runs.items():
        if arm in arms:
            continue
        calls.append(arm)
        if inputs.settings["fail"] == arm:
            raise KeyboardInterrupt
        arms[arm] = len(run.records) * inputs.settings["times"]
        parts.keep(arm, arms[arm])
        parts.progress(len(arms), total)
    return {**inputs.preflight.found, "arms": arms}


def sheet(result):
    rows = [[arm, str(n)] for arm, n in result["arms"].items()]
    table = Table("Records", ["arm", "records"], rows)
    said = f"{sum(result['arms'].values())} records" if rows else "Too few dialogues."
    return Sheet("Tiny", "How many?", [said], [Section("All", [], [table])])


STUDY = Study(
    about="Count records.",
    details="In two arms.",
    question="How many?",
    source="nowhere",
    options=[
        Option("least", int, 1, "Dialogues needed.", least=1),
        Option("times", float, 1.0, "To count each."),
        Option("fail", str, None, "Stop at this arm.", metavar="ARM"),
        Option("tags", str, None, "Whatever.", metavar="TAG", repeatable=True),
        SEED,
        QUICK,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=preflight,
    analyse=analyse,
    sheet=sheet,
)
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A study that is one folder and one line."""
    folder = tmp_path / "studies" / "tiny"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(TINY)
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(folder.parent)])
    monkeypatch.setattr(studies, "_STUDIES", [*studies._STUDIES, "tiny"])
    yield __import__("selfcorrect.studies.tiny", fromlist=["STUDY"])
    import sys

    del sys.modules["selfcorrect.studies.tiny"]


def told(*arguments: str) -> tuple[int, str, str]:
    """What ``selfcorrect study`` answers, with the studies that there are now."""
    app = typer.Typer(cls=ending.Commands, rich_markup_mode=None)
    app.callback()(lambda: None)
    app.add_typer(group(), name="study")
    done = CliRunner().invoke(app, ["study", *arguments], env={"COLUMNS": "80"})
    return done.exit_code, done.stdout, done.stderr


def asked(out: Path) -> list[str]:
    return ["tiny", "--model", "planted:chain", "--task", "planted", "--rounds", "2", "--limit",
            "6", "--out", str(out)]  # fmt: skip


def test_a_study_is_one_folder_and_one_line(tiny: Any, tmp_path: Path) -> None:
    assert studies.names()["tiny"] == "Count records."
    out = tmp_path / "runs"
    status, printed, _ = told(*asked(out), "--times", "1.5", "--tags", "<b>", "--tags", "b c")
    assert status == 0
    assert "36.0 records" in printed
    [page] = out.glob("tiny-*/tiny.html")
    assert printed.rstrip().replace("\n", "").endswith(str(page))
    result = json.loads(page.with_suffix(".json").read_text())
    assert result["arms"] == {"intrinsic": 18, "repeat": 18}
    settings = {"least": 1, "times": 1.5, "fail": None, "tags": ["<b>", "b c"], "seed": 0}
    assert result["settings"] == {**settings, "quick": False}
    written = page.read_text("utf-8")
    assert "selfcorrect study tiny --model planted:chain --task planted --rounds 2" in written
    assert "--tags &#39;&lt;b&gt;&#39; --tags &#39;b c&#39;" in written
    arms = {
        path.name.split("-")[1]: open_run(path) for path in out.iterdir() if path != page.parent
    }
    assert {arm: run.spec.strategy.name for arm, run in arms.items()} == {
        "intrinsic": "intrinsic",
        "repeat": "repeat",
    }
    assert all(run.header.controls == {} for run in arms.values())
    assert tiny.calls == ["intrinsic", "repeat"]


@pytest.mark.usefixtures("tiny")
def test_the_same_command_again_makes_no_run_and_another_overwrites_nothing(
    tmp_path: Path,
) -> None:
    out = tmp_path / "runs"
    first = told(*asked(out), "--json")
    files = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    assert told(*asked(out), "--json") == first
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == files
    assert len(list(out.glob("tiny-*"))) == 1
    assert told(*asked(out), "--json", "--limit", "8")[0] == 0  # extends the runs
    assert len(list(out.glob("tiny-*"))) == 1
    assert told(*asked(out), "--json", "--times", "2")[0] == 0
    assert told(*asked(out), "--json", "--seed", "4")[0] == 0  # of the runs and of the study
    found = [json.loads(path.read_text()) for path in out.glob("tiny-*/tiny.json")]
    assert sorted((f["settings"]["seed"], f["settings"]["times"]) for f in found) == [
        (0, 1),
        (0, 2),
        (4, 1),
    ]
    assert len(list(out.glob("planted-*"))) == 4


def test_a_preflight_that_says_no_is_the_result(tiny: Any, tmp_path: Path) -> None:
    status, printed, _ = told(*asked(tmp_path), "--least", "7")
    assert status == 0
    assert "Too few dialogues." in printed
    assert tiny.calls == []
    [found] = tmp_path.glob("tiny-*/tiny.json")
    assert json.loads(found.read_text())["arms"] == {}


def test_a_study_that_was_stopped_goes_on(tiny: Any, tmp_path: Path) -> None:
    spec = RunSpec.model_validate({"model": "planted:chain", "task": "planted", "rounds": 1,
                                   "limit": 4})  # fmt: skip
    folder = tmp_path / "here"

    def run(**settings: Any) -> dict[str, Any]:
        return execute("tiny", settings, spec=spec, out=tmp_path, folder=folder).result

    with pytest.raises(KeyboardInterrupt):
        run(fail="repeat")
    assert not (folder / "tiny.json").exists()
    [part] = (folder / "tiny-parts").iterdir()
    (folder / "tiny-parts" / "0000.json").write_text('{"key": ')  # another program's
    assert run()["arms"] == {"intrinsic": 4, "repeat": 4}
    assert tiny.calls == ["intrinsic", "repeat", "repeat"]
    assert not part.parent.exists()
    # parts of another version are not used
    with pytest.raises(KeyboardInterrupt):
        run(fail="repeat")
    part.write_text(part.read_text().replace('"version": "', '"version": "0.'))
    run()
    assert tiny.calls[3:] == ["intrinsic", "repeat", "intrinsic", "repeat"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "study has no command 'nosuch': "),
        (["tiny", "strategy.name=repeat"], "sets the strategy of its runs itself: leave it out"),
        (["tiny", "--strategy", "repeat"], "--strategy"),
        (["tiny", "--least", "0"], "--least"),
        (["tiny", "--times", "x"], "--times"),
        (["tiny", "--limit", "0"], "limit must be at least 1"),
        (["tiny", "--task", "plantd"], "did you mean 'planted'"),
        (["bridge", "--rounds", "3"], "give a run of at least 4 rounds"),
        (["concepts", "--rounds", "0"], "rounds must be"),
    ],
)
@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_is_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    status, printed, error = told(*arguments, "--out", str(tmp_path / "runs"))
    assert (status, printed) == (2, "")
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_name_or_an_option_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no study 'bridg': did you mean 'bridge'"):
        execute("bridg", {}, out=tmp_path)
    with pytest.raises(UserError, match=r"no option 'round': did you mean 'rounds'"):
        execute("concepts", {"round": 3}, out=tmp_path)


def imports(room: str) -> dict[str, set[str]]:
    """Module of a room → what it imports of ours, inside functions too."""
    found: dict[str, set[str]] = {}
    for path in (SOURCE / room).rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
        names |= {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        found[str(path)] = {name for name in names if name.startswith("selfcorrect")}
    assert found
    return found


def test_theory_is_mathematics_only_and_the_report_knows_no_study() -> None:
    for module, names in imports("theory").items():
        others = {n for n in names if not n.startswith("selfcorrect.theory")}
        assert others <= {"selfcorrect.errors"}, module
    for room in ("report", "measures", "runs", "theory"):
        for module, names in imports(room).items():
            assert not [n for n in names if n.startswith("selfcorrect.studies")], module


@pytest.mark.parametrize("name", studies.names())
def test_a_sheet_asks_the_studys_question(name: str) -> None:
    study = studies.load(name)
    if not (RESULTS / f"{name}.json").exists():  # a study of real models: tests/studies/inside
        assert study.plan is not None
        return
    sheet = study.sheet(json.loads((RESULTS / f"{name}.json").read_text("utf-8")))
    assert sheet.question == study.question
    assert sheet.findings
    assert len({option.name for option in study.options}) == len(study.options)
