"""Fixtures of test_converse."""

from __future__ import annotations

from typing import Any

import pytest

import tiny
from selfcorrect import tasks


@pytest.fixture(scope="module")
def task() -> Any:
    return tasks.make("planted", options={"n": 8})


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.model("llama")
