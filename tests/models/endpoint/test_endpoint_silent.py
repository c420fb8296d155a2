"""What servers leave out without a word: parts of prompts, new draws, what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models import Request
from selfcorrect.models.endpoint.cutting import CUT
from selfcorrect.models.endpoint.options import ONE_REPLY
from servers.asking import opened
from servers.loopback import Request as Asked
from servers.loopback import Response, answer
from servers.quirks import completions, quirky, route
from servers.stub import CLOUD, Stub, served

_LONG = "The river is wide, and its stones are red. " * 20


def _asked_twice(model: Any) -> list[Any]:
    talk = opened(model, _LONG)
    found = talk.elicit([Request("(", 8)])
    talk.say([message("user", "Are you sure?")])
    return [*found, *talk.elicit([Request("(", 8)])]


def _no_longer(most: int) -> Any:
    def change(data: dict[str, Any]) -> None:
        if data["usage"]["prompt_tokens"] > most:
            data["usage"]["prompt_tokens"] = most

    return completions(change)


def test_a_server_that_cuts_prompts_off_in_silence_is_found_out() -> None:
    """As Ollama beyond its num_ctx: the prompt has no more tokens though the dialogue is longer."""
    with served(CLOUD) as (model, stub):
        quirky(stub, _no_longer(120))
        first, second = _asked_twice(model)
        assert first.finish == "stop"
        assert (second.finish, second.text, second.notes[-1]) == ("context", "", CUT)


def test_one_that_counts_otherwise_is_not_taken_for_one() -> None:
    """As those that leave out what was cached."""

    def uncached(request: Asked, response: Response) -> Response:
        data = json.loads(response.raw)
        if "word word" not in str(request.json):
            data["usage"]["prompt_tokens"] = 60
        return answer(data)

    with served(CLOUD) as (model, stub):
        quirky(stub, uncached)
        assert [each.finish for each in _asked_twice(model)] == ["stop", "stop"]
        fillers = sum("word word" in str(sent) for sent in stub.requests)
        assert fillers == 1
        assert [each.finish for each in _asked_twice(model)] == ["stop", "stop"]
        assert sum("word word" in str(sent) for sent in stub.requests) == fillers  # known by now


def _kept(by: str) -> Any:
    """As a cache that keeps replies by a part of the request alone."""
    known: dict[str, Response] = {}

    def quirk(request: Asked, response: Response) -> Response:
        if not request.path.endswith("completions") or response.status != 200:
            return response
        return known.setdefault(json.dumps(request.json.get(by)), response)

    return quirk


def test_one_that_draws_the_same_reply_every_time_has_no_samples() -> None:
    stub = quirky(Stub(replace(CLOUD, top=0)), _kept("messages"))
    try:
        model = models.load("openai:stub", base_url=stub.url, wait=5)
        try:
            assert not model.capabilities.varies
            [reply] = opened(model).elicit([Request("(", 8, options=("a", "b"))])
            assert reply.options == ()
            assert ONE_REPLY in reply.notes
            with pytest.raises(UserError, match="so there are no samples"):
                opened(model).elicit([Request("(", 8, samples=(1, 2))])
        finally:
            model.close()
    finally:
        stub.stop()


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (
            answer({"code": 7, "msg": "NOT_FOUND", "success": False}),
            "place of an answer: NOT_FOUND",
        ),
        (answer({"error": "Unexpected endpoint. (POST /x)"}), "Unexpected endpoint"),
        (Response(200, b"<!DOCTYPE html><title>Sign in</title>"), "a web page, no JSON"),
        (Response(200, b'data: {"choices": []}\n\n'), "a stream of events, though none was asked"),
        (Response(200, b": PROCESSING\n\n{}"), "a stream of events, though none was asked"),
    ],
)
@pytest.mark.parametrize("root", [True, False])
def test_what_stands_in_the_place_of_the_first_answer_is_named(
    response: Response, said: str, root: bool
) -> None:
    """Also where the next form of a request is refused: that says less."""
    stub = quirky(Stub(CLOUD), route("/chat/completions", response))
    try:
        with pytest.raises(UserError, match=said) as told:
            models.load("openai:stub", base_url=stub.url.removesuffix("/v1") if root else stub.url)
    finally:
        stub.stop()
    assert ("most end in /v1" in str(told.value)) == root
