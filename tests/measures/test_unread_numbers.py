"""A task may record what no answer is worth: of what the answer was that says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from panels import made
from selfcorrect.measures import rounds
from selfcorrect.measures.compare import compare
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import Outcome


def test_a_number_recorded_of_an_unread_answer_is_not_known() -> None:
    """No box has an overlap of 0 on record; of the rounds that says nothing."""
    x = np.zeros((200, 6))
    read = np.zeros((200, 6))
    p = replace(
        made(x, parse_rate=read), outcome=Outcome("iou", "mean", "higher", (0.0, 1.0), 0.02)
    )
    margins = {"iou": 0.02}
    told = rounds.summarize(p, margins)
    assert told["changes"]["iou"]["verdict"] == "undecided"
    assert told["changes"]["iou"]["unread"] == [-1.0, 1.0]
    assert told["convergence"]["iou"]["hangs"]
    assert told["converged_at"] is None
    # a rise that is nothing but boxes which could be read at last
    rises = np.where(np.arange(6) > 0, 0.6, 0.0) + np.zeros((200, 1))
    p.columns["outcome"][:] = rises
    p.columns["parse_rate"][:] = rises > 0
    assert between_named(p, "iou", margins)["hangs"]
    p.columns["parse_rate"][:] = 1
    assert between_named(p, "iou", margins)["verdict"] == "better"


def between_named(p: Panel, name: str, margins: Mapping[str, float]) -> dict[str, Any]:
    return compare(p, p, (p.rounds[-1], 1), margins)[name]


def test_a_mean_that_rose_by_the_reading_alone_did_not_rise() -> None:
    """Planted: nothing changes but that a third had no box at first, which counts as no overlap."""
    rng = np.random.default_rng(0)
    iou = np.repeat(rng.beta(4, 2, (300, 1)), 2, axis=1)
    outcome = Outcome("IoU", bounds=(0.0, 1.0), margin=0.02)
    for lost in (0, 1):
        read = np.ones((300, 2))
        read[:100, lost] = 0
        p = replace(made(np.where(read == 1, iou, 0.0), parse_rate=read), outcome=outcome)
        told = compare(p, p, (2, 1), {"IoU": 0.02}, names=("IoU",))["IoU"]
        assert abs(told["value"]) > 0.1
        assert (told["verdict"], told["hangs"]) == ("undecided", True)
        assert told["reach"][0] < 0 < told["reach"][1]
    better = np.clip(iou + np.array([0.0, 0.1]), 0, 1)
    read[:] = 1
    read[:5] = 0
    p = replace(made(np.where(read == 1, better, 0.0), parse_rate=read), outcome=outcome)
    assert compare(p, p, (2, 1), {"IoU": 0.02}, names=("IoU",))["IoU"]["verdict"] == "better"
