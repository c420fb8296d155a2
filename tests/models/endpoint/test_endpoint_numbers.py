"""Numbers from a server that can't be: broken answers, asked for again and never recorded."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect import models, runs
from selfcorrect.models import Request, message
from selfcorrect.models.endpoint import Capabilities, checked, served, server
from selfcorrect.models.endpoint.answers import Completion, Token, completion
from selfcorrect.models.endpoint.checked import BrokenError
from selfcorrect.models.endpoint.options import read_likeliest, spread
from selfcorrect.models.endpoint.wire import Ask
from servers.loopback import Request as Asked
from servers.loopback import Response, answer, failure
from servers.stub import TEXT, VLLM, Able, Stub
from servers.stub import served as serving

OTHERS = st.sampled_from([None, True, False, "", "-1", "nan", [], [-1.0], {}, {"a": -1}])
#: What no log-probability is. The integer is too large for a float.
NO_LOGP = (
    st.floats(min_value=0.0011, allow_nan=False)
    | st.just(math.nan)
    | st.integers(1, 10**400)
    | st.just(-(10**400))
    | OTHERS
)
NO_COUNT = (
    st.integers(max_value=-1)
    | st.integers(min_value=checked.LARGEST + 1)
    | st.floats()
    | OTHERS.filter(lambda value: value is not None)
)


@given(NO_LOGP)
def test_what_no_log_probability_is(value: Any) -> None:
    with pytest.raises(BrokenError, match="not a number up to 0") as told:
        checked.logp(value)
    assert len(str(told.value)) < 120


@given(st.floats(max_value=0.0, allow_nan=False) | st.integers(-(10**300), 0))
def test_what_one_is(value: float) -> None:
    """As it stands; but the smallest number of 32 bits and below are some servers' "never"."""
    assert checked.logp(value) == (float(value) if value > -1e30 else -math.inf)


@given(st.floats(min_value=0.0, max_value=1e-3))
def test_rounding_above_0_is_0(value: float) -> None:
    assert checked.logp(value) == 0.0


@given(NO_COUNT | st.none())
def test_what_no_count_is(value: Any) -> None:
    with pytest.raises(BrokenError, match="not a whole number from 0"):
        checked.count(value, "it")
    assert checked.window(value) is None


# --- in answers ----------------------------------------------------------------------------------

CHAT = Capabilities(chat=True, logprobs=True, top=5, prompt="prompt_logprobs", prefill="continue")
PLAIN = Capabilities(chat=False, logprobs=True, top=5, prompt="echo", prefill="text")
SAID = [message("user", "One?")]
ASK = Ask(tuple(SAID), "", "It is (", 4, likely=True, given=True)


def _answers(able: Able) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request with everything that is ever wanted, and the stub's answer to it."""
    stub = Stub(able)
    sent: dict[str, Any] = {"model": "stub", "max_tokens": 4, "temperature": 0.0}
    if able.chat:
        turns = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "It is ("}]
        sent |= {"messages": turns, "continue_final_message": True, "prompt_logprobs": 1}
        sent |= {"logprobs": True, "top_logprobs": 5}
    else:
        sent |= {"prompt": "User: One?\n\nAssistant: It is (", "logprobs": 5, "echo": True}
    path = "/v1/chat/completions" if able.chat else "/v1/completions"
    response = stub.loopback.respond(Asked("POST", path, {}, json.dumps(sent).encode()))
    stub.stop()
    data = json.loads(response.raw)
    data["usage"]["prompt_tokens_details"] = {"cached_tokens": 1}
    return sent, data


def _read(able: Capabilities, sent: dict[str, Any], data: Any) -> Completion:
    return completion(data, able, ASK, sent)


