"""The exact posterior of planted:mixture's language, against enumeration and another algorithm."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plain_mixture
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.planted.mixture import Drawn, corpus, exact
from selfcorrect.models.planted.mixture import language as la
from selfcorrect.planted_words import ALIKE, DECIDED, MANNERS, TOPICS, instruct
from selfcorrect.theory import markov

QUESTION = la.shown(("fog", "river", "table"), ("hat", "saw", "plum"))


def drawn(n: int, seed: int, rounds: int | None = None) -> list[Drawn]:
    return list(islice(corpus(seed, rounds), n))


def odds_after(*texts: str) -> float:
    return float(exact([message("user", "\n\n".join((QUESTION, *texts)))]).log_odds[-1])


@pytest.mark.parametrize("seed", range(3))
def test_posterior_and_predictive_are_those_of_enumeration(seed: int) -> None:
    for each in drawn(2, seed, rounds=3):
        for end in (1, 2, 3, 4, 5, 6):
            known = exact(each.messages[:end])
            p, letters = plain_mixture.posterior(each.messages[:end])
            assert known.log_odds[-1] == pytest.approx(plain_mixture.log_odds(p), abs=1e-9)
            if end % 2:
                assert len(known.positions) == (end + 1) / 2
                np.testing.assert_allclose(known.predictive[-1], letters, atol=1e-12)


def test_words_within_an_instruction_against_the_forward_algorithm_of_theory() -> None:
    said = ("fair", "once", "hasty", "kind", "exact", "then")
    concepts = [
        markov.hidden_markov(
            c.start.tolist(),
            c.moves.tolist(),
            np.kron(c.emits, [0.3, 0.2, 0.2, 0.1, 0.1, 0.1]).tolist(),
        )
        for c in la.MANNER.concepts
    ]
    every = [word for kind in MANNERS for word in kind]
    known = exact([message("user", f"{QUESTION}\n\n{instruct(said)}")])
    start = known.tokens.index("please")
    for length in range(1, len(said) + 1):
        ids = [[every.index(word) for word in said[:length]]]
        plus, minus = (float(markov.forward(c, ids)[0]) for c in concepts)
        change = known.log_odds[start + length] - known.log_odds[start]
        assert change == pytest.approx(plus - minus, abs=1e-9)


def test_concepts_are_distributions() -> None:
    for register in (la.MANNER, la.TOPIC):
        for concept in (0, 1):
            words = [w for kind in register.words for w in kind]
            total = sum(
                plain_mixture.likelihood(register, concept, (a, b)) for a in words for b in words
            )
            assert total == pytest.approx(1)


def test_what_says_nothing_of_the_concept() -> None:
    before = odds_after()
    neutral = instruct(MANNERS[2])
    assert odds_after(neutral) == pytest.approx(before, abs=1e-12)
    assert odds_after(instruct(("fair", "kind"))) > before + 0.4
    plus, minus = (odds_after(instruct(MANNERS[k])) - before for k in (0, 1))
    assert plus == pytest.approx(-minus)
    asked_again = [
        message("user", QUESTION),
        message("assistant", "I choose (a)"),
        message("user", QUESTION),
    ]
    known = exact(asked_again)
    assert known.log_odds[-1] == known.log_odds[known.tokens.index("<end>", 30)]
    alike = [message("user", la.shown(("fog",), ("owl", "elm", "red")))]
    known = exact([*alike, message("assistant", "I choose (b)")])
    assert known.log_odds[-1] == known.log_odds[known.positions[0]]
    np.testing.assert_allclose(known.predictive, [[0.7, 0.2, 0.1]])


def test_posteriors_are_calibrated_and_a_martingale() -> None:
    """Over the corpus: P(C+) averages to the share of C+, and its mean never changes."""
    dialogues = drawn(600, 5, rounds=3)
    believed = np.array(
        [
            [1 / (1 + np.exp(-known.log_odds[at])) for at in known.positions]
            for known in (exact(each.messages) for each in dialogues)
        ]
    )
    plus = np.array([each.plus for each in dialogues])
    for p in believed.T:
        assert abs((plus - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())
        assert abs(p.mean() - la.PRIOR) < 4 * p.std() / np.sqrt(len(p))
    sure = believed[:, -1] > 0.8
    error = np.sqrt((believed[sure, -1] * (1 - believed[sure, -1])).mean() / sure.sum())
    assert abs(plus[sure].mean() - believed[sure, -1].mean()) < 4 * error


def test_answers_are_drawn_from_the_predictive() -> None:
    counts, expected = np.zeros(3), np.zeros(3)
    for each in drawn(800, 11, rounds=1):
        counts["abc".index(each.messages[-1].text[-2])] += 1
        expected += exact(each.messages[:-1]).predictive[0]
    assert ((counts - expected) ** 2 / expected).sum() < 13.8  # χ², 2 degrees of freedom, p = .001


@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.data())
def test_every_dialogue_is_read_and_none_with_a_token_out_of_place(
    seed: int, data: st.DataObject
) -> None:
    each = drawn(1, seed)[0]
    known = exact(each.messages)
    assert len(known.tokens) == len(known.log_odds)
    np.testing.assert_allclose(known.predictive.sum(axis=1), 1)
    at = data.draw(st.integers(0, len(each.messages) - 1))
    messages = list(each.messages)
    messages[at] = message(messages[at].role, messages[at].text + " about")
    with pytest.raises(UserError, match=r"'about' is out of place"):
        exact(messages)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["please fair ."], "out of place"),
        ([QUESTION.replace("saw", "hat")], "out of place"),
        ([QUESTION.replace("saw", "oak")], "out of place"),
        ([QUESTION.replace("(b)", "(c)")], "out of place"),
        ([QUESTION + " please ."], "out of place"),
        ([QUESTION, "I choose (d)"], "out of place"),
        ([QUESTION, "I choose (a)", QUESTION.replace("fog", "debt")], "'debt' is out of place"),
        ([QUESTION, "I will choose"], "an answer begins with 'I choose"),
    ],
)
def test_what_is_no_dialogue_is_refused(texts: list[str], said: str) -> None:
    messages = [message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]
    with pytest.raises(UserError, match=said):
        exact(messages)


def test_words_are_of_one_kind_each() -> None:
    words = [word for group in (*MANNERS, *TOPICS, *DECIDED, *ALIKE) for word in group]
    assert len(words) == len(set(words)) == 72
    assert len(la.VOCABULARY) == len(set(la.VOCABULARY))
