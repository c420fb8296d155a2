"""Likelihoods and hidden states against plain forward passes, and what they cost."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Request, Site
from selfcorrect.models.local.states import Reader

PREFILL = "The best answer is ("
KINDS = ["llama", "mistral", "gemma3", "granite", "gpt2", "lfm2", "mamba"]


def _open(model: Any, texts: tuple[str, ...] = ("What is it?", "Who is not it, then?")) -> Any:
    conversation = model.open(len(texts))
    conversation.say([message("user", text) for text in texts])
    return conversation


def _ids(model: Any, conversation: Any, row: int, turn: str) -> list[int]:
    dicts = [{"role": m.role, "content": m.text} for m in conversation.transcripts[row].messages]
    text = model.vocabulary.tokenizer.apply_chat_template(
        dicts, tokenize=False, add_generation_prompt=True
    )
    ids: list[int] = model.vocabulary.tokenizer(text + turn, add_special_tokens=False)["input_ids"]
    return ids


def _plain_scores(
    model: Any, prompt: list[int], wholes: list[list[int]]
) -> list[tuple[float, int]]:
    """Σ log p and tokens of each, from the first token of the prompt that any text changed."""
    start = len(prompt)
    for whole in wholes:
        while whole[:start] != prompt[:start]:
            start -= 1
    found = []
    for whole in wholes:
        logps = tiny.logps(model.twin, whole)
        total = sum(float(logps[k - 1, whole[k]]) for k in range(start, len(whole)))
        found.append((total, len(whole) - start))
    return found


@pytest.mark.parametrize("name", KINDS)
def test_letters_are_read_where_the_reply_starts(name: str) -> None:
    model = tiny.model(name)
    conversation = _open(model)
    letters = ("a", "b", "c")
    expected = []
    for row in range(2):
        logps = tiny.logps(model.twin, _ids(model, conversation, row, PREFILL))[-1]
        expected.append(
            [
                float(logps[model.vocabulary.tokenizer.encode(x, add_special_tokens=False)])
                for x in letters
            ]
        )
    replies = conversation.elicit([Request(PREFILL, 4, options=letters)] * 2)
    for reply, logps in zip(replies, expected, strict=True):
        assert [s.logp for s in reply.options] == pytest.approx(logps, abs=2e-3)
        assert [s.tokens for s in reply.options] == [1, 1, 1]


@pytest.mark.parametrize("name", KINDS)
def test_scores_equal_a_plain_pass(name: str) -> None:
    model = tiny.model(name)
    conversation = _open(model)
    texts = [
        ["yes", "no, nobody knows", "yes, it can't be determined"],
        ["\n", "the grandfather", "the grandson", "the"],
    ]
    for again in range(2):  # the second time from what the first left in the cache
        prompts = [_ids(model, conversation, row, "") for row in range(2)]
        scores = conversation.likelihoods(texts)
        for row in range(2):
            wholes = [_ids(model, conversation, row, text) for text in texts[row]]
            first = scores[row][0]
            assert first.prompt_tokens == len(prompts[row])
            # all but the last token, or two where a text merges with the last
            kept = len(prompts[row]) - first.reused in (1, 2)
            assert kept if again and model.engine.packed else first.reused == 0
            assert first.reused + first.encoded >= len(prompts[row])
            expected = _plain_scores(model, prompts[row], wholes)
            for score, (logp, tokens) in zip(scores[row], expected, strict=True):
                assert score.logp == pytest.approx(logp, abs=5e-3)
                assert score.tokens == tokens
    # nothing has advanced
    assert [m.role for m in conversation.transcripts[0].messages] == ["user"]


def test_long_options_of_a_request_equal_score() -> None:
    model = tiny.model()
    options = ("a) the grandfather", "b) the grandson", "c")
    (reply, _) = _open(model).elicit([Request(PREFILL, 3, options=options)] * 2)
    (alone, _) = _open(model).likelihoods([[PREFILL + option for option in options]] * 2)
    prefill = alone[0].logp_shared
    shared = reply.options[0].logp_shared
    for mine, whole in zip(reply.options, alone, strict=True):
        assert mine.logp - shared == pytest.approx(whole.logp - prefill, abs=1e-3)
    plain = _open(model)
    assert plain.elicit([Request(PREFILL, 3)] * 2)[0].token_ids == reply.token_ids


def test_a_text_that_merges_with_the_prompt() -> None:
    """The prefill's last token becomes another one: it is scored again, not left in."""
    model = tiny.model()
    conversation = _open(model, ("Who?",))
    prompt = _ids(model, conversation, 0, "The ans")
    wholes = [_ids(model, conversation, 0, f"The ans{text}") for text in ("wer", "x")]
    assert wholes[0][: len(prompt)] != prompt
    expected = _plain_scores(model, prompt, wholes)
    (reply,) = conversation.elicit([Request("The ans", 2, options=("wer", "x"))])
    for option, (logp, tokens) in zip(reply.options, expected, strict=True):
        assert (option.tokens, option.logp) == (tokens, pytest.approx(logp, abs=1e-3))


