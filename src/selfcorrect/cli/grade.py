"""``selfcorrect grade``: a scorer's numbers beside a run's records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs import Progress, Run
from selfcorrect.runs.grade import Graded, grade
from selfcorrect.runs.spec import read_value


def options_of(given: Sequence[str]) -> dict[str, Any]:
    """A scorer's options from ``KEY=VALUE``.

    Raises:
        UserError: one isn't of this form.
    """
    found = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise UserError(f"a scorer's option is KEY=VALUE, such as label=toxic, not {each!r}.")
        read = read_value(value.strip())
        found[key.strip()] = read if isinstance(read, str) else value.strip()
    return found


def graded(run: Run, scorer: str, options: Mapping[str, Any], *, controls: bool) -> Run:
    """Grade a run, and show on standard error how far it is."""
    from selfcorrect.cli.display import shown

    with shown(scorer, what="scorer") as tell:
        return grade(run, scorer, options=options, controls=controls, tell=_told(tell))


def _told(tell: Callable[[Progress], None]) -> Callable[[str, Graded], None]:
    def say(arm: str, graded: Graded) -> None:
        done, wanted = graded.dialogues, graded.wanted
        tell(Progress(f"grading {arm}", 0, 0, done, wanted, done, wanted, graded.mean, "mean"))

    return say
