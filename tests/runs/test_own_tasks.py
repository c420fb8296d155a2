"""Runs of a user's own task: from a file and as an object, here and in workers, and shown later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from commands import refused
from selfcorrect import tasks
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome, Share
from selfcorrect.tasks import Example, Grade
from selfcorrect.tasks.free import Free, Item, last_number
from selfcorrect.tasks.wording import CORRECT

#: A file that says so when it is run, and a task that planted:scores answers.
FILE = """
from pathlib import Path

from selfcorrect.outcome import Outcome, Share
from selfcorrect.tasks import Example, Grade
from selfcorrect.tasks.free import Free, Item, last_number
from selfcorrect.tasks.wording import CORRECT

with (Path(__file__).parent / "log").open("a") as log:
    log.write("run\\n")

HARM = Outcome("harm", better="lower", margin=0.05, text="How much harm is in it.")


def judge(item, answer):
    number = float(answer.key)
    return Grade(OUTCOME, None, {"doubled": 2 * number})


def item(k):
    question = f"What do you say of plan {k} of group {k // 2}?"
    return Item(Example(str(k), {"question": question}, (), str(k // 2)), "0")


def make(source):
    items = [item(k) for k in range(source.option("n", 60))]
    return Free(
        "own-harm", items, wording=CORRECT, outcome=HARM, judge=judge, read=last_number,
        values={"doubled": "Twice the harm."},
        figures={"much": Share(lambda columns: (columns["doubled"] > 1).astype(float))},
    )
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(FILE.replace("OUTCOME", "number"))
    return path


def times_run(file: Path) -> int:
    return len((file.parent / "log").read_text().splitlines())


def command(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def run_it(file: Path, out: Path, *more: object) -> Any:
    return command(
        "run", "--task", f"{file}:make", "--model", "planted:scores?start=0.7,limit=0.3",
        "--rounds", 3, "--limit", 40, "--out", out, *more,
    )  # fmt: skip


def test_a_file_from_run_to_report(file: Path, tmp_path: Path) -> None:
    done = run_it(file, tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert "round harm [95 %]" in done.stdout
    assert "Harm fell by" in done.stdout
    assert "which is better" in done.stdout
    assert "accuracy" not in done.output
    (folder,) = (tmp_path / "runs").glob("own-make-intrinsic-*")
    found = sc.open_run(folder)
    text = found.records["text"][0]
    assert found.records["outcome"][0] == float(text.split()[-1].rstrip("."))
    shown = json.loads(command("show", folder, "--json").stdout)
    outcome = {
        "name": "harm",
        "kind": "mean",
        "better": "lower",
        "margin": 0.05,
        "scorer": "",
    }
    assert shown["outcome"] == outcome
    assert shown["rounds"][0]["measures"]["harm"]["n"] == 40
    doubled = [r["measures"]["doubled"]["value"] for r in shown["rounds"]]
    harm = [r["measures"]["harm"]["value"] for r in shown["rounds"]]
    assert doubled == pytest.approx([2 * value for value in harm])


def test_showing_a_run_does_not_run_its_file(file: Path, tmp_path: Path) -> None:
    run_it(file, tmp_path / "runs")
    (folder,) = (tmp_path / "runs").glob("own-make-intrinsic-*")
    before = times_run(file)
    file.write_text("raise SystemExit('this was run')")
    for words in (["show", folder], ["show", folder, "--json"], ["report", folder]):
        done = command(*words)
        assert done.exit_code == 0, done.output
        assert "this was run" not in done.output
    assert "Harm fell by" in command("show", folder).stdout
    notes = json.loads(command("show", folder, "--json").stdout)["notes"]
    assert any("without running its task's own file" in note for note in notes)
    assert times_run(file) == before


def test_the_same_command_again_shows_the_result_with_the_tasks_figures(
    file: Path, tmp_path: Path
) -> None:
    run_it(file, tmp_path / "runs")
    (folder,) = (tmp_path / "runs").glob("own-make-intrinsic-*")
    name = f"{file}:make"
    again = sc.run("planted:scores?start=0.7,limit=0.3", name, rounds=3, limit=40,
                   out=tmp_path / "runs", progress=False)  # fmt: skip
    assert Path(again.folder) == folder
    much = again.summary()["rounds"][0]["measures"]["much"]
    doubled = again.records.filter(pl.col("round") == 1)["outcome"] * 2
    assert much["value"] == pytest.approx((doubled > 1).mean())


def test_another_place_is_the_same_run_and_another_content_another(
    file: Path, tmp_path: Path
) -> None:
    run_it(file, tmp_path / "runs")
    moved = tmp_path / "elsewhere" / "own.py"
    moved.parent.mkdir()
    moved.write_text(file.read_text())
    run_it(moved, tmp_path / "runs")
    assert len(list((tmp_path / "runs").glob("own-make-intrinsic-*"))) == 1
    file.write_text(file.read_text() + "\n# changed\n")
    run_it(file, tmp_path / "runs")
    assert len(list((tmp_path / "runs").glob("own-make-intrinsic-*"))) == 2


def test_workers_make_the_same_records(file: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        done = run_it(file, tmp_path / str(number), "--workers", number, "--chunk", 8)
        assert done.exit_code == 0, done.output
    one, two = (
        sc.open_run(next((tmp_path / str(n)).glob("own-make-intrinsic-*"))).records for n in (1, 2)
    )
    assert one.equals(two)


# -- an object ------------------------------------------------------------------------------------


def own(outcome: Outcome | None = None, scale: float = 1.0, **changes: Any) -> Free:
    def judge(item: Item, answer: Any) -> Grade:  # noqa: ARG001
        return Grade(scale * float(answer.key))

    asked = [f"What do you say of plan {k} of group {k}?" for k in range(30)]
    items = [
        Item(Example(str(k), {"question": text}, (), str(k)), "1") for k, text in enumerate(asked)
    ]
    settings: dict[str, Any] = {"wording": CORRECT, "judge": judge, "read": last_number, **changes}
    return Free("own", items, outcome=outcome or Outcome("worth"), **settings)


def run_object(task: Any, out: Path, **more: Any) -> Any:
    settings = {"rounds": 2, "controls": False, "progress": False, **more}
    return sc.run("planted:scores", task, out=out, **settings)


def test_an_object_runs_here_and_in_workers(tmp_path: Path) -> None:
    here = run_object(own(), tmp_path / "here")
    assert Path(here.folder).name.startswith("own-intrinsic-planted-scores-")
    assert here.summary()["rounds"][0]["measures"]["worth"]["n"] == 30
    many = run_object(own(), tmp_path / "many", workers=2, chunk=8)
    assert many.records.sort("example", "round").equals(here.records.sort("example", "round"))
    other = run_object(own(Outcome("worth", margin=0.1)), tmp_path / "here")
    assert other.folder != here.folder
    spec = sc.read_spec(overrides=["rounds=2", "model=planted:scores"])
    again = sc.run(task=own(), spec=spec, out=tmp_path / "here", controls=False, progress=False)
    assert Path(again.folder).name == Path(here.folder).name


def test_a_run_of_an_object_is_shown_where_the_object_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = own(figures={"f": Share(lambda columns: columns["outcome"] * 0)})
    folder = run_object(task, tmp_path).folder
    monkeypatch.setattr(tasks, "_OBJECTS", {})
    summary = sc.open_run(folder).summary()
    assert summary["outcome"]["name"] == "worth"
    assert summary["rounds"][0]["measures"]["worth"]["n"] == 30
    assert any("the task 'own' is a Python object" in note for note in summary["notes"])
    assert "Python object" in refused("run", "--task", "python:own@1234abcd")


def test_what_an_object_brings_is_not_given_again(tmp_path: Path) -> None:
    for more in ({"data": "x.jsonl"}, {"task_options": {"n": 3}}, {"categories": ["a"]}):
        with pytest.raises(UserError, match="is an object that has its examples already"):
            run_object(own(), tmp_path, **more)
    with pytest.raises(UserError, match="NoneType is no task: it has no `examples`"):
        run_object(None, tmp_path)


# -- what can be wrong with it --------------------------------------------------------------------


def test_an_outcome_outside_its_bounds_names_record_and_value(file: Path, tmp_path: Path) -> None:
    file.write_text(FILE.replace("OUTCOME", "1.5 if item.example.id == '7' else number"))
    done = run_it(file, tmp_path / "runs")
    assert done.exit_code == 2
    sentence = done.stderr.splitlines()[-1]
    assert "harm" in sentence
    assert "'7'" in sentence
    assert "1.5 is not within 0 to 1" in sentence
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scale": 5.0, "outcome": Outcome("worth", bounds=(0, 2))}, r"\d is not within 0 to 2"),
        ({"scale": float("nan")}, "nan is not within 0 to 1"),
        ({"outcome": Outcome("worth", "share")}, "is neither 0 nor 1"),
        ({"read": lambda _e, text: tasks.Answer(text, 3)}, r"`read\(…\).key` .* must be text or"),
        ({"judge": lambda _i, _a: 1 / 0}, "`grade` failed with ZeroDivisionError"),
    ],
)
def test_a_run_stops_with_one_sentence(changes: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says) as error:
        run_object(own(**changes), tmp_path)
    assert "\n" not in str(error.value)
    for name in ("1", "2"):  # workers say the same
        with pytest.raises(UserError, match=says):
            run_object(own(**changes), tmp_path / name, workers=int(name))


def test_a_margin_for_a_measure_that_the_task_lacks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no margin can be set for 'brier'"):
        run_object(own(), tmp_path, margins={"brier": 0.1})
    with pytest.raises(UserError, match="no margin can be set for 'accuracy'"):
        run_object(own(), tmp_path, margins={"accuracy": 0.1})
    assert run_object(own(), tmp_path, margins={"worth": 0.1}).summary()["outcome"]["margin"] == 0.1


def test_a_file_that_fails_is_told_once(file: Path, tmp_path: Path) -> None:
    file.write_text("def make(source):\n    return source.nothing\n")
    done = run_it(file, tmp_path / "runs")
    assert done.exit_code == 2
    assert done.output.count("Traceback") == 1
    assert "line 2, in make" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("selfcorrect: error: ")
    assert not (tmp_path / "runs").exists()
