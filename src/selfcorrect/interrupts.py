"""Ctrl-C: who waits is woken by it at once, and processes that work for another leave it to that.

A terminal sends it to all processes of a command. One that is at work, or still imports what it
needs, would answer with a traceback of its own beside the command's one sentence.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def waking() -> None:
    """Have Ctrl-C end a wait. polars, once it is imported, has its own handler before Python's,
    after which the system goes on with what it interrupted: a wait for a reply, or for another
    process, went on until that came."""
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Processes that are started here never get Ctrl-C: what a thread blocks its children block
    from their first moment. Here it comes once the context is left, or in another thread."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
