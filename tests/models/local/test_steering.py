"""Whatever is cached, shared or drafted: a steered reply is that of plain hooks on a plain pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steered
import tiny
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Reply, Request, Site, Steer

QUESTION = "What is the capital of France? Paris, Rome, or I don't know.\n(a) yes\n(b) no\n" * 2
PREFILL = "The best answer is ("
#: Of log p. The logits of these networks are of size 10, and a float32 has 7 digits.
CLOSE = 1e-4
_MODELS: dict[str, Any] = {}


def _model(name: str) -> Any:
    if name not in _MODELS:
        _MODELS[name] = tiny.model(name)
    return _MODELS[name]


def _prompt(model: Any, messages: list[Any], turn: str) -> list[int]:
    ids: list[int] = model.vocabulary.template.render(messages, turn).prompt.ids
    return ids


def _start(steer: Steer | None, prompt: list[int]) -> int:
    return len(prompt) - 1 if steer is not None and steer.at == "reply" else 0


def _check(model: Any, messages: list[Any], request: Request, reply: Reply | None) -> None:
    """A reply, its options and states, against plain passes over the same transcript."""
    assert reply is not None
    steer, twin = request.steer, model.twin
    prompt = _prompt(model, messages, request.prefill)
    start = _start(steer, prompt)
    ids = [*prompt, *reply.token_ids]
    logps = steered.logps(twin, ids, steer, start)
    own = logps[len(prompt) - 1 : -1]
    told = torch.tensor(reply.token_logps)
    assert torch.allclose(own.gather(1, torch.tensor([reply.token_ids]).T)[:, 0], told, atol=CLOSE)
    if request.temperature == 0 and (reply.gap or 0) > CLOSE:
        assert own.argmax(-1).tolist() == list(reply.token_ids)
    for text, found in zip(request.options, reply.options, strict=True):
        whole = _prompt(model, messages, request.prefill + text)
        assert whole[: len(prompt)] == prompt
        each = steered.logps(twin, whole, steer, start)
        total = sum(float(each[k - 1, whole[k]]) for k in range(len(prompt), len(whole)))
        assert found.logp == pytest.approx(total, abs=CLOSE * len(whole))
    for site, vectors in reply.states.items():
        place = len(prompt) - 1 if site.at == "before_answer" else len(prompt)
        for layer, vector in zip(site.layers, vectors, strict=True):
            plain = steered.states(twin, ids, steer, start, layer)[place]
            assert (vector - plain).norm() < 1e-5 * plain.norm() + 1e-6


def _steers(model: Any) -> list[Steer | None]:
    hidden = model.engine.network.config.hidden_size
    last = len(steered.layers(model.twin)) - 1
    some = steered.some_steer
    return [
        None,
        some([0], 1, 3.0, "transcript", hidden),
        some([0, last], 2, 4.0, "reply", hidden),
        some([last], 3, 5.0, "transcript", hidden),
        some([1], 4, -3.0, "reply", hidden),
        some([0], 1, 3.0, "reply", hidden),
    ]


PACKED = ["llama", "mistral", "gemma3"]
WHOLE = ["lfm2"]
SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("gemma2", "gpt2", "gpt_oss", "mamba")
]


@pytest.mark.parametrize("name", [*PACKED, *WHOLE, *SLOW])
def test_rounds_of_dialogues_that_are_steered_otherwise_each(name: str) -> None:
    """Encoded first, on a prefix that was encoded unsteered or otherwise, and beside each other."""
    model = _model(name)
    assert model.engine.packed == (name not in (*WHOLE, "mamba"))
    steers = _steers(model)
    talk = model.open(len(steers))
    talk.say([message("user", QUESTION)] * len(steers))
    last = len(steered.layers(model.twin)) - 1
    sites = (Site("residual", (0, last)), Site("residual", (last,), "first_answer"))
    for number in range(3):
        before = [transcript.messages for transcript in talk.transcripts]
        turned = steers[number:] + steers[:number]
        requests = [
            Request(PREFILL, 4, options=("a", "b"), states=sites, steer=steer) for steer in turned
        ]
        replies = talk.elicit(requests)
        for messages, request, reply in zip(before, requests, replies, strict=True):
            _check(model, list(messages), request, reply)
        talk.say([message("user", "Review your answer.")] * len(steers))


def test_what_comes_before_the_first_steered_token_is_shared() -> None:
    model = _model("llama")
    steers = [steered.some_steer([1], seed, 3.0, "reply") for seed in range(6)]
    talk = model.open(6)
    talk.say([message("user", QUESTION)] * 6)
    replies = talk.elicit([Request("", 1, steer=steer) for steer in steers])
    length = replies[0].prompt_tokens
    assert sorted(reply.encoded for reply in replies) == [1, 1, 1, 1, 1, length]
    whole = [steered.some_steer([1], seed, 3.0, "transcript") for seed in (1, 1, 2)]
    talk = model.open(3)
    talk.say([message("user", QUESTION)] * 3)
    replies = talk.elicit([Request("", 1, steer=steer) for steer in whole])
    assert sorted(reply.encoded for reply in replies) == [1, length, length]


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_drafts_that_are_checked(name: str) -> None:
    """The same question again, so that the whole reply is drafted."""
    model = _model(name)
    for at in ("transcript", "reply"):
        steer = steered.some_steer([0], 7, 2.0, at)
        talk = model.open(2)
        talk.say([message("user", QUESTION)] * 2)
        for number in range(3):
            messages = list(talk.transcripts[0].messages)
            request = Request(PREFILL, 8, steer=steer if number != 1 else None)
            reply, _ = talk.elicit([request, request])
            assert reply.drafted > 0 or number == 0
            _check(model, messages, request, reply)
            prompt = _prompt(model, messages, PREFILL)
            start = _start(request.steer, prompt)
            plain = steered.greedy(
                model.twin, prompt, request.steer, start, 8, model.vocabulary.ends
            )
            assert reply.gap < CLOSE or list(reply.token_ids) == plain
            talk.say([message("user", "Again.")] * 2)


@pytest.mark.parametrize("name", ["llama", "mistral", "lfm2"])
def test_branches_and_samples(name: str) -> None:
    model = _model(name)
    steer = steered.some_steer([0, 1], 8, 2.0, "reply")
    talk = model.open(1)
    talk.say([message("user", QUESTION)])
    messages = list(talk.transcripts[0].messages)
    request = Request(PREFILL, 6, samples=(1, 2, 3), steer=steer)
    branch = talk.branch(2)
    replies = branch.elicit([request, Request(PREFILL, 6, samples=(1, 2, 3))])
    for reply, each in zip(replies, (request, Request(PREFILL, 6)), strict=True):
        _check(model, messages, each, reply)
    prompt = _prompt(model, messages, PREFILL)
    for sample in replies[0].samples:
        ids = _prompt(model, messages, PREFILL + sample.text)
        if ids[: len(prompt)] == prompt and len(ids) == len(prompt) + sample.tokens:
            logps = steered.logps(model.twin, ids, steer, len(prompt) - 1)
            total = sum(float(logps[k - 1, ids[k]]) for k in range(len(prompt), len(ids)))
            assert sample.logp == pytest.approx(total, abs=1e-3)
    drawn = Request(PREFILL, 6, temperature=1.0, seed=4, steer=steer)
    (reply,) = talk.elicit([drawn])
    _check(model, messages, drawn, reply)


@pytest.mark.parametrize("name", ["llama", "gemma3", "lfm2"])
@pytest.mark.parametrize("at", ["transcript", "reply"])
def test_options_that_are_longer_than_a_token(name: str, at: str) -> None:
    model = _model(name)
    request = Request(
        PREFILL, 2, options=("yes, all of it", "no"), steer=steered.some_steer([0], 9, 3.0, at)
    )
    talk = model.open(2)
    talk.say([message("user", QUESTION), message("user", "Who is it?")])
    before = [list(each.messages) for each in talk.transcripts]
    for messages, reply in zip(before, talk.elicit([request, request]), strict=True):
        assert any(each.tokens > 1 for each in reply.options)
        _check(model, messages, request, reply)


TEXTS = st.sampled_from(["Who?", QUESTION, "Review your answer.", "a b" * 9])


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("name", ["llama", "mistral", "lfm2"])
def test_mixed_dialogues(name: str, data: st.DataObject) -> None:
    model = _model(name)
    steers = _steers(model)
    talk = model.open(4)
    talk.say([message("user", data.draw(TEXTS)) for _ in range(4)])
    for _ in range(data.draw(st.integers(1, 3))):
        match data.draw(st.sampled_from(["elicit", "elicit", "branch", "restart", "likelihoods"])):
            case "branch":
                talk = talk.branch()
            case "restart":
                row = data.draw(st.integers(0, 3))
                said = [message("user", data.draw(TEXTS))]
                talk.restart([said if k == row else None for k in range(4)])
            case "likelihoods":
                prompts = [_prompt(model, list(t.messages), "") for t in talk.transcripts]
                for row, found in enumerate(talk.likelihoods([["no", "yes"]] * 4)):
                    for text, each in zip(("no", "yes"), found, strict=True):
                        ids = _prompt(model, list(talk.transcripts[row].messages), text)
                        plain = steered.logps(model.twin, ids, None, 0)
                        own = range(len(prompts[row]), len(ids))
                        total = sum(float(plain[k - 1, ids[k]]) for k in own)
                        assert each.logp == pytest.approx(total, abs=1e-3)
            case _:
                before = [list(each.messages) for each in talk.transcripts]
                requests = [
                    Request(
                        data.draw(st.sampled_from(["", PREFILL])),
                        data.draw(st.integers(1, 6)),
                        data.draw(st.sampled_from([0.0, 0.0, 1.0])),
                        seed=row,
                        options=data.draw(st.sampled_from([(), ("a", "b")])),
                        steer=data.draw(st.sampled_from(steers)),
                    )
                    for row in range(4)
                ]
                for messages, request, reply in zip(
                    before, requests, talk.elicit(requests), strict=True
                ):
                    _check(model, messages, request, reply)
                talk.say([message("user", data.draw(TEXTS)) for _ in range(4)])


@pytest.mark.parametrize(("name", "dtype", "size"), [
    ("llama", "float32", 1e25), ("llama", "bfloat16", 1e25), ("llama", "float16", 1e7),
    ("mistral", "float32", 1e25), ("lfm2", "float32", 1e25),
])  # fmt: skip
@pytest.mark.parametrize("at", ["transcript", "reply"])
def test_an_overflow_is_told_and_touches_nobody_else(
    name: str, dtype: str, size: float, at: str
) -> None:
    model = tiny.model(name, dtype=dtype)
    site = (Site("residual", (0,)), Site("residual", (0,), "first_answer"))
    plain = Request(PREFILL, 6, options=("a", "b"), states=site)
    mild = Request(PREFILL, 6, samples=(1,), steer=steered.some_steer([1], 1, 1.0, at))
    wild = Request(PREFILL, 6, options=("yes, all", "no"), states=site,
                   steer=steered.some_steer([1], 2, size, at))  # fmt: skip

    def talk(third: Request | None) -> list[list[Reply | None]]:
        talk = model.open(3)
        talk.say([message("user", QUESTION)] * 3)
        found = []
        for _ in range(2):
            found.append(list(talk.elicit([plain, mild, third])))
            talk.say([message("user", "Again.")] * 3)
        talk.close([2])  # its pages are free for others now
        found.append(list(talk.elicit([plain, mild, None])))
        return found

    for ours, theirs in zip(talk(wild), talk(None), strict=True):
        for mine, other in zip(ours[:2], theirs[:2], strict=True):
            assert mine.finish == other.finish != "overflow"
            if (other.gap or 0) > 1e-3 or dtype == "float32":
                assert mine.token_ids == other.token_ids
                assert mine.token_logps == pytest.approx(other.token_logps, abs=0.05)
        if ours[2] is not None:
            assert (ours[2].finish, ours[2].text, ours[2].generated) == ("overflow", "", 0)
            assert "not finite" in ours[2].notes[-1]
            assert ours[2].states == {}


def test_what_a_wild_steer_leaves_behind_is_gone_when_its_dialogue_goes_on() -> None:
    model = tiny.model()
    wild = steered.some_steer([0], 2, 1e30, "transcript")
    talk = model.open(1)
    talk.say([message("user", QUESTION)])
    assert talk.elicit([Request(PREFILL, 6, steer=wild)])[0].finish == "overflow"
    messages = list(talk.transcripts[0].messages)
    assert len(messages) == 1
    request = Request(PREFILL, 6)
    (reply,) = talk.elicit([request])
    _check(model, messages, request, reply)


def test_bad_steers_are_one_sentence() -> None:
    model = _model("llama")
    vector = torch.ones(1, 32)
    for make, told in [
        (lambda: Steer.of([0, 1], vector), "one vector for each"),
        (lambda: Steer.of([], vector[:0]), "one vector for each"),
        (lambda: Steer.of([1, 1], torch.ones(2, 32)), "twice"),
        (lambda: Steer.of([0], vector * float("inf")), "smaller alpha"),
        (lambda: model.check_steer(Steer.of([3], vector)), "layers 0 to 2; there is no layer 3"),
        (lambda: model.check_steer(Steer.of([0], torch.ones(1, 8))), "made for another model"),
    ]:
        with pytest.raises(UserError, match=told):
            make()
    model.check_steer(None)
    talk = model.open(1)
    talk.say([message("user", "Who?")])
    with pytest.raises(UserError, match="no layer 3"):
        talk.elicit([Request(steer=Steer.of([3], vector))])


def test_a_model_whose_layers_are_not_found(monkeypatch: Any) -> None:
    from selfcorrect.models.local import steering

    model = _model("llama")
    monkeypatch.setattr(steering, "layers", lambda _: None)
    with pytest.raises(UserError, match="can't be steered: its layers were not found"):
        model.check_steer(None)
