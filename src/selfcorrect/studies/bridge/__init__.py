"""The bridge from theory to runs: do two concepts explain how answers move?

The two-concept model (:mod:`selfcorrect.theory.two_concept`) is a mixture of p−, measured in a
``negation`` run, and p+, measured in an ``anchor`` run on the same examples, whose log odds move on
a line. As anything that drifts between sharp anchors fits such a line, it must beat its rivals
(:mod:`selfcorrect.theory.mechanisms`) on clusters that nothing was fitted to. Its line through
rounds 1-3 is continued too; whether it may be is decided from the anchors and those rounds alone.

- :mod:`.plan`: the three runs; :mod:`.arrays`: the same as arrays;
- :mod:`.identified`: whether the model can be fitted; :mod:`.measured`: figures without forecasts;
- :mod:`.settled`: anchors that still moved; :mod:`.tournament`: all mechanisms, compared;
- :mod:`.forecasts`: what each method predicts of the means; :mod:`.skill`: how well;
- :mod:`.analysis`: all of it; :mod:`.verdict`: what the tournament says; :mod:`.sheet`: the
  findings; :mod:`.charts`, :mod:`.tables`.
"""

from __future__ import annotations

from selfcorrect.studies.base import SEED, Option, Study, later
from selfcorrect.studies.bridge.plan import plan
from selfcorrect.studies.bridge.sheet import QUESTION, sheet

STUDY = Study(
    about="Compare the two-concept model of a run with mechanisms that have no concepts.",
    details=(
        "By how well each forecasts the distributions of held-out clusters: sharpening, a "
        "drift of the logits, copying, movers and stayers, a third concept, persistence. Two "
        "concepts are identified only if they beat them all. The line through rounds 1-3 is "
        "continued, too, and compared with persistence, a free exponential and a transition chain."
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
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
