"""Samples from a server: the prompt that the reply is asked with, once where it can be."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.models import Request, message
from selfcorrect.models.endpoint import answers, options
from selfcorrect.models.endpoint.wire import Ask
from servers.loopback import Request as Asked
from servers.loopback import Response, failure
from servers.stub import BARE, CLOUD, LLAMA_CPP, TEXT, VLLM, Able, served, speak, text_logp

SEEDS = (11, 12, 13, 14)


@pytest.mark.parametrize("able", [VLLM, LLAMA_CPP, CLOUD, TEXT, BARE],
                         ids=["vllm", "llama.cpp", "cloud", "text", "bare"])  # fmt: skip
def test_samples_are_asked_with_the_prompt_of_the_reply(able: Able) -> None:
    with served(able) as (model, stub):
        talk = model.open(1)
        talk.say([message("user", "Which?")])
        before = len(stub.requests)
        (reply,) = talk.elicit([Request(max_tokens=12, samples=SEEDS)])
        sent = stub.requests[before:]
        (plain,) = _alone(model).elicit([Request(max_tokens=12)])
    assert reply.text == plain.text
    assert (reply.encoded, reply.generated) == (plain.encoded, plain.generated)
    assert len(reply.samples) == len(SEEDS)
    assert len(sent) == (2 if model.capabilities.n else 5)
    shown = [each.get("messages", each.get("prompt")) for each in sent]
    assert all(each == shown[0] for each in shown)
    drawn = [each for each in sent if each["temperature"] == 1]
    assert sum(each.get("n", 1) for each in drawn) == len(SEEDS)
    assert all("top_logprobs" not in each for each in drawn)
    assert sum(sample.encoded for sample in reply.samples) > 0


def _alone(model: Any) -> Any:
    talk = model.open(1)
    talk.say([message("user", "Which?")])
    return talk


def test_likelihoods_and_texts_are_those_of_the_law() -> None:
    with served(replace(VLLM, n=False)) as (model, _):
        (reply,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
    for seed, sample in zip(SEEDS, reply.samples, strict=True):
        tokens, why = speak("<user>Which?<assistant>", "", 12, 1.0, seed)
        assert sample.text == "".join(tokens)
        assert sample.cut == (why == "length")
        said = text_logp("<user>Which?<assistant>", "", sample.text)
        ended = (sample.logp or 0) - said  # a server may report the token that ends the reply
        assert ended == pytest.approx(0) or math.log(0.01) < ended < 0


def test_a_server_that_gives_fewer_than_asked_for_is_asked_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with served(VLLM) as (model, stub):
        whole = answers.completion

        def fewer(*given: Any, **how: Any) -> Any:
            found = whole(*given, **how)
            return replace(found, said=found.said[:2])

        monkeypatch.setattr("selfcorrect.models.endpoint.served.completion", fewer)
        before = len(stub.requests)
        (reply,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
        sent = stub.requests[before:]
    assert len(reply.samples) == len(SEEDS)
    assert sorted(each.get("n", 1) for each in sent) == [1, 1, 1, 4]


@pytest.mark.parametrize("most", [3, 2, 1])
def test_a_server_that_takes_fewer_at_once_is_asked_in_parts(most: int) -> None:
    """Probed with two, it may still refuse four; what was learned is kept."""
    sent: list[int] = []

    def respond(request: Asked) -> Response:
        n = request.json.get("n", 1)
        sent.append(n)
        return failure(400, f"n must be at most {most}") if n > most else stub._respond(request)

    with served(VLLM) as (model, stub):
        assert model.capabilities.n
        stub.loopback.respond = respond
        (first,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
        once, sent[:] = sorted(sent), []
        (again,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
        twice, sent[:] = sorted(sent), []
        drawn = options._drawn(model.served, Ask((message("user", "Which?"),)), ["One", "Two"])
        likely, _ = model.served.server.run(drawn)
    assert len(first.samples) == len({sample.text for sample in first.samples}) == 4
    assert first.samples == again.samples
    assert max(once) == 4
    assert twice == ([1, 2, 2] if most > 1 else [1] * 5)
    assert sorted(sent) == ([2] * 10 if most > 1 else [1] * 20)
    assert "estimated from 20 drawn replies" in likely.notes[0]


def test_what_is_refused_for_another_reason_says_so() -> None:
    def respond(request: Asked) -> Response:
        return (
            failure(400, "bad words")
            if request.json["max_tokens"] == 12
            else stub._respond(request)
        )

    with served(VLLM) as (model, stub):
        stub.loopback.respond = respond
        with pytest.raises(UserError, match=r"refused a request .400: bad words"):
            _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])


def test_a_server_that_tells_no_likelihoods_has_none() -> None:
    with served(BARE) as (model, _):
        (reply,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
    assert [sample.logp for sample in reply.samples] == [None] * 4
    assert all(sample.tokens > 0 for sample in reply.samples)


@pytest.mark.parametrize("value", [-9999.0, -1000.0, -1e5, -math.inf, -1e38])
@pytest.mark.parametrize("able", [VLLM, TEXT], ids=["chat", "text"])
def test_a_placeholder_is_no_likelihood(able: Able, value: float) -> None:
    """As OpenAI writes it of a token that was drawn from outside the likeliest."""

    def respond(request: Asked) -> Response:
        response = stub._respond(request)
        data = json.loads(response.raw)
        for choice in data.get("choices", ())[1:]:  # every sample but the first
            told = choice["logprobs"]
            if "content" in told:
                told["content"][-1]["logprob"] = value
            else:
                told["token_logprobs"][-1] = value
        return Response(response.status, json.dumps(data).encode())

    with served(able) as (model, stub):
        stub.loopback.respond = respond
        (reply,) = _alone(model).elicit([Request(max_tokens=12, samples=SEEDS)])
    assert reply.token_logps
    assert [sample.logp is None for sample in reply.samples] == [False, True, True, True]
    assert "3 of 4 samples have no likelihood" in " ".join(reply.notes)


def test_a_placeholder_in_a_reply_or_its_likeliest_tokens_is_left_out() -> None:
    def respond(request: Asked) -> Response:
        response = stub._respond(request)
        data = json.loads(response.raw)
        for token in data["choices"][0]["logprobs"]["content"]:
            token["logprob"] = -9999.0
            token["top_logprobs"].append({"token": "never", "logprob": -9999.0})
        for place in data.get("prompt_logprobs") or ():
            for token in (place or {}).values():
                token["logprob"] = -9999.0
        return Response(response.status, json.dumps(data).encode())

    with served(VLLM) as (model, stub):
        stub.loopback.respond = respond
        (reply,) = _alone(model).elicit([Request("(", 6, options=("never", "b"))])
    assert (reply.token_logps, reply.options) == ((), ())
    assert "told no likelihood of some" in " ".join(reply.notes)
    assert "nothing that likelihoods of the options" in " ".join(reply.notes)


def test_a_run_with_samples_on_a_server(tmp_path: Path) -> None:
    with served(VLLM) as (_, stub):
        run = sc.run(
            "openai:stub",
            base_url=stub.url,
            samples={"k": 3, "p_true": True},
            rounds=2,
            limit=6,
            out=tmp_path,
            controls=False,
            progress=False,
        )
    for row in run.records.iter_rows(named=True):
        assert len(row["samples"]) == 3
        assert row["likelihood"] < 0
        assert 0 < row["p_true"] < 1
        assert 0 <= row["semantic_entropy"] <= math.log(3) + 1e-12
    shown = run.summary()["rounds"][0]["measures"]
    assert {"semantic_entropy", "likelihood", "p_true"} <= shown.keys()
