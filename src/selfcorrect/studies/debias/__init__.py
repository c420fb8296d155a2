"""Does it pay to choose texts to tune on by the model's own uncertainty about their bias?

- :mod:`.arms`: what is tuned and evaluated; :mod:`.analysis`: what is claimed; :mod:`.sheet`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    SEED,
    Inputs,
    Option,
    Preflight,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.debias.sheet import QUESTION, sheet
from selfcorrect.tuning.options import TUNING

if TYPE_CHECKING:
    from selfcorrect.runs.model_spec import ModelSpec
    from selfcorrect.studies.debias.asked import Set
    from selfcorrect.tasks.data.texts import Text

ASKED = "asked"
#: texts that are asked about; samples of each; seeds, each with a share of the texts
_FULL, _QUICK = (2000, 5, 5), (360, 5, 3)
#: Questions of each set that tuned models are asked.
_MANY, _FEW = 100, 30
#: Seeds, at least.
_SEEDS = 3
#: A subset's part of a seed's texts, and its texts at least, where --size doesn't say: one batch.
_PART, _LEAST = 4, 8


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The run that asks the model of every text.

    Raises:
        UserError: the model can't be tuned, there are no texts, or too few, or nothing to swap.
    """
    from selfcorrect.evaluation.bias import check_unseen, pairs_of
    from selfcorrect.tuning.choose import spec_of
    from selfcorrect.tuning.made import stored
    from selfcorrect.tuning.tune import source_of

    n, k, seeds = _sizes(settings)
    if seeds < _SEEDS:
        raise UserError(
            f"the study debias needs at least {_SEEDS} --seeds: one tuning says little of others."
        )
    if "name" in spec.task.model_fields_set:
        raise UserError("the study debias asks of texts, with a task of its own: leave out --task.")
    source_of(spec.model.name, trust=spec.model.trust_remote_code)
    # bad data are told of before anything is asked
    _sets(settings, spec.model)
    pairs = pairs_of(settings["pairs"])
    check_unseen(spec.model.name, [t for p in pairs.items for t in (p.more, p.less)], pairs.name)
    file = stored(spec.task.data, spec.limit or n, spec.seed, swap=not settings["as_is"])
    _size(file.texts, settings)
    own = spec_of(spec, str(file.path), spec.samples.k or k, spec.seed)
    return {ASKED: own.model_copy(update={"limit": None})}


def _sizes(settings: Settings) -> tuple[int, int, int]:
    n, k, seeds = _QUICK if settings["quick"] else _FULL
    return n, k, settings["seeds"] or seeds


def _sets(settings: Settings, model: ModelSpec) -> list[Set]:
    from selfcorrect.studies.debias.asked import sets_of

    usual = _FEW if settings["quick"] else _MANY
    return sets_of(settings, settings["questions"] or usual, model)


def _seeds(settings: Settings) -> list[int]:
    return [settings["seed"] + at for at in range(_sizes(settings)[2])]


def _size(texts: Sequence[Text], settings: Settings) -> int:
    """Texts in each subset.

    Raises:
        UserError: a seed's share of the texts is too small for two subsets apart.
    """
    from selfcorrect.studies.debias.arms import shares

    seeds = _seeds(settings)
    least = min(map(len, shares(texts, seeds).values()))
    size: int = settings["size"] or max(_LEAST, least // _PART)
    if 2 * size > least:
        raise UserError(
            f"there are {len(texts):,} texts, {least:,} for one of {len(seeds):,} seeds, and of "
            f"those the most and the least uncertain {size:,} are to be chosen: give more texts, "
            "fewer --seeds, or a smaller --size."
        )
    return size


def preflight(inputs: Inputs) -> Preflight:
    """Whether the model says anything of the texts: replies are read, and uncertainties differ."""
    from selfcorrect.evaluation.bias import pairs_of
    from selfcorrect.runs.prepare import open_model
    from selfcorrect.tasks.data.texts import read_texts
    from selfcorrect.tuning.choose import asked_of
    from selfcorrect.tuning.fit import Settings as Tuning
    from selfcorrect.tuning.made import swaps_of

    run, settings = inputs.runs[ASKED], inputs.settings
    spec = run.spec
    texts = read_texts(str(spec.task.data))
    size = _size(texts, settings)
    pairs = pairs_of(settings["pairs"])
    model = open_model(spec.model)
    try:
        asked = asked_of(run, texts, model, inputs.parts.progress)
        fingerprint = model.fingerprint
    finally:
        model.close()
    table = asked.table()
    why = []
    if not asked.values:
        why.append("no answer names an option, so that no text has an uncertainty")
    elif not asked.ranked:
        why.append("all texts have the same uncertainty, so that any ranking by it is arbitrary")
    read = table["parse_rate"]["value"]
    if read < 0.5:
        why.append(f"only {read:.0%} of its answers name an option")
    tuning = Tuning(
        steps=settings["steps"],
        rate=settings["rate"],
        lora=settings["lora"],
    ).for_texts(size)
    found = {
        "able": not why or settings["anyway"],
        "why": why,
        "asked": table,
        "texts": swaps_of(str(spec.task.data)),
        "model": spec.model.name,
        "fingerprint": fingerprint,
        "folders": {ASKED: run.folder.name},
        "pairs": pairs.name,
        "size": size,
        "tuning": json.loads(json.dumps({k: getattr(tuning, k) for k in tuning.__slots__})),
        "settings": dict(settings),
    }
    about = {"model": spec.model, "fingerprint": fingerprint, "size": size}
    about["seeds"] = _seeds(settings)
    sets = _sets(settings, spec.model)
    return Preflight(bool(found["able"]), found, (asked, pairs, tuning, about, sets))


STUDY = Study(
    about="Tune on texts chosen by the model's uncertainty about their bias: which end helps?",
    details=(
        "The model is asked of each text, several times, whether it contains bias or stereotypes. "
        "It is tuned on the most uncertain texts, the least uncertain ones, random ones, random "
        "ones as long, and those with the highest loss, with several seeds, each of which chooses "
        "from texts of its own; and evaluated on pairs of sentences, neutral text and facts that "
        "no subset holds, and on questions of BBQ and Winogender where their files are given. "
        "--data are texts (by default our own), whose gendered words are swapped. "
        "After a stop the same command goes on."
    ),
    question=QUESTION,
    source="arXiv 2406.02378, its last claim",
    options=[
        Option("pairs", str, None, "Pairs in the layout of CrowS-Pairs; by default our own.",
               metavar="FILE"),
        Option("bbq", str, None, "BBQ's files; tuned models are asked ambiguous questions of it.",
               metavar="PLACE"),
        Option("winogender", str, None, "Winogender's files; tuned models are asked of it.",
               metavar="PLACE"),
        Option("stereoset", str, None, "A file in StereoSet's format; how likely tuned models find "
               "its sentences.", metavar="FILE"),
        Option("questions", int, 0, "Of each of these so many at most, drawn by the seed; 0: 100, "
               "or 30 with --quick.", least=0),
        Option("size", int, 0, "Texts in each subset; 0 is a quarter of a seed's texts.", least=0),
        Option("seeds", int, 0, "Seeds, at least 3, each with texts of its own; 0: 5, or 3 with "
               "--quick.", least=0),
        TUNING["steps"], TUNING["rate"], TUNING["lora"],
        Option("as_is", bool, False, "Texts as they are, without swapping words."),
        SEED,
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy", "rounds", "scorer", "steer", "concepts", "meanings"),
    preflight=preflight,
    analyse=later("selfcorrect.studies.debias.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
