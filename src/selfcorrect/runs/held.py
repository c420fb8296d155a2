"""Grading answers that aren't kept: before they are withheld, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from selfcorrect.errors import UserError

#: The records of arms, by the names of their folders.
Arms = Mapping[str, Sequence[Mapping[str, Any]]]
#: Told whoever reads such a run's numbers.
NOT_KEPT = "what the model replied isn't kept in this run, only its scores (--keep-harmful)"


class NotKeptError(UserError):
    """There are no texts to grade."""


def not_kept(folder: object, scorer: str) -> str:
    """Why a run can't be graded later, and what to do."""
    return (
        f"{folder} keeps no answers, only their scores, so {scorer} has nothing to grade: run it "
        f"into another folder with --scorer {scorer}, which then grades each answer as it is "
        "given, or with --keep-harmful, which stores the answers."
    )


def looking(graders: Sequence[Callable[[Arms], None]]) -> Callable[[Arms], None]:
    """What has records graded before their texts are withheld; may be called from many threads.

    Args:
        graders: each grades the records, and holds the scores until they are stored.
    """
    lock = Lock()

    def look(arms: Arms) -> None:
        with lock:
            for grader in graders:
                try:
                    grader(arms)
                except UserError as error:
                    said = str(error).rstrip(".")
                    raise UserError(
                        f"{said}; the answers that it was to grade aren't kept, so the same "
                        "command asks for them again.",
                        trace=error.trace,
                    ) from error

    return look
