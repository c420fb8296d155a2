"""What is waited for and what isn't, and what becomes of the dialogue, or the run."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import models, runs
from selfcorrect.errors import UserError
from selfcorrect.models import Request
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint import server
from servers.asking import break_some, opened
from servers.loopback import Request as Asked
from servers.loopback import Response, answer, failure
from servers.stub import CLOUD, VLLM, Stub


def _in_body(code: Any, **more: Any) -> Response:
    return answer({"error": {"message": "not now", "code": code, **more}})


PASSING = {
    **{f"{status}": failure(status, "not now") for status in (408, 409, 425, 429, 500, 502, 503)},
    "529": failure(529, "overloaded", type="overloaded_error"),
    "200 with 429": _in_body(429),
    "200 with '503'": _in_body("503"),
    "200 with words": _in_body("rate_limit_exceeded"),
    "200 with a type": answer({"error": {"message": "x", "type": "overloaded_error"}}),
    "a choice with an error": answer(
        {"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error",
                      "message": {"content": ""}}]}
    ),
    "finish_reason error": answer(
        {"choices": [{"message": {"content": "It is"}, "finish_reason": "error"}]}
    ),
    "an empty reply": answer({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}),
    "a reply of thoughts": answer(
        {"choices": [{"message": {"content": None, "reasoning": "Hm."}, "finish_reason": "stop"}]}
    ),
    "a reply that was filtered away": answer(
        {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    ),
    "no connection": Response(sent=0),
    "Gemini's minute": answer(
        [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
                    "message": "You exceeded your current quota. Please retry in 0.1s"}}], 429
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_waited_for(kind: str, stub: Stub, model: Any) -> None:
    [usual] = opened(model).elicit([Request("(", 8)])
    failing = itertools.chain([PASSING[kind]] * 2, itertools.repeat(None))
    break_some(stub, lambda _: next(failing))
    assert opened(model).elicit([Request("(", 8)]) == [usual]
    assert next(failing, 0) is None


STOPPING = {
    "401": (failure(401, "who are you?"), "wants a key in .*401: who are you"),
    "402": (failure(402, "pay first"), "no quota left .402: pay first"),
    "404": (failure(404, "no such model"), "no such model or address any more .404"),
    "429 without quota": (
        failure(429, "You exceeded your current quota", type="insufficient_quota"),
        "no quota left .429: You exceeded your current quota",
    ),
    "429 for today": (
        failure(429, "Rate limit exceeded: requests-per-day"), "no quota left .429: Rate limit"
    ),
    "200 with 429 for today": (_in_body(429, type="daily quota"), "no quota left .429: not now"),
    "400 without budget": (failure(400, "Budget has been exceeded!"), "no quota left .400: Budget"),
    "200 without quota": (
        answer({"error": {"message": "Insufficient balance", "code": "x"}}), "no quota left"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STOPPING)
def test_what_can_not_pass_stops_at_once(kind: str, stub: Stub, model: Any) -> None:
    response, said = STOPPING[kind]
    asked = Counter[str]()

    def fail(request: Asked) -> Response:
        asked[request.path] += 1
        return response

    break_some(stub, fail)
    with pytest.raises(UserError, match=said) as told:
        opened(model).elicit([Request("(", 8)])
    assert not isinstance(told.value, LostError)  # no other dialogue will do better
    assert asked.total() == 1


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (failure(400, "I'm afraid not"), "400: I'm afraid not"),
        (failure(403, "flagged by moderation"), "403: flagged by moderation"),
        (answer({"detail": [{"loc": ["body", "x"], "msg": "is bad"}]}, 422), "422: is bad"),
        (answer({"error": {"message": "no", "code": 400}}), "400: no"),
        (answer("plainly no", 400), "400: plainly no"),
        (failure(500, "Jinja Exception: roles must alternate"), "500: Jinja Exception"),
    ],
)
def test_a_refusal_is_of_one_dialogue(
    response: Response, said: str, stub: Stub, model: Any
) -> None:
    break_some(stub, lambda request: response if "One?" in str(request.json) else None)
    with pytest.raises(LostError, match=said):
        opened(model).elicit([Request("(", 8)])
    assert opened(model, "Two?").elicit([Request("(", 8)])[0].text


def test_what_is_waited_for_is_said_once(
    stub: Stub, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failing = itertools.chain([failure(503, "warming up")] * 4, itertools.repeat(None))
    break_some(stub, lambda _: next(failing))
    opened(model).elicit([Request("(", 8)])
    [line] = [r.getMessage() for r in caplog.records if r.name == "selfcorrect"]
    assert f"the server at 127.0.0.1:{stub.loopback.port} gives no answer" in line
    assert "(503: warming up)" in line
    assert "for up to 20 seconds more" in line or "for up to 19 seconds more" in line


def test_one_failure_is_not_worth_a_word(
    stub: Stub, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failing = itertools.chain([failure(503, "a moment")], itertools.repeat(None))
    break_some(stub, lambda _: next(failing))
    opened(model).elicit([Request("(", 8)])
    assert not caplog.records


def test_a_server_that_never_answered_is_not_waited_for_long(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `wait` says only once it has been seen to answer."""
    monkeypatch.setattr(server, "_UNANSWERED", 0.4)
    stub.loopback.respond = lambda _: failure(503, "loading the model")
    began = time.monotonic()
    with pytest.raises(UserError, match=r"gave no answer .*503: loading the model"):
        models.load("openai:stub", base_url=stub.url, wait=900)
    assert time.monotonic() - began < 10


