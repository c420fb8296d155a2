"""Every bad input is one clear sentence on standard error and exit status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import refused
from selfcorrect.cli import app
from selfcorrect.text import visible, visible_values

PLANTED = ["--model", "planted:chain", "--task", "planted"]
GOOD = {"question": "Which?", "choices": ["red", "green"], "answer": "red"}


def questions(folder: Path, *rows: object) -> Path:
    file = folder / "q.jsonl"
    file.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in rows))
    return file


@pytest.mark.parametrize("command", ["run", "preview"])
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([GOOD, '{"question": '], "q.jsonl:2: not valid JSON"),
        ([GOOD, {k: v for k, v in GOOD.items() if k != "answer"}], "q.jsonl:2: the field 'answer'"),
        ([{**GOOD, "choices": ["red"]}], "q.jsonl:1:"),
        ([GOOD, GOOD, {**GOOD, "choices": ["red", "red"]}], "q.jsonl:3:"),
        ([{**GOOD, "answer": "blue"}], 'q.jsonl:1: the answer "blue"'),
        ([], "the file is empty"),
    ],
    ids=["malformed", "no answer", "one choice", "duplicate choices", "foreign answer", "empty"],
)
def test_bad_data(command: str, rows: list[object], says: str, tmp_path: Path) -> None:
    file = questions(tmp_path, *rows)
    sentence = refused(
        command, "--task", "choices", "--data", file, "--model", "planted:chain", "--out", tmp_path
    )
    assert says in sentence
    assert str(file) in sentence


def test_missing_data(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    assert f"{missing}: no such file" in refused("run", "--task", "choices", "--data", missing)
    assert "needs data" in refused("run", "--task", "choices")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--task", "bqb"], "did you mean 'bbq'"),
        (["--strategy", "intrinsc"], "did you mean 'intrinsic'"),
        (["--strategy", "nowhere/mine.toml"], "no strategy file nowhere/mine.toml"),
        (["--model", "planted:chian"], "did you mean 'planted:chain'"),
        (["--dtype", "float31"], "no dtype 'float31'"),
        (["--dtype", "float31"], "did you mean 'float32'"),
        (["--no-baseline"], "the option --no-baseline is called --no-controls now"),
        (["--device", "gpu"], "model.device must be auto, cpu"),
        (["--rounds", "0"], "rounds must be at least 1, not 0"),
        (["--limit", "0"], "limit must be at least 1, not 0"),
        (["--chunk", "0"], "chunk must be at least 1, not 0"),
        (["--seed=-1"], "seed must be at least 0, not -1"),
        (["ruonds=3"], "did you mean 'rounds'"),
        (["a.toml", "b.toml"], "one spec file, not 'a.toml' and 'b.toml'"),
        (["none.toml"], "there is no spec file none.toml"),
        (["task.options.m=3"], "no option 'm'"),
        (["--categories", "Age"], "has no categories"),
    ],
)
@pytest.mark.parametrize("command", ["run", "preview"])
def test_bad_settings(command: str, args: list[str], says: str, tmp_path: Path) -> None:
    given = {args[0].partition("=")[0]}
    base = [a for pair in zip(PLANTED[::2], PLANTED[1::2], strict=True) if pair[0] not in given
            for a in pair]  # fmt: skip
    assert says in refused(command, *base, *args, "--out", tmp_path)


def test_unknown_category(tmp_path: Path) -> None:
    item = {
        "example_id": 0, "question_index": "1", "question_polarity": "neg",
        "context_condition": "ambig", "category": "Religion", "context": "Two people met.",
        "question": "Who was late?", "ans0": "Ann", "ans1": "Bo", "ans2": "Unknown", "label": 2,
        "answer_info": {"ans0": ["Ann", "A"], "ans1": ["Bo", "B"], "ans2": ["Unknown", "unknown"]},
        "additional_metadata": {"stereotyped_groups": ["A"]},
    }  # fmt: skip
    file = questions(tmp_path, item)
    sentence = refused("run", "--task", "bbq", "--data", file, "--categories", "Religoin")
    assert "did you mean 'Religion'" in sentence


def test_bad_models(tmp_path: Path) -> None:
    run = ["run", "--task", "sample", "--model"]
    assert "no model" in refused(*run, tmp_path / "none")
    assert "no GGUF file" in refused(*run, tmp_path / "none.gguf")
    assert "config.json" in refused(*run, tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "no weights" in refused(*run, tmp_path)


@pytest.mark.usefixtures("hub_offline")
def test_a_hub_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "give its local folder" in refused("run", "--model", "nobody/nothing", *PLANTED[2:])
    assert "give a local file or folder" in refused("run", "--task", "bbq", *PLANTED[:2])


@pytest.fixture
def hub_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_planted_model_on_another_task(tmp_path: Path) -> None:
    sentence = refused("run", "--model", "planted:chain", "--out", tmp_path, "--limit", "2")
    assert "the task 'planted' only" in sentence


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert "not the folder of a run" in refused("show", tmp_path)
    assert "no run in" in refused("export", "x", "--jsonl", "y", "--out", tmp_path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "part of its path is a file" in refused("run", *PLANTED, "--out", file / "runs")


@pytest.mark.parametrize(
    "args", [["run", "--nonsense"], ["run", "--rounds", "x"], ["nonsense"], ["show"], ["list", "x"]]
)
def test_bad_usage_is_status_2_too(args: list[str]) -> None:
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 2
    assert done.stderr.startswith("selfcorrect: error: ")
    assert done.stderr.endswith("--help.\n")
    assert done.stderr.count("\n") == 1


def test_places_that_no_path_can_name(tmp_path: Path) -> None:
    for args in (
        ["show", "a" * 300],
        ["show", "~nobody_of_that_name/x"],
        ["run", "--model", "planted:chain", "--task", "winogender", "--data", "a" * 300],
        ["run", *PLANTED, "--system", "a\udcff", "--out", str(tmp_path)],
    ):
        done = CliRunner().invoke(app, [str(a) for a in args])
        assert done.exit_code == 2, args
        assert done.stderr.startswith("selfcorrect: error: "), args
        assert done.stderr.count("\n") == 1, args


def test_as_a_process() -> None:
    """What the entry point itself does: no traceback, no stray output, the right status."""
    done = subprocess.run(
        [sys.executable, "-m", "selfcorrect", "run", *PLANTED, "--rounds", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if "at work for" not in line]
    assert said == ["selfcorrect: error: --rounds must be at least 1, not 0."]


def test_ctrl_c_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import selfcorrect
    from selfcorrect import __main__

    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "selfcorrect.cli":
                raise KeyboardInterrupt

    monkeypatch.delattr(selfcorrect, "cli")
    monkeypatch.delitem(sys.modules, "selfcorrect.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    assert stopped.value.code == 130


# --- text that would steer the terminal ----------------------------------------------------------


def test_an_error_shows_control_characters() -> None:
    sentence = refused("run", *PLANTED, "--strategy", "a\x1b[2Jb\nc\u202ed")
    assert "\x1b" not in sentence
    assert "\u202e" not in sentence


def test_visible() -> None:
    assert visible("plain [bold]text[/bold] é 🙂 שלום") == "plain [bold]text[/bold] é 🙂 שלום"
    assert visible("\x1b[31m\x00\x7f\x9b\u202e\u2028\ud800") == (
        "␛[31m␀␡<U+009B><U+202E><U+2028><U+D800>"
    )
    assert visible("a\nb\tc\r") == "a b c␍"
    assert visible("a\nb\tc", lines=True) == "a\nb\tc"
    assert visible_values({"a\x1b": ["\x07", 1, None]}) == {"a␛": ["␇", 1, None]}


@pytest.mark.parametrize("group", ["list", "study", "theory"])
def test_a_group_without_a_command_shows_its_help(group: str) -> None:
    done = CliRunner().invoke(app, [group], prog_name="selfcorrect")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Usage: selfcorrect {group} ")
    assert "Error" not in done.stderr
