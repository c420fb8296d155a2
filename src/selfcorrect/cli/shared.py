"""Options that several commands share: those of ``run``, or some of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfcorrect.cli import options as o
from selfcorrect.cli.spec import is_given, spec_from
from selfcorrect.runs import ExecutorSettings, RunSpec
from selfcorrect.runs.options import OPTIONS, Option


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """A parameter of a command's function."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=annotation)


def parameter_of(option: Option) -> inspect.Parameter:
    """The parameter of a command's function that an option is."""
    default = inspect.Parameter.empty if option.required else option.default
    return parameter(option.name, o.annotation(option), default)


#: A spec, of which a command makes or shows a run.
GIVEN = parameter("given", o.Given, None)
#: Dialogues that exist already.
FILE = parameter("file", o.Dialogues, inspect.Parameter.empty)
#: Who does the work.
WORK = ("workers", "ray", "worker_cpus", "worker_gpus")
#: A spec that is to be run by one strategy or by several.
RUN: Mapping[str, Option] = {
    **OPTIONS,
    "strategy": replace(
        OPTIONS["strategy"],
        repeatable=True,
        help="A strategy's name or .toml file; the default is intrinsic. Several, each with an "
        "option of its own, go through the same examples together. See: list strategies.",
    ),
}
#: The same, with nobody to do the work.
PREVIEW: Mapping[str, Option] = {name: each for name, each in RUN.items() if name not in WORK}
#: What is settled of dialogues that exist already: how they came about, and how they are graded.
_SETTLED = {
    "task", "data", "categories", "part", "strategy", "seed", "system", "no_controls", "max_tokens",
    "feedback", "steer", "scorer", "box_format", "keep_harmful",
}  # fmt: skip
#: Dialogues that exist already, to be measured.
MEASURE: Mapping[str, Option] = {
    **{name: each for name, each in OPTIONS.items() if name not in _SETTLED},
    "rounds": replace(
        OPTIONS["rounds"],
        help="Only so many rounds; by default as many as the longest dialogue has.",
    ),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command line gives for the options that its command takes.

    Attributes:
        options: name → option.
        values: name → value.
    """

    options: Mapping[str, Option]
    values: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that were given, by dotted key of the spec."""
        found = {each.key: self.values[name] for name, each in self.options.items() if each.key}
        return {key: value for key, value in found.items() if is_given(value)}

    def specs(self) -> list[RunSpec]:
        """The spec that is described, once for each strategy.

        Raises:
            UserError: whatever is wrong with it.
        """
        strategies: list[str | None] = [*(self.values["strategy"] or [None])]
        return [
            spec_from(self.values["given"], {**self.settings, "strategy.name": strategy})
            for strategy in strategies
        ]

    @property
    def as_json(self) -> bool:
        """Whether the result is printed as JSON."""
        return bool(self.values["as_json"])

    @property
    def executor(self) -> ExecutorSettings:
        """Who does the work."""
        return ExecutorSettings(*(self.values[name] for name in WORK))


def takes(
    argument: inspect.Parameter | None, options: Mapping[str, Option]
) -> Callable[[Callable[[Chosen], None]], Any]:
    """Make a command of a function: it has this argument, if any, these options and ``--json``, and
    is called with what was chosen."""

    def make(function: Callable[[Chosen], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            function(Chosen(options, values))

        first = [] if argument is None else [argument]
        as_json = parameter("as_json", o.AsJson, False)
        parameters = [*first, *map(parameter_of, options.values()), as_json]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return make
