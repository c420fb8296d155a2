"""Answers between instructions and third concepts: the counterexamples, in exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from selfcorrect.theory.instructions import favoured, held_up_to, threshold
from selfcorrect.theory.own_answers import mean_belief, raised
from selfcorrect.theory.posteriors import kl, stated

PLUS, MINUS = (Fraction(3, 5), Fraction(2, 5)), (Fraction(2, 5), Fraction(3, 5))
PRIOR = Fraction(9, 10)


def belief(tokens: tuple[int, ...], prior: Fraction = PRIOR) -> Fraction:
    plus, minus = prior, 1 - prior
    for token in tokens:
        plus, minus = plus * PLUS[token], minus * MINUS[token]
    return plus / (plus + minus)


def mean(shape: str) -> Fraction:
    """E[p(C+)] after all tokens, over all sequences: ``i`` for an instruction, ``a`` an answer."""
    total = Fraction(0)
    for tokens in itertools.product((0, 1), repeat=len(shape)):
        p = Fraction(1)
        for k, token in enumerate(tokens):
            now = belief(tokens[:k])
            own = now * PLUS[token] + (1 - now) * MINUS[token]
            p *= PLUS[token] if shape[k] == "i" else own
        total += p * belief(tokens)
    return total


def test_answers_between_instructions_may_hasten() -> None:
    """p₊ = (.6, .4), p₋ = (.4, .6), prior .9: above, with no rounding anywhere."""
    assert mean("i") == mean("ia")  # an answer alone changes nothing
    for t in (2, 3, 4):
        assert mean("ia" * t) > mean("i" * t)
    known = stated([[0.6, 0.4], [0.4, 0.6]], [0.9, 0.1], tokens=1)
    both, alone = (mean_belief(known, shape, 12) for shape in ("ia", "i"))
    assert both[2] == pytest.approx(float(mean("iaiaia")))
    assert alone[3] == pytest.approx(float(mean("iiii")))
    assert all(b > a for b, a in zip(both[1:], alone[1:], strict=True))


def test_and_may_slow() -> None:
    known = stated([[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]], tokens=1)
    both, alone = (mean_belief(known, shape, 12) for shape in ("ia", "i"))
    assert all(b < a for b, a in zip(both[1:], alone[1:], strict=True))


def test_curvature_says_which() -> None:
    known = stated([[0.6, 0.4], [0.4, 0.6]], tokens=1)
    x = np.linspace(0.01, 0.99, 99)
    bend = np.diff(raised(known, x), 2)
    assert (bend[:60] < 0).all()  # concave up to about .66
    assert (bend[70:] > 0).all()
    # Jensen, for one answer before one instruction
    for prior, sign in ((0.5, -1), (0.9, 1)):
        one = stated([[0.6, 0.4], [0.4, 0.6]], [prior, 1 - prior], tokens=1)
        (after,), (alone,) = mean_belief(one, "ai", 1), mean_belief(one, "i", 1)
        assert alone == pytest.approx(float(raised(one, np.array(prior))))
        assert (after - alone) * sign > 0


def test_below_the_threshold_a_third_concept_may_win() -> None:
    known = stated([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.4, 0.2, 0.4]])
    star, held = threshold(known.pair(1)), held_up_to(known)
    assert star == pytest.approx(0.5)
    assert held < 0.3
    assert [favoured(known, q) for q in (held - 1e-6, held + 1e-6, 0.49, 0.99)] == [0, 2, 2, 1]
    mix = (1 - held) * known.p[0] + held * known.p[1]
    assert kl(mix, known.p[0]) == pytest.approx(kl(mix, known.p[2]))


def test_with_two_concepts_it_is_the_threshold() -> None:
    known = stated([[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]])
    star = threshold(known)
    assert star is not None
    assert held_up_to(known) == pytest.approx(star)
    assert (favoured(known, star - 1e-6), favoured(known, star + 1e-6)) == (0, 1)
