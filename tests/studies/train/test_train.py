"""What is trained, over which seeds, and what is told of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.studies.base import Parts
from selfcorrect.studies.train import analysis as study
from selfcorrect.studies.train.arms import Arm, chosen, presets
from selfcorrect.studies.train.references import curve, estimate, on_squared_scores, references
from selfcorrect.theory.descent import distance
from selfcorrect.theory.training import Recipe, held_out, judged, noisy, predictions, trained
from selfcorrect.theory.transformer import Shape, Transformer

TINY = Shape(layers=1, heads=1, width=4)
SHORT = Recipe(steps=3, batch=4)
CONTEXTS = 64
ARMS = [
    Arm("formats", "one-token", TINY, SHORT),
    Arm("ablations", "base", TINY, SHORT),
    Arm("ablations", "no FFN", replace(TINY, ffn=False), SHORT, "base"),
]


@pytest.mark.parametrize("released_size", [False, True])
def test_every_arm_has_its_own_name_and_is_compared_within_its_preset(released_size: bool) -> None:
    for name, arms in presets(released_size).items():
        names = [arm.name for arm in arms]
        assert len(set(names)) == len(names)
        for arm in arms:
            assert arm.preset == name
            assert arm.versus is None or arm.versus in names
            if name in ("warped", "released-mask", "released-norm", "released-depth") and (
                arm.versus
            ):
                other = arms[names.index(arm.versus)]
                assert _apart(arm, other) == 1


def test_the_released_recipe_is_the_papers() -> None:
    (arm,) = presets(released_size=True)["released"]
    assert (arm.shape.layers, arm.shape.heads, arm.shape.width) == (20, 3, 96)
    assert (arm.recipe.steps, arm.recipe.batch, arm.recipe.others) == (3000, 256, 1e-4)
    assert (arm.shape.format, arm.recipe.optimizer) == ("interleaved", "adam")
    with pytest.raises(UserError, match="no preset 'foo': give formats, ablations"):
        chosen(["foo"], quick=False, released_size=False)


def test_a_first_look_shortens_everything_but_the_one_token_format() -> None:
    arms = {(arm.preset, arm.name): arm for arm in chosen([], quick=True, released_size=False)}
    assert arms["formats", "one-token"].recipe.steps == 1000
    assert arms["formats", "interleaved"].recipe.steps == 500
    assert len(chosen(["warped"], quick=True, released_size=False)) == 6
    every = presets()
    assert all(any(arm.name == name for arm in every[preset]) for preset, name in arms)


@pytest.fixture(scope="module")
def curves() -> dict[str, Any]:
    """The curves that need no training."""
    found: dict[str, Any] = references(CONTEXTS, torch.device("cpu"), quick=True)
    return found


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, curves: dict[str, Any]) -> None:
    """Three tiny arms, judged by few contexts, beside curves that were computed once."""

    def computed(contexts: int, device: torch.device, *, quick: bool) -> dict[str, Any]:
        assert (contexts, device.type, quick) == (CONTEXTS, "cpu", True)
        return curves

    monkeypatch.setattr(study, "chosen", lambda *_, **__: ARMS)
    monkeypatch.setattr(study, "QUICK_CONTEXTS", CONTEXTS)
    monkeypatch.setattr(study, "references", computed)


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


def test_one_seed_has_no_interval_and_none_is_refused() -> None:
    assert estimate([0.5]) == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert curve([[1.0, 2.0]])["low"] is None
    with pytest.raises(UserError, match="at least one seed, not 0"):
        study.train(seeds=0)


def test_on_squared_scores_the_map_grows_and_its_direction_stays() -> None:
    found = on_squared_scores(torch.device("cpu"), contexts=32)
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
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # in this process
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
