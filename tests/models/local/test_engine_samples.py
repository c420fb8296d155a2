"""Replies that are drawn beside one: from the same prompt, encoded once, never entered."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import tiny
from selfcorrect.models import Request, message

QUESTIONS = ["What is the capital of France?", "Which is it?", "Who is it, then? Say why.", "Yes?"]
SEEDS = (5, 6, 2**40, 8)
TOKENS = 9


def _asked(model: Any, samples: tuple[int, ...] = (), **more: Any) -> tuple[Any, Any]:
    talk = model.open(len(QUESTIONS))
    talk.say([message("user", text) for text in QUESTIONS])
    request = Request(max_tokens=TOKENS, samples=samples, **more)
    return talk, talk.elicit([request] * len(QUESTIONS))


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma3", "gemma2"])
def test_each_sample_is_what_a_dialogue_of_its_own_draws(kind: str) -> None:
    model = tiny.model(kind)
    talk, replies = _asked(model, SEEDS, sample_temperature=0.7)
    _, plain = _asked(model)
    assert [r.text for r in replies] == [r.text for r in plain]
    for row, reply in enumerate(replies):
        assert len(reply.samples) == len(SEEDS)
        for seed, sample in zip(SEEDS, reply.samples, strict=True):
            alone = model.open(1)
            alone.say([message("user", QUESTIONS[row])])
            (drawn,) = alone.elicit([Request(max_tokens=TOKENS, temperature=0.7, seed=seed)])
            assert sample.text == drawn.text
            assert sample.tokens == drawn.generated
            assert sample.logp == pytest.approx(math.fsum(drawn.token_logps), abs=1e-4)
            assert sample.cut == (drawn.finish == "length")
    assert len(talk.cache.tables) == len(QUESTIONS)


def test_the_prompt_is_encoded_once_and_samples_are_no_cost_of_the_reply() -> None:
    model = tiny.model("llama")
    _, replies = _asked(model, SEEDS)
    _, plain = _asked(model)
    costs = [(r.encoded, r.reused, r.generated, r.prompt_tokens) for r in replies]
    assert costs == [(r.encoded, r.reused, r.generated, r.prompt_tokens) for r in plain]
    for reply in replies:
        # the last token of the prompt, and all but the last of its own
        assert [s.encoded for s in reply.samples] == [s.tokens for s in reply.samples]


def test_samples_share_the_passes_that_the_replies_need() -> None:
    model = tiny.model("llama")
    engine = model.open(1).engine
    before = engine.passes
    _asked(model, SEEDS)
    assert engine.passes - before <= TOKENS


def test_nothing_of_a_sample_stays_in_the_dialogue() -> None:
    model = tiny.model("llama")

    def through(samples: tuple[int, ...]) -> tuple[list[str], list[int]]:
        talk, first = _asked(model, samples)
        talk.say([message("user", "Are you sure?")] * len(QUESTIONS))
        second = talk.elicit([Request(max_tokens=TOKENS, samples=samples)] * len(QUESTIONS))
        texts = [talk.render(row) for row in range(len(QUESTIONS))]
        talk.close(range(len(QUESTIONS)))
        uses = [n for page, n in enumerate(talk.cache.pool.uses) if n and page]
        return [*(r.text for r in (*first, *second)), *texts], uses

    plain, held = through(())
    drawn, after = through(SEEDS)
    assert drawn == plain
    assert len(after) <= len(held)  # every page of a sample was given back


def test_a_dialogue_that_does_not_fit_draws_nothing_and_others_do() -> None:
    model = tiny.model("llama", max_position_embeddings=64)
    talk = model.open(2)
    talk.say([message("user", "why " * 60), message("user", "why?")])
    long, short = talk.elicit([Request(max_tokens=TOKENS, samples=SEEDS)] * 2)
    assert long.finish == "context"
    assert long.samples == ()
    assert len(short.samples) == len(SEEDS)


def test_shares_of_samples_are_the_model_s_distribution() -> None:
    """Of 4,000 samples of one token: within what chance allows of the softmax of the logits."""
    model = tiny.model("llama")
    state = torch.get_rng_state()
    talk = model.open(1)
    talk.say([message("user", "Which?")])
    letters = ("a", "b", "c")
    (reply,) = talk.elicit([Request(max_tokens=1, options=letters, samples=tuple(range(4000)))])
    for option, likely in zip(letters, reply.options, strict=True):
        p = math.exp(likely.logp)
        seen = sum(abs((s.logp or 0) - likely.logp) < 1e-5 for s in reply.samples) / 4000
        assert abs(seen - p) < 5 * math.sqrt(p * (1 - p) / 4000) + 1e-3, option
    assert torch.equal(torch.get_rng_state(), state)  # the process's own draws are left alone
