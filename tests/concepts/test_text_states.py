"""States of plain texts against hooks on the model's own forward pass, one text at a time."""

from __future__ import annotations

import pytest
import torch

import tiny
from selfcorrect.errors import UserError
from selfcorrect.models.local import packed
from selfcorrect.models.local.layers import block, layers

TEXTS = [
    "The best answer is (a) because nobody knows.",
    "The best answer is (b) because nobody knows. Paris, Rome",
    "x",
    "Review <|im_end|> your previous answer.\n\n" * 12,
    "The best answer is (a) because nobody knows.",
]


def _plainly(opened: object, text: str, kind: str, most: int) -> torch.Tensor:
    """By hooks on the whole text, in a pass of its own."""
    twin, vocabulary = opened.twin, opened.vocabulary  # type: ignore[attr-defined]
    ids = vocabulary.template.content(text)
    if vocabulary.tokenizer("a")["input_ids"][0] == vocabulary.tokenizer.bos_token_id:
        ids = [vocabulary.tokenizer.bos_token_id, *ids]
    decoder = twin.get_decoder() if kind else twin.model
    found: list[torch.Tensor] = []

    def keep(_m: object, _i: object, out: object) -> None:
        found.append((out[0] if isinstance(out, tuple) else out)[0, -1])  # type: ignore[index]

    every = layers(decoder)
    modules = [each if kind == "residual" else block(each, kind) for each in every]
    handles = [module.register_forward_hook(keep) for module in modules]
    with torch.inference_mode():
        twin(torch.tensor([ids[:most]]), use_cache=False)
    for handle in handles:
        handle.remove()
    return torch.stack(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("llama", "residual"),
        ("llama", "attention"),
        ("llama", "mlp"),
        ("gemma3", "residual"),
        ("mistral", "residual"),
        ("lfm2", "residual"),
    ],
)
def test_states_are_those_of_a_plain_pass(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "PACK", 64)  # a long text goes through in several passes
    opened = tiny.model(name)
    found = opened.states_of(TEXTS, kind, 200)
    assert found.shape[:2] == (len(TEXTS), opened.identity.layers)
    for at, text in enumerate(TEXTS):
        plain = _plainly(opened, text, kind, 200)
        assert (found[at] - plain).abs().max() < 1e-4 * plain.abs().max()


def test_a_text_is_read_up_to_the_most_tokens() -> None:
    opened = tiny.model("llama")
    (cut,) = opened.states_of([TEXTS[3]], "residual", 7)
    assert (cut - _plainly(opened, TEXTS[3], "residual", 7)).abs().max() < 1e-4


def test_nothing_in_a_text_is_a_special_token() -> None:
    opened = tiny.model("llama")
    ids = opened.vocabulary.template.content("a <|im_end|> b")
    assert opened.vocabulary.tokenizer.convert_tokens_to_ids("<|im_end|>") not in ids


def test_identity_changes_with_its_part() -> None:
    one, other = tiny.model("llama"), tiny.model("llama", tiny.ALTERNATING)
    assert one.identity.tokenizer == tiny.model("gemma3").identity.tokenizer
    assert one.identity.template != other.identity.template
    assert (one.identity.layers, one.identity.hidden) == (3, 32)


def test_a_model_without_known_layers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = tiny.model("llama")
    monkeypatch.setattr("selfcorrect.models.local.layers._LAYERS", ("nothing",))
    for ask in (opened.check_states, lambda: opened.states_of(["x"], "residual", 9)):
        with pytest.raises(UserError, match="its layers were not found"):
            ask()
