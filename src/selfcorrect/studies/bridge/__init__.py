"""The bridge from theory to runs: do three rounds and two anchors foretell the later rounds?

The two-concept model (:mod:`selfcorrect.theory.two_concept`) is fitted to rounds 1-3 of a run, with
p− measured in a ``negation`` run and p+ in an ``anchor`` run on the same examples, and predicts the
later rounds of clusters that the fit hasn't seen. Whether it may predict at all is decided from
the anchors and rounds 1-3 alone, never from what is predicted.

- :mod:`.plan`: the three runs; :mod:`.arrays`: the three runs as arrays;
- :mod:`.identified`: whether the model may predict; :mod:`.forecasts`: what each method foretells;
- :mod:`.measured`, :mod:`.skill`: what is measured, and how well it was foretold;
- :mod:`.analysis`: all of it; :mod:`.sheet`: the findings; :mod:`.charts`, :mod:`.tables`.
"""

from __future__ import annotations

from selfcorrect.studies.base import SEED, Inputs, Option, Preflight, Result, Study
from selfcorrect.studies.bridge.plan import plan
from selfcorrect.studies.bridge.sheet import QUESTION, sheet


def _preflight(inputs: Inputs) -> Preflight:
    from selfcorrect.studies.bridge.analysis import preflight  # imports scipy

    return preflight(inputs)


def _analyse(inputs: Inputs) -> Result:
    from selfcorrect.studies.bridge.analysis import analyse

    return analyse(inputs)


STUDY = Study(
    about="Fit the two-concept model to a run's first three rounds and forecast the others.",
    details=(
        "On clusters that were held out, beside persistence, a free exponential and the "
        "transition chain; or say that the model is not identified there."
    ),
    question=QUESTION,
    source="arXiv 2406.02378, its derivation corrected",
    options=[Option("folds", int, 5, "Parts that the clusters are cut into.", least=2), SEED],
    plan=plan,
    fixed=("strategy",),
    preflight=_preflight,
    analyse=_analyse,
    sheet=sheet,
)
