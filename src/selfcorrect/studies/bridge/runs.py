"""The runs that give the two anchors: found beside a run, or the command that makes them."""

from __future__ import annotations

from collections.abc import Iterator

from selfcorrect.errors import UserError
from selfcorrect.runs.command import command_line
from selfcorrect.runs.header import RUN
from selfcorrect.runs.run import Run, open_run
from selfcorrect.runs.spec import StrategySpec


def beside(run: Run, strategy: str) -> Run:
    """The run of a strategy on the same model, task, data, seed and system message, if there is one
    among the folders beside this run's; of several the one with most dialogues, then rounds.

    Raises:
        UserError: there is none, with the command that makes it.
    """
    found = [
        other
        for other in _siblings(run)
        if other.header.about.get("strategy", {}).get("name") == strategy
        and _same(run, other)
        and (other.spec.seed, other.spec.system) == (run.spec.seed, run.spec.system)
        and other.dialogues
    ]
    if not found:
        raise UserError(
            f"there is no {strategy} run beside {run.folder} on the same model, data and seed: "
            f"make one with {command(run, strategy)}"
        )
    return max(found, key=lambda other: (other.dialogues, other.spec.rounds))


def command(run: Run, strategy: str) -> str:
    """The command that makes a run of another strategy on the same examples, beside this one."""
    spec = run.spec.model_copy(update={"strategy": StrategySpec(name=strategy), "models": {}})
    return command_line(spec, out=run.folder.parent, controls=False)


def _siblings(run: Run) -> Iterator[Run]:
    parent = run.folder.resolve().parent
    if run.folder.parent.resolve() == parent:  # so that the folders are named as this one was
        parent = run.folder.parent
    for path in sorted(parent.glob(f"*/{RUN}")):
        try:
            yield open_run(path)
        except UserError:  # a damaged folder is no candidate, and not this command's business
            continue


def _same(run: Run, other: Run) -> bool:
    mine, others = (each.header.about.get("fingerprints", {}) for each in (run, other))
    return bool(
        run.spec.task.name == other.spec.task.name
        and mine.get("data") == others.get("data")
        and mine.get("model", {}).get("fingerprint") == others.get("model", {}).get("fingerprint")
    )


def checked(run: Run, other: Run, name: str) -> Run:
    """A run that was named, if it is of the same model, task and data.

    Raises:
        UserError: it isn't.
    """
    if not _same(run, other):
        raise UserError(
            f"{other.folder} has another model, task or data than {run.folder}: give "
            f"the run that this makes: {command(run, name)}"
        )
    return other
