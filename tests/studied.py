"""A study of the theory by its command, as a user gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from selfcorrect.cli import app


def studied(out: Path, name: str, *arguments: str) -> dict[str, Any]:
    """What ``selfcorrect theory NAME --json`` prints; stored as well, and a page beside it."""
    given = ["theory", name, *arguments, "--json", "--out", str(out)]
    done = CliRunner().invoke(app, given, env={"COLUMNS": "80"})
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((out / f"{name}.json").read_text("utf-8")) == found
    assert f"selfcorrect theory {name}" in (out / f"{name}.html").read_text("utf-8")
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.html", f"{name}.json"]
    return found
