"""Many doses at a time: each number is that of plain hooks on a plain pass under that dose."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import steered
import tiny
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.local import doses as room
from selfcorrect.models.local import packed
from selfcorrect.models.local.doses import doses, perplexities

QUESTIONS = [
    "What is the capital of France? Paris, Rome, or I don't know.\n(a) yes\n(b) no\n" * 2,
    "Who?",
    "What is the capital of France? Paris, Rome, or I don't know.\n(a) no\n(b) yes\n" * 2,
]
PREFILL = "The best answer is ("
ASKED = Request(PREFILL, 8, options=("a", "b"))
CLOSE = 1e-4


def _talk(model: Any) -> Any:
    talk = model.open(len(QUESTIONS))
    talk.say([message("user", text) for text in QUESTIONS])
    return talk


def _steers(model: Any, at: str = "reply") -> list[Any]:
    hidden = model.engine.network.config.hidden_size
    last = len(steered.layers(model.twin)) - 1
    low = min(1, last - 1)
    named = [([low], 2.0), ([low, last], -3.0), ([last], 5.0), ([low], 0.0)]
    some = [steered.some_steer(ls, k, size, at, hidden) for k, (ls, size) in enumerate(named)]
    return [some[0], None, *some[1:]]


def _check(model: Any, talk: Any, steers: list[Any], found: Any, options: Any) -> None:
    for row, mine in enumerate(found):
        messages = list(talk.transcripts[row].messages)
        prompt = model.vocabulary.template.render(messages, PREFILL).prompt.ids
        for n, steer in enumerate(steers):
            start = len(prompt) - 1 if steer is None or steer.at == "reply" else 0
            for k, option in enumerate(options):
                whole = model.vocabulary.template.render(messages, PREFILL + option).prompt.ids
                logps = steered.logps(model.twin, whole, steer, start)
                total = sum(float(logps[t - 1, whole[t]]) for t in range(len(prompt), len(whole)))
                assert float(mine.logp[n, k]) == pytest.approx(total, abs=CLOSE)
        assert mine.finite.all()
        assert mine.p.sum(-1) == pytest.approx(torch.ones(len(steers)))
        plain = -(mine.p * mine.p.log()).sum(-1)
        assert mine.entropy == pytest.approx(plain, abs=1e-5)
        assert mine.mass == pytest.approx(mine.logp.exp().sum(-1))


@pytest.mark.parametrize(
    "name", ["llama", "mistral", "gemma3", "gemma2", "gpt2", "gpt_oss", "lfm2"]
)
@pytest.mark.parametrize("size", [1024, 3])
def test_every_dose_of_every_dialogue(name: str, size: int, monkeypatch: Any) -> None:
    if size == 3 and name not in ("llama", "mistral"):
        pytest.skip("passes are made the same way for every model")
    model = tiny.model(name)
    steers = _steers(model)
    monkeypatch.setattr(packed, "PACK", size)
    talk = _talk(model)
    found = doses(talk, [ASKED] * 3, steers)
    assert model.engine.agrees == ({} if name == "lfm2" else {"reply": True})
    _check(model, talk, steers, found, ASKED.options)
    for mine, among in zip(found, doses(talk, [ASKED] * 3, steers, mass=False), strict=True):
        assert among.logp == pytest.approx(mine.p.log(), abs=CLOSE)
        assert among.mass == pytest.approx(torch.ones(5))
    # nothing was entered, and what is kept is still right
    assert [len(each.messages) for each in talk.transcripts] == [1, 1, 1]
    (reply, *_) = talk.elicit([ASKED] * 3)
    prompt = model.vocabulary.template.render([message("user", QUESTIONS[0])], PREFILL).prompt.ids
    assert list(reply.token_ids) == steered.greedy(
        model.twin, prompt, None, 0, 8, model.vocabulary.ends
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [("llama", 1024), ("llama", 7), ("gemma3", 100), ("gpt2", 1024), ("gpt_oss", 1024)],
)
def test_every_dose_of_every_token(name: str, size: int, monkeypatch: Any) -> None:
    model = tiny.model(name)
    steers = _steers(model, "transcript")
    talk = _talk(model)
    monkeypatch.setattr(packed, "PACK", size)
    found = doses(talk, [ASKED] * 3, steers)
    assert model.engine.agrees == {"transcript": True}
    _check(model, talk, steers, found, ASKED.options)
    for mine, among in zip(found, doses(talk, [ASKED] * 3, steers, mass=False), strict=True):
        assert among.logp == pytest.approx(mine.p.log(), abs=CLOSE)
    if name == "llama":  # nothing goes through the layers below, once the prompts have
        seen: list[int] = []
        lowest = steered.layers(model.engine.network)[min(s.layers[0] for s in steers if s)]
        attention = lowest.self_attn.register_forward_hook(lambda *_: seen.append(1))
        before = model.engine.passes
        doses(talk, [ASKED] * 3, steers)
        attention.remove()
        assert 0 < len(seen) < model.engine.passes - before
    wild = steered.some_steer([0], 1, 1e30, "transcript")
    every = doses(talk, [ASKED] * 3, [wild, *steers])
    for mine, each in zip(every, found, strict=True):
        assert mine.finite.tolist() == [False, True, True, True, True, True]
        assert mine.logp[1:] == pytest.approx(each.logp, abs=1e-5)


@pytest.mark.parametrize(
    ("at", "options"), [("transcript", ("yes, all", "no")), ("reply", ("yes, all", "no"))]
)
def test_what_needs_rows_of_its_own(at: str, options: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(room, "_ROWS", 3)
    model = tiny.model()
    steers = _steers(model, at)
    talk = _talk(model)
    found = doses(talk, [Request(PREFILL, 8, options=options)] * 3, steers)
    assert model.engine.agrees == {}
    _check(model, talk, steers, found, options)


def test_later_rounds_and_a_prompt_encoded_once() -> None:
    model = tiny.model()
    talk = _talk(model)
    talk.elicit([ASKED] * 3)
    talk.say([message("user", "Review your answer.")] * 3)
    doses(talk, [ASKED] * 3, _steers(model))  # its way is tried here
    seen: list[int] = []
    handle = model.engine.decoder.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    found = doses(talk, [ASKED] * 3, _steers(model))
    handle.remove()
    assert seen == [3, 9]  # the last token of each prompt, and a token a dose that isn't 0
    assert [each.encoded for each in found] == [4, 4, 4]
    _check(model, talk, _steers(model), found, ASKED.options)


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_a_dose_that_overflows_is_left_out(name: str) -> None:
    model = tiny.model(name)
    mild = steered.some_steer([1], 1, 1.0, "reply")
    wild = steered.some_steer([1], 1, 1e30, "reply")
    for each, alone in zip(
        doses(_talk(model), [ASKED] * 3, [mild, wild, None]),
        doses(_talk(model), [ASKED] * 3, [mild, None]),
        strict=True,
    ):
        assert each.finite.tolist() == [True, False, True]
        assert each.logp[1].isnan().all()
        assert each.entropy[1].isnan()
        assert each.logp[[0, 2]] == pytest.approx(alone.logp, abs=1e-5)


def test_a_way_that_doesn_t_agree_is_not_taken(monkeypatch: Any) -> None:
    model = tiny.model()
    from selfcorrect.models.local.fan import Fan

    attend = Fan.attend
    monkeypatch.setattr(Fan, "attend", lambda *given: attend(*given) + 1)
    monkeypatch.setattr(room, "steered", lambda *_: iter([(0, 0, torch.ones(32))]))
    talk = _talk(model)
    for at in ("reply", "transcript"):
        steers = _steers(model, at)
        found = doses(talk, [ASKED] * 3, steers)
        _check(model, talk, steers, found, ASKED.options)
    assert model.engine.agrees == {"reply": False, "transcript": False}


def test_a_transcript_that_does_not_fit() -> None:
    model = tiny.model(max_position_embeddings=60)
    found = doses(_talk(model), [ASKED] * 3, _steers(model))
    assert [each is None for each in found] == [True, False, True]


@pytest.mark.parametrize("name", ["llama", "mistral", "lfm2"])
def test_perplexity(name: str) -> None:
    model = tiny.model(name)
    texts = [QUESTIONS[0], "The grandfather and the grandson"]
    steers = [*_steers(model), steered.some_steer([0], 1, 1e30, "reply")]
    found = perplexities(model, texts, steers)
    for steer, mine in zip(steers[:-1], found, strict=False):
        total, count = 0.0, 0
        for text in texts:
            ids = model.vocabulary.template.content(text)
            logps = steered.logps(model.twin, ids, steer, 0)
            total -= float(logps[:-1].gather(1, torch.tensor([ids[1:]]).T).sum())
            count += len(ids) - 1
        assert mine.tokens == count
        assert mine.nll == pytest.approx(total / count, abs=1e-4)
        assert mine.value == pytest.approx(float(torch.tensor(mine.nll).exp()))
    assert (found[-1].nll, found[-1].value, found[-1].tokens) == (None, None, 0)
    with pytest.raises(UserError, match="has 1 tokens: perplexity takes texts of 2 to"):
        perplexities(model, ["a"], [None])


def test_bad_questions() -> None:
    model = tiny.model()
    with pytest.raises(UserError, match="at least one steer"):
        doses(_talk(model), [ASKED] * 3, [])
    with pytest.raises(UserError, match="the options of every dialogue"):
        doses(_talk(model), [Request()] * 3, [None])
    with pytest.raises(UserError, match="no layer 9"):
        doses(_talk(model), [ASKED] * 3, [steered.some_steer([9], 1, 1.0, "reply")])
