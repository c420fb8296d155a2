"""Headless Chromium for the tests of the report."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WAIT = 20_000  # milliseconds for one action; a shared machine can be slow
_HUNG = 120.0  # seconds for a whole test


@dataclass(frozen=True)
class Chromium:
    """A browser that has been started, and its process."""

    browser: Any
    pid: int

    @contextmanager
    def watched(self, seconds: float = _HUNG) -> Iterator[None]:
        """End the browser if this takes longer, so that whoever waits for it fails.

        Playwright waits for some things without limit: a script, a printed page.
        """
        timer = threading.Timer(seconds, os.kill, (self.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser of playwright's; without one the tests are skipped, but fail where CI is set."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _without("playwright is not installed")
    installed = next((path for name in _NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(
                executable_path=installed, args=["--no-sandbox"], timeout=_WAIT
            )
        except Error as error:
            _without(f"no Chromium starts here: {str(error).splitlines()[0]}")
        told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        (pid,) = (p["id"] for p in told["processInfo"] if p["type"] == "browser")
        yield Chromium(browser, pid)
        browser.close()


def worked(started: Chromium) -> dict[int, float]:
    """CPU seconds of each process that shows pages, since it began."""
    told = started.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return {p["id"]: p["cpuTime"] for p in told["processInfo"] if p["type"] == "renderer"}


def _without(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"the report is not tested in a browser: {why}")
    pytest.skip(f"the report is not tested in a browser: {why}")


@dataclass
class Opened:
    """A page open in the browser, and what it complained of or asked the network for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def wait_for(self, what: str) -> None:
        """Ask until it is so; playwright's own way needs ``eval``, which the policy forbids."""
        deadline = time.monotonic() + _WAIT / 1000
        while not self.page.evaluate(what):
            assert time.monotonic() < deadline, f"not so after a long wait: {what}"
            self.page.wait_for_timeout(20)

    def fits(self, selector: str = "html") -> bool:
        """Whether the page, or a part of it, need not be scrolled sideways."""
        wider = "(all) => all.some((e) => e.scrollWidth > e.clientWidth)"
        return not self.page.locator(selector).evaluate_all(wider)

    def words(self) -> str:
        """All that the page says, shown at the moment or not."""
        return str(
            self.page.evaluate(
                "[...document.body.children].filter((e) => e.tagName !== 'SCRIPT')"
                ".map((e) => e.textContent).join(' ')"
            )
        )

    def unfold(self) -> None:
        """Open all that is folded."""
        self.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )


@contextmanager
def opened(
    started: Chromium,
    file: Path,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    touch: bool = False,
    until: str = "performance.getEntriesByName('first-screen').length > 0",
) -> Iterator[Opened]:
    """Open an HTML file in a tab of its own and wait until it is there, and its dialogues too.

    Args:
        started: the browser.
        file: what to open.
        width, height, dark, touch: of the screen.
        until: what the page must say yes to; at first, that its first charts are drawn.
    """
    context = started.browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        has_touch=touch,
    )
    try:
        with started.watched():
            page = context.new_page()
            page.set_default_timeout(_WAIT)
            it = Opened(page)
            page.on("console", lambda m: it.complaints.append(m.text) if m.type != "log" else None)
            page.on("pageerror", lambda error: it.complaints.append(str(error)))
            page.on("request", lambda request: it.requests.append(request.url))
            page.goto(file.as_uri())
            it.wait_for(until)
            if page.locator("#list").count():
                page.wait_for_selector("#search:enabled")
        yield it
    finally:
        with started.watched():
            context.close()
