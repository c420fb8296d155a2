"""The command line that describes a run: what is copied to make it again, or one like it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from selfcorrect.models.kinds import SERVED
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.spec import RunSpec, read_value

#: Settings that have an option of their own, in the order in which a command names them.
OPTIONS: Mapping[str, str] = {
    "strategy.name": "--strategy",
    "model.name": "--model",
    "models.feedback.name": "--feedback",
    "model.base_url": "--base-url",
    "model.dtype": "--dtype",
    "model.device": "--device",
    "task.name": "--task",
    "task.data": "--data",
    "task.categories": "--categories",
    "scorer.name": "--scorer",
    "rounds": "--rounds",
    "limit": "--limit",
    "seed": "--seed",
    "system": "--system",
    "chunk": "--chunk",
    "model.in_flight": "--in-flight",
    "model.price": "--price",
    "model.budget_tokens": "--budget-tokens",
    "model.budget_money": "--budget-money",
    "max_failed": "--max-failed",
}
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def command_line(spec: RunSpec, *, out: str | Path = "runs", controls: bool = True) -> str:
    """The ``selfcorrect run`` command of a spec, quoted for a shell.

    Only settings that aren't the defaults are named, so that it reads as one would write it.
    """
    settings = dict(_settings(_changed(spec.model_dump(mode="json"), _defaults(spec))))
    words = ["selfcorrect", "run"]
    for key, option in OPTIONS.items():
        if key in settings and (text := _option_text(settings[key])) is not None:
            del settings[key]
            # a value that looks like an option is taken for one, unless it is attached
            words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    if settings.pop("skip_bad", False):
        words.append("--skip-bad")
    if not controls:
        words.append("--no-controls")
    if str(out) != "runs":
        words += ["--out", str(out)]
    words += [f"{key}={_override_text(value)}" for key, value in settings.items()]
    return shlex.join(words)


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


def _option_text(value: Any) -> str | None:
    """A value as an option takes it; ``None`` for a list that commas would cut elsewhere."""
    if isinstance(value, list):
        parts = [str(part) for part in value]
        unclear = any("," in part or part != part.strip() or not part for part in parts)
        return None if unclear else ",".join(parts)
    return str(value)


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
