"""What is sent to servers and read from their answers: properties of the plain functions."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.messages import TOOL_RESULT, Transcript, message
from selfcorrect.models.endpoint import Budget, BudgetError, Capabilities, Meter, load
from selfcorrect.models.endpoint.address import address, without_secrets
from selfcorrect.models.endpoint.answers import Token
from selfcorrect.models.endpoint.budget import Usage
from selfcorrect.models.endpoint.conversation import EndpointConversation, beginning
from selfcorrect.models.endpoint.keys import Keys
from selfcorrect.models.endpoint.options import read_likeliest, spread
from selfcorrect.models.endpoint.wire import Ask, _folded, body, overlap, render
from selfcorrect.models.planted import load as planted

KEY = "sk-proj-Zx81kd02jfQpLm7749"
TEXT = st.text(max_size=30)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
TRANSCRIPT = st.lists(st.builds(message, ROLES, TEXT), max_size=8)


@pytest.mark.parametrize(
    ("url", "read", "place"),
    [
        ("http://localhost:8000/v1/", "http://localhost:8000/v1", "localhost:8000"),
        ("https://gateway.example/a/v1", "https://gateway.example:443/a/v1", "gateway.example:443"),
        ("http://[::1]:80", "http://[::1]:80", "[::1]:80"),
    ],
)
def test_an_address_is_read(url: str, read: str, place: str) -> None:
    assert (address(url).url, address(url).place) == (read, place)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{KEY}@gateway.example/v1",
        f"https://{KEY}@gateway.example/v1",
        f"https://gateway.example/v1?key={KEY}",
        f"https://gateway.example/v1#{KEY}",
        f"{KEY}",
        "http://host:99999/v1",
        "http://host:x/v1",
        "ftp://host/v1",
        "",
    ],
)
def test_an_address_with_more_or_less_in_it_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UserError) as refused:
        address(url)
    assert KEY not in str(refused.value)
    assert str(refused.value).count(".") >= 1


@given(TEXT, TEXT, st.integers(0, 12), st.integers(0, 30))
def test_no_part_of_a_key_is_shown(before: str, after: str, start: int, length: int) -> None:
    part = KEY[start : start + length]
    shown = without_secrets(f"{before}{part}{after}", Keys(["", KEY]))
    longest = max((n for n in range(8, len(KEY)) if KEY[:n] in shown), default=0)
    assert longest == 0
    assert not any(KEY[at : at + 8] in shown for at in range(len(KEY) - 7))
    assert "\n" not in shown
    assert len(shown) <= 241


@given(TRANSCRIPT, st.booleans())
def test_folding_keeps_every_text_and_alternates(messages: list[Any], system: bool) -> None:
    folded, notes = _folded(messages, Capabilities(chat=True, system=system))
    whole = "\x00".join(m.text for m in folded)
    assert all(m.text in whole for m in messages)
    assert whole.count(TOOL_RESULT) >= sum(m.role == "tool" for m in messages)
    assert all(a.role != b.role for a, b in itertools.pairwise(folded))
    assert {m.role for m in folded} <= {"system", "user", "assistant"}
    assert all(m.role != "system" or (system and at == 0) for at, m in enumerate(folded))
    untouched = [m for m in messages if m.role in ("user", "assistant")]
    assert bool(notes) or len(untouched) >= len(messages) - (messages[:1] != untouched[:1])


@given(TRANSCRIPT, TEXT, TEXT)
def test_texts_stand_only_in_messages(messages: list[Any], spoken: str, prefill: str) -> None:
    """The chat template's own markers in a text stay text: nothing but ``content`` holds it."""
    able = Capabilities(chat=True, prefill="continue", logprobs=True, top=20, settings=("top_p",))
    sent, _ = body("m", able, Ask(tuple(messages), spoken, prefill, 8, 1.0, 3, likely=True))
    contents = [m["content"] for m in sent.pop("messages")]
    assert not sent.keys() - {
        "model", "max_tokens", "temperature", "seed", "top_p", "logprobs", "top_logprobs",
        "continue_final_message", "add_generation_prompt",
    }  # fmt: skip
    assert contents[-1:] == [spoken + prefill] or not spoken + prefill
    said = "\n".join(contents)
    assert all(m.text in said for m in messages)