@pytest.mark.parametrize("texts", [["", "x"], ["x", ""], [""], ["ab", "ab"], ["x", "xy", "x"]])
def test_empty_and_equal_texts(texts: list[str]) -> None:
    model = tiny.model()
    conversation = _open(model, ("Who?",))
    (scores,) = conversation.likelihoods([texts])
    prompt = _ids(model, conversation, 0, "")
    wholes = [_ids(model, conversation, 0, text) for text in texts]
    for score, (logp, tokens) in zip(scores, _plain_scores(model, prompt, wholes), strict=True):
        assert (score.tokens, score.logp) == (tokens, pytest.approx(logp, abs=1e-3))


def test_a_special_token_as_option_is_its_spelling() -> None:
    """Else a data set could ask for the likelihood of the end of the turn."""
    model = tiny.model()
    (reply,) = _open(model, ("Who?",)).elicit([Request("", 2, options=("<|im_end|>", "a"))])
    assert reply.options[0].tokens > 1


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3", "gpt2", "lfm2"])
@pytest.mark.parametrize("tokens", [4, 2])
def test_hidden_states_equal_a_plain_pass(name: str, tokens: int) -> None:
    model = tiny.model(name)
    layers = model.twin.config.num_hidden_layers
    wanted = tuple(range(layers - 1))  # what transformers returns last is after the final norm
    sites = (Site("residual", wanted), Site("residual", wanted, "first_answer"))
    conversation = _open(model)
    for _ in range(3):
        prompts = [_ids(model, conversation, row, PREFILL) for row in range(2)]
        replies = conversation.elicit([Request(PREFILL, tokens, states=sites)] * 2)
        for prompt, reply in zip(prompts, replies, strict=True):
            ids = [*prompt, reply.token_ids[0]]
            with torch.inference_mode():
                out = model.twin(torch.tensor([ids]), output_hidden_states=True).hidden_states
            for site, at in zip(sites, (-2, -1), strict=True):
                expected = torch.stack([out[layer + 1][0, at] for layer in wanted])
                assert reply.states[site].shape == expected.shape
                torch.testing.assert_close(reply.states[site], expected, atol=2e-3, rtol=1e-3)
        conversation.say([message("user", "Again: who?")] * 2)


@pytest.mark.parametrize("kind", ["attention", "mlp"])
def test_block_outputs_equal_a_hook_on_a_plain_pass(kind: Any) -> None:
    model = tiny.model("gemma3")
    site = Site(kind, (0, 3))
    conversation = _open(model)
    prompt = _ids(model, conversation, 1, "")
    caught = []
    handles = [
        getattr(
            model.twin.model.layers[n], "self_attn" if kind == "attention" else "mlp"
        ).register_forward_hook(
            lambda _m, _i, o: caught.append((o[0] if isinstance(o, tuple) else o)[0, -1])
        )
        for n in site.layers
    ]
    with torch.inference_mode():
        model.twin(torch.tensor([prompt]))
    for handle in handles:
        handle.remove()
    reply = conversation.elicit([Request("", 3, states=(site,))] * 2)[1]
    torch.testing.assert_close(reply.states[site], torch.stack(caught), atol=2e-3, rtol=1e-3)


def test_only_what_is_wanted_is_picked(monkeypatch: Any) -> None:
    """A layer that is hooked for one site costs nothing at another site's position."""
    model = tiny.model()
    sites = (
        Site("residual", (0, 2)),
        Site("residual", (1,), "first_answer"),
        Site("mlp", (2,), "end_of_message:-1"),
    )
    wanted = {(site.kind, layer, site.at) for site in sites for layer in site.layers}
    picked: list[tuple[str, int, str]] = []
    collect = Reader.collect

    def seen(self: Reader) -> None:
        for kind, layer, k in self._picked:
            picked.append((kind, layer, self._wanted[k][1].at))
        collect(self)

    monkeypatch.setattr(Reader, "collect", seen)
    conversation = _open(model)
    replies = conversation.elicit([Request(PREFILL, 4, states=sites)] * 2)
    assert sorted(picked) == sorted([*wanted] * 2)
    assert all(
        reply.states[site].shape[0] == len(site.layers) for reply in replies for site in sites
    )


