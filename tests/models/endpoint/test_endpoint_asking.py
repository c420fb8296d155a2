"""What a server is found to be able to do, and what its answers are taken for."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from selfcorrect import models
from selfcorrect.messages import Image, Message
from selfcorrect.models import Request, message
from selfcorrect.models.endpoint import Capabilities
from selfcorrect.models.endpoint.answers import completion
from selfcorrect.models.endpoint.wire import Ask, most_tokens
from servers.loopback import Request as Asked
from servers.loopback import Response
from servers.stub import BARE, CLOUD, LLAMA_CPP, TEXT, VLLM, Able, Stub, served, text_logp

FOUND = {
    "vllm": (VLLM, ("prompt_logprobs", 6, "continue", False, True, True, True)),
    "llama.cpp": (LLAMA_CPP, ("", 6, "continue", True, True, True, True)),
    "cloud": (CLOUD, ("", 6, "", False, True, True, False)),
    "text": (TEXT, ("echo", 6, "text", False, True, True, True)),
    "bare": (BARE, ("", 0, "", False, False, False, False)),
    "few": (replace(VLLM, top=5), ("prompt_logprobs", 5, "continue", False, True, True, True)),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_a_server_can_do_is_found_out(kind: str) -> None:
    stated, found = FOUND[kind]
    with served(stated) as (model, _):
        able = model.capabilities
    can = (able.prompt, able.top, able.prefill, able.echoes, able.n, able.seeds, able.tokenizer)
    assert can == found


@pytest.mark.parametrize("able", [VLLM, TEXT], ids=["prompt_logprobs", "echo"])
def test_likelihoods_of_given_texts_are_those_of_the_law(able: Able) -> None:
    """Read from what the server says of the whole transcript; the law states them."""
    with served(able) as (model, stub):
        talk = model.open(1)
        talk.say([message("user", "Which?")])
        texts = ["(a)", "(b)", "(c) because"]
        [scores] = talk.likelihoods([texts])
        sent = stub.requests[-1]
    context, space = "<user>Which?<assistant>", ""
    if not able.chat:
        context, space = "User: Which?\n\n", " "
        assert sent["prompt"].startswith("User: Which?\n\nAssistant: ")
    expected = [text_logp(context, "", space + text) for text in texts]
    assert [score.logp for score in scores] == pytest.approx(expected)


def test_an_answer_without_usage_costs_the_budget_the_most_that_it_can() -> None:
    asked: list[tuple[int, int]] = []
    with served(BARE) as (model, stub):
        meter = model.served.server.meter
        before = meter.prompt, meter.completion
        talk = model.open(1)
        talk.say([message("user", "One?")])
        talk.elicit([Request("(", 3)])
        asked.append(most_tokens(stub.requests[-1], "max_tokens"))
        spent = meter.prompt - before[0], meter.completion - before[1]
    assert [spent] == asked


def test_choices_come_in_the_order_of_their_index() -> None:
    able = Capabilities(chat=True)
    choices = [{"index": k, "message": {"content": str(k)}} for k in (2, 0, 1)]
    sent = {"messages": [], "max_tokens": 1}
    found = completion({"choices": choices}, able, Ask((), n=3), sent)
    assert [said.text for said in found.said] == ["0", "1", "2"]
    unnumbered = [{"message": {"content": str(k)}} for k in (2, 0, 1)]
    found = completion({"choices": unnumbered}, able, Ask((), n=3), sent)
    assert [said.text for said in found.said] == ["2", "0", "1"]


def test_options_that_can_not_be_said_are_a_note_and_no_number() -> None:
    def respond(request: Asked) -> Response:
        response = stub._respond(request)
        data = json.loads(response.raw)
        for place in data.get("prompt_logprobs") or ():
            for token in (place or {}).values():
                token["logprob"] = -math.inf
        for choice in data.get("choices") or ():
            choice.pop("logprobs", None)
        return Response(response.status, json.dumps(data).encode())

    with served(VLLM) as (model, stub):
        stub.loopback.respond = respond
        talk = model.open(1)
        talk.say([message("user", "One?")])
        [reply] = talk.elicit([Request("(", 3, options=("a", "b"))])
    assert reply.options == ()
    assert "none of the options a likelihood above 0" in " ".join(reply.notes)


def test_what_only_some_servers_can_is_asked_once() -> None:
    with served(Able(images="yes", states="float32")) as (model, stub):
        count = len(stub.requests)
        picture = Image("a.png", "", "data:image/png;base64,AA==")
        model.check_images([picture])
        model.check_states()
        once = len(stub.requests)
        assert once > count
        model.check_images([picture])
        model.check_states()
        talk = model.open(2)
        talk.say([Message("user", (picture, "what?"))] * 2)
        assert len(stub.requests) == once


def test_a_probe_that_can_not_be_read_says_that_the_server_can_not() -> None:
    """At once; patience is for what is known to work."""
    tried: list[str] = []

    def respond(request: Asked) -> Response:
        response = stub._respond(request)
        if request.path.endswith("completions") and "logprobs" in request.json:
            tried.append(json.dumps(request.json, sort_keys=True))
            data = copy.deepcopy(json.loads(response.raw))
            data["choices"][0]["logprobs"] = [1]
            return Response(response.status, json.dumps(data).encode())
        return response

    stub = Stub(Able(prompt_logprobs=False))
    stub.loopback.respond = respond
    model: Any = models.load("openai:stub", base_url=stub.url, wait=30)
    assert not model.capabilities.logprobs
    assert {tried.count(each) for each in tried} == {1}
    model.close()
    stub.stop()
