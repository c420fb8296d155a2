"""What the tests of report share."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from selfcorrect.measures.own import Own
from selfcorrect.measures.worth import decision_of_run
from selfcorrect.records import frame
from selfcorrect.report import verdict
from selfcorrect.report.dialogues import choose, embed
from selfcorrect.report.page import page
from selfcorrect.tasks import make


def estimate(value: float | None, half: float = 0.04, n: int = 200, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0, "clusters": 0, **more}
    low, high = value - half, value + half
    return {"value": value, "low": low, "high": high, "n": n, "clusters": n // 5, **more}


def made_round(rng: np.random.Generator, number: int, accuracy: float, n: int) -> dict[str, Any]:
    """One round's part of a summary, about as a run has it."""
    gap = 0.04 + 0.02 * number
    confidence = accuracy + gap
    parts = ("Age", "Religion", "Disability_status", "<b>Sexual</b> orientation")
    banded = {
        "accuracy": accuracy,
        "confidence": confidence,
        "entropy": 0.8 - 0.05 * number,
        "calibration_gap": gap,
        "brier": 0.6 - 0.03 * number,
    }
    measures = {
        name: estimate(value, n=n, band=[value - 0.06, value + 0.06])
        for name, value in banded.items()
    }
    measures |= {
        "parse_rate": estimate(0.97, 0.02, n),
        "option_mass": estimate(0.9, 0.02, n, median=0.93),
        "first_choice_p": estimate(0.6 - 0.02 * number, n=n),
        "likeliest_differs": estimate(0.05, 0.02, n),
        "encoded": estimate(120.0 - 60 * (number > 1) + 2 * number, 3, n),
        "generated": estimate(14.0, 1, n),
        "reused": estimate(120.0 * (number - 1), 3, n),
        "tokens": estimate(120.0 - 60 * (number > 1) + 2 * number, 3, n),
        "ece": {"value": 0.09, "low": None, "high": None, "n": n, "clusters": n // 5},
        "ece_expected": estimate(0.05, 0.02, n),
        "ece_excess": estimate(0.04, 0.02, n),
        "ece_debiased": estimate(0.08, 0.03, n),
        "auroc": estimate(0.66, 0.06, n),
        "ece_all": {"value": 0.1, "low": None, "high": None, "n": n, "clusters": n // 5},
        "calibration_gap_all": estimate(gap + 0.01, n=n),
        "brier_all": estimate(0.61, n=n),
        "biased": estimate(0.55, n=n),
        "bias_undetermined": estimate(3.0, 2, n),
        "bias_ambiguous": estimate(0.12 - 0.01 * number, n=n),
        "bias_disambiguated": estimate(0.04, n=n),
        "accuracy_ambiguous": estimate(accuracy - 0.1, n=n),
        "accuracy_disambiguated": estimate(accuracy + 0.1, n=n),
    }
    for whole in ("bias_ambiguous", "bias_disambiguated"):
        for part in parts:
            measures[f"{whole}/{part}"] = estimate(float(rng.normal(0.05, 0.08)), 0.1, n // 4)
    edges = np.linspace(0, 1, 11)
    bins = [
        {
            "low": low,
            "high": high,
            "n": int(n * share),
            "confidence": (low + high) / 2,
            "accuracy": max(0.0, (low + high) / 2 - gap),
            "accuracy_low": max(0.0, (low + high) / 2 - gap - 0.1),
            "accuracy_high": (low + high) / 2 - gap + 0.1,
            "null_low": max(0.0, (low + high) / 2 - 0.08),
            "null_high": min(1.0, (low + high) / 2 + 0.08),
        }
        for low, high, share in zip(
            edges[3:-1], edges[4:], rng.dirichlet(np.arange(1, 8)), strict=True
        )
    ]
    right, moved = round(n * accuracy), max(1, round(n * 0.08 / number))
    flow = {
        "kept_right": right - moved,
        "kept_wrong": n - right - moved - moved // 2,
        "right_to_wrong": moved // 2,
        "wrong_to_right": moved,
        "wrong_to_wrong": moved,
    }
    later = number > 1
    return {
        "round": number,
        "n": n,
        "clusters": n // 5,
        "unparsed": 6,
        "ungraded": 0,
        "missing": 0,
        "idle": 0,
        "low_mass": False,
        "measures": measures,
        "reliability": bins,
        "flow": flow if later else None,
        "changed": estimate(2.5 * moved / n, n=n) if later else None,
        "cl": estimate(1 - moved / 2 / right, n=right) if later else None,
        "cs": estimate(moved / (n - right), n=n - right) if later else None,
        "settled": estimate(1 - 0.3 / number, n=n),
        "gain": estimate(0.08 * (1 - 1 / number), n=n, p=0.02, p_holm=0.04) if later else None,
    }


def made_summary(rounds: int = 5, n: int = 200, seed: int = 0) -> dict[str, Any]:
    """A summary as a BBQ run with both controls has it."""
    rng = np.random.default_rng(seed)
    curve = [0.55 + 0.09 * (1 - 0.5**k) for k in range(rounds)]
    gained = {"p": 0.012, "margin": 0.03, "verdict": "better", "n_needed": None}
    changes = {
        "accuracy": estimate(0.08, 0.035, n, **gained),
        "confidence": estimate(0.16, 0.04, n, p=0.0001, margin=None, verdict=None),
        "entropy": estimate(-0.2, 0.05, n, p=0.0001, margin=0.05, verdict="better"),
        "calibration_gap": estimate(0.08, 0.05, n, p=0.004, margin=0.03, verdict="worse"),
        "brier": estimate(-0.01, 0.015, n, p=0.2, margin=0.03, verdict="same"),
        "tokens": estimate(-51.0, 4, n, p=None, margin=None, verdict=None),
        "bias_ambiguous": estimate(-0.04, 0.06, n, p=0.21, margin=None, verdict="undecided"),
    }

    def against(at: int, ratio: float) -> dict[str, Any]:
        difference = {
            "accuracy": estimate(
                0.05, 0.06, n, p=0.12, margin=0.03, verdict="undecided", n_needed=900
            ),
            "entropy": estimate(-0.02, 0.02, n, p=0.06, margin=0.05, verdict="same"),
        }
        return {
            "round": at,
            "difference": difference,
            "level": 0.968,
            "parity": None,
            "tokens_ratio": ratio,
        }

    def arm(curve: list[float], ratio: float) -> dict[str, Any]:
        return {
            "folder": "runs/control",
            "dialogues": n,
            "rounds": [made_round(rng, k + 1, a, n) for k, a in enumerate(curve)],
            "against": against(len(curve), ratio),
        }

    summary = {
        "folder": "runs/bbq-intrinsic-smollm2-057e3582",
        "complete": True,
        "dialogues": n,
        "wanted": n,
        "examples": 1_000_000,
        "outcome": {"name": "accuracy", "kind": "share", "better": "higher", "margin": 0.03},
        "own": Own(figures=make("sample").figures).terms(),
        "spec": {
            "model": {"name": "smollm2", "dtype": "bfloat16", "device": "cpu"},
            "task": {"name": "bbq", "data": "data/bbq", "categories": [], "options": {}},
            "strategy": {"name": "intrinsic", "parameters": {}},
            "rounds": rounds,
            "limit": n,
            "seed": 0,
            "system": None,
            "chunk": 64,
            "margins": {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03},
        },
        "rounds": [made_round(rng, k + 1, a, n) for k, a in enumerate(curve)],
        "alternating": {**estimate(0.03, 0.02, n), "alternates": False},
        "parity": None,
        "looks": [{"n": n, "clusters": n, "at": "2026-11-28T20:00:00+00:00"}],
        "level": 0.968,
        "changes": changes if rounds > 1 else {},
        "convergence": {
            "accuracy": {"round": 2, "margin": 0.03, "smallest_margin": 0.021, "n_needed": None},
            "entropy": {
                "round": None,
                "margin": 0.05,
                "smallest_margin": 0.07,
                "n_needed": 480,
                "why": "round 5 is not shown to be within the margin of round 2",
            },
        }
        if rounds > 1
        else {},
        "converged_at": 2 if rounds > 1 else None,
        "controls": {
            "repeat": arm([a - 0.04 * k / rounds for k, a in enumerate(curve)], 1.18),
            "baseline": arm([0.53], 3.1),
        },
        "notes": [],
    }
    return in_words(summary)


def concluded(summary: Mapping[str, Any], moved: Mapping[str, Any] | None) -> dict[str, Any]:
    """A summary with its decision, and what is said of both."""
    return verdict.in_words({**summary, "decision": decision_of_run(summary, moved)})


def in_words(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with what is concluded from its numbers."""
    return concluded({"cost": {"arms": {}}, **summary}, None)


def step(kind: str, text: str, **more: Any) -> dict[str, Any]:
    said = kind == "say"
    usual: dict[str, Any] = {
        "kind": kind,
        "role": "user" if said else "assistant",
        "speaker": "strategy" if said else "smollm2",
        "begin": False,
        "shown": True,
        "text": text,
        "images": [],
        "prefill": None,
        "finish": None if said else "stop",
        "choices": [],
        "choice_logp": [],
        "token_ids": [],
        "token_logps": [],
        **dict.fromkeys(("prompt_tokens", "encoded", "reused", "generated", "drafted"), 0),
        "gap": None,
    }
    return usual | more


def record(
    example: str, number: int, choice: int | None, steps: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "example": example,
        "cluster": f"cluster of {example}",
        "round": number,
        "choices": ["the grandfather", "the grandson", "can't be known"],
        "text": steps[-1]["text"],
        "key": None if choice is None else "abc"[choice],
        "choice": choice,
        "problem": "no option" if choice is None else None,
        "outcome": float(choice == 2),
        "target": 2,
        "option_logp": [-1.0, -1.2, -1.4],
        "option_tokens": [1, 1, 1],
        "option_p": [0.5, 0.3, 0.2],
        "option_mass": 0.9,
        "likeliest": 0,
        "confidence": 0.5,
        "entropy": 1.0,
        "first_choice_p": 0.5,
        **dict.fromkeys(("prompt_tokens", "encoded", "reused", "generated", "drafted"), 1),
        "oracle": False,
        "notes": [],
        "values": [],
    }
    return usual | more | {"steps": steps}


def made_records(dialogues: int, rounds: int = 3, words: int = 12, seed: int = 0) -> pl.DataFrame:
    """Dialogues whose answers move, some unread, some with low option mass."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("aeiounrstlmd", k=rng.randint(2, 9))) for _ in range(900)]
    rows = []
    for k in range(dialogues):
        choice: int | None = rng.choice([0, 2, 2])
        for number in range(1, rounds + 1):
            if number > 1 and rng.random() < 0.2:
                choice = rng.choice([0, 1, 2, None])
            asked = " ".join(rng.choices(vocabulary, k=words))
            steps = [step("say", asked), step("answer", f"The best answer is ({choice})")]
            mass = 0.3 if rng.random() < 0.05 else 0.9
            rows.append(record(f"item {k}", number, choice, steps, option_mass=mass))
    return frame(rows)


def embedded(records: pl.DataFrame) -> dict[str, Any]:
    return embed([records], choose(records))


def no_charts() -> dict[str, Any]:
    """A summary whose page is there at once, for tests of other things."""
    return no_dialogue()


def written_to(folder: Path, summary: Mapping[str, Any], dialogues: Any = None) -> Path:
    file = folder / "report.html"
    file.write_text(page(summary, dialogues), encoding="utf-8")
    return file


def no_dialogue() -> dict[str, Any]:
    summary = made_summary(1)
    nothing = {"rounds": [], "changes": {}, "convergence": {}, "controls": {}}
    return in_words(
        {
            **summary,
            **nothing,
            "complete": False,
            "dialogues": 0,
            "alternating": estimate(None, why="no records"),
            "parity": None,
            "level": None,
        }
    )
