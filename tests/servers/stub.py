"""A stated language model behind the OpenAI API, with any combination of capabilities.

Its next token depends on the transcript's text alone, through a hash: so any two ways of asking
can be compared, and what is asked again comes out the same.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard

from selfcorrect import models
from servers.loopback import Loopback, Request, Response, answer, failure

END = "<end>"
LAYERS = 4
_TOKEN = re.compile(r"\s?[A-Za-z]+|\s?[0-9]|\s?[^\sA-Za-z0-9]|\s")
_CUT = {"encyclop": "edia", "Missis": "sippi", "chocol": "ate"}
_WISH = "Begin your reply with exactly: "
_KNOWN = {
    "model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "seed", "n", "stop", "logprobs", "top_logprobs", "echo",
}  # fmt: skip
_VLLM = {"prompt_logprobs", "continue_final_message", "add_generation_prompt", "vllm_xargs"}


@dataclass(frozen=True)
class Able:
    """What the stub can do; the defaults are everything, as vLLM can."""

    chat: bool = True
    completions: bool = False
    system: bool = True
    top: int = 20
    prompt_logprobs: bool = True
    echo: bool = False
    n: bool = True
    prefill: str = "continue"
    echoes: bool = False
    knows: bool = True  # how a word that was cut in the middle ends
    repeats: bool = False  # the last message of the assistant, where "echo" asks for it
    seeds: bool = True
    usage: bool = True
    tokenize: bool = True
    listed: bool = True
    strict: bool = False
    length: str = "max_tokens"
    images: str = "no"  # or "yes", or "ignored": taken, and left out in silence
    states: str = ""  # or the dtype of the hidden states that it sends, as vllm-lens does
    temperature: bool = True
    context: int = 4096
    key: str = ""
    own: int = 0  # tokens of a system prompt that its template adds


VLLM = Able()
LLAMA_CPP = Able(prompt_logprobs=False, prefill="last", echoes=True)
CLOUD = Able(prompt_logprobs=False, prefill="", tokenize=False, strict=True)
BARE = Able(
    top=0, prompt_logprobs=False, n=False, prefill="", seeds=False, usage=False, tokenize=False,
    listed=False, system=False,
)  # fmt: skip
TEXT = Able(chat=False, completions=True, echo=True, prompt_logprobs=False)


def split(text: str) -> list[str]:
    """The stub's tokens."""
    return _TOKEN.findall(text)


def following(context: str, turn: str) -> dict[str, float]:
    """The distribution of the next token after what the assistant has said in its turn."""
    for begun, rest in _CUT.items():
        if turn.endswith(begun):
            return {rest: 0.97, "x": 0.03}
    wished = context.rpartition(_WISH)[2].partition("<assistant>")[0] if _WISH in context else ""
    if wished and wished.startswith(turn) and turn != wished:
        return {split(wished[len(turn) :])[0]: 0.98, " no": 0.02}
    draw = random.Random(hashlib.blake2b(f"{context}\x1f{turn}".encode()).digest())
    if turn.endswith("("):
        odds = [draw.uniform(0.05, 1.0) for _ in "abc"]
        letters = {letter: 0.9 * o / sum(odds) for letter, o in zip("abc", odds, strict=True)}
        return {**letters, "z": 0.06, "d": 0.04}
    if re.search(r"\([a-z]$", turn):
        return {")": 0.99, ",": 0.01}
    if turn.endswith(")") or len(split(turn)) > 14:
        return {END: 0.9, " indeed": 0.1}
    words = draw.sample(["one", "two", "red", "blue", "stone", "river", "cloud", "bread"], 5)
    odds = [draw.uniform(0.1, 1.0) for _ in range(6)]
    texts = [f" {word}" if turn else word.capitalize() for word in words] + [END if turn else "I"]
    return {text: o / sum(odds) for text, o in zip(texts, odds, strict=True)}


def speak(
    context: str, turn: str, most: int, temperature: float, seed: int
) -> tuple[list[str], str]:
    """Tokens of a reply, and why it ended."""
    said: list[str] = []
    draw = random.Random(f"{seed}|{context}|{turn}")
    while len(said) < most:
        p = following(context, turn + "".join(said))
        token = max(sorted(p), key=p.__getitem__)
        if temperature > 0:
            best = max(p.values())
            weights = [(value / best) ** (1 / temperature) for value in p.values()]
            token = draw.choices(list(p), weights)[0]
        if token == END:
            return said, "stop"
        said.append(token)
    return said, "length"


def text_logp(context: str, turn: str, text: str) -> float:
    """log p of a text of whole tokens as what the assistant says next."""
    total = 0.0
    for token in split(text):
        total += math.log(following(context, turn).get(token, 1e-9))
        turn += token
    return total


