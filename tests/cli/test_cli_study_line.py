"""The command that a study's page shows: it is one, and says the same again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from selfcorrect import studies
from selfcorrect.cli import app, study

GROUP: Any = typer.main.get_command(app)


def _values(parameter: Any) -> Any:
    """Something that an option takes, other than its default."""
    if parameter.is_flag:
        return True
    kind, least = parameter.type_descriptor.annotation, parameter.min or 0
    inner = next(iter(get_args(kind)), kind)
    one: Any = {int: int(least) + 3, float: least + 0.5}.get(inner, "-a b'=c")
    return [one, one] if parameter.multiple else one


@pytest.mark.parametrize("name", studies.names())
def test_every_option_is_written_so_that_it_is_read_again(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = GROUP.commands["study"].commands[name]
    options = [each for each in command.params if each.name not in ("given", "help", "as_json")]
    values = {each.name: _values(each) for each in options if each.name not in ("out", "of")}
    if "ray" in values:
        values |= {"workers": 1, "ray": None}
    lines: list[str] = []

    def caught(*args: Any, **_: Any) -> None:
        lines.append(args[2])

    monkeypatch.setattr(study, "execute", caught)
    monkeypatch.setattr(study, "spec_from", lambda *_: _Any())
    given = {} if not any(each.name == "given" for each in command.params) else {"given": None}
    command.callback(**given, **values, as_json=False, out=tmp_path)
    (line,) = lines
    words = shlex.split(line)
    assert words[:3] == ["selfcorrect", "study", name]
    read = command.make_context(name, words[3:]).params
    for key, value in values.items():
        if key in study.WORK:  # who does the work is no part of what was run
            continue
        found = list(read[key]) if isinstance(read[key], tuple | list) else read[key]
        assert found == value, key
    assert read["out"] == tmp_path


class _Any:
    """A spec that has whatever a study's own options ask it for."""

    def __getattr__(self, name: str) -> Any:
        return _Any()
