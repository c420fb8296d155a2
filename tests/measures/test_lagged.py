"""What precedes what, and what a change adds: planted truth, and each rival that looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from selfcorrect.measures.added import SETS, added
from selfcorrect.measures.lagged import order

DIALOGUES, ROUNDS = 200, 6
CLUSTERS = np.repeat(np.arange(50), 4)


def _walk(rng: np.random.Generator, keeps: float) -> np.ndarray:
    x = np.zeros((DIALOGUES, ROUNDS))
    x[:, 0] = rng.normal(size=DIALOGUES)
    for t in range(1, ROUNDS):
        x[:, t] = keeps * x[:, t - 1] + rng.normal(size=DIALOGUES)
    return x


def _led(rng: np.random.Generator, c: np.ndarray, by: float) -> np.ndarray:
    u = np.zeros_like(c)
    u[:, 0] = rng.normal(size=DIALOGUES)
    for t in range(1, ROUNDS):
        u[:, t] = 0.3 * u[:, t - 1] + by * c[:, t - 1] + rng.normal(size=DIALOGUES)
    return u


def test_a_series_that_leads_is_named_and_so_is_its_sign() -> None:
    rng = np.random.default_rng(0)
    c = _walk(rng, 0.5)
    u = _led(rng, c, -0.6)
    assert order(c, u, CLUSTERS)["first"] == "c"
    assert order(u, c, CLUSTERS)["first"] == "u"
    assert order(c, u, CLUSTERS)["forward"]["shown"] == -1
    # swapped and turned round, the numbers are the same
    one, other = order(c, u, CLUSTERS), order(-u, c, CLUSTERS)
    assert other["backward"]["changes"]["value"] == pytest.approx(
        -one["forward"]["changes"]["value"]
    )
    assert other["more"]["value"] == pytest.approx(-one["more"]["value"])


def _trait(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A hard example is high in both, in every round."""
    own = rng.normal(size=(DIALOGUES, 1))
    noise = rng.normal(size=(2, DIALOGUES, ROUNDS))
    return own + noise[0], own + noise[1]


def _trend(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(ROUNDS)
    return t + rng.normal(size=(DIALOGUES, ROUNDS)), -t + rng.normal(size=(DIALOGUES, ROUNDS))


def _one_thing(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two readings of one state."""
    state, noise = _walk(rng, 0.7), rng.normal(size=(2, DIALOGUES, ROUNDS))
    return state + noise[0], state + noise[1]


def _settling(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both settle, at the dialogue's own speed."""
    speed = rng.gamma(2, 0.3, size=(DIALOGUES, 1)) * np.arange(ROUNDS)
    noise = 0.1 * rng.normal(size=(2, DIALOGUES, ROUNDS))
    return 1 - np.exp(-speed) + noise[0], np.exp(-speed) + noise[1]


@pytest.mark.parametrize("rival", [_trait, _trend, _one_thing, _settling])
def test_nothing_is_named_first_where_neither_leads(rival) -> None:  # type: ignore[no-untyped-def]
    firsts = [order(*rival(np.random.default_rng(seed)), CLUSTERS)["first"] for seed in range(12)]
    # at 5 % of each of two sides, 3 of 12 come in one of a hundred
    assert sum(first in ("c", "u") for first in firsts) <= 3, firsts


@pytest.mark.parametrize("n", [6, 8, 24])
def test_a_series_that_never_changes_leads_nothing_and_follows_nothing(n: int) -> None:
    rng = np.random.default_rng(n)
    moves, own = rng.normal(size=(n, 4)), np.arange(n) % 2 * 1.0
    for still in (np.repeat(own[:, None], 4, axis=1), np.full((n, 4), 0.1)):
        told = order(moves, still, np.arange(n))
        assert (told["still"], told["first"]) == (["u"], None)
        for way in ("forward", "backward"):
            assert told[way]["shown"] == 0
            assert told[way]["changes"]["value"] is None
            assert told[way]["changes"]["why"]
        levels = told["forward"]["levels"]
        assert levels["value"] in (0.0, None)
        assert (levels["low"], levels["p"]) == (None, None)
        assert order(still, moves, np.arange(n))["still"] == ["c"]
        assert order(still, still, np.arange(n))["still"] == ["c", "u"]


def test_series_that_cannot_be_lagged_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rounds"):
        order(np.zeros((4, 2)), np.zeros((4, 2)), np.arange(4))
    still = order(np.zeros((40, 4)), np.zeros((40, 4)), np.arange(40))
    assert (still["first"], still["forward"]["levels"]["value"]) == (None, None)


def test_a_change_that_tells_if_the_other_falls_adds_to_what_is_known() -> None:
    rng = np.random.default_rng(1)
    c = rng.normal(size=(DIALOGUES, ROUNDS)).cumsum(axis=1)
    steps = -0.8 * np.diff(c, prepend=0) + rng.normal(size=c.shape)
    found = added(c, steps.cumsum(axis=1), CLUSTERS)
    assert found["shown"]
    assert found["adds"]["low"] > 0.05
    assert set(found["sets"]) == set(SETS)
    assert found["n"] == found["fell"] + found["rose"] == DIALOGUES * (ROUNDS - 1)


@pytest.mark.parametrize("rival", [_trait, _trend])
def test_a_shared_trend_or_level_adds_nothing(rival) -> None:  # type: ignore[no-untyped-def]
    c, u = rival(np.random.default_rng(2))
    found = added(c, u, CLUSTERS)
    assert not found["shown"]
    assert found["sets"]["before"]["auroc"]["value"] > 0.65  # where a naive look sees a finding
    assert abs(found["adds"]["value"]) < 0.02


def test_an_activation_that_copies_the_uncertainty_of_the_round_before_adds_nothing() -> None:
    rng = np.random.default_rng(3)
    u = 0.7 * rng.normal(size=(DIALOGUES, 1)) + 0.7 * rng.normal(size=(DIALOGUES, ROUNDS))
    c = np.concatenate([np.zeros((DIALOGUES, 1)), u[:, :-1]], axis=1)
    found = added(c + 0.3 * rng.normal(size=c.shape), u, CLUSTERS, permutations=199)
    assert not found["shown"]
    # where u₁ alone is known, its change tells the dialogue's level
    known = {name: found["sets"][name]["auroc"]["value"] for name in ("both", "history")}
    assert known["history"] > known["both"] + 0.02


@pytest.mark.slow
def test_templates_that_drift_are_no_link() -> None:
    rng, shown = np.random.default_rng(4), 0
    g = np.repeat(np.arange(10), 20)
    for _ in range(60):
        c, u = (
            (rng.normal(size=(10, 1))[g] * 0.6 + 0.8 * rng.normal(size=(200, 4))).cumsum(axis=1)
            for _ in range(2)
        )
        shown += added(c, u, g, permutations=99)["p"] < 0.05
    assert shown <= 8  # 3 were wanted; without clusters they would be 16


def test_ties_are_counted_and_too_few_falls_are_said() -> None:
    u = np.zeros((DIALOGUES, 3))
    u[:5, 2] = -1
    found = added(np.ones((DIALOGUES, 3)), u, CLUSTERS)
    assert (found["fell"], found["rose"], found["ties"]) == (5, 0, 2 * DIALOGUES - 5)
    assert "fewer than 20" in found["why"]
    assert "shown" not in found
