"""A steer in a strategy's file, in a spec's table and as one text: the same, or one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.strategies import Steering, parse, parse_steering, steering_of, under
from strategy_files import CRITIC, FIRST

AGAIN = """[[again]]
say = "{review}"
[[again]]
elicit = "answer"
"""
PARAMETERS = "[parameters]\nstrength = 2\nwhere = 'reply'\n"


def test_a_step_says_what_it_is_steered_by() -> None:
    told = 'steer = { concept = "kind", alpha = -4, layers = [12, 3], part = "random:7" }\n'
    step = parse(FIRST + AGAIN + told, "x.toml").again[-1]
    assert step.steer == Steering("kind", -4.0, (12, 3), "transcript", "random:7")
    assert parse(FIRST + AGAIN, "x.toml").again[-1].steer is None


def test_parameters_stand_for_its_values() -> None:
    text = (
        PARAMETERS
        + FIRST
        + AGAIN
        + "steer = { concept = 'a', alpha = '{strength}', at = '{where}' }"
    )
    text = text.replace(FIRST, "").replace("[parameters]", FIRST + "[parameters]")
    assert parse(text, "x.toml").again[-1].steer == Steering("a", 2.0, "chosen", "reply")
    given = parse(text, "x.toml", {"strength": -3}).again[-1].steer
    assert given == Steering("a", -3.0, "chosen", "reply")
    with pytest.raises(
        UserError, match=r"x\.toml:\d+: at must be transcript or reply, not 'q' \(the"
    ):
        parse(text, "x.toml", {"where": "q"})


def test_the_names_of_all_concepts_and_where_they_are_needed() -> None:
    told = "steer = { concept = 'kind', alpha = 1, part = 'orthogonal:tone' }\n"
    strategy = parse(FIRST + told + AGAIN + told, "x.toml")
    assert strategy.steered == {"kind": 4, "tone": 4}
    assert parse(FIRST + AGAIN, "x.toml").steered == {}


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("kind:4", {"concept": "kind", "alpha": 4.0}),
        ("kind:4:transcript", {"concept": "kind", "alpha": 4.0, "at": "transcript"}),
        ("kind:-.5:reply", {"concept": "kind", "alpha": -0.5, "at": "reply"}),
        ("k:1e2@all", {"concept": "k", "alpha": 100.0, "layers": "all"}),
        ("k:4@chosen:reply", {"concept": "k", "alpha": 4.0, "layers": "chosen", "at": "reply"}),
        ("k:4@3,12:reply", {"concept": "k", "alpha": 4.0, "layers": [3, 12], "at": "reply"}),
    ],
)
def test_a_steer_in_one_text(text: str, table: dict[str, object]) -> None:
    assert parse_steering(text) == table


@pytest.mark.parametrize(
    "text", ["", "kind", "kind:", "kind:x", ":4", "a b:4", "kind:4@", "kind:4@1,", "kind:4@x",
             "kind:4:later", "kind:nan", "kind:inf", "kind:4@2,2", "kind:4@-1", "kind:1_0",
             "kind:٣", "kind:4@1_0", "kind:4@٣"],
)  # fmt: skip
def test_another_text_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"a steer is NAME:ALPHA|steer\.\w+ must be"):
        parse_steering(text)


@given(
    st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
    st.floats(-1e6, 1e6),
    st.sampled_from(["chosen", "all"]) | st.lists(st.integers(0, 99), min_size=1, unique=True),
    st.sampled_from(["transcript", "reply"]),
)
def test_a_steer_as_it_is_written_is_read_as_the_same(
    name: str, alpha: float, layers: str | list[int], at: str
) -> None:
    alpha = float(f"{alpha:g}")
    steer = steering_of({"concept": name, "alpha": alpha, "layers": layers, "at": at})
    assert steering_of(parse_steering(str(steer))) == steer


def test_a_spec_s_table_is_checked() -> None:
    for table, told in [
        ({"concept": "a"}, "needs `alpha`"),
        ({"alpha": 1}, "needs `concept`"),
        ({"concept": "a", "alpha": 1, "lairs": "all"}, "'steer.lairs'.*'layers'"),
        ({"concept": "a", "alpha": "1"}, "steer.alpha must be a number, not '1'"),
    ]:
        with pytest.raises(UserError, match=told):
            steering_of(table)


def test_a_run_s_steer_goes_to_every_step_of_its_own_model_that_has_none() -> None:
    mine, theirs = Steering("mine", 1.0), Steering("theirs", 2.0)
    told = "steer = { concept = 'mine', alpha = 1 }\n"
    strategy = under(parse(FIRST + told + AGAIN, "x.toml"), theirs)
    assert [step.steer for step in strategy.first] == [None, mine]
    assert [step.steer for step in strategy.again] == [None, theirs]
    critic = under(parse(CRITIC, "critic.toml"), theirs)
    for step in (*critic.first, *critic.again):
        steered = step.elicit is not None and step.source is None
        assert step.steer == (theirs if steered else None)


def test_a_strategy_that_elicits_nothing_can_t_be_steered() -> None:
    from selfcorrect.strategies import load

    with pytest.raises(UserError, match="given elicits nothing from the run's own model"):
        under(load("given"), Steering("a", 1.0))
