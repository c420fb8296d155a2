"""The outcome without the dialogues whose feedback told the answer, against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from panels import made
from selfcorrect.measures.leaks import leak_free
from selfcorrect.measures.rounds import summarize
from selfcorrect.report.notes import notes


def test_it_is_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    d, rounds = 200, 4
    y = (rng.random((d, rounds)) < [0.3, 0.5, 0.6, 0.7]).astype(float)
    leaked = (rng.random((d, rounds)) < 0.2).astype(float)
    leaked[:, 0] = np.nan
    leaked[:10, 2] = np.nan  # nobody can say
    panel = made(y, leaked=leaked)
    for t, found in enumerate(leak_free(panel)):
        kept = [i for i in range(d) if not any(leaked[i, s] == 1 for s in range(t + 1))]
        assert found["leak_free"]["n"] == len(kept)
        assert found["leak_free"]["value"] == pytest.approx(np.mean([y[i, t] for i in kept]))
        if t:
            gain = np.mean([y[i, t] - y[i, 0] for i in kept])
            assert found["leak_free_gain"]["value"] == pytest.approx(gain)
            assert found["leak_free_gain"]["low"] < gain < found["leak_free_gain"]["high"]
    rows = summarize(panel, {"accuracy": 0.03})["rounds"]
    assert rows[0]["measures"]["leaked"]["value"] is None
    assert rows[1]["measures"]["leaked"]["value"] == pytest.approx(leaked[:, 1].mean())
    assert rows[2]["measures"]["leaked"]["n"] == d - 10
    assert [row["leak_free"]["n"] for row in rows] == [
        found["leak_free"]["n"] for found in leak_free(panel)
    ]


def test_a_gain_that_only_leaks_made_is_gone_without_them() -> None:
    """Planted: right after a leak, and else as before."""
    rng = np.random.default_rng(1)
    first = rng.random(400) < 0.4
    leaks = rng.random(400) < 0.5
    second = first | leaks
    panel = made(
        np.stack([first, second], axis=1).astype(float),
        leaked=np.stack([np.full(400, np.nan), leaks.astype(float)], axis=1),
    )
    row = summarize(panel, {"accuracy": 0.03})["rounds"][1]
    assert row["gain"]["low"] > 0.2
    assert row["leak_free_gain"]["value"] == 0
    assert row["leak_free"]["value"] == pytest.approx(first[~leaks].mean())


def test_a_run_without_feedback_says_nothing_of_leaks() -> None:
    y = np.ones((5, 2))
    for panel in (made(y), made(y, leaked=np.full((5, 2), np.nan))):
        row = summarize(panel, {"accuracy": 0.03})["rounds"][1]
        assert "leak_free" not in row
        assert "leaked" not in row["measures"]


def test_a_note_counts_them() -> None:
    y = np.array([[0, 1], [0, 0], [1, 1], [1, 1]])
    leaked = np.array([[np.nan, x] for x in (1, 0, 0, 0)])

    def told(leaked: np.ndarray) -> str:  # type: ignore[type-arg]
        summary = summarize(made(y, leaked=leaked), {"accuracy": 0.03})
        whole = {"outcome": {"name": "accuracy", "kind": "share", "margin": 0.03}, "own": {},
                 "notes": [], **summary}  # fmt: skip
        return next(note for note in notes(whole, ()) if "told the answer" in note)

    assert told(leaked).startswith(
        "Feedback that told the answer (leaks): 1 of 4 in round 2. In the 3 dialogues without a "
        "leak up to round 2, accuracy is .667 ["
    )
    assert ", .000 [" in told(leaked)
    assert told(np.where(leaked == 1, 0, leaked)) == (
        "Feedback that told the answer (leaks): 0 of 4 in round 2."
    )
    assert told(np.where(leaked == 0, 1, leaked)).endswith(
        "4 of 4 in round 2. No dialogue is without a leak up to round 2."
    )