def _numbers(data: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Where in an answer floats stand, and the counts of its usage: (container, key)."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from _numbers(value, (*names, str(key)))
        elif isinstance(value, float) or "usage" in names:
            yield data, key


WHOLE = {"chat": (CHAT, *_answers(VLLM)), "text": (PLAIN, *_answers(TEXT))}


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_bad_number_anywhere_breaks_an_answer(kind: str, data: Any) -> None:
    able, sent, whole = WHOLE[kind]
    _read(able, sent, whole)
    spoiled = copy.deepcopy(whole)
    places = list(_numbers(spoiled))
    assert len(places) >= 20
    container, key = data.draw(st.sampled_from(places))
    of_usage = isinstance(container[key], int)
    told = NO_LOGP.filter(lambda value: value is not None)  # null: it isn't told
    container[key] = data.draw(NO_COUNT if of_usage else told)
    spoiled = json.loads(json.dumps(spoiled))
    with pytest.raises(BrokenError):
        _read(able, sent, spoiled)
    # asked again in vain, what was said is still read
    found = completion(spoiled, able, ASK, sent, lenient=True)
    assert found.said[0].text == completion(whole, able, ASK, sent).said[0].text
    assert found.told != of_usage


@pytest.mark.parametrize("kind", WHOLE)
def test_likeliest_tokens_that_are_more_than_certain_break_an_answer(kind: str) -> None:
    able, sent, whole = copy.deepcopy(WHOLE[kind])
    for container, key in _numbers(whole):
        if isinstance(container[key], float):
            container[key] = 0.0
    with pytest.raises(BrokenError, match="likeliest tokens in a place"):
        _read(able, sent, whole)


def test_more_cached_tokens_than_tokens_break_an_answer() -> None:
    able, sent, whole = copy.deepcopy(WHOLE["chat"])
    whole["usage"]["prompt_tokens_details"]["cached_tokens"] = whole["usage"]["prompt_tokens"] + 1
    with pytest.raises(BrokenError, match="cached"):
        _read(able, sent, whole)


def test_usage_without_its_numbers_is_none() -> None:
    able, sent, whole = copy.deepcopy(WHOLE["chat"])
    expected = _read(able, sent, {**whole, "usage": None})
    assert not expected.told
    for told in ({}, {"prompt_tokens": 3}, {"completion_tokens": 3, "prompt_tokens": None}):
        assert _read(able, sent, {**whole, "usage": told}) == expected


def test_options_that_can_not_be_said_have_no_likelihood_and_no_nan() -> None:
    never = Token("b", -math.inf)
    scores = spread([[Token("(", -1.0), Token("a", -0.5)], [Token("(", -1.0), never]], ["a", "b"])
    assert [s.logp - s.logp_shared for s in scores] == [-0.5, -math.inf]
    top = (("a", -0.1), ("b", -9999.0), ("c", -math.inf))
    read = read_likeliest(Token("a", -0.1, None, top), ["a", "b", "d"])
    assert read is not None
    assert [s.logp for s in read.found] == pytest.approx([-0.1, -9999.0, -9999.0])
    assert read_likeliest(Token("a", -0.1, None, (("b", -math.inf),)), ["b"]) is None


# --- from a server -------------------------------------------------------------------------------

#: As Python's own JSON writes and reads them, and none of them is JSON.
LITERALS = (math.nan, math.inf, 1.0, 1e999, "-1")


def _spoilers() -> list[Callable[[dict[str, Any]], None]]:
    def of(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
        def spoil(data: dict[str, Any]) -> None:
            *way, last = path
            place: Any = data
            for key in way:
                place = place[key]
            place[last] = value

        return spoil

    token = ("choices", 0, "logprobs", "content", 0)
    found = [of((*token, "logprob"), value) for value in LITERALS]
    found += [of((*token, "top_logprobs", 0, "logprob"), value) for value in LITERALS]
    for value in (-3, 10**12, 2.5, "7", True):
        found += [of(("usage", name), value) for name in ("prompt_tokens", "completion_tokens")]
    return found


def _spoil(stub: Stub, spoil: Iterator[Callable[[dict[str, Any]], None] | None]) -> list[int]:
    """Have a stub's answers to completions spoiled in turn; how many were is counted."""
    respond, count = stub.loopback.respond, [0]

    def spoiled(request: Asked) -> Response:
        response = respond(request)
        if not request.path.endswith("completions") or response.status != 200:
            return response
        change, data = next(spoil, None), json.loads(response.raw)
        if change is None or "prompt_logprobs" in data:
            return response
        try:
            change(data)
        except (LookupError, TypeError):  # nothing of the kind in this answer
            return response
        count[0] += 1
        return answer(data)

    stub.loopback.respond = spoiled
    return count


def _spec(url: str, **more: Any) -> runs.RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 2}
    return runs.read_spec(values={**values, "limit": 24, "chunk": 8, **more})


def _records(folder: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.rglob("*.parquet"))])


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FIRST_PAUSE", 0.002)


