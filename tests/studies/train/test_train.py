"""What is trained, over which seeds, and what is told of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from statsmodels.stats.multitest import multipletests
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.studies.base import Parts
from selfcorrect.studies.train import analysis as study
from selfcorrect.studies.train import references as study_of_references
from selfcorrect.studies.train import tuning
from selfcorrect.studies.train.arms import Arm, chosen, presets
from selfcorrect.studies.train.references import curve, estimate, on_squared_scores, references
from selfcorrect.studies.train.shortcuts import shortcuts
from selfcorrect.studies.train.squared import minima
from selfcorrect.theory import descent
from selfcorrect.theory.descent import distance
from selfcorrect.theory.training import (
    Recipe,
    at_budgets,
    held_out,
    judged,
    noisy,
    predictions,
    trained,
)
from selfcorrect.theory.transformer import Shape, Transformer

TINY = Shape(layers=1, heads=1, width=4)
SHORT = Recipe(steps=3, batch=4)
CONTEXTS = 32
ARMS = [
    Arm("formats", "one-token", TINY, SHORT),
    Arm("objectives", "base", TINY, SHORT),
    Arm("objectives", "no FFN", replace(TINY, ffn=False), SHORT, "base"),
]
TUNED = [
    Arm("ablations", "base", TINY, SHORT, None, (4, 8)),
    Arm("ablations", "no FFN", replace(TINY, ffn=False), SHORT, "base", (4, 8)),
]


@pytest.mark.parametrize("released_size", [False, True])
def test_every_arm_has_its_own_name_and_is_compared_within_its_preset(released_size: bool) -> None:
    for name, arms in presets(released_size).items():
        names = [arm.name for arm in arms]
        assert len(set(names)) == len(names)
        for arm in arms:
            assert arm.preset == name
            assert arm.versus is None or arm.versus in names
            if name in (
                "ablations",
                "ranked",
                "released-mask",
                "released-norm",
                "released-depth",
            ) and (arm.versus):
                other = arms[names.index(arm.versus)]
                assert _apart(arm, other) == 1


def test_the_released_recipe_is_the_papers() -> None:
    (arm,) = presets(released_size=True)["released"]
    assert (arm.shape.layers, arm.shape.heads, arm.shape.width) == (20, 3, 96)
    assert (arm.recipe.steps, arm.recipe.batch, arm.recipe.others) == (3000, 256, 1e-4)
    assert (arm.shape.format, arm.recipe.optimizer) == ("interleaved", "adam")
    with pytest.raises(UserError, match="no preset 'foo': give ablations, ranked, formats"):
        chosen(["foo"], quick=False, released_size=False)


def test_a_first_look_shortens_everything_but_the_one_token_format() -> None:
    arms = {(arm.preset, arm.name): arm for arm in chosen([], quick=True, released_size=False)}
    assert arms["formats", "one-token"].recipe.steps == 1000
    assert arms["formats", "interleaved"].recipe.steps == 500
    assert arms["ranked", "base"].budgets == (90, 180, 360)
    assert len(chosen(["ranked"], quick=True, released_size=False)) == 5
    every = presets()
    assert all(any(arm.name == name for arm in every[preset]) for preset, name in arms)


@pytest.fixture(scope="module", autouse=True)
def sooner() -> Iterator[None]:
    """Fewer steps to the floor, which other tests show to be the least, and with squared scores."""
    held_out.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "_FLOOR_STEPS", descent._FLOOR_STEPS // 3)
        patch.setattr(study_of_references, "GROWING", (25, 50, 100, 400))
        yield
    held_out.cache_clear()


@pytest.fixture(scope="module")
def curves() -> dict[str, Any]:
    """The curves that need no training."""
    found: dict[str, Any] = references(CONTEXTS, torch.device("cpu"), quick=True)
    return found


@pytest.fixture(scope="module")
def other_curves() -> tuple[dict[str, Any], dict[str, Any]]:
    """The shortcuts and the minima of squared scores."""
    cpu = torch.device("cpu")
    return shortcuts(128, cpu), minima(cpu, contexts=2, steps=(5, 20))


@pytest.fixture
def few(
    monkeypatch: pytest.MonkeyPatch,
    curves: dict[str, Any],
    other_curves: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Three tiny arms, judged by few contexts, beside curves that were computed once."""

    def computed(contexts: int, device: torch.device, *, quick: bool) -> dict[str, Any]:
        assert (contexts, device.type, quick) == (CONTEXTS, "cpu", True)
        return curves

    monkeypatch.setattr(study, "chosen", lambda *_, **__: ARMS)
    monkeypatch.setattr(study, "QUICK_CONTEXTS", CONTEXTS)
    monkeypatch.setattr(study, "references", computed)
    monkeypatch.setattr(study, "shortcuts", lambda *_: other_curves[0])
    monkeypatch.setattr(study, "minima", lambda *_, **__: other_curves[1])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # in this process


