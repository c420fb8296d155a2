"""The typical rate, and the distance of the prediction from its limit as a multiple of ε.

The rate is the law of large numbers for log-likelihood ratios (Cover & Thomas, § 11.8).
"""

from __future__ import annotations

import math

import numpy as np

from selfcorrect.studies.concepts.laws import (
    Results,
    Z,
    compare,
    error_of,
    indistinguishable,
    law,
    median_ends,
    moments,
)
from selfcorrect.theory.discrete import (
    enumerable,
    histories,
)
from selfcorrect.theory.posteriors import (
    Concepts,
    cross_entropy,
    entropy,
    total_variation,
)
from selfcorrect.theory.rates import Paths, departure, speeds

#: The laws that hold for each path are measured in the round whose median ε is nearest to this: the
#: next order is then a few parts in 10⁵, and float64 still resolves it.
_SMALL = 1e-5
#: They are measured on all paths whose ε is below this.
_LARGEST = 1e-3
#: So many paths are drawn in the chart.
_SHOWN_PATHS = 12


def typical(concepts: Concepts, paths: Paths) -> Results:
    """−(1/t) log ε_t → m · min_C KL(C+‖C), by sampling and by enumeration."""
    rate = float(speeds(concepts).kl.min())
    last, n = paths.rounds[-1], paths.epsilon.shape[1]
    title = f"−(1/t) log ε, round {last}, "
    if not math.isfinite(rate):
        excluded = "no rival allows every token of C+: once such a token is seen, no rival is left"
        return Results([law("typical_rate", title + "mean", None, None, kind="rate", why=excluded)])
    speed = -paths.epsilon / np.asarray(paths.rounds)[:, None]
    why, scale = indistinguishable(rate, last), None
    if why:
        scale = 0.0
    middle = float(np.median(speed[-1]))
    found = Results()
    found.laws = [
        law("typical_rate", title + "mean", rate, float(speed[-1].mean()), kind="rate",
            error=error_of(speed[-1]), n=n, scale=scale, why=why),
        law("typical_rate_median", title + "median", rate, middle, kind="rate",
            ends=median_ends(speed[-1]), n=n, scale=scale, why=why),
    ]  # fmt: skip
    exact: list[float | None] = []
    for at, t in enumerate(paths.rounds):
        if t > enumerable(concepts):
            exact.append(None)
            continue
        all_of_them = histories(concepts, t, under_truth=True)
        truth = moments(-all_of_them.epsilon / t, np.exp(all_of_them.log_p[:, 0]))
        exact.append(truth.mean)
        found.comparisons += compare("−(1/t) log ε", t, truth, speed[at])
    errors = [error_of(row) for row in speed]
    found.curves["typical"] = {
        "round": list(paths.rounds),
        "predicted": rate,
        "exact": exact,
        "mean": speed.mean(axis=1).tolist(),
        "low": (speed.mean(axis=1) - Z * np.array(errors)).tolist(),
        "high": (speed.mean(axis=1) + Z * np.array(errors)).tolist(),
        "median": np.median(speed, axis=1).tolist(),
        "tenth": np.quantile(speed, 0.1, axis=1).tolist(),
        "ninetieth": np.quantile(speed, 0.9, axis=1).tolist(),
        "n": n,
    }
    return found


def pathwise(concepts: Concepts, paths: Paths) -> Results:
    """The distance of the entropy from its limit, and total variation from C+, as multiples of ε.

    With one remaining rival n, H(p_t) − H(p_+) ≈ ε_t · (cross-entropy(p_n, p_+) − H(p_+)) for
    small ε, and TV(p_t, p_+) = ε_t · TV(p_n, p_+). For both the ratio of the two sides is measured
    on each path, in the round where the median ε is nearest to 10⁻⁵.
    """
    speed = speeds(concepts)
    p, q = concepts.p[0], concepts.p[speed.nearest]
    slope, apart = cross_entropy(q, p) - entropy(p), total_variation(q, p)
    typical_epsilon = np.median(paths.epsilon, axis=1)
    at = int(np.argmin(np.abs(typical_epsilon - math.log(_SMALL))))
    small = paths.epsilon[at] < math.log(_LARGEST)
    names = ("entropy_path", "variation_path")
    titles = ("(H(p_t) − H(p₊)) / ε", "TV(p_t, p₊) / ε")
    small &= np.isfinite(paths.epsilon[at])
    why = indistinguishable(float(speed.kl.min()), paths.rounds[-1])
    if why or not small.any():
        why = why or f"no path of {paths.rounds[-1]} rounds has a small ε that isn't 0"
        return Results(
            [law(*named, None, None, why=why) for named in zip(names, titles, strict=True)]
        )
    epsilon = np.exp(paths.epsilon[:, :_SHOWN_PATHS])
    away, variation = departure(concepts, paths.posterior[:, :_SHOWN_PATHS])
    drawn = (epsilon > 1e-12) & (np.asarray(paths.rounds) <= 2 * paths.rounds[at])[:, None]
    found = Results()
    found.curves["pathwise"] = {
        "epsilon": epsilon[drawn].tolist(),
        "entropy": np.abs(away[drawn]).tolist(),
        "variation": variation[drawn].tolist(),
        "entropy_slope": abs(slope) if math.isfinite(slope) else None,
        "variation_slope": apart,
        "paths": int(epsilon.shape[1]),
    }
    away, variation = departure(concepts, paths.posterior[at, small])
    epsilon = np.exp(paths.epsilon[at, small])
    sides = ((slope, away / epsilon), (apart, variation / epsilon))
    for name, title, (predicted, ratio) in zip(names, titles, sides, strict=True):
        said = f"{title}, round {paths.rounds[at]}, median"
        if predicted == 0 or not math.isfinite(predicted):
            why = (
                "C+ gives a token of its rival no probability: the entropy then falls as ε log ε"
                if predicted
                else "the slope is 0: the second order determines the distance"
            )
            found.laws.append(law(name, said, None, None, why=why))
            continue
        ends, n = median_ends(ratio), int(small.sum())
        found.laws.append(law(name, said, predicted, float(np.median(ratio)), ends=ends, n=n))
    return found
