"""A prompt that grows in place has the keys that a prompt made at once has."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.models.local.prompts import Growing, key_of, plain

IDS = st.lists(st.integers(0, 5), max_size=8)
CONDITION = st.tuples(st.integers(0, 10), st.sampled_from(["red.png", "blue.png"]))


def _keys(ids: list[int], conditions: list[Any]) -> list[int]:
    """Slowly: one token after the other, one condition after the other."""
    found = []
    for position, key in enumerate(ids):
        for start, condition in conditions:
            key = key_of(key, condition) if position >= start else key
        found.append(key)
    return found


@given(IDS, st.lists(CONDITION, max_size=2), st.lists(st.tuples(st.integers(0, 12), IDS)))
def test_a_prompt_that_grows_has_the_same_keys(
    ids: list[int], conditions: list[Any], changes: list[tuple[int, list[int]]]
) -> None:
    prompt = plain(list(ids))
    for each in conditions:
        prompt = prompt.under(*each)
    growing, expected = Growing(prompt), list(ids)
    for length, more in changes:
        expected = [*expected[:length], *more]
        growing.change(min(length, len(growing)), more)
        assert growing.ids == expected
        assert growing.keys == _keys(expected, conditions)
    assert prompt.ids == ids
