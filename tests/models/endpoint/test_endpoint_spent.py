"""What is spent is one number: in progress, in the error of a budget, on the bill."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from selfcorrect import runs
from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.budget import Budget, Meter, Usage
from selfcorrect.report.bill import of_run
from selfcorrect.runs import RunSpec, read_spec
from selfcorrect.runs.spent import spent_on
from selfcorrect.runs.store import Store
from servers.stub import Stub

N = 12


def spec(url: str, **more: Any) -> RunSpec:
    values = {"model": "openai:stub", "model.base_url": url, "task": "sample", "rounds": 2}
    return read_spec(values={**values, "limit": N, "chunk": 4, **more})


def number(said: str) -> int:
    """The first number of tokens in a text."""
    found = re.search(r"([\d,]+) tokens", said)
    assert found is not None, said
    return int(found[1].replace(",", ""))


def really(stub: Stub) -> int:
    """What the server itself has counted in its answers."""
    return sum(answered["prompt_tokens"] + answered["completion_tokens"] for answered in stub.used)


def test_progress_and_bill_say_what_the_server_counted(stub: Stub, tmp_path: Path) -> None:
    told: list[runs.Progress] = []
    done = runs.run(spec(stub.url), out=tmp_path, progress=told.append)
    summary = done.summary()
    spent = summary["cost"]["spent"]
    assert number(told[-1].spent) == spent["tokens"] == really(stub)
    assert spent["commands"] == 1
    billed = of_run(summary)
    assert billed is not None
    assert f"Really spent: {really(stub):,} tokens" in billed.below


def test_a_budget_that_is_used_up_says_the_same_number(stub: Stub, tmp_path: Path) -> None:
    told: list[runs.Progress] = []
    with pytest.raises(UserError) as stopped:
        runs.run(
            spec(stub.url, **{"model.budget_tokens": 2_000}), out=tmp_path, progress=told.append
        )
    said = str(stopped.value)
    assert "budget of 2,000 tokens" in said
    first = number(said.partition("(")[2])
    assert first == number(told[-1].spent) == really(stub) <= 2_000
    (folder,) = [path.parent for path in tmp_path.glob("*intrinsic*/run.toml")]
    noted = spent_on(Store(folder))
    assert noted is not None
    assert noted["tokens"] == first
    done = runs.run(spec(stub.url), out=tmp_path, progress=told.append)
    spent = done.summary()["cost"]["spent"]
    assert spent["commands"] == 2
    assert spent["tokens"] == first + number(told[-1].spent) == really(stub)


def test_several_runs_share_what_they_spent(stub: Stub, tmp_path: Path) -> None:
    specs = [spec(stub.url, strategy=name) for name in ("intrinsic", "feedback")]
    both = runs.run(specs, out=tmp_path, controls=False)
    for each in both:
        spent = each.summary()["cost"]["spent"]
        assert spent["runs"] == 2
        assert spent["tokens"] == really(stub)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"requests": 1}', "null", '{"tokens": NaN}', "[" * 100_000]
)
def test_damaged_notes_are_no_notes(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    assert spent_on(store) is None
    store.put("timing/spent-20260101T000000Z-1-0a1b2c3d.json", text.encode())
    store.put("timing/spent-mine.json", b"{}")
    assert spent_on(store) is None
    good = {"requests": 1, "prompt": 5, "cached": 2, "generated": 3, "tokens": 8, "runs": 1}
    for at, money in enumerate((0.5, None)):
        note = json.dumps({**good, "money": money})
        store.put(f"timing/spent-20260101T00000{at + 1}Z-1-0a1b2c3d.json", note.encode())
        found = spent_on(store)
        assert found is not None
        assert (found["tokens"], found["money"]) == ((8, 0.5), (16, None))[at]


def test_money_counts_what_was_cached_at_its_price() -> None:
    budget = Budget(money=1.0, prompt_price=10.0, completion_price=30.0, cached_price=1.0)
    meter = Meter(budget)
    meter.count(Usage(1_000, 400, 100))
    assert meter.money == pytest.approx((600 * 10 + 400 * 1 + 100 * 30) / 1e6)
    assert meter.spent() == "1,100 tokens, 0.0094 of 1"
    meter.budget = Budget(prompt_price=10.0, completion_price=30.0)
    assert meter.spent() == "1,100 tokens, 0.013"
