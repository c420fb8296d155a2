"""What depends on more than token ids is shared only as far as that is the same.

Here a condition changes what the network computes: a hook adds a vector, which follows from the
token's key, to its embedding. The oracle encodes every transcript whole, and keeps nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from selfcorrect.messages import message
from selfcorrect.models.base import Reply, Request
from selfcorrect.models.local import conversation, jobs, likelihoods, prompts
from selfcorrect.models.local.prompts import Prompt, common, key_of, plain

TIE = 1e-3
PREFILL = "The answer is ("
#: With these weights a drafted reply reads as the tokens that were generated.
SEED = 7
QUESTION = "What is the capital of France? (a) Paris (b) Rome, or so they say. " * 2
Conditions = tuple[tuple[int, str], ...]

IDS = st.lists(st.integers(0, 5), max_size=8)
CONDITION = st.tuples(st.integers(0, 10), st.sampled_from(["red.png", "blue.png"]))


def _keys(ids: Sequence[int], conditions: Sequence[tuple[int, str]]) -> list[int]:
    """Slowly: one token after the other, one condition after the other."""
    found = []
    for position, key in enumerate(ids):
        for start, condition in conditions:
            key = key_of(key, condition) if position >= start else key
        found.append(key)
    return found


@given(IDS, IDS, st.lists(CONDITION, max_size=3), st.integers(0, 3))
def test_keys_follow_the_conditions(
    ids: list[int], more: list[int], conditions: list[Any], late: int
) -> None:
    """Whether tokens are appended before or after a condition is stated, and where it is cut."""
    prompt = plain(ids)
    for each in conditions[:late]:
        prompt = prompt.under(*each)
    prompt = prompt.extended(more)
    for each in conditions[late:]:
        prompt = prompt.under(*each)
    assert prompt.ids == [*ids, *more]
    assert prompt.keys == _keys(prompt.ids, conditions)
    for cut in range(len(prompt) + 1):
        again = prompt.upto(cut).extended(prompt.ids[cut:])
        assert (again.ids, again.keys) == (prompt.ids, prompt.keys)


@given(IDS, IDS, st.lists(CONDITION, max_size=2), st.lists(CONDITION, max_size=2))
def test_prompts_are_common_up_to_the_first_difference(
    one: list[int], two: list[int], first: list[Any], second: list[Any]
) -> None:
    a, b = _keys(one, first), _keys(two, second)
    slow = 0
    while slow < min(len(a), len(b)) and a[slow] == b[slow]:
        slow += 1
    prompts = []
    for ids, conditions in ((one, first), (two, second)):
        prompt = plain(ids)
        for each in conditions:
            prompt = prompt.under(*each)
        prompts.append(prompt)
    assert common(prompts[0].keys, prompts[1].keys) == slow


def test_text_costs_no_second_list() -> None:
    prompt = plain([1, 2, 3])
    assert prompt.keys is prompt.ids
    longer = prompt.extended([4]).upto(-1)
    assert longer.keys is longer.ids == [1, 2, 3]


def test_keys_are_no_ids_and_the_same_in_every_process() -> None:
    keys = {key_of(token, text) for token in range(300) for text in ("", "a", "b", ":", "1:a")}
    assert len(keys) == 1500
    assert min(keys) >= 1 << 128
    assert key_of(1, "1:a") != key_of(11, ":a")
    code = "from selfcorrect.models.local.prompts import key_of; print(key_of(7, 'cat.png'))"
    path = ":".join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert int(done.stdout) == key_of(7, "cat.png")


# -- a network that heeds conditions --------------------------------------------------------------


def _vector(key: int, size: int) -> torch.Tensor:
    """What a token's key adds to its embedding: nothing for plain text."""
    if key < 1 << 128:
        return torch.zeros(size)
    generator = torch.Generator().manual_seed(key % (1 << 62))
    return torch.randn(size, generator=generator)


