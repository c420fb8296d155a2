"""The study ``mechanism`` on constructed states: what is planted is found, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from selfcorrect.concepts.file import SITES
from selfcorrect.errors import UserError
from selfcorrect.report.sheet import page
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.mechanism.analysis import (
    Aligned,
    chosen_sites,
    judged,
    measured,
    upper_layers,
)
from selfcorrect.studies.mechanism.measure import Read
from selfcorrect.studies.mechanism.sheet import state

DIALOGUES, LAYERS, LAST = 60, 8, 2
CLUSTERS = [f"c{n // 3}" for n in range(DIALOGUES)]
#: The readings of each kind of arm, by its factors, before the last answer.
_HAS = {
    "feedback": ("feedback", "without feedback", "neutral feedback", "before"),
    "cot": ("rationale", "without rationale", "neutral rationale"),
}
#: Words that speak of the concept, and any words: what a reading holds of each part.
_PARTS = {
    "whole": ("instruction", "feedback", "cot"),
    "without rationale": ("instruction", "feedback"),
    "with feedback": ("instruction", "feedback"),
    "without feedback": ("instruction", "cot"),
    "neutral rationale": ("instruction", "feedback"),
    "neutral feedback": ("instruction", "cot"),
    "neither": ("instruction",),
    "before": ("instruction",),
    "input": ("instruction",),
    "neutral instruction": (),
    "rationale": ("cot",),
    "feedback": ("feedback",),
}
#: Any words move the states of these readings as much.
_MERE = {"whole": 2, "neutral rationale": 2, "neutral feedback": 2, "without rationale": 1,
         "without feedback": 1, "with feedback": 1, "rationale": 1, "feedback": 1}  # fmt: skip


def planted(rng: np.random.Generator, moves: dict[str, float], nats: float = 0.0) -> dict[str, Any]:
    """Readings in which each part's words move the cosine by so much at the upper-middle layers of
    the residual stream, any words by .1 everywhere, and a rationale lowers the NLL by ``nats``."""
    first, last = upper_layers(LAYERS)

    def alike() -> Any:
        """What the examples of a cluster share in a reading."""
        return 0.01 * rng.normal(size=(DIALOGUES // 3, 1, 1)).repeat(3, axis=0)

    reads = {}
    for arm, factors in ARMS.items():
        names = {(1, "whole"), (1, "input"), (LAST, "whole")}
        names |= {(LAST, name) for factor in factors & set(_HAS) for name in _HAS[factor]}
        if "cot" in factors:
            names |= {(1, name) for name in _HAS["cot"]}
        if "instruction" in factors:
            names |= {(1, "neutral instruction")}
        if {"cot", "feedback"} <= factors:
            names |= {(LAST, "neither"), (LAST, "with feedback")}
        cosines, nll = {}, {}
        for key in sorted(names):
            there = factors & set(_PARTS[key[1]])
            moved = sum(moves.get(part, 0.0) for part in there)
            states = 0.1 * _MERE.get(key[1], 0) + 0.01 * rng.normal(
                size=(DIALOGUES, len(SITES), LAYERS)
            )
            states += alike()
            states[:, 0, first : last + 1] += moved
            cosines[key] = states.astype(np.float32)
            lower = nats * ("cot" in there)
            nll[key] = 1.0 - lower + 0.05 * rng.normal(size=(DIALOGUES, 2))
        names_of = [f"e{n}" for n in range(DIALOGUES)]
        reads[arm] = Read(names_of, CLUSTERS, cosines, nll, np.ones((4, 2)), 50, 100, 0)
    return reads


def _result(reads: dict[str, Any], sites: tuple[str, ...] = SITES) -> dict[str, Any]:
    share = {"value": 0.9, "low": 0.8, "high": 0.95, "n": DIALOGUES, "clusters": 20}
    nothing = dict.fromkeys(("chance", "position", "mass", "detectable"))
    return {
        **measured(reads, sites, LAST),
        "able": True,
        "preflight": {"read": share, "outcome": share, "flips": share, "rounds": LAST,
                      "missing": False, "why": [], **nothing},
        "folders": {}, "n": DIALOGUES, "clusters": 20, "concept": "biased", "layer": 3,
        "sites": list(sites), "outcome": "accuracy", "levels": dict.fromkeys(ARMS, share),
        "leaked": share,
        "aurocs": {site: {"value": 0.9, "low": 0.4, "high": 1.0} for site in sites},
    }  # fmt: skip


def _told(result: dict[str, Any]) -> str:
    json.dumps(result, allow_nan=False)
    sheet = load("mechanism").sheet(result)
    assert page(sheet).startswith("<!doctype html>")
    return " ".join(sheet.findings)


def test_what_each_part_does_beyond_any_words_is_found_where_it_does_it() -> None:
    truth = {"instruction": 0.06, "feedback": -0.05, "cot": 0.03}
    result = _result(planted(np.random.default_rng(1), truth, nats=0.3))
    kinds = {"instruction": "instruction", "feedback": "feedback", "rationale": "cot"}
    for kind, factor in kinds.items():
        found = result["parts"][kind]
        beyond = found["residual"]["beyond"]
        assert beyond["low"] <= truth[factor] <= beyond["high"]
        assert beyond["state"] == "shown"
        for site in ("attention", "mlp"):
            assert found[site]["beyond"]["state"] == "same"
    # words by themselves are told apart
    mere = result["parts"]["feedback"]["mlp"]["mere"]
    assert mere["low"] <= 0.1 <= mere["high"]
    chain = result["chains"]["last round"]["upper"]
    assert chain["with feedback"]["residual"]["value"] == pytest.approx(0.05, abs=0.02)
    lower = result["likelihood"]["given"]
    assert lower["rationale"]["low"] <= 0.3 <= lower["rationale"]["high"]
    assert lower["difference"]["state"] == "shown"
    effects = result["factors"]
    assert effects["feedback × cot"]["mlp"]["state"] != "shown"
    told = _told(result)
    assert "the feedback moves the activation of “biased” in layers 3 to 6 by −.0" in told
    assert "it is lower with the rationale (difference +." in told
    assert "isn't shown to tell its own texts apart" in told
    assert re.search(r"In \.900 \[\.8\d\d, \.95\d\] of the dialogues with feedback it told", told)


def _families(seeds: range) -> int:
    """In how many runs in which nothing is planted any part is said to do something."""
    shown = 0
    for seed in seeds:
        found = measured(planted(np.random.default_rng(seed), {}), ("residual",), LAST)
        rows = [row["beyond"] for of in found["parts"].values() for row in of.values()]
        shown += any(row["state"] == "shown" for row in rows)
    return shown


def test_where_nothing_is_planted_nothing_is_found() -> None:
    assert _families(range(100, 105)) <= 2
    told = _told(_result(planted(np.random.default_rng(100), {})))
    assert "with which of them it is lower isn't shown" in told
    assert "no interaction is shown" in told


@pytest.mark.slow  # a hundred runs
def test_a_family_of_parts_is_said_to_do_something_no_more_often_than_it_may() -> None:
    assert _families(range(200, 300)) <= 11  # at 5 %, more than 11 of 100 in .4 %


def test_arms_are_compared_on_the_examples_that_all_have() -> None:
    reads = planted(np.random.default_rng(1), {})
    some = reads["cot"]
    rows = [5, 2, 0]
    reads["cot"] = Read(
        [some.examples[r] for r in rows], [some.clusters[r] for r in rows],
        {k: v[rows] for k, v in some.cosines.items()}, {k: v[rows] for k, v in some.nll.items()},
        some.lengths, 1, 1, 0,
    )  # fmt: skip
    data = Aligned(reads)
    found = data.cosines(["cot"], LAST, "whole")
    np.testing.assert_array_equal(found, some.cosines[LAST, "whole"][[0, 2, 5]])
    reads["cot"] = Read([], [], {}, {}, some.lengths, 0, 0, 3)
    with pytest.raises(UserError, match="give fewer --rounds"):
        Aligned(reads)


def test_upper_middle_layers_are_those_published_of_32() -> None:
    assert upper_layers(32) == (14, 27)  # the 15th to the 28th
    assert upper_layers(30) == (13, 25)
    assert upper_layers(2) == (0, 1)
    assert upper_layers(1) == (0, 0)


def test_an_interval_within_the_margin_is_the_same_unless_shown() -> None:
    from selfcorrect.measures.intervals import NOBODY, mean

    rng = np.random.default_rng(3)
    flat, tiny = 0.001 * rng.normal(size=60), 0.01 + 0.001 * rng.normal(size=60)
    clusters = np.arange(60)
    found = judged({"a": mean(flat, clusters), "b": mean(tiny, clusters), "c": NOBODY}, 0.02)
    assert [found[k]["state"] for k in "abc"] == ["same", "shown", "undecided"]
    assert [state(found[k]) for k in "abc"] == [
        "within ±.02", "shown, and within ±.02", "not shown",
    ]  # fmt: skip
    assert found["c"]["p_holm"] is None


def test_a_plan_has_the_eight_arms_and_refuses_what_cannot_be_read() -> None:
    study = load("mechanism")
    assert study.plan is not None
    settings = {"quick": True, "anyway": False, "site": None}
    plan = study.plan(RunSpec.model_validate({"model": "smollm2"}), settings)
    assert list(plan) == list(ARMS)
    assert {(spec.rounds, spec.limit) for spec in plan.values()} == {(2, 24)}
    assert all(spec.concepts == {"biased": ""} for spec in plan.values())
    full = study.plan(RunSpec.model_validate({"model": "smollm2"}), {**settings, "quick": False})
    assert {spec.rounds for spec in full.values()} == {3}
    for spec, more, said in (
        ({"model": "openai:x", "task": "sample"}, {}, "openai:x shows none: choose a local"),
        ({"model": "planted:chain"}, {}, "planted:chain shows none"),
        ({"rounds": 1}, {}, "give at least --rounds 2"),
        ({}, {"site": ["head"]}, "there is no site 'head'"),
    ):
        with pytest.raises(UserError, match=said):
            study.plan(RunSpec.model_validate(spec), {**settings, **more})
    assert chosen_sites(["mlp", "residual"]) == ("residual", "mlp")
