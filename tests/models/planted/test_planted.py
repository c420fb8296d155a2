"""planted:chain: the law it states is the law it follows, whatever the batch."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Conversation, Model, Reply, Request
from selfcorrect.models.planted import Chain, Law, load

LABELS = "abc"
PREFILL = "The best answer is ("


def question(n: int, options: int = 3) -> tuple[str, int]:
    """A question as the task asks it, and the index of its right option."""
    a, b = 100 + n, 3 * n + 7
    truth = n % options
    numbers = [a + b + 10 * (k - truth) for k in range(options)]
    lines = [f"({label}) {number}" for label, number in zip("abcdefgh", numbers, strict=False)]
    return "\n".join([f"What is {a} + {b}?", *lines]), truth


def ask(n: int, options: int = 3) -> Message:
    return message("user", f"{question(n, options)[0]}\n\nThink first (please).")


def letter(reply: Reply | None) -> int:
    assert reply is not None
    return "abcdefgh".index(reply.text[0])


def run(
    model: Model, ids: Sequence[int], rounds: int, *, options: int = 3, chunk: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Choices [n, rounds] and option log-probabilities [n, rounds, options]."""
    choices = np.zeros((len(ids), rounds), dtype=int)
    logps = np.zeros((len(ids), rounds, options))
    for start in range(0, len(ids), chunk):
        mine = ids[start : start + chunk]
        talk = model.open(len(mine))
        talk.say([ask(n, options) for n in mine])
        for t in range(rounds):
            if t:
                talk.say([message("user", "Review your answer.")] * len(mine))
            request = Request(PREFILL, 8, options=tuple("abcdefgh"[:options]))
            for i, reply in enumerate(talk.elicit([request] * len(mine))):
                assert reply is not None
                choices[start + i, t] = letter(reply)
                logps[start + i, t] = [score.logp for score in reply.options]
    return choices, logps


def truths(ids: Sequence[int], options: int = 3) -> np.ndarray:
    return np.array([question(n, options)[1] for n in ids])


def close(k: float, n: int, p: float) -> bool:
    """Whether k of n is what probability p gives (two-sided, at 1e-4)."""
    return bool(stats.binomtest(round(k), n, p).pvalue > 1e-4)


# --- the law -----------------------------------------------------------------------------------

N = 4000
LAWS = [
    "planted:chain",
    "planted:chain?accuracy=0.5,cl=0.9,cs=0.3,stay=0,wander=0.5,sharpness=0.6,seed=7",
    "planted:chain?accuracy=0.6,cl=0.8,cs=0.2,stay=0.6,gap=0.2,sharpness=0.2,seed=1",
    "planted:chain?accuracy=0.7,cl=0.3,cs=0.9,stay=0.1,gap=-0.15,sharpness=0.8,mass=0.4,seed=2",
]


@pytest.fixture(scope="module", params=LAWS)
def planted(request: pytest.FixtureRequest) -> tuple[Law, np.ndarray, np.ndarray, np.ndarray]:
    """(law, choices [n, 4], probabilities [n, 4, 3] unnormalised, targets [n])"""
    model = load(request.param)
    choices, logps = run(model, range(N), 4)
    return model.law, choices, np.exp(logps), truths(range(N))


Planted = tuple[Law, np.ndarray, np.ndarray, np.ndarray]


def test_accuracy_of_every_round(planted: Planted) -> None:
    law, choices, _, targets = planted
    for t in range(4):
        assert close((choices[:, t] == targets).sum(), N, law.accuracy_at(t + 1))


def test_transitions_of_every_round(planted: Planted) -> None:
    law, choices, _, targets = planted
    right = choices == targets[:, None]
    for t in range(3):
        cl, cs = law.transitions(t + 1)
        was = right[:, t]
        assert close(right[was, t + 1].sum(), int(was.sum()), cl)
        assert close(right[~was, t + 1].sum(), int((~was).sum()), cs)
        # the next round's accuracy is what the transitions give
        share = law.accuracy_at(t + 1)
        assert share * cl + (1 - share) * cs == pytest.approx(law.accuracy_at(t + 2))


def test_wandering_between_wrong_options(planted: Planted) -> None:
    law, choices, _, targets = planted
    before, after = choices[:, 0], choices[:, 1]
    wrong = before != targets
    wandered = wrong & (after != targets) & (after != before)
    expected = (1 - law.stay) * (1 - law.cs) * law.wander
    assert close(wandered.sum(), int(wrong.sum()), expected)


def test_stayers_are_those_who_never_change(planted: Planted) -> None:
    """After r rounds, unchanged = stayers + movers that never moved."""
    law, choices, _, _ = planted
    unchanged = (choices == choices[:, :1]).all(1)
    still = law.accuracy * law.cl**3 + (1 - law.accuracy) * (((1 - law.cs) * (1 - law.wander)) ** 3)
    assert close(unchanged.sum(), N, law.stay + (1 - law.stay) * still)


