"""The mechanisms against plain loops and closed forms; their fit, score and errors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, logit, softmax

from selfcorrect.theory.log_scores import SHARED, fit, log_scores, pseudo_values
from selfcorrect.theory.mechanisms import MECHANISMS, Seen, seen

T, N, K = 5, 40, 4


def drawn(seed: int = 0, padded: bool = True) -> dict[str, Any]:
    """Distributions of which some have only three options."""
    rng = np.random.default_rng(seed)
    p, plus, minus = (rng.dirichlet(np.ones(K), s) for s in ((T, N), N, N))
    if padded:
        for x in (p, plus, minus):
            x[..., :10, 3] = 0
            x /= x.sum(axis=-1, keepdims=True)
    answers, target = rng.integers(0, 3, (T, N)), rng.integers(0, 3, N)
    return {"p": p, "plus": plus, "minus": minus, "answers": answers, "target": target}


def forecast(name: str, of: Seen, **parameters: float) -> np.ndarray:
    """By parameters' names; those that aren't given are 0, of a free course all of them."""
    free = MECHANISMS[name].parameters(T)
    x = [parameters.get(f.name, parameters.get(f.name.partition("_")[0], 0.0)) for f in free]
    return MECHANISMS[name].forecast(torch.tensor(x, dtype=torch.float64), of).numpy()


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_a_forecast_is_a_distribution_over_the_options_there_are(name: str) -> None:
    rng, data = np.random.default_rng(1), drawn()
    free = MECHANISMS[name].parameters(T)
    for _ in range(5):
        x = torch.tensor([rng.uniform(max(f.low, -2), min(f.high, 2)) for f in free])
        p = MECHANISMS[name].forecast(x.double(), seen(**data)).numpy()
        assert p.shape == (T - 1, N, K)
        assert p.min() >= 0
        assert p.sum(axis=-1) == pytest.approx(1)
        assert not p[:, :10, 3].any()


def test_two_concepts_by_a_plain_loop() -> None:
    data = drawn()
    p = forecast("two_concepts", seen(**data), r=1.0, b=-0.4, eta=0.3)
    i, plus, minus = 17, data["plus"][17], data["minus"][17]
    d = minus - plus
    start = np.clip((data["p"][0, i] - plus) @ d / (d @ d), 1e-3, 1 - 1e-3)
    odds = logit(start)
    for t in range(1, T):
        odds += -0.4 + 0.3 * np.log(minus / plus)[data["answers"][t - 1, i]]
        e = expit(odds)
        assert p[t - 1, i] == pytest.approx((1 - e) * plus + e * minus)


def test_sharpening_drift_and_copying_by_their_formulas() -> None:
    data = drawn(padded=False)
    first, of = data["p"][0], seen(**data)
    power = forecast("sharpening", of, s=1, gamma=2.0)
    assert power[2] == pytest.approx(first**2 / (first**2).sum(axis=1, keepdims=True))
    there = forecast("drift", of, s=1, theta=1.0, w=1.0)
    assert there[0] == pytest.approx(data["plus"])
    along = forecast("drift", of, s=1, phi=1.0, w=0.5)
    ratio = softmax(np.log(first) + 0.5 * np.log(data["plus"] / data["minus"]), axis=1)
    assert along[3] == pytest.approx(ratio)
    said = forecast("copying", of, s=1, kappa=0.7, **{"lambda": 0.2})
    counts = np.array([np.bincount(a, minlength=K) for a in data["answers"][:3].T])
    last = np.eye(K)[data["answers"][2]]
    assert said[2] == pytest.approx(softmax(np.log(first) + 0.7 * counts + 0.2 * last, axis=1))


def test_movers_and_stayers_by_enumeration() -> None:
    """The next answer's probabilities from those of whole paths."""
    law = {"stay": 0.3, "cl": 0.8, "cs": 0.25, "wander": 0.4}
    data = drawn(padded=False)
    p = forecast("mover_stayer", seen(**data), **law, right=0.9, wrong=0.6)

    def step(a: int, b: int, right: int) -> float:
        if a == right:
            return law["cl"] if b == a else (1 - law["cl"]) / (K - 1)
        if b == right:
            return law["cs"]
        wanders = law["wander"] / (K - 2)
        return (1 - law["cs"]) * (1 - law["wander"] if a == b else wanders)

    for i, t in itertools.product((0, 5, 11), (1, 2, 3)):
        right, past = data["target"][i], data["answers"][:t, i]
        stays = law["stay"] * float(len(set(past.tolist())) == 1)
        pairs = itertools.pairwise(past.tolist())
        moves = (1 - law["stay"]) * np.prod([step(a, b, right) for a, b in pairs])
        shares = [
            (moves * step(past[-1], o, right) + stays * (o == past[-1])) / (moves + stays)
            for o in range(K)
        ]
        sure = [0.9 if o == right else 0.6 for o in range(K)]
        wanted = [
            sum(
                share * (sure[a] if a == o else (1 - sure[a]) / (K - 1))
                for a, share in enumerate(shares)
            )
            for o in range(K)
        ]
        assert p[t - 1, i] == pytest.approx(wanted, abs=1e-5)