@contextmanager
def served(able: Able, **how: Any) -> Iterator[tuple[Any, Stub]]:
    """A model behind a stub, open, and the stub."""
    stub = Stub(able)
    model = models.load("openai:stub", base_url=stub.url, wait=5, **how)
    try:
        yield model, stub
    finally:
        model.close()
        stub.stop()


class Stub:
    """The server.

    Attributes:
        able: what it can do.
        requests: what it answered, in the order of arrival (JSON, without probes' and lists').
        used: tokens of all that it answered and counted.
    """

    def __init__(self, able: Able = VLLM, name: str = "stub") -> None:
        self.able = able
        self.name = name
        self.requests: list[dict[str, Any]] = []
        self.used: list[dict[str, int]] = []
        self.delay = 0.0
        self.running, self.most_running = 0, 0
        self._lock = threading.Lock()
        self._count = itertools.count()
        self.loopback = Loopback(self._respond)
        self.url = self.loopback.url

    def stop(self) -> None:
        self.loopback.stop()

    def start(self) -> None:
        self.loopback.start()

    def _respond(self, request: Request) -> Response:
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if self.delay:
                threading.Event().wait(self.delay)
            return self._route(request)
        finally:
            with self._lock:
                self.running -= 1

    def _route(self, request: Request) -> Response:
        able = self.able
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if able.key and given != able.key:
            return failure(401, f"Incorrect API key provided: {given[:12]}***.")
        if request.path == "/v1/models" and able.listed:
            return answer({"data": [{"id": self.name, "max_model_len": able.context}]})
        if request.path == "/tokenize" and able.tokenize:
            return answer({"tokens": [number(token) for token in self._split(request.json)]})
        if request.path == "/v1/chat/completions" and able.chat:
            return self._complete(request.json, chat=True)
        if request.path == "/v1/completions" and able.completions:
            return self._complete(request.json, chat=False)
        return failure(404, "no such route")

    def _complete(self, sent: dict[str, Any], *, chat: bool) -> Response:
        able = self.able
        if sent["model"] != self.name:
            return failure(404, f"The model `{sent['model']}` does not exist.")
        known = _KNOWN | (set() if able.strict else _VLLM)
        unknown = sorted(set(sent) - known) if able.strict else []
        other = {"max_tokens", "max_completion_tokens"} - {able.length}
        if unknown or (other & set(sent)):
            return failure(400, f"Unrecognized argument: {(unknown or sorted(other))[0]}")
        if not able.temperature and "temperature" in sent:
            return failure(400, "Unsupported value: 'temperature'")
        if chat:
            messages = sent["messages"]
            if not able.system and any(m["role"] == "system" for m in messages):
                return failure(400, "System role not supported")
            begun = self._begun(sent)
            earlier = messages[:-1] if begun else messages
            texts = [_text(m["content"], able.images) for m in earlier]
            if None in texts:
                return failure(400, "At most 0 image(s) may be provided in one prompt.")
            said = zip(earlier, texts, strict=True)
            context = "".join(f"<{m['role']}>{text}" for m, text in said) + "<assistant>"
        else:
            context, _, begun = sent["prompt"].rpartition("Assistant:")
        prompt = [*["own"] * able.own, *split(context + begun)]
        most = sent.get(able.length, 16)
        if len(prompt) + most > able.context:
            return failure(
                400,
                f"This model's maximum context length is {able.context} tokens. However, you "
                f"requested {len(prompt) + most} tokens.",
            )
        with self._lock:
            self.requests.append(sent)
        return answer(self._reply(sent, context, begun, prompt, chat=chat))

    def _split(self, sent: dict[str, Any]) -> list[str]:
        """The tokens of a text, or of a transcript."""
        if "messages" not in sent:
            context, _, begun = sent["prompt"].rpartition("Assistant:")
            return split(context + begun)
        begun = self._begun(sent)
        earlier = sent["messages"][:-1] if begun else sent["messages"]
        context = "".join(f"<{m['role']}>{m['content']}" for m in earlier)
        due = begun or sent.get("add_generation_prompt", True)
        return split(context + ("<assistant>" if due else "") + begun)

    def _begun(self, sent: dict[str, Any]) -> str:
        """What stands in the assistant's open turn, if this server leaves one open."""
        last = sent["messages"][-1]
        asked = self.able.prefill == "last" or (
            self.able.prefill == "continue" and sent.get("continue_final_message")
        )
        return last["content"] if asked and last["role"] == "assistant" else ""

    def _reply(
        self, sent: dict[str, Any], context: str, begun: str, prompt: list[str], *, chat: bool
    ) -> dict[str, Any]:
        able = self.able
        choices, generated = [], 0
        for index in range(sent.get("n", 1) if able.n else 1):
            seed = sent.get("seed", 0) + index if able.seeds else next(self._count)
            temperature = sent.get("temperature", 1.0)
            said, finish = speak(context, begun, sent[able.length], temperature, seed)
            generated += len(said) + (finish == "stop")
            if not able.knows and begun.endswith(tuple(_CUT)):
                said = ["arium"]
            text = (begun if able.echoes else "") + "".join(said)
            if chat and able.repeats and sent.get("echo"):
                text = sent["messages"][-1]["content"] + text
            choice: dict[str, Any] = {"index": index, "finish_reason": finish}
            choice |= {"message": {"role": "assistant", "content": text}} if chat else {}
            echo = not chat and able.echo and sent.get("echo")
            choice |= {} if chat else {"text": sent["prompt"] + text if echo else text}
            if sent.get("logprobs") and able.top:
                most = min(sent.get("top_logprobs", 0) if chat else sent["logprobs"], able.top)
                told = _told(context, begun, said, most)
                choice["logprobs"] = told if chat else _classic(told, context, begun, bool(echo))
            choices.append(choice)
        data: dict[str, Any] = {"model": self.name, "choices": choices}
        if able.usage:
            data["usage"] = {"prompt_tokens": len(prompt), "completion_tokens": generated}
            self.used.append(data["usage"])
        if able.prompt_logprobs and sent.get("prompt_logprobs") is not None:
            data["prompt_logprobs"] = _given(context, begun)
        if able.states and "vllm_xargs" in sent:
            wanted = json.loads(sent["vllm_xargs"]["output_residual_stream"])
            passed = [*prompt, *said][: len(prompt) + generated - 1]
            data["activations"] = _packed(passed, [n for n in wanted if n < LAYERS], able.states)
        return data


