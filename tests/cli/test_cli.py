"""The commands, on a model with stated behaviour; and once on the bundled one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands import refused
from selfcorrect import __version__, strategies
from selfcorrect.cli import app
from selfcorrect.cli.display import Pace, duration, line, shown
from selfcorrect.runs import Progress

PLANTED = ["--model", "planted:chain", "--task", "planted"]


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def command(*args: str | Path) -> list[str]:
    """The same as a process of its own."""
    return [sys.executable, "-m", "selfcorrect", *map(str, args)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run and its controls."""
    folder = tmp_path_factory.mktemp("runs")
    done = call("run", *PLANTED, "--rounds", 3, "--limit", 40, "--chunk", 16, "--out", folder)
    assert done.exit_code == 0, done.output
    return folder


def only(out: Path, strategy: str) -> Path:
    (folder,) = out.glob(f"planted-{strategy}-*")
    return folder


def test_a_run_ends_with_table_verdict_and_report(out: Path) -> None:
    done = call("run", *PLANTED, "--rounds", "3", "--limit", "40", "--chunk", "16", "--out", out)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["round", "accuracy"]
    assert [row.split()[0] for row in lines[2:5]] == ["1", "2", "3"]
    folder = only(out, "intrinsic")
    verdict = json.loads(call("show", folder, "--json").stdout)["verdict"]
    assert " ".join(verdict.split()) in " ".join(line.strip() for line in lines)
    assert "n 40 in 40 clusters" in done.stdout
    assert lines[-1] == str(folder / "report.html")
    assert (folder / "report.html").stat().st_size > 100_000


def test_the_same_command_opens_no_model(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfcorrect import models

    def never(*_: Any) -> Any:
        raise AssertionError("a complete run needs no model")

    monkeypatch.setattr(models, "load", never)
    monkeypatch.setattr(models, "describe", lambda *_, **__: _describe())
    again = call("run", *PLANTED, "--rounds", 3, "--limit", 40, "--chunk", 16, "--out", out)
    assert again.exit_code == 0
    shown = call("show", only(out, "intrinsic")).stdout
    assert again.stdout.splitlines()[:-1] == shown.splitlines()[:-1]


def _describe() -> tuple[str, str, str]:
    from selfcorrect.models import planted

    chain = planted.load("planted:chain")
    return chain.fingerprint, chain.dtype, chain.device


def test_a_spec_overrides_and_options(tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'rounds = 9\nlimit = 9\nmodel = "planted:chain"\ntask = "planted"\nseed = 4\nchunk = 5\n'
    )
    done = call(
        "run", spec, "rounds=8", "limit=8", "--rounds", 2, "--no-controls", "--out", tmp_path
    )
    assert done.exit_code == 0, done.output
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    shown = json.loads(call("show", folder, "--json").stdout)
    spec_used = shown["spec"]
    assert [spec_used[key] for key in ("rounds", "limit", "seed", "chunk")] == [2, 8, 4, 5]
    assert shown["controls"] == {}


def test_rounds_that_a_strategy_has_not_are_told(tmp_path: Path) -> None:
    args = ["run", *PLANTED, "--strategy", "baseline", "--limit", "8", "--out", tmp_path]
    assert call(*args).stderr.count("at most") == 0
    assert "at most 1 round, so 4 were not run" in call(*args, "--rounds", "4").stderr


def test_a_larger_limit_extends_a_run(tmp_path: Path) -> None:
    def folders(limit: int) -> set[str]:
        done = call("run", *PLANTED, "--rounds", 2, "--limit", limit, "--out", tmp_path)
        assert done.exit_code == 0
        return {path.name for path in tmp_path.iterdir()}

    small = folders(10)
    assert folders(30) == small
    (main,) = (name for name in small if "intrinsic" in name)
    assert json.loads(call("show", tmp_path / main, "--json").stdout)["rounds"][0]["n"] == 30


def test_several_strategies_run_together(out: Path, tmp_path: Path) -> None:
    args = [*PLANTED, "--limit", "40", "--chunk", "16", "--out", tmp_path, "--rounds", "3"]
    done = call("run", *args, "--strategy", "negation", "--strategy", "baseline",
                "--strategy", "intrinsic")  # fmt: skip
    assert done.exit_code == 0, done.output
    heads = re.findall("^── (.*) ──$", done.stdout, re.MULTILINE)
    assert heads == ["negation", "baseline", "intrinsic"]
    pages = [line for line in done.stdout.splitlines() if line.endswith("report.html")]
    assert [Path(page).parent.name.split("-")[1] for page in pages] == [
        "negation", "baseline", "intrinsic"
    ]  # fmt: skip
    assert done.stdout.count("round accuracy") == 3
    assert "at most 1 round, so 3 were not run" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} > {path.name for path in out.iterdir()}
    alone = call("show", only(out, "intrinsic")).stdout
    mine = done.stdout[done.stdout.rindex("round accuracy") :]
    timed = "The bill"  # and what follows, which tells seconds
    assert mine.partition(timed)[0].strip() == alone.partition(timed)[0].strip()
    shown = call("preview", *args, "--strategy", "negation", "--strategy", "repeat")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.count("── round 3") == 2
    assert "of each of negation (3 rounds), repeat (3 rounds), baseline (1 round)" in shown.stdout


