"""Whatever was said, branched, restarted and closed before: replies are those of a fresh start."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule

import tiny
from selfcorrect.messages import message
from selfcorrect.models.base import Reply, Request

TEXTS = st.sampled_from(
    [
        "Who?",
        "What is the capital of France?\n(a) yes\n(b) no",
        "Review your answer.",
        "",
        "a b" * 9,
    ]
)
ROLES = st.sampled_from(["user", "user", "user", "assistant", "system"])
TIE = 1e-3
_MODELS: dict[str, Any] = {}


def _model(name: str) -> Any:
    if name not in _MODELS:
        template = tiny.FORGETFUL if name == "forgetful" else tiny.CHATML
        _MODELS[name] = tiny.model("llama" if name == "forgetful" else name, template)
    return _MODELS[name]


def _fresh(model: Any, messages: list[Any], request: Request) -> Reply:
    conversation = model.open(1)
    conversation.restart([messages])
    (reply,) = conversation.elicit([request])
    assert reply is not None
    return reply


class _Machine(RuleBasedStateMachine):
    """Conversations of three dialogues; a plain list of messages beside each is the truth."""

    name = "llama"
    conversations = Bundle("conversations")

    @initialize(target=conversations)
    def begin(self) -> Any:
        self.model = _model(self.name)
        conversation = self.model.open(3)
        conversation.say([message("user", f"Question {k}: who?") for k in range(3)])
        return conversation

    @rule(c=conversations, role=ROLES, texts=st.lists(st.none() | TEXTS, min_size=3, max_size=3))
    def say(self, c: Any, role: str, texts: list[str | None]) -> None:
        c.say([None if t is None else message(role, t) for t in texts])

    @rule(
        c=conversations,
        rows=st.lists(st.booleans(), min_size=3, max_size=3),
        prefill=st.sampled_from(["", "The answer is (", "I"]),
        length=st.integers(1, 6),
        options=st.sampled_from([(), ("a", "b"), ("yes, all", "no")]),
        temperature=st.sampled_from([0.0, 0.0, 1.0]),
        seed=st.integers(0, 9),
    )
    def elicit(
        self,
        c: Any,
        rows: list[bool],
        prefill: str,
        length: int,
        options: tuple[str, ...],
        temperature: float,
        seed: int,
    ) -> None:
        request = Request(prefill, length, temperature, seed, options)
        wanted = [
            request if on and c.transcripts[k].messages else None for k, on in enumerate(rows)
        ]
        expected = [
            None if r is None else _fresh(self.model, c.transcripts[k].messages, r)
            for k, r in enumerate(wanted)
        ]
        for mine, fresh in zip(c.elicit(wanted), expected, strict=True):
            assert (mine is None) == (fresh is None)
            if mine is None or fresh is None:
                continue
            if (mine.gap if mine.gap is not None else 1) > TIE:
                assert mine.token_ids == fresh.token_ids
                assert mine.text == fresh.text
            for a, b in zip(mine.options, fresh.options, strict=True):
                assert a.logp == pytest.approx(b.logp, abs=1e-2)
            if not options:
                low = mine.prompt_tokens + mine.generated - 1
                assert low <= mine.encoded + mine.reused
                # a model whose past can't be kept goes through it again at every token
                assert (
                    mine.encoded + mine.reused <= low + mine.drafted or not self.model.engine.packed
                )

    @rule(c=conversations, texts=st.lists(TEXTS, min_size=1, max_size=3))
    def likelihoods(self, c: Any, texts: list[str]) -> None:
        rows = [texts if c.transcripts[k].messages else None for k in range(3)]
        for k, scores in enumerate(c.likelihoods(rows)):
            if scores is None:
                continue
            other = self.model.open(1)
            other.restart([c.transcripts[k].messages])
            for mine, fresh in zip(scores, other.likelihoods([texts])[0], strict=True):
                assert mine.tokens == fresh.tokens
                assert mine.logp == pytest.approx(fresh.logp, abs=1e-2)

    @rule(target=conversations, c=conversations)
    def branch(self, c: Any) -> Any:
        before = [m.messages for m in c.transcripts]
        other = c.branch()
        other.say([message("user", "only in the branch")] * 3)
        other.elicit([Request("", 3)] * 3)
        assert [m.messages for m in c.transcripts] == before  # nothing flows back
        return other

    @rule(c=conversations, texts=st.lists(TEXTS, min_size=3, max_size=3))
    def restart(self, c: Any, texts: list[str]) -> None:
        c.restart([[message("user", t or "x")] if k else None for k, t in enumerate(texts)])

    @rule(c=conversations)
    @precondition(lambda self: hasattr(self, "model"))
    def close_and_begin_again(self, c: Any) -> None:
        c.close([1])
        c.restart([None, [message("user", "after closing")], None])


def _machine(name: str) -> Any:
    cls = type(f"Machine_{name}", (_Machine,), {"name": name})
    case = cls.TestCase  # type: ignore[attr-defined]
    case.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    return case


TestLlama = _machine("llama")
TestSlidingWindow = _machine("mistral")
TestRewritingTemplate = _machine("forgetful")
TestHybrid = _machine("lfm2")


def test_a_branch_of_copies_samples_as_each_alone() -> None:
    model = tiny.model()
    conversation = model.open(2)
    conversation.say([message("user", "Who?"), message("user", "And who else is it?")])
    conversation.elicit([Request("", 3)] * 2)
    conversation.say([message("user", "Again.")] * 2)
    branch = conversation.branch(4)
    requests = [Request("I", 5, 1.0, seed) for seed in range(8)]
    drawn = branch.elicit(requests)
    for k, reply in enumerate(drawn):
        fresh = _fresh(model, conversation.transcripts[k // 4].messages, requests[k])
        assert reply.token_ids == fresh.token_ids
    assert len({reply.token_ids for reply in drawn}) > 4
    assert all(reply.reused > 0 for reply in drawn)  # of what the first one had encoded
    assert drawn[0].gap is None


def test_a_pass_that_fails_leaves_nothing_behind_that_is_not_what_it_seems(
    monkeypatch: Any,
) -> None:
    """It has overwritten what was cached of another transcript."""
    model = tiny.model()
    said = [message("user", "What is the capital of France? " * 3)], [message("user", "Who? " * 9)]
    request = Request("", 4)
    conversation = model.open(1)
    conversation.restart([said[0]])
    conversation.elicit([request])
    conversation.restart([said[1]])
    encode = model.engine.encode

    def broken(*given: Any) -> Any:
        encode(*given)
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(model.engine, "encode", broken)
        with pytest.raises(ZeroDivisionError):
            conversation.elicit([request])
    conversation.restart([said[0]])
    (reply,) = conversation.elicit([request])
    fresh = _fresh(model, said[0], request)
    assert reply.token_ids == fresh.token_ids
    assert reply.token_logps == pytest.approx(fresh.token_logps, abs=1e-4)


def test_samples_follow_the_softmax() -> None:
    from scipy.stats import chisquare

    model = tiny.model()
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    n, temperature = 600, 1.5
    branch = conversation.branch(n)
    drawn = branch.elicit([Request("", 1, temperature, seed) for seed in range(n)])
    ids = model.vocabulary.template.render(conversation.transcripts[0].messages, "").prompt.ids
    with torch.inference_mode():
        logits = model.twin(torch.tensor([ids])).logits[0, -1]
    p = torch.softmax(logits.double() / temperature, -1)
    logps = torch.log_softmax(logits.double(), -1)
    order = p.argsort(descending=True)
    cells = [[int(t)] for t in order if float(p[t]) * n >= 8]
    cells.append([int(t) for t in order if float(p[t]) * n < 8])
    tokens = [reply.token_ids[0] for reply in drawn]
    observed = [sum(t in set(cell) for t in tokens) for cell in cells]
    expected = [float(p[cell].sum()) * n for cell in cells]
    assert chisquare(observed, expected, sum_check=False).pvalue > 1e-4
    for reply in drawn[:20]:  # log p is at temperature 1
        assert reply.token_logps[0] == pytest.approx(float(logps[reply.token_ids[0]]), abs=1e-3)


def test_a_sample_does_not_depend_on_who_else_is_asked() -> None:
    model = tiny.model()
    asked = [Request("", 12, 1.3, seed) for seed in range(6)] + [Request("", 12)] * 2

    def said(which: list[int]) -> list[tuple[int, ...]]:
        conversation = model.open(len(which))
        conversation.say([message("user", f"Who is number {k}?") for k in which])
        return [reply.token_ids for reply in conversation.elicit([asked[k] for k in which])]

    together = said(list(range(8)))
    assert len(set(together)) > 2
    assert [*said([7, 3, 0]), *said([5])] == [together[k] for k in (7, 3, 0, 5)]


def test_a_shared_beginning_is_encoded_once() -> None:
    model = tiny.model()
    conversation = model.open(6)
    long = "The same long instruction for everybody, word for word. " * 4
    conversation.say([message("user", f"{long}Question {k}") for k in range(6)])
    replies = conversation.elicit([Request("", 2)] * 6)
    whole = sum(r.prompt_tokens for r in replies)
    assert sum(r.encoded for r in replies) < whole / 3
    assert sum(r.reused == 0 for r in replies) == 1


def test_later_rounds_encode_only_what_is_new() -> None:
    model = tiny.model()
    conversation = model.open(2)
    conversation.say([message("user", "Who is it? " * 20)] * 2)
    conversation.elicit([Request("", 4)] * 2)
    for _ in range(4):
        conversation.say([message("user", "Again.")] * 2)
        for reply in conversation.elicit([Request("", 4)] * 2):
            assert reply.encoded < 60 < reply.prompt_tokens


# -- the context window ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_only_the_dialogue_that_is_too_long_stops(name: str) -> None:
    model = tiny.model(name, max_position_embeddings=96)
    conversation = model.open(3)
    conversation.say([message("user", t) for t in ("Who?", "zq " * 200, "What?")])
    replies = conversation.elicit([Request("", 4, options=("a", "b"))] * 3)
    assert [r.finish == "context" for r in replies] == [False, True, False]
    assert replies[1].text == ""
    assert replies[1].generated == replies[1].encoded == 0
    assert replies[1].prompt_tokens > 96
    scores = conversation.likelihoods([["yes", "no"], ["yes", "no"], None])
    assert len(scores[0]) == 2
    assert scores[1] == []
    assert scores[2] is None
    assert [m.role for m in conversation.transcripts[1].messages] == ["user"]
    alone = model.open(1)
    alone.say([message("user", "Who?")])
    (reply,) = alone.elicit([Request("", 4)])
    assert reply.token_ids == replies[0].token_ids


def test_the_last_token_that_fits() -> None:
    model = tiny.model("gpt2", n_positions=64)
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    prompt = len(
        model.vocabulary.template.render(conversation.transcripts[0].messages, "").prompt.ids
    )
    (reply,) = conversation.elicit([Request("", 64 - prompt)])
    assert reply.finish in ("length", "stop")
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    (reply,) = conversation.elicit([Request("", 65 - prompt)])
    assert reply.finish == "context"


def test_a_long_option_that_does_not_fit_is_not_scored() -> None:
    model = tiny.model("gpt2", n_positions=64)
    conversation = model.open(2)
    conversation.say([message("user", "Who?")] * 2)
    long = Request("", 2, options=("zq " * 40, "a"))
    replies = conversation.elicit([long, Request("", 2, options=("a", "b"))])
    assert replies[0].finish != "context"
    assert replies[0].options == ()
    assert len(replies[1].options) == 2


def test_nobody_speaks() -> None:
    model = tiny.model()
    conversation = model.open(2)
    before = model.engine.passes
    assert list(conversation.elicit([None, None])) == [None, None]
    assert list(conversation.likelihoods([None, None])) == [None, None]
    conversation.say([None, None])
    conversation.restart([None, None])
    assert model.engine.passes == before
    assert list(model.open(0).elicit([])) == []


def test_an_end_token_at_once_is_an_empty_reply() -> None:
    model = tiny.model()
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    ids = model.vocabulary.template.render(conversation.transcripts[0].messages, "").prompt.ids
    first = int(tiny.logps(model.twin, ids)[-1].argmax())
    model.vocabulary.ends = frozenset({*model.vocabulary.ends, first})
    (reply,) = conversation.elicit([Request("", 5)])
    assert (reply.text, reply.finish, reply.token_ids) == ("", "stop", (first,))
    conversation.say([message("user", "Well?")])
    again = _fresh(model, conversation.transcripts[0].messages, Request("", 5))
    assert conversation.elicit([Request("", 5)])[0].token_ids == again.token_ids


def test_greedy_ties_go_to_the_lowest_id() -> None:
    model = tiny.model()
    with torch.no_grad():
        model.engine.network.get_output_embeddings().weight.zero_()
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    (reply,) = conversation.elicit([Request("", 3)])
    assert reply.token_ids == (0, 0, 0)
    assert reply.gap == 0.0
    assert reply.token_logps[0] == pytest.approx(-math.log(len(model.vocabulary.tokenizer)))


# -- the reply's text -----------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["bytes", "metaspace"]))
def test_prefill_and_reply_read_as_their_tokens_do(seed: int, kind: str) -> None:
    """A tokenizer that keeps a word's space in the word must not lose it after a prefill."""
    key = f"text-{kind}"
    if key not in _MODELS:
        _MODELS[key] = tiny.model("llama", tokenizer_options={"kind": kind})
    model = _MODELS[key]
    conversation = model.open(1)
    conversation.say([message("user", "who is it")])
    ids = model.vocabulary.template.render(
        conversation.transcripts[0].messages, "the best answer"
    ).prompt.ids
    (reply,) = conversation.elicit([Request("the best answer", 4, 2.0, seed)])
    own = [t for t in reply.token_ids if t >= len(tiny.SPECIAL)]
    whole = model.vocabulary.tokenizer.decode([*ids, *own], skip_special_tokens=True)
    assert whole.endswith("the best answer" + reply.text)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), prefill=st.sampled_from(["", "I", " so"]))
def test_plain_rendering_shows_a_reply_as_it_was_generated(seed: int, prefill: str) -> None:
    if "plain" not in _MODELS:
        _MODELS["plain"] = tiny.model("gpt2", None)
    model = _MODELS["plain"]
    conversation = model.open(1)
    conversation.say([message("user", "who is it")])
    asked = model.vocabulary.template.render(conversation.transcripts[0].messages, prefill).text
    (reply,) = conversation.elicit([Request(prefill, 4, 2.0, seed)])
    shown = conversation.render(0)
    if reply.text[:1].isspace() or prefill:
        assert shown == asked + reply.text
    else:
        assert shown.replace("Assistant: ", "Assistant:") == asked + reply.text
