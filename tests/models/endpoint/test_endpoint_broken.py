"""Malformed answers: whatever a server sends is read, or is a broken answer; nothing else."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from commands import refused
from selfcorrect import models, runs
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.models import Request, message
from selfcorrect.models.endpoint import Capabilities, served, server
from selfcorrect.models.endpoint.answers import (
    Completion,
    completion,
    context,
    listed,
    tokenised,
)
from selfcorrect.models.endpoint.checked import BrokenError, fields, parse_any
from selfcorrect.models.endpoint.failures import Kind, of_status, too_long
from selfcorrect.models.endpoint.options import first_token, read_likeliest, spread
from selfcorrect.models.endpoint.refusal import refusal
from selfcorrect.models.endpoint.wire import Ask, body, route
from servers.loopback import Request as Asked
from servers.loopback import Response, answer
from servers.stub import LLAMA_CPP, TEXT, VLLM, Able, Stub

# --- whole answers of every kind, as the stub gives them -----------------------------------------

CHAT = Capabilities(chat=True, logprobs=True, top=5, prompt="prompt_logprobs", prefill="continue")
PLAIN = Capabilities(chat=False, logprobs=True, top=5, prompt="echo", prefill="text")
ASK = Ask((message("user", "One?"),), "", "It is (", 4, likely=True)
ASKED = {
    "chat": (VLLM, CHAT, ASK),
    "given": (VLLM, CHAT, replace(ASK, given=True)),
    "several": (VLLM, CHAT, replace(ASK, n=3, temperature=1.0)),
    "echoed": (LLAMA_CPP, replace(CHAT, prefill="last", echoes=True, prompt=""), ASK),
    "in words": (VLLM, replace(CHAT, prefill="", prompt=""), ASK),
    "text": (TEXT, PLAIN, ASK),
    "given text": (TEXT, PLAIN, replace(ASK, given=True)),
    "states": (Able(states="bfloat16"), CHAT, replace(ASK, layers=(0, 2))),
}


def _whole(able: Able, can: Capabilities, ask: Ask) -> tuple[dict[str, Any], dict[str, Any]]:
    stub = Stub(able)
    sent, _ = body("stub", can, ask)
    raw = json.dumps(sent).encode()
    response = stub.loopback.respond(Asked("POST", f"/v1{route(can)}", {}, raw))
    stub.stop()
    return sent, json.loads(response.raw)


WHOLE = {kind: _whole(*asked) for kind, asked in ASKED.items()}

#: What stands in the place of something: of every kind, too large, too deep, of half characters.
DEEP: Any = list(itertools.accumulate(range(200), lambda inner, _: [inner], initial=[]))[-1]
JUNK = (
    None, True, False, 0, -1, 7, 10**400, -(10**400), 2.5, math.nan, math.inf, -math.inf, 1e308,
    "", "a", "x" * 3000, "\ud83d", "²", "-0.5", [], [None], [[]], {}, {"a": None}, {"": []}, DEEP,
    [{}], ["a"], [0.0], {"token": "a"}, {"logprob": "b"},
)  # fmt: skip


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _mutated(whole: dict[str, Any], draw: random.Random) -> Any:
    """A copy with one to three places changed; deep nesting isn't walked into."""
    data = copy.deepcopy(whole)
    for _ in range(draw.randint(1, 3)):
        places = list(_places(data))
        if not places:
            break
        holder, key = draw.choice(places)
        kind = draw.randrange(6)
        value = holder[key] if kind else None
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [value]
        elif kind == 2:
            holder[key] = {"value": value, str(key): value}
        elif kind == 3 and isinstance(value, list):
            holder[key] = draw.choice([value[1:], value * 2, value[::-1], [*value, None]])
        elif kind == 4 and isinstance(value, dict) and value:
            holder[key] = list(value.values())
        else:
            holder[key] = copy.deepcopy(draw.choice([j for j in JUNK if j is not DEEP]))
            if draw.random() < 0.05:
                holder[key] = DEEP
                break
    return data


