"""Servers' words for what went wrong: overflow, refusals, statuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from selfcorrect.models import Request
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint import Capabilities
from selfcorrect.models.endpoint.failures import Kind, of_status, status_in
from selfcorrect.models.endpoint.negotiating import named, without
from selfcorrect.models.endpoint.refusal import refusal
from servers.asking import break_some, opened
from servers.loopback import Request as Asked
from servers.loopback import Response, answer, failure
from servers.stub import Stub

OVERFLOW = {
    "OpenAI": ({"error": {"code": "context_length_exceeded", "message": "This model's maximum "
                "context length is 8192 tokens. However, your messages resulted in 9000 tokens."}},
               8192),
    "vLLM": ({"object": "error", "code": 400, "message": "'max_tokens' or 'max_completion_tokens' "
              "is too large: 100. This model's maximum context length is 2048 tokens and your "
              "request has 2000 input tokens"}, 2048),
    "vLLM's engine": ({"error": {"message": "The decoder prompt (length 3000) is longer than the "
                       "maximum model length of 2048. Make sure that `max_model_len` is no smaller "
                       "than the number of text tokens."}}, 2048),
    "llama.cpp": ({"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 4096,
                   "message": "the request exceeds the available context size"}}, 4096),
    "TGI": ({"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
             "Given: 4000 `inputs` tokens and 100 `max_new_tokens`", "error_type": "validation"},
            4096),
    "TGI's inputs": ({"error": "Input validation error: `inputs` must have less than 1024 tokens. "
                      "Given: 2000", "error_type": "validation"}, 1024),
    "Gemini": ([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The input token "
                "count (1200000) exceeds the maximum number of tokens allowed (1048576)."}}],
               1048576),
    "Mistral": ({"object": "error", "type": "invalid_request_prompt", "code": "3051", "message":
                 "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 "
                 "maximum context length"}, 32768),
    "Ollama": ({"error": {"message": "the input length exceeds the context length",
                "type": "invalid_request_error"}}, None),
    "SGLang": ({"object": "error", "code": 400, "message": "The input (9000 tokens) is longer than "
                "the model's context length (8192 tokens)."}, 8192),
    "a prompt too long": ({"error": {"type": "invalid_request_error", "message":
                           "prompt is too long: 210000 tokens > 200000 maximum"}}, 200000),
}  # fmt: skip


@pytest.mark.parametrize("server_of", OVERFLOW)
def test_overflow_in_the_words_of_servers(server_of: str, stub: Stub, model: Any) -> None:
    body, limit = OVERFLOW[server_of]
    window = model.context
    break_some(stub, lambda _: answer(body, 400))
    [reply] = opened(model).elicit([Request("(", 8)])
    assert reply.finish == "context"
    assert model.context == (limit or window)


def test_overflow_in_unknown_words_is_found_out_by_a_short_prompt(stub: Stub, model: Any) -> None:
    def fail(request: Asked) -> Response | None:
        return failure(400, "nay: 7 too many") if len(request.raw) > 2000 else None

    break_some(stub, fail)
    before = len(stub.requests)
    [reply] = opened(model, "word and " * 400).elicit([Request("(", 8)])
    assert reply.finish == "context"
    assert len(stub.requests) - before == 1  # the short one
    [reply] = opened(model, "word and " * 500).elicit([Request("(", 8)])
    assert reply.finish == "context"
    assert len(stub.requests) - before == 1  # its words are known now


def test_a_refusal_of_what_is_said_is_no_overflow(stub: Stub, model: Any) -> None:
    break_some(stub, lambda r: failure(400, "nay") if "badger" in str(r.json) else None)
    with pytest.raises(LostError, match="400: nay"):
        opened(model, "badger and " * 400).elicit([Request("(", 8)])


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"code": 429}, 429), ({"code": "503"}, 503), ({"code": "RESOURCE_EXHAUSTED"}, 429),
        ({"type": "server_error"}, 503), ({"code": "invalid_api_key"}, 401), ({"code": 7}, 0),
        ({"type": "invalid_request_error", "code": None}, 400), ("oops", 0), (None, 0), ([], 0),
        ({"code": "insufficient_quota"}, 402), ({"status": "DEADLINE_EXCEEDED"}, 408),
    ],
)  # fmt: skip
def test_the_status_that_an_error_stands_for(told: Any, status: int) -> None:
    assert status_in(told) == status


def test_a_status_beyond_all_is_a_refusal_or_passes() -> None:
    for status in range(300, 1000):
        kind = of_status(status, refusal({"message": "x"})).kind
        assert kind in (Kind.PASSING, Kind.REFUSED, Kind.STOPS, Kind.TOO_LONG)


SENT = {
    "model": "m", "messages": [], "max_tokens": 8, "temperature": 0.0, "seed": 1, "top_p": 1.0,
    "top_k": -1, "logprobs": True, "top_logprobs": 20, "n": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"message": "Unknown parameter: 'seed'.", "param": "seed"}}, {"seed"}),
        ({"message": "Unrecognized request argument supplied: top_k"}, {"top_k"}),
        ({"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]}, {"n"}),
        ({"message": "`temperature` must be strictly positive"}, {"temperature"}),
        ({"message": "temperature is not supported with this model"}, {"temperature"}),
        ({"message": "At a temperature of 20 degrees the seed of doubt germinates"}, set()),
        ({"message": "in n cases"}, set()),
        ({"message": "top_logprobs must be at most 5"}, {"top_logprobs"}),
        ({"message": "'max_tokens' is not supported; use 'max_completion_tokens'"}, {"max_tokens"}),
        ({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "no"}]}, set()),
    ],
)
def test_the_fields_that_a_refusal_names(body: Any, fields: set[str]) -> None:
    assert named(refusal(body), SENT) == fields


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("'max_tokens' is not supported", {"length": "max_completion_tokens"}),
        ("`temperature` must be strictly positive", {"coldest": 1e-3}),
        ("'temperature' does not support 0, only the default", {"temperature": False}),
        ("Unknown parameter: 'seed'", {"seed": False, "seeds": False}),
        ("top_logprobs must be less than or equal to 5", {"top": 5}),
        ("top_logprobs is not allowed", {"top": 0}),
        ("logprobs are not available", {"logprobs": False, "top": 0}),
        ("min_p: extra field", {"settings": ("top_p",)}),
        ("I don't like it", None),
        ("'messages' is too harsh", None),
    ],
)
def test_what_is_left_out_after_a_refusal(why: str, changed: dict[str, Any] | None) -> None:
    able = Capabilities(chat=True, settings=("top_p", "min_p"), logprobs=True, top=20, seeds=True)
    sent = {**SENT, "min_p": 0.0}
    less = without(able, refusal(why), sent)
    assert less == (None if changed is None else replace(able, **changed))


def test_a_refusal_may_be_anything() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [{"message": deep, "detail": deep}]
    for body in (None, "", "no", [], [None], {}, {"error": {"message": {"detail": 3}}}, deep, 7):
        told = refusal(body)
        assert len(told.why) <= 2000
        assert named(told, SENT) == set()
    assert refusal([{"error": {"message": "no", "code": 400}}]).why == "no"
    assert refusal({"error": "no"}).why == "no"
