"""How a steer is written: as a table of a step or of a spec, or as the text after ``--steer``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.strategies.base import Parameter, Steering, Step, Strategy
from selfcorrect.strategies.parameters import read_values
from selfcorrect.strategies.schema import STEER, File, shown
from selfcorrect.toml_lines import Place

_WRITTEN = "NAME:ALPHA[@LAYERS][:reply], such as kindness:4, kindness:-4@12 or kindness:4@all:reply"


def read_steering(
    file: File,
    place: Place,
    table: Mapping[str, Any],
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> Steering:
    """The ``steer`` of a step.

    Raises:
        UserError: something in it is wrong; with file and line.
    """
    values = read_values(file, place, table, STEER, "in a steer", parameters, used)
    for key in ("concept", "alpha"):
        if key not in values:
            raise file.error(place, f"a steer needs `{key}`, {STEER[key][0]}")
    return _made(values)


def steering_of(table: Mapping[str, Any]) -> Steering:
    """The ``steer`` of a spec, from its table.

    Raises:
        UserError: something in it is wrong.
    """
    for key, value in table.items():
        if key not in STEER:
            raise UserError(f"there is no key {'steer.' + str(key)!r}: {nearest(str(key), STEER)}")
        expected, test = STEER[key]
        if not test(value):
            raise UserError(f"steer.{key} must be {expected}, not {shown(value)}")
    for key in ("concept", "alpha"):
        if key not in table:
            raise UserError(f"a steer needs `{key}`, {STEER[key][0]}")
    return _made(table)


def parse_steering(text: str) -> dict[str, Any]:
    """The table that a text such as ``kindness:4@12,13:reply`` stands for.

    ``LAYERS`` is ``chosen`` (the default), ``all`` or numbers with commas. Without ``:reply`` the
    states of the whole transcript are moved. The table holds what is written, and no defaults.

    Raises:
        UserError: it isn't written so.
    """
    rest, colon, at = text.rpartition(":")
    if not colon or at not in ("reply", "transcript"):
        rest, at = text, ""
    name, colon, amount = rest.rpartition(":")
    amount, has_layers, layers = amount.partition("@")
    try:
        if not colon or (has_layers and not layers) or not text.isascii() or "_" in amount + layers:
            raise ValueError  # Python would take ٣ for 3, and 1_0 for 10
        table: dict[str, Any] = {"concept": name.strip(), "alpha": float(amount)}
        if has_layers:
            named = layers.strip() in ("chosen", "all")
            numbers = [] if named else [int(number) for number in layers.split(",")]
            table["layers"] = layers.strip() if named else numbers
        if at:
            table["at"] = at
    except ValueError:
        raise UserError(f"a steer is {_WRITTEN}, not {shown(text)}") from None
    steering_of(table)
    return table


def under(strategy: Strategy, steering: Steering) -> Strategy:
    """A strategy whose every reply of the run's own model is steered; a step's own steer stays.

    Raises:
        UserError: there is no such reply.
    """

    def steered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            replace(step, steer=steering) if step.steer is None and _is_own_reply(step) else step
            for step in steps
        )

    if not any(_is_own_reply(step) for step in (*strategy.first, *strategy.again)):
        raise UserError(
            f"the strategy {strategy.name} elicits nothing from the run's own model, so there is "
            "nothing to steer: leave out --steer, or choose another strategy."
        )
    return replace(strategy, first=steered(strategy.first), again=steered(strategy.again))


def _is_own_reply(step: Step) -> bool:
    return step.elicit is not None and step.source is None


def of_spec(value: Any) -> Any:
    """A spec's ``steer`` as a table, which it may be already; anything else as it is.

    Raises:
        ValueError: something in it is wrong.
    """
    try:
        table = parse_steering(value) if isinstance(value, str) else value
        if isinstance(table, Mapping):
            steering_of(table)
    except UserError as error:
        raise ValueError(str(error).rstrip(".")) from None
    return table


def _made(values: Mapping[str, Any]) -> Steering:
    layers = values.get("layers", "chosen")
    return Steering(
        concept=values["concept"],
        alpha=float(values["alpha"]),
        layers=tuple(layers) if isinstance(layers, list | tuple) else layers,
        at=values.get("at", "transcript"),
        part=values.get("part", "whole"),
    )
