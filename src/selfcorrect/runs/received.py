"""A run's dialogues as a task is built from them (:mod:`selfcorrect.tasks.received`).

The folder may be from anybody: nothing in it is written to, run, or taken for a template.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.runs.run import Run, find_run
from selfcorrect.tasks.received import ReceivedDialogue, ReceivedRound, ReceivedRun
from selfcorrect.tasks.source import Source

_COLUMNS = ("example", "cluster", "round", "choices", "text", "problem", "outcome", "steps")
_OUT = Path("runs")
_ROLES = ("user", "assistant", "tool")


def read_received(name: str) -> ReceivedRun:
    """The dialogues of a run.

    Args:
        name: its folder, or the beginning of its name in ``runs``.

    Raises:
        UserError: there is no such run, it has no dialogues, a file is damaged, or a dialogue's
            rounds aren't 1, 2, 3 and so on.
    """
    run = find_run(name, _OUT)
    spec = run.header.spec
    task = spec.task
    source = Source(
        task.name, task.data, tuple(task.categories), spec.seed, spec.skip_bad, dict(task.options)
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for frame in run.chunks(_COLUMNS):
        for row in frame.iter_rows(named=True):
            found.setdefault(row["example"], []).append(row)
    if not found:
        raise UserError(f"{run.folder} has no dialogues yet: run it first.")
    dialogues = [_dialogue(run, name, rows) for name, rows in found.items()]
    return ReceivedRun(str(run.folder), source, run.outcome, dialogues)


def _dialogue(run: Run, example: str, rows: list[Mapping[str, Any]]) -> ReceivedDialogue:
    if any(row["round"] is None for row in rows):
        raise _damaged(run, f"a record of {example!r} has no round")
    rows = sorted(rows, key=lambda row: row["round"])
    numbers = [row["round"] for row in rows]
    if numbers != list(range(1, len(rows) + 1)):
        said = ", ".join(map(str, numbers[:8]))
        raise _damaged(run, f"the rounds of {example!r} are {said}, not 1, 2 and so on")
    messages: list[Message] = []
    rounds = []
    for row in rows:
        for step in row["steps"] or ():
            if not step["shown"] or step["role"] == "system":
                continue
            if step["role"] not in _ROLES or step["text"] is None:
                raise _damaged(run, f"a message of {example!r} has no text, or an unknown role")
            if step["begin"]:
                messages = []
            messages.append(Message(step["role"], (step["text"],)))
        value = row["outcome"]
        read = row["problem"] is None and value is not None and math.isfinite(value)
        rounds.append(ReceivedRound(row["text"] or "", value if read else None, tuple(messages)))
    choices, cluster = tuple(rows[0]["choices"] or ()), rows[0]["cluster"]
    if not all(isinstance(text, str) for text in (example, cluster, *choices)):
        raise _damaged(run, "an example has no id, no cluster, or an option without a text")
    return ReceivedDialogue(example, cluster, choices, tuple(rounds))


def _damaged(run: Run, why: str) -> UserError:
    return UserError(f"{run.folder} is damaged ({why}): get it again.")
