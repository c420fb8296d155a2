"""planted:chain: the law it states is the law it follows, whatever the batch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chains import PREFILL, ask, close, letter, question
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.base import Conversation, Model, Reply, Request
from selfcorrect.models.planted import Chain, Law, load

LABELS = "abc"


def opened(model: Chain | None = None) -> Conversation:
    talk = (model or load("planted:chain")).open(1)
    talk.say([ask(5)])
    return talk


def elicit(talk: Conversation, **request: object) -> Reply:
    (reply,) = talk.elicit([Request(**({"prefill": PREFILL, "max_tokens": 8} | request))])  # type: ignore[arg-type]
    assert reply is not None
    return reply


def test_it_is_a_model() -> None:
    model = load("planted:chain")
    assert isinstance(model, Model)
    assert isinstance(model.open(1), Conversation)
    assert model.count("one  two\nthree") == 3


@pytest.mark.parametrize(
    ("prefill", "begins"),
    [(PREFILL, "b) 12"), ("", "(b) 12"), ("I say", " (b) 12"), ("I say:\n", "(b) 12")],
)
def test_the_reply_continues_the_prefill(prefill: str, begins: str) -> None:
    model = load("planted:chain?accuracy=1")
    talk = model.open(1)
    talk.say([message("user", "What is 5 + 7?\n(a) 11\n(b) 12")])
    reply = elicit(talk, prefill=prefill)
    assert (reply.text, reply.finish, reply.generated) == (begins, "stop", 3)
    assert talk.render(0).endswith(f"Assistant: {prefill}{begins}")


def test_a_short_reply_is_cut() -> None:
    reply = elicit(opened(), max_tokens=1)
    assert reply.finish == "length"
    assert reply.generated == 1
    assert len(reply.text.split()) == 1


def test_messages_of_one_role_are_one() -> None:
    one, two = opened(), load("planted:chain").open(1)
    two.say([message("user", question(5)[0])])
    two.say([message("user", "Think first (please).")])
    assert one.render(0) == two.render(0)
    assert elicit(one) == elicit(two)


def test_none_sits_out_and_close_keeps_the_others() -> None:
    talk = load("planted:chain").open(3)
    talk.say([ask(0), None, ask(2)])
    request = Request(PREFILL, 8)
    assert [r is None for r in talk.elicit([request, None, request])] == [False, True, False]
    talk.close([0])
    assert talk.render(0) == ""
    talk.say([None, ask(1), message("user", "Review.")])
    assert [r is None for r in talk.elicit([None, request, request])] == [True, False, False]


def test_score_says_what_elicit_will_and_does_not_advance() -> None:
    talk = opened()
    before = talk.render(0)
    (scores,) = talk.likelihoods([LABELS])
    (full,) = talk.likelihoods([["(a) 121", "102", "nonsense"]])
    assert talk.render(0) == before
    reply = elicit(talk, options=tuple(LABELS))
    assert scores is not None
    assert full is not None
    assert [s.logp for s in scores] == [s.logp for s in reply.options]
    assert full[0].tokens == 2
    (again,) = talk.likelihoods([LABELS])  # the turn is open: the same answer
    assert again == scores
    assert talk.likelihoods([None]) == [None]
    assert talk.likelihoods([[]]) == [[]]


def test_a_turn_holds_one_answer() -> None:
    model = load("planted:chain?accuracy=0,cs=1,stay=0")
    talk = opened(model)
    first = elicit(talk, prefill="")
    second = elicit(talk, prefill="So it is (")
    assert first.text.strip("(") == second.text
    talk.say([message("user", "Review.")])
    assert letter(elicit(talk)) == question(5)[1] != letter(second)


def test_a_branch_goes_its_own_way() -> None:
    talk = opened()
    copies = talk.branch(4)
    seeds = [Request(PREFILL, 8, temperature=1.0, seed=s) for s in range(4)]
    once, again = copies.elicit(seeds), talk.branch(4).elicit(seeds)
    assert once == again
    found = [r.reused for r in once if r is not None]
    # the first of them encodes what the others find, all but the latest token
    assert found == [0, *[once[0].prompt_tokens - 1] * 3]  # type: ignore[union-attr]
    assert talk.render(0) == opened().render(0)
    elicit(talk)
    talk.say([message("user", "Review.")])
    (reply,) = talk.branch().elicit([Request(PREFILL, 8)])
    assert reply == elicit(talk)


def test_samples_follow_the_law() -> None:
    talk = load("planted:chain?accuracy=0.7").open(1)
    talk.say([ask(3)])
    replies = talk.branch(2000).elicit(
        [Request(PREFILL, 8, temperature=1.0, seed=s) for s in range(2000)]
    )
    assert close(sum(letter(r) == question(3)[1] for r in replies), 2000, 0.7)


def test_restart_reads_the_new_transcript_and_keeps_the_common_prefix() -> None:
    talk = opened(load("planted:chain?cl=1,cs=0,wander=0"))
    first = elicit(talk)
    history = [ask(5), message("assistant", "I said (c) 9"), message("user", "Review.")]
    talk.restart([history])
    reply = elicit(talk)
    assert letter(reply) == 2  # whoever wrote it, it stays
    assert first.prompt_tokens - 6 <= reply.reused < first.prompt_tokens
    fresh = load("planted:chain?cl=1,cs=0,wander=0").open(1)
    fresh.restart([history])
    other = elicit(fresh)
    assert (other.text, other.reused) == (reply.text, 0)
    assert other.encoded == other.prompt_tokens + other.generated


def test_tokens_are_counted_as_with_a_prefix_cache() -> None:
    talk = opened()
    last = 0
    for t in range(4):
        if t:
            talk.say([message("user", "Look at it again.")])
        prompt = len(f"{talk.render(0)}\n\nAssistant: {PREFILL}".split())
        reply = elicit(talk)
        assert reply.prompt_tokens == prompt
        assert reply.reused == last
        assert reply.encoded == prompt - last + reply.generated
        last = len(talk.render(0).split())


def test_a_transcript_beyond_the_window() -> None:
    model = Chain("planted:chain", Law(), context=20)
    talk = model.open(2)
    talk.say([ask(1), message("user", question(1)[0])])
    long, short = talk.elicit([Request("", 8), Request("", 3)])
    assert long is not None
    assert short is not None
    assert (long.finish, long.text, long.generated) == ("context", "", 0)
    assert short.finish == "stop" or short.finish == "length"
    assert talk.render(0).count("Assistant") == 0


def test_choices_that_are_no_options() -> None:
    talk = load("planted:chain").open(400)
    talk.say([ask(n) for n in range(400)])
    talk.elicit([Request(PREFILL, 8)] * 400)
    talk.say([message("user", "Are you sure?")] * 400)
    replies = talk.elicit([Request("", 8, options=("yes", "no"))] * 400)
    yes = 0
    for reply in replies:
        assert reply is not None
        p = [math.exp(score.logp) for score in reply.options]
        assert sum(p) == pytest.approx(1)
        assert reply.text == ("yes", "no")[int(np.argmax(p))]
        yes += reply.text == "yes"
    assert close(yes, 400, 0.5)
    # such a reply is no round: the answer is still that of round 1
    scores = talk.likelihoods([["yes", "no"]] * 400)
    assert all(s is not None for s in scores)


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France?\n(a) Paris\n(b) Rome",
        "What is 3 + 4?",
        "What is 3 + 4?\n(a) 7",
        "What is 3 + 4?\n(a) 8\n(b) 9",
        "What is 3 + 4?\n(a) 7\n(b) 7",
        "What is 3 + 4?\n(a) 7\n(a) 8",
        "",
    ],
)
def test_other_questions_are_refused(text: str) -> None:
    talk = load("planted:chain").open(1)
    talk.say([message("user", text)])
    with pytest.raises(UserError, match="task 'planted' only"):
        talk.elicit([Request(PREFILL, 8)])
    with pytest.raises(UserError, match="task 'planted' only"):
        load("planted:chain").open(1).likelihoods([["a"]])


def test_the_latest_question_counts() -> None:
    model = load("planted:chain?accuracy=1")
    talk = model.open(1)
    shot = "What is 1 + 1?\n(a) 2\n(b) 3\n\nWhat is 2 + -5?\n  (a) 4\n\n(b) -3\n(c) 30\n\nGo on."
    talk.say([message("user", shot)])
    assert elicit(talk).text == "b) -3"