@pytest.mark.usefixtures("few")
def test_seeds_are_told_with_students_interval_and_compared_in_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: dict[str, Any] = {}
    counts: list[tuple[int, int]] = []
    result = study.train(
        seeds=2,
        quick=True,
        parts=Parts({}, kept.__setitem__, lambda now, every: counts.append((now, every))),
    )
    # two arms are the same training: four of six are left to do
    assert counts[0] == (0, 4)
    assert counts[-1] == (4, 4)
    first, base, bare = result["arms"]
    alone = [judged(trained(TINY, SHORT, seed), contexts=CONTEXTS)["excess"] for seed in range(2)]
    assert first["excess"]["mean"] == pytest.approx(np.mean(alone), abs=1e-5)
    low, high = stats.t.interval(0.95, 1, np.mean(alone), stats.sem(alone))
    assert first["excess"]["low"] == pytest.approx(low, abs=1e-4)
    assert first["excess"]["high"] == pytest.approx(high, abs=1e-4)
    assert base["excess_difference"] is None
    other = [
        judged(trained(replace(TINY, ffn=False), SHORT, seed), contexts=CONTEXTS)["excess"]
        for seed in range(2)
    ]
    apart = [b - a for a, b in zip(alone, other, strict=True)]
    assert bare["excess_difference"]["mean"] == pytest.approx(np.mean(apart), abs=1e-4)
    assert result["excess"] == first["excess"]["mean"]
    json.dumps(result, allow_nan=False)
    # what was kept isn't trained again
    monkeypatch.setattr(study, "_once", None)
    assert study.train(seeds=2, quick=True, parts=Parts(kept)) == result


@pytest.mark.usefixtures("few")
def test_tuned_arms_choose_their_rates_by_validation_and_are_judged_at_budgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(study, "chosen", lambda *_, **__: TUNED)
    kept: dict[str, Any] = {}
    result = study.train(seeds=2, quick=True, parts=Parts({}, kept.__setitem__))
    assert len(kept) == 2 * 3 + 2 * 2  # rates tried, then seeds
    base, bare = result["arms"]
    assert base["validation"][f"{base['factor']:g}"] == min(base["validation"].values())
    best = tuning.scaled(TUNED[0], base["factor"])
    at = [
        judged(model, contexts=CONTEXTS)["excess"]
        for model in at_budgets(best.shape, best.recipe, 0, best.budgets)
    ]
    also = [
        judged(model, contexts=CONTEXTS)["excess"]
        for model in at_budgets(best.shape, best.recipe, 1, best.budgets)
    ]
    for k in (0, 1):
        assert base["excess_at"][k]["mean"] == pytest.approx((at[k] + also[k]) / 2, abs=1e-5)
    assert base["plateau"]["last_doubling"]["mean"] == pytest.approx(
        (at[0] + also[0] - at[1] - also[1]) / 2, abs=1e-5
    )
    assert bare["compared"]["tests"] == 1
    assert len(bare["compared"]["at"]) == 2
    json.dumps(result, allow_nan=False)