@contextmanager
def _heeding(model: Any) -> Iterator[None]:
    """While this lasts, the engine's network adds the vectors of the keys that it encodes."""
    engine = model.engine
    embedding = engine.network.get_input_embeddings()
    encode = engine.encode
    coming: list[int] = []

    def told(cache: Any, segments: Sequence[Any], wholes: Sequence[Prompt]) -> Any:
        assert not coming
        for segment, whole in zip(segments, wholes, strict=True):
            assert whole.ids[segment.past :] == list(segment.ids)
            coming.extend(whole.keys[segment.past if engine.packed else 0 :])
        found = encode(cache, segments, wholes)
        assert not coming  # every token that was encoded has had its key
        return found

    def add(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        size = output.shape[-1]
        now = [coming.pop(0) for _ in range(output.shape[1])]
        return output + torch.stack([_vector(key, size) for key in now])[None]

    handle = embedding.register_forward_hook(add)
    engine.encode = told
    try:
        yield
    finally:
        handle.remove()
        engine.encode = encode


@torch.inference_mode()
def _logps(model: Any, ids: Sequence[int], conditions: Conditions) -> torch.Tensor:
    """log p of every next token, [tokens, vocabulary], of a transcript encoded whole."""
    embedded = model.twin.get_input_embeddings()(torch.tensor([list(ids)]))
    vectors = [_vector(key, embedded.shape[-1]) for key in _keys(ids, conditions)]
    logits = model.twin(inputs_embeds=embedded + torch.stack(vectors)[None]).logits[0]
    return torch.log_softmax(logits.float(), dim=-1)


def _ids(model: Any, conversation: Any, row: int, turn: str = "") -> list[int]:
    """The transcript's ids, of the tokenizer alone."""
    dicts = [{"role": m.role, "content": m.text} for m in conversation.transcripts[row].messages]
    tokenizer = model.vocabulary.tokenizer
    text = tokenizer.apply_chat_template(dicts, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text + turn, add_special_tokens=False)["input_ids"]
    return ids


def _check(model: Any, ids: list[int], conditions: Conditions, reply: Reply) -> None:
    """The reply is the one of a transcript that is encoded whole, step by step."""
    letters = [model.vocabulary.tokenizer.encode(x, add_special_tokens=False)[0] for x in "ab"]
    for number, token in enumerate(reply.token_ids):
        logps = _logps(model, ids, conditions)[-1]
        if number == 0 and reply.options:
            assert [o.logp for o in reply.options] == pytest.approx(
                [float(logps[x]) for x in letters], abs=5e-3
            )
        assert float(logps[token]) == pytest.approx(reply.token_logps[number], abs=5e-3)
        two = logps.topk(2).values
        if float(two[0] - two[1]) < TIE:
            return
        assert token == int(logps.argmax())
        ids = [*ids, token]


def _elicit(
    model: Any, talk: Any, prefill: str = "", length: int = 5, options: tuple[str, ...] = ("a", "b")
) -> list[Reply]:
    """All dialogues speak, and each reply is checked."""
    prompts = [_ids(model, talk, row, prefill) for row in range(len(talk.transcripts))]
    conditions = list(talk.conditions)
    replies = talk.elicit([Request(prefill, length, options=options)] * len(prompts))
    for ids, mine, reply in zip(prompts, conditions, replies, strict=True):
        assert reply.prompt_tokens == len(ids)
        _check(model, ids, mine, reply)
    return list(replies)


def _read_texts(model: Any, talk: Any) -> None:
    """Likelihoods of texts, against a transcript encoded whole with each."""
    texts = ["yes, all", "no"]
    for row, scores in enumerate(talk.likelihoods([texts] * len(talk.transcripts))):
        prompt = _ids(model, talk, row)
        for text, score in zip(texts, scores, strict=True):
            whole = _ids(model, talk, row, text)
            assert whole[: len(prompt)] == prompt
            logps = _logps(model, whole, talk.conditions[row])
            total = sum(float(logps[k - 1, whole[k]]) for k in range(len(prompt), len(whole)))
            assert score.logp == pytest.approx(total, abs=1e-2)


def _rounds(model: Any) -> None:
    """Later rounds of one dialogue, a condition being added between them."""
    talk = model.open(2)
    talk.say([message("user", QUESTION)] * 2)
    talk.add_condition(1, 20, "red")
    for number in range(3):
        _elicit(model, talk)
        talk.say([message("user", "Review your answer.")] * 2)
        if number == 0:
            talk.add_condition(0, 10, "red")  # within what is cached by now


def _branches(model: Any) -> None:
    """A branch goes its own way, and the first one isn't touched by it."""
    talk = model.open(1)
    talk.say([message("user", QUESTION)])
    _elicit(model, talk)
    talk.say([message("user", "Review your answer.")])
    branch = talk.branch(3)
    branch.add_condition(1, 12, "red")
    branch.add_condition(2, 12, "blue")
    _elicit(model, branch)
    branch.say([message("user", "Well?")] * 3)
    _read_texts(model, branch)
    _elicit(model, talk)


def _copies(model: Any) -> None:
    """Rows of one step that begin alike."""
    talk = model.open(4)
    talk.say([message("user", QUESTION)] * 4)
    for row, condition in enumerate(("red", "blue", "red")):
        talk.add_condition(row, 30, condition)
    _elicit(model, talk)


def _restarts(model: Any) -> None:
    """The same transcript started again, under another condition and under none."""
    talk = model.open(2)
    said = [[message("user", QUESTION)]] * 2
    talk.restart(said)
    talk.add_condition(0, 25, "red")
    _elicit(model, talk)
    talk.restart(said)
    assert talk.conditions == [(), ()]
    talk.add_condition(1, 25, "red")
    _elicit(model, talk)


def _drafts(model: Any) -> None:
    """Tokens that were drafted and confirmed are cached; under another condition they aren't."""
    talk = model.open(1)
    talk.say([message("user", QUESTION)])
    (reply,) = _elicit(model, talk, PREFILL, 12, ())
    talk.say([message("user", "Again.")])
    shared = common(_ids(model, talk, 0, PREFILL), talk.cache.held[0])
    if model.name == "tiny-llama":
        assert reply.drafted > 0
        assert shared > reply.prompt_tokens + 3
    talk.add_condition(0, max(shared - 3, 0), "red")
    _elicit(model, talk, PREFILL, 12, ())


def _scores(model: Any) -> None:
    """What texts share is kept under the condition, too."""
    talk = model.open(3)
    talk.say([message("user", QUESTION)] * 3)
    talk.add_condition(1, 15, "red")
    talk.add_condition(2, 15, "blue")
    _read_texts(model, talk)
    _elicit(model, talk)
    said = [[message("user", QUESTION)]] * 3
    talk.restart(said)
    talk.add_condition(0, 15, "red")
    _read_texts(model, talk)
    talk.restart(said)
    _read_texts(model, talk)


SCENES: list[Callable[[Any], None]] = [_rounds, _branches, _copies, _restarts, _drafts, _scores]


@pytest.mark.parametrize("name", ["llama", "mistral", "lfm2"])
@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_shared_from_the_condition_on(scene: Callable[[Any], None], name: str) -> None:
    model = tiny.model(name, seed=SEED)
    with _heeding(model):
        scene(model)


@pytest.mark.parametrize("scene", SCENES)
def test_an_engine_that_compares_ids_is_found_out(
    scene: Callable[[Any], None], monkeypatch: Any
) -> None:
    """The test above fails for an engine whose cache compares token ids."""
    ids: dict[int, int] = {}
    honest = prompts.key_of

    def remembered(token: int, condition: str) -> int:
        key = honest(token, condition)
        ids[key] = ids.get(token, token)
        return key

    def of_ids(a: Sequence[int], b: Sequence[int]) -> int:
        return common([ids.get(key, key) for key in a], [ids.get(key, key) for key in b])

    model = tiny.model("llama", seed=SEED)
    with _heeding(model):
        monkeypatch.setattr(prompts, "key_of", remembered)
        for module in (jobs, likelihoods, conversation):
            monkeypatch.setattr(module, "common", of_ids)
        with pytest.raises(AssertionError):
            scene(model)


_MODEL: dict[str, Any] = {}


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_is_said_and_conditioned(data: Any) -> None:
    """Conversations whose rows have the same ids and other keys, in any order of steps."""
    model = _MODEL.setdefault("llama", tiny.model("llama"))
    texts = st.sampled_from(["Review your answer.", "Who?", QUESTION])
    with _heeding(model):
        talk = model.open(3)
        talk.say([message("user", QUESTION)] * 3)
        for _ in range(data.draw(st.integers(1, 5))):
            step = data.draw(st.sampled_from(["elicit", "score", "condition", "branch", "restart"]))
            if step == "condition":
                row, start = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 60))
                talk.add_condition(row, start, data.draw(st.sampled_from(["red", "blue"])))
            elif step == "branch":
                talk = talk.branch()
            elif step == "restart":
                text = data.draw(texts)
                talk.restart([[message("user", text)]] * 3)
            elif step == "score":
                _read_texts(model, talk)
            else:
                _elicit(model, talk, data.draw(st.sampled_from(["", PREFILL])), 3)
                talk.say([message("user", data.draw(texts))] * 3)


