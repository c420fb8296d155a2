"""The command line, called in this process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from selfcorrect.cli import app


def refused(*args: str | Path, stdin: str | None = None) -> str:
    """The sentence that a command is refused with, and after it the bad lines that it is about."""
    words = [str(arg) for arg in args]
    done = CliRunner().invoke(app, words, input=stdin, catch_exceptions=False)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    sentence, *bad_lines = done.stderr.splitlines()
    assert all(line.startswith("  ") for line in bad_lines)
    assert sentence.startswith("selfcorrect: error: ")
    assert "Traceback" not in sentence
    return "\n".join([sentence.removeprefix("selfcorrect: error: "), *bad_lines])


def printed(*args: str | Path) -> str:
    """What a command that succeeds prints, in one line each however wide the terminal is."""
    done = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