def test_first_choices_have_no_position_bias(planted: Planted) -> None:
    _, choices, _, targets = planted
    wrong = choices[:, 0] != targets
    offset = (choices[wrong, 0] - targets[wrong]) % 3
    assert close((offset == 1).sum(), int(wrong.sum()), 0.5)


def test_option_mass_is_the_stated_one(planted: Planted) -> None:
    law, _, p, _ = planted
    np.testing.assert_allclose(p.sum(-1), law.mass, rtol=1e-12)


def test_calibration_holds_at_every_level_of_confidence(planted: Planted) -> None:
    law, choices, p, targets = planted
    p = p / p.sum(-1, keepdims=True)
    for t in range(4):
        given_p = np.take_along_axis(p[:, t], choices[:, t, None], 1)[:, 0]
        right = choices[:, t] == targets
        for part in np.array_split(np.argsort(given_p), 8):
            z = (right[part] - (given_p[part] - law.gap)).sum() / math.sqrt(
                max(1e-9, ((given_p[part] - law.gap) * (1 - given_p[part] + law.gap)).sum())
            )
            assert abs(z) < 4.2
        # its spread is the stated one
        low, high = law.range
        mean = law.accuracy_at(t + 1)
        expected = law.sharpness * (mean - low) * (high - mean)
        q = given_p - law.gap
        error = np.std((q - mean) ** 2) / math.sqrt(N)
        assert abs(np.mean((q - mean) ** 2) - expected) < 4.2 * error
        if law.gap == 0:
            separation = given_p[right].mean() - given_p[~right].mean()
            assert separation == pytest.approx(law.sharpness, abs=0.04)


def test_the_whole_distribution_is_calibrated_without_a_gap() -> None:
    model = load("planted:chain?accuracy=0.4,sharpness=0.5,seed=3")
    choices, logps = run(model, range(N), 2, options=4)
    p = np.exp(logps) / np.exp(logps).sum(-1, keepdims=True)
    outcome = np.eye(4)[truths(range(N), 4)]
    for t in range(2):
        for k in range(4):
            for part in np.array_split(np.argsort(p[:, t, k]), 5):
                inside = p[part, t, k]
                z = (outcome[part, k] - inside).sum() / math.sqrt((inside * (1 - inside)).sum())
                assert abs(z) < 4.2
    assert len(np.unique(choices)) == 4


def test_sharpness_zero_says_the_accuracy_every_time() -> None:
    law = Law(sharpness=0.0, gap=0.1)
    drawn = law.confidences([1, 3], [True, False], np.array([0.1, 0.9]), np.array([0.2, 0.7]))
    assert drawn == pytest.approx([law.accuracy_at(1) + 0.1, law.accuracy_at(3) + 0.1])


@settings(deadline=None)
@given(
    accuracy=st.floats(0, 1),
    cl=st.floats(0, 1),
    cs=st.floats(0, 1),
    stay=st.floats(0, 1),
    round=st.integers(1, 30),
)
def test_closed_form_is_the_recursion(
    accuracy: float, cl: float, cs: float, stay: float, round: int
) -> None:
    law = Law(accuracy=accuracy, cl=cl, cs=cs, stay=stay)
    a = accuracy
    for _ in range(round - 1):
        a = a * cl + (1 - a) * cs
    assert law.accuracy_at(round) == pytest.approx(stay * accuracy + (1 - stay) * a, abs=1e-9)


@settings(deadline=None)
@given(
    accuracy=st.floats(0, 1),
    sharpness=st.floats(0, 0.999),
    gap=st.floats(-0.99, 0.99),
    # what a hash draws: multiples of 2^-53, never a denormal
    draws=st.tuples(*[st.integers(0, 2**53 - 1).map(lambda k: k / 2**53)] * 2),
    right=st.booleans(),
)
def test_confidence_is_a_probability_or_the_law_is_refused(
    accuracy: float, sharpness: float, gap: float, draws: tuple[float, float], right: bool
) -> None:
    try:
        law = Law(accuracy=accuracy, cl=1, cs=0, sharpness=sharpness, gap=gap)
    except UserError:
        assert not max(0, -gap) <= accuracy <= min(1, 1 - gap)
        return
    (c,) = law.confidences([1], [right], np.array([draws[0]]), np.array([draws[1]]))
    assert 1e-6 <= c <= 1 - 1e-6


