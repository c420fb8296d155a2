"""The tasks, by name. A new task is one module with ``make(source) -> Task`` and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import cast

from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Figure, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade, Task, Turn
from selfcorrect.tasks.source import Source

__all__ = [
    "Answer",
    "Example",
    "Figure",
    "Grade",
    "Outcome",
    "Source",
    "Task",
    "Turn",
    "check_name",
    "make",
    "names",
]

#: name of the module in this folder → what the task asks
_TASKS = {
    "bbq": "Bias Benchmark for QA (arXiv 2110.08193): accuracy and bias scores.",
    "choices": "Your own lettered questions, from JSONL or CSV: question, choices, answer.",
    "dialogues": "Dialogues that exist already, from JSONL; see also: selfcorrect score.",
    "planted": "Sums with several results to choose from, for models with known answers.",
    "sample": "The bundled questions about two people, in BBQ's manner; needs no data.",
    "winogender": "Winogender schemas (arXiv 1804.09301): he, she or they for the blank.",
}


def names() -> dict[str, str]:
    """Every task's name and one sentence on it."""
    return dict(_TASKS)


def check_name(name: str) -> None:
    """Raises UserError, with the nearest name, where no task is called so."""
    if name not in _TASKS:
        raise UserError(f"there is no task {name!r}: {nearest(name, _TASKS)}")


def make(
    name: str,
    *,
    data: str | None = None,
    categories: Sequence[str] = (),
    seed: int = 0,
    skip_bad: bool = False,
    options: Mapping[str, object] | None = None,
) -> Task:
    """Open a task.

    Args:
        name: one of :func:`names`.
        data: where its data lie: a file, a folder, or ``hub:owner/name``; ``None`` where the task
            brings its own or knows where they are published.
        categories: only these parts of the data; empty means all.
        seed: of what the task draws (the order of options, say); never of which examples there are.
        skip_bad: leave bad lines out and list them in ``Task.skipped`` instead of stopping.
        options: the task's own options; strings are read as the type wanted (``"true"``).

    Raises:
        UserError: for an unknown name, option or category, and whatever is wrong with the data.
    """
    check_name(name)
    module = importlib.import_module(f"{__name__}.{name}")
    source = Source(name, data, tuple(categories), seed, skip_bad, dict(options or {}))
    return cast(Task, module.make(source))
