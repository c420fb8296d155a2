"""The page of training: findings and verdicts follow from the numbers."""

from __future__ import annotations

from typing import Any

import pytest

from selfcorrect.report.sheet import Table, page
from selfcorrect.studies.train.claims import claims, margin
from selfcorrect.studies.train.sheet import sheet

N = list(range(2, 20))


def of(mean: float, half: float | None, n: int = 4) -> dict[str, Any]:
    ends = (None, None) if half is None else (mean - half, mean + half)
    return {"mean": mean, "low": ends[0], "high": ends[1], "n": n}


def curve(mean: float, half: float | None = 0.01) -> dict[str, Any]:
    one = of(mean, half)
    return {k: one[k] if k == "n" or one[k] is None else [one[k]] * len(N) for k in one}


def arm(preset: str, name: str, excess: float, **more: Any) -> dict[str, Any]:
    return {
        "preset": preset,
        "name": name,
        "kind": "ranked" if preset == "ranked" else "original",
        "versus": more.get("versus"),
        "recipe": {"steps": 600},
        "budgets": [300, 600],
        "factor": 2.0,
        "validation": {"0.5": 0.2, "1": 0.1, "2": 0.05},
        "excess_at": [of(2 * excess, 0.001), of(excess, 0.001)],
        "plateau": {"last_doubling": of(excess, 0.001), "reached": True},
        **({"compared": more["compared"]} if "compared" in more else {}),
        "parameters": 1000,
        "seconds": 3.0,
        "norm": of(1, 0.1),
        "excess": of(excess, 0.001),
        "excess_difference": more.get("difference"),
        "curves": {k: curve(0.3) for k in ("excess", "distance", "cosine_with_optimum")},
        "noise": {
            p: curve(at) for p, at in (("0", 0.3), ("0.5", more.get("noisy", 0.5)), ("1", 1.0))
        },
    }


def result(*arms: dict[str, Any]) -> dict[str, Any]:
    kinds = ("original", "warped", "ranked")
    names = ("descent", "floor", "best copy", "mean", "exponential weights", "least squares")
    at = {"floor": 0.29, "best copy": 0.01}
    return {
        "settings": {
            "seeds": 4, "contexts": 8, "device": "cpu", "torch": "2", "quick": False,
        },
        "n": N,
        "arms": list(arms),
        "floor": dict.fromkeys(kinds, of(14.7, 0.1)),
        "random": dict.fromkeys(kinds, of(17.7, 0.1)),
        "references": {k: {name: curve(at.get(name, 0.3)) for name in names} for k in kinds},
        "noise": {"descent": {p: curve(0.4) for p in ("0", "0.5", "1")}},
        "shortcuts": {
            kind: {
                "n": 19,
                "best": best,
                "estimates": {
                    "floor": {"distance": of(0.3, 0.01), "against": None},
                    "best copy": {"distance": of(0.1, 0.01), "against": of(-0.2, 0.01)},
                    **({"posterior mean": {"distance": of(0.1, 0.01), "against": of(0, 0.01)}}
                       if kind == "ranked" else {}),
                },
            }
            for kind, best in (("original", "best copy"), ("ranked", "floor"))
        },
        "minima": {
            "ranked": [{"n": 2, "share": 0.5, "contexts": 8, "steps": [1, 4],
                        "growth": {"minimum": of(1, 0.1), "none": None}}],
        },
        "squared": {
            "steps": [50, 200],
            "contexts": 8,
            "norm": {"2": [of(1, 0.1), of(2, 0.1)]},
            "distance": {"2": [of(0.3, 0.1)] * 2},
        },
        "published": {
            name: {"0": {"2": 0.5, "5": 0.4, "10": 0.3, "15": 0.3}}
            for name in ("transformer", "gradient descent")
        },
    }  # fmt: skip


def verdicts(*arms: dict[str, Any]) -> dict[str, str]:
    return {row[0]: row[1] for row in claims(result(*arms)).rows}


def compared(needed: bool | None, why: str = "", *, flipped: bool = False) -> dict[str, Any]:
    return {
        "at": [of(0.3, 0.01), of(0.2, 0.01)],
        "p": 0.0001,
        "p_holm": 0.0004,
        "tests": 4,
        "flipped": flipped,
        "needed": needed,
        "why": why,
    }


