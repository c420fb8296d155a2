"""Help texts: every option in one section, and an example of each command that it takes."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from commands import printed
from selfcorrect.cli import app
from selfcorrect.runs.options import OPTIONS, SECTIONS


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        if not each.hidden:
            yield from commands(each, (*path, name))


EVERY = dict(commands(typer.main.get_command(app)))


def test_each_option_stands_in_one_section() -> None:
    assert Counter(name for names in SECTIONS.values() for name in names) == Counter(OPTIONS.keys())
    text = printed("run", "--help")
    assert all(f"\n{heading}:\n" in text for heading in SECTIONS)
    for option in OPTIONS.values():
        assert text.count(f"\n  {option.flag} ") == 1


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_the_example_of_a_command_can_be_given_to_it(path: tuple[str, ...]) -> None:
    text = printed(*path, "--help")
    line = text.partition("\nExample:\n")[2].strip()
    words = shlex.split(line)
    assert words[: len(path) + 1] == ["selfcorrect", *path]
    assert len(line) <= 78
    EVERY[path].make_context(" ".join(path), words[len(path) + 1 :])  # raises what is wrong with it