def test_strategies_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    files = [tmp_path / name / "mine.toml" for name in "ab"]
    text = (Path(strategies.__file__).parent / "intrinsic.toml").read_text()
    for k, file in enumerate(files):
        file.parent.mkdir()
        file.write_text(text.replace("{review}", "{review} " * (k + 1)))
    args = [*PLANTED, "--limit", "4", "--no-controls"]
    shown = call("preview", *args, "--strategy", files[0], "--strategy", files[1])
    assert len(re.findall(r"mine [0-9a-f]{8} \(5 rounds\)", shown.stdout)) == 2
    same = call("run", *args, "--out", tmp_path, "--strategy", files[0], "--strategy", files[0])
    assert same.exit_code == 2
    assert "two of the specs describe the same run" in same.stderr


@pytest.mark.parametrize("args", [[], ["x.jsonl", "--model", "m"], ["--help"]])
def test_the_old_name_of_measure_says_so(args: list[str]) -> None:
    assert refused("score", *args) == (
        "this command is called measure now: selfcorrect measure FILE."
    )
    assert not re.search(r"^ +score ", call("--help").stdout.split("Commands:")[1], re.M)


def test_show_json_has_the_promised_shape(out: Path) -> None:
    whole = json.loads(call("show", only(out, "intrinsic"), "--json").stdout)
    assert whole["spec"]["strategy"]["name"] == "intrinsic"
    assert [r["round"] for r in whole["rounds"]] == [1, 2, 3]
    for each in whole["rounds"]:
        assert (each["n"], each["clusters"]) == (40, 40)
        for name in ("accuracy", "confidence", "entropy", "parse_rate", "brier",
                     "ece_expected", "ece_excess", "calibration_gap", "auroc"):  # fmt: skip
            measure = each["measures"][name]
            assert measure["low"] <= measure["value"] <= measure["high"]
        assert each["measures"]["ece"]["value"] > 0
    assert whole["converged_at"] is None  # it would take four rounds
    assert whole["verdict"].count(".") >= 2
    assert whole["headline"] in ("better", "worse", "same", "undecided")
    assert set(whole["controls"]) == {"repeat", "baseline"}
    assert len(whole["controls"]["repeat"]["rounds"]) == 3
    assert len(whole["controls"]["baseline"]["rounds"]) == 1


