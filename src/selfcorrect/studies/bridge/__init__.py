"""The bridge from theory to runs: do three rounds and two anchor runs predict the later rounds?

The two-concept model (:mod:`selfcorrect.theory.two_concept`) is fitted to rounds 1-3 of a run, with
p− measured in a ``negation`` run and p+ in an ``anchor`` run on the same examples. It then predicts
the later rounds of clusters that were not used in the fit. Whether it may predict at all is decided
from the anchors and rounds 1-3 alone, never from the rounds to be predicted.

- :mod:`.plan`: the three runs; :mod:`.arrays`: the same as arrays;
- :mod:`.identified`: whether the model may predict; :mod:`.measured`: figures without forecasts;
- :mod:`.forecasts`: what each method predicts; :mod:`.skill`: how well;
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
        "On clusters that were held out, compared with persistence, a free exponential and a "
        "transition chain. Says so where the model is not identified."
    ),
    question=QUESTION,
    source="arXiv 2406.02378, its derivation corrected",
    options=[
        Option(
            "folds",
            int,
            5,
            "Parts that the clusters are cut into; each is predicted from the others.",
            least=2,
        ),
        SEED,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=_preflight,
    analyse=_analyse,
    sheet=sheet,
)
