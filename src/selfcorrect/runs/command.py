"""The command line that describes a run: what is copied to make it again, or one like it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from selfcorrect.models.kinds import SERVED
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.options import OPTIONS, Option
from selfcorrect.runs.settings import short
from selfcorrect.runs.spec import RunSpec, read_value

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def command_line(spec: RunSpec, *, out: str | Path = "runs", controls: bool = True) -> str:
    """The ``selfcorrect run`` command of a spec, quoted for a shell.

    Only settings that aren't the defaults are named, so that it reads as one would write it.
    """
    table = _changed(spec.model_dump(mode="json"), _defaults(spec))
    words = ["selfcorrect", "run"]
    for option in OPTIONS.values():
        texts = _texts(option, _at(table, option.key)) if option.key else None
        if texts is not None:
            _take(table, option.key)
            words += _words(option, texts)
    if not controls:
        words.append(OPTIONS["no_controls"].flag)
    if str(out) != str(OPTIONS["out"].default):
        words += _words(OPTIONS["out"], [str(out)])
    words += [f"{key}={_override_text(value)}" for key, value in _settings(table)]
    return shlex.join(words)


def _at(table: Mapping[str, Any], key: str) -> Any:
    """What stands at a dotted key; ``None`` where nothing does."""
    value: Any = table
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _take(table: dict[str, Any], key: str) -> None:
    """Remove what stands at a dotted key, and the tables that then are empty."""
    first, _, rest = key.partition(".")
    if rest:
        _take(table[first], rest)
    if not rest or not table[first]:
        del table[first]


def _texts(option: Option, value: Any) -> list[str] | None:
    """The values with which an option makes a setting; ``None`` where none do."""
    written = short(option.key, value)
    if option.kind is bool:
        return [""] if value is True else None
    if option.commas and isinstance(value, list):
        unclear = any("," in text or text != text.strip() or not text for text in map(str, value))
        return None if unclear or not value else [",".join(map(str, value))]
    listed = written if isinstance(written, list) else [written]
    alike = isinstance(written, list) == option.repeatable
    kinds = (int, float) if option.kind is float else (option.kind,)
    fit = all(isinstance(each, kinds) and not isinstance(each, bool) for each in listed)
    return list(map(str, listed)) if alike and fit and listed else None


def _words(option: Option, texts: Sequence[str]) -> list[str]:
    """An option once with each value; one that looks like an option is taken for one, unless it is
    attached."""
    if option.kind is bool:
        return [option.flag]
    attached = [(f"{option.flag}={text}",) if text.startswith("-") else (option.flag, text)
                for text in texts]  # fmt: skip
    return [word for words in attached for word in words]


def _defaults(spec: RunSpec) -> dict[str, Any]:
    """What a spec with the same models holds where nothing else is said."""
    table = RunSpec().model_dump(mode="json")
    table["model"] = _model_defaults(spec.model) | {"name": table["model"]["name"]}
    table["models"] = {name: _model_defaults(model) for name, model in spec.models.items()}
    for other in table["models"].values():
        if "base_url" in other:  # asked where the run's model is, unless it says
            other["base_url"] = spec.model.base_url
    return table


def _model_defaults(model: ModelSpec) -> dict[str, Any]:
    usual = ModelSpec(name=SERVED) if model.is_served else ModelSpec()
    return usual.model_dump(mode="json", exclude={"name"})


def _changed(table: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """What of a table isn't as in the default one."""
    changed = {}
    for key, value in table.items():
        usual = default.get(key)
        if isinstance(value, Mapping) and isinstance(usual, Mapping):
            if inner := _changed(value, usual):
                changed[key] = inner
        elif value is not None and value != usual:
            changed[key] = value
    return changed


def _settings(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a table by dotted key; a table with a key that can't be bare stays whole."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value and all(map(_BARE.fullmatch, value)):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _override_text(value: Any) -> str:
    """A value as ``KEY=VALUE`` takes it: a text as it is, unless that is read as something else."""
    if isinstance(value, str) and value == value.strip() and read_value(value) == value:
        return value
    return _toml(value)


def _toml(value: Any) -> str:
    """A value on one line of TOML, which has no null: such keys are left out."""
    if isinstance(value, Mapping):
        inside = [f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items() if v is not None]
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value if part is not None) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
