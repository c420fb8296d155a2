"""``selfcorrect grade``: a scorer's numbers beside a run's records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs import Progress, Run
from selfcorrect.runs.grade import Graded, grade
from selfcorrect.runs.spec import read_value
from selfcorrect.scorers import NONE
from selfcorrect.user_code import names_file


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


def scorer_of(
    run: Run, name: str | None, options: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """The scorer that is meant: the one given, else the run's with its options, else its task's.

    Raises:
        UserError: there is none; or it is a file or a model that only the run names, and whoever
            sent the run may have written that.
    """
    asked = run.header.spec.scorer
    if name is not None:
        return name, options
    usual = asked.name or run.header.outcome.scorer
    if usual in ("", NONE):
        raise UserError(f"{run.folder} names no scorer: give one with --scorer NAME.")
    if ":" in usual or names_file(usual):
        raise UserError(
            f"{run.folder} was graded by {usual}, and what a run's folder names is not opened by "
            "itself: give --scorer, with that name if it is yours."
        )
    if run.received and (told := asked.options.keys() - options.keys()):
        raise UserError(
            f"{run.folder} wasn't made here, and says {min(told)} = {asked.options[min(told)]!r} "
            f"of its scorer: give --scorer {usual}, with --option {min(told)}=… if you want that."
        )
    return usual, {**asked.options, **options}


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
