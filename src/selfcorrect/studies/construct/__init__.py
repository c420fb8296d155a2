"""Transformers with constructed weights, compared with gradient descent.

- :mod:`.analysis`: the three constructions, built and checked;
- :mod:`.laws`: how the error falls; :mod:`.boundaries`: where a construction fails;
- :mod:`.sheet`: the findings; :mod:`.sheet_laws`: tables and charts of the laws.
"""

from __future__ import annotations

from selfcorrect.studies.base import QUICK, SEED, Inputs, Option, Result, Study
from selfcorrect.studies.construct.sheet import QUESTION, sheet


def _analyse(inputs: Inputs) -> Result:
    from selfcorrect.studies.construct.analysis import construct  # imports torch

    return construct(**inputs.settings, told=inputs.parts.progress)


STUDY = Study(
    about="Build transformers whose weights do descent on the ranking loss, and check them.",
    details=(
        "Three constructions: their heads, blocks and widths, the error compared with automatic "
        "differentiation, the laws of the error, and what each head attends to."
    ),
    question=QUESTION,
    source="arXiv 2405.18634, its theorem on the Plackett-Luce loss",
    options=[
        Option("n", int, 8, "Responses in a context."),
        Option("d", int, 5, "Dimension of a response.", metavar="D"),
        Option("steps", int, 20, "Of descent, stacked."),
        QUICK,
        SEED,
    ],
    analyse=_analyse,
    sheet=sheet,
)