def test_states_where_a_model_has_none_are_refused() -> None:
    for name, site, part in [
        ("mamba", Site("attention", (0,)), "attention"),
        ("llama", Site("residual", (9,)), "layer 9"),
        ("llama", Site("residual", (0,), "somewhere"), "somewhere"),
    ]:
        with pytest.raises(UserError, match=part):
            _open(tiny.model(name)).elicit([Request("", 2, states=(site,))] * 2)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_letters_and_states_cost_no_pass_and_no_token(name: str) -> None:
    model = tiny.model(name)
    sites = (Site("residual", (0, 2)), Site("mlp", (1,), "first_answer"))
    counts = []
    for extra in ({}, {"options": ("a", "b", "c"), "states": sites}):
        conversation = _open(model)
        before = model.engine.passes
        cost = []
        for _ in range(3):
            replies = conversation.elicit([Request(PREFILL, 5, **extra)] * 2)
            cost += [(r.encoded, r.reused, r.generated, r.drafted, r.token_ids) for r in replies]
            conversation.say([message("user", "Again: who?")] * 2)
        counts.append((model.engine.passes - before, cost))
        if extra:
            assert all(reply.states and len(reply.options) == 3 for reply in replies)
    assert counts[0] == counts[1]


def test_tokens_encoded_are_counted_where_they_are_encoded() -> None:
    """The sum over replies equals the tokens that the network saw."""
    model = tiny.model()
    seen = []
    handle = model.engine.decoder.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    conversation = _open(model)
    counted = 0
    for options in ((), ("a", "b"), ("a long text", "another long one")):
        replies = conversation.elicit([Request(PREFILL, 5, options=options)] * 2)
        counted += sum(r.encoded for r in replies)
        conversation.say([message("user", "Again: who?")] * 2)
    counted += sum(
        s.encoded for row in conversation.likelihoods([["x", "yes yes"]] * 2) for s in row
    )
    handle.remove()
    assert counted == sum(seen)


@torch.inference_mode()
def test_sixteen_bit_logits_are_exact_where_it_matters(smollm2_bfloat16: Any) -> None:
    """Against the float32 product over the whole vocabulary, on real hidden states."""
    model = smollm2_bfloat16
    text = "The nurse told the engineer that he or she was" * 6
    ids = torch.tensor([model.vocabulary.template.encode(text)])
    network, plain = model.engine.network, model.engine.network.config._attn_implementation
    network.set_attn_implementation("sdpa")
    try:
        hidden = model.engine.decoder(input_ids=ids, use_cache=False).last_hidden_state[0]
    finally:
        network.set_attn_implementation(plain)
    ours = model.engine.head.logits(hidden)
    exact = hidden.float() @ model.engine.head.weight.float().T
    two = exact.topk(2, dim=-1)
    torch.testing.assert_close(ours.gather(1, two.indices), two.values, atol=1e-4, rtol=1e-5)
    assert torch.equal(ours.argmax(-1), exact.argmax(-1))
    error = torch.logsumexp(ours, -1) - torch.logsumexp(exact, -1)
    assert error.abs().max() < 0.01


def test_states_at_the_end_of_a_message_equal_a_plain_pass() -> None:
    """Of the latest message in the pass that happens anyway; of an earlier one by going back."""
    model = tiny.model()
    conversation = _open(model)
    sites = (Site("residual", (0, 1), "end_of_message:-1"), Site("residual", (1,)))
    for _ in range(2):
        replies = conversation.elicit([Request(PREFILL, 4, states=sites)] * 2)
        conversation.say([message("user", "Again: who?")] * 2)
    latest = replies[0].encoded
    site = Site("residual", (0, 1), "end_of_message:0")
    prompt = _ids(model, conversation, 0, PREFILL)
    first = [{"role": "user", "content": "What is it?"}]
    text = model.vocabulary.tokenizer.apply_chat_template(
        first, tokenize=False, add_generation_prompt=False
    )
    end = len(model.vocabulary.tokenizer(text, add_special_tokens=False)["input_ids"])
    with torch.inference_mode():
        out = model.twin(torch.tensor([prompt]), output_hidden_states=True).hidden_states
    reply = conversation.elicit([Request(PREFILL, 4, states=(site, *sites))] * 2)[0]
    opening = len(model.vocabulary.tokenizer("<|im_start|>assistant\n" + PREFILL)["input_ids"])
    for each, at in ((site, end - 1), (sites[0], len(prompt) - opening - 1), (sites[1], -1)):
        expected = torch.stack([out[layer + 1][0, at] for layer in each.layers])
        torch.testing.assert_close(reply.states[each], expected, atol=2e-3, rtol=1e-3)
    assert reply.reused == end - 1
    assert reply.encoded > latest
    for at in ("end_of_message:9", "end_of_message:x", "end_of_message"):
        with pytest.raises(UserError, match="end_of_message"):
            _open(model).elicit([Request("", 2, states=(Site("residual", (0,), at),))] * 2)
