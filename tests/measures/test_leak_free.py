"""The outcome where no feedback named an answer: a plain count, and where feedback does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from panels import made
from selfcorrect.measures.leaks import CHOSEN, leak_free, names_answer
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.rounds import summarize
from selfcorrect.report.notes import notes
from selfcorrect.report.numbers import interval, short

N = 12_000
PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
Bools = NDArray[np.bool_]


def test_it_is_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    d, rounds = 200, 4
    y = (rng.random((d, rounds)) < [0.3, 0.5, 0.6, 0.7]).astype(float)
    named = (rng.random((d, rounds)) < 0.2).astype(float)
    leaked = named * (rng.random((d, rounds)) < 0.5)
    for x in (named, leaked):
        x[:, 0] = np.nan
        x[:10, 2] = np.nan  # no feedback
    named[10:20, 2] = np.nan  # a record of an older run: it may have named one
    panel = made(y, leaked=leaked, names_answer=named)
    some = [[named[i, s] == 1 or (s == 2 and 10 <= i < 20) for s in range(4)] for i in range(d)]
    for t, found in enumerate(leak_free(panel)):
        # they are chosen by what feedback said, so that no interval is one of an effect
        assert all(e["low"] is None is e["high"] and e["why"] == CHOSEN for e in found.values())
        kept = [i for i in range(d) if not any(some[i][: t + 1])]
        assert found["leak_free"]["n"] == len(kept)
        assert found["leak_free"]["value"] == pytest.approx(np.mean([y[i, t] for i in kept]))
        if t:
            gain = np.mean([y[i, t] - y[i, 0] for i in kept])
            assert found["leak_free_gain"]["value"] == pytest.approx(gain)
    rows = summarize(panel, {"accuracy": 0.03})["rounds"]
    assert rows[0]["measures"]["leaked"]["value"] is None
    assert rows[1]["measures"]["leaked"]["value"] == pytest.approx(leaked[:, 1].mean())
    assert rows[1]["measures"]["names_answer"]["value"] == pytest.approx(named[:, 1].mean())
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
    told = np.stack([np.full(400, np.nan), leaks.astype(float)], axis=1)
    panel = made(np.stack([first, second], axis=1).astype(float), leaked=told, names_answer=told)
    row = summarize(panel, {"accuracy": 0.03})["rounds"][1]
    assert row["gain"]["low"] > 0.2
    assert row["leak_free_gain"]["value"] == 0
    assert row["leak_free"]["value"] == pytest.approx(first[~leaks].mean())


def without_effect(
    rng: np.random.Generator, *, unread: float = 0.0, of: bool | None = None
) -> Mapping[str, Bools]:
    """12,000 dialogues of 3 rounds in which feedback does nothing: an answer is kept, or drawn anew
    with the dialogue's own probability. Half of the feedback repeats the response.

    Args:
        unread: the share of answers that can't be read.
        of: ``True`` where only right responses are repeated, ``False``: only wrong ones.
    """
    p = rng.beta(2, 2, size=(N, 1))
    right = rng.random((N, 3)) < p
    read = rng.random((N, 3)) >= unread
    for t in (1, 2):
        kept = rng.random(N) < 0.6
        right[kept, t], read[kept, t] = right[kept, t - 1], read[kept, t - 1]
    right &= read
    repeats = np.zeros((N, 3), bool)
    repeats[:, 1:] = rng.random((N, 2)) < 0.5
    before = np.roll(right, 1, axis=1)
    options = np.roll(read, 1, axis=1)
    if of is not None:
        repeats &= before == of
    return {
        "right": right,
        "leaks": repeats & before,
        "options": repeats & options,
        "answers": repeats,
    }


def _later(x: Bools) -> NDArray[np.float64]:
    """Of rounds with feedback alone."""
    return np.where([False, True, True], x, np.nan)


def _panel(law: Mapping[str, Bools], by: str) -> Panel:
    return made(
        law["right"].astype(float), leaked=_later(law["leaks"]), names_answer=_later(law[by])
    )


def test_what_choosing_makes_of_nothing_stands_in_the_page() -> None:
    """The table: choosing by the right answer makes a gain of nothing, and so does choosing by
    options where answers can't be read. Choosing by any answer doesn't, where critics name right
    and wrong ones alike, and does where they don't: so the measure itself has no interval."""
    rows = []
    for name, unread, of, makes in (
        ("all answers can be read", 0.0, None, (1, 0, 0)),
        ("a fifth of them can't", 0.2, None, (1, 1, 0)),
        ("only right responses are repeated", 0.0, True, (1, 1, 1)),
        ("only wrong responses are repeated", 0.0, False, (0, -1, -1)),
    ):
        law = without_effect(np.random.default_rng(4), unread=unread, of=of)
        cells = []
        for by, sign in zip(("leaks", "options", "answers"), makes, strict=True):
            panel = _panel(law, by)
            told = leak_free(panel)[2]["leak_free_gain"]
            kept = ~(law[by].any(axis=1))
            y = panel.columns["outcome"][kept]
            e = share_difference(y[:, 2], y[:, 0], panel.clusters[kept])
            assert (told["value"], told["n"]) == (pytest.approx(e.value), e.n)
            assert e.low is not None
            assert e.high is not None
            assert int(e.low > 0) - int(e.high < 0) == sign
            cells.append(f"{short(told['value'], 3, signed=True)} {interval(e.table(), 3)}")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    page = PAGE.read_text("utf-8")
    assert [row for row in rows if row not in page] == []


def test_a_run_without_feedback_says_nothing_of_leaks() -> None:
    y = np.ones((5, 2))
    for panel in (made(y), made(y, leaked=np.full((5, 2), np.nan))):
        row = summarize(panel, {"accuracy": 0.03})["rounds"][1]
        assert "leak_free" not in row
        assert not {"leaked", "names_answer"} & row["measures"].keys()


def test_a_run_whose_records_know_only_leaks_has_nothing_without_them() -> None:
    panel = made(np.ones((5, 2)), leaked=np.array([[np.nan, 0.0]] * 5))
    assert names_answer(panel) is None
    row = summarize(panel, {"accuracy": 0.03})["rounds"][1]
    assert row["measures"]["leaked"]["value"] == 0
    assert "leak_free" not in row


def test_a_note_counts_them() -> None:
    y = np.array([[0, 1], [0, 0], [1, 1], [1, 1]])
    leaked = np.array([[np.nan, x] for x in (1, 0, 0, 0)])
    named = np.array([[np.nan, x] for x in (1, 1, 0, 0)])

    def told(leaked: NDArray[np.float64], named: NDArray[np.float64]) -> str:
        panel = made(y, leaked=leaked, names_answer=named)
        summary = summarize(panel, {"accuracy": 0.03})
        whole = {"outcome": {"name": "accuracy", "kind": "share", "margin": 0.03}, "own": {},
                 "notes": [], **summary}  # fmt: skip
        return next(note for note in notes(whole, ()) if "told the answer" in note)

    assert told(leaked, named).startswith(
        "Feedback that told the answer (leaks), at least: 1 of 4 in round 2. In the 2 dialogues in "
        "which none named an answer, right or wrong, up to round 2, accuracy is 1.000, "
        ".000 against round 1 of the same dialogues. That is no effect: they are chosen by"
    )
    assert told(np.where(leaked == 1, 0, leaked), np.where(named == 1, 0, named)) == (
        "Feedback that told the answer (leaks), at least: 0 of 4 in round 2."
    )
    assert told(leaked, np.where(named == 0, 1, named)).endswith(
        "1 of 4 in round 2. By round 2 some of it has named an answer in every dialogue."
    )
