"""How long a test's own code computes: not its neighbours, threads or the garbage collector."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Spent:
    """CPU seconds of this thread; set when the block ends."""

    seconds = float("nan")


@contextmanager
def spent() -> Iterator[Spent]:
    """What this thread computes in the block.

    A collection looks through all that other tests have left, and a thread that one of
    them left running counts in the process's time: both are kept out.
    """
    it, collects = Spent(), gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        yield it
    finally:
        it.seconds = time.thread_time() - began
        if collects:
            gc.enable()


@contextmanager
def within(seconds: float, what: str = "") -> Iterator[None]:
    """The block needs less than this much computing of this thread."""
    with spent() as it:
        yield
    assert it.seconds < seconds, f"{what} took {it.seconds:.2f} s; {seconds:g} s allowed".strip()


def grows_in_proportion(work: Callable[[int], object], times: int = 4, slack: float = 2.5) -> None:
    """Work on ``times`` as much takes at most ``slack * times`` as long; one try of three will do.

    Work of the square takes ``times**2``, in every try.
    """
    for _try in range(3):
        took = []
        for size in (1, times):
            with spent() as it:
                work(size)
            took.append(it.seconds)
        if took[1] < slack * times * took[0]:
            return
    raise AssertionError(f"{times} times as much took {took[1]:.3f} s after {took[0]:.3f} s")