def test_extreme_settings() -> None:
    choices, _ = run(load("planted:chain?accuracy=1,cl=1"), range(50), 3)
    assert (choices == truths(range(50))[:, None]).all()
    choices, _ = run(load("planted:chain?accuracy=0,cl=0,cs=1,stay=0"), range(50), 3)
    right = choices == truths(range(50))[:, None]
    assert (right == [False, True, False]).all()
    choices, _ = run(load("planted:chain?accuracy=0,cs=0,wander=1,stay=0"), range(50), 3, options=2)
    assert (choices == 1 - truths(range(50), 2)[:, None]).all()  # nowhere else to go


# --- what it depends on, and what not ------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_neither_order_nor_chunk_nor_limit_matters(order: list[int], chunk: int) -> None:
    model = load("planted:chain")
    choices, logps = run(model, order, 3, chunk=chunk)
    expected_choices, expected_logps = run(model, range(12), 3)
    assert (choices == expected_choices[order]).all()
    assert (logps == expected_logps[order]).all()  # bit for bit
    some = order[:chunk]
    assert (run(model, some, 3)[1] == expected_logps[some]).all()


def test_the_seed_matters() -> None:
    one, other = (run(load(f"planted:chain?seed={s}"), range(200), 1)[0] for s in (0, 1))
    assert 20 < (one != other).sum() < 180


def test_arms_share_round_1_and_part_where_their_words_do() -> None:
    model = load("planted:chain?cl=0.5,cs=0.5,stay=0")
    talk = model.open(200)
    talk.say([ask(n) for n in range(200)])
    request = [Request(PREFILL, 8)] * 200
    talk.elicit(request)
    other = talk.branch()
    talk.say([message("user", "Review your answer.")] * 200)
    other.say([ask(n) for n in range(200)])
    first, second = talk.elicit(request), other.elicit(request)
    differ = sum(letter(a) != letter(b) for a, b in zip(first, second, strict=True))
    assert 50 < differ < 180


# --- the conversation ----------------------------------------------------------------------------


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
    (scores,) = talk.score([LABELS])
    (full,) = talk.score([["(a) 121", "102", "nonsense"]])
    assert talk.render(0) == before
    reply = elicit(talk, options=tuple(LABELS))
    assert scores is not None
    assert full is not None
    assert [s.logp for s in scores] == [s.logp for s in reply.options]
    assert full[0].tokens == 2
    (again,) = talk.score([LABELS])  # the turn is open: the same answer
    assert again == scores
    assert talk.score([None]) == [None]
    assert talk.score([[]]) == [[]]


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
    assert all(r is not None and r.reused == 0 for r in once)  # nothing was encoded yet
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
    scores = talk.score([["yes", "no"]] * 400)
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
        load("planted:chain").open(1).score([["a"]])


def test_the_latest_question_counts() -> None:
    model = load("planted:chain?accuracy=1")
    talk = model.open(1)
    shot = "What is 1 + 1?\n(a) 2\n(b) 3\n\nWhat is 2 + -5?\n  (a) 4\n\n(b) -3\n(c) 30\n\nGo on."
    talk.say([message("user", shot)])
    assert elicit(talk).text == "b) -3"


# --- its name ------------------------------------------------------------------------------------


def test_settings_are_read_from_the_name() -> None:
    model = load("planted:chain?accuracy=0.5, cl=.9,seed=12")
    assert model.law == Law(accuracy=0.5, cl=0.9, seed=12)
    assert model.name == "planted:chain?accuracy=0.5, cl=.9,seed=12"
    assert load("planted:chain?seed=12,cl=0.90,accuracy=5e-1").fingerprint == model.fingerprint
    assert load("planted:chain").fingerprint != model.fingerprint
    assert load("planted:chain").law == load("planted:chain?").law == Law()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("planted:chian", "did you mean 'planted:chain'"),
        ("planted:chain?acuracy=1", "did you mean 'accuracy'"),
        ("planted:chain?accuracy", "name=number, not 'accuracy'"),
        ("planted:chain?accuracy=much", "accuracy must be a number, not 'much'"),
        ("planted:chain?seed=1.5", "seed must be a whole number"),
        ("planted:chain?accuracy=1.5", "from 0 to 1"),
        ("planted:chain?cl=nan", "from 0 to 1"),
        ("planted:chain?sharpness=1", "up to, but not, 1"),
        ("planted:chain?mass=0", "mass is between"),
        ("planted:chain?gap=nan", "gap is between"),
        ("planted:chain?cl=1,cl=1", "set twice"),
        ("planted:chain?cl=1,", "name=number, not ''"),
        ("planted:chain?gap=0.5", r"impossible where a round's accuracy is 0\.6"),
        ("planted:chain?gap=0.2,cl=1,cs=1", "impossible where a round's accuracy is"),
    ],
)
def test_a_wrong_name_is_one_sentence(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load(name)


def test_torch_is_not_needed() -> None:
    code = "import sys, selfcorrect.models.planted; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
