"""Small transformers trained on a ranking loss, compared with descent and the floor of the loss.

- :mod:`.arms`: what is trained; :mod:`.tuning`: learning rates, plateaus and verdicts of ablations;
- :mod:`.references`, :mod:`.shortcuts`, :mod:`.squared`: what needs no training;
- :mod:`.analysis`: all of it, arm by arm and seed by seed;
- :mod:`.sheet`: the findings; :mod:`.ablations`, :mod:`.claims`: parts of it; :mod:`.charts`.
"""

from __future__ import annotations

from selfcorrect.studies.base import QUICK, Inputs, Option, Result, Study
from selfcorrect.studies.train.sheet import QUESTION, sheet


def _analyse(inputs: Inputs) -> Result:
    from selfcorrect.studies.train.analysis import train  # imports torch

    settings = dict(inputs.settings)
    return train(settings.pop("preset") or (), **settings, parts=inputs.parts)


STUDY = Study(
    about="Train transformers on the ranking loss, and compare them with descent and its floor.",
    details=(
        "Ablations that keep the causal mask and the residual stream, each tuned and trained to a "
        "plateau, on several seeds; reward noise; and curves that need no training. Uses a GPU if "
        "there is one. After a stop the same command goes on."
    ),
    question=QUESTION,
    source="arXiv 2405.18634, its experiments",
    options=[
        Option(
            "preset",
            str,
            None,
            "What to train; repeatable. formats, ablations, ranked (the same on data of ours), "
            "objectives; released, the "
            "paper's recipe, and released-mask, -norm, -width, -depth and -checkpoint, each one "
            "thing that its code does differently from the paper. By default all.",
            metavar="NAME",
            repeatable=True,
        ),
        Option(
            "seeds",
            int,
            None,
            "Seeds of each arm. By default 8 in ablations and ranked, 4 elsewhere, 2 with --quick.",
        ),
        Option(
            "released_size",
            bool,
            False,
            "The presets released… at the paper's own size: hours a seed without a GPU.",
        ),
        QUICK,
    ],
    analyse=_analyse,
    takes="All of it takes about an hour on two processors; --quick or one --preset takes less.",
    sheet=sheet,
)
