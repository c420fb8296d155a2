"""How many parts of a long analysis are finished: a bar, or a line every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.text import Text

from selfcorrect.cli.consoles import moves, telling
from selfcorrect.cli.display import BETWEEN_LINES
from selfcorrect.cli.pulse import AGAIN, duration, heard, said_if_slow, say, soon, speaking
from selfcorrect.text import visible


@contextmanager
def counted(
    what: str = "", console: Console | None = None, begins: str = ""
) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how many parts are finished, once there is something to count.

    Where there is no terminal to draw a bar on, a line is written every few seconds.

    Args:
        what: the parts are: ``simulations``.
        console: where to show it.
        begins: what goes on before there is something to count, said once that takes long.
    """
    console = console or telling()
    last = time.monotonic()
    first: tuple[int, int, float] | None = None
    bar: tuple[Progress, TaskID] | None = None

    def said(now: int, every: int) -> str:
        nonlocal first
        if first is None or first[1] != every or now < first[0]:  # other parts take another time
            first = (now, every, time.monotonic())
        text = f"{now:,}/{every:,}{f' {what}' if what else ''} finished"
        if now in (first[0], every):
            return text
        left = (time.monotonic() - first[2]) * (every - now) / (now - first[0])
        return f"{text} · about {duration(left)} left"

    with ExitStack() as shown:
        begun = shown.enter_context(said_if_slow(console, begins)) if begins else lambda: None

        def draw(now: int, every: int) -> None:
            nonlocal bar
            begun()
            if bar is None:
                shown.enter_context(speaking())
                progress = shown.enter_context(Progress(console=console, transient=True))
                bar = progress, progress.add_task("", total=None)
            bar[0].update(bar[1], description=said(now, every), completed=now, total=every)

        def line(now: int, every: int) -> None:
            nonlocal last
            begun()
            text = said(now, every)
            if time.monotonic() - last >= BETWEEN_LINES:
                last = time.monotonic()
                say(console, text)
            else:
                heard(text)

        yield draw if moves(console) else line


@contextmanager
def waiting(
    what: str, console: Console | None = None, after: float | None = None
) -> Iterator[None]:
    """Say on standard error what takes long, while the context lasts.

    Where there is no terminal, by a line after some seconds, and then every :data:`AGAIN`.

    Args:
        what: that is done: ``auditing the run x``.
        console: where to say it.
        after: seconds until the first line; by default as of :func:`.pulse.soon`.
    """
    console = console or telling()
    if moves(console):
        with speaking(), console.status(Text(f"{visible(what)} …")):
            yield
        return
    over, began = threading.Event(), time.monotonic()

    def watch() -> None:
        pause = soon() if after is None else after
        while not over.wait(pause):
            seconds = duration(time.monotonic() - began)
            say(console, f"{what} ({seconds} so far)")
            pause = AGAIN

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        with speaking():
            yield
    finally:
        over.set()
        thread.join()
