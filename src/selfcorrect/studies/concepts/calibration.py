"""Calibration over the rounds, with C+ fixed and with the concept drawn from the prior.

After every round the model answers with its most likely token. Its confidence is the probability
that it gives this token, its accuracy the probability that the true concept gives it. Both are
known for every history, so no token has to be drawn to know whether the model was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfcorrect.studies.concepts.laws import (
    Results,
    compare,
    error_of,
    law,
    moments,
)
from selfcorrect.theory.confidence import BINS, answers
from selfcorrect.theory.discrete import (
    histories,
    sample,
)
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    Ints,
    log_likelihood,
    log_posterior,
)

_DRAWS = 1_000
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Gaps:
    """Confidence − accuracy of histories [n], the bins [n] they fall into, and their weights."""

    value: Floats
    bins: Ints
    weight: Floats

    @property
    def sums(self) -> Floats:
        """Each bin's part of the signed gap [BINS]; ECE is the sum of their sizes."""
        return np.bincount(self.bins, self.weight * self.value, BINS).astype(np.float64)


def calibration(concepts: Concepts, rounds: int, paths: int, rng: np.random.Generator) -> Results:
    """E|confidence − accuracy| and ECE after rounds 0 … R, C+ fixed and C drawn from the prior.

    Args:
        concepts: with the model's prior.
        rounds: R.
        paths: number of sampled paths of each kind.
        rng: what draws.
    """
    found = Results()
    grid = list(range(1, rounds + 1))
    true = rng.choice(len(concepts.p), size=paths, p=concepts.prior)
    kinds = {"C+": np.zeros(paths, dtype=np.int64), "prior": true}
    curves = {}
    for kind, concept in kinds.items():
        p = concepts.p[0] if kind == "C+" else concepts.p[concept]
        counts = sample(p, concepts.tokens, grid, paths, rng)
        rows = [_start(concepts, kind)]
        before: Floats | None = None
        for t in grid:
            exact = _all(concepts, t, kind)
            row, before = _row(concepts, exact, counts[t - 1], concept, before)
            rows.append({"round": t, **row})
            if kind == "prior":
                rows[-1] |= _null(concepts, counts[t - 1], rng)
            _compare(found, kind, t, exact, _sampled(concepts, counts[t - 1], concept))
        curves[kind] = rows
    found.curves["calibration"] = {"fixed": curves["C+"], "drawn": curves["prior"], "n": paths}
    found.laws = _laws(curves["C+"], curves["prior"], paths)
    return found


def _start(concepts: Concepts, kind: str) -> dict[str, Any]:
    """Round 0: there is one history, the empty one."""
    confidence, accuracy, _ = answers(concepts, np.log(concepts.prior)[None])
    gaps = confidence[0] - accuracy[0]
    gap = float(gaps[0] if kind == "C+" else concepts.prior @ gaps)
    distance = float(abs(gaps[0]) if kind == "C+" else concepts.prior @ np.abs(gaps))
    return {"round": 0, "distance": distance, "ece": abs(gap), "gap": gap}


def _all(concepts: Concepts, t: int, kind: str) -> Gaps:
    """Every history after t rounds, under C+ or under the prior (then with every concept)."""
    every = histories(concepts, t)
    confidence, accuracy, bins = answers(concepts, every.posterior)
    gap = confidence[:, None] - accuracy
    if kind == "C+":
        return Gaps(gap[:, 0], bins, np.exp(every.log_p[:, 0]))
    weight = np.exp(every.log_p) * concepts.prior
    return Gaps(gap.ravel(), np.repeat(bins, len(concepts.p)), weight.ravel())


def _sampled(concepts: Concepts, counts: Ints, concept: Ints) -> Gaps:
    posterior = log_posterior(log_likelihood(counts, concepts.p), concepts.prior)
    confidence, accuracy, bins = answers(concepts, posterior)
    n = len(confidence)
    return Gaps(confidence - accuracy[np.arange(n), concept], bins, np.full(n, 1 / n))


