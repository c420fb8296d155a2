"""Models that see say what ``generate()`` and a plain forward pass say of the whole transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import tiny

pytest.importorskip("PIL")

import sighted
from selfcorrect.messages import Image, Message, message
from selfcorrect.models.base import Reply, Request, Site, Steer
from selfcorrect.models.local import groups, packed
from selfcorrect.models.local.doses import doses

FAMILIES = sorted(sighted.FAMILIES)
#: Every way of seeing (features alone, positions of several axes with later features, both ways) is
#: tried at each change; the others are of one of these ways.
_QUICK = {"llava", "qwen3_vl", "gemma3"}
EACH = [
    pytest.param(family, marks=[] if family in _QUICK else [pytest.mark.slow])
    for family in FAMILIES
]
_MADE: dict[str, Any] = {}
CLOSE = 2e-4


def made(family: str) -> Any:
    if family not in _MADE:
        _MADE[family] = sighted.model(family)
    return _MADE[family]


def plain(opened: Any, messages: Sequence[Message], begun: str = "", **more: Any) -> Any:
    """The plain forward pass over a whole transcript."""
    with torch.inference_mode():
        return opened.twin(**sighted.given(opened, messages, begun), **more)


def check(opened: Any, messages: Sequence[Message], reply: Reply | None, begun: str = "") -> None:
    """The reply is generate()'s, its log p the forward pass's, its prompt the processor's."""
    assert reply is not None
    ids, gaps = sighted.generate(opened, messages, 8, begun)
    assert tiny.agree(reply.token_ids, ids, gaps)
    prompt = sighted.given(opened, messages, begun)["input_ids"][0].tolist()
    assert reply.prompt_tokens == len(prompt)
    first = torch.log_softmax(plain(opened, messages, begun).logits[0, -1], dim=-1)
    assert reply.token_logps[0] == pytest.approx(float(first[reply.token_ids[0]]), abs=CLOSE)


#: Dialogues with none, one and two images, in the first turn and in later ones.
def asked() -> list[list[Message]]:
    one, two, wide = sighted.picture(1), sighted.picture(2, 30, 40), sighted.picture(3, 60, 20)
    return [
        [sighted.asks("What is it?", one), sighted.asks("And this?", two)],
        [sighted.asks("Which is it?", wide, one), message("user", "Look again.")],
        [message("user", "No picture. Who is it?"), sighted.asks("Here it is.", one, one)],
    ]


@pytest.mark.parametrize("family", EACH)
def test_replies_of_mixed_dialogues_are_those_of_generate(family: str) -> None:
    opened = made(family)
    assert opened.engine.packed
    assert not opened.engine.eyes.closed
    before = opened.engine.eyes.calls
    turns = asked()
    shown: list[list[Message]] = [[] for _ in turns]
    talk = opened.open(len(turns))
    for number in range(2):
        for each, mine in zip(turns, shown, strict=True):
            mine.append(each[number])
        talk.say([mine[-1] for mine in shown])
        replies = talk.elicit([Request(max_tokens=8)] * len(turns))
        for mine, reply in zip(shown, replies, strict=True):
            check(opened, mine, reply)
            assert reply is not None
            if number:
                assert reply.reused > 10  # the first round's tokens, its images among them
            mine.append(message("assistant", reply.text))
    digests = {i.digest for each in turns for m in each for i in m.images}
    assert opened.engine.eyes.calls - before == len(digests) == 3


@pytest.mark.parametrize("family", EACH)
def test_two_conversations_may_alternate(family: str) -> None:
    opened = made(family)
    histories = [[sighted.asks("What?", sighted.picture(5, 50, 20))],
                 [sighted.asks("Which?", sighted.picture(6), sighted.picture(7, 20, 50))],
    ]  # fmt: skip
    talks = [opened.open(1), opened.open(1)]
    for talk, mine in zip(talks, histories, strict=True):
        talk.restart([mine])
    for _ in range(2):
        for talk, mine in zip(talks, histories, strict=True):
            (reply,) = talk.elicit([Request(max_tokens=8)])
            check(opened, mine, reply)
            mine += [message("assistant", reply.text), message("user", "Are you sure?")]
            talk.say([mine[-1]])


