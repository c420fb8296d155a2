"""Numbers that make no sense: each of every command's is refused in one sentence, at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_group

from commands import refused
from selfcorrect.cli import app
from selfcorrect.cli.limits import most, numbers
from timing import within


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from _commands(each, (*path, name))
        else:
            yield (*path, name), each


EVERY = [
    (path, command, option)
    for path, command in _commands(get_group(app))
    for option in numbers(command)
]
#: One command for each option: those that commands share are the same object of the code.
DISTINCT = {
    (option.name, option.min, option.max, most(path[-1], option)): (path, command, option)
    for path, command, option in EVERY
}
ABSURD = ("-1", "-1e300", str(2**80), "1e300", "nan", "inf", "-inf", "9" * 400, "many", "")


def test_there_are_numbers_to_look_at() -> None:
    assert len(EVERY) > 200
    assert len(DISTINCT) > 25


@pytest.mark.parametrize("which", DISTINCT, ids=str)
def test_a_number_that_makes_no_sense_is_refused(which: Any) -> None:
    path, command, option = DISTINCT[which]
    flag = next(name for name in option.opts if name.startswith("--"))
    needed = [
        "x" if p.param_type_name == "argument" else f"{p.opts[0]}=x"
        for p in command.params
        if p.required and p is not option
    ]
    for value in ABSURD:
        with within(2):
            said = refused(*path, *needed, f"{flag}={value}")
        assert flag in said or option.name in said, (value, said)


@pytest.mark.parametrize("which", DISTINCT, ids=str)
def test_the_largest_that_is_taken_is_no_larger_than_makes_sense(which: Any) -> None:
    path, _, option = DISTINCT[which]
    largest = most(path[-1], option)
    assert largest < 2**63
    assert option.name == "seed" or "budget" in option.name or largest <= 10**9


@pytest.mark.parametrize(
    "setting",
    [
        "rounds=200000", "limit=1000000000000", "samples.k=1000000", "seed=1" + "0" * 30,
        "samples.temperature=1e300", "samples.temperature=nan", "samples.temperature=-1",
        "max_failed=nan", "max_failed=2", "chunk=100000", "margins.accuracy=nan",
        "margins.accuracy=inf", "max_tokens=1000000000", "task.options.n=1000000000000",
        "task.options.n=-1", "model.max_thinking=1000000000",
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(setting: str, tmp_path: Any) -> None:
    words = ["run", "--model", "planted:scores", "--task", "planted-scores", "--out", tmp_path]
    assert refused(*words, setting)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "setting",
    ["in_flight=1000000", "timeout=nan", "timeout=1e300", "wait=inf", "draws=100000000",
     "price=[nan, 1.0]", "price=[inf, 1.0]", "price=[-1.0, 1.0]", "budget_tokens=-1",
     "budget_tokens=1" + "0" * 30],
)  # fmt: skip
def test_a_setting_of_a_server_that_makes_no_sense_is_refused(setting: str, tmp_path: Any) -> None:
    words = ["run", "--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1"]
    assert "no server" not in refused(*words, "--out", tmp_path, f"model.{setting}")