def _sound(found: Completion, asked: Ask) -> None:
    """What every answer that was read is, whatever was in it, and what is read from it later."""
    assert found.said
    tokens = [token for said in found.said for token in said.tokens] + list(found.given)
    for token in tokens:
        for text, logp in ((token.text, token.logp), *token.top):
            text.encode()
            assert logp is None or logp <= 0
        assert token.id is None or 0 <= token.id <= 10**9
        assert sum(math.exp(logp) for _, logp in token.top) < 1.1
    for said in found.said:
        said.text.encode()
        assert said.finish in ("stop", "length")
    used = found.usage
    assert 0 <= used.cached <= used.prompt < 2**31
    assert 0 <= used.completion < 2**31
    if found.stream is not None:
        assert found.stream.dtype == np.float32
        assert np.isfinite(found.stream).all()
        assert found.stream.shape[0] <= len(asked.layers)
    if first := first_token(found.said[0]):
        read = read_likeliest(first, ["a", "b"])
        assert read is None or all(each.logp <= 0 for each in read.found)
    for score in spread([found.given, found.given], ["(", "("]):
        assert score.logp <= 0
        assert score.logp_shared <= 0


@pytest.mark.parametrize("kind", ASKED)
def test_a_mutated_answer_is_read_or_broken(kind: str) -> None:
    """250 of each kind, 2,000 in all."""
    _, can, ask = ASKED[kind]
    sent, whole = WHOLE[kind]
    _sound(completion(whole, can, ask, sent), ask)
    draw = random.Random(f"mutations of {kind}")
    broken: list[str] = []
    for _ in range(250):
        raw = json.dumps(_mutated(whole, draw)).encode()
        try:
            _sound(completion(parse_any(raw), can, ask, sent), ask)
        except BrokenError as error:
            broken.append(str(error))
    assert 25 < len(broken) < 250
    assert all(len(why) < 200 and why.isprintable() for why in broken)


@pytest.mark.usefixtures("no_garbage")
def test_what_is_no_object_of_json_is_broken() -> None:
    sent, whole = WHOLE["given"]
    raw = json.dumps(whole).encode()
    draw = random.Random(1)
    junk = [b"", b"[]", b"null", b"3", b'"a"', b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}"]
    junk += [b"9" * 5000, b'{"a": ' + b"9" * 5000 + b"}", b"NaN", b"<html>", b"data: {}\n\n"]
    junk += [raw[: draw.randrange(len(raw))] for _ in range(100)]
    for _ in range(200):  # some bytes changed
        changed = bytearray(raw)
        for _ in range(draw.randint(1, 5)):
            changed[draw.randrange(len(raw))] = draw.randrange(256)
        junk.append(bytes(changed))
    _, can, ask = ASKED["given"]
    read = 0
    for each in junk:
        try:
            _sound(completion(fields(parse_any(each), "the answer"), can, ask, sent), ask)
            read += 1
        except BrokenError:
            pass
    assert read < 150
    assert parse_any(b"\xef\xbb\xbf" + raw) == whole


LISTED = {
    "data": [
        {"id": "stub", "root": "/m", "owned_by": "me", "max_model_len": 4096, "parent": None},
        {"id": "other", "meta": {"n_ctx": 4096, "n_params": 10**9, "size": 10**9, "n_vocab": 9}},
    ]
}
TOKENISED = ({"tokens": [1, 2, 3], "count": 3}, {"tokens": [{"id": 1, "piece": "a"}]})
REFUSED = (
    {"message": "context length is 4096", "code": 400, "type": "x", "n_ctx": 64},
    {"detail": [{"loc": ["body"], "msg": "no", "type": "t"}], "n_prompt_tokens": 9, "n_ctx": 64},
)


