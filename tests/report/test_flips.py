"""For whom answers changed: counted, and named, those that got worst first."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.report.flips import COLUMNS, flips

SHARE = {"kind": "share", "better": "higher"}


def light(dialogues: dict[str, list[int | None]], right: int = 2) -> pl.DataFrame:
    """Records of the choices of each dialogue, round by round; None couldn't be read."""
    rows = [
        {
            "example": name,
            "round": number,
            "key": None if choice is None else "abc"[choice],
            "choice": choice,
            "problem": "no option" if choice is None else None,
            "outcome": float(choice == right),
        }
        for name, choices in dialogues.items()
        for number, choice in enumerate(choices, 1)
    ]
    kinds = {"choice": pl.Int32, "key": pl.String, "problem": pl.String, "outcome": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=kinds).select(COLUMNS)


def test_those_that_got_worse_come_first_and_unread_ones_next() -> None:
    found = flips(
        light({"same": [2, 2], "up": [0, 2], "other": [0, 1], "gone": [2, None], "down": [2, 0]}),
        SHARE,
    )
    assert [row["example"] for row in found["rows"]] == ["down", "gone", "other", "up"]
    assert [mark["text"] for mark in found["rows"][0]["marks"]] == ["c ✓", "a ✗"]
    assert found["said"] == (
        "Of 5 dialogues, from the first round to the last: 1 became wrong, 1 became right, "
        "1 changed their answer and ended as right or wrong as before, 1 changed and can't be "
        "compared, as an answer is unread, 1 kept their answer throughout."
    )
    assert found["caption"].startswith("All whose answer changed")


def test_a_number_that_is_better_lower_is_worse_where_it_rises() -> None:
    rows = light({"up": [0, 1], "down": [1, 0]}).with_columns(outcome=pl.col("choice") / 10)
    found = flips(rows, {"kind": "mean", "better": "lower"})
    assert [row["example"] for row in found["rows"]] == ["up", "down"]
    assert "1 got worse, 1 got better" in found["said"]
    assert [mark["text"] for mark in found["rows"][0]["marks"]] == [".00", ".10"]


def test_one_round_has_none() -> None:
    assert flips(light({"a": [0], "b": [2]}), SHARE) == {}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4),
        st.lists(st.sampled_from([0, 1, 2, None]), min_size=3, max_size=3),
        min_size=1,
        max_size=14,
    )
)
def test_every_dialogue_is_counted_once(dialogues: dict[str, list[int | None]]) -> None:
    found: dict[str, Any] = flips(light(dialogues), SHARE)
    _, _, told = found["said"].partition(": ")
    counted = sum(int(part.split()[0]) for part in told.split(", ") if part[0].isdigit())
    assert counted == len(dialogues)
    changed = [name for name, c in dialogues.items() if c[0] != c[1] or c[1] != c[2]]
    named = [row["example"] for row in found["rows"]]
    assert len(named) == min(8, len(changed))
    assert set(named) <= set(changed)
    worse = [n for n in changed if dialogues[n][0] == 2 and dialogues[n][2] in (0, 1)]
    assert set(named[: len(worse)]) <= set(worse) or len(worse) == 0
