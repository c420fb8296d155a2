"""What the tests of served models share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from selfcorrect import models
from selfcorrect.models.endpoint import server
from servers.stub import VLLM, Stub


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stub]:
    made = Stub(getattr(request, "param", VLLM))
    yield made
    made.stop()


@pytest.fixture
def model(stub: Stub) -> Iterator[Any]:
    opened = models.load("openai:stub", base_url=stub.url, wait=20)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again after a tenth of the usual pauses, the client library too."""
    monkeypatch.setattr(server, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(server, "_LONGEST_PAUSE", 0.5)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.05, raising=False)


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """What earlier tests left isn't collected in the depth of a recursion, where warnings fail."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