def test_mutated_lists_counts_and_refusals_are_read_or_broken() -> None:
    draw = random.Random(2)
    for _ in range(300):
        facts = listed(_mutated(LISTED, draw))
        json.dumps(facts).encode()
        assert all(window is None or 0 < window <= 10**9 for window in map(context, facts.values()))
        try:
            told = tokenised(_mutated(draw.choice(TOKENISED), draw))
            assert told.count is None or 0 <= told.count <= 10**9
            assert told.ids is None or all(type(each) is int for each in told.ids)
        except BrokenError:
            pass
        said = refusal(draw.choice([_mutated(draw.choice(REFUSED), draw), draw.choice(JUNK)]))
        said.why.encode()
        assert all(n is None or 0 < n <= 10**9 for n in (said.tokens, said.limit))
        assert of_status(draw.choice((200, 400, 429, 503)), said).kind in Kind
        limit = too_long(said).limit
        assert limit is None or 0 < limit <= 10**9


# --- through a server ----------------------------------------------------------------------------

MALFORMED = (
    b"", b"[]", b"null", b"{}", b"[" * 5000, b'{"choices": []}', b'{"choices": null}',
    b'{"choices": {}}', b'{"choices": [null]}', b'{"choices": [[]]}', b'{"choices": ["a"]}',
    b'{"choices": [{}]}', b'{"choices": [{"message": null}]}', b'{"choices": [{"message": []}]}',
    b'{"choices": [{"message": {"content": 5}}]}',
    b'{"choices": [{"message": {"content": ["a"]}}]}',
    b'{"choices": [{"message": {"content": "a"}, "logprobs": []}]}',
    b'{"choices": [{"message": {"content": "a"}, "logprobs": {"content": {}}}]}',
    b'{"choices": [{"message": {"content": "a"}, "logprobs": {"content": [null]}}]}',
    b'{"choices": [{"message": {"content": "a"}, "index": "b"}]}',
    b'{"choices": [{"message": {"content": "a"}, "finish_reason": []}]}',
    b'{"choices": [{"message": {"content": "a"}}], "usage": []}',
    b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens_details": 3}}',
    b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": {}}}',
    b'{"error": {"message": "out of luck"}}',
)  # fmt: skip


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(server, "_LONGEST_PAUSE", 0.05)


def _break(stub: Stub, breaks: Callable[[Asked], bytes | None]) -> None:
    """Have a stub send something else in the place of some answers to completions."""

    def respond(request: Asked) -> Response:
        instead = breaks(request) if request.path.endswith("completions") else None
        return stub._respond(request) if instead is None else Response(200, instead)

    stub.loopback.respond = respond


def _spec(url: str, **more: Any) -> runs.RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 2}
    return runs.read_spec(values={**values, "limit": 24, "chunk": 8, **more})


def _records(folder: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.rglob("*.parquet"))])


