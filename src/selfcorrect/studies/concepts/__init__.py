"""Latent concepts: the laws that follow if a model infers a concept from repeated instructions.

- :mod:`.typical`, :mod:`.means`: two rates; :mod:`.calibration`; :mod:`.noise`: wrong instructions;
  :mod:`.answers`: the model's own answers; :mod:`.markov`: concepts whose tokens have an order;
- :mod:`.laws`: how predicted and measured, exact and sampled numbers are compared;
- :mod:`.analysis`: all of it; :mod:`.sheet`: the findings; :mod:`.charts`, :mod:`.tables`.
"""

from __future__ import annotations

from selfcorrect.studies.base import QUICK, SEED, Inputs, Option, Result, Study
from selfcorrect.studies.concepts.sheet import QUESTION, sheet


def _analyse(inputs: Inputs) -> Result:
    from selfcorrect.studies.concepts.analysis import concepts  # imports scipy

    return concepts(**inputs.settings, told=inputs.parts.progress)


STUDY = Study(
    about="Simulate latent concepts: each law of convergence, predicted and measured.",
    details=(
        "By exact enumeration and by sampling, for concepts that draw tokens independently and "
        "for hidden Markov concepts."
    ),
    question=QUESTION,
    source="arXiv 2406.02378",
    options=[Option("rounds", int, 12, "Of the curves over rounds."), QUICK, SEED],
    analyse=_analyse,
    sheet=sheet,
)
