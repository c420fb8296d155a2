"""What a preview says of a server: what it asked, and a bound that the run keeps."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from selfcorrect.cli.preview import show, table_of
from selfcorrect.preview import Preview, preview
from selfcorrect.runs import make_spec, run
from servers.stub import BARE, CLOUD, LLAMA_CPP, TEXT, VLLM, Able, Stub


def lines(shown: Preview) -> str:
    """What the terminal says."""
    said = io.StringIO()
    show([shown], Console(file=said, width=500))
    return said.getvalue()


@pytest.mark.parametrize("able", [CLOUD, VLLM])
def test_a_servers_prompts_are_counted_whole_and_as_it_is_asked(able: Able, tmp_path: Path) -> None:
    """More rounds than one, as prompts grow; the run takes no more than the preview says."""
    server = Stub(able)
    try:
        model = {"name": "openai:stub", "base_url": server.url}
        spec = make_spec({"model": model, "task": "sample", "rounds": 3, "limit": 2})
        shown = preview(spec, out=tmp_path, controls=False)
        done = run(spec, out=tmp_path, controls=False)
        sent = [each["messages"] for each in server.requests if each.get("max_tokens", 0) > 1]
    finally:
        server.stop()
    records = done.records
    taken = int(records["prompt_tokens"].sum() + records["generated"].sum())
    assert shown.estimate.about is not None
    assert 0 < taken <= shown.estimate.about < 3 * taken
    assert shown.estimate.about < shown.estimate.tokens
    assert shown.estimate.whole
    begun = "Begin your reply with exactly: The best answer is ("
    in_words = [begun in str(messages) for messages in sent]
    assert any(in_words) == (begun in shown.prompts[-1].text) == (not able.prefill)
    assert (begun in done.header.transcript) == (not able.prefill)


SERVERS = {"vllm": VLLM, "llama.cpp": LLAMA_CPP, "cloud": CLOUD, "text": TEXT, "bare": BARE,
           "drawn": replace(CLOUD, top=0, n=False)}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "own"), [("cloud", 0), ("cloud", 900), *((kind, 40) for kind in SERVERS)]
)
def test_a_budget_of_the_bound_lets_a_run_through(kind: str, own: int, tmp_path: Path) -> None:
    """Whatever the server's template adds to what it is sent, a system prompt of its own say."""
    server = Stub(replace(SERVERS[kind], own=own))
    strategy = "checking" if kind == "vllm" else "intrinsic"
    try:
        model = {"name": "openai:stub", "base_url": server.url, "draws": 3,
                 "price": [1.0, 3.0]}  # fmt: skip
        asked = {"task": "sample", "strategy": strategy, "rounds": 3, "limit": 2, "samples": 2}
        shown = preview(make_spec({**asked, "model": model}), out=tmp_path)
        bound = shown.estimate
        assert shown.asked.requests
        assert bound.money is not None
        assert bound.about is not None
        taken = sum(each["prompt_tokens"] + each["completion_tokens"] for each in server.used)
        assert bound.bounded == (kind != "bare")
        if kind != "bare":
            assert taken <= shown.asked.tokens < 1.1 * taken
        server.used.clear()
        model |= {"budget_tokens": bound.tokens, "budget_money": bound.money}
        done = run(make_spec({**asked, "model": model}), out=tmp_path)
    finally:
        server.stop()
    assert done.records["example"].n_unique() == 2
    taken = sum(each["prompt_tokens"] + each["completion_tokens"] for each in server.used)
    assert taken <= bound.tokens
    if own and kind != "bare":  # a template of more than the texts
        assert taken < 1.5 * bound.about


def _previewed(out: Path, **own: Any) -> tuple[Stub, Preview]:
    """The sample, of a server of this kind."""
    server = Stub(replace(CLOUD, **own))
    try:
        model = {"name": "openai:stub", "base_url": server.url}
        return server, preview(make_spec({"model": model, "task": "sample", "limit": 2}), out=out)
    finally:
        server.stop()


def test_a_preview_says_what_it_asked_of_a_server(tmp_path: Path) -> None:
    server, shown = _previewed(tmp_path, own=40)
    said = lines(shown)
    taken = sum(each["prompt_tokens"] + each["completion_tokens"] for each in server.used)
    assert f"it was asked, now: {len(server.used)} requests, {taken} tokens" in said
    assert "Nothing was run" not in said
    assert "to encode" not in said
    assert f"At most {shown.estimate.tokens:,}: " in said
    assert table_of([shown])["asked"] == {"requests": len(server.used), "tokens": taken}


def test_no_bound_is_claimed_where_a_server_reports_no_tokens(tmp_path: Path) -> None:
    said = lines(_previewed(tmp_path, usage=False)[1])
    assert "At most" not in said
    assert "nor how many it takes at most" in said


def test_replies_drawn_at_once_pay_their_prompt_once() -> None:
    """But a bound doesn't rely on it."""
    from selfcorrect.preview.rendering import Asked

    def tokens(**more: bool) -> int:
        told = {"at_once": True, "most": False, **more}
        asked = Asked(False, False, 20, spoken=8, begun=lambda _: "", **told)
        return asked.tokens(100, [1, 1], 2, must=False)

    assert tokens() == 100 + 20 * 10
    assert tokens(at_once=False) == tokens(most=True) == 20 * 110