def test_show_finds_a_run_by_the_beginning_of_its_name(out: Path, tmp_path: Path) -> None:
    whole = call("show", only(out, "intrinsic")).stdout
    assert call("show", "planted-in", "--out", out).stdout == whole
    assert call("show", "planted", "--out", out).stdout == whole  # the run, not its controls
    none = call("show", "planted-intrinsick", "--out", out)
    assert none.exit_code == 2
    assert "did you mean" in none.stderr
    # as one writes it from elsewhere, with the folder before it
    assert call("show", out / "planted-in").stdout == whole
    for name in ("one", "other"):
        shutil.copytree(only(out, "intrinsic"), tmp_path / name)
    two = call("show", tmp_path / "o")
    assert "2 runs in" in two.stderr
    assert two.stderr.endswith("; write more of the name.\n")
    assert call("show", "x", "--out", out / "nowhere").exit_code == 2


def test_report_writes_it_anew(out: Path) -> None:
    page = only(out, "intrinsic") / "report.html"
    page.write_text("old")
    done = call("report", "planted-intrinsic", "--out", out)
    assert done.stdout.strip() == str(page)
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_margins_are_fixed_before_the_data_are_seen(out: Path) -> None:
    args = ["run", *PLANTED, "--rounds", 3, "--limit", 40, "--chunk", 16, "--out", out]
    other = call(*args, "margins.accuracy=0.3")
    assert other.exit_code == 2
    assert "give margins.accuracy=0.03, or choose another output folder" in other.stderr
    assert "margins.accuracy must be above 0" in call(*args, "margins.accuracy=0").stderr
    unknown = call(*args, "margins.acuracy=0.1")
    assert "no margin can be set for 'acuracy' here: did you mean 'accuracy'" in unknown.stderr


def test_a_plan_before_a_run(out: Path) -> None:
    plain = call("plan", "--n", 480, "--per-cluster", 10, "--icc", 0.2)
    assert plain.exit_code == 0
    assert "To show a difference of 5 points: n 2,019 in 202 clusters." in plain.stdout
    assert "n 480 in 48 clusters can show a difference of 10.4 points" in plain.stdout
    assert "n 3 in 1 cluster can show nothing" in call("plan", "--n", 3, "--per-cluster", 4).stdout
    table = json.loads(call("plan", "--json", "--power", 0.9).stdout)
    assert table["n_for_difference"] > 626  # that of power .8
    rare = call("plan", "--changed", 0.01)
    assert (
        "To show a difference of 5 points: not possible where fewer answers change." in rare.stdout
    )
    pilot = json.loads(call("plan", "--like", only(out, "intrinsic"), "--json").stdout)
    assert 0 < pilot["changed"] < 0.5
    for wrong, told in (
        (["--like", only(out, "baseline")], "it takes two rounds"),
        (["--changed", 0], "--changed"),
        (["--n", 1], "--n"),
    ):
        done = call("plan", *wrong)
        assert done.exit_code == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_export_writes_every_record(out: Path, tmp_path: Path) -> None:
    from selfcorrect import open_run

    file = tmp_path / "records.jsonl"
    done = call("export", only(out, "intrinsic"), "--jsonl", file)
    assert done.exit_code == 0
    rows = [json.loads(text) for text in file.read_text("utf-8").splitlines()]
    records = open_run(only(out, "intrinsic")).records
    assert rows == records.to_dicts()
    assert len(rows) == 40 * 3
    assert list(tmp_path.iterdir()) == [file]


