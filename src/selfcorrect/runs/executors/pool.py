"""A pool of processes that leaves Ctrl-C to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from typing import Any, Literal

from selfcorrect.interrupts import undisturbed, waking


class Pool(ProcessPoolExecutor):
    """Its processes never get Ctrl-C. Whatever goes wrong where the pool is used ends them at once,
    as nobody waits for what they are at."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        waking()
        resource_tracker.ensure_running()  # starting it lets Ctrl-C through again
        with undisturbed():  # this starts the processes
            return super().submit(fn, *args, **more)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Literal[False]:
        if kind is not None:
            for process in list((self._processes or {}).values()):
                process.kill()
        self.shutdown(cancel_futures=True)
        return False
