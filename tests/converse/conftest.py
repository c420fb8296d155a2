"""What several tests of the loop use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tiny
from selfcorrect import tasks
from servers.stub import VLLM, Stub


@pytest.fixture(scope="module")
def task() -> Any:
    return tasks.make("planted", options={"n": 8})


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.model("llama")


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stub]:
    server = Stub(getattr(request, "param", VLLM))
    yield server
    server.stop()