def test_one_that_takes_connections_and_says_nothing_neither(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_UNANSWERED", 1.0)
    monkeypatch.setattr(server, "_OPTIONAL_SECONDS", 0.2)
    stub.delay = 4
    began = time.monotonic()
    with pytest.raises(UserError, match="requests timed out"):
        models.load("openai:stub", base_url=stub.url, wait=900)
    assert time.monotonic() - began < 10


def test_a_server_that_asks_to_wait_too_long_is_left(stub: Stub) -> None:
    model: Any = models.load("openai:stub", base_url=stub.url, wait=30)
    busy = failure(429, "later")
    break_some(stub, lambda _: Response(429, busy.raw, {"retry-after": "3600"}))
    with pytest.raises(UserError, match=r"asks to wait 3600 more"):
        opened(model).elicit([Request("(", 8)])
    model.close()


def test_a_busy_moment_does_not_decide_what_a_server_can_do(stub: Stub) -> None:
    """Something optional is asked for again, shortly; an hour's limit is said to be in the way."""
    usual: Any = models.load("openai:stub", base_url=stub.url, wait=5)
    busy = failure(429, "busy")
    tries = Counter[str]()

    def once(request: Asked) -> Response | None:
        tries[request.raw.decode()] += 1
        first = tries.total() > 1 and tries[request.raw.decode()] == 1
        return Response(429, busy.raw, {"retry-after-ms": "5"}) if first else None

    break_some(stub, once)
    again: Any = models.load("openai:stub", base_url=stub.url, wait=5)
    assert again.capabilities == usual.capabilities
    assert again.fingerprint == usual.fingerprint
    count = itertools.count()
    break_some(stub, lambda _: failure(429, "a limit") if next(count) else None)
    poor: Any = models.load("openai:stub", base_url=stub.url, wait=5)
    assert not poor.capabilities.logprobs
    assert "Not found out, and done without: system messages, " in str(poor.capabilities)
    assert "(429: a limit)" in str(poor.capabilities)
    for each in (usual, again, poor):
        each.close()


# --- in runs -------------------------------------------------------------------------------------


def _spec(url: str, **more: Any) -> runs.RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 2}
    return runs.read_spec(values={**values, "limit": 24, "chunk": 8, **more})


def _questions(stub: Stub, out: Path) -> list[str]:
    runs.run(_spec(stub.url), out=out, controls=False)
    asked = [str(each["messages"][0]["content"]) for each in stub.requests if "messages" in each]
    return list(dict.fromkeys(text for text in asked if "(a)" in text))


def _refusing(stub: Stub, questions: list[str]) -> None:
    def fail(request: Asked) -> Response | None:
        said = str(request.json["messages"][0]["content"])
        return failure(403, "flagged") if said in questions else None

    break_some(stub, fail)


