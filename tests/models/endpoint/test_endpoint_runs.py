"""Runs on a model behind a server: whatever becomes of its requests, no dialogue is lost."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from selfcorrect import runs
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.server import _UNUSABLE as UNUSABLE
from selfcorrect.runs import RunSpec, read_spec
from selfcorrect.runs.store import Store
from servers.proxy import FAULTS, Proxy, every
from servers.stub import BARE, CLOUD, LLAMA_CPP, TEXT, VLLM, Able, Stub

KEY = "sk-proj-Nothing0Like1A2Real3Key4"


SIZE = 24


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The records of a run whose requests were all answered at once."""
    server = Stub(VLLM)
    try:
        out = tmp_path_factory.mktemp("undisturbed")
        runs.run(spec(server.url), out=out)
    finally:
        server.stop()
    return records(out)


def spec(url: str, **more: Any) -> RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 3}
    return read_spec(values={**values, "limit": SIZE, "chunk": 8, **more})


def records(folder: Path) -> pl.DataFrame:
    """All records below a folder, in order, with the name of their arm."""
    frames = [
        pl.read_parquet(path).with_columns(arm=pl.lit(path.parents[1].name.rpartition("-")[0]))
        for path in sorted(folder.rglob("*.parquet"))
    ]
    return pl.concat(frames)


def nothing_is_left(folder: Path) -> bool:
    return not list(folder.rglob("journal/*")) and not list(folder.rglob("*.unfinished"))


ABLE = {"vllm": VLLM, "llama.cpp": LLAMA_CPP, "cloud": CLOUD, "text": TEXT}


@pytest.mark.parametrize("stub", ABLE.values(), ids=ABLE.keys(), indirect=True)
def test_every_kind_of_server_gives_a_whole_run(stub: Stub, tmp_path: Path) -> None:
    told: list[runs.Progress] = []
    run = runs.run(spec(stub.url), out=tmp_path, progress=told.append)
    assert run.complete
    assert run.records["option_p"].list.len().to_list() == [3] * SIZE * 3
    assert run.records["option_mass"].is_between(0.5, 1).all()
    assert nothing_is_left(tmp_path)
    assert told[-1].dialogues == SIZE
    assert told[-1].steps == told[-1].all_steps
    assert told[-1].spent.endswith(" tokens")
    served = run.header.about["opened"]["model"]
    assert served["served"] == "stub"
    assert run.header.transcript.startswith("User: ")


@pytest.mark.parametrize("stub", [BARE], indirect=True)
def test_what_a_server_lacks_is_said_in_every_record(stub: Stub, tmp_path: Path) -> None:
    run = runs.run(spec(stub.url, limit=6, rounds=2), out=tmp_path, controls=False)
    for notes in run.records["notes"]:
        said = " ".join(note["text"] for note in notes)
        assert "it was asked for in words" in said
        assert "options were estimated from 20 drawn replies" in said
        assert "the server reports no usage" in said
    spent = run.read(["prompt_tokens", "generated", "encoded", "sampled"])
    assert (spent["encoded"] == spent["prompt_tokens"] + spent["generated"]).all()
    assert (spent["sampled"] >= 20 * spent["prompt_tokens"]).all()
    assert "estimated by sampling" in " ".join(run.header.about["opened"]["model"]["can"])


@pytest.mark.parametrize(
    ("able", "begun"),
    [
        (VLLM, True),
        (LLAMA_CPP, True),
        (CLOUD, False),
        (TEXT, True),
        # a model too weak to end the word: told from a new turn where the beginning is repeated
        (replace(VLLM, knows=False, repeats=True), True),
        (replace(VLLM, knows=False), False),
        (replace(VLLM, prefill="", repeats=True), False),
    ],
)
def test_whether_a_reply_can_be_begun_is_found_out(able: Able, begun: bool, tmp_path: Path) -> None:
    server = Stub(able)
    try:
        run = runs.run(spec(server.url, limit=2, rounds=1), out=tmp_path, controls=False)
    finally:
        server.stop()
    in_words = any(
        "asked for in words" in note["text"] for notes in run.records["notes"] for note in notes
    )
    assert in_words != begun


def test_the_order_of_answers_changes_nothing(
    stub: Stub, undisturbed: pl.DataFrame, tmp_path: Path
) -> None:
    proxy = Proxy(stub.url, itertools.cycle(["", "slow", "slow", "", "", "slow", ""]))
    try:
        runs.run(spec(proxy.url, **{"model.in_flight": 7}), out=tmp_path)
    finally:
        proxy.stop()
    assert records(tmp_path).equals(undisturbed)