def state(layer: int, place: int, token: str) -> list[float]:
    """The hidden state of a token, in numbers that bfloat16 holds."""
    return [layer, place, number(token) % 128]


def number(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=3).digest())


def _packed(passed: list[str], layers: list[int], dtype: str) -> dict[str, Any]:
    stream = [[state(n, place, each) for place, each in enumerate(passed)] for n in layers]
    if not layers:
        return {}
    numbers = np.array(stream, np.float32)
    packed = numbers if dtype == "float32" else (numbers.view(np.int32) >> 16).astype(np.int16)
    data = base64.b64encode(zstandard.compress(packed.tobytes())).decode()
    about = {"dtype": str(packed.dtype), "original_dtype": f"torch.{dtype}"}
    told = {"data": data, "shape": list(numbers.shape), "compression": "zstd", **about}
    return {"residual_stream": told}


def _text(content: Any, images: str) -> str | None:
    """A message's content as this model sees it: of an image, a digest of its bytes in words."""
    if isinstance(content, str):
        return content
    seen = ""
    for part in content:
        if part["type"] == "text":
            seen += part["text"]
        elif images == "no":
            return None
        elif images == "yes":
            seen += f"<image {hashlib.blake2b(part['image_url']['url'].encode()).hexdigest()}>"
    return seen


def _told(context: str, turn: str, said: list[str], most: int) -> dict[str, Any]:
    content = []
    for token in said:
        p = following(context, turn)
        best = sorted(p, key=lambda t: -p[t])[:most]
        top = [{"token": t, "logprob": math.log(p[t])} for t in best]
        content.append({"token": token, "logprob": math.log(p[token]), "top_logprobs": top})
        turn += token
    return {"content": content}


def _classic(told: dict[str, Any], context: str, turn: str, echo: bool) -> dict[str, Any]:
    content = told["content"]
    before, title = split(context), split("Assistant:")
    prompt = [*before, *title, *split(turn)] if echo else []
    given = _given(context, turn) if echo else []
    logps = [next(iter(p.values()))["logprob"] if p else None for p in given]
    logps[len(before) : len(before)] = [-1.0] * (len(title) if echo else 0)
    tops = [{t["token"]: t["logprob"] for t in each["top_logprobs"]} for each in content]
    return {
        "tokens": [*prompt, *(each["token"] for each in content)],
        "token_logprobs": [*logps, *(each["logprob"] for each in content)],
        "top_logprobs": [*([None] * len(prompt)), *tops],
    }


def _given(context: str, turn: str) -> list[dict[str, Any] | None]:
    """As vLLM reports given tokens: in each place the one that stands there, then the likeliest."""
    places: list[dict[str, Any] | None] = [None]
    places += [_place(token, -1.0, "?", -0.5) for token in split(context)[1:]]
    begun = ""
    for token in split(turn):
        p = following(context, begun)
        best = max(p, key=p.__getitem__)
        places.append(_place(token, math.log(p.get(token, 1e-9)), best, math.log(p[best])))
        begun += token
    return places


def _place(token: str, logp: float, best: str, best_logp: float) -> dict[str, Any]:
    place = {str(number(token)): {"logprob": logp, "decoded_token": token}}
    return place | ({} if best == token else {str(number(best)): {"logprob": best_logp}})
