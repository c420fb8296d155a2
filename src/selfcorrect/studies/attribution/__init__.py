"""Of what does a method's gain consist: instruction, length, repetition, sampling, chance?

- :mod:`.sizes`: how many samples take a method's tokens, and how many words are as long as it;
- :mod:`.analysis`: the parts, as differences of arms on the same examples;
- :mod:`.sheet`: the findings, tables and a chart.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect import strategies
from selfcorrect.errors import UserError
from selfcorrect.runs import Run, RunSpec, StrategySpec
from selfcorrect.studies.attribution.sheet import QUESTION, sheet
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 60, "rounds": 3}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The method, and the question merely repeated.

    Raises:
        UserError: the method has one round, uses the truth, is the control itself, or begins
            otherwise than the arms that it is compared with.
    """
    spec = at_size(spec, settings, _QUICK)
    name = spec.strategy.name
    method, repeat = strategies.load(name, spec.strategy.parameters), strategies.load("repeat")
    if method.name == repeat.name or spec.rounds < 2 or method.max_rounds == 1:
        raise UserError(
            f"the gain of {name} in {spec.rounds} rounds has no parts: choose a method that says "
            "more than the question again, and two rounds or more."
        )
    if method.oracle:
        raise UserError(f"{name} uses the truth (oracle), and is no method: choose another.")
    if method.first != repeat.first:
        raise UserError(
            f"the arms that a gain is split by begin with question, goal and answer, and {name} "
            "begins otherwise: choose one that begins as intrinsic does, such as wait, "
            "verify-first, critique-revise or intrinsic-feedback."
        )
    return {"method": spec, "repeat": _arm(spec, "repeat", spec.rounds)}


def further(spec: RunSpec, settings: Settings, runs: Mapping[str, Run]) -> Mapping[str, RunSpec]:
    """Neutral words as long as the method's, a majority at its tokens, another first answer."""
    from selfcorrect.studies.attribution.sizes import votes_of, words_of

    method = runs["method"].spec
    votes = settings["votes"] or votes_of(runs["method"], runs["repeat"])
    words, ask = words_of(runs["method"], runs["repeat"])
    spec = at_size(spec, settings, _QUICK)
    return {
        "padded": _arm(spec, "padded", method.rounds, words=words, ask=ask),
        "majority": _arm(spec, "majority", 1, samples=votes),
        "afresh": _arm(spec, "afresh", 2),
    }


def _arm(spec: RunSpec, name: str, rounds: int, **parameters: object) -> RunSpec:
    strategy = StrategySpec(name=name, parameters=parameters)
    return spec.model_copy(update={"strategy": strategy, "rounds": rounds, "models": {}})


STUDY = Study(
    about="How much of a method's gain is its instruction, and how much would have come anyway?",
    details=(
        "A method's gain from its first round to its last, split into regression to the mean "
        "(another first answer), sampling (a majority of samples at the method's tokens), mere "
        "repetition (the question again), length (neutral words as long as the instruction) and "
        "the instruction: differences of arms on the same examples, which add up to the whole. "
        "The same of the dialogues that were wrong at first, and of those that were right."
    ),
    question=QUESTION,
    source="this project; arXiv 2203.11171 on the majority",
    options=[
        Option("votes", int, None, "Samples of the majority; by default about as many as take the "
               "method's tokens.", least=2),
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    then=further,
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