def test_refused_dialogues_are_set_aside_up_to_a_share(stub: Stub, tmp_path: Path) -> None:
    questions = _questions(stub, tmp_path / "usual")
    assert len(questions) == 24
    _refusing(stub, questions[3:5])
    with pytest.raises(UserError, match=r"2 of 24 dialogues failed, more than --max-failed 0.05"):
        runs.run(_spec(stub.url), out=tmp_path / "a", controls=False)
    run = runs.run(_spec(stub.url, max_failed=0.1), out=tmp_path / "a", controls=False)
    assert run.dialogues == 22
    assert not list(tmp_path.rglob("a/**/journal/*"))
    summary = run.summary()
    [note] = [each for each in summary["notes"] if "set aside" in each]
    assert note.startswith("2 dialogues were set aside (")
    assert "403: flagged" in note
    noted = json.loads((run.folder / "set-aside.json").read_text())
    assert len(noted) == 2
    assert not {each["example"] for each in noted.values()} & set(run.records["example"])
    with pytest.raises(UserError, match="more than --max-failed 0 allows"):
        runs.run(_spec(stub.url, max_failed=0.0), out=tmp_path / "a", controls=False)
    stub.loopback.respond = stub._respond
    again = runs.run(_spec(stub.url), out=tmp_path / "a", controls=False)
    assert again.complete
    assert not (run.folder / "set-aside.json").exists() or not [
        each for each in again.summary()["notes"] if "set aside" in each
    ]
    usual = runs.run(_spec(stub.url), out=tmp_path / "usual", controls=False)
    assert again.records.equals(usual.records)


def test_a_critic_that_refuses_is_as_a_model_that_does(stub: Stub, tmp_path: Path) -> None:
    """An error with 200 that may pass is waited for; one that can't sets a dialogue aside."""
    critic = Stub(VLLM)
    asked = Counter[str]()

    def fail(request: Asked) -> Response | None:
        if "Give advice on the reply" not in str(request.json):
            return None
        question = str(request.json["messages"][0]["content"])[:300]
        asked[question] += 1
        if question == next(iter(asked)):
            return answer({"error": {"message": "not this one", "code": 400}})
        return answer({"error": {"message": "busy", "code": 429}}) if asked[question] == 1 else None

    break_some(critic, fail)
    feedback = {"feedback": {"name": "openai:stub", "base_url": critic.url}}
    most = {"max_tokens": {"rationale": 8, "feedback": 8}, "strategy": "feedback-cot"}
    try:
        run = runs.run(_spec(stub.url, models=feedback, **most), out=tmp_path, controls=False)
    finally:
        critic.stop()
    assert run.dialogues == 23
    assert any("400: not this one" in note for note in run.summary()["notes"])


def test_one_that_a_local_models_critic_refuses_is_missing_alone(
    stub: Stub, tmp_path: Path
) -> None:
    """Dialogues of a chunk take their steps together there; the others go on, too."""
    seen: list[str] = []

    def fail(request: Asked) -> Response | None:
        said = str(request.json["messages"][0]["content"])
        if "Give advice on the reply" not in said:
            return None
        seen.append(said)
        return failure(403, "flagged") if said == seen[0] else None

    break_some(stub, fail)
    feedback = {"feedback": {"name": "openai:stub", "base_url": stub.url}}
    values = {"model": "planted:chain", "task": "planted", "strategy": "intrinsic-feedback",
              "models": feedback, "rounds": 2, "limit": 24, "chunk": 12,
              "max_tokens": {"feedback": 8}}  # fmt: skip
    spec = runs.read_spec(values=values)
    run = runs.run(spec, out=tmp_path / "a", controls=False)
    assert run.dialogues == 23
    assert "lost" not in run.records["problem"].to_list()
    [note] = [each for each in run.summary()["notes"] if "set aside" in each]
    assert "403: flagged" in note
    stub.loopback.respond = stub._respond
    again = runs.run(spec, out=tmp_path / "a", controls=False)
    assert again.complete
    usual = runs.run(spec, out=tmp_path / "b", controls=False)
    assert again.records.equals(usual.records)


# --- what is learned in a run --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "note"),
    [
        ("seed", "the server keeps no seeds"),
        ("temperature", "the server takes no temperature"),
        ("top_p", "the server takes no sampling settings"),
    ],
)
def test_a_parameter_refused_later_is_left_out_from_then_on(field: str, note: str) -> None:
    stub = Stub(CLOUD)
    model: Any = models.load("openai:stub", base_url=stub.url, wait=5)
    refused = Counter[bool]()

    def fail(request: Asked) -> Response | None:
        refused[field in request.json] += 1
        said = f"Unsupported parameter: '{field}' is not supported with this model."
        return failure(400, said, param=field) if field in request.json else None

    break_some(stub, fail)
    try:
        for _ in range(3):
            [reply] = opened(model).elicit([Request("(", 8, temperature=1.0, seed=3)])
            assert note in " ".join(reply.notes)
    finally:
        model.close()
        stub.stop()
    assert refused[True] == 1
