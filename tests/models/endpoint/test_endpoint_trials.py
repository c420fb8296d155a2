"""What is asked for beside replies and tells nothing time and again is asked for no more."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from selfcorrect.converse.elicit import _choose
from selfcorrect.messages import message
from selfcorrect.models import Request
from selfcorrect.models.endpoint.trials import NOTHING, PATIENT
from servers.quirks import completions, quirky
from servers.stub import CLOUD, VLLM, Able, Stub, served

#: It tells no likelihoods at all, so that those of options are drawn.
_DRAWN = replace(CLOUD, top=0)
_GIVEN_UP = "were no longer asked for, as none of the first 5 answers of this step had any"


def _asked(model: Any, count: int, prefill: str, place: str = "") -> Sequence[Any]:
    talk = model.open(count)
    talk.say([message("user", f"Question {k}?") for k in range(count)])
    request = Request(prefill, 8, options=("a", "b"), place=place)
    return list(talk.elicit([request] * count))


def _drawn(stub: Stub) -> int:
    return sum(sent.get("temperature") == 1 for sent in stub.requests)


def test_draws_that_never_begin_with_an_option_are_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where all answers are asked for at the same time, and it is said once."""
    with served(_DRAWN, in_flight=64) as (model, stub), caplog.at_level(logging.WARNING):
        before = _drawn(stub)
        replies = _asked(model, 40, "")
        assert _drawn(stub) - before == NOTHING
        assert [reply.options for reply in replies] == [()] * 40
        why = [_GIVEN_UP in " ".join(reply.notes) for reply in replies]
        assert sum(why) == 40 - NOTHING
        assert sum(reply.beside > 0 for reply in replies) == NOTHING  # and nothing else is charged
        _asked(model, 10, "", "again")  # another step may tell what this one doesn't
        assert _drawn(stub) - before == 2 * NOTHING
    assert [record.message.count(_GIVEN_UP) for record in caplog.records] == [1]


def test_draws_that_tell_something_go_on() -> None:
    with served(_DRAWN) as (model, stub):
        before = _drawn(stub)
        replies = _asked(model, 12, "(")
        assert _drawn(stub) - before == 12
        assert all(len(reply.options) == 2 for reply in replies)


def test_of_p_true_nothing_is_made_up() -> None:
    """Half a reply added to each would be .5 where no reply was True or False."""
    with served(_DRAWN) as (model, stub):
        before = _drawn(stub)
        talk = model.open(30)
        talk.say([message("user", f"Question {k}?") for k in range(30)])
        found = talk.likelihoods([["True", "False"]] * 30)
        assert _drawn(stub) - before == PATIENT  # a step's choice is asked for in the same way
    assert {each.logp for options in found for each in options} == {float("-inf")}


def test_a_steps_choice_that_nothing_tells_is_noted() -> None:
    """The first choice is then what a method does, not what the model says."""
    with served(_DRAWN) as (model, _):
        talk = model.open(8)
        talk.say([message("user", f"Question {k}?") for k in range(8)])
        replies = _choose(talk, ["True", "False"], [Request("", 8)] * 8)
    assert [reply and reply.text for reply in replies] == ["True"] * 8
    assert all(reply and "'True' was put in, the first one" in reply.notes[0] for reply in replies)


@pytest.mark.parametrize("able", [VLLM])
def test_given_texts_whose_likelihoods_never_come_are_given_up(able: Able) -> None:
    def without(data: dict[str, Any]) -> None:
        data.pop("prompt_logprobs", None)
        for choice in data["choices"]:
            choice["logprobs"] = None

    with served(able) as (model, stub):
        quirky(stub, completions(without))
        before = sum("prompt_logprobs" in sent for sent in stub.requests)
        replies = _asked(model, 20, "(")
        assert sum("prompt_logprobs" in sent for sent in stub.requests) - before == 2 * NOTHING
    assert not any(reply.options for reply in replies)
