"""How far a command is: running totals that don't grow with the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.models.used import Used
from selfcorrect.runs.executors.base import Job, JobResult, Rows, missing_of, rows_at
from selfcorrect.runs.pieces import Piece
from selfcorrect.runs.tally import Graded, tally


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a command is, told after each round of each arm, and after each piece.

    Attributes:
        arm, round: what was just finished; ``round`` is 0 when a run starts or continues.
        rounds: how many rounds the arm has.
        dialogues, wanted: finished in every arm, and wanted.
        through: those that are through this round of this arm; ``None`` where it isn't known.
        steps, all_steps: the same in rounds of dialogues over all arms, for an even bar.
        outcome: mean outcome of this arm at this round, over what is finished or under way;
            ``None`` where nothing was graded.
        outcome_name: what the task calls it.
        spent: what the models' servers have used so far, in words; empty for local models.
    """

    arm: str
    round: int
    rounds: int
    dialogues: int
    wanted: int
    steps: int
    all_steps: int
    outcome: float | None
    outcome_name: str = "accuracy"
    spent: str = ""
    through: int | None = None


@dataclass
class _Live:
    """What a piece under way has shown.

    Attributes:
        graded: sums of outcomes.
        through: dialogues that are through a round, by arm and round.
        answered: those that have their answers of rounds that aren't over.
        kept: the first two of its batches that are through.
        missing: the examples that an arm lacks; others only go along.
    """

    graded: Graded = field(default_factory=dict)
    through: dict[tuple[str, int], int] = field(default_factory=dict)
    answered: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    kept: tuple[Graded, dict[tuple[str, int], int]] = field(default_factory=lambda: ({}, {}))

    missing: dict[str, frozenset[str]] = field(default_factory=dict)

    def count(self, arm: str, round: int) -> int:
        """Dialogues that have their answers of a round."""
        return self.through.get((arm, round), 0) + len(self.answered.get((arm, round), ()))

    @property
    def steps(self) -> int:
        return sum(self.through.values()) + sum(map(len, self.answered.values()))


@dataclass
class Counter:
    """Counts what is finished and what is under way; may be told from many threads.

    Attributes:
        names: arm → what it is called.
        rounds: arm → how many rounds it has.
        wanted: dialogues of each arm.
        tell: called with the progress.
        outcome_name: what the task calls its outcome.
        spent, used: say what was spent so far, in words and in numbers.
    """

    names: Mapping[str, str]
    rounds: Mapping[str, int]
    wanted: int
    tell: Callable[[Progress], None] | None
    outcome_name: str = "accuracy"
    spent: Callable[[], str] = lambda: ""
    used: Callable[[], Sequence[Used]] = lambda: ()
    _graded: Graded = field(default_factory=dict)
    _dialogues: dict[str, int] = field(default_factory=dict)
    _live: dict[tuple[Piece, tuple[str, ...]], _Live] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def there(self, arm: str, rows: Iterable[Mapping[str, Any]], dialogues: int) -> None:
        """Count what an earlier command left."""
        tally(self._graded, arm, rows)
        self._finished(arm, dialogues)

    def graded(self, arm: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count what a scorer says of answers that are finished."""
        with self._lock:
            tally(self._graded, arm, rows)

    def start(self) -> None:
        self._say(next(iter(self.rounds)), 0)

    def end(self) -> None:
        """Tell what was spent at last, where the work ended before its end."""
        if self.spent():
            arm = next(iter(self.rounds))
            self._say(arm, self.rounds[arm])

    def round(self, job: Job, arm: str, round: int, rows: Rows) -> None:
        """See :class:`selfcorrect.runs.executors.base.Observer`."""
        if not job.missing[arm]:
            return
        mine = rows_at(rows, job, job.missing[arm])
        with self._lock:
            live = self._of(job)
            live.answered.pop((arm, round), None)
            tally(live.graded, arm, mine)
            live.through[arm, round] = live.through.get((arm, round), 0) + len(mine)
            self._say(arm, round)

    def answered(self, job: Job, arms: Sequence[str], round: int, example: str) -> None:
        """See :class:`selfcorrect.runs.executors.base.Observer`."""
        with self._lock:
            live = self._of(job)
            mine = [arm for arm in arms if example in live.missing[arm]]
            for arm in mine:
                live.answered.setdefault((arm, round), set()).add(example)
            if mine:
                self._say(mine[0], round)

    def keep(self, job: Job) -> None:
        with self._lock:
            live = self._of(job)
            live.kept = (dict(live.graded), dict(live.through))

    def again(self, job: Job) -> None:
        with self._lock:
            live = self._of(job)
            live.graded, live.through = dict(live.kept[0]), dict(live.kept[1])
            live.answered = {}

    def lost(self, job: Job) -> None:
        with self._lock:
            self._live.pop((job.piece, job.arms), None)

    def stored(self, result: JobResult) -> None:
        """A job's files are stored."""
        with self._lock:
            self._live.pop((result.job.piece, result.job.arms), None)
            for place, (total, of) in result.graded.items():
                before = self._graded.get(place, (0.0, 0))
                self._graded[place] = (before[0] + total, before[1] + of)
            for arm, piece, _ in result.files:
                self._finished(arm, piece.end - piece.start)
            arm = result.job.arms[0]
            self._say(arm, self.rounds[arm])

    def _of(self, job: Job) -> _Live:
        if (found := self._live.get((job.piece, job.arms))) is None:
            found = _Live(missing={arm: missing_of(job, arm) for arm in job.arms})
            self._live[job.piece, job.arms] = found
        return found

    def _finished(self, arm: str, dialogues: int) -> None:
        # by the plan, not by the rows: a dialogue that stopped early is finished too
        self._dialogues[arm] = self._dialogues.get(arm, 0) + dialogues

    def _through(self, arm: str, round: int) -> int:
        """Dialogues that are through a round of an arm, stored or not."""
        under_way = sum(live.count(arm, round) for live in self._live.values())
        return self._dialogues.get(arm, 0) + under_way

    def _say(self, arm: str, round: int) -> None:
        if self.tell is None:
            return
        parts = [self._graded, *(live.graded for live in self._live.values())]
        found = [part.get((arm, round), (0.0, 0)) for part in parts]
        total, of = sum(t for t, _ in found), sum(n for _, n in found)
        stored = sum(n * self.rounds[name] for name, n in self._dialogues.items())
        self.tell(
            Progress(
                arm=self.names[arm],
                round=round,
                rounds=self.rounds[arm],
                dialogues=min(self._through(name, last) for name, last in self.rounds.items()),
                wanted=self.wanted,
                steps=stored + sum(live.steps for live in self._live.values()),
                all_steps=self.wanted * sum(self.rounds.values()),
                outcome=total / of if of else None,
                outcome_name=self.outcome_name,
                spent=self.spent(),
                through=self._through(arm, round) if round else None,
            )
        )
