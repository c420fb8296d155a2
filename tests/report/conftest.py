"""Fixtures of test_report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from browser import Chromium, Opened, chromium, opened
from summaries import (
    embedded,
    made_records,
    made_summary,
    written_to,
)


@pytest.fixture(scope="module")
def started() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(started: Chromium) -> Iterator[Chromium]:
    """The browser, ended if the test doesn't."""
    with started.watched():
        yield started


@pytest.fixture(scope="module")
def screens(
    started: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Opened, Opened]]:
    """One report on a dark phone and on a wide screen, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("report")
    file = written_to(folder, made_summary(), embedded(made_records(70)))
    with (
        opened(started, file, width=380, dark=True, touch=True) as phone,
        opened(started, file, width=1600) as wide,
    ):
        yield phone, wide


@pytest.fixture
def phone(screens: tuple[Opened, Opened], browser: Chromium) -> Opened:  # noqa: ARG001
    return screens[0]


@pytest.fixture
def wide(screens: tuple[Opened, Opened], browser: Chromium) -> Opened:  # noqa: ARG001
    return screens[1]