@pytest.mark.parametrize("family", EACH)
def test_likelihoods_and_states_are_those_of_the_plain_pass(family: str) -> None:
    opened = made(family)
    turns = [sighted.asks("What is it?", sighted.picture(8, 40, 24))]
    talk = opened.open(1)
    talk.restart([turns])
    (reply,) = talk.elicit([Request(max_tokens=4)])
    turns += [message("assistant", reply.text), sighted.asks("Which?", sighted.picture(4))]
    talk.say([turns[-1]])
    options = ("a", "b", "nobody")  # the last has several tokens
    site = Site("residual", (0, 1))
    (reply,) = talk.elicit(
        [Request(prefill="The best answer is (", max_tokens=2, options=options, states=(site,))]
    )
    begun = "The best answer is ("
    prompt = plain(opened, turns, begun, output_hidden_states=True)
    states = torch.stack([prompt.hidden_states[n + 1][0, -1] for n in (0, 1)])
    torch.testing.assert_close(reply.states[site], states, atol=2e-3, rtol=1e-3)
    start = prompt.logits.shape[1]
    for option, found in zip(options, reply.options, strict=True):
        ids = sighted.given(opened, turns, begun + option)["input_ids"][0]
        logps = torch.log_softmax(plain(opened, turns, begun + option).logits[0], dim=-1)
        true = sum(float(logps[at - 1, ids[at]]) for at in range(start, len(ids)))
        assert found.logp == pytest.approx(true, abs=5 * CLOSE)


@pytest.mark.parametrize("family", EACH)
def test_a_branch_and_its_origin_go_their_own_ways(family: str) -> None:
    opened = made(family)
    first = [sighted.asks("What is it?", sighted.picture(9))]
    talk = opened.open(1)
    talk.restart([first])
    (reply,) = talk.elicit([Request(max_tokens=8)])
    first.append(message("assistant", reply.text))
    other = talk.branch()
    here = [*first, sighted.asks("And this?", sighted.picture(10, 33, 21))]
    there = [*first, sighted.asks("And this?", sighted.picture(11, 33, 21))]
    other.say([there[-1]])
    talk.say([here[-1]])
    before = opened.engine.eyes.calls
    check(opened, there, other.elicit([Request(max_tokens=8)])[0])
    check(opened, here, talk.elicit([Request(max_tokens=8)])[0])
    assert opened.engine.eyes.calls - before == 2


@pytest.mark.parametrize("family", EACH)
def test_samples_of_a_later_round_are_drawn_from_what_the_plain_pass_says(family: str) -> None:
    opened = made(family)
    turns = [sighted.asks("What is it?", sighted.picture(12))]
    talk = opened.open(1)
    talk.restart([turns])
    (reply,) = talk.elicit([Request(max_tokens=4)])
    turns += [message("assistant", reply.text), sighted.asks("And this?", sighted.picture(4))]
    talk.say([turns[-1]])
    (reply,) = talk.elicit([Request(max_tokens=1, samples=(1, 2, 3))])
    logps = torch.log_softmax(plain(opened, turns).logits[0, -1], dim=-1)
    tokens = opened.vocabulary.tokenizer
    said = [tokens.decode([token], skip_special_tokens=True) for token in range(len(logps))]
    assert len(reply.samples) == 3
    for sample in reply.samples:
        # the log p of a token that reads so
        known = [float(logps[at]) for at, text in enumerate(said) if text == sample.text]
        assert min(abs(each - sample.logp) for each in known) < CLOSE


@pytest.mark.parametrize("family", EACH)
def test_another_image_under_the_same_placeholders_is_another(family: str) -> None:
    opened = made(family)
    turns = [[sighted.asks("What is it?", sighted.picture(seed, 28, 28))] for seed in (13, 14)]
    talk = opened.open(1)
    replies = []
    for mine in turns:
        talk.restart([mine])
        (reply,) = talk.elicit([Request(max_tokens=8)])
        check(opened, mine, reply)
        replies.append(reply)
    prompts = [sighted.given(opened, mine)["input_ids"] for mine in turns]
    assert torch.equal(*prompts)
    assert replies[0].token_logps != replies[1].token_logps
    # only what stands before the image is common
    assert replies[1].reused <= int((prompts[0][0] == opened.engine.eyes.processor.placeholder)
                                    .nonzero()[0])  # fmt: skip