@pytest.mark.usefixtures("soon")
def test_malformed_answers_now_and_then_change_nothing(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second answer is one: some are asked for more often than a server usually is."""
    monkeypatch.setattr(served, "_BAD", 100)
    monkeypatch.setitem(server._UNUSABLE, "chat", 100)
    runs.run(_spec(stub.url), out=tmp_path / "a", controls=False)
    broken = itertools.cycle(x for each in MALFORMED for x in (each, None))
    plan = itertools.chain(itertools.repeat(None, 5), broken)
    _break(stub, lambda _: next(plan))
    run = runs.run(_spec(stub.url), out=tmp_path / "b", controls=False)
    assert run.complete
    assert _records(tmp_path / "a").equals(_records(tmp_path / "b"))


@pytest.mark.usefixtures("soon")
def test_one_dialogue_is_set_aside_and_the_others_go_on(stub: Stub, tmp_path: Path) -> None:
    """Named and counted; the same command tries it again, and the run is then as any other."""
    runs.run(_spec(stub.url, limit=12), out=tmp_path / "a", controls=False)
    first = next(r for r in stub.requests if "Answer" in str(r) or len(str(r["messages"])) > 300)
    question = first["messages"][0]["content"]
    asked = []

    def breaks(request: Asked) -> bytes | None:
        one = request.json["messages"][0]["content"] == question
        asked.append(one)
        return b'{"choices": [{}]}' if one else None

    _break(stub, breaks)
    command = ["run", "--model", "openai:stub", "--base-url", stub.url, "--task", "sample"]
    command += ["--rounds", "2", "--limit", "12", "--no-controls", "--chunk", "8"]
    command += ["--out", str(tmp_path / "b"), "--in-flight", "4"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "Incomplete: 11 of 12 dialogues; the same command goes on." in said
    assert "1 dialogue was set aside (" in said
    assert "gave 6 answers to one request that can't be used" in said
    assert sum(asked) == 6
    assert _records(tmp_path / "b")["example"].n_unique() == 11
    _break(stub, lambda _: None)
    before = len(stub.requests)
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "set aside" not in done.output
    assert sum("Say" not in str(r) for r in stub.requests[before:]) < 12  # no other is asked again
    ours, whole = _records(tmp_path / "b"), _records(tmp_path / "a")
    assert ours.sort("example", "round").equals(whole.sort("example", "round"))


#: What a reply has beside its text: without it the server is used all the same.
_BESIDE = (b"logprobs", b"usage")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "malformed", [each for each in MALFORMED if not any(name in each for name in _BESIDE)]
)
def test_a_server_of_nothing_else_is_one_sentence(
    stub: Stub, tmp_path: Path, malformed: bytes
) -> None:
    stub.loopback.respond = lambda _: Response(200, malformed)
    command = ["run", "--model", "openai:stub", "--base-url", stub.url, "--task", "sample"]
    command += ["--out", str(tmp_path)]
    assert "broken answers" in refused(*command)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=rot13"},
        {"content_type": "text/html; charset=utf-16"},
        {"content_encoding": "gzip"},
        {"retry_after": "Fri, 31 Dec 999999999999 23:59:59 GMT"},
        {"retry_after": "nan"},
        {"content_length": "many"},
    ],
)
@pytest.mark.parametrize("status", [200, 429, 500])
@pytest.mark.usefixtures("soon")
def test_malformed_headers_are_broken_answers(
    stub: Stub, headers: dict[str, str], status: int
) -> None:
    model: Any = models.load("openai:stub", base_url=stub.url, wait=20)
    said = iter([answer({"choices": 3}, status, **headers)] * 2)
    stub.loopback.respond = lambda request: next(said, None) or stub._respond(request)
    talk = model.open(1)
    talk.say([message("user", "One?")])
    [reply] = talk.elicit([Request("(", 2)])
    assert reply.finish in ("stop", "length")
    model.close()


def test_a_server_that_drops_what_it_does_not_know_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A probe whose connection is dropped again and again says that the server can't do that."""
    monkeypatch.setattr(server, "_FIRST_PAUSE", 0.01)
    stub, asked = Stub(), Counter[str]()
    route = stub._route

    def dropping(request: Asked) -> Response:
        asked[request.path] += 1
        return Response(sent=0) if request.path == "/tokenize" else route(request)

    monkeypatch.setattr(stub, "_route", dropping)
    try:
        model = models.load("openai:stub", base_url=stub.url, wait=300)
        assert model.open(1) is not None
        assert asked["/tokenize"] == 3
        model.close()
    finally:
        stub.stop()


def test_half_a_character_to_be_sent_is_told_at_once(stub: Stub) -> None:
    model: Any = models.load("openai:stub", base_url=stub.url, wait=20)
    talk = model.open(1)
    talk.say([message("user", "One \ud83d?")])
    with pytest.raises(UserError, match="half a character"):
        talk.elicit([Request("(", 2)])
    model.close()


def test_half_characters_are_replaced_and_can_be_written(stub: Stub, tmp_path: Path) -> None:
    def respond(request: Asked) -> Response:
        response = stub._respond(request)
        if not request.path.endswith("completions") or "Say " in str(request.json):
            return response
        data = json.loads(response.raw)
        data["choices"][0]["message"]["content"] += "\ud83d"
        return Response(200, json.dumps(data).encode())

    stub.loopback.respond = respond
    run = runs.run(_spec(stub.url, limit=2, rounds=2), out=tmp_path, controls=False)
    assert all(text.endswith("\ufffd") for text in run.records["text"])