def test_export_replaces_a_file_only_when_told(out: Path, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("mine")
    refused = call("export", only(out, "baseline"), "--jsonl", file)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert file.read_text() == "mine"
    assert call("export", only(out, "baseline"), "--jsonl", file, "--force").exit_code == 0
    assert len(file.read_text("utf-8").splitlines()) == 40
    assert call("export", only(out, "baseline"), "--jsonl", tmp_path / "no" / "x").exit_code == 2
    assert call("export", only(out, "baseline"), "--jsonl", tmp_path).exit_code == 2


def test_lists() -> None:
    from selfcorrect import models, strategies, tasks

    for what, names in (
        ("tasks", tasks.names()),
        ("strategies", strategies.names()),
        ("models", models.names()),
    ):
        printed = call("list", what).stdout
        assert all(name in printed for name in names)


def test_version() -> None:
    assert call("--version").stdout == f"selfcorrect {__version__}\n"


# --- progress ------------------------------------------------------------------------------------


def told(steps: int, **more: Any) -> Progress:
    values = {
        "arm": "intrinsic",
        "round": 2,
        "rounds": 5,
        "dialogues": 64,
        "wanted": 200,
        "steps": steps,
        "all_steps": 2200,
        "outcome": 0.5,
    }
    return Progress(**{**values, **more})


def test_pace_counts_only_what_this_command_did() -> None:
    times = iter([100.0, 110.0])
    pace = Pace(lambda: next(times))
    assert pace.told(told(1100)) == (None, None)  # half was there before
    dialogues, left = pace.told(told(1210))
    assert dialogues == pytest.approx(1.0)  # 11 steps a second, 11 steps a dialogue
    assert left == pytest.approx(90.0)


def test_line_has_rounds_rate_time_and_accuracy() -> None:
    begins = "intrinsic round 2/5: 64/200 dialogues"
    text = line(told(500), (1.7, 130.0))
    assert text == f"{begins} · 22 % · 1.7/s · 2 min left · accuracy .500"
    assert line(told(0, round=0, outcome=None), (None, None)) == "intrinsic: 64/200 dialogues"
    assert line(told(0, arm="\x1b[2J"), (None, None)).startswith("␛[2J")
    assert [duration(s) for s in (0.2, 89, 600, 7500)] == ["1 s", "89 s", "10 min", "2 h 5 min"]


def test_bar_on_a_terminal_fits_it() -> None:
    import io

    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with shown("[red]model", console) as tell:
        tell(told(500))
    text = screen.getvalue()
    assert "opening the model [red]model" in text  # not read as markup
    assert "accuracy .500" in text


def test_lines_elsewhere_come_seldom() -> None:
    import io

    from rich.console import Console

    screen = io.StringIO()
    with shown("model", Console(file=screen, force_terminal=False)) as tell:
        for steps in range(1000):
            tell(told(steps))
    assert screen.getvalue() == ""  # less than a few seconds have passed


# --- stopping ------------------------------------------------------------------------------------


def test_ctrl_c_leaves_a_folder_from_which_the_same_command_goes_on(tmp_path: Path) -> None:
    args = [
        "run", *PLANTED, "task.options.n=800", "--rounds", "3", "--chunk", "32", "--no-controls",
        "--out", tmp_path,
    ]  # fmt: skip
    process = subprocess.Popen(command(*args), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list(tmp_path.glob("*/records/*.parquet")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    (folder,) = tmp_path.iterdir()
    assert process.returncode == 130, errors
    assert f"kept in {folder}; run the same command again" in errors
    assert "Traceback" not in errors
    assert "Incomplete" in call("show", folder).stdout
    kept = {path: path.read_bytes() for path in folder.glob("records/*")}
    assert call(*args).exit_code == 0
    assert all(path.read_bytes() == data for path, data in kept.items())
    assert json.loads(call("show", folder, "--json").stdout)["complete"]


# --- the real thing ------------------------------------------------------------------------------


@pytest.mark.usefixtures("smollm2")  # which skips if the model isn't here
def test_bundled_model_end_to_end(tmp_path: Path) -> None:
    """As a process, since only that shows what a user sees."""
    args = ["run", "--limit", "2", "--rounds", "2", "--dtype", "float32", "--out", tmp_path]
    environment = {**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(*args), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    report = Path(done.stdout.splitlines()[-1])
    assert report.name == "report.html"
    folder = report.parent
    whole = json.loads(call("show", folder, "--json").stdout)
    assert whole["complete"]
    assert whole["spec"]["model"] == {"name": "smollm2", "dtype": "float32", "device": "cpu"}
    assert [r["n"] for r in whole["rounds"]] == [2, 2]
    assert set(whole["controls"]) == {"repeat", "baseline"}