def planted(name: str, excess: list[list[float]], versus: str | None) -> dict[str, Any]:
    return {
        "preset": "ablations",
        "name": name,
        "versus": versus,
        "kind": "original",
        "each": [{"excess_at": one} for one in excess],
    }


@pytest.mark.parametrize(
    ("without", "needed", "why"),
    [
        ([0.52, 0.51, 0.50], True, ""),
        ([0.13, 0.12, 0.11], False, ""),
        ([0.90, 0.70, 0.50], None, "no plateau"),  # still falling
        ([0.50, 0.13, 0.12], False, ""),  # the sign of a short budget flipped
        ([0.52, 0.139, 0.142], None, "the side changed"),
    ],
)
def test_a_part_is_needed_by_the_stated_rules(
    without: list[float], needed: bool | None, why: str
) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, size=(2, 8, 3))
    told = [
        planted("base", (noise[0] + [0.12, 0.11, 0.10]).tolist(), None),
        planted("no FFN", (noise[1] + without).tolist(), "base"),
    ]
    for arm in told:
        arm["plateau"] = tuning.settled(arm["each"], 0.04)
    told[1]["compared"] = tuning.compare(told[1]["each"], told[0]["each"], 0.04)
    tuning.decide(told, {"original": 0.04})
    found = told[1]["compared"]
    assert found["needed"] is needed
    assert why in found["why"]
    if without[0] == 0.5:
        assert found["flipped"]


def test_many_claims_are_corrected_together() -> None:
    rng = np.random.default_rng(1)
    base = planted("base", (rng.normal(0, 0.01, (8, 2)) + 0.1).tolist(), None)
    arms = [
        planted(f"{k}", (rng.normal(0, 0.01, (8, 2)) + 0.1 + 0.04 + 0.003 * k).tolist(), "base")
        for k in range(4)
    ]
    for arm in (base, *arms):
        arm["plateau"] = {"reached": True}
    for arm in arms:
        arm["compared"] = tuning.compare(arm["each"], base["each"], 0.04)
    tuning.decide([base, *arms], {"original": 0.04})
    p = [arm["compared"]["p"] for arm in arms]
    assert [arm["compared"]["p_holm"] for arm in arms] == pytest.approx(
        multipletests(p, method="holm")[1]
    )


def test_one_seed_has_no_interval_and_none_is_refused() -> None:
    assert estimate([0.5]) == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert curve([[1.0, 2.0]])["low"] is None
    with pytest.raises(UserError, match="at least one seed, not 0"):
        study.train(seeds=0)


def test_on_squared_scores_the_map_grows_and_its_direction_stays() -> None:
    found = on_squared_scores(torch.device("cpu"), contexts=32, steps=(50, 200, 800))
    for n in found["norm"]:
        norms = [e["mean"] for e in found["norm"][n]]
        apart = [e["mean"] for e in found["distance"][n]]
        assert norms == sorted(norms)
        assert norms[-1] > 2 * norms[0]
        assert max(apart) - min(apart) < 1e-3


def test_references_are_ordered_as_theory_says(curves: dict[str, Any]) -> None:
    found = curves
    of = {name: c["mean"][-1] for name, c in found["references"]["original"].items()}
    assert of["least squares"] < 1e-3 < of["best copy"] < of["exponential weights"] < of["floor"]
    assert of["floor"] < of["mean"]
    assert found["floor"]["original"]["high"] < found["random"]["original"]["low"]
    after = [found["noise"]["descent"][p]["mean"][-1] for p in ("0", "0.25", "0.5", "0.75", "1")]
    assert after == sorted(after)
    # at p = 0 the released code doesn't stop descent early
    assert found["noise"]["descent"]["0"] == found["noise"]["descent stopped early"]["0"]