@given(st.integers(0, 2**56))
def test_seeds_are_what_every_server_takes(seed: int) -> None:
    sent, _ = body("m", Capabilities(chat=True, seeds=True), Ask((), temperature=1.0, seed=seed))
    assert 0 <= sent["seed"] < 2**31


@pytest.mark.parametrize(
    ("prefill", "text", "rest"),
    [
        ("The best answer is (", "The best answer is (b) x", "b) x"),
        ("The best answer is (", "(b) x", "b) x"),
        ("The best answer is (", " is (b)", "b)"),
        ("The best answer is (", "b) x", "b) x"),
        ("The answer: a", "and so on", "and so on"),
        ("The answer: a", "a) x", ") x"),
        ("The answer:", "The answer: b", " b"),
        ("", "b", "b"),
    ],
)
def test_a_beginning_said_again_is_cut(prefill: str, text: str, rest: str) -> None:
    assert text[overlap(prefill, text) :] == rest


@given(st.text(min_size=1, max_size=20).filter(lambda t: t == t.strip() and t), TEXT)
def test_a_whole_beginning_said_again_is_cut(prefill: str, rest: str) -> None:
    assert overlap(prefill, prefill + rest) == len(prefill)


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_what_texts_begin_with_leaves_something_of_each(texts: list[str]) -> None:
    begun = beginning(texts)
    assert all(text.startswith(begun) for text in texts)
    assert not begun or all(len(text) > len(begun) for text in texts)
    assert not begun[-1:].isspace()


def test_what_texts_begin_with_ends_at_a_word() -> None:
    assert beginning(["The answer: (yes", "The answer: (no"]) == "The answer: ("
    assert beginning(["unknown", "unclear"]) == ""
    assert beginning(["Is it. unknown", "Is it. unclear"]) == "Is it."


def _first(p: dict[str, float]) -> Token:
    top = tuple((token, math.log(value)) for token, value in p.items())
    return Token(max(p, key=p.__getitem__), max(logp for _, logp in top), None, top)


def test_likelihoods_that_all_stand_there_are_exact_and_not_noted() -> None:
    read = read_likeliest(_first({"a": 0.5, "b": 0.3, " a": 0.1, "c": 0.05}), ["a", "b", "c"])
    assert read is not None
    assert read.exact
    assert read.notes == ()
    assert [math.exp(s.logp) for s in read.found] == pytest.approx([0.5, 0.3, 0.05])


def test_what_is_not_among_the_likeliest_gets_the_most_it_can_have_and_a_note() -> None:
    read = read_likeliest(_first({"a": 0.5, "x": 0.28, "a)": 0.1, " b": 0.08}), ["a", "b", "c"])
    assert read is not None
    assert not read.exact
    assert [math.exp(s.logp) for s in read.found] == pytest.approx([0.6, 0.08, 0.04])
    assert read.notes == (
        "options were read from the 4 likeliest first tokens",
        "an option wasn't among the 4 likeliest first tokens (c) "
        "and got the most that it can have, of the 0.04 that these leave",
    )


def test_a_word_that_begins_with_the_letter_is_not_the_letter() -> None:
    assert read_likeliest(_first({"An": 0.9, "Because": 0.1}), ["A", "B"]) is None
    read = read_likeliest(_first({"un": 0.5, "yes": 0.4}), ["unknown", "unclear", "yes"])
    assert read is not None
    assert math.exp(read.found[2].logp) == pytest.approx(0.4)
    assert read.found[0] == read.found[1]


@given(st.lists(st.text("ab( ", min_size=1, max_size=3), min_size=2, max_size=4), st.randoms())
def test_scores_of_given_texts_sum_what_the_texts_own(texts: list[str], draw: Any) -> None:
    """However tokens are cut, each score is the sum from where the first text begins."""

    def cut(text: str) -> list[str]:
        pieces, at = [], 0
        while at < len(text):
            size = draw.randint(1, 3)
            pieces.append(text[at : at + size])
            at += size
        return pieces

    prompt = [Token("the", -1.0), Token(" prompt", -2.0), Token(":", -3.0)]
    logps: dict[str, float] = {}
    wholes = [
        [*prompt, *(Token(t, logps.setdefault(t, -draw.random())) for t in cut(text))]
        for text in texts
    ]
    scores = spread(wholes, texts)
    assert [s.logp for s in scores] == pytest.approx(
        [sum(token.logp for token in whole[3:]) for whole in wholes]
    )
    assert all(s.shared < s.tokens and s.logp_shared >= s.logp for s in scores)
    assert len({(s.shared, s.logp_shared) for s in scores}) == 1


