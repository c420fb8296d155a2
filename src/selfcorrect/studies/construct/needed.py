"""What can't be expressed without a part, and what can: every statement of the docs, checked.

A statement is about networks of a stated kind and is proved in ``docs/theory.md``; here its
consequence is computed. *Exact* is meant in real arithmetic, for all contexts of an open set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linprog
from torch import Tensor

from selfcorrect.theory.construction.blocks import Attention, Transformer
from selfcorrect.theory.construction.tokens import (
    Contexts,
    Limits,
    descend,
    embed,
    limits,
    sample,
    stable_rate,
)
from selfcorrect.theory.construction.weights import bradley_terry, rank_flags
from selfcorrect.theory.construction.without import (
    attention_only,
    gated_pair,
    linear,
    one_head,
    pair_step,
)

Result = dict[str, Any]

#: Numbers of blocks whose polynomials are checked, and the range of a difference of scores.
_LINEAR_BLOCKS, _RANGE = (1, 2, 3), 10.0
#: Trainings of a single head from random weights, and their steps.
_STARTS, _FIT_STEPS = 8, 400
_QUICK_STARTS, _QUICK_FIT_STEPS = 2, 100
#: Distances from a pole, over which a slope is fitted.
_NEAR = np.logspace(-6, -2, 9)
_LARGE = 20


def needed(
    pairs: Contexts, ranked: Contexts, steps: int, *, seed: int = 0, quick: bool = False
) -> Result:
    """The checks of every statement.

    Args:
        pairs: contexts of two responses [B].
        ranked: contexts of N ≥ 3 responses [B].
        steps: of descent, for the constructions.
        seed: of random weights.
        quick: fewer of them.

    Returns:
        ``softmax``, ``heads``, ``feed_forward`` and ``blocks``, each with what its checks measure.
    """
    d = pairs.x.shape[1]
    few = Contexts(*(each[:40] for each in pairs))
    rate = stable_rate(pairs)
    at = limits(pairs, rate, steps)
    largest = float((pairs.scale[:, None] * pairs.y).abs().max())
    exact = gated_pair(d, at, largest, rate=rate, steps=steps)
    blunt = bradley_terry(d, at._replace(sharpness=5 / at.gap), rate=rate, steps=1)
    flags = sample(min(len(ranked.r), 20), _LARGE, d, seed=seed)
    return {
        "softmax": {
            "differences": [_differences(few, blocks, seed) for blocks in _LINEAR_BLOCKS[:2]],
            "polynomials": [_polynomial(3**blocks) for blocks in _LINEAR_BLOCKS],
            "range": _RANGE,
        },
        "heads": {
            **(_single_head(few, seed, quick) if d > 1 else {}),
            "one_head": _built(one_head, ranked, steps),
        },
        "feed_forward": {
            "blunt": {
                "error": _error(blunt, pairs, 1, rate),
                "predicted": _leak(pairs, rate, 5 / at.gap),
            },
            "attention_only": _built(attention_only, ranked, steps),
            "gated": {
                "error": _error(exact, pairs, steps, rate),
                "largest_weight": max(float(p.detach().abs().max()) for p in exact.parameters()),
                "sharpness": at.sharpness,
                "n": 2,
                "blocks": 3,
            },
        },
        "blocks": {"poles": _poles(ranked, seed), "flags": _built(_flags, flags, 1)},
    }


def _flags(n: int, d: int, at: Limits, *, rate: float, steps: int) -> Transformer:
    return rank_flags(n, d, at, rate=rate, steps=steps)


def _built(make: Callable[..., Transformer], contexts: Contexts, steps: int) -> Result:
    """A construction's blocks, and its largest error over tasks, tokens and coordinates."""
    n, d = contexts.y.shape[1:]
    rate = stable_rate(contexts)
    model = make(n, d, limits(contexts, rate, steps), rate=rate, steps=steps)
    each = model.blocks()
    heads = [len(b.attention.does) for group in each for b in group if b.attention is not None]
    return {
        "n": n,
        "steps": steps,
        "blocks": len(each[0]) + len(each[1]),
        "heads": max(heads),
        "feed_forwards": sum(b.feed_forward is not None for group in each for b in group),
        "error": _error(model, contexts, steps, rate),
    }


def _error(model: Transformer, contexts: Contexts, steps: int, rate: float) -> float:
    with torch.no_grad():
        made = model.prediction(model(embed(contexts, model.layout)))
    return float((made - descend(contexts, rate, steps)[-1][:, None]).abs().max())


