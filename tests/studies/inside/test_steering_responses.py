"""What a study of steering makes of responses: effect apart from damage and from chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from selfcorrect.studies.steering.analysis import responses, together

DOSES = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
QUESTIONS, DIRECTIONS = 120, 40


def _responses(
    effect: float,
    damage: float = 0.0,
    spread: float = 0.0,
    *,
    length: float = 0.0,
    cosine: float = 0.0,
    goal: float = 0.0,
    jitter: float = 0.02,
) -> dict[str, Any]:
    """Entropy that the concept moves by the dose, and every direction by its square.

    Args:
        effect: nats a unit of dose, along the concept.
        damage: nats a unit of dose squared, along all.
        spread: how far other directions have effects of their own.
        length: nats a unit of dose, along the mean state.
        cosine: of the concept's direction with that.
        goal: what the goal in words does; jitter: how much a prompt moves a question by chance.
    """
    rng = np.random.default_rng(0)
    others = spread * rng.normal(size=DIRECTIONS - 1)
    slopes = np.concatenate([[effect], others, [length]])
    moved = slopes[:, None] * DOSES + damage * DOSES**2
    f = 0.6 + moved[None] + 0.02 * rng.normal(size=(QUESTIONS, DIRECTIONS + 1, len(DOSES)))
    said = 0.6 + jitter * rng.normal(size=(3, QUESTIONS))
    said[0] += goal
    clusters = np.repeat(np.arange(QUESTIONS // 2), 2)
    cosines = np.concatenate([[cosine], np.zeros(DIRECTIONS - 1)])
    told = responses(f, DOSES, clusters, (said[0], said[1], said[2]), np.log(4), cosines)
    return together({"entropy": told})["entropy"]


def test_an_effect_is_odd_and_damage_is_even() -> None:
    found = _responses(effect=0.1, damage=0.05)
    odd, even = found["chosen"]["odd"], found["chosen"]["even"]
    dose = found["chosen"]["dose"]
    assert odd["concept"]["low"] < 0.1 * dose < odd["concept"]["high"]
    assert odd["shown"]
    assert odd["p"] == pytest.approx(1 / DIRECTIONS)
    assert even["concept"]["low"] < 0.05 * dose**2 < even["concept"]["high"]
    assert even["p_all"] > 0.05  # every direction does it
    assert found["wrong"]["value"] == 0
    assert found["ordered"]["value"] > 0.5
    assert _responses(effect=-0.1)["ordered"]["value"] > 0.5
    assert _responses(effect=0.0)["ordered"]["high"] < 0.5


def test_damage_alone_and_what_any_direction_does_are_no_effect() -> None:
    assert not _responses(effect=0.0, damage=0.05)["chosen"]["odd"]["shown"]
    assert not _responses(effect=0.1, damage=0.0, spread=0.2)["chosen"]["odd"]["shown"]


def test_a_prompt_that_does_nothing_does_less_than_the_dose() -> None:
    found = _responses(effect=0.1, damage=0.0)
    assert found["prompt"]["low"] < 0 < found["prompt"]["high"]
    assert found["beyond"]["verdict"] == "less"


def test_noise_in_what_prompts_do_is_no_effect_of_the_goal() -> None:
    """Prompts that move single questions far, and all of them by nothing."""
    found = _responses(effect=0.05, jitter=0.3)
    assert abs(found["prompt"]["value"]) < 0.1
    assert found["beyond"]["verdict"] != "more"
    assert _responses(effect=0.02, goal=0.3)["beyond"]["verdict"] == "more"
    assert _responses(effect=-0.02, goal=-0.3)["beyond"]["verdict"] == "more"
    assert _responses(effect=0.05, goal=-0.2)["beyond"]["verdict"] == "undecided"


def test_what_longer_states_do_is_no_effect_of_the_concept() -> None:
    found = _responses(effect=0.03, length=0.1, cosine=0.3)["chosen"]["odd"]
    assert found["with_length"]
    assert not found["shown"]
    assert found["left"]["low"] < 0 < found["left"]["high"]
    assert _responses(effect=0.1, length=0.1, cosine=0.1)["chosen"]["odd"]["shown"]


def _null(rng: np.random.Generator) -> dict[str, Any]:
    """Two numbers that any direction moves, each by a coefficient of its own."""
    found = {}
    cosines = 0.1 * rng.normal(size=DIRECTIONS)
    cosines[0] = 0.1
    for name in ("entropy", "p_right"):
        slopes = np.append(0.5 * rng.normal(size=DIRECTIONS), 0.3)
        slopes = slopes + 0.1 * rng.normal(size=(QUESTIONS, DIRECTIONS + 1))
        f = 1 + slopes[:, :, None] * DOSES / 5
        f += 0.005 * rng.normal(size=f.shape)
        nothing = np.zeros(QUESTIONS)
        found[name] = responses(
            f, DOSES, np.arange(QUESTIONS), (nothing, nothing, nothing), 1.0, cosines
        )
    return found


def test_an_effect_on_one_of_two_numbers_needs_more() -> None:
    """Of 40 directions one other goes as far: shown of one number alone, not of one of two."""
    told = _responses(effect=0.1)
    assert told["chosen"]["odd"]["p_holm"] == pytest.approx(1 / DIRECTIONS)
    odd = {**told["chosen"]["odd"], "p_all": 2 / DIRECTIONS}
    near = {**told, "chosen": {**told["chosen"], "odd": odd}}
    far = {**told, "chosen": {**told["chosen"], "odd": {**odd, "p_all": 0.5}}}
    assert together({"entropy": near})["entropy"]["chosen"]["odd"]["shown"]
    both = together({"entropy": near, "p_right": far})
    assert [each["chosen"]["odd"]["shown"] for each in both.values()] == [False, False]
    assert both["entropy"]["chosen"]["odd"]["p_holm"] == 4 / DIRECTIONS
    # where the other one is shown, it is as before
    both = together({"entropy": near, "p_right": told})
    assert all(each["chosen"]["odd"]["shown"] for each in both.values())


@pytest.mark.slow
def test_where_every_direction_does_as_much_nothing_is_named() -> None:
    """Any effect on either number, of 300 runs: 5 %, and by chance no more than 4 % above."""
    named = 0
    for seed in range(300):
        told = together(_null(np.random.default_rng(seed)))
        named += any(each["chosen"]["odd"]["shown"] for each in told.values())
    assert named / 300 <= 0.09
