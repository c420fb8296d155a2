"""Options that several commands share, each with the setting of a spec that it makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcorrect.cli import options as o
from selfcorrect.cli import server_options as server
from selfcorrect.cli.images import BoxFormat, ImagesFrom, RemoteImages
from selfcorrect.cli.reading import LeadIn, Read
from selfcorrect.cli.spec import is_given, spec_from
from selfcorrect.cli.steering import Steer
from selfcorrect.runs import ExecutorSettings, RunSpec


@dataclass(frozen=True, slots=True)
class Shared:
    """An option or argument of several commands.

    Attributes:
        annotation: as typer wants it.
        key: of the spec, where the value is a setting of it.
        default: what the command gets where it isn't given.
    """

    annotation: Any
    key: str | None = None
    default: Any = None

    def flag(self, name: str) -> str:
        """How the option is written: ``--concept`` for ``concepts``."""
        infos = getattr(self.annotation, "__metadata__", ())
        # typer takes a flag that stands first for the default
        words = (word for info in infos for word in (info.default, *(info.param_decls or ())))
        usual = f"--{name.replace('_', '-')}"
        return next((w for w in words if isinstance(w, str) and w.startswith("--")), usual)

    def parameter(self, name: str) -> inspect.Parameter:
        """A parameter of a command's function."""
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, default=self.default, annotation=self.annotation)


#: Of ``run``, in the order of its help.
SHARED: Mapping[str, Shared] = {
    "given": Shared(o.Given),
    "model": Shared(o.ModelName, "model.name"),
    "task": Shared(o.TaskName, "task.name"),
    "data": Shared(o.Data, "task.data"),
    "field": Shared(o.Fields, "task.options.field"),
    "answers": Shared(o.Answers, "task.options.answers"),
    "images_from": Shared(ImagesFrom, "task.options.images_from"),
    "remote_images": Shared(RemoteImages, "task.options.remote_images", default=False),
    "box_format": Shared(BoxFormat, "task.options.box_format"),
    "categories": Shared(o.Categories, "task.categories"),
    "strategy": Shared(o.StrategyName, "strategy.name"),
    "feedback": Shared(o.Feedback, "models.feedback"),
    "scorer": Shared(o.ScorerName, "scorer.name"),
    "lead_in": Shared(LeadIn, "task.options.lead_in"),
    "read": Shared(Read, "task.options.read"),
    "samples": Shared(o.Samples, "samples.k"),
    "meanings": Shared(o.Meanings, "meanings.name"),
    "concepts": Shared(o.Concepts, "concepts"),
    "steer": Shared(Steer, "steer"),
    "rounds": Shared(o.Rounds, "rounds"),
    "limit": Shared(o.Limit, "limit"),
    "seed": Shared(o.Seed, "seed"),
    "system": Shared(o.System, "system"),
    "out": Shared(o.Out, default=Path("runs")),
    "dtype": Shared(o.Dtype, "model.dtype"),
    "device": Shared(o.Device, "model.device"),
    "thinking": Shared(o.Thinking, "model.thinking"),
    "max_thinking": Shared(o.MaxThinking, "model.max_thinking"),
    "trust_remote_code": Shared(o.TrustRemoteCode, "model.trust_remote_code", default=False),
    "max_tokens": Shared(o.MaxTokens, "max_tokens"),
    "chunk": Shared(o.Chunk, "chunk"),
    "no_controls": Shared(o.NoControls, default=False),
    "skip_bad": Shared(o.SkipBad, "skip_bad", default=False),
    "keep_harmful": Shared(o.KeepHarmful, "task.options.keep_harmful", default=False),
    "base_url": Shared(server.BaseUrl, "model.base_url"),
    "in_flight": Shared(server.InFlight, "model.in_flight"),
    "price": Shared(server.Price, "model.price"),
    "budget_tokens": Shared(server.BudgetTokens, "model.budget_tokens"),
    "budget_money": Shared(server.BudgetMoney, "model.budget_money"),
    "max_failed": Shared(server.MaxFailed, "max_failed"),
    "workers": Shared(o.Workers),
    "ray": Shared(o.Ray),
    "worker_cpus": Shared(o.WorkerCpus, default=1),
    "worker_gpus": Shared(o.WorkerGpus, default=0),
}
#: Who does the work.
WORK = ("workers", "ray", "worker_cpus", "worker_gpus")
#: A spec that is to be run by one strategy or by several.
RUN: Mapping[str, Shared] = {**SHARED, "strategy": Shared(o.StrategyNames)}
#: The same, with nobody to do the work.
PREVIEW: Mapping[str, Shared] = {name: each for name, each in RUN.items() if name not in WORK}
_MEASURED = {"task", "data", "categories", "strategy", "seed", "system", "no_controls", "given"} | {
    "scorer",
    "steer",
    "feedback",
    "keep_harmful",
    "max_tokens",
}
#: Dialogues that exist already, to be measured.
MEASURE: Mapping[str, Shared] = {
    "file": Shared(o.Dialogues, default=inspect.Parameter.empty),
    "model": SHARED["model"],
    **{name: each for name, each in SHARED.items() if name not in _MEASURED},
    "rounds": Shared(o.UpTo, "rounds"),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command line gives for the options that its command takes.

    Attributes:
        options: name → option.
        values: name → value.
    """

    options: Mapping[str, Shared]
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
    def executor(self) -> ExecutorSettings:
        """Who does the work."""
        return ExecutorSettings(*(self.values[name] for name in WORK))


def takes(options: Mapping[str, Shared]) -> Callable[[Callable[[Chosen], None]], Any]:
    """Make a command of a function: it has these options, and is called with what was chosen."""

    def make(function: Callable[[Chosen], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            function(Chosen(options, values))

        parameters = [each.parameter(name) for name, each in options.items()]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return make
