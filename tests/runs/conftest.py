"""Fixtures of test_runs_execute."""

from __future__ import annotations

from pathlib import Path

import pytest

from executed import a_spec
from selfcorrect.runs import run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run with its controls."""
    out = tmp_path_factory.mktemp("whole")
    run(a_spec(), out=out)
    return out
