"""Measures: pure functions over records and arrays."""

from selfcorrect.measures.catalogue import Measure, Own
from selfcorrect.measures.compare import compare
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.figures import figure
from selfcorrect.measures.intervals import Estimate, mean, means, proportion, wilson
from selfcorrect.measures.panel import Panel, columns_needed, panel
from selfcorrect.measures.rounds import summarize

__all__ = [
    "Estimate",
    "Measure",
    "Own",
    "Panel",
    "columns_needed",
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
