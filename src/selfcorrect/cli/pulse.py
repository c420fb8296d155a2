"""A line on standard error where a command takes long and nothing else says how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from selfcorrect.text import visible

#: Seconds without a word after which one is said, and then between two of them.
FIRST, AGAIN = 4.0, 30.0


@dataclass
class _Heard:
    """What a command has said so far.

    Attributes:
        at: when that was.
        text: the latest of it.
        speaking: how many others say by themselves what is going on.
    """

    at: float = 0.0
    text: str = ""
    speaking: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_heard = _Heard()


def say(console: Console, text: str) -> None:
    """Print a line of progress as it is."""
    _heard.text = text
    _print(console, text)


def heard(text: str) -> None:
    """Note how far a command is where no line of it is due yet."""
    _heard.text = text


def _print(console: Console, text: str) -> None:
    with _heard.lock:
        _heard.at = time.monotonic()
        console.print(visible(text), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def speaking() -> Iterator[None]:
    """While the context lasts somebody else says what is going on: a bar, a status."""
    with _heard.lock:
        _heard.speaking += 1
    try:
        yield
    finally:
        with _heard.lock:
            _heard.speaking -= 1
            _heard.at = time.monotonic()


@contextmanager
def pulse(what: str, console: Console | None = None, first: float = FIRST) -> Iterator[None]:
    """Say now and then that a command is at work, where nothing else is said.

    Args:
        what: the command.
        console: where to say it; by default standard error.
        first: seconds without a word until it is said.
    """
    over, began = threading.Event(), time.monotonic()
    _heard.at, _heard.text = began, ""

    def watch() -> None:
        pause = first
        while not over.wait(pause if _heard.speaking else _left(pause)):
            if _heard.speaking or _left(pause) > 0:
                continue
            so_far = f"{_heard.text} · " if _heard.text else ""
            seconds = duration(time.monotonic() - began)
            _print(console or Console(stderr=True), f"{so_far}{what}: at work for {seconds}")
            pause = AGAIN

    thread = threading.Thread(target=watch, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _left(pause: float) -> float:
    """Seconds until nothing has been said for so long."""
    return max(0.0, _heard.at + pause - time.monotonic())


def duration(seconds: float) -> str:
    """``42 s``, ``3 min``, ``2 h 5 min``: as exact as a forecast is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
