"""``selfcorrect probe``, and how a server is addressed: versions in its URL, headers of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands import refused
from selfcorrect import models, runs
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.capabilities import QUESTIONS, Capabilities, Row
from servers.loopback import Request as Asked
from servers.loopback import Response, answer, failure
from servers.stub import BARE, CLOUD, LLAMA_CPP, TEXT, VLLM, Able, Stub

SECRET = "Zx81kd02jfQpLm7749"


def _probed(stub: Stub, *more: str) -> str:
    command = ["probe", "--model", "openai:stub", "--base-url", stub.url, *more]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


EXPECTED = {
    "vllm": (VLLM, {"likelihoods of given text": "yes (prompt_logprobs)", "seeds": "yes"}),
    "llama.cpp": (LLAMA_CPP, {"likelihoods of given text": "no", "a reply's beginning": "yes"}),
    "cloud": (CLOUD, {"a tokenizer": "no", "a reply's beginning": "no", "images": "no"}),
    "text": (TEXT, {"messages": "no", "likelihoods of given text": "yes (echo)"}),
    "bare": (BARE, {"likeliest first tokens": "no", "seeds": "no", "numbers of tokens": "no"}),
    "seeing": (Able(images="yes", states="float32"), {"images": "yes", "hidden states": "yes"}),
}


@pytest.mark.parametrize("stub", [able for able, _ in EXPECTED.values()], indirect=True)
def test_the_table_says_what_the_server_can(stub: Stub) -> None:
    expected = next(rows for able, rows in EXPECTED.values() if able is stub.able)
    found = json.loads(_probed(stub, "--json"))
    rows = {row["what"]: row for row in found["rows"]}
    assert {what: rows[what]["can"] for what in expected} == expected
    assert all(row["can"] and row["then"] for row in rows.values())
    assert found["can"]["chat"] == stub.able.chat
    table = " ".join(_probed(stub).split())
    for what, row in rows.items():
        assert f"{what} {row['can'].split()[0]}" in table
    assert f"openai:stub at {stub.url}" in table


def test_it_takes_no_longer_than_it_says(stub: Stub) -> None:
    """What hangs isn't known; what doesn't is."""
    hung = threading.Event()

    def respond(request: Asked) -> Response:
        if "logprobs" in request.json:
            hung.wait(10)
        return stub._respond(request)

    stub.loopback.respond = respond
    began = time.monotonic()
    said = " ".join(_probed(stub, "--patience", "1.5").split())
    assert time.monotonic() - began < 8
    hung.set()
    assert "not known: the server didn't tell within 1.5 seconds" in said
    assert "give --patience 15" in said
    assert "likeliest first tokens not known" in said
    assert "messages yes" in said


def test_a_slow_server_is_no_run_that_stopped(stub: Stub) -> None:
    hung = threading.Event()

    def respond(request: Asked) -> Response:
        hung.wait(10)
        return stub._respond(request)

    stub.loopback.respond = respond
    where = ["--base-url", stub.url, "--patience", "0.5"]
    said = refused("probe", "--model", "openai:stub", *where)
    hung.set()
    assert "gave no answer for" in said
    assert said.rstrip().endswith("give it more, such as --patience 5.")
    assert "the run" not in said


def test_what_can_not_be_probed_is_one_sentence(stub: Stub) -> None:
    assert "no model behind a server" in refused("probe", "--model", "smollm2")
    where = ["--base-url", "http://127.0.0.1:9/v1"]
    assert "there is no server at 127.0.0.1:9" in refused("probe", "--model", "openai:x", *where)
    named = ["--model", "openai:stubb", "--base-url", stub.url]
    assert "did you mean 'stub'" in refused("probe", *named)
    stub.loopback.respond = lambda _: failure(402, "no credit")
    sentence = refused("probe", "--model", "openai:stub", "--base-url", stub.url)
    assert "402: no credit" in sentence


def test_a_preview_has_a_line_of_it(stub: Stub) -> None:
    command = ["preview", "--model", "openai:stub", "--base-url", stub.url, "--rounds", "1"]
    done = CliRunner().invoke(app, [*command, "--limit", "1"], catch_exceptions=False)
    [line] = [each for each in done.stdout.splitlines() if each.startswith("openai:stub at http")]
    assert "It reports the likelihood of given text" in line


# --- Azure ---------------------------------------------------------------------------------------


@pytest.fixture
def azure() -> Iterator[tuple[Stub, list[Asked]]]:
    """A stub that wants a version in its URL and a key in a header, and no other."""
    stub, seen = Stub(CLOUD), []

    def respond(request: Asked) -> Response:
        seen.append(request)
        path, _, query = request.path.partition("?")
        if query != "api-version=2024-10-21":
            return failure(404, "Resource not found")
        if request.headers.get("api-key") != SECRET or "authorization" in request.headers:
            return failure(401, f"Access denied: {request.headers.get('api-key')}")
        plain = path.replace("/openai/deployments/stub/", "/v1/")
        return stub._respond(Asked(request.method, plain, request.headers, request.raw))

    stub.loopback.respond = respond
    yield stub, seen
    stub.stop()


def _values(stub: Stub, **more: Any) -> dict[str, Any]:
    where = f"http://127.0.0.1:{stub.loopback.port}/openai/deployments/stub"
    return {"model": "openai:stub", "model.base_url": f"{where}?api-version=2024-10-21",
            "model.headers": {"api-key": "STUBS_KEY"}, "task": "sample", "rounds": 2, "limit": 4,
            **more}  # fmt: skip


def test_a_version_and_a_header_are_sent_and_the_value_is_written_nowhere(
    azure: tuple[Stub, list[Asked]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stub, seen = azure
    monkeypatch.setenv("STUBS_KEY", SECRET)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    run = runs.run(runs.read_spec(values=_values(stub)), out=tmp_path, controls=False)
    assert run.complete
    run.report()
    assert all(each.path.endswith("?api-version=2024-10-21") for each in seen)
    written = (run.folder / "run.toml").read_text()
    assert 'api-key = "STUBS_KEY"' in written
    assert "api-version=2024-10-21" in written
    monkeypatch.setenv("STUBS_KEY", SECRET[:-1] + "x")
    with pytest.raises(UserError, match="401") as told:
        runs.run(runs.read_spec(values=_values(stub, seed=1)), out=tmp_path, controls=False)
    out = capfd.readouterr()
    texts = [out.out, out.err, caplog.text, str(told.value), repr(run.spec)]
    texts += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    for at in range(len(SECRET) - 8):
        assert not any(SECRET[at : at + 8] in text for text in texts)


def test_a_header_comes_from_the_environment_or_not_at_all(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUBS_KEY", raising=False)
    headers = {"api-key": "STUBS_KEY"}
    with pytest.raises(UserError, match=r"model.headers.api-key names isn't set"):
        models.load("openai:stub", base_url=stub.url, headers=headers)
    monkeypatch.setenv("STUBS_KEY", "two\nlines")
    with pytest.raises(UserError, match=r"holds what no header can") as told:
        models.load("openai:stub", base_url=stub.url, headers=headers)
    assert "two" not in str(told.value)
    for wrong in (SECRET + "-x", f"sk-{SECRET}", 3):
        values = {"model": "openai:x", "model.headers": {"api-key": wrong}}
        with pytest.raises(UserError, match="name of an environment variable") as told:
            runs.read_spec(values=values)
        assert SECRET not in str(told.value)
    with pytest.raises(UserError, match="can be no header"):
        runs.read_spec(values={"model": "openai:x", "model.headers": {"a b": "X"}})


def test_headers_go_to_their_own_address_only() -> None:
    own = {"name": "openai:x", "base_url": "http://a/v1", "headers": {"api-key": "KEY"}}
    others = {"feedback": "openai:y", "judge": {"name": "openai:z", "base_url": "http://b/v1"}}
    spec = runs.read_spec(values={"model": own, "models": others})
    assert spec.models["feedback"].served["headers"] == {"api-key": "KEY"}
    assert spec.models["feedback"].base_url == "http://a/v1"
    assert spec.models["judge"].served["headers"] == {}


def test_an_answer_that_is_no_openai_server_is_refused_soon(stub: Stub) -> None:
    stub.loopback.respond = lambda _: answer({"status": "ok"})
    began = time.monotonic()
    with pytest.raises(UserError, match=r"an answer without choices|choices is null"):
        models.load("openai:stub", base_url=stub.url)
    assert time.monotonic() - began < 10


def test_beside_what_is_not_known_stands_a_question() -> None:
    able = Capabilities(chat=True, seeds=True, varies=True, doubts=tuple(QUESTIONS), doubt="busy")
    rows = {row.what: row for row in able.rows()}
    for what, question in QUESTIONS.items():
        assert rows[what] == Row(what, "not known", f"{question} a run asks again")
        assert question.endswith("?")
    sure = {row.what: row.then for row in replace(able, doubts=()).rows()}
    assert not any("?" in then for then in sure.values() if "(a cache?)" not in then)