def _leak(contexts: Contexts, rate: float, sharpness: float) -> float:
    """The closed form of a step's largest error at this sharpness, for two responses."""
    ordered = contexts.sorted()
    gap = (ordered.r[:, 0] - ordered.r[:, 1])[:, None]
    apart = 2 * rate * contexts.scale * (ordered.y[:, 0] - ordered.y[:, 1])
    return float((apart * torch.sigmoid(-sharpness * gap)).abs().max())


# --- no softmax ----------------------------------------------------------------------------------


def _differences(contexts: Contexts, blocks: int, seed: int) -> Result:
    """Differences of order 3^L + 1 along f, of L blocks of linear attention and of the step.

    A polynomial of degree 3^L has none. They are relative to the largest value, times 2^order.
    """
    order = 3**blocks + 1
    g = torch.Generator().manual_seed(seed)
    places = bradley_terry(contexts.x.shape[1], _ANY, rate=1.0, steps=1).layout
    y = contexts.sorted().y
    along = y[:, 0] - y[:, 1]
    # the difference of scores is then u times _RANGE
    middle = y.mean(1)
    reach = _RANGE / 2 / (along**2).sum(-1, keepdim=True)
    # not around 0: even differences of σ − ½ vanish there
    u = torch.linspace(-0.7, 1, order + 1, dtype=torch.float64)
    nets = [_random(places, g) for _ in range(blocks)]
    tokens, steps = [], []
    for each in u.tolist():
        moved = _at(contexts, middle + each * reach * along)
        token = embed(moved, places)
        for net in nets:
            token = linear(net, token)
        tokens.append(token[..., places["f"]])
        steps.append(pair_step(moved, 1.0))
    with torch.no_grad():
        return {
            "blocks": blocks,
            "order": order,
            "network": _relative(torch.stack(tokens), order),
            "step": _relative(torch.stack(steps), order),
        }


_ANY = Limits(1.0, 1.0, 1.0, 0.0, 1.0)


def _at(contexts: Contexts, f: Tensor) -> Contexts:
    """The same with this prediction at the start: W = f xᵀ/‖x‖²."""
    w = f[..., None] * (contexts.x / contexts.scale)[:, None]
    return contexts._replace(w=w)


def _random(places: Any, g: torch.Generator) -> Attention:
    wide = max(place.stop for place in places.values())
    made = Attention(wide, ["", ""], 4, 4)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64) / wide**0.5)
    return made


def _relative(values: Tensor, order: int) -> float:
    """The largest difference of this order of values [order + 1, …] along the first dimension."""
    found = values.diff(n=order, dim=0).abs().max() / (2**order * values.abs().max())
    return float(found)


def _polynomial(degree: int) -> Result:
    """The least largest error of a polynomial of this degree for σ on [−_RANGE, _RANGE].

    A linear programme on 40 (degree + 1) points. On fewer points than all the error is smaller, so
    it is a lower bound.
    """
    x = np.cos(np.linspace(0, math.pi, 40 * (degree + 1)))
    basis = np.polynomial.chebyshev.chebvander(x, degree)
    wanted = 1 / (1 + np.exp(-_RANGE * x))
    ones = np.ones((len(x), 1))
    rows = np.block([[basis, -ones], [-basis, -ones]])
    cost = np.zeros(degree + 2)
    cost[-1] = 1
    solved = linprog(cost, rows, np.concatenate([wanted, -wanted]), bounds=(None, None))
    assert solved.x is not None
    return {"degree": degree, "error": float(solved.x[-1])}


# --- one head ------------------------------------------------------------------------------------


