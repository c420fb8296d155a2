"""Measures: pure functions over records and arrays."""

from selfcorrect.measures.intervals import Estimate, figure, mean, means, proportion, wilson
from selfcorrect.measures.rounds import COLUMNS, summarize

__all__ = ["COLUMNS", "Estimate", "figure", "mean", "means", "proportion", "summarize", "wilson"]
