"""A long study's finished parts: counted while it goes on, and kept so that it can go on later."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress

import selfcorrect
from selfcorrect.cli.display import BETWEEN_LINES, duration
from selfcorrect.runs.store import Store


def kept(store: Store, folder: str) -> dict[str, Any]:
    """What an interrupted command of this version left, by key."""
    found = {}
    for name in store.list(folder):
        part = json.loads(store.read(name))
        if part["version"] == selfcorrect.__version__:
            found[part["key"]] = part["found"]
    return found


def keep(store: Store, folder: str, key: str, found: Any) -> None:
    """Keep one part."""
    part = {"version": selfcorrect.__version__, "key": key, "found": found}
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    store.put(f"{folder}/{name}.json", json.dumps(part).encode(), replace=True)


def drop(store: Store, folder: str) -> None:
    """Once all is told, the parts aren't needed."""
    shutil.rmtree(store.root / folder, ignore_errors=True)


@contextmanager
def counted(what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Count finished parts on standard error: a bar, or a line every few seconds elsewhere."""
    console = console or Console(stderr=True)
    began = time.monotonic()
    first: int | None = None

    def said(now: int, every: int) -> str:
        nonlocal first
        first = now if first is None else first
        text = f"{now}/{every} {what}"
        if now in (first, every):
            return text
        left = (time.monotonic() - began) * (every - now) / (now - first)
        return f"{text} · about {duration(left)} left"

    if console.is_terminal or console.is_jupyter:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda now, every: bar.update(
                task, description=said(now, every), completed=now, total=every
            )
        return
    last = began

    def line(now: int, every: int) -> None:
        nonlocal last
        text = said(now, every)
        if time.monotonic() - last >= BETWEEN_LINES:
            last = time.monotonic()
            console.print(text, markup=False, highlight=False, soft_wrap=True)

    yield line