def _single_head(contexts: Contexts, seed: int, quick: bool) -> Result:
    """A single softmax head fitted to one step in all directions and to equal pairs.

    Returns:
        Over all starts ``least_error`` (the largest error over contexts, of the best fit, divided
        by the size of the step) and ``least_ratio``, the error divided by its bound ½ max ‖P T‖, T
        a step and P the projection orthogonal to what the head copies of the reward.
    """
    starts, fit_steps = (_QUICK_STARTS, _QUICK_FIT_STEPS) if quick else (_STARTS, _FIT_STEPS)
    g = torch.Generator().manual_seed(seed)
    contexts = _rotated(contexts, g)
    rate = stable_rate(contexts)
    equal = [contexts._replace(y=contexts.y[:, [k, k]]) for k in (0, 1)]
    every = [contexts, *equal]
    places = bradley_terry(contexts.x.shape[1], _ANY, rate=1.0, steps=1).layout
    tokens = torch.cat([embed(each, places) for each in every])
    step = torch.cat([pair_step(each, rate) for each in every])
    size = float(step.norm(dim=-1).max())
    target, reward = step / size, places["r"].start

    def weights() -> tuple[Tensor, Tensor]:
        wide = tokens.shape[-1]
        bilinear = torch.randn(wide, wide, generator=g, dtype=torch.float64) / wide
        copies = torch.randn(wide, target.shape[-1], generator=g, dtype=torch.float64) / wide
        return bilinear, copies

    def errors(bilinear: Tensor, copies: Tensor) -> Tensor:
        """Of every context and token [B, 2], relative to the largest step."""
        maps = (tokens @ bilinear @ tokens.mT).softmax(-1)
        off: Tensor = (maps @ (tokens @ copies) - target[:, None]).norm(dim=-1)
        return off

    def ratio(bilinear: Tensor, copies: Tensor) -> tuple[float, float]:
        worst = float(errors(bilinear, copies).max())
        along = torch.nn.functional.normalize(copies[reward], dim=0)
        across = target - (target @ along)[:, None] * along
        return worst, worst / (0.5 * float(across.norm(dim=-1).max()))

    fitted = []
    for _ in range(starts):
        free = [each.requires_grad_() for each in weights()]
        optimizer = torch.optim.Adam(free, lr=0.05)
        for step_at in range(fit_steps):
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step_at / fit_steps)
            optimizer.zero_grad()
            # a high power: nearly the largest error
            errors(*free).pow(8).mean().pow(1 / 8).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            fitted.append(ratio(*free))
    return {
        "contexts": len(tokens),
        "starts": starts,
        "least_error": min(error for error, _ in fitted),
        "least_ratio": min(found for _, found in fitted),
    }


def _rotated(contexts: Contexts, g: torch.Generator) -> Contexts:
    """The context with the largest step, with f and y rotated, as often as there are contexts."""
    step = pair_step(contexts, 1.0).norm(dim=-1)
    one = Contexts(*(each[[int(step.argmax())]] for each in contexts))
    many, d = len(step), one.x.shape[1]
    turn = torch.linalg.qr(torch.randn(many, d, d, generator=g, dtype=torch.float64))[0]
    turn[0] = torch.eye(d)
    return one._replace(
        x=one.x.expand(many, -1),
        y=one.y @ turn.mT,
        r=one.r.expand(many, -1),
        w=turn @ one.w,
    )


# --- fewer blocks --------------------------------------------------------------------------------


def _poles(contexts: Contexts, seed: int) -> Result:
    """Growth near a pole of the term of the two worst responses, and of heads of a single block.

    f is made complex, so that e^{s_{N−1}} + e^{s_N} = 0, and approaches that as δ → 0.

    Returns:
        The slopes of log size over log δ: of the ``step``'s term (−1 is predicted), and the largest
        absolute one of 1,000 ``heads`` with random weights (0 is predicted), over contexts.
    """
    rng = np.random.default_rng(seed)
    few = contexts.sorted()
    slopes, others = [], []
    for b in range(min(len(few.r), 20)):
        y, r = few.y[b].numpy(), few.r[b].numpy()
        apart = y[-2] - y[-1]
        side = float(apart @ apart)
        # scores equal, and their difference then iπ + δ
        level = (y[-2] + y[-1]) / 2 + apart * 1j * math.pi / 2 / side
        sizes, heads = [], []
        wide = 2 * y.shape[1] + 3
        weights = rng.normal(size=(50, wide, wide)) / wide
        for near in _NEAR:
            f = level + apart * near / 2 / side
            scores = 2 * y @ f - (y**2).sum(-1)
            weight = np.exp(scores[-2:] - scores[-2])
            sizes.append(np.abs(weight @ y[-2:] / weight.sum()).max())
            tokens = np.array([[*f, *row, row @ row, q, 1] for row, q in zip(y, r, strict=True)])
            heads.append([_head(tokens, each) for each in weights])
        slopes.append(_slope(np.array(sizes)[:, None])[0])
        others.append(float(np.abs(_slope(np.array(heads))).max()))
    return {
        "step": float(np.mean(slopes)),
        "heads": max(others),
        "n": contexts.y.shape[1],
        "contexts": len(slopes),
    }


def _head(tokens: NDArray[np.complex128], weights: NDArray[np.float64]) -> float:
    """The size of what a head with these bilinear logits copies, of a complex context."""
    logits = tokens[0] @ weights @ tokens.T
    weight = np.exp(logits - logits[0])
    return float(np.abs(weight @ tokens / weight.sum()).max())


def _slope(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of log sizes [points, …] over log δ."""
    return np.asarray(np.polyfit(np.log(_NEAR), np.log(sizes), 1)[0])
