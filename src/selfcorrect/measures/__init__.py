"""Measures: pure functions over records and arrays."""

from selfcorrect.measures.compare import compare, convergence
from selfcorrect.measures.intervals import Estimate, figure, mean, means, proportion, wilson
from selfcorrect.measures.panel import COLUMNS, Panel, panel
from selfcorrect.measures.rounds import summarize

__all__ = [
    "COLUMNS",
    "Estimate",
    "Panel",
    "compare",
    "convergence",
    "figure",
    "mean",
    "means",
    "panel",
    "proportion",
    "summarize",
    "wilson",
]
