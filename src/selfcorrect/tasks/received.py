"""A run that somebody made, as a task may be built from: its dialogues, round by round.

Tasks know nothing of runs. Who does (``selfcorrect.runs``) says how one is read: :func:`reads`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.outcome import Outcome
from selfcorrect.tasks.source import Source


@dataclass(frozen=True, slots=True)
class ReceivedRound:
    """One round of a dialogue.

    Attributes:
        text: the answer.
        outcome: how good it is; ``None`` where it wasn't graded or couldn't be read.
        messages: all that was said up to its end, without a system prompt.
    """

    text: str
    outcome: float | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ReceivedDialogue:
    """One dialogue: the example's id, cluster and options, and the rounds from the first on."""

    example: str
    cluster: str
    choices: tuple[str, ...]
    rounds: tuple[ReceivedRound, ...]


@dataclass(frozen=True, slots=True)
class ReceivedRun:
    """A run.

    Attributes:
        where: its folder.
        source: of its task, whose name is in it.
        outcome: by which it is looked at.
        dialogues: those that it has.
    """

    where: str
    source: Source
    outcome: Outcome
    dialogues: Sequence[ReceivedDialogue]


Reader = Callable[[str], ReceivedRun]
_READERS: list[Reader] = []


def reads(reader: Reader) -> None:
    """Say how the run is read that a folder, or the beginning of its name, means."""
    _READERS[:] = [reader]


def received(name: str) -> ReceivedRun:
    """The run of a folder, or of the beginning of its name.

    Raises:
        UserError: there is none, it is damaged, or nobody has said how runs are read.
    """
    if not _READERS:
        raise UserError("a run is read by selfcorrect.runs: import it first.")
    return _READERS[0](name)
