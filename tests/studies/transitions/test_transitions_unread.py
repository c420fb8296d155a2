"""Answers that nobody could read are neither right nor wrong, and no claim hangs on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from panels import MARGINS, made
from selfcorrect.measures import chains
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import ACCURACY
from selfcorrect.studies.base import Inputs, Preflight
from selfcorrect.studies.series import Series
from selfcorrect.studies.transitions.analysis import analyse, counted
from selfcorrect.studies.transitions.sheet import findings


@pytest.fixture(autouse=True)
def _few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "_MANY", 39)


def chain(rng: np.random.Generator, cl: float, cs: float, stay: float = 0.0) -> Floats:
    """Of 240 dialogues and 8 rounds."""
    y = np.zeros((240, 8))
    y[:, 0] = rng.random(240) < 0.4
    stays = rng.random(240) < stay
    for t in range(1, 8):
        drawn = rng.random(240) < np.where(y[:, t - 1] == 1, cl, cs)
        y[:, t] = np.where(stays, y[:, t - 1], drawn)
    return y


def unread(rng: np.random.Generator, y: Floats, share: Any) -> Panel:
    """As a task records it: an answer that couldn't be read is wrong."""
    read = (rng.random(y.shape) > share).astype(float)
    clusters = np.arange(len(y), dtype=np.uint64) // 8
    return replace(made(np.where(read == 1, y, 0.0), parse_rate=read), clusters=clusters)


def told(panel: Panel) -> dict[str, Any]:
    series = Series({"run": panel}, Own(ACCURACY), MARGINS, None, None, None, None, 0)
    found = {"n": len(panel.examples)}
    return analyse(Inputs({"fit": 3, "seed": 0}, preflight=Preflight(True, found, series)))


def test_a_chain_is_left_in_peace_by_answers_that_were_not_read() -> None:
    rng = np.random.default_rng(0)
    y = chain(rng, 0.9, 0.2)
    panel = unread(rng, y, 0.1)
    result = told(panel)
    read = (panel.columns["parse_rate"] == 1).all(axis=1)
    assert (result["whole"], result["unread"]) == (read.sum(), 240 - read.sum())
    assert all(p > 0.05 for p in result["against"].values())
    assert result["rates"]["cl"]["low"] < 0.9 < result["rates"]["cl"]["high"]
    low, high = result["rates"]["cl"]["allow"]
    assert low < result["rates"]["cl"]["value"] < high
    said = list(findings(result))
    assert f"{result['unread']} dialogues of 240 have an answer that wasn't read" in said[-1]
    assert "aren't a simple chain" not in said[0]


def test_where_nothing_moves_unread_answers_move_nothing() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat((rng.random((240, 1)) < 0.6).astype(float), 8, axis=1)
    result = told(unread(rng, y, np.linspace(0.02, 0.3, 8)))
    assert (result["rates"]["cl"]["value"], result["rates"]["cs"]["value"]) == (1, 0)
    said = " ".join(findings(result))
    assert "aren't a simple chain" not in said
    assert "too much, by" not in said


def test_what_is_plain_is_still_found_with_some_unread() -> None:
    """70 % stayers, whatever a few answers were."""
    rng = np.random.default_rng(2)
    result = told(unread(rng, chain(rng, 0.9, 0.3, 0.7), 0.01))
    assert result["unread"] > 5
    assert result["against"]["unchanged"] < 0.05
    assert "aren't a simple chain" in next(findings(result))


def test_how_unknown_answers_are_counted() -> None:
    y = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    read = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    y[2, 0] = np.nan  # nobody graded it
    panel = made(np.where(read == 1, y, 0.0), parse_rate=read, gradable=np.ones((3, 3)))
    found = counted(panel)
    assert found["left out"][0].shape == (0, 3)
    assert found["wrong"][0].tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert found["right"][0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    assert found["as before"][0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    assert set(counted(made(np.ones((2, 3))))) == {"left out"}
