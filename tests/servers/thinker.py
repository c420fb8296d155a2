"""A stub server whose model thinks before it replies, in the ways in which servers show it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from servers.loopback import Loopback, Request, Response, answer, failure

_WORDS = ("so", "it", "may", "be", "one", "or", "the", "other", "then")


_WISH = "Begin your reply with exactly: "


@dataclass(frozen=True)
class Ways:
    """How the model thinks, and what its server takes.

    Attributes:
        shows: under which key a thought comes, ``inline`` as a part of the content, ``hidden`` only
            as a number of tokens.
        switch: what turns it off, as JSON; "" where nothing does.
        default: whether it thinks unless it is told.
        words: of a thought.
        logprobs: it tells likelihoods.
        strict: it refuses fields that it doesn't know.
        prefill: it continues a last message of the assistant's, and doesn't think, then.
    """

    shows: str = "reasoning_content"
    switch: str = ""
    default: bool = True
    words: int = 9
    logprobs: bool = True
    strict: bool = False
    prefill: bool = False


class Thinker:
    """The server.

    Attributes:
        requests: the JSON of all requests, probes' too.
    """

    def __init__(self, ways: Ways) -> None:
        self.ways = ways
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self.loopback = Loopback(self._respond)
        self.url = self.loopback.url

    def stop(self) -> None:
        self.loopback.stop()

    def _respond(self, request: Request) -> Response:
        if request.path == "/v1/models":
            return answer({"data": [{"id": "thinker", "max_model_len": 8192}]})
        if request.path != "/v1/chat/completions":
            return failure(404, "no such route")
        sent = request.json
        with self._lock:
            self.requests.append(sent)
        extra = [k for k in sent if k in ("chat_template_kwargs", "reasoning_effort", "reasoning")]
        known = json.loads(self.ways.switch) if self.ways.switch else {}
        if self.ways.strict and any(name not in known for name in extra):
            return failure(400, f"Unrecognized argument: {extra[0]}")
        return answer(self._reply(sent, known))

    def _reply(self, sent: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        ways, last = self.ways, sent["messages"][-1]
        off = bool(known) and known.items() <= sent.items()
        turned = ways.switch.replace("false", "true")
        on = bool(known) and json.loads(turned).items() <= sent.items()
        begun = last["role"] == "assistant" and ways.prefill
        thinks = not begun and not off and (ways.default or on)
        thought = [f" {_WORDS[n % len(_WORDS)]}" for n in range(ways.words)] if thinks else []
        asked = last["content"] if isinstance(last["content"], str) else ""
        wish = asked.rpartition(_WISH)[2] if _WISH in asked else ""
        said = [wish, "b", ")", " indeed"] if wish else ["Yes", ",", " b", "."]
        if begun and asked.endswith("encyclop"):
            said = ["edia"]
        most = sent.get("max_tokens", sent.get("max_completion_tokens", 16))
        spoken = [*thought, *filter(None, said)]
        cut = len(spoken) > most
        spoken = spoken[:most]
        thoughts, rest = spoken[: len(thought)], spoken[len(thought) :]
        message: dict[str, Any] = {"role": "assistant", "content": "".join(rest) or None}
        if thinks and ways.shows == "inline":
            ended = "" if cut and not rest else "\n</think>\n\n"
            message["content"] = f"<think>\n{''.join(thoughts)}{ended}{''.join(rest)}"
        elif thinks and ways.shows != "hidden":
            message[ways.shows] = "".join(thoughts)
        choice: dict[str, Any] = {"index": 0, "message": message}
        choice["finish_reason"] = "length" if cut else "stop"
        if ways.logprobs and sent.get("logprobs"):
            told = rest if ways.shows == "hidden" else spoken
            choice["logprobs"] = {"content": [_token(each) for each in told]}
        shown = max(20, len(json.dumps(sent["messages"])) // 4)
        usage: dict[str, Any] = {"prompt_tokens": shown, "completion_tokens": len(spoken)}
        if thinks and ways.shows == "hidden":
            usage["completion_tokens_details"] = {"reasoning_tokens": len(thoughts)}
        return {"model": "thinker", "choices": [choice], "usage": usage}


def _token(text: str) -> dict[str, Any]:
    top = [(text, -0.4), ("a", -1.5), ("c", -2.5)]
    likely = [{"token": token, "logprob": logp} for token, logp in top]
    return {"token": text, "logprob": -0.4, "top_logprobs": likely}
