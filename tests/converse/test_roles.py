"""The earlier answer as its own turn, the user's, a tool's: what is sent, cached and noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
import tiny
from selfcorrect.messages import TOOL_RESULT
from selfcorrect.runs import Run
from selfcorrect.studies.role.analysis import AS_USER
from servers.stub import Stub


def in_role(role: str, model: Any, out: Path, **more: Any) -> Run:
    return sc.run(
        model, "sample", "role", strategy_parameters={"role": role}, rounds=2, limit=2, out=out,
        controls=False, progress=False, **more,
    )  # fmt: skip


def notes(run: Run, number: int) -> list[str]:
    rows = run.records.filter(run.records["round"] == number)["notes"]
    return [note["text"] for each in rows for note in each]


@pytest.mark.parametrize(
    ("template", "folded"), [(tiny.CHATML, False), (tiny.ALTERNATING, True), (None, False)]
)
def test_a_template_without_a_tool_role_shows_it_as_the_user_s(
    template: str | None, folded: bool, tmp_path: Path
) -> None:
    """And what is encoded already isn't encoded again, as the question stands there again."""
    model = tiny.model("llama", template)
    run = in_role("tool", model, tmp_path)
    assert any(AS_USER in note for note in notes(run, 2)) is folded
    assert not any(AS_USER in note for note in notes(run, 1))
    second = run.records.filter(run.records["round"] == 2)
    assert (second["reused"] > 30).all()
    for role in ("own", "user"):
        other = in_role(role, model, tmp_path)
        assert not any("role" in note or AS_USER in note for note in notes(other, 2))


def test_servers_are_sent_no_tool_s_message_without_a_call(stub: Stub, tmp_path: Path) -> None:
    run = in_role("tool", "openai:stub", tmp_path, base_url=stub.url)
    assert all(any(AS_USER in n["text"] for n in each) for each in
               run.records.filter(run.records["round"] == 2)["notes"])  # fmt: skip
    sent = [request["messages"] for request in stub.requests]
    assert "tool" not in {message["role"] for messages in sent for message in messages}
    shown = [m["content"] for messages in sent for m in messages if TOOL_RESULT in m["content"]]
    assert shown
    answers = run.records.filter(run.records["round"] == 1)["text"].to_list()
    assert all(any(f"{TOOL_RESULT}{answer}\n\n" in text for text in shown) for answer in answers)


def test_known_errors_are_given_and_told_by_the_oracle_alone(stub: Stub, tmp_path: Path) -> None:
    """What a server is sent differs by a word, and only from the strategy that says so."""
    for strategy, words in (("blind-spot", None), ("blind-spot-oracle", ("right", "wrong"))):
        stub.requests.clear()
        run = sc.run(
            "openai:stub", "blind-spot", strategy, strategy_parameters={"role": "user"}, rounds=2,
            limit=8, out=tmp_path, base_url=stub.url, controls=False, progress=False,
        )  # fmt: skip
        rows = run.records.sort("example", "round")
        assert rows["oracle"].all() == rows["oracle"].any() == (words is not None)
        given = dict(rows.filter(rows["round"] == 1).select("example", "outcome").iter_rows())
        assert set(given.values()) == {0.0, 1.0}
        for row in rows.filter(rows["round"] == 2).iter_rows(named=True):
            said = " ".join(s["text"] for s in row["steps"] if s["kind"] == "say")
            told = [word for word in ("right", "wrong") if f"The answer above is {word}." in said]
            assert told == ([] if words is None else [words[1 - int(given[row["example"]])]])
        sent = [m["content"] for r in stub.requests for m in r["messages"] if m["role"] == "user"]
        assert any("The answer above is wrong." in text for text in sent) == (words is not None)
        assert any("I have this answer:\nThe best answer is (" in text for text in sent)