def _row(
    concepts: Concepts, exact: Gaps, counts: Ints, concept: Ints, before: Floats | None
) -> tuple[dict[str, Any], Floats]:
    """The figures of a round, and each path's part in its ECE, for the error of the next change."""
    mine = _sampled(concepts, counts, concept)
    part = np.sign(mine.sums)[mine.bins] * mine.value
    ece = float(np.abs(mine.sums).sum())
    row = {
        "distance": float(exact.weight @ np.abs(exact.value)),
        "ece": float(np.abs(exact.sums).sum()),
        "gap": float(exact.weight @ exact.value),
        "sampled_distance": float(np.abs(mine.value).mean()),
        "distance_error": error_of(np.abs(mine.value)),
        "sampled_ece": ece,
        "ece_error": error_of(part),
        "sampled_gap": float(mine.value.mean()),
        "gap_error": error_of(mine.value),
    }
    if before is not None:
        row["ece_change"] = float((part - before).mean())
        row["ece_change_error"] = error_of(part - before)
    return row, part


def _null(concepts: Concepts, counts: Ints, rng: np.random.Generator) -> dict[str, float]:
    """The ECE under perfect calibration: each path's concept is drawn from its posterior."""
    seen, times = np.unique(counts, axis=0, return_counts=True)
    posterior = log_posterior(log_likelihood(seen, concepts.p), concepts.prior)
    confidence, accuracy, bins = answers(concepts, posterior)
    gap = (confidence[:, None] - accuracy) / len(counts)
    share = np.exp(posterior)
    share /= share.sum(axis=1, keepdims=True)
    into = np.eye(BINS)[bins]
    ece = [
        np.abs((rng.multinomial(times, share) * gap).sum(axis=1) @ into).sum()
        for _ in range(_DRAWS)
    ]
    low, high = np.quantile(ece, [0.025, 0.975])
    return {"null_mean": float(np.mean(ece)), "null_low": float(low), "null_high": float(high)}


def _compare(found: Results, kind: str, t: int, exact: Gaps, mine: Gaps) -> None:
    """Compare exact and sampled: the distance, the gap, and the sum of every bin."""
    for name, of in (("E|confidence − accuracy|", np.abs), ("E[confidence − accuracy]", np.array)):
        truth = moments(of(exact.value), exact.weight)
        found.comparisons += compare(f"{name}, {kind}", t, truth, of(mine.value))
    for b in np.unique(mine.bins).tolist():
        truth = moments(exact.value * (exact.bins == b), exact.weight)
        name = f"gap of bin {b + 1}, {kind}"
        found.comparisons += compare(name, t, truth, mine.value * (mine.bins == b))


def _laws(
    fixed: list[dict[str, Any]], drawn: list[dict[str, Any]], paths: int
) -> list[dict[str, Any]]:
    distance, ece = (_rises([row[what] for row in fixed]) for what in ("distance", "ece"))
    rounds = len(fixed) - 1
    found = [
        law("distance_rises", f"rounds of {rounds} in which E|confidence − accuracy| rises",
            0.0, float(len(distance)), scale=float(rounds)),
        law("ece_rises", f"rounds of {rounds} in which ECE rises", None, float(len(ece)),
            why=f"no number is predicted: ECE need not fall; it rises in round {_and(ece)}"
            if ece else "no number is predicted: ECE need not fall, but here it does"),
    ]  # fmt: skip
    risen = [row for row in fixed if row["round"] in ece and "ece_change" in row]
    if risen:
        most = max(risen, key=lambda row: row["ece_change"])
        t, before = most["round"], fixed[most["round"] - 1]
        title = f"ECE's largest rise, in round {t}"
        found.append(
            law("ece_rise", title, most["ece"] - before["ece"], most["ece_change"],
                error=most["ece_change_error"], n=paths)
        )  # fmt: skip
    inside = sum(
        row["null_low"] - _ROUNDING <= row["sampled_ece"] <= row["null_high"] + _ROUNDING
        for row in drawn[1:]
    )
    found += [
        law("ece_prior", "largest ECE, concept from the prior", 0.0,
            max(row["ece"] for row in drawn), scale=1.0),
        law("ece_prior_sampled", f"rounds of {rounds} with a sampled ECE in its null band",
            0.95 * rounds, float(inside), n=paths, scale=0.0,
            why="rounds share their paths, so the number has no interval"),
    ]  # fmt: skip
    return found


def _rises(curve: list[float]) -> list[int]:
    """The rounds whose value is above that of the round before, by more than rounding."""
    return [t for t in range(1, len(curve)) if curve[t] > curve[t - 1] + _ROUNDING]


def _and(rounds: list[int]) -> str:
    return " and ".join([", ".join(map(str, rounds[:-1])), str(rounds[-1])]).removeprefix(" and ")
