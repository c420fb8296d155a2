"""The command line, called in this process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from selfcorrect.cli import app


def refused(*args: str | Path, stdin: str | None = None) -> str:
    """The sentence that a command is refused with."""
    words = [str(arg) for arg in args]
    done = CliRunner().invoke(app, words, input=stdin, catch_exceptions=False)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("selfcorrect: error: ")
    assert "Traceback" not in sentence
    return sentence.removeprefix("selfcorrect: error: ")


def printed(*args: str | Path) -> str:
    """What a command that succeeds prints, in one line each however wide the terminal is."""
    done = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
