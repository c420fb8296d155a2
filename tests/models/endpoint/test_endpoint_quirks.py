"""What real servers do otherwise than the API says, each on the stub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import runs
from selfcorrect.models.endpoint import Capabilities
from selfcorrect.models.endpoint.answers import completion
from selfcorrect.models.endpoint.replies import _TAKEN_OFF as NOTE
from selfcorrect.models.endpoint.replies import message_text, without_end
from selfcorrect.models.endpoint.wire import Ask
from servers.quirks import HARMLESS, UNSTEADY, completions, quirky
from servers.stub import CLOUD, Stub
from timing import within


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


CUT = {
    "while thinking": {"message": {"content": None, "reasoning": "Hm."}, "finish_reason": "length"},
    "by a filter": {"message": {"content": "It is (a"}, "finish_reason": "content_filter"},
    "in Gemini's words": {"message": {"content": "It is"}, "finish_reason": "MAX_TOKENS"},
    "with no message": {"message": None, "finish_reason": "length"},
    "at its limit, unsaid": {"message": {"content": "It is"}, "finish_reason": None},
}


@pytest.mark.parametrize("how", CUT)
def test_a_reply_that_is_cut_off_counts_as_cut(how: str) -> None:
    answer = {"choices": [CUT[how]], "usage": {"prompt_tokens": 5, "completion_tokens": 8}}
    sent = {"messages": [{"role": "user", "content": "One?"}], "max_tokens": 8}
    [said] = completion(answer, Capabilities(chat=True), Ask(()), sent).said
    assert said.finish == "length"
    assert said.text == ((CUT[how]["message"] or {}).get("content") or "")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("(a)<|im_end|>", "(a)"),
        ("(a) \n<|eot_id|><|end_of_text|>\n", "(a)"),
        ("(a)</s>", "(a)"),
        ("(a)<|im_end|>\n<|im_start|>user\nAnd (b)?<|im_end|>", "(a)"),
        ("(a)<end_of_turn>\n<start_of_turn>model\n(b)", "(a)"),
        ("<|im_end|>", ""),
        ("<s>old</s> is struck through: (a)", "<s>old</s> is struck through: (a)"),
        ("a < b and b > c", "a < b and b > c"),
    ],
)
def test_ends_of_turns_are_no_part_of_a_reply(text: str, kept: str) -> None:
    assert without_end(text) == (kept, [] if kept == text else [NOTE])


def test_ends_of_turns_take_no_long_time() -> None:
    for part in ("</s>", " ", "<|im_end|> ", "<", "</s> x"):
        with within(1, part):
            without_end(part * (40_000 // len(part)) + "x")


def test_tokens_of_thoughts_that_a_server_only_sums_up_are_thoughts() -> None:
    """Gemini's: they use the limit up before the reply begins."""
    answer = {
        "choices": [{"message": {"role": "assistant"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 13},
    }
    sent = {"messages": [{"role": "user", "content": "One?"}], "max_tokens": 8}
    [said] = completion(answer, Capabilities(chat=True), Ask(()), sent).said
    assert (said.text, said.finish, said.thought) == ("", "length", "")
    answer["choices"][0] = {"message": {"content": "It is"}, "finish_reason": "length"}
    [said] = completion(answer, Capabilities(chat=True), Ask(()), sent).said
    assert said.thought is None


def test_silence_is_the_models_own_where_the_server_counts_its_end(tmp_path: Path) -> None:
    """It is asked for again all the same; then it is recorded, as no server lost it."""
    asked = 0

    def silent(data: dict[str, Any]) -> None:
        nonlocal asked
        if data["usage"]["prompt_tokens"] > 20:  # no probe
            asked += 1
            data["choices"] = [{"message": {"content": ""}, "finish_reason": "stop"}]
            data["usage"]["completion_tokens"] = 1

    stub = quirky(Stub(replace(CLOUD, top=0)), completions(silent))
    try:
        run = _run(stub.url, tmp_path, rounds=1, limit=2)
    finally:
        stub.stop()
    assert run.complete
    assert run.records["problem"].to_list() == ["empty", "empty"]
    assert asked >= 6


@pytest.mark.parametrize(
    ("message", "said", "thought"),
    [
        ({"content": "a", "reasoning": "x", "reasoning_content": "x"}, "a", "x"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]},
                      {"type": "text", "text": "a"}]}, "a", "x"),
        ({"content": [{"type": "reasoning", "text": "x"}, {"type": "thinking", "thinking": "y"},
                      {"type": "text", "text": "a"}]}, "a", "x\n\ny"),
        ({"content": None, "reasoning": "x"}, "", "x"),
        ({"content": "a", "reasoning": " ", "thinking": None}, "a", None),
        ({"content": "a", "reasoning": {"effort": "low"}}, "a", None),
    ],
)  # fmt: skip
def test_thoughts_beside_a_reply_wherever_they_stand(
    message: dict[str, Any], said: str, thought: str | None
) -> None:
    assert message_text(message)[:2] == (said, thought)
