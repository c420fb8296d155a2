"""A line on standard error where a command takes long and nothing else says how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from selfcorrect.cli.consoles import telling
from selfcorrect.models.kinds import kind_of
from selfcorrect.text import visible

#: Seconds of a command until it is said what is waited for, and the least of the wait itself.
OPENING, LEAST = 2.5, 0.5
#: Seconds without a word after which one is said, and then between two of them.
FIRST, AGAIN = 4.0, 30.0


@dataclass
class _Heard:
    """What a command has said so far.

    Attributes:
        began: when the command did; ``None`` in Python.
        at: when the latest was said.
        text: the latest of it.
        doing: what is going on.
        speaking: how many others say by themselves what is going on.
    """

    began: float | None = None
    at: float = 0.0
    text: str = ""
    doing: str = ""
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


@contextmanager
def doing(what: str) -> Iterator[None]:
    """While the context lasts that is what takes long."""
    before, _heard.doing = _heard.doing, what
    try:
        yield
    finally:
        _heard.doing = before


def opening(name: str) -> str:
    """What is going on until a model has answered."""
    if kind_of(name) == "served":
        return f"waiting for the server of {name}"
    return f"opening the model {name}"


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


def soon() -> float:
    """Seconds until it is said what is waited for."""
    if _heard.began is None:
        return OPENING
    return max(LEAST, OPENING - (time.monotonic() - _heard.began))


@contextmanager
def said_if_slow(console: Console, what: str) -> Iterator[Callable[[], None]]:
    """Say what is waited for once that takes long, unless what is given is called before.

    Converting a model takes half a minute once; opening one that is at hand goes without a word.
    """
    waiting = threading.Timer(soon(), say, [console, what])
    waiting.daemon = True
    waiting.start()
    try:
        yield waiting.cancel
    finally:
        waiting.cancel()


@contextmanager
def pulse(what: str, console: Console | None = None, first: float | None = None) -> Iterator[None]:
    """Say now and then that a command is at work, where nothing else is said.

    Args:
        what: the command.
        console: where to say it; by default standard error.
        first: seconds without a word until it is said; by default :data:`FIRST`.
    """
    first = FIRST if first is None else first
    over, began = threading.Event(), time.monotonic()
    _heard.began = _heard.at = began
    _heard.text = _heard.doing = ""

    def watch() -> None:
        pause = first
        while not over.wait(min(first, max(_left(pause), 0.01))):
            if _heard.speaking or _left(pause) > 0:
                continue
            so_far = f"{_heard.text} · " if _heard.text else ""
            doing = f", {_heard.doing}" if _heard.doing and _heard.doing != _heard.text else ""
            seconds = duration(time.monotonic() - began)
            text = f"{so_far}{what}: at work for {seconds}{doing}"
            _print(console or telling(), text)
            pause = AGAIN

    thread = threading.Thread(target=watch, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _heard.began = None


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
