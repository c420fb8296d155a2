"""``selfcorrect list``: strategies by group, and every list as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selfcorrect import strategies
from selfcorrect.cli import app
from selfcorrect.strategies.base import GROUPS


def listed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["list", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("group", [[], ["study"], ["theory"], ["concept"], ["list"]])
def test_the_help_of_a_group_says_whole_sentences(group: list[str]) -> None:
    told = CliRunner().invoke(app, [*group, "--help"]).stdout.partition("Commands:")[2]
    assert told.count(".") + told.count("?") > 3
    assert "..." not in told


def test_strategies_are_listed_by_group() -> None:
    lines = listed("strategies").splitlines()
    assert [line.strip()[:-1] for line in lines if line[:1].strip()] == list(GROUPS)
    rows = json.loads(listed("strategies", "--json"))
    assert {row["name"]: row["about"] for row in rows} == strategies.names()
    assert [*dict.fromkeys(row["group"] for row in rows)] == list(GROUPS)
    # the page groups them in the same way
    page = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text("utf-8")
    group, told = "", {}
    for row in page.partition("## The built-in ones")[2].partition("\n## ")[0].splitlines():
        if row.startswith("| **"):
            group = row.split("**")[1]
        elif group and row.startswith("| `"):
            told[row.split("`")[1]] = group
        elif group:
            break
    assert told == {row["name"]: row["group"] for row in rows}
    [first, *_] = json.loads(listed("tasks", "--json"))
    assert first.keys() == {"name", "about"}
