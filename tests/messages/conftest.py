"""Fixtures of test_images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from servers.stub import Stub


@pytest.fixture
def serve() -> Iterator[Callable[..., Stub]]:
    started: list[Stub] = []

    def start(able: Any) -> Stub:
        started.append(Stub(able))
        return started[-1]

    yield start
    for server in started:
        server.stop()
