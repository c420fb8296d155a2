"""Records of text answers whose outcomes are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.records import SCHEMA


def records(values: NDArray[Any], read: NDArray[Any] | None = None) -> list[dict[str, Any]]:
    """A text answer a dialogue and round, with the outcome given; none where it wasn't read."""
    rows = []
    for d, t in np.ndindex(values.shape):
        there = read is None or bool(read[d, t])
        row: dict[str, Any] = dict.fromkeys(SCHEMA)
        row |= {
            "example": f"e{d}",
            "cluster": f"c{d}",
            "round": t + 1,
            "choices": [],
            "text": f"text {values[d, t]:.4f}",
            "key": f"{values[d, t]:.4f}" if there else None,
            "problem": None if there else "empty",
            "outcome": float(values[d, t]) if there else None,
            "encoded": 20 + d % 3,
            "generated": 5,
            "reused": 0,
            "notes": [],
            "values": [],
            "steps": [],
        }
        rows.append(row)
    return rows
