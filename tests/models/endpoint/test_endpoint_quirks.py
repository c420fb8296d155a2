"""What real servers do otherwise than the API says, each on the stub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import runs
from servers.quirks import HARMLESS, UNSTEADY, quirky
from servers.stub import CLOUD, Stub


def _run(url: str, out: Path, **more: Any) -> Any:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 2}
    spec = runs.read_spec(values={**values, "limit": 4, "model.wait": 3, **more})
    return runs.run(spec, out=out, controls=False)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The answers of a run without quirks."""
    stub = Stub(CLOUD)
    try:
        return _run(stub.url, tmp_path_factory.mktemp("usual")).records["text"].to_list()
    finally:
        stub.stop()


@pytest.mark.parametrize("name", HARMLESS)
def test_a_quirk_that_hides_no_answer_changes_none(
    name: str, usual: list[str], tmp_path: Path
) -> None:
    able = (
        replace(CLOUD, length="max_completion_tokens") if "completion_tokens o" in name else CLOUD
    )
    stub = quirky(Stub(able), HARMLESS[name])
    try:
        run = _run(stub.url, tmp_path)
    finally:
        stub.stop()
    assert run.complete
    assert run.records["text"].to_list() == usual


@pytest.mark.parametrize("name", UNSTEADY)
def test_a_server_that_takes_no_temperature_is_asked_without(name: str, tmp_path: Path) -> None:
    stub = quirky(Stub(CLOUD), UNSTEADY[name])
    try:
        run = _run(stub.url, tmp_path)
    finally:
        stub.stop()
    assert run.complete
    notes = {note["text"] for each in run.records["notes"] for note in each}
    assert "the server takes no temperature: it drew the reply at its own" in notes