@pytest.mark.parametrize("family", EACH)
def test_the_whole_transcript_way_sees_the_same_and_says_so(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.models.local.engine._can_pack", lambda _: False)
    opened = sighted.model(family)
    assert not opened.engine.packed
    assert not opened.engine.eyes.closed
    turns = [sighted.asks("Which is it?", sighted.picture(1), sighted.picture(2, 30, 40))]
    talk = opened.open(1)
    talk.restart([turns])
    for _ in range(2):
        (reply,) = talk.elicit([Request(max_tokens=8)])
        check(opened, turns, reply)
        assert any("encoded again" in note for note in reply.notes)
        turns += [message("assistant", reply.text), sighted.asks("Again.", sighted.picture(1))]
        talk.say([turns[-1]])
    assert opened.engine.eyes.calls == 2


@pytest.mark.parametrize("family", ["llava", "gemma3", "qwen2_5_vl"])
def test_a_pass_may_end_within_an_image(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PACK", 7)
    opened = made(family)
    turns = [sighted.asks("What is it?", sighted.picture(15), sighted.picture(16))]
    talk = opened.open(1)
    talk.restart([turns])
    check(opened, turns, talk.elicit([Request(max_tokens=8)])[0])


@pytest.mark.parametrize("family", ["llava", "gemma3"])
def test_attention_in_parts_sees_whole_images(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_QUERIES", 5)
    opened = sighted.model(family)  # tried, too, in parts
    assert opened.engine.packed
    turns = [sighted.asks("What is it?", sighted.picture(15), sighted.picture(16))]
    talk = opened.open(1)
    talk.restart([turns])
    check(opened, turns, talk.elicit([Request(max_tokens=8)])[0])


def test_a_steer_moves_replies_to_pictures_as_a_hook_does() -> None:
    opened = made("idefics3")
    turns = [sighted.asks("What is it?", sighted.picture(17))]
    vector = torch.randn(1, 32, generator=torch.Generator().manual_seed(3))
    talk = opened.open(1)
    talk.restart([turns])
    (reply,) = talk.elicit([Request(max_tokens=1, steer=Steer.of([1], vector))])

    def add(_module: Any, _inputs: Any, output: Any) -> Any:
        return (output[0] + vector, *output[1:]) if isinstance(output, tuple) else output + vector

    layer = opened.twin.get_decoder().layers[1]
    handle = layer.register_forward_hook(add)
    try:
        logps = torch.log_softmax(plain(opened, turns).logits[0, -1], dim=-1)
    finally:
        handle.remove()
    assert reply.token_ids[0] == int(logps.argmax())
    assert reply.token_logps[0] == pytest.approx(float(logps.max()), abs=CLOSE)


@pytest.mark.parametrize("at", ["transcript", "reply"])
def test_doses_beside_a_picture_are_those_of_replies_under_steers(at: Any) -> None:
    opened = made("qwen3_vl")
    vector = torch.randn(1, 32, generator=torch.Generator().manual_seed(4))
    steers = [None, Steer.of([1], vector, at), Steer.of([1], 2 * vector, at)]
    asked = Request(max_tokens=1, options=("a", "b"))
    talk = opened.open(1)
    talk.restart([[sighted.asks("Which is it?", sighted.picture(19))]])
    (found,) = doses(talk, [asked], steers)
    assert found is not None
    for number, steer in enumerate(steers):
        (reply,) = talk.branch().elicit([replace(asked, steer=steer)])
        true = torch.tensor([each.logp for each in reply.options])
        torch.testing.assert_close(found.logp[number].float(), true, atol=CLOSE, rtol=CLOSE)


def test_states_of_texts_are_those_of_a_model_of_text() -> None:
    opened = made("qwen2_5_vl")
    text = "The best answer is nobody"
    ids = opened.vocabulary.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        true = opened.twin(input_ids=ids, output_hidden_states=True).hidden_states
    found = opened.states_of([text], "residual", 100)[0]
    torch.testing.assert_close(found[1], true[2][0, -1], atol=1e-3, rtol=1e-3)


def test_what_a_look_costs_is_paid_once_a_run() -> None:
    opened = sighted.model("llava")
    same: Image = sighted.picture(18)
    for _ in range(3):  # chunks of dialogues, one after another
        talk = opened.open(2)
        talk.restart([[sighted.asks("What?", same)], [sighted.asks("Who is it?", same)]])
        talk.elicit([Request(max_tokens=2)] * 2)
        talk.close([0, 1])
    assert opened.engine.eyes.calls == 1