def test_a_text_merged_with_what_stands_before_is_scored_with_it() -> None:
    wholes = [[Token("is", -1.0), Token(" (a", -2.0)], [Token("is", -1.0), Token(" (b", -3.0)]]
    assert [(s.logp, s.tokens) for s in spread(wholes, ["a", "b"])] == [(-2.0, 1), (-3.0, 1)]
    assert spread([[Token("\ufffd", -1.0)], [Token("b", -1.0)]], ["é", "b"]) == []


@settings(max_examples=60)
@given(st.data())
def test_dialogues_are_kept_as_by_every_other_model(data: Any) -> None:
    """say, restart, branch and close leave the messages that the planted model's leave."""
    reference: Any = planted("planted:chain").open(2)
    ours: Any = EndpointConversation(  # type: ignore[arg-type]
        None, None, [Transcript(), Transcript()]
    )
    for _ in range(data.draw(st.integers(1, 6))):
        size = len(ours.transcripts)
        step = data.draw(st.sampled_from(["say", "say", "restart", "branch", "close"]))
        if step == "branch" and size <= 4:
            copies = data.draw(st.integers(1, 2))
            before = reference, ours
            reference, ours = reference.branch(copies), ours.branch(copies)
            before[0].say([message("user", "later")] * size)
            before[1].say([message("user", "later")] * size)
        elif step == "close":
            which = data.draw(st.lists(st.integers(0, size - 1), max_size=1))
            reference.close(which)
            ours.close(which)
        elif step == "restart":
            new = data.draw(st.lists(st.none() | TRANSCRIPT, min_size=size, max_size=size))
            reference.restart(new)
            ours.restart(new)
        else:
            one = st.none() | st.builds(message, ROLES, TEXT)
            new = data.draw(st.lists(one, min_size=size, max_size=size))
            reference.say(new)
            ours.say(new)
        assert ours.transcripts == reference.transcripts


def test_the_plain_rendering() -> None:
    messages = [message("system", "Be brief."), message("user", "Which?")]
    assert render(messages, None) == "Instruction: Be brief.\n\nUser: Which?"
    assert render(messages, "It is (") == (
        "Instruction: Be brief.\n\nUser: Which?\n\nAssistant: It is ("
    )
    assert render(messages, "") == "Instruction: Be brief.\n\nUser: Which?\n\nAssistant:"


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 2, st.floats(0, 1)), max_size=12), st.booleans())
@settings(deadline=None)
def test_a_budget_is_never_exceeded(requests: list[Any], money: bool) -> None:
    budget = Budget(money=100 / 1e6, prompt_price=1.0, completion_price=2.0)
    meter = Meter(budget if money else Budget(tokens=100))
    refused = 0

    async def one(prompt: int, completion: int, share: float) -> None:
        nonlocal refused
        try:
            await meter.hold(prompt, completion)
        except BudgetError:
            refused += 1
            return
        await asyncio.sleep(0)
        meter.count(Usage(int(prompt * share), 0, int(completion * share)))
        await meter.release(prompt, completion)

    async def every() -> None:
        await asyncio.gather(*(one(*request) for request in requests))

    asyncio.run(every())
    assert (meter.money <= 100 / 1e6 * (1 + 1e-9)) if money else meter.tokens <= 100
    assert meter.requests + refused == len(requests)


def test_bad_arguments_are_told() -> None:
    for wrong in ({"in_flight": 0}, {"draws": 0}, {"wait": 0}, {"timeout": math.nan}):
        with pytest.raises(UserError):
            load("openai:x", "http://127.0.0.1:1/v1", **wrong)  # type: ignore[arg-type]
    for name in ("openai:", "x"):
        with pytest.raises(UserError, match="openai:NAME"):
            load(name)
    with pytest.raises(UserError, match="prices"):
        Budget(money=1.0)
    with pytest.raises(UserError, match="below 0"):
        Budget(tokens=-1)
    assert random.Random(0).random() < 1


def test_without_an_address_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UserError, match="address of openai:x isn't known, so nothing is sent"):
        load("openai:x")
    for empty in ("", "  "):
        with pytest.raises(UserError, match="the base URL is empty, so nothing is sent"):
            load("openai:x", empty)
