"""What real servers do otherwise than the API says: each a change of the stub's responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from servers.loopback import Request, Response, answer, failure
from servers.stub import Stub

#: What becomes of a response.
Quirk = Callable[[Request, Response], Response]

THOUGHTS = "Let me see. It may be (a)."


def quirky(stub: Stub, quirk: Quirk) -> Stub:
    """Have a stub's responses go through a quirk."""
    respond = stub._respond
    stub.loopback.respond = lambda request: quirk(request, respond(request))
    return stub


def completions(change: Callable[[dict[str, Any]], Any]) -> Quirk:
    """A change of every answer to a completion: of its JSON, in place or in its stead."""

    def quirk(request: Request, response: Response) -> Response:
        if not request.path.partition("?")[0].endswith("completions") or response.status != 200:
            return response
        data = json.loads(response.raw)
        changed = change(data)
        return answer(data if changed is None else changed)

    return quirk


def messages(change: Callable[[dict[str, Any]], None]) -> Quirk:
    """A change of every reply's message."""

    def each(data: dict[str, Any]) -> None:
        for choice in data["choices"]:
            change(choice["message"])

    return completions(each)


def route(end: str, response: Response) -> Quirk:
    """One route's response, whatever is asked."""
    return lambda request, own: response if request.path.endswith(end) else own


def unknown_routes(response: Response) -> Quirk:
    """What isn't there is answered all the same."""
    return lambda _, own: response if own.status == 404 else own


def refusing(field: str, status: int, words: Any, when: Callable[[Any], bool] = bool) -> Quirk:
    """Requests with a field are refused in these words."""

    def quirk(request: Request, response: Response) -> Response:
        sent = request.json if request.method == "POST" else {}
        refused = field in sent and (when is bool or when(sent[field]))
        return answer(words, status) if refused else response

    return quirk


def _choices(data: dict[str, Any], **more: Any) -> None:
    for choice in data["choices"]:
        choice |= more


def _parts(message: dict[str, Any]) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHTS}]}
    message["content"] = [thinking, {"type": "text", "text": message["content"]}]


def _halves(message: dict[str, Any]) -> None:
    text = message["content"]
    halves = [{"type": "output_text", "text": part} for part in (text[:1], text[1:])]
    message["content"] = [{"type": "reasoning", "text": THOUGHTS}, *halves]


def _as_completions(data: dict[str, Any]) -> None:
    for choice in data["choices"]:
        choice["text"] = choice.pop("message")["content"]


def _refusal(message: dict[str, Any]) -> None:
    message |= {"refusal": message["content"], "content": None}


def _tokens(change: Callable[[dict[str, Any], int], None]) -> Quirk:
    def each(data: dict[str, Any]) -> None:
        for choice in data["choices"]:
            for at, token in enumerate((choice.get("logprobs") or {}).get("content") or ()):
                change(token, at)

    return completions(each)


def _second(value: Any) -> Quirk:
    return _tokens(lambda token, at: token.update(logprob=value) if at == 1 else None)


def _usage(told: Any) -> Quirk:
    return completions(lambda data: data.update(usage=told))


_PYDANTIC = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted", "input": 1}


def _detail(field: str) -> Any:
    return {"detail": [{**_PYDANTIC, "loc": ["body", field]}]}


_OPENAI_TEMPERATURE = {
    "message": "Unsupported value: 'temperature' does not support 0 with this model. Only the "
    "default (1) value is supported.",
    "type": "invalid_request_error", "param": "temperature", "code": "unsupported_value",
}  # fmt: skip
_OPENAI_LENGTH = {
    "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    "'max_completion_tokens' instead.",
    "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter",
}  # fmt: skip
_MISTRAL_SEED = {
    "object": "error", "type": "invalid_request_error", "code": None,
    "message": {"detail": [{**_PYDANTIC, "loc": ["body", "seed"]}]},
}  # fmt: skip
_TGI_COLD = {
    "error": "Input validation error: `temperature` must be strictly positive",
    "error_type": "validation",
}

#: With these a run is whole, and its answers are what they are without.
HARMLESS: dict[str, Quirk] = {
    "models: text": route("/models", Response(200, b"Ollama is running")),
    "models: a bare array": route("/models", answer([{"id": "stub"}, {"id": "other"}])),
    "models: null": route("/models", answer({"object": "list", "data": None})),
    "models: 403": route("/models", failure(403, "not for you")),
    "models: 500": route("/models", failure(500, "oops")),
    "models: an error with 200": route("/models", answer({"error": {"message": "no", "code": 5}})),
    "unknown routes: JSON": unknown_routes(answer({"status": "ok"})),
    "unknown routes: text": unknown_routes(Response(200, b"<html>Welcome</html>")),
    "tokenize: text": route("/tokenize", Response(200, b"pong")),
    "content: parts with thinking": messages(_parts),
    "content: parts with reasoning": messages(_halves),
    "reasoning beside content": messages(lambda m: m.update(reasoning_content=THOUGHTS)),
    "refusal": messages(_refusal),
    "end of the turn in the reply": messages(
        lambda m: m.update(content=m["content"] + "<|im_end|>")
    ),
    "reply where completions have it": completions(_as_completions),
    "finish_reason: null": completions(lambda data: _choices(data, finish_reason=None)),
    "finish_reason: eos": completions(lambda data: _choices(data, finish_reason="eos")),
    "logprob: null": _second(None),
    "logprob: NaN": _second(float("nan")),
    "logprob: positive": _second(0.7),
    "top_logprobs with null": _tokens(
        lambda token, _: token["top_logprobs"].append({"token": "x", "logprob": None})
    ),
    "usage: missing": completions(lambda data: data.pop("usage", None) and None),
    "usage: null": _usage(None),
    "usage: zero": _usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    "usage: negative": _usage({"prompt_tokens": -1, "completion_tokens": -1}),
    "usage: text": _usage("none"),
    "no seed: 422": refusing("seed", 422, _detail("seed")),
    "no seed: 400": refusing("seed", 400, {"error": {"message": "Unknown parameter: 'seed'."}}),
    "no seed: Mistral's words": refusing("seed", 422, _MISTRAL_SEED),
    "no logprobs: 422": refusing("logprobs", 422, _detail("logprobs")),
    "no logprobs: 400": refusing(
        "logprobs", 400, {"error": {"message": "logprobs is not supported with this model"}}
    ),
    "no n: 422": refusing("n", 422, _detail("n")),
    "max_completion_tokens only": refusing("max_tokens", 400, {"error": _OPENAI_LENGTH}),
    "max_tokens only": refusing("max_completion_tokens", 422, _detail("max_completion_tokens")),
    "temperature above 0": refusing("temperature", 422, _TGI_COLD, lambda t: not t),
}
#: With these a server draws at its own temperature: a run is whole, its answers are others.
UNSTEADY: dict[str, Quirk] = {
    "no temperature: 400": refusing("temperature", 400, {"error": _OPENAI_TEMPERATURE}),
    "no temperature: 422": refusing("temperature", 422, _detail("temperature")),
}
