"""How far a run is: one bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from textwrap import wrap

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TaskID
from rich.progress import Progress as Bar
from rich.text import Text

from selfcorrect.cli.consoles import moves, telling
from selfcorrect.cli.pulse import doing, duration, heard, opening, said_if_slow, say, speaking
from selfcorrect.models.kinds import kind_of
from selfcorrect.report.numbers import short
from selfcorrect.runs import Progress
from selfcorrect.text import visible

#: Seconds between two lines where there is no terminal to draw a bar on.
BETWEEN_LINES = 5.0
#: What stands below a bar takes so many lines, and what is left out first where it takes more.
_MOST_LINES = 2
LEAST = ("share", "finished", "rate", "outcome", "left")


class Pace:
    """Dialogues per second and seconds left, from what was done since the command began.

    What an earlier command left in the folder is not counted: it cost no time now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None

    def told(self, progress: Progress) -> tuple[float | None, float | None]:
        """``(dialogues per second, seconds left)``, ``None`` until there is something to go by."""
        now = self._clock()
        if self._began is None:
            self._began = (now, progress.steps)
        began, steps = self._began
        done = progress.steps - steps
        if now <= began or done <= 0 or not progress.all_steps:
            return None, None
        per_second = done / (now - began)
        dialogues = per_second * progress.wanted / progress.all_steps
        return dialogues, (progress.all_steps - progress.steps) / per_second


def line(
    progress: Progress, pace: tuple[float | None, float | None], without: Collection[str] = ()
) -> str:
    """``intrinsic round 3/5: 140/200 dialogues · 66 % · 128 finished · 1.7/s · 42 s left · accuracy
    .512``: 140 are through that round of that arm, and 128 through all rounds of all arms. (These
    move in the last arm's last round alone, where dialogues go through the rounds together.)

    Args:
        progress: how far the run is.
        pace: see :class:`Pace`.
        without: parts that are left out, of :data:`LEAST`.
    """
    rate, left = pace
    arm = visible(progress.arm)
    if progress.round:
        arm = f"{arm} round {progress.round}/{progress.rounds}"
    through = progress.dialogues if progress.through is None else progress.through
    parts = {"arm": f"{arm}: {through}/{progress.wanted} dialogues"}
    if progress.steps not in (0, progress.all_steps):
        parts["share"] = f"{100 * progress.steps // progress.all_steps} %"
    if progress.round and 0 < progress.dialogues != through:
        parts["finished"] = f"{progress.dialogues} finished"
    if rate is not None:
        parts["rate"] = f"{rate:.3g}/s"
    if left:
        parts["left"] = f"{duration(left)} left"
    if progress.outcome is not None:
        parts["outcome"] = f"{progress.outcome_name} {short(progress.outcome, 3)}"
    if progress.spent:
        parts["spent"] = progress.spent
    return " · ".join(text for name, text in parts.items() if name not in without)


def fitted(progress: Progress, pace: tuple[float | None, float | None], width: int) -> str:
    """The same for below a bar, which shows the share: on two lines at most, if that leaves what is
    spent whole."""
    for fewer in range(1, len(LEAST) + 1):
        text = line(progress, pace, LEAST[:fewer])
        if len(wrap(text, max(width, 1))) <= _MOST_LINES:
            return text
    return text.replace(f" round {progress.round}/", f" {progress.round}/").replace(
        f"/{progress.wanted} dialogues", f"/{progress.wanted}"
    )


@contextmanager
def shown(
    model: str, console: Console | None = None, what: str = ""
) -> Iterator[Callable[[Progress], None]]:
    """Show a run's progress on standard error while the context lasts.

    Args:
        model: what is being opened, said until the first dialogue is under way.
        what: what that is, if it isn't a model.
        console: where to show it.
    """
    console = console or telling()
    # a server that doesn't answer any more is what is waited for later on, too
    served = not what and kind_of(model) == "served"
    begins = f"opening the {what} {model}" if what else opening(model)
    if not what and not served:  # where all is there, no model is opened
        begins = f"looking at what is there, else {begins}"
    if not moves(console):
        with doing(begins if served else ""), said_if_slow(console, begins) as begun:
            yield _lines(console, begun)
        return
    bar = _Bar(BarColumn(bar_width=None), console=console, transient=True, expand=True)
    with speaking(), bar:
        yield _bar(bar, bar.add_task(f"{visible(begins)} …", total=None))


class _Bar(Bar):
    """The bar on one line, what is under way on the next, or on two: none of it is cut off."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(task.description, overflow="fold")  # tokens and money are never cut off


def _bar(bar: Bar, task: TaskID) -> Callable[[Progress], None]:
    pace = Pace()

    def tell(progress: Progress) -> None:
        description = fitted(progress, pace.told(progress), bar.console.width)
        bar.update(
            task, description=description, total=progress.all_steps, completed=progress.steps
        )

    return tell


def _lines(console: Console, begun: Callable[[], None]) -> Callable[[Progress], None]:
    pace = Pace()
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        begun()
        text = line(progress, pace.told(progress))
        if time.monotonic() - last >= BETWEEN_LINES:
            last = time.monotonic()
            say(console, text)
        else:
            heard(text)

    return tell
