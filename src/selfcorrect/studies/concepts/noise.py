"""Wrong instructions: the drift of the log-odds by their share, and the threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcorrect.studies.concepts.answers import MOST_COUNTS
from selfcorrect.studies.concepts.laws import (
    Results,
    compare,
    error_of,
    indistinguishable,
    law,
    moments,
    share_ends,
)
from selfcorrect.theory.discrete import (
    log_arrangements,
    move,
    types,
)
from selfcorrect.theory.instructions import drift, favoured, held_up_to, threshold
from selfcorrect.theory.posteriors import (
    Concepts,
    Floats,
    Ints,
    believed,
    log_likelihood,
    log_posterior,
    stated,
)

#: C+, the concept of wrong instructions, and a third that lies between them; and shares of wrong
#: instructions at which C+, the third and the wrong one are favoured.
THIRD = ((0.7, 0.2, 0.1), (0.1, 0.2, 0.7), (0.4, 0.2, 0.4))
THIRD_WRONG = (0.1, 0.35, 0.9)


def noise(
    concepts: Concepts,
    wrong: Sequence[float],
    rounds: int,
    horizon: int,
    paths: int,
    rng: np.random.Generator,
) -> Results:
    """The drift by the share of wrong instructions, and the posterior around the threshold.

    Args:
        concepts: C+ and C−.
        wrong: the shares q for which the drift is measured.
        rounds: for which the mean posterior is enumerated and sampled, at q below, at and above q*.
        horizon: rounds over which a drift is measured.
        paths: number of sampled paths for each q.
        rng: what draws.
    """
    star = threshold(concepts)
    if star is None:
        same = np.array_equal(concepts.p[0], concepts.p[1])
        why = (
            "both divergences are 0: no instruction, right or wrong, changes the posterior"
            if same
            else "a token that only one concept allows decides at once: the drift is not finite"
        )
        return Results([law("noise_threshold", "q*", None, None, why=why)])
    clean = drift(concepts, 0.0)
    if few := indistinguishable(clean, horizon):
        return Results([law("noise_threshold", "q*", star, None, why=few)])
    shares = sorted({*wrong, star})
    predicted = [0.0 if q == star else drift(concepts, q) for q in shares]
    seen = concepts.p[0] > 0  # under either of the two, or the threshold were undefined
    scores = np.log(np.where(seen, concepts.p[0], 1) / np.where(seen, concepts.p[1], 1))
    found, measured, errors = Results(), [], []
    for q, theory in zip(shares, predicted, strict=True):
        speed = _counted(concepts, q, horizon, paths, rng) @ scores / horizon
        measured.append(float(speed.mean()))
        errors.append(error_of(speed))
        found.laws.append(
            law("noise_drift", f"drift a round, q = {q:.3f}", theory, measured[-1],
                kind="rate", error=errors[-1], n=paths, scale=clean)
        )  # fmt: skip
    zero, error = _crossing(np.array(shares), np.array(measured), np.array(errors))
    title = "q at which the drift is 0"
    found.laws.append(law("noise_threshold", title, star, zero, error=error, n=paths * len(shares)))
    found.curves["noise"] = {
        "wrong": shares,
        "predicted": predicted,
        "measured": measured,
        "error": errors,
        "threshold": star,
        "n": paths,
    }
    sides = {"below": star / 2, "at": star, "above": (1 + star) / 2}
    limits = {"below": 1.0, "at": 0.5, "above": 0.0}
    found.curves["sides"] = {}
    for side, q in sides.items():
        start = math.log(concepts.prior[0] / concepts.prior[1])
        odds = start + _counted(concepts, q, horizon, paths, rng) @ scores
        for_plus = int((odds > 0).sum())
        title = f"paths for C+, round {horizon}, q = {q:.3f}"
        found.laws.append(
            law(f"noise_{side}", title, limits[side], for_plus / paths, n=paths,
                ends=share_ends(for_plus, paths), scale=1.0,
                why="a limit: at q* it is approached as 1/√t" if side == "at" else "a limit")
        )  # fmt: skip
        found.curves["sides"][side] = _mean_posterior(concepts, q, rounds, paths, rng, found)
    return found


def third(rounds: int, paths: int, rng: np.random.Generator) -> Results:
    """Three concepts: below q* another one than C+ can win.

    Args:
        rounds: of the sampled paths.
        paths: their number for each share of wrong instructions.
        rng: what draws.
    """
    known = stated(THIRD)
    star, held = threshold(known.pair(1)), held_up_to(known)
    found = Results()
    for q in THIRD_WRONG:
        winner = favoured(known, q)
        counts = _counted(known.pair(1), q, rounds, paths, rng)
        posterior = log_posterior(log_likelihood(counts, known.p), known.prior)
        many = int((posterior.argmax(axis=1) == winner).sum())
        who = ("C+", "the wrong concept", "the third concept")[winner]
        found.laws.append(
            law("third_paths", f"three concepts: paths for {who}, round {rounds}, q = {q:g}", 1.0,
                many / paths, ends=share_ends(many, paths), n=paths, scale=1.0, why="a limit")
        )  # fmt: skip
    found.curves["third"] = {"threshold": star, "held": held, "distributions": known.p.tolist()}
    return found


def _counted(
    concepts: Concepts, q: float, rounds: int, paths: int, rng: np.random.Generator
) -> Ints:
    """Counts [paths, V] after so many rounds, each wrong with probability q."""
    wrong = rng.binomial(rounds, q, size=paths)
    m = concepts.tokens
    right = rng.multinomial(m * (rounds - wrong), concepts.p[0])
    return np.asarray(right + rng.multinomial(m * wrong, concepts.p[1]))


def _crossing(x: Floats, y: Floats, error: Floats) -> tuple[float, float]:
    """The zero of the weighted least-squares line through y(x), and its standard error."""
    sure = error > 1e-12
    w = 1 / np.where(sure, error, error[sure].min()) ** 2
    design = np.stack([np.ones_like(x), x], axis=1)
    spread = np.linalg.inv(design.T @ (w[:, None] * design))
    a, b = spread @ design.T @ (w * y)
    slope = np.array([-1 / b, a / b**2])
    return float(-a / b), float(math.sqrt(slope @ spread @ slope))


def _mean_posterior(
    concepts: Concepts,
    q: float,
    rounds: int,
    paths: int,
    rng: np.random.Generator,
    found: Results,
) -> dict[str, Any]:
    """E[p(C+ | h_t)] with wrong instructions, enumerated and sampled at every round."""
    m, v = concepts.tokens, concepts.p.shape[1]
    added = types(m, v)
    each = np.exp(log_arrangements(added)[:, None] + log_likelihood(added, concepts.p))
    chance = (1 - q) * each[:, 0] + q * each[:, 1]
    counts, mass = np.zeros((1, v), dtype=np.int64), np.ones(1)
    mine = np.zeros((paths, v), dtype=np.int64)
    curve: dict[str, Any] = {"wrong": q, "round": [], "exact": [], "sampled": [], "error": []}
    for t in range(1, rounds + 1):
        counts, mass = move(counts, mass, added, chance)
        wrong = rng.random(paths) < q
        mine += rng.multinomial(m, concepts.p[wrong.astype(np.int64)])
        truth = moments(believed(concepts, counts), mass)
        values = believed(concepts, mine)
        found.comparisons += compare(f"E[p(C+)], q = {q:.3f}", t, truth, values)
        for name, value in zip(
            ("round", "exact", "sampled", "error"),
            (t, truth.mean, float(values.mean()), error_of(values)),
            strict=True,
        ):
            curve[name].append(value)
        if len(counts) > MOST_COUNTS:
            break
    return curve
