"""Requests beside the replies that come to nothing time and again: they are given up.

A reply is needed whatever it costs; what is asked beside it is only for measuring. Where that tells
nothing of the first answers of a step it tells nothing of the others either, and each is paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

#: So many answers may tell nothing before the rest isn't asked for, and so many more for each that
#: told something: what tells something of fewer than one answer in twenty is nothing to measure.
NOTHING, MORE = 5, 20
#: The same of what a reply hangs on, as a step's choice: given up, it would be made up.
PATIENT = 20


@dataclass
class Trial:
    """What came of asking for one thing.

    Attributes:
        nothing, some: answers of which it told nothing, or something.
        going: under way.
        first: so many may tell nothing before it is given up.
        last: what was said of the last that told nothing.
    """

    nothing: int = 0
    some: int = 0
    going: int = 0
    first: int = NOTHING
    last: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether it has been given up."""
        return self.nothing >= self._most

    @property
    def why(self) -> str:
        """In words, of what has been given up."""
        tried = self.nothing + self.some
        had = f"only {self.some}" if self.some else "none"
        told = self.last.partition(":")[0]  # a summary takes what follows for one record's own
        return f"as {had} of the first {tried} answers of this step had any ({told})"

    @property
    def _most(self) -> int:
        return self.first + MORE * self.some

    async def turn(self) -> bool:
        """Wait until it is known whether one more may be asked for; ``False`` if it may not.

        No more are under way than may come to nothing, so that a server which answers many at a
        time isn't paid for all of them before the first is read.
        """
        while not self.over and self.nothing + self.going >= self._most:
            await self._changed.wait()
        return not self.over

    def changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass
class Trials:
    """What has been tried of a model of a server, all on its own thread.

    Attributes:
        said: called once, with what is given up first.
    """

    said: Callable[[str], None] = lambda _: None
    _known: dict[Hashable, Trial] = field(default_factory=dict)

    async def ask(
        self,
        key: Hashable,
        what: str,
        work: Callable[[], Awaitable[T]],
        nothing: Callable[[T], str],
        first: int = NOTHING,
    ) -> T | str:
        """What the work gives, or why it isn't done.

        Args:
            key: what is asked for, and where.
            what: that is, for a sentence.
            work: asks for it.
            nothing: what is said of it if it told nothing, else "".
            first: so many may tell nothing before it is given up.
        """
        trial = self._known.setdefault(key, Trial(first=first))
        if not await trial.turn():
            return self._given_up(what, trial)
        trial.going += 1
        try:
            found = await work()
            told = nothing(found)
            trial.some += not told
            trial.nothing += bool(told)
            trial.last = told or trial.last
        finally:
            trial.going -= 1
            trial.changed()
        if told and trial.over:
            said, self.said = self.said, lambda _: None
            said(self._given_up(what, trial))
        return found

    def _given_up(self, what: str, trial: Trial) -> str:
        return f"{what} were no longer asked for, {trial.why}"
