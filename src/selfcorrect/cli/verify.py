"""``selfcorrect verify``: what was looked at, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from selfcorrect.report.numbers import count
from selfcorrect.runs.verify import Verified


def lines(found: Verified) -> Iterator[str]:
    """How much there is, each problem, and what nobody can tell."""
    files = found.pieces + found.scored
    yield (
        f"{count(found.dialogues, 'dialogue')}, {count(found.records, 'record')}, in "
        f"{count(found.pieces, 'piece')}; {count(found.scored, 'piece')} of scores"
    )
    if found.missing:
        yield (
            f"{count(found.missing, 'dialogue')} within the run's limit aren't there yet: the same "
            "command again makes them."
        )
    if found.noted < files:
        yield (
            f"{count(files - found.noted, 'piece')} without a digest (older, or written to a "
            "bucket by two commands at once): of these only columns, ranges and names are checked."
        )
    yield from (f"problem: {problem}" for problem in found.problems)
    if not found.problems:
        yield "No problems were found."
