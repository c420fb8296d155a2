"""What a strategy makes depend on something: steps that are there, replies, ends, who speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.errors import nearest
from selfcorrect.strategies.base import KINDS, Parameter, Replaced, Step, Stop
from selfcorrect.strategies.parameters import read_values
from selfcorrect.strategies.schema import REPLACED, STOP, File, shown
from selfcorrect.toml_lines import Place


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_there(parameters: Mapping[str, Parameter], conditions: Mapping[str, Any]) -> bool:
    """Whether a step is there, as its ``if`` says."""
    return all(parameters[name] in _listed(wanted) for name, wanted in conditions.items())


def check_if(
    file: File,
    place: Place,
    conditions: Mapping[str, Any],
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> None:
    """Check the ``if`` of a step.

    Raises:
        UserError: something in it is wrong; with file and line.
    """
    for name, wanted in conditions.items():
        if name not in parameters:
            hint = nearest(name, parameters) if parameters else "there is no [parameters] table"
            raise file.error(place, f"`if` names {name!r}, which is no parameter: {hint}")
        if isinstance(parameters[name], tuple | float):
            raise file.error(
                place, f"`if` can't go by {name!r}: only by a text, a whole number, true or false"
            )
        for value in _listed(wanted):
            if type(value) is not type(parameters[name]):
                raise file.error(
                    place, f"`if` compares {name!r} with {shown(value)}, which is of another kind"
                )
        if not _listed(wanted):
            raise file.error(place, f"`if` names no value of {name!r}")
        used.add(name)


def check_values(file: File, top: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> None:
    """Check that a parameter by which steps are there has a value that one of them names.

    Raises:
        UserError: it has another; with file and line.
    """
    known: dict[str, list[Any]] = {}
    for table in (*top.get("first", ()), *top.get("again", ())):
        for name, wanted in table.get("if", {}).items():
            known.setdefault(name, []).extend(_listed(wanted))
    for name, values in known.items():
        if parameters[name] not in values:
            raise file.error(
                ("parameters", name),
                f"the parameter {name!r} can't be {shown(parameters[name])}: steps know "
                f"{', '.join(shown(value) for value in dict.fromkeys(values))}",
            )


def read_replaced(
    file: File,
    place: Place,
    step: Mapping[str, Any],
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> Replaced:
    """The ``replaced`` of a step.

    Args:
        place: of the table.
        step: its other values.

    Raises:
        UserError: something in it is wrong; with file and line.
    """
    values = read_values(file, place, step["replaced"], REPLACED, "in `replaced`", parameters, used)
    if place[0] == "first":
        raise file.error(place, "`replaced` belongs to [[again]]: in round 1 there is no answer")
    for key in ("right", "wrong"):
        if key not in values:
            raise file.error(place, f"`replaced` needs `{key}`, what is said of a {key} answer")
    if step["elicit"] != "critique" or "from" in step or step.get("samples", 1) > 1:
        raise file.error(
            place, "`replaced` stands in the place of one critique of the run's own model"
        )
    for key in ("right", "wrong"):
        if "choices" in step and values[key] not in step["choices"]:
            raise file.error(
                (*place, key),
                f"{values[key]!r} is not among the choices: "
                f"{nearest(values[key], step['choices'])}",
            )
    truth, falsehood = (float(values.get(key, 0.0)) for key in ("truth", "falsehood"))
    if truth + falsehood > 1:
        raise file.error(place, f"truth and falsehood add up to {truth + falsehood:g}, more than 1")
    return Replaced(values["right"], values["wrong"], truth, falsehood)


def read_stop(
    file: File,
    top: Mapping[str, Any],
    steps: Sequence[Step],
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> Stop | None:
    """The ``[stop]`` table.

    Raises:
        UserError: something in it is wrong; with file and line.
    """
    if "stop" not in top:
        return None
    values = read_values(file, ("stop",), top["stop"], STOP, "in [stop]", parameters, used)
    if not values:
        raise file.error(
            ("stop",), "[stop] needs `unchanged`, a number of rounds, or `when`, what was replied"
        )
    when = values.get("when", {})
    for name, value in when.items():
        place = ("stop", "when")
        if name not in KINDS:
            raise file.error(place, f"{name!r} is nothing elicited: {nearest(name, KINDS)}")
        choices = {choice for step in steps if step.elicit == name for choice in step.choices}
        if value not in choices:
            hint = nearest(value, choices) if choices else "no step that elicits one has `choices`"
            raise file.error(place, f"{value!r} is not among the choices of the {name}: {hint}")
    return Stop(values.get("unchanged"), dict(when))


def read_own(file: File, top: Mapping[str, Any], asked: set[str | None]) -> tuple[str, ...]:
    """The names of ``[models]``: who speaks under them where a run doesn't say.

    Raises:
        UserError: something in it is wrong; with file and line.
    """
    for name, value in top.get("models", {}).items():
        place = ("models", name)
        if value != "own":
            raise file.error(
                place,
                f'{name} must be "own", the run\'s own model in a transcript of its own, not '
                f"{shown(value)}; another model is bound by the run, with models.{name}=MODEL",
            )
        if name not in asked:
            raise file.error(place, f"no step has from = {name!r}")
    return tuple(sorted(top.get("models", {})))
