"""What takes long says so: in lines, and never cut off where tokens and money stand."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.cli.display import fitted, shown
from selfcorrect.cli.helping import Command
from selfcorrect.cli.parts import counted, waiting
from selfcorrect.cli.pulse import heard, pulse, speaking
from selfcorrect.runs import Progress


def test_what_is_waited_for_is_said_once_it_takes_long() -> None:
    file = io.StringIO()
    with waiting("waiting for the server of [red]x\x1b[2J", Console(file=file), after=0.05):
        time.sleep(0.3)
    (line,) = file.getvalue().splitlines()
    assert line.startswith("waiting for the server of [red]x␛[2J (")
    file = io.StringIO()
    with waiting("nothing", Console(file=file), after=30.0):
        pass
    assert not file.getvalue()


def test_tokens_and_money_are_never_cut_off() -> None:
    spent = "12,345 prompt tokens and 678 generated, 0.0123 spent"
    told = Progress("intrinsic", 3, 5, 10, 20, 50, 100, 0.5, spent=spent)
    for width in (30, 60, 100):
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, width=width, color_system=None)
        with shown("planted:chain", console) as tell:
            tell(told)
        plain = " ".join(file.getvalue().split())
        assert all(word in plain for word in spent.split())
        assert "…" not in plain.partition("accuracy")[2]


def test_a_command_that_says_nothing_is_said_to_be_at_work() -> None:
    file = io.StringIO()
    console = Console(file=file, width=40)
    with pulse("selfcorrect theory train", console, first=0.05):
        heard("2/14 finished")
        time.sleep(0.3)
    (line,) = file.getvalue().splitlines()  # and not again before some time
    assert line.startswith("2/14 finished · selfcorrect theory train: at work for ")
    file.truncate(0)
    with pulse("quiet", console, first=0.05), speaking():
        time.sleep(0.3)
    with pulse("quick", console, first=30.0):
        pass
    assert "quiet" not in file.getvalue()
    assert "quick" not in file.getvalue()


def test_every_command_is_watched() -> None:
    def check(group: Any) -> None:
        for command in group.commands.values():
            if hasattr(command, "commands"):
                check(command)
            elif not command.hidden:
                assert isinstance(command, Command)

    check(typer.main.get_command(app))


def _slowly(*commands: str) -> list[Any]:
    return [pytest.param(command, marks=pytest.mark.slow) for command in commands]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "command",
    ["run", "preview", "probe", *_slowly("bias", "choose", "concept train biased", "study role")],
)
def test_what_a_command_waits_for_is_a_server(
    command: str, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("selfcorrect.cli.pulse.OPENING", 0.05)
    monkeypatch.setattr("selfcorrect.cli.pulse.LEAST", 0.01)
    monkeypatch.setattr("selfcorrect.models.endpoint.server._OPTIONAL_SECONDS", 0.1)
    monkeypatch.setattr("selfcorrect.models.endpoint.server._UNANSWERED", 0.3)
    asked = [*command.split(), "--model", "openai:m", "--base-url", silent]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert done.stderr.startswith("waiting for the server of openai:m")
    assert done.stdout == ""


def test_without_colours_progress_is_lines_on_a_terminal_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("selfcorrect.cli.display.BETWEEN_LINES", 0.0)
    monkeypatch.setattr("selfcorrect.cli.parts.BETWEEN_LINES", 0.0)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None)
    told = Progress("intrinsic", 3, 5, 10, 20, 50, 100, 0.5, through=12)
    with shown("planted:chain", console) as tell, counted("steps", console) as count:
        tell(told)
        count(1, 2)
    with waiting("a model", console, after=0.02):
        time.sleep(0.1)
    said = file.getvalue()
    assert "\x1b" not in said
    assert said.splitlines()[:2] == [
        "intrinsic round 3/5: 12/20 dialogues · 50 % · 10 finished · accuracy .500",
        "1/2 steps finished",
    ]
    assert said.splitlines()[2].startswith("a model (")


@pytest.mark.parametrize("width", [36, 50, 60, 80, 120])
def test_below_a_bar_two_lines_are_enough(width: int) -> None:
    spent = "12,345,678 tokens, 12.34 of 50"
    told = Progress("intrinsic", 3, 5, 10, 200, 50, 100, 0.5, spent=spent, through=12)
    text = fitted(told, (1.234, 7200.0), width)
    assert len(wrap(text, width)) <= 2
    begins = "intrinsic 3/5: 12/200 ·" if width == 36 else "intrinsic round 3/5: 12/200 d"
    assert text.startswith(begins)
    assert text.endswith(spent)
    assert ("accuracy" in text) == (width >= 60)
    assert fitted(told, (1.0, 0.0), 120) == (
        f"intrinsic round 3/5: 12/200 dialogues · 10 finished · 1/s · accuracy .500 · {spent}"
    )
