"""Where the constructions fail: ties, a fixed mask depth, a causal mask, too high a rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from selfcorrect.theory.construction.blocks import Transformer
from selfcorrect.theory.construction.tokens import (
    Contexts,
    Limits,
    descend,
    embed,
    excess,
    limits,
    stable_rate,
)
from selfcorrect.theory.construction.weights import bradley_terry, rank_flags, select_and_eliminate

#: A depth chosen without looking at the contexts.
FIXED = 60.0
#: A larger error counts as wrong.
WRONG = 1e-12
#: So many times the stable learning rate.
TOO_FAST = 100.0

Make = Callable[[Contexts, Limits, float, int], Transformer]
Result = dict[str, Any]


def _bradley_terry(contexts: Contexts, at: Limits, rate: float, steps: int) -> Transformer:
    return bradley_terry(contexts.x.shape[1], at, rate=rate, steps=steps)


def _rank_flags(contexts: Contexts, at: Limits, rate: float, steps: int) -> Transformer:
    n, d = contexts.y.shape[1:]
    return rank_flags(n, d, at, rate=rate, steps=steps)


def _select(contexts: Contexts, at: Limits, rate: float, steps: int) -> Transformer:
    n, d = contexts.y.shape[1:]
    return select_and_eliminate(n, d, at, rate=rate, steps=steps)


#: The three constructions by name; each function makes one for given contexts.
MAKERS: dict[str, Make] = {
    "Bradley-Terry": _bradley_terry,
    "Plackett-Luce, rank flags": _rank_flags,
    "Plackett-Luce, select and eliminate": _select,
}


def boundaries(pairs: Contexts, ranked: Contexts, wide: Contexts, steps: int) -> Result:
    """The error of each construction where one of its conditions isn't met.

    Args:
        pairs: contexts of two responses [B], for Bradley-Terry.
        ranked: contexts of N ≥ 3 responses [B], for the others.
        wide: as ``ranked``, with matrices of the paper's size, for the fixed mask depth.
        steps: of descent; ties are measured after one.

    Returns:
        The error of a task is the largest of a coordinate of f; ``median`` and ``max`` are over
        tasks. ``ties``: with the two best rewards made equal, compared with the step for one order
        (``either``) and with the mean of the steps for both (``mean``). ``causal``: with a causal
        mask, at the last token and at the first. ``fixed_mask``: a depth of 60 where responses are
        far apart. ``fast``: at 100 times the stable rate; ``moved`` is how far f moved.
    """
    found: Result = {"ties": [], "causal": [], "fixed_mask": [], "fast": []}
    for name, make in MAKERS.items():
        contexts = pairs if make is _bradley_terry else ranked
        rate = stable_rate(contexts)
        at, path = limits(contexts, rate, steps), descend(contexts, rate, steps)
        model = make(contexts, at, rate, steps)
        found["ties"].append({"name": name, **_tie(contexts, at, make, rate)})
        tokens = _run(model, contexts, causal=True)
        off = (model.prediction(tokens) - path[-1][:, None]).abs().amax(-1)
        found["causal"].append(
            {"name": name, "last": _spread(off[:, -1]), "first": _spread(off[:, 0])}
        )
        if make is not _bradley_terry:
            found["fixed_mask"].append({"name": name, **_fixed(wide, make, steps)})
        found["fast"].append({"name": name, **_fast(contexts, make, TOO_FAST * rate, steps)})
    return found


def _tie(contexts: Contexts, at: Limits, make: Make, rate: float) -> Result:
    """One step where the two best responses both have the reward of the best."""
    ordered = contexts.sorted()
    second = torch.arange(ordered.r.shape[1]) == 1
    tied = ordered._replace(r=torch.where(second, ordered.r[:, :1], ordered.r))
    swap = [1, 0, *range(2, ordered.r.shape[1])]
    orders = [
        descend(each, rate, 1)[1] for each in (ordered, ordered._replace(y=ordered.y[:, swap]))
    ]
    model = make(tied, at, rate, 1)
    return {
        "either": _spread(_error(model, tied, orders[0])),
        "mean": _spread(_error(model, tied, (orders[0] + orders[1]) / 2)),
    }


def _fixed(contexts: Contexts, make: Make, steps: int) -> Result:
    """A fixed depth, and for comparison the depth that the contexts need."""
    rate = stable_rate(contexts)
    at, path = limits(contexts, rate, steps), descend(contexts, rate, steps)
    over = excess(contexts, path)
    fixed, deep = (
        _error(make(contexts, each, rate, steps), contexts, path[-1])
        for each in (at._replace(depth=FIXED), at)
    )
    return {
        "depth": FIXED,
        "error": _spread(fixed),
        "share_wrong": float((fixed > WRONG).double().mean()),
        "largest_excess": float(over.max()),
        "right_depth": at.depth,
        "right_error": _spread(deep),
    }


def _fast(contexts: Contexts, make: Make, rate: float, steps: int) -> Result:
    path = descend(contexts, rate, steps)
    model = make(contexts, limits(contexts, rate, steps), rate, steps)
    moved = (path[-1] - path[0]).abs().amax(-1)
    return {"error": _spread(_error(model, contexts, path[-1])), "moved": _spread(moved)}


def _run(model: Transformer, contexts: Contexts, causal: bool = False) -> Tensor:
    with torch.no_grad():
        tokens: Tensor = model(embed(contexts, model.layout), causal)
    return tokens


def _error(model: Transformer, contexts: Contexts, wanted: Tensor) -> Tensor:
    """The largest error of a coordinate of any token's f [B]."""
    return (model.prediction(_run(model, contexts)) - wanted[:, None]).abs().amax((1, 2))


def _spread(errors: Tensor) -> Result:
    return {"median": float(errors.median()), "max": float(errors.max()), "n": len(errors)}
