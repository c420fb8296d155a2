"""How replies are put into passes: drafts, batches, and what happens when memory is full."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tiny
from selfcorrect.messages import message
from selfcorrect.models.base import OutOfMemoryError, Reply, Request
from selfcorrect.models.local import drafts, groups, packed
from selfcorrect.models.local.prepack import prepack

PREFILL = "The best answer is ("


def _talk(model: Any, rounds: int = 3, length: int = 12, dialogues: int = 7) -> list[Reply]:
    texts = [f"What {i} is the capital of France? (a) yes " * (1 + i % 4) for i in range(dialogues)]
    conversation = model.open(len(texts))
    conversation.say([message("user", text) for text in texts])
    replies: list[Reply] = []
    for _ in range(rounds):
        replies += conversation.elicit([Request(PREFILL, length, options=("a", "b"))] * len(texts))
        conversation.say([message("user", "Review your answer.")] * len(texts))
    return replies


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3"])
@pytest.mark.parametrize(("size", "dialogues"), [(1, 2), (50, 7), (90, 7)])
def test_replies_do_not_depend_on_the_size_of_a_pass(
    monkeypatch: Any, name: str, size: int, dialogues: int
) -> None:
    """Few dialogues fit at a time, and long messages are cut."""
    model = tiny.model(name)
    expected = _talk(model, dialogues=dialogues)
    passes = model.engine.passes
    seen: list[int] = []
    handle = model.engine.decoder.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    monkeypatch.setattr(packed, "PACK", size)
    replies = _talk(model, dialogues=dialogues)
    handle.remove()
    assert max(seen) <= size
    assert len(seen) > passes
    for mine, theirs in zip(replies, expected, strict=True):
        assert tiny.agree(mine.token_ids, theirs.token_ids, [min(mine.gap or 0, theirs.gap or 0)])
        assert [s.logp for s in mine.options] == pytest.approx(
            [s.logp for s in theirs.options], abs=2e-3
        )


@pytest.mark.parametrize("name", ["llama", "gemma3", "gemma2", "gpt_oss"])
def test_attention_in_parts_is_attention(name: str, monkeypatch: Any) -> None:
    """With windows, soft caps and sinks, in prompts that are longer than two parts."""
    model = tiny.model(name)
    expected = _talk(model)
    made: list[int] = []
    parts = groups._parts

    def counted(*given: Any) -> Any:
        made.append(len(found := list(parts(*given))))
        return found

    monkeypatch.setattr(groups, "_parts", counted)
    monkeypatch.setattr(groups, "_QUERIES", 8)
    replies = _talk(model)
    assert max(made) > 2
    for mine, theirs in zip(replies, expected, strict=True):
        assert tiny.agree(mine.token_ids, theirs.token_ids, [min(mine.gap or 0, theirs.gap or 0)])
        assert [s.logp for s in mine.options] == pytest.approx(
            [s.logp for s in theirs.options], abs=2e-4
        )


def test_a_reply_under_way_shares_the_pass_of_prompts_that_wait(monkeypatch: Any) -> None:
    model = tiny.model()
    monkeypatch.setattr(packed, "PACK", 60)
    rows: list[set[int]] = []
    encode = model.engine.encode

    def seen(cache: Any, segments: Any, before: Any) -> Any:
        rows.append({s.past > 0 for s in segments if s.copy is None})
        return encode(cache, segments, before)

    monkeypatch.setattr(model.engine, "encode", seen)
    _talk(model, rounds=1)
    assert {True, False} in rows


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_prepared_weights_give_the_same_product(rows: int) -> None:
    layer = torch.nn.Linear(48, 33).requires_grad_(False)
    states = torch.randn(1, rows, 48)
    expected = states.double() @ layer.weight.double().T + layer.bias.double()
    prepack(torch.nn.Sequential(layer))
    assert layer(states).double() == pytest.approx(expected, abs=1e-5)
    assert layer(states[0]).shape == (rows, 33)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 30))
def test_what_came_after_these_tokens_before(text: list[int], cut: int) -> None:
    slow = None
    for length in (3, 2, 1):
        ends = [k for k in range(length, len(text)) if text[k - length : k] == text[-length:]]
        if len(text) >= length and ends:
            slow = ends[-1]
            break
    assert drafts.Echoes(text).at == slow
    echoes = drafts.Echoes(text[:cut])
    for k in range(cut, len(text)):
        echoes.add(text[k : k + 1])
    # One that goes on is kept, also where another would be found now.
    assert (echoes.at is None) == (slow is None)
    assert echoes.text == text
    if echoes.at is not None:
        assert 0 < echoes.same <= echoes.at < len(text)
        assert text[echoes.at - echoes.same : echoes.at] == text[-echoes.same :]


def test_another_text_before_it_is_no_part_of_it() -> None:
    echoes = drafts.Echoes([7, 8, 1], before=[1, 2, 3])
    assert echoes.following(9) == [2, 3]
    echoes.begin_again()
    assert echoes.following(9) == [1, 2, 3]
    echoes.add([1, 5])
    assert echoes.at is None


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=80),
    st.lists(st.integers(0, 2), max_size=40),
    st.integers(17, 60),
    st.integers(1, 100),
)
def test_a_long_reply_is_drafted_only_as_far_as_it_is_probable(
    prompt: list[int], before: list[int], length: int, among: int
) -> None:
    vocabulary: Any = SimpleNamespace(ends=frozenset({2}))
    drafter = drafts.Drafter(prompt, length, before, vocabulary)
    draft = drafter.first(among)
    left = length
    for token in prompt:
        assert len(draft) < left
        assert 2 not in draft[:-1]
        same = drafter.echoes.same
        right = 1.0
        for more in range(len(draft)):
            right *= 1 - 1 / (1 + ((same + more) / 2) ** 1.5)
        assert right >= 1 / (1 + 5 / among) - 1e-9
        left -= 1
        if left == 0:
            return
        draft = drafter.next([token], len(draft), among)


@pytest.mark.parametrize("seed", range(3))
def test_drafting_a_long_reply_wastes_little(seed: int) -> None:
    """However wrong the guesses are, most of what is drafted was earned by guesses before."""
    model = tiny.model(seed=seed)
    for reply in _talk(model, length=60):
        assert reply.drafted <= drafts.FIRST + 3 * reply.generated


def test_a_full_memory_is_told_from_other_failures(monkeypatch: Any) -> None:
    model = tiny.model()
    expected = _talk(model)
    encode = packed.encode

    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(packed, "encode", full)
    for ask in (
        lambda c: c.elicit([Request("", 4)]),
        lambda c: c.likelihoods([["yes", "no it isn't"]]),
    ):
        conversation = model.open(1)
        conversation.say([message("user", "Who?")])
        with pytest.raises(OutOfMemoryError, match="one dialogue"):
            ask(conversation)
    monkeypatch.setattr(packed, "encode", encode)
    again = _talk(model)
    assert [r.token_ids for r in again] == [r.token_ids for r in expected]
    assert [r.encoded for r in again] == [r.encoded for r in expected]