@pytest.mark.usefixtures("soon")
def test_bad_numbers_are_asked_for_again_and_never_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second answer has one: some are asked for more often than a server usually is."""
    monkeypatch.setattr(served, "_BAD", 100)
    monkeypatch.setitem(server._UNUSABLE, "chat", 100)
    stub = Stub(VLLM)
    try:
        runs.run(_spec(stub.url), out=tmp_path / "a", controls=False)
        changes = itertools.cycle(x for change in _spoilers() for x in (change, None))
        broken = _spoil(stub, itertools.chain(itertools.repeat(None, 12), changes))
        runs.run(_spec(stub.url), out=tmp_path / "b", controls=False)
    finally:
        stub.stop()
    assert broken[0] > 10
    assert _records(tmp_path / "a").equals(_records(tmp_path / "b"))


@pytest.mark.usefixtures("soon")
def test_bad_numbers_without_end_are_left_out_and_said_so(tmp_path: Path) -> None:
    """What was said is whole, and that isn't lost for its numbers."""
    stub = Stub(VLLM)
    try:
        usual = runs.run(_spec(stub.url), out=tmp_path / "a", controls=False).records
        nan = _spoilers()[0]
        _spoil(stub, itertools.chain(itertools.repeat(None, 16), itertools.repeat(nan)))
        run = runs.run(_spec(stub.url), out=tmp_path / "b", controls=False)
    finally:
        stub.stop()
    assert run.complete
    assert run.records["text"].equals(usual["text"])
    notes = [note["text"] for each in run.records["notes"] for note in each]
    assert any("likelihoods of the reply's tokens that can't be" in note for note in notes)


@pytest.mark.usefixtures("soon")
def test_a_server_whose_likelihoods_never_can_be_is_taken_to_have_none() -> None:
    stub = Stub(Able(prompt_logprobs=False))
    _spoil(stub, itertools.repeat(_spoilers()[0]))
    try:
        model: Any = models.load("openai:stub", base_url=stub.url, wait=20)
        assert not model.capabilities.logprobs
        talk = model.open(1)
        talk.say(SAID)
        [reply] = talk.elicit([Request("(", 2, options=("a", "b"))])
        model.close()
    finally:
        stub.stop()
    assert any("estimated from 20 drawn" in note for note in reply.notes)
    # what only measuring takes is no cost of the answer
    assert reply.encoded == reply.prompt_tokens + reply.generated
    assert reply.beside > reply.prompt_tokens + 20
    assert all(math.isfinite(score.logp) for score in reply.options)


def test_the_window_is_what_the_server_says() -> None:
    with serving(VLLM) as (model, _):
        assert model.context == VLLM.context


@pytest.mark.parametrize("window", [-5, 0, 1.5, True, "4096", math.nan, 10**12, None, []])
def test_a_window_that_can_not_be_is_as_if_not_told(window: Any) -> None:
    stub = Stub(VLLM)
    respond = stub.loopback.respond

    def told(request: Asked) -> Response:
        if request.path == "/v1/models":
            return answer({"data": [{"id": "stub", "max_model_len": window}]})
        return respond(request)

    stub.loopback.respond = told
    try:
        model: Any = models.load("openai:stub", base_url=stub.url, wait=20)
        assert model.context == 1 << 20
        model.close()
    finally:
        stub.stop()


@pytest.mark.parametrize("number", [-5, 2.5, True, "x", math.nan, 10**30, [], "9" * 5000])
def test_numbers_in_a_refusal_that_can_not_be_are_left_out(number: Any) -> None:
    stub = Stub(VLLM)
    try:
        model: Any = models.load("openai:stub", base_url=stub.url, wait=20)
        words = f"the context length is {number}"
        stub.loopback.respond = lambda _: failure(
            400, words, type="exceed_context_size_error", n_ctx=number, n_prompt_tokens=number
        )
        talk = model.open(1)
        talk.say(SAID)
        [reply] = talk.elicit([Request("(", 2)])
        assert reply.finish == "context"
        assert 0 < reply.prompt_tokens < 100
        assert isinstance(model.context, int)
        assert model.context > 0
        model.close()
    finally:
        stub.stop()
