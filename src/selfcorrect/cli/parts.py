"""How many parts of a long analysis are finished: a bar, or a line every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.text import Text

from selfcorrect.cli.display import BETWEEN_LINES, duration
from selfcorrect.text import visible

#: Seconds between two lines about the same thing.
AGAIN = 30.0


@contextmanager
def counted(console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how many parts are finished, once there is something to count.

    Where there is no terminal to draw a bar on, a line is written every few seconds.
    """
    console = console or Console(stderr=True)
    last = time.monotonic()
    first: tuple[int, int, float] | None = None
    bar: tuple[Progress, TaskID] | None = None

    def said(now: int, every: int) -> str:
        nonlocal first
        if first is None or first[1] != every or now < first[0]:  # other parts take another time
            first = (now, every, time.monotonic())
        text = f"{now}/{every} finished"
        if now in (first[0], every):
            return text
        left = (time.monotonic() - first[2]) * (every - now) / (now - first[0])
        return f"{text} · about {duration(left)} left"

    with ExitStack() as shown:

        def draw(now: int, every: int) -> None:
            nonlocal bar
            if bar is None:
                progress = shown.enter_context(Progress(console=console, transient=True))
                bar = progress, progress.add_task("", total=None)
            bar[0].update(bar[1], description=said(now, every), completed=now, total=every)

        def line(now: int, every: int) -> None:
            nonlocal last
            text = said(now, every)
            if time.monotonic() - last >= BETWEEN_LINES:
                last = time.monotonic()
                console.print(text, markup=False, highlight=False, soft_wrap=True)

        yield draw if console.is_terminal or console.is_jupyter else line


@contextmanager
def waiting(what: str, console: Console | None = None, after: float = 3.0) -> Iterator[None]:
    """Say on standard error what takes long, while the context lasts.

    Where there is no terminal, by a line after some seconds, and then every :data:`AGAIN`.

    Args:
        what: that is done: ``auditing the run x``.
        console: where to say it.
        after: seconds until the first line.
    """
    console = console or Console(stderr=True)
    if console.is_terminal or console.is_jupyter:
        with console.status(Text(f"{visible(what)} …")):
            yield
        return
    over, began = threading.Event(), time.monotonic()

    def say() -> None:
        pause = after
        while not over.wait(pause):
            seconds = duration(time.monotonic() - began)
            console.print(f"{visible(what)} ({seconds} so far)", markup=False, highlight=False,
                          soft_wrap=True)  # fmt: skip
            pause = AGAIN

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
