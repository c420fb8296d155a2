"""Answers that the model draws from its own prediction: they carry no information.

With such answers the posterior is a martingale: E[p(C | h, y) | h] = Σ_y p(y | h) · p(C | h)
p(y | C) / p(y | h) = p(C | h). It still changes on each path, and converges to 0 or 1; it converges
to C+ on a share of paths equal to the prior. Only instructions give it a direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    draw,
    enumerable,
    histories,
    move,
)
from selfcorrect.theory.own_answers import mean_belief
from selfcorrect.theory.posteriors import (
    Concepts,
    believed,
    kl,
    predicted,
    stated,
)

#: Two examples by their prior of C+: p_+, p_−. In the second, answers between instructions hasten.
EXAMPLES = {0.5: ((0.5, 0.3, 0.2), (0.3, 0.3, 0.4)), 0.9: ((0.6, 0.4), (0.4, 0.6))}
#: The exact distribution of the counts is computed while it has no more values than this.
MOST_COUNTS = 20_000


#: A path is undecided while p(C+) differs from 0 and from 1 by more than this.
_SURE = 0.01


def followed(
    concepts: Concepts,
    shape: str,
    rounds: int,
    paths: int,
    rng: np.random.Generator,
    found: Results,
) -> dict[str, Any]:
    """E[p(C+ | h_t)] with self-generated answers, enumerated and sampled at every round.

    Each answer is drawn from the model's prediction given all before it, token by token.

    Args:
        concepts: C+ and C−.
        shape: the tokens of a round: ``i`` is one of an instruction from C+, ``a`` one of an
            answer, as in ``iiiaaa``.
        rounds: how many; fewer where there would be too many counts.
        paths: number of sampled paths.
        rng: what draws.
        found: gets the comparisons.
    """
    v = concepts.p.shape[1]
    one = np.eye(v, dtype=np.int64)
    counts, mass = np.zeros((1, v), dtype=np.int64), np.ones(1)
    mine = np.zeros((paths, v), dtype=np.int64)
    rows: list[dict[str, Any]] = []
    for t in range(1, rounds + 1):
        for token in shape:
            if token == "i":
                counts, mass = move(counts, mass, one, concepts.p[0])
                mine += rng.multinomial(1, concepts.p[0], size=paths)
            else:
                counts, mass = move(counts, mass, one, predicted(concepts, counts))
                mine += draw(predicted(concepts, mine), rng)
        truth, values = moments(believed(concepts, counts), mass), believed(concepts, mine)
        found.comparisons += compare(f"E[p(C+)], rounds of {shape}", t, truth, values)
        rows.append(
            {"round": t, "exact": truth.mean, "sampled": float(values.mean()),
             "error": error_of(values), "spread": math.sqrt(truth.variance)}
        )  # fmt: skip
        if len(counts) > MOST_COUNTS:
            break
    return {"shape": shape, "prior": float(concepts.prior[0]), "n": paths} | {
        name: [row[name] for row in rows] for name in rows[0]
    }


def locked(
    concepts: Concepts, priors: Sequence[float], rounds: int, paths: int, rng: np.random.Generator
) -> Results:
    """With self-generated answers alone, a share of paths equal to the prior ends at C+.

    Args:
        concepts: C+ and C−.
        priors: values of p(C+) at the start.
        rounds: of m tokens of answers each.
        paths: number of sampled paths for each prior.
        rng: what draws.
    """
    title = f"paths for C+, round {rounds} of answers"
    if np.array_equal(concepts.p[0], concepts.p[1]):
        why = "both concepts predict the same: the posterior doesn't change on any path"
        return Results([law("answers_locked", title, None, None, why=why)])
    if few := indistinguishable(concepts.tokens * kl(*concepts.p), rounds):
        return Results([law("answers_locked", title, None, None, why=few)])
    found = Results()
    curve: dict[str, Any] = {"prior": [], "share": [], "low": [], "high": [], "undecided": []}
    for prior in priors:
        mine = Concepts(concepts.p, np.array([prior, 1 - prior]), concepts.tokens)
        counts = np.zeros((paths, concepts.p.shape[1]), dtype=np.int64)
        for _ in range(rounds * concepts.tokens):
            counts += draw(predicted(mine, counts), rng)
        plus = believed(mine, counts)
        many = int((plus > 0.5).sum())
        ends = share_ends(many, paths)
        undecided = float(((plus > _SURE) & (plus < 1 - _SURE)).mean())
        found.laws.append(
            law("answers_locked", f"{title}, prior {prior:g}", prior, many / paths, ends=ends,
                n=paths, why=f"a limit: {100 * undecided:.3g} % of paths are still undecided")
        )  # fmt: skip
        for name, value in zip(curve, (prior, many / paths, *ends, undecided), strict=True):
            curve[name].append(value)
        if rounds <= enumerable(mine):
            # answers from the model's own prediction are draws from the mixture over the prior
            every = histories(mine, rounds)
            truth = moments((every.posterior[:, 0] > math.log(0.5)).astype(np.float64),
                            np.asarray(np.exp(every.log_p) @ mine.prior))  # fmt: skip
            name = f"share that believes C+, prior {prior:g}"
            found.comparisons += compare(name, rounds, truth, plus > 0.5)
    found.curves["locked"] = {**curve, "rounds": rounds, "n": paths}
    return found


def between(rounds: int) -> Results:
    """E[p(C+)] with an answer after each instruction minus without, in two examples, enumerated.

    An instruction and an answer are one token each.

    Args:
        rounds: of both.
    """
    found = Results()
    curve: dict[str, Any] = {"round": list(range(1, rounds + 1)), "examples": []}
    for prior, rows in EXAMPLES.items():
        known = stated(rows, [prior, 1 - prior], tokens=1)
        alone, both = (mean_belief(known, shape, rounds) for shape in ("i", "ia"))
        apart = [b - a for a, b in zip(alone, both, strict=True)]
        curve["examples"].append(
            {"prior": prior, "p": known.p.tolist(), "alone": alone, "both": both, "apart": apart}
        )
        found.laws.append(
            law("between", f"prior {prior:g}: E[p(C+)] with answers − without, round {rounds}",
                None, apart[-1])
        )  # fmt: skip
    found.curves["between"] = curve
    return found


def answered(concepts: Concepts, rounds: int, paths: int, rng: np.random.Generator) -> Results:
    """E[p(C+ | h_t)] with instructions alone, answers alone (a martingale), and both."""
    found, m = Results(), concepts.tokens
    shapes = {"instructions": "i" * m, "answers": "a" * m, "both": "i" * m + "a" * m}
    own = concepts.p.max(axis=0) * (concepts.p.min(axis=0) == 0)
    clash = bool(((concepts.p * own).sum(axis=1) > 0).all())
    if clash:
        # an answer that only C− allows and an instruction that only C+ allows: no posterior
        del shapes["both"]
    curves = {
        name: followed(concepts, shape, rounds, paths, rng, found) for name, shape in shapes.items()
    }
    start = float(concepts.prior[0])
    away = max(abs(value - start) for value in curves["answers"]["exact"])
    last, n = curves["answers"]["sampled"][-1], curves["answers"]["n"]
    reached = len(curves["answers"]["round"])
    found.laws = [
        law("answers_martingale", f"E[p(C+)] after {reached} rounds of answers", start, last,
            error=curves["answers"]["error"][-1], n=n),
        law("answers_martingale_exact", "|E[p(C+)] − prior|, largest of all rounds", 0.0,
            away, scale=1.0),
    ]  # fmt: skip
    found.curves["answers"] = curves
    title = "E[p(C+)] after rounds of instructions and answers"
    if clash:
        why = "each concept has a token of its own: an answer can contradict an instruction"
        found.laws.append(law("answers_and_instructions", title, None, None, why=why))
        return found
    both, alone = (curves[name] for name in ("both", "instructions"))
    t = min(len(both["round"]), len(alone["round"]))
    reach = both["exact"][t - 1], alone["exact"][t - 1]
    slower = law(
        "answers_and_instructions",
        title.replace("rounds", f"{t} rounds"),
        reach[0],
        both["sampled"][t - 1],
        error=both["error"][t - 1],
        n=n,
        why=f"enumerated; instructions alone reach {reach[1]:.3f}",
    )
    found.laws.append({**slower, "alone": reach[1]})
    return found