@pytest.mark.parametrize(
    ("faults", "limit"), [(180, 36), pytest.param(1000, 200, marks=pytest.mark.slow)]
)
def test_many_faults_lose_nothing_and_double_nothing(
    stub: Stub, tmp_path: Path, faults: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly every second request has one, so some have more than a server would be forgiven."""
    monkeypatch.setitem(UNUSABLE, "chat", 100)
    more = {"task": "planted", "limit": limit, "chunk": limit // 3, "rounds": 4}
    runs.run(spec(stub.url, **more), out=tmp_path / "a")
    asked = len(stub.requests)
    proxy = Proxy(stub.url, every(FAULTS, faults, after=20, share=0.45))
    try:
        run = runs.run(spec(proxy.url, **more), out=tmp_path / "b")
    finally:
        proxy.stop()
    assert sum(proxy.broken.values()) == faults
    assert run.complete
    assert records(tmp_path / "a").equals(records(tmp_path / "b"))
    assert run.records.select("example", "round").unique().height == run.records.height == limit * 4
    assert nothing_is_left(tmp_path / "b")
    # answers that were lost on the way were asked for again, and nothing else was
    lost = sum(proxy.broken[fault] for fault in ("truncate", "half", "lost"))
    assert len(stub.requests) - asked <= asked + lost


def test_a_server_that_dies_and_returns_is_waited_for(
    stub: Stub, undisturbed: pl.DataFrame, tmp_path: Path
) -> None:
    stub.delay = 0.01

    def die_and_return() -> None:
        while len(stub.requests) < 60:
            time.sleep(0.01)
        stub.stop()
        time.sleep(1)  # longer than the client library asks again by itself
        stub.start()

    thread = threading.Thread(target=die_and_return)
    thread.start()
    run = runs.run(spec(stub.url, **{"model.in_flight": 4}), out=tmp_path)
    thread.join()
    assert run.complete
    assert records(tmp_path).equals(undisturbed)


def test_one_that_stays_away_stops_the_run_which_then_goes_on(
    stub: Stub, undisturbed: pl.DataFrame, tmp_path: Path
) -> None:
    stub.delay = 0.005

    def die() -> None:
        while len(stub.requests) < 85:
            time.sleep(0.005)
        stub.stop()

    thread = threading.Thread(target=die)
    thread.start()
    settings = {"model.in_flight": 3, "model.wait": 1.0}
    with pytest.raises(UserError, match=r"gave .*no answer for .*the same command goes on"):
        runs.run(spec(stub.url, **settings), out=tmp_path / "a")
    thread.join()
    kept = len(list(tmp_path.rglob("journal/*.json")))
    assert kept
    stub.start()
    stub.delay = 0
    before = len(stub.requests)
    assert runs.run(spec(stub.url, **settings), out=tmp_path / "a").complete
    whole = SIZE * 7  # three rounds of two arms that share the first, one of the baseline; probes
    assert len(stub.requests) - before < whole + 20 - 6 * kept
    assert records(tmp_path / "a").equals(undisturbed)
    assert nothing_is_left(tmp_path / "a")


def test_a_journal_of_something_else_is_not_believed(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, bytes] = {}
    put = Store.put

    def noted(self: Store, name: str, data: bytes, *, replace: bool = False) -> bool:
        if name.startswith("journal/"):
            kept[name] = data
        return put(self, name, data, replace=replace)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", noted)
        run = runs.run(spec(stub.url), out=tmp_path / "a")
    whole = records(tmp_path / "a")
    for path in tmp_path.rglob("*.parquet"):
        path.unlink()
    names = sorted(kept)
    held = json.loads(kept[names[0]].partition(b"\n")[2])
    arm, *_ = held["rows"]
    odd = json.loads(kept[names[6]].partition(b"\n")[2])
    odd["rows"][arm][0]["steps"][0]["generated"] = "many"
    texts = (
        "{", "[]", json.dumps({"rows": {arm: []}, "encoded": 0}), '{"rows": {"x": [{}]}}',
        "[" * 100_000, '{"rows": {}, "encoded": Infinity}', json.dumps(odd),
    )  # fmt: skip
    for name, text in zip(names, texts, strict=False):  # whoever wrote them knows of the digest
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        (run.folder / name).write_text(f"{digest}\n{text}")
    (run.folder / names[7]).write_bytes(kept[names[8]])
    spoiled = kept[names[9]].replace(b'"outcome": ', b'"outcome": 5', 1)  # a byte too many
    assert spoiled != kept[names[9]]
    (run.folder / names[9]).write_bytes(spoiled)
    (run.folder / "journal" / "notes.txt").write_text("mine")
    runs.run(spec(stub.url), out=tmp_path / "a")
    assert records(tmp_path / "a").equals(whole)


def test_a_budget_stops_a_run_before_it_is_exceeded(stub: Stub, tmp_path: Path) -> None:
    said = r"could exceed the budget of 15,000 tokens .*the same command with a larger budget"
    with pytest.raises(UserError, match=said):
        runs.run(spec(stub.url, **{"model.budget_tokens": 15_000}), out=tmp_path / "a")
    spent = sum(_used(request) for request in stub.requests)
    assert spent < 15_000
    assert list((tmp_path / "a").rglob("journal/*.json"))
    told: list[runs.Progress] = []
    run = runs.run(
        spec(stub.url, **{"model.price": (10.0, 20.0), "model.budget_money": 50.0}),
        out=tmp_path / "a",
        progress=told.append,
    )
    assert run.complete
    assert told[-1].spent.endswith(" of 50")


def _used(sent: dict[str, Any]) -> int:
    return sum(len(m["content"]) for m in sent["messages"]) // 8


@pytest.mark.parametrize("stub", [Able(key=KEY)], indirect=True)
def test_a_key_is_written_nowhere(
    stub: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    proxy = Proxy(stub.url, every(FAULTS, 40, after=5, share=0.4))
    errors = []
    try:
        run = runs.run(spec(proxy.url), out=tmp_path, controls=False)
        run.report()
        monkeypatch.setenv("OPENAI_API_KEY", KEY[:-1] + "X")
        with pytest.raises(UserError, match="refuses the key in the environment") as refused:
            runs.run(spec(proxy.url, seed=1), out=tmp_path)
        errors.append(refused)
    finally:
        proxy.stop()
    out = capfd.readouterr()
    seen = [caplog.text, out.out, out.err, *(repr(e) + str(e.value) for e in errors)]
    seen += [p.read_bytes().decode("latin-1") for p in tmp_path.rglob("*") if p.is_file()]
    seen.append(json.dumps(run.summary()) + repr(run))
    records_text = run.records.write_json()
    parts = [KEY[at : at + 8] for at in range(len(KEY) - 8)]
    for text in [*seen, records_text]:
        assert not any(part in text for part in parts)


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_stopped_at_any_time_it_goes_on(
    stub: Stub, undisturbed: pl.DataFrame, tmp_path: Path, number: int
) -> None:
    given = ["run", "--model", "openai:stub", "--base-url", stub.url, "--rounds", "3"]
    given += ["--limit", str(SIZE), "--chunk", str(SIZE), "--in-flight", "8"]
    given += ["--out", str(tmp_path)]
    stub.delay = 0.02
    command = [sys.executable, "-m", "selfcorrect", *given]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while len(stub.requests) < 70:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 130, said.decode()
        assert b"run the same command again" in said
        assert b"Traceback" not in said
    assert list(tmp_path.rglob("journal/*.json"))
    stub.delay = 0
    done = CliRunner().invoke(app, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    order = ["arm", "example", "round"]
    assert records(tmp_path).sort(order).equals(undisturbed.sort(order))


def test_no_server_no_model_and_no_place_are_told(stub: Stub, tmp_path: Path) -> None:
    for settings, said in (
        ({"model": "openai:stubb"}, "no model 'stubb'.*did you mean 'stub'"),
        ({"model.base_url": "http://127.0.0.1:9/v1"}, "no server at 127.0.0.1:9"),
        ({"model.base_url": "localhost:8000"}, "give one like http://localhost:8000/v1"),
        ({"model.base_url": "http://me:pw@localhost/v1"}, "without user, password"),
    ):
        with pytest.raises(UserError, match=said) as told:
            runs.run(spec(stub.url, **settings), out=tmp_path)
        assert "pw" not in str(told.value).replace("password", "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "smollm2"}, "base_url is for a model behind a server"),
        ({"model.dtype": "float32"}, "dtype and device are the server's"),
        ({"model.budget_money": 3.0}, "budget_money needs a price"),
        ({"model.price": "1"}, "price is two numbers, such as 0.15,0.6"),
        ({"model.in_flight": 0}, "model.in_flight must be at least 1, not 0"),
        ({"model.wait": "long"}, "model.wait must be a number, not 'long'"),
    ],
)
def test_settings_that_can_not_be_are_told(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        spec("http://localhost:1/v1", **settings)


def test_workers_are_the_servers(stub: Stub, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the work is done by the model's server"):
        runs.run(spec(stub.url), out=tmp_path, executor=runs.ExecutorSettings(workers=2))