def test_what_comes_before_the_condition_stays_shared() -> None:
    model = tiny.model("llama")
    with _heeding(model):
        talk = model.open(4)
        talk.say([message("user", QUESTION)] * 4)
        start = 30
        for row, condition in ((1, "red"), (2, "red"), (3, "blue")):
            talk.add_condition(row, start, condition)
        replies = _elicit(model, talk, length=1)
        length = replies[0].prompt_tokens
        encoded = sorted(reply.encoded for reply in replies)
        # One row whole, and of each condition one from there on; the second "red" only the last.
        assert encoded == sorted([length, length - start, length - start, 1])
        # A later round of the same dialogue goes on from what is cached under its condition.
        talk.say([message("user", "Review.")] * 4)
        later = _elicit(model, talk, length=1)
        assert all(reply.reused >= length for reply in later)
        # A condition within the cached part: what stands before it is kept.
        talk.add_condition(0, 17, "blue")
        talk.say([message("user", "Again.")] * 4)
        assert _elicit(model, talk, length=1)[0].reused == 17


def test_conditions_change_what_is_said() -> None:
    """Else nothing above would show anything."""
    model = tiny.model("llama")
    with _heeding(model):
        talk = model.open(3)
        talk.say([message("user", QUESTION)] * 3)
        talk.add_condition(1, 10, "red")
        talk.add_condition(2, 10, "blue")
        replies = _elicit(model, talk)
    logps = [tuple(round(option.logp, 2) for option in reply.options) for reply in replies]
    assert len(set(logps)) == 3


def test_a_branch_is_under_the_same_conditions() -> None:
    talk = tiny.model("llama").open(2)
    talk.add_condition(1, 10, "red")
    branch = talk.branch(2)
    assert branch.conditions == [(), (), ((10, "red"),), ((10, "red"),)]
    branch.add_condition(0, 3, "blue")
    assert talk.conditions == [(), ((10, "red"),)]


def test_closing_forgets_the_condition() -> None:
    model = tiny.model("llama")
    talk = model.open(2)
    talk.say([message("user", QUESTION)] * 2)
    talk.add_condition(1, 10, "red")
    talk.close([1])
    assert talk.conditions == [(), ()]
