"""Served models that think before they reply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from servers.thinker import Thinker, Ways

SWITCH = '{"chat_template_kwargs": {"enable_thinking": false}}'
EFFORT = '{"reasoning_effort": "none"}'
SHOWN = ("reasoning_content", "reasoning", "inline", "hidden")


@contextmanager
def _served(ways: Ways, **how: Any) -> Iterator[tuple[Any, Thinker]]:
    stub = Thinker(ways)
    try:
        model = models.load("openai:thinker", base_url=stub.url, wait=5, **how)
        try:
            yield model, stub
        finally:
            model.close()
    finally:
        stub.stop()


def _ask(model: Any, **how: Any) -> Any:
    talk = model.open(1)
    talk.say([message("user", "Is it a, b or c?")])
    return talk.elicit([Request(**how)])[0], talk


@pytest.mark.parametrize("shows", SHOWN)
@pytest.mark.parametrize("switch", [SWITCH, EFFORT])
def test_auto_turns_off_what_can_be_turned_off(shows: str, switch: str) -> None:
    with _served(Ways(shows, switch, strict=switch == EFFORT)) as (model, stub):
        reply, _ = _ask(model, max_tokens=8)
        assert model.thinking == "off"
        assert "doesn't think" in model.about["thinking"]
        assert reply.thought is None
        assert reply.text == "Yes, b."
        assert stub.requests[-1]["max_tokens"] == 8


@pytest.mark.parametrize("shows", SHOWN)
@pytest.mark.parametrize("logprobs", [True, False])
def test_auto_lets_others_think(shows: str, logprobs: bool) -> None:
    """The thought is apart from the reply, with its share of the tokens, and has its own room."""
    with _served(Ways(shows, logprobs=logprobs), max_thinking=50) as (model, stub):
        reply, talk = _ask(model, max_tokens=4)
        assert model.thinking == "on 50"
        assert reply.text == "Yes, b."
        assert reply.thought.text == (
            "" if shows == "hidden" else "so it may be one or the other then"
        )
        assert reply.thought.finish == "stop"
        assert reply.generated + reply.thought.generated == 13
        assert reply.encoded + reply.thought.encoded == 33
        if logprobs or shows == "hidden":
            assert reply.thought.generated == 9
        assert stub.requests[-1]["max_tokens"] == 54
        assert [m.text for m in talk.transcripts[0].messages] == ["Is it a, b or c?", "Yes, b."]


@pytest.mark.parametrize("shows", SHOWN)
def test_a_lead_in_is_asked_for_in_words_and_letters_are_read_behind_it(shows: str) -> None:
    with _served(Ways(shows, prefill=True), thinking="on") as (model, stub):
        reply, _ = _ask(
            model, prefill="The best answer is (", max_tokens=4, options=("a", "b", "c")
        )
        assert stub.requests[-1]["messages"][-1]["role"] == "user"
        assert reply.text == "b) indeed"
        assert [round(each.logp, 1) for each in reply.options] == [-1.5, -0.4, -2.5]


@pytest.mark.parametrize("shows", SHOWN)
def test_a_reply_cut_while_thinking_is_empty_and_cut(shows: str) -> None:
    with _served(Ways(shows, words=40), thinking="on", max_thinking=30) as (model, _):
        reply, _ = _ask(model, max_tokens=4)
        assert (reply.text, reply.finish) == ("", "length")
        assert reply.thought.finish == "length"


def test_off_is_refused_where_nothing_turns_it_off() -> None:
    with (
        pytest.raises(UserError, match="thinks before it replies, whatever it is told"),
        _served(Ways(), thinking="off"),
    ):
        pass


def test_off_ends_the_block_where_a_reply_can_be_begun() -> None:
    with _served(Ways(prefill=True), thinking="off") as (model, stub):
        reply, _ = _ask(model, max_tokens=4)
        assert reply.thought is None
        last = stub.requests[-1]["messages"][-1]
        assert last == {"role": "assistant", "content": "<think>\n\n</think>\n\n"}


def test_on_is_asked_for_where_a_model_thinks_only_then() -> None:
    with _served(Ways(switch=SWITCH, default=False), thinking="on") as (model, stub):
        reply, _ = _ask(model, max_tokens=4)
        assert reply.thought is not None
        assert stub.requests[-1]["chat_template_kwargs"] == {"enable_thinking": True}


def test_on_is_refused_where_nothing_makes_it_think() -> None:
    with (
        pytest.raises(UserError, match="can't be made to think"),
        _served(Ways(default=False), thinking="on"),
    ):
        pass


def test_a_model_that_does_not_think_is_asked_as_before() -> None:
    with _served(Ways(default=False)) as (model, stub):
        _ask(model, max_tokens=4)
        assert model.thinking == ""
        assert "thinking" not in model.about
        assert not any("chat_template_kwargs" in sent for sent in stub.requests)
        assert stub.requests[-1]["max_tokens"] == 4