@pytest.mark.parametrize(
    ("needed", "verdict"),
    [(True, "holds"), (False, "does not hold"), (None, "undecided")],
)
def test_a_part_is_needed_if_the_rules_say_so(needed: bool | None, verdict: str) -> None:
    assert margin(result(), "original") == pytest.approx(0.03)
    told = verdicts(arm("ablations", "linear attention", 0.1, compared=compared(needed)))
    assert told["Softmax attention is needed (the paper's data)"] == verdict
    one = {"at": [of(0.3, None, 1)] * 2, "p": None}
    told = verdicts(arm("ablations", "linear attention", 0.1, compared=one))
    assert told["Softmax attention is needed (the paper's data)"] == "undecided"


def test_descent_noise_and_plateau_are_decided_by_intervals() -> None:
    told = verdicts(arm("formats", "one-token", 0.004))
    assert told["A trained transformer does what descent on the loss does (one-token)"] == ("holds")
    assert told["The worse the critic, the worse the answer"] == "holds"
    assert told["The plateau of 1 − cos near .297 is the best that the context allows"] == (
        "does not hold"
    )
    whose = {row[0]: row[2] for row in claims(result(arm("formats", "one-token", 0.004))).rows}
    assert sorted(whose.values()) == ["ours", "published", "published"]
    assert whose["The plateau of 1 − cos near .297 is the best that the context allows"] == "ours"
    told = verdicts(arm("formats", "interleaved", 0.4), arm("formats", "one-token", 0, noisy=0.2))
    assert told["A trained transformer does what descent on the loss does (interleaved)"] == (
        "does not hold"
    )
    assert told["The worse the critic, the worse the answer"] == "does not hold"


def test_a_plateau_below_which_the_best_response_lies_is_not_refuted_without_an_interval() -> None:
    name = "The plateau of 1 − cos near .297 is the best that the context allows"
    for copy in (curve(0.29, None), curve(0.295, 0.02), curve(0.4)):
        found = result(arm("formats", "one-token", 0.004))
        found["references"]["original"]["best copy"] = copy
        assert {row[0]: row[1] for row in claims(found).rows}[name] == "undecided"


def test_what_is_needed_what_is_not_and_what_flipped_are_told_apart() -> None:
    found = result(
        arm("ablations", "base", 0.003),
        arm("ablations", "no FFN", 0.2, versus="base", compared=compared(True)),
        arm("ablations", "1 head", 0.5, versus="base", compared=compared(False, flipped=True)),
        arm("ablations", "1 layer", 0.0, versus="base", compared=compared(None, "no plateau: x")),
    )
    (said,) = [each for each in sheet(found).findings if each.startswith("Ablations on")]
    assert "needed: feed-forward; not needed: several heads; undecided: several layers (" in said
    assert "Holm over 4 tests" in said
    assert "With fewer steps the sign of the verdict was another for several heads." in said
    tables = [p for s in sheet(found).sections for p in s.parts if isinstance(p, Table)]
    (table,) = [t for t in tables if t.title == "Ablations, the original data"]
    assert {row[1] for row in table.rows} == {"2, the edge"}
    (best,) = [each for each in sheet(found).findings if "nearest the truth" in each]
    assert "original: best copy (.100), with the minimiser at .300" in best
    assert "ranked: the floor's minimiser itself" in best


def test_a_page_of_any_presets() -> None:
    base = arm("ablations", "base", 0.003)
    other = arm("ablations", "no FFN", 0.2, versus="base", compared=compared(True))
    every = sheet(
        result(
            arm("formats", "one-token", 0.004),
            base,
            other,
            arm("ranked", "base", 0.2),
            arm("objectives", "weighted", 1.0),
            arm("released-mask", "no FFN", 0.1),
            arm("released-mask", "no FFN, sees all", 0.1, versus="no FFN",
                difference=of(0.1, 0.2)),
        )
    )  # fmt: skip
    assert any("needed: feed-forward" in each for each in every.findings)
    assert "released-mask" in page(every)
    for arms in ((), (base,), (arm("released", "released", 0.4),)):
        page(sheet(result(*arms)))
    quick = result()
    quick["settings"]["quick"] = True
    assert "A first look" in sheet(quick).findings[0]
    tables = [p for s in every.sections for p in s.parts if isinstance(p, Table)]
    assert all(len(row) == len(t.columns) for t in tables for row in t.rows)
