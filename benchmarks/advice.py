"""How often `advise` says "do" where it should and where it shouldn't: a table of docs/compare.md.

python -m benchmarks.advice               # writes the JSON and the table of docs/compare.md
python -m benchmarks.advice --runs 10     # quick: prints, writes nothing
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from numpy.typing import NDArray
from scipy.optimize import brentq

from selfcorrect.measures import advice, arms
from selfcorrect.measures.advice import Arms
from selfcorrect.measures.choice import choose
from selfcorrect.measures.panel import Panel

RESULTS = Path(__file__).with_name("advice.json")
PAGE = documented.DOCS / "compare.md"
HEAD = (
    "the truth", "clusters", "methods", "runs", "*do*: a method that gains most", "another method",
    "a control",
)  # fmt: skip
MARGINS = {"accuracy": 0.03}
ROUNDS = 3
#: Simulated comparisons: where no method gains and few of them have to be looked at, and elsewhere.
MANY, FEW = 400, 40
#: Share of answers that stand from one round to the next; spread of questions, and by how much each
#: arm fits each template better or worse than its mean, in log odds.
STANDS, SPREAD, FITS = 0.6, 1.2, 0.5
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """By how much arms are truly better in later rounds than a single answer.

    Attributes:
        methods: each, the last one of all further ones.
        repeat, majority: controls.
        unread: shares of first and later answers of methods that can't be read, and are recorded as
            wrong.
        controls: whether asking again, a majority and the question alone are there at all.
    """

    methods: tuple[float, ...] = (0.0,)
    repeat: float = 0.0
    majority: float = 0.0
    unread: tuple[float, float] = (0.0, 0.0)
    controls: bool = True


TRUTHS: Mapping[str, Truth] = {
    "nothing gains": Truth(),
    "nothing gains, no controls": Truth(controls=False),
    "methods lose 5 points": Truth((-0.05,)),
    "nothing gains, no controls, 15 % of first answers unread": Truth(
        unread=(0.15, 0.0), controls=False
    ),
    "nothing gains, no controls, 15 % of last answers unread": Truth(
        unread=(0.0, 0.15), controls=False
    ),
    "only asking again gains 10": Truth(repeat=0.1),
    "all methods and asking again gain 10": Truth((0.1,), repeat=0.1),
    "all methods and a majority gain 10": Truth((0.1,), majority=0.1),
    "one method gains 10": Truth((0.1, 0.0)),
    "one method gains 20": Truth((0.2, 0.0)),
}


@cache
def _shift(gain: float, variance: float) -> float:
    """What is added to log odds ~ N(0, variance) so that the mean chance is ½ + gain."""
    x, weights = np.polynomial.hermite_e.hermegauss(80)
    weights /= weights.sum()
    at = np.sqrt(variance) * x
    return float(brentq(lambda low: float(weights @ _chance(low + at)) - 0.5 - gain, -20.0, 20.0))


def _chance(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))


def drawn(rng: np.random.Generator, methods: int, n: int, clusters: int, of: Truth) -> Arms:
    """Methods, asking again, a majority and the question alone, on the same questions."""
    apart = clusters == n
    sizes = rng.dirichlet(np.full(clusters, 1.5))
    belongs = np.arange(n) if apart else rng.choice(clusters, n, p=sizes)
    alike = rng.normal(size=clusters)[belongs] * np.sqrt(0.0 if apart else 0.5)
    own = rng.normal(size=n) * np.sqrt(1.0 if apart else 0.5)
    odds = SPREAD * (alike + own)
    begun = rng.random(n)  # methods and asking again begin with the same words

    def rounds(gain: float) -> Floats:
        fit = rng.normal(size=clusters)[belongs] * FITS
        later = odds + fit + _shift(gain, SPREAD**2 + FITS**2)
        luck = [begun]
        for _ in range(ROUNDS - 1):
            luck.append(np.where(rng.random(n) < STANDS, luck[-1], rng.random(n)))
        return (
            np.stack([u < _chance(later if k else odds) for k, u in enumerate(luck)], axis=1) * 1.0
        )

    y = [rounds(of.methods[min(k, len(of.methods) - 1)]) for k in range(methods)]
    read = [np.ones_like(each) for each in y]
    for each, known in zip(y, read, strict=True):
        lost = rng.random(each.shape) < np.array([of.unread[0], *[of.unread[1]] * (ROUNDS - 1)])
        each[lost], known[lost] = 0.0, 0.0
    if of.controls:
        once = odds + rng.normal(size=clusters)[belongs] * FITS
        voted = once + _shift(of.majority, SPREAD**2 + FITS**2)
        y += [rounds(of.repeat), *((rng.random((n, 1)) < _chance(x)[:, None]) * 1.0
                                   for x in (voted, odds))]  # fmt: skip
    read += [np.ones_like(each) for each in y[methods:]]
    panels = [_panel(each, known, belongs) for each, known in zip(y, read, strict=True)]
    tokens = [*(300.0 + 10 * k for k in range(methods)), 290.0, 300.0, 100.0][: len(y)]
    return Arms(
        panels,
        [np.full(n, each) for each in tokens],
        [k == methods + 1 for k in range(len(y))],
        [k == methods for k in range(len(y))],
        [True] * len(y),
        MARGINS,
        lambda i, j: [n],  # noqa: ARG005
    )


def _panel(y: Floats, read: Floats, belongs: NDArray[np.int64]) -> Panel:
    columns = {"outcome": y, "answer": y, "parse_rate": read, "gradable": np.ones_like(y)}
    n = np.arange(len(y), dtype=np.uint64)
    return Panel(tuple(range(1, y.shape[1] + 1)), n, belongs.astype(np.uint64), columns, {})


def may_gain(found: Arms) -> bool:
    """Whether any arm's last round is even one standard error above every single answer: else none
    can be shown to gain, and nothing has to be computed."""
    singles = [single.columns["outcome"][:, 0] for _, single in found.singles()]

    def above(k: int) -> bool:
        last = found.panels[k].columns["outcome"][:, -1]
        each = [last - first for first in singles]
        return all(d.sum() > np.sqrt((d**2).sum()) for d in each)

    return any(above(k) for k in range(len(found.panels)) if not found.once(k))


def said(name: str, n: int, clusters: int, methods: int, seed: int) -> str:
    """Whom "do" names in one simulated comparison: a ``method``, one that gains nothing beside
    ``other`` that do, a ``control``, or none of them."""
    of = TRUTHS[name]
    rng = np.random.default_rng([seed, list(TRUTHS).index(name), methods, n, clusters])
    found = drawn(rng, methods, n, clusters, of)
    if not may_gain(found):
        return "none"
    gained = advice.gains(found)
    if not any(each and each["verdict"] == "better" for each in gained):
        return "none"
    count = len(found.panels)
    pairs = {(i, j): [n] for i in range(count) for j in range(i + 1, count)}
    best = arms.best(found.panels, MARGINS, pairs)
    told = choose(replace(found, left=[not each["worse_than"] for each in best]), gained)
    if told.word != "do":
        return "none"
    if told.arm >= methods:
        return "control"
    gain = of.methods[min(told.arm, len(of.methods) - 1)]
    return "method" if gain == max(of.methods) else "other"


def cells() -> list[tuple[str, int, int, int, int]]:
    """Truth, examples, clusters, methods, runs."""
    made = []
    for name, of in TRUTHS.items():
        if max(*of.methods, of.repeat, of.majority) > 0:
            made.append((name, 300, 300, 2, FEW))
        else:
            methods = (1, 2, 3) if of == Truth() else (3,)
            made += [(name, 300, k, m, MANY) for k in (300, 25) for m in methods]
    return made


def rows(result: dict[str, Any]) -> list[list[str]]:
    """Of the page."""
    names = ("method", "other", "control")
    return [
        [each["truth"], *(str(each[name]) for name in ("clusters", "methods", "runs", *names))]
        for each in result["cells"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, help="of each row; writes nothing")
    few = parser.parse_args().runs
    found = []
    for name, n, clusters, methods, runs in cells():
        told = Counter(said(name, n, clusters, methods, s) for s in range(few or runs))
        about = {"truth": name, "examples": n, "clusters": clusters, "methods": methods}
        found.append({**about, "runs": few or runs,
                      **{who: told[who] for who in ("method", "other", "control")}})  # fmt: skip
        print(*found[-1].values(), flush=True)
    if not few:
        result = {"margin": MARGINS["accuracy"], "rounds": ROUNDS, "cells": found}
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        PAGE.write_text(documented.filled(PAGE, "advice", HEAD, rows(result)), "utf-8")


if __name__ == "__main__":
    documented.command(main)
