"""Measures: pure functions over records and arrays."""

from selfcorrect.measures.intervals import Estimate, figure, mean, proportion, wilson
from selfcorrect.measures.rounds import COLUMNS, summarize

__all__ = ["COLUMNS", "Estimate", "figure", "mean", "proportion", "summarize", "wilson"]
