"""What goes with better answers, record by record: planted, absent, or hanging on unread ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inside import arms, inputs
from inside import told as _told
from selfcorrect.outcome import Outcome
from selfcorrect.studies import load

DIALOGUES, ROUNDS = 240, 6
CLUSTERS = np.repeat(np.arange(60), 4)


def _noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(DIALOGUES, ROUNDS))


def _right(rng: np.random.Generator, p: Any) -> np.ndarray:
    return (rng.random((DIALOGUES, ROUNDS)) < p).astype(float)


def _joint(rng: np.random.Generator, by: float) -> tuple[dict[str, Any], str]:
    u, c = 0.5 + 0.1 * _noise(rng), _noise(rng)
    mean = u.mean(axis=1, keepdims=True)
    p = 1 / (1 + np.exp(-(by * (u - mean) / 0.1)))
    series = {arm: (_right(rng, p), u, c) for arm in ("intrinsic", "repeat")}
    result = load("joint").analyse(inputs(arms(series, CLUSTERS), quick=False, anyway=False))
    return result, _told("joint", result)


def test_an_association_within_examples_is_not_taken_for_one_between_them() -> None:
    result, told = _joint(np.random.default_rng(3), -0.8)
    of = result["fits"]["intrinsic"]["together"]
    assert of["uncertainty, within"]["value"] == pytest.approx(-0.8, abs=0.25)
    assert of["uncertainty, within"]["p_holm"] < 0.001
    assert of["uncertainty, between"]["p_holm"] > 0.05
    assert of["activation, within"]["p_holm"] > 0.05
    assert "Uncertainty from round to round goes with worse answers:" in told
    assert "where the question is merely repeated −" in told
    assert "from which it isn't shown to differ" in told
    assert result["difference"]["uncertainty, within"]["p_holm"] > 0.05


def test_an_association_that_hangs_on_unread_answers_is_none() -> None:
    """Wrong answers of the rounds in which the model is unsure come as refusals."""
    rng = np.random.default_rng(10)
    u, c = 0.5 + 0.1 * _noise(rng), _noise(rng)
    own = u - u.mean(axis=1, keepdims=True)
    y = _right(rng, 0.6)
    made_up = arms(dict.fromkeys(("intrinsic", "repeat"), (y, u, c)), CLUSTERS)
    columns = made_up.panels["intrinsic"].columns
    refused = (y == 0) & (own > 0) & (rng.random(y.shape) < 0.5)
    columns["parse_rate"], columns["outcome"] = 1.0 - refused, np.where(refused, np.nan, y)
    result = load("joint").analyse(inputs(made_up, quick=False, anyway=False))
    told = _told("joint", result)
    of = result["fits"]["intrinsic"]["together"]["uncertainty, within"]
    assert of["value"] > 0.3  # among those that were read
    assert of["low"] < 0 < of["high"]
    assert of["p_holm"] == 1
    assert "Uncertainty from round to round isn't shown to go with" in told
    assert f"{refused.sum():,} of {y.size:,} answers of the run aren't known" in told


def test_where_nearly_all_is_right_nothing_is_fitted() -> None:
    rng = np.random.default_rng(13)
    series = _right(rng, 0.99), 0.5 + 0.1 * _noise(rng), _noise(rng)
    given = inputs(arms(dict.fromkeys(("intrinsic", "repeat"), series), CLUSTERS), quick=False)
    assert "can't be told (fewer than 10 records of the rarer class" in _told(
        "joint", load("joint").analyse(given)
    )


def test_unread_answers_without_bounds_leave_an_association_open() -> None:
    rng = np.random.default_rng(14)
    u, c = 0.5 + 0.1 * _noise(rng), _noise(rng)
    y = 3 * u + _noise(rng)
    y[:3] = np.nan
    made_up = arms(dict.fromkeys(("intrinsic", "repeat"), (y, u, c)), CLUSTERS)
    length = Outcome("length", "mean", "higher", (0.0, math.inf), 1.0)
    for panel in made_up.panels.values():
        panel.columns["parse_rate"], panel.columns["gradable"] = np.isfinite(y) * 1.0, y * 0 + 1
    own = replace(made_up.own, outcome=length)
    made_up = replace(made_up, own=own, margins={**made_up.margins, "length": 1.0})
    result = load("joint").analyse(inputs(made_up, quick=False, anyway=False))
    assert result["fits"]["intrinsic"]["together"]["uncertainty, within"]["value"] > 0
    assert "it can't be told (unread answers have no bounds)" in _told("joint", result)


def test_arms_that_differ_are_said_to() -> None:
    rng = np.random.default_rng(11)
    u, c = 0.5 + 0.1 * _noise(rng), _noise(rng)
    own = (u - u.mean(axis=1, keepdims=True)) / 0.1
    series = {
        arm: (_right(rng, 1 / (1 + np.exp(-by * own))), u, c)
        for arm, by in (("intrinsic", -1.2), ("repeat", 0.0))
    }
    result = load("joint").analyse(inputs(arms(series, CLUSTERS), quick=False, anyway=False))
    assert result["difference"]["uncertainty, within"]["high"] < -0.6
    assert ", a difference of −1." in _told("joint", result)


def test_no_association_is_not_found() -> None:
    shown = 0
    for seed in range(8):
        result, _ = _joint(np.random.default_rng(100 + seed), 0.0)
        shown += any(e["p_holm"] < 0.05 for e in result["fits"]["intrinsic"]["together"].values())
    assert shown <= 2
