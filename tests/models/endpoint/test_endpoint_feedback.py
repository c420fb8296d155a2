"""Feedback where models are behind servers: the run's own, another one, or neither."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import runs
from selfcorrect.runs import RunSpec, read_spec
from servers.stub import VLLM, Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub(VLLM)
    yield server
    server.stop()


def spec(url: str, **more: Any) -> RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 3}
    most = {"max_tokens": {"rationale": 12, "feedback": 12}, "strategy": "feedback-cot"}
    return read_spec(values={**values, **most, "limit": 12, "chunk": 8, **more})


def advice(run: Any) -> list[dict[str, Any]]:
    return [step for steps in run.records["steps"] for step in steps if step["kind"] == "feedback"]


def test_a_served_model_advises_itself_in_a_fresh_dialogue(stub: Stub, tmp_path: Path) -> None:
    run = runs.run(spec(stub.url), out=tmp_path, controls=False)
    assert run.complete
    assert {step["speaker"] for step in advice(run)} == {"openai:stub"}
    assert len(advice(run)) == 12 * 2
    for sent in stub.requests:  # whoever is asked for advice sees no more than one message
        said = [message["content"] for message in sent.get("messages", ())]
        if said and "Give advice on the reply" in said[0]:
            assert "Somebody replied to this:" in said[0]
            assert not any("Advice on your last reply" in text for text in said)


def test_another_server_gives_feedback(stub: Stub, tmp_path: Path) -> None:
    other = Stub(VLLM)
    try:
        models = {"feedback": {"name": "openai:stub", "base_url": other.url, "in_flight": 2}}
        run = runs.run(spec(stub.url, models=models), out=tmp_path, controls=False)
        assert run.complete
        asked = [s for s in other.requests if "Give advice on the reply" in str(s)]
        assert len(asked) >= 12 * 2
        assert not any("Give advice on the reply" in str(s) for s in stub.requests)
    finally:
        other.stop()


def test_a_function_advises_a_served_model_one_response_at_a_time(
    stub: Stub, tmp_path: Path
) -> None:
    inside, most = 0, 0
    threads = set()

    def advise(_question: str, _response: str) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threads.add(threading.get_ident())
        inside -= 1
        return "Say why."

    run = runs.run(spec(stub.url, models={"feedback": advise}), out=tmp_path, controls=False)
    assert run.complete
    assert {step["text"] for step in advice(run)} == {"Say why."}
    assert most == 1
    assert len(threads) > 1
