"""Do a run's intervals hold on data like its own? Simulated, with its clusters and its rates.

The outcome, its change, and what shows calibration are planted: clusters of the run's own sizes,
rates or numbers as alike within them as the run's are, and a truth that is known. Then it is
counted how often the interval holds that truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from selfcorrect.measures.alike import alike
from selfcorrect.measures.auroc import auroc
from selfcorrect.measures.calibration import calibration
from selfcorrect.measures.clusters import Floats, Ints, error_of_mean, sums_of
from selfcorrect.measures.intervals import Estimate, finite, mean, proportion, wilson
from selfcorrect.measures.outcomes import paired, room_of
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome

#: Simulations of each figure: so many, or as many as make up this number of records.
SIMULATIONS, RECORDS = 2_000, 4_000_000
#: After so many it is told how many are finished.
_TOLD = 20
#: An interval at 95 % should hold the truth at least so often, and what isn't there should be
#: claimed at most so often.
LEAST, MOST = 0.94, 0.03

Rng = np.random.Generator
#: One simulation: whether the interval held, or the claim was made; ``None`` without an interval.
Once = Callable[[Rng], bool | None]


@dataclass(frozen=True, slots=True)
class Audited:
    """How often a figure's interval held.

    Attributes:
        figure: what it is of, in words.
        counted: ``held`` (of an interval) or ``claimed`` (of an excess that isn't there).
        share, low, high: how often, with Wilson's interval; ``None`` where there was none.
        goal: at least so often if held, at most so often if claimed.
        simulations: that had an interval.
        holds: whether that is what it should be, as far as the simulations can tell.
    """

    figure: str
    counted: str
    share: float | None
    low: float | None
    high: float | None
    goal: float
    simulations: int
    holds: bool

    def table(self) -> dict[str, Any]:
        return asdict(self)


def audit(
    panel: Panel,
    *,
    simulations: int | None = None,
    seed: int = 0,
    told: Callable[[int, int], object] = lambda *_: None,
) -> list[Audited]:
    """Audit the figures of a run's first and last rounds.

    Args:
        panel: the records.
        simulations: of each figure; by default as many as take about a minute.
        seed: of the simulations.
        told: called with how many simulations are finished, and of how many.

    Returns:
        The outcome in the last round and its change since the first; where answers are right or
        wrong and have a confidence, the calibration gap, ECE's excess and AUROC as well. A figure
        without two clusters, or that doesn't vary, is left out.
    """
    if not panel.rounds:
        return []
    wanted = simulations or min(SIMULATIONS, max(200, RECORDS // max(1, len(panel.examples))))
    rng = np.random.default_rng(seed)
    found: list[Audited] = []
    figures = _figures(panel)
    for name, (once, claimed) in figures.items():
        counted = []
        for done in range(wanted):
            counted.append(once(rng))
            if done % _TOLD == 0:
                told(len(found) * wanted + done, len(figures) * wanted)
        found.append(_audited(name, [each for each in counted if each is not None], claimed))
    return found


def _figures(panel: Panel) -> Mapping[str, tuple[Once, bool]]:
    """By name, a figure's simulation, and whether it counts claims."""
    name, share = panel.outcome.name.replace("_", " "), panel.outcome.kind == "share"
    last, first = panel.rounds[-1], panel.rounds[0]
    columns = panel.columns
    outcome, clusters = columns["outcome"], panel.clusters
    found: dict[str, tuple[Once | None, bool]] = {
        f"{name} in round {last}": (
            _share(outcome[:, -1], clusters)
            if share
            else _mean(outcome[:, -1], clusters, _within(room_of(panel.outcome))),
            False,
        )
    }
    if last > first:
        change = outcome[:, -1] - outcome[:, 0]
        label = f"change of {name} from round {first} to {last}"
        found[label] = (
            _change(change, clusters)
            if share
            else _mean(change, clusters, _difference_of(panel.outcome)),
            False,
        )
    if share and "confidence" in columns:
        right, said = outcome[:, -1], columns["confidence"][:, -1]
        gap, room = columns["calibration_gap"], Room(-1.0, 1.0)
        each, apart = _within(room), _within(room.apart())
        found[f"calibration gap in round {last}"] = (_mean(gap[:, -1], clusters, each), False)
        if last > first:
            label = f"change of the calibration gap from round {first} to {last}"
            found[label] = (_mean(gap[:, -1] - gap[:, 0], clusters, apart), False)
        found[f"ECE in excess in round {last}"] = (_excess(said, right, clusters), True)
        found[f"AUROC in round {last}"] = (_auroc(said, right, clusters), False)
    return {label: (once, claimed) for label, (once, claimed) in found.items() if once}


def _audited(name: str, seen: list[bool], claimed: bool) -> Audited:
    goal, counted = (MOST, "claimed") if claimed else (LEAST, "held")
    if not seen:
        return Audited(name, counted, None, None, None, goal, 0, True)
    low, high = wilson(sum(seen), len(seen))
    holds = low <= goal if claimed else high >= goal
    return Audited(name, counted, sum(seen) / len(seen), low, high, goal, len(seen), holds)


def _share(values: Floats, clusters: Any) -> Once | None:
    x, members, icc = _alike(values, clusters)
    if icc is None:
        return None
    p, k = float(x.mean()), int(members[-1]) + 1

    def once(rng: Rng) -> bool | None:
        drawn = rng.random(len(x)) < _rates(rng, p, icc, k)[members]
        return _held(proportion(drawn, members), p)

    return once


def _change(change: Floats, clusters: Any) -> Once | None:
    d, members, icc = _alike(change, clusters)
    if icc is None:
        return None
    up, down, k = float((d > 0).mean()), float((d < 0).mean()), int(members[-1]) + 1

    def once(rng: Rng) -> bool | None:
        gained, lost = (rates[members] for rates in _changes(rng, up, down, icc, k))
        u = rng.random(len(d))
        after, before = u < gained, (u >= gained) & (u < gained + lost)
        return _held(
            share_difference(after.astype(float), before.astype(float), members), up - down
        )

    return once


#: From numbers [n] and their clusters the interval that is audited.
Interval = Callable[[Floats, Ints], Estimate]


def _within(room: Room) -> Interval:
    """The interval of a mean of numbers with these bounds."""
    return lambda values, members: mean(values, members, room=room)


def _difference_of(outcome: Outcome) -> Interval:
    """The interval of an outcome's change: with its bounds, and what it allows for within them."""
    return lambda change, members: paired(outcome, change, np.zeros(len(change)), members)


def _mean(values: Floats, clusters: Any, interval: Interval = mean) -> Once | None:
    """Records whose parts, the cluster's and their own, are drawn from the run's own deviations."""
    x, members, icc = _alike(values, clusters)
    if icc is None:
        return None
    middle, k = float(x.mean()), int(members[-1]) + 1
    off = x - middle

    def once(rng: Rng) -> bool | None:
        common, own = off[rng.integers(0, len(off), k)], off[rng.integers(0, len(off), len(off))]
        drawn = np.sqrt(icc) * common[members] + np.sqrt(1 - icc) * own
        return _held(interval(middle + drawn, members), middle)

    return once


def _excess(said: Floats, right: Floats, clusters: Any) -> Once | None:
    """A model that is right as often as it says, whose clusters err together as the run's do."""
    known = np.isfinite(said) & np.isfinite(right)
    c, names = said[known], np.asarray(clusters)[known]
    _, members, icc = _alike(c - right[known], names)
    if icc is None:
        return None
    c = c[np.argsort(np.unique(names, return_inverse=True)[1], kind="stable")]

    def once(rng: Rng) -> bool | None:
        e = calibration(c, _lucky(rng, c, members, icc), members, seed=int(rng.integers(1 << 30)))
        return None if e.excess.low is None else e.excess.low > 0

    return once


def _auroc(said: Floats, right: Floats, clusters: Any) -> Once | None:
    """Answers that are right as often as those of about their confidence are."""
    known = np.isfinite(said) & np.isfinite(right)
    c, y, names = said[known], right[known], np.asarray(clusters)[known]
    if len(np.unique(c)) < 2 or len(np.unique(y)) < 2:
        return None
    order = np.argsort(c, kind="stable")
    chance = np.empty(len(c))
    chance[order] = optimize.isotonic_regression(y[order]).x
    _, members, icc = _alike(y - chance, names)
    if icc is None:
        return None
    sort = np.argsort(np.unique(names, return_inverse=True)[1], kind="stable")
    c, chance = c[sort], chance[sort]
    truth = _expected_auroc(c, chance)

    def once(rng: Rng) -> bool | None:
        return _held(auroc(c, _lucky(rng, chance, members, icc), members), truth)

    return once


def _expected_auroc(c: Floats, chance: Floats) -> float:
    """Σ over pairs of P(one right, other wrong) · [its confidence is higher, ties ½], over Σ P."""
    _, level = np.unique(c, return_inverse=True)
    right, wrong = np.bincount(level, chance), np.bincount(level, 1 - chance)
    below = np.cumsum(wrong) - wrong / 2
    # a record isn't a pair with itself
    own = float((chance * (1 - chance)).sum())
    pairs = float(right.sum() * wrong.sum()) - own
    return (float((right * below).sum()) - own / 2) / pairs if pairs > 0 else 0.5


def _lucky(rng: Rng, chance: Floats, members: Ints, icc: float) -> Floats:
    """1 with each record's chance; the luck of a cluster goes together."""
    common = rng.normal(size=int(members[-1]) + 1)[members]
    luck = stats.norm.cdf(np.sqrt(icc) * common + np.sqrt(1 - icc) * rng.normal(size=len(members)))
    return np.asarray(luck < chance, dtype=np.float64)


def _alike(values: Floats, clusters: Any) -> tuple[Floats, Ints, float | None]:
    """Values sorted by cluster, and how alike those of one are; ``None`` where none can be told."""
    x, members, missing = finite(values, clusters)
    if missing is not None or members[-1] == 0:
        return x, members, None
    squares = float(((x - x.mean()) ** 2).sum())
    if squares < 1e-12:
        return x, members, None
    if members[-1] + 1 == len(x):
        return x, members, 0.0
    if len(np.unique(x)) <= 3:  # a share: what the run doesn't show is taken to be the worst
        found = alike(x, members)
        return x, members, 0.0 if found is None else found.icc
    sizes = np.bincount(members).astype(np.float64)
    return x, members, error_of_mean(sums_of(x - x.mean(), members), sizes, squares).icc


def _rates(rng: Rng, p: float, icc: float, k: int) -> Floats:
    """A rate for each of k clusters, p on average, so that records of one correlate by icc."""
    if icc < 1e-3 or not 0 < p < 1:
        return np.full(k, p)
    scale = 1 / min(icc, 0.999) - 1
    return rng.beta(p * scale, (1 - p) * scale, k)


def _changes(rng: Rng, up: float, down: float, icc: float, k: int) -> tuple[Floats, Floats]:
    """Rates of gains and losses of k clusters, up and down on average (Dirichlet)."""
    if icc < 1e-3:
        return np.full(k, up), np.full(k, down)
    scale = 1 / min(icc, 0.999) - 1
    parts = np.maximum(scale * np.array([up, down, max(0.0, 1 - up - down)]), 1e-12)
    drawn = rng.dirichlet(parts, k)
    return drawn[:, 0], drawn[:, 1]


def _held(e: Estimate, truth: float) -> bool | None:
    if e.low is None or e.high is None:
        return None
    return e.low - 1e-9 <= truth <= e.high + 1e-9
