"""Pairs of pictures: the same question of two of them, with different answers (MMVP's manner).

One of two pictures is easily right by chance or by habit; both are not. So the published score is
the share of pairs of which both are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from selfcorrect.outcome import Figure, Floats, Number, Share
from selfcorrect.tasks.base import Answer
from selfcorrect.tasks.lettered import Item

#: What the pair's other picture would make of an answer.
VALUES = {
    "other_picture": Number(
        "Share of answers that are right for the pair's other picture. Of the control that shows "
        "that one in place of this, it is how often the answer follows the picture.",
        (0, 1),
    ),
}
COLUMNS = {"pair": "the number of the pair"}


def both(right: str, label: str, text: str) -> Share:
    """The share of pairs of which both answers are right; a pair of which only one was asked isn't
    counted.

    Args:
        right: the column that says whether an answer is right: ``outcome``, or one of the task's.
        label, text: of the figure.
    """

    def values(columns: Mapping[str, Floats]) -> Floats:
        made = np.full(len(columns["outcome"]), np.nan)
        if right not in columns or "pair" not in columns:
            return made
        first: dict[float, int] = {}
        for at, (pair, value) in enumerate(zip(columns["pair"], columns[right], strict=True)):
            if np.isnan(pair) or np.isnan(value):
                continue
            if (other := first.setdefault(float(pair), at)) != at:
                made[other] = float(value == 1 and columns[right][other] == 1)
        return made

    return Share(values, label=label, text=text, better="higher")


FIGURES: Mapping[str, Figure] = {
    "pair_accuracy": both(
        "outcome",
        "pair accuracy",
        "Share of pairs of which both pictures' answers are right. Pairs of which only one was "
        "asked are left out.",
    ),
}


def paired(items: Sequence[tuple[Item, Item]]) -> list[Item]:
    """The items of pairs, one after the other: each knows its pair's number, the option that is
    right for the other picture, and, for a control, that picture."""
    made = []
    for number, (one, other) in enumerate(items):
        for mine, its in ((one, other), (other, one)):
            example = replace(mine.example, others=its.example.images, together=str(number))
            facts = {"pair": float(number), "other": float(its.target or 0), **mine.facts}
            made.append(Item(example, mine.target, facts))
    return made


def judge(item: Item, answer: Answer) -> Mapping[str, float | None]:
    """See :data:`VALUES` and :data:`COLUMNS`."""
    return {
        "pair": item.facts["pair"],
        "other_picture": float(answer.choice == item.facts["other"]),
    }
