"""The runs that give the two anchors: found beside a run, or the command that makes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs.folder import RUN, Run, open_run


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
    spec = run.spec
    options: list[tuple[str, Any]] = [
        ("--strategy", strategy),
        ("--model", spec.model.name),
        ("--dtype", None if spec.model.dtype == "auto" else spec.model.dtype),
        ("--device", None if spec.model.device == "auto" else spec.model.device),
        ("--task", spec.task.name),
        ("--data", spec.task.data),
        ("--categories", ",".join(spec.task.categories) or None),
        ("--rounds", spec.rounds),
        ("--limit", spec.limit),
        ("--seed", spec.seed or None),
        ("--system", spec.system),
        ("--out", run.folder.parent),
    ]
    words = ["selfcorrect", "run"]
    for name, value in options:
        words += [] if value is None else [name, str(value)]
    words += ["--skip-bad"] if spec.skip_bad else []
    words += ["--no-baseline"]
    for key, value in spec.task.options.items():
        written = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(f"task.options.{key}={written}")
    return shlex.join(words)


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
