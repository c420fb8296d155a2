"""Headless Chromium for the tests of the report."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WAIT = 30_000  # milliseconds; a shared machine can be slow


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's; without one the tests are skipped, but fail where CI is set."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _without("playwright is not installed")
    installed = next((path for name in _NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except Error as error:
            _without(f"no Chromium starts here: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


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

    def fits(self) -> bool:
        """Whether the page is no wider than the window."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
        )

    def words(self) -> str:
        """All that the page says, shown at the moment or not."""
        return str(
            self.page.evaluate(
                "[...document.body.children].filter((e) => e.tagName !== 'SCRIPT')"
                ".map((e) => e.textContent).join(' ')"
            )
        )

    def draw_all(self) -> None:
        """Scroll through the page, so that every chart is drawn."""
        self.page.evaluate(
            """async () => {
                for (let y = 0; y < document.body.scrollHeight; y += 1000) {
                    scrollTo({ top: y, behavior: 'instant' });
                    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                }
                scrollTo({ top: 0, behavior: 'instant' });
            }"""
        )


@contextmanager
def opened(
    browser: Any,
    file: Path,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    touch: bool = False,
) -> Iterator[Opened]:
    """Open an HTML file and wait until its charts and its dialogues are there."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        has_touch=touch,
    )
    context.set_default_timeout(_WAIT)
    page = context.new_page()
    it = Opened(page)
    page.on("console", lambda m: it.complaints.append(m.text) if m.type != "log" else None)
    page.on("pageerror", lambda error: it.complaints.append(str(error)))
    page.on("request", lambda request: it.requests.append(request.url))
    page.goto(file.as_uri())
    it.wait_for("performance.getEntriesByName('first-screen').length > 0")
    if page.locator("#list").count():
        page.wait_for_selector("#search:enabled")
    try:
        yield it
    finally:
        context.close()
