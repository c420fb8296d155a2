"""How long a served model is waited for, by a clock that goes on only where the server says so."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from selfcorrect import runs
from selfcorrect.errors import UserError
from selfcorrect.report.bill import of_run
from selfcorrect.report.table import table
from selfcorrect.runs import Run, RunSpec, read_spec, verify
from selfcorrect.runs.costs import latency_of, seconds_of
from selfcorrect.runs.waited import latency, read_waits
from servers.loopback import Request, Response
from servers.stub import Stub

#: Seconds that an answer takes, by how many the dialogue has already.
DELAYS = (0.01, 0.05, 0.1)
N = 6


class Slow(Stub):
    """It answers in a stated time, by its own clock."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def _route(self, request: Request) -> Response:
        sent = request.json if request.path.endswith("/completions") else {}
        earlier = sum(each["role"] == "assistant" for each in sent.get("messages", ()))
        given = bool(sent.get("messages")) and sent["messages"][-1]["role"] == "assistant"
        if sent.get("messages"):
            self.now += DELAYS[min(earlier - given, 2)]
        return super()._route(request)


def spec(url: str, **more: Any) -> RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 3}
    one = {"model.in_flight": 1}  # the clock is that of one request at a time
    return read_spec(values={**values, "limit": N, "chunk": 4, **one, **more})


@pytest.fixture(scope="module")
def server() -> Iterator[Slow]:
    made = Slow()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("selfcorrect.models.endpoint.server.time", made)
        yield made
    made.stop()


@pytest.fixture(scope="module")
def run(server: Slow, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return runs.run(spec(server.url), out=tmp_path_factory.mktemp("slow"))


@pytest.fixture(scope="module")
def summary(run: Run) -> dict[str, Any]:
    return run.summary()


def told(seconds: float, n: int) -> Any:
    """Where all took as long."""
    return pytest.approx({"n": n, "p50": seconds, "p95": seconds})


def test_rounds_take_as_long_as_the_server_takes(summary: dict[str, Any]) -> None:
    arms = summary["cost"]["arms"]
    for name in ("intrinsic", "repeat"):  # what they share is charged to each
        for delay, each in zip(DELAYS, arms[name]["rounds"], strict=True):
            assert each["latency"] == told(delay, N)
        assert arms[name]["latency"]["dialogue"] == told(sum(DELAYS), N)
        request = {"n": 3 * N, "p50": DELAYS[1], "p95": DELAYS[2]}
        assert arms[name]["latency"]["request"] == pytest.approx(request)
    assert arms["baseline"]["latency"]["dialogue"] == told(DELAYS[0], N)
    shares = [each["seconds"] for each in arms["intrinsic"]["rounds"]]
    assert sum(shares) == pytest.approx(arms["intrinsic"]["seconds"])


def test_the_bill_shows_them_on_terminal_and_page(run: Run, summary: dict[str, Any]) -> None:
    billed = of_run(summary, by_round=True)
    assert billed is not None
    at = [billed.columns.index(head) for head in ("p50 s", "p95 s")]
    cells = {row[0]: [row[k] for k in at] for row in billed.rows}
    assert cells["intrinsic, round 3"] == ["0.1", "0.1"]
    assert "intrinsic 0.05 and 0.1 (n 18)" in billed.below
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(table(summary, 60))
    assert "p50 s" in console.export_text()
    said = "A dialogue takes 0.16 s (95 % at most 0.16), one answer 0.01 s (95 % at most 0.01)."
    assert said in summary["decision"]["said"]
    page = run.report().read_text("utf-8")
    assert "p95 s" in page
    assert verify.verify(run).problems == []


def test_a_run_that_stopped_and_went_on_knows_all_of_its_times(
    server: Slow, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="budget"):
        runs.run(spec(server.url, **{"model.budget_tokens": 3500}), out=tmp_path)
    assert list(tmp_path.rglob("journal/*"))
    done = runs.run(spec(server.url), out=tmp_path)
    assert latency_of(done, [1, 2, 3])["dialogue"] == told(sum(DELAYS), N)


@pytest.mark.parametrize(
    "said",
    ["absent", 5, [], [["x"]], [None] * 4, [[[-1.0]]] * 4, [[[True]]] * 4, [[["1"]]] * 4, [{}] * 4],
)
def test_older_and_damaged_notes_tell_nothing(run: Run, tmp_path: Path, said: Any) -> None:
    folder = shutil.copytree(run.folder, tmp_path / run.folder.name)
    for path in folder.glob("timing/chunk-*.json"):
        note = json.loads(path.read_text())
        note.pop("waited") if said == "absent" else note.update(waited=said)
        path.write_text(json.dumps(note))
    older = replace(run, folder=folder)
    nothing = {"request": None, "dialogue": None, "rounds": {1: None}}
    assert latency_of(older, [1]) == nothing
    assert seconds_of(older) is not None


def test_without_times_the_bill_has_no_columns_of_them(summary: dict[str, Any]) -> None:
    arm = summary["cost"]["arms"]["intrinsic"]
    rounds = [{**each, "latency": None} for each in arm["rounds"]]
    bare = {**arm, "latency": {"request": None, "dialogue": None}, "rounds": rounds}
    billed = of_run({"cost": {"arms": {"intrinsic": bare}}}, by_round=True)
    assert billed is not None
    assert not {"p50 s", "p95 s"} & set(billed.columns)
    assert "p50" not in billed.below


def test_percentiles_of_known_times() -> None:
    every: list[Any] = [[[float(k)], [1.0, 2.0], []] for k in range(1, 102)]
    every += [[[None], [3.0]], [[]]]  # one that was made with others; one that was given
    found = latency(every, [1, 2, 3, 4])
    assert found["rounds"][1] == {"n": 101, "p50": 51.0, "p95": 96.0}
    assert found["rounds"][2]["n"] == 102
    assert found["rounds"][3] is found["rounds"][4] is None
    assert found["dialogue"] == {"n": 101, "p50": 54.0, "p95": 99.0}
    assert found["request"]["n"] == 304
    assert latency([], [1]) == {"request": None, "dialogue": None, "rounds": {1: None}}
    assert read_waits({"a": {"e": [[1.0, None]], "f": 3}, "b": 1}) == {"a": {"e": [[1.0, None]]}}