def test_three_concepts_can_do_what_two_can() -> None:
    rng, data = np.random.default_rng(2), drawn(padded=False)
    e = rng.uniform(0.1, 0.9, N)[:, None]
    data["p"][0] = (1 - e) * data["plus"] + e * data["minus"]
    of = seen(**data)
    two = forecast("two_concepts", of, r=1.0, b=-0.4, eta=0.1)
    three = forecast("three_concepts", of, s=1.0, b=-0.4, eta=0.1, c=-4.0, alpha=-1, beta=-1)
    assert np.abs(two - three).max() < 0.01


def test_the_score_by_a_plain_sum() -> None:
    data = drawn()
    of = seen(**data)
    x = [0.8, 0.5, *[1.3] * (T - 1)]
    found = log_scores(MECHANISMS["sharpening"], x, of, data["p"])
    p = MECHANISMS["sharpening"].forecast(torch.tensor(x, dtype=torch.float64), of).numpy()
    for i, options in ((3, 3), (20, 4)):
        q = (1 - SHARED) * p[2, i, :options] + SHARED / options
        assert found[2, i] == pytest.approx(data["p"][3, i, :options] @ np.log(q))


def moved(seed: int, n: int = 200) -> tuple[Seen, np.ndarray]:
    """Two concepts with ρ .6 and a spread of 1."""
    rng = np.random.default_rng(seed)
    plus, minus = rng.dirichlet([4, 1, 1], n), rng.dirichlet([1, 4, 1], n)
    odds = 1 + rng.normal(size=n) + np.log(0.6) * np.arange(T)[:, None]
    e = expit(odds + 0.2 * rng.normal(size=odds.shape))[..., None]
    p = (1 - e) * plus + e * minus
    none = np.zeros((T, n), dtype=np.int64)
    return seen(p, plus, minus, none, none[0]), p


def test_a_planted_rate_is_found_with_the_error_that_it_has() -> None:
    two = MECHANISMS["two_concepts"]
    rates, errors = [], []
    for seed in range(16):
        of, p = moved(seed)
        x = fit(two, of, p)
        values = pseudo_values(two, x, of, p)
        assert values.mean(axis=0) == pytest.approx(x, abs=1e-3)
        rates.append(x[1])
        errors.append(values[:, 1].std(ddof=1) / np.sqrt(len(values)))
    assert np.mean(rates) == pytest.approx(np.log(0.6), abs=0.01)
    assert np.mean(errors) == pytest.approx(np.std(rates, ddof=1), rel=0.5)


def test_no_fit_beats_the_truth_by_moving_on() -> None:
    """The slope of the score at the fit, by differences."""
    data = drawn()
    of = seen(**data)
    for name in ("sharpening", "copying", "drift", "mover_stayer"):
        mechanism = MECHANISMS[name]
        x = fit(mechanism, of, data["p"])
        best = log_scores(mechanism, x, of, data["p"]).mean()
        for place, free in enumerate(mechanism.parameters(T)):
            for step in (-0.02, 0.02):
                y = x.copy()
                y[place] = np.clip(y[place] + step, free.low, free.high)
                assert log_scores(mechanism, y, of, data["p"]).mean() <= best + 1e-6, name