def test_only_on_ranked_data_is_the_ranking_the_best_estimate(
    other_curves: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    found = other_curves[0]
    assert found["original"]["best"] == "least squares"
    assert found["warped"]["best"] == "best copy"
    ranked = found["ranked"]["estimates"]
    for name in ("best copy", "mean", "exponential weights", "least squares"):
        assert ranked[name]["against"]["low"] > 0
    # nothing can be much better
    assert ranked["posterior mean"]["against"]["low"] > -0.05


def test_squared_scores_have_no_minimum_on_a_line(
    other_curves: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    found = other_curves[1]
    assert {row["share"] for row in found["original"]} == {0}
    assert found["warped"][-1]["share"] == 1


def test_weighted_trains_towards_the_mean_with_exponential_weights() -> None:
    drawn = held_out("original", 64, 20, 5, torch.device("cpu"))[0]
    shape = Shape(layers=2, heads=2, width=32)
    model = trained(shape, Recipe(objective="weighted", steps=150, batch=32), 0)
    with torch.no_grad():
        f = predictions(model, drawn)
    from selfcorrect.theory.descent import exponential
    from selfcorrect.theory.training import sizes_of

    target = exponential(drawn, sizes_of(20))
    assert float(distance(f, target)[:, 5:].mean()) < 0.05


def test_the_quirks_do_what_they_say() -> None:
    drawn = held_out("original", 2, 20, 5, torch.device("cpu"))[0]
    later = replace(drawn, responses=drawn.responses.clone())
    later.responses[:, 15:] += 1
    for attention in ("softmax", "linear"):
        shape = replace(TINY, attention=attention, causal=False)  # type: ignore[arg-type]
        model = Transformer(shape, torch.Generator().manual_seed(0))
        with torch.no_grad():
            assert not torch.allclose(
                predictions(model, drawn)[:, 0], predictions(model, later)[:, 0]
            )
    plain, again = (
        Transformer(replace(TINY, renormalised=on), torch.Generator().manual_seed(0), "gpt2")
        for on in (False, True)
    )
    with torch.no_grad():
        assert not torch.allclose(predictions(plain, drawn), predictions(again, drawn))
    assert float(plain.blocks[0].attend.weight.detach().std()) == pytest.approx(0.02, rel=0.5)  # type: ignore[union-attr]
    assert torch.equal(noisy(drawn, 0.0).rewards, drawn.rewards)
    assert torch.equal(noisy(drawn, 0.5).rewards, noisy(drawn, 0.5).rewards)


def told(out: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(
        app, ["theory", "train", "--out", str(out), *arguments], env={"COLUMNS": "80"}
    )
    return done.exit_code, done.stdout, done.stderr


def test_the_command_refuses(tmp_path: Path) -> None:
    status, _, error = told(tmp_path, "--preset", "foo")
    assert status == 2
    assert "there is no preset 'foo'" in error
    status, _, error = told(tmp_path, "--seeds", "0")
    assert status == 2
    assert "at least one seed" in error


@pytest.mark.usefixtures("few")
def test_the_command_tells_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = study.references

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "references", stopped)
    told(tmp_path, "--quick")
    assert len(list((tmp_path / "train-parts").iterdir())) == 4
    monkeypatch.setattr(study, "references", real)
    monkeypatch.setattr(study, "_once", None)
    status, printed, _ = told(tmp_path, "--quick", "--json")
    assert status == 0
    result = json.loads(printed)
    assert {"excess", "cosine_with_optimum", "arms"} <= set(result)
    assert not (tmp_path / "train-parts").exists()
    assert "selfcorrect theory train --quick" in (tmp_path / "train.html").read_text("utf-8")


def _apart(arm: Arm, other: Arm) -> int:
    """In how many settings two arms differ."""
    pairs = ((asdict(arm.shape), asdict(other.shape)), (asdict(arm.recipe), asdict(other.recipe)))
    return sum(a[key] != b[key] for a, b in pairs for key in a)
