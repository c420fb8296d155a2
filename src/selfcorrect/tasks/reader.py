"""How a user says that replies are to be read: by a pattern, or after lead-ins of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex

from selfcorrect.errors import UserError
from selfcorrect.tasks.said import said

#: The options of a task that say how its replies are read.
OPTIONS = ("read", "lead_in")
#: The named group that holds the answer, where a pattern has several.
GROUP = "answer"
#: Seconds of computing that a pattern may take for one reply, and characters that it may have.
SECONDS, LONGEST = 0.5, 2_000


@dataclass(frozen=True)
class Reader:
    """How replies are read, where a user says so.

    Attributes:
        pattern: what its last match in a reply holds in its named group is the answer, and nothing
            else; empty: replies are read as usual.
        lead_ins: after these an answer stands, besides the usual ways.
    """

    pattern: str = ""
    lead_ins: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pattern or self.lead_ins)

    @cached_property
    def _compiled(self) -> Any:
        return regex.compile(self.pattern)

    @cached_property
    def _group(self) -> str:
        names = self._compiled.groupindex
        return GROUP if GROUP in names else next(iter(names))

    def check(self) -> None:
        """Raises UserError where the pattern is none, or has no named group."""
        if not self.pattern:
            return
        shown = f"the pattern to read answers by, {self.pattern!r:.80},"
        if len(self.pattern) > LONGEST:
            raise UserError(f"{shown} has over {LONGEST:,} characters: give a shorter one")
        try:
            names = self._compiled.groupindex
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise UserError(f"{shown} isn't a regular expression: {error}") from None
        if len(names) != 1 and GROUP not in names:
            has = f"has {len(names)} named groups" if names else "has no named group"
            raise UserError(f"{shown} {has}: put the answer into one, such as (?P<{GROUP}>[A-D])")

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the answer stands in a reply without thoughts, by the pattern's last match.

        Raises:
            UserError: it takes too long.
        """
        found = None
        try:
            for match in self._compiled.finditer(text, timeout=SECONDS):
                if match[self._group] is not None:
                    found = match.span(self._group)
        except TimeoutError:
            raise UserError(
                f"the pattern to read answers by, {self.pattern!r:.80}, took over {SECONDS:g} "
                "seconds of computing for one reply: write one without repetitions within "
                "repetitions, such as (a+)+ or (.*)*"
            ) from None
        return found

    def given(self, text: str) -> str | None:
        """What a reply gives as its answer, by the pattern; ``None`` where it doesn't match."""
        spoken = said(text)
        span = self.span(spoken)
        return None if span is None else spoken[span[0] : span[1]]


AS_USUAL = Reader()


def taken(task: str, options: Mapping[str, object]) -> tuple[Reader, dict[str, object]]:
    """The reader that a task's options describe, and the other options.

    Raises:
        UserError: a pattern or a lead-in that is none.
    """
    rest = {key: each for key, each in options.items() if key not in OPTIONS}
    pattern, leads = options.get("read", ""), options.get("lead_in", ())
    if not isinstance(pattern, str):
        raise UserError(f"option 'read' of task {task!r} must be a regular expression")
    every = [leads] if isinstance(leads, str) else leads
    if not isinstance(every, Sequence) or not all(isinstance(each, str) for each in every):
        raise UserError(f"option 'lead_in' of task {task!r} must be a text, or a list of texts")
    if any(not str(each).strip() for each in every):
        raise UserError(f"option 'lead_in' of task {task!r} is empty: leave it out")
    reader = Reader(pattern, tuple(str(each).rstrip() for each in every))
    reader.check()
    return reader, rest
