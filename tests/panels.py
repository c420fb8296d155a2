"""What the tests of compare share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.panel import Panel, panel

MARGINS = {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03}


def made(right: NDArray[Any], **columns: NDArray[Any]) -> Panel:
    """A panel of dialogues that answer right (1) or wrong (0)."""
    y = np.asarray(right, dtype=float)
    d, t = y.shape
    blank = {name: np.full((d, t), np.nan) for name in panel_columns()}
    given = {
        "outcome": y,
        "answer": y,
        "choice": y,
        "quality": y,
        "parse_rate": np.ones((d, t)),
        "gradable": np.isfinite(y).astype(float),
        "encoded": y + 20,
    }
    numbers = np.arange(d, dtype=np.uint64)
    return Panel(tuple(range(1, t + 1)), numbers, numbers, {**blank, **given, **columns}, {})


def panel_columns() -> list[str]:
    import polars as pl

    from selfcorrect import records

    return list(panel(pl.DataFrame(schema=records.SCHEMA)).columns)
