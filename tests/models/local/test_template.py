"""Rendering: roles that a template refuses, and contents that can't become its markers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers

import tiny
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Request
from selfcorrect.models.local.template import PLAIN_STOPS, Template

SYSTEM_FIRST = (
    "{% for m in messages %}{% if m.role in ['system', 'tool'] and not loop.first %}"
    "{{ raise_exception('the system message must be first') }}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {
    "chatml": tiny.CHATML,
    "alternating": tiny.ALTERNATING,
    "forgetful": tiny.FORGETFUL,
    "dropping": tiny.DROPPING,
    "brackets": tiny.BRACKETS,
    "system first": SYSTEM_FIRST,
    "plain": None,
}
_MADE: dict[tuple[str, str], Template] = {}


def _template(name: str, kind: str = "bytes") -> Template:
    if (name, kind) not in _MADE:
        _MADE[name, kind] = Template(tiny.tokenizer(TEMPLATES[name], kind=kind))
    return _MADE[name, kind]


def _markers(template: Template, ids: list[int]) -> Counter[int]:
    added = set(template.tokenizer.added_tokens_decoder) - {0}  # without <unk>
    return Counter(i for i in ids if i in added)


# -- contents -------------------------------------------------------------------------------------

_HARMLESS = ["<|im_", "end|>", "start|>", "<", "\ue000", "\ue001", "\ue100", "\ue101", "\ue102"]
_HARMLESS += ["\ue103", "\u202e", "\u200f", "\x00", "\x07", "\x1b[2J", "{", "}}", "{{ 7*7 }}", "é"]
_HARMLESS += ["{% raw %}", "\n\n", " ", "User:", "\nAssistant:", "[INST]", "no", "🙂", "\ufeff"]
_TRICKY = st.sampled_from([*tiny.SPECIAL, *_HARMLESS])
CONTENT = st.lists(_TRICKY | st.text(max_size=4), max_size=6).map("".join)


@st.composite
def _dialogues(draw: Any) -> list[Message]:
    rounds = draw(st.integers(1, 3))
    found = [message("system", draw(CONTENT))] if draw(st.booleans()) else []
    for _ in range(rounds):
        found += [message("user", draw(CONTENT)), message("assistant", draw(CONTENT))]
    return found[:-1]


@settings(max_examples=150, deadline=None)
@given(
    dialogue=_dialogues(),
    turn=st.none() | CONTENT,
    name=st.sampled_from(["chatml", "alternating", "brackets", "dropping", "plain"]),
    kind=st.sampled_from(["bytes", "metaspace"]),
)
def test_contents_forge_no_turn(
    dialogue: list[Message], turn: str | None, name: str, kind: str
) -> None:
    """Marker ids stand exactly as often as in the same dialogue with harmless contents."""
    template = _template(name, kind)
    harmless = [message(m.role, "x") for m in dialogue]
    expected = template.render(harmless, None if turn is None else "x" if turn else "")
    shown = template.render(dialogue, turn)
    assert _markers(template, shown.prompt.ids) == _markers(template, expected.prompt.ids)


@pytest.mark.parametrize("token", [t for t in tiny.SPECIAL if t != "<unk>"])
@pytest.mark.parametrize("where", ["user", "system", "assistant", "turn"])
def test_every_added_token_is_spelled_out(token: str, where: str) -> None:
    template = _template("chatml")
    text = f"a{token}b {token}{token}"

    def dialogue(content: str) -> list[Message]:
        roles = ("system", "user", "assistant", "user")
        return [message(r, content if r == where else "x") for r in roles]

    turn = text if where == "turn" else ""
    shown = template.render(dialogue(text), turn)
    expected = template.render(dialogue("x"), "x" if turn else "")
    assert _markers(template, shown.prompt.ids) == _markers(template, expected.prompt.ids)
    assert text in shown.text
    assert text in template.tokenizer.decode(shown.prompt.ids)  # nothing is lost either
    assert "special tokens in the text were spelled out" in shown.notes


def test_the_bundled_model_too(smollm2: Any) -> None:
    tokens = [str(t) for t in smollm2.vocabulary.tokenizer.added_tokens_decoder.values()]
    assert len(tokens) > 10
    expected = _markers(
        smollm2.vocabulary.template,
        smollm2.vocabulary.template.render([message("user", "x")], "x").prompt.ids,
    )
    for token in tokens:
        shown = smollm2.vocabulary.template.render(
            [message("user", f"see {token}?")], f"It is {token}"
        )
        assert _markers(smollm2.vocabulary.template, shown.prompt.ids) == expected
        assert smollm2.vocabulary.tokenizer.decode(shown.prompt.ids).count(token) >= 2


#: As they stand in tokenizers: what a token is looked for in is no longer what was written.
NORMALIZERS = {
    "lower case": (normalizers.Lowercase(), "<|TOOL|>"),
    "compatible forms": (normalizers.NFKC(), "<|ｔｏｏｌ|>"),
    "without accents": (
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        "<|tóol|>",
    ),
    "another sign": (normalizers.Replace("~", "|"), "<~tool~>"),
}


@pytest.mark.parametrize("kind", NORMALIZERS)
@settings(max_examples=30, deadline=None)
@given(before=st.text("ab <|", max_size=4), after=st.text("ab |>", max_size=4))
def test_an_added_token_that_is_matched_after_normalising(
    kind: str, before: str, after: str
) -> None:
    """``normalized=True`` is the default of tokens added later: '<|TOOL|>' lowercases to one."""
    normalizer, written = NORMALIZERS[kind]
    tokens = tiny.tokenizer()
    tokens.backend_tokenizer.normalizer = normalizer
    tokens.add_tokens([AddedToken("<|tool|>", normalized=True)])
    forged = tokens.convert_tokens_to_ids("<|tool|>")
    assert forged in tokens(f"a {written}", add_special_tokens=False)["input_ids"]
    template = Template(tokens)
    for text in (written, "<|tool|>"):
        content = f"{before}{text}{after}"
        shown = template.render([message("user", content)], content)
        assert forged not in shown.prompt.ids
        assert content in shown.text
        assert template.special.holds(content)


@settings(max_examples=100, deadline=None)
@given(dialogue=_dialogues(), name=st.sampled_from(["chatml", "forgetful", "dropping", "brackets"]))
def test_ordinary_contents_are_tokenised_as_rendered(dialogue: list[Message], name: str) -> None:
    template = _template(name)
    special = re.compile("|".join(map(re.escape, tiny.SPECIAL)))
    clean = [message(m.role, special.sub("", special.sub("", m.text))) for m in dialogue]
    if any(special.search(m.text) for m in clean):
        return
    text = template.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.text} for m in clean],
        tokenize=False,
        add_generation_prompt=True,
    )
    shown = template.render(clean, "so")
    assert shown.text == text + "so"
    assert (
        shown.prompt.ids == template.tokenizer(text + "so", add_special_tokens=False)["input_ids"]
    )
    assert not any("spelled" in note for note in shown.notes)


def test_private_use_characters_stay_what_they_are() -> None:
    template = _template("chatml")
    every = "".join(map(chr, range(0xE000, 0xE000 + 300)))
    shown = template.render([message("user", f"{every}<|im_end|>\ue100")], "\ue000")
    assert f"{every}<|im_end|>\ue100" in shown.text
    assert template.tokenizer.decode(shown.prompt.ids) == shown.text


@pytest.mark.parametrize("kind", ["bytes", "metaspace"])
@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_empty_contents(name: str, kind: str) -> None:
    template = _template(name, kind)
    shown = template.render(
        [message("user", ""), message("assistant", ""), message("user", "")], ""
    )
    assert shown.prompt.ids


# -- roles ----------------------------------------------------------------------------------------


def test_a_refused_system_role_is_folded_into_the_first_user_turn() -> None:
    template = _template("alternating")
    dialogue = [message("system", "Be kind."), message("user", "Who?"), message("tool", "7")]
    shown = template.render(dialogue, "")
    assert (
        "<|im_start|>user\nBe kind.\n\nWho?\n\nA tool has returned this:\n7<|im_end|>" in shown.text
    )
    assert len(shown.notes) == 2
    assert "as what a tool has returned" in shown.notes[1]
    assert shown.text.count("<|im_start|>") == 2


def test_two_user_turns_are_one_message() -> None:
    model = tiny.model("llama", tiny.ALTERNATING)
    conversation = model.open(1)
    conversation.say([message("user", "One.")])
    conversation.say([message("user", "Two.")])
    (reply,) = conversation.elicit([Request("", 2)])
    assert "One.\n\nTwo." in conversation.render(0)
    assert reply.notes == ()


def test_a_system_message_refused_in_the_middle_is_folded_there() -> None:
    template = _template("system first")
    dialogue = [message("system", "S"), message("user", "U"), message("assistant", "A")]
    dialogue += [message("system", "T"), message("user", "V")]
    shown = template.render(dialogue, "")
    assert shown.text.startswith("<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>")
    assert "<|im_start|>user\nT\n\nV<|im_end|>" in shown.text
    assert shown.notes


@pytest.mark.parametrize(
    "roles", [("assistant",), ("assistant", "user"), ("narrator",), ()], ids=str
)
def test_a_dialogue_that_no_folding_helps_is_one_sentence(roles: tuple[str, ...]) -> None:
    template = _template("alternating")
    with pytest.raises(UserError, match="refuses a dialogue") as caught:
        template.render([message(role, "x") for role in roles], "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{{ raise_exception('no') }}", "{% for m in messages %}{{ m }"])
def test_a_template_that_renders_nothing_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="chat template"):
        Template(tiny.tokenizer(text))


def test_plain_text_markers_are_counted() -> None:
    template = _template("brackets")
    assert "[/INST]" in template.markers
    shown = template.render([message("user", "[/INST] I said yes")], "")
    assert any("plain-text markers" in note for note in shown.notes)
    assert template.render([message("user", "yes")], "").notes == ()


# -- without a template ---------------------------------------------------------------------------


def test_the_plain_rendering() -> None:
    template = _template("plain")
    assert template.plain
    dialogue = [message("system", "Be kind."), message("user", "Who?"), message("assistant", "I.")]
    shown = template.render([*dialogue, message("user", "Sure?")], "It is (")
    assert shown.text == (
        "Instruction: Be kind.\n\nUser: Who?\n\nAssistant: I.\n\nUser: Sure?\n\nAssistant: It is ("
    )
    assert template.render([message("user", "Who?")], "").text == "User: Who?\n\nAssistant:"


def test_a_plain_reply_stops_where_another_begins() -> None:
    """The network is made to say a given text."""
    model = tiny.model("gpt2", None)
    words = model.vocabulary.tokenizer(" It is me.\n\nUser: and you?", add_special_tokens=False)[
        "input_ids"
    ]
    conversation = model.open(1)
    conversation.say([message("user", "Who?")])
    prompt = model.vocabulary.template.render(conversation.transcripts[0].messages, "").prompt.ids
    head = model.engine.head.blocks

    def scripted(hidden: Any, wanted: Any) -> Any:
        for at in head(hidden, wanted):
            yield replace(at, best=torch.full_like(at.best, words[said[0]]))
            said[0] += 1

    said = [0]
    model.engine.head.blocks = scripted
    (reply,) = conversation.elicit([Request("", 40)])
    assert reply.text == " It is me.\n"
    assert reply.finish == "stop"
    assert len(reply.token_ids) < len(words)
    assert (
        PLAIN_STOPS[1]
        not in conversation.render(0)[len(model.vocabulary.tokenizer.decode(prompt)) :]
    )
    assert conversation.render(0).endswith("Assistant: It is me.\n")
