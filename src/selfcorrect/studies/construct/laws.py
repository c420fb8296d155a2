"""The errors of constructions whose weights are smaller than exactness requires.

Predictions are closed forms of the same step, in which a hard maximum, a mask or a square is
replaced by its approximation with finite weights. They don't use a transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from selfcorrect.theory.construction.blocks import Transformer
from selfcorrect.theory.construction.squares import bound, squares
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

#: Values of the sharpness, from almost uniform weights to almost a hard maximum.
SHARPNESS = tuple(float(f"{10 ** (k / 2):.3g}") for k in range(13))
#: Values of k = M − R, by which a mask is deeper than the largest excess.
DEPTHS = tuple(range(-8, 41, 4))
#: Numbers of pieces K.
PIECES = (8, 16, 32, 64, 128, 256, 512)
#: Between these the logarithm of the leaked weight is linear in k.
_LINE = (4, 28)
#: Errors are a power of K for many pieces; slopes are fitted from this K on.
_FINE = 32

Result = dict[str, Any]


def laws(pairs: Contexts, ranked: Contexts) -> Result:
    """All laws over one descent step.

    Args:
        pairs: contexts of two responses [B].
        ranked: contexts of N ≥ 3 responses [B].

    Returns:
        For each law its ``rows`` of ``predicted`` and ``measured`` and the number of ``tasks``.
        Errors are the largest of a coordinate of f over tasks; ``apart`` is the largest difference
        of the predicted from the measured f over tasks.
    """
    return {
        "sharpness": sharpness(pairs),
        "sharpness_ranked": sharpness_ranked(ranked),
        "mask": mask(ranked),
        "saturation": saturation(ranked),
        "squares": pieces(pairs),
    }


def sharpness(pairs: Contexts) -> Result:
    """Two responses: a softmax instead of a maximum gives the error 2η‖x‖²‖y_w − y_l‖ σ(−λΔr)."""
    rate = stable_rate(pairs)
    exact, known = descend(pairs, rate, 1)[1], limits(pairs, rate, 1)
    (y_w, y_l), (r_w, r_l) = pairs.sorted().y.unbind(1), pairs.sorted().r.unbind(1)
    rows = []
    for each in SHARPNESS:
        model = bradley_terry(pairs.x.shape[1], known._replace(sharpness=each), rate=rate, steps=1)
        measured = (_after(model, pairs) - exact[:, None]).norm(dim=-1).amax(1)
        reach = 2 * rate * pairs.scale[:, 0] * (y_w - y_l).norm(dim=-1)
        predicted = reach * (-each * (r_w - r_l)).sigmoid()
        rows.append(
            {
                "sharpness": each,
                "predicted": float(predicted.max()),
                "measured": float(measured.max()),
                "apart": float((predicted - measured).abs().max()),
            }
        )
    return {"rows": rows, "tasks": len(exact), "rate": rate, "gap": known.gap}


def sharpness_ranked(ranked: Contexts) -> Result:
    """The same for more responses, which are selected one after the other."""
    rate = stable_rate(ranked)
    n, d = ranked.y.shape[1:]
    exact, known = descend(ranked, rate, 1)[1], limits(ranked, rate, 1)
    ordered = ranked.sorted()
    rows = []
    for each in SHARPNESS:
        at = known._replace(sharpness=each)
        model = select_and_eliminate(n, d, at, rate=rate, steps=1)
        measured = _after(model, ranked)
        # responses that are done stay excluded, by more than the spread of the rewards
        logits = each * (ordered.r[:, None] - (at.spread + at.gap) * _done(n))
        predicted = _closed(ordered, rate, logits.softmax(-1), at)
        off = (measured - exact[:, None]).abs().amax((1, 2))
        apart = (measured - predicted[:, None]).abs().amax((1, 2))
        rows.append(
            {
                "sharpness": each,
                "predicted": float((predicted - exact).abs().max()),
                "measured": float(off.max()),
                "apart": float(apart.max()),
                "share": float((apart < 1e-12).double().mean()),
            }
        )
    return {"rows": rows, "tasks": len(exact), "rate": rate, "gap": known.gap, "n": n}


def mask(ranked: Contexts) -> Result:
    """With mask depth R + k about the weight e^−k leaks; R is the largest excess over all tasks."""
    rate = stable_rate(ranked)
    n, d = ranked.y.shape[1:]
    path, known = descend(ranked, rate, 1), limits(ranked, rate, 1)
    ordered, largest = ranked.sorted(), float(excess(ranked, path[:1]).max())
    order = ranked.r.argsort(dim=1, descending=True)
    hard = torch.eye(n, dtype=torch.float64)[None, : n - 1]
    rows, leaks = [], []
    for k in DEPTHS:
        at = known._replace(depth=largest + k)
        model = rank_flags(n, d, at, rate=rate, steps=1)
        with torch.no_grad():
            seen = model.trace(embed(ranked, model.layout))[-1]
        predicted = _closed(ordered, rate, hard, at)
        off = model.prediction(seen.tokens) - path[1][:, None]
        # weights of the averaging heads on the responses, from the best to the worst
        maps = seen.maps[:, : n - 1, 0].gather(2, order[:, None].expand(-1, n - 1, -1))
        leak = (maps * _done(n)).sum(-1).amax(1)
        leaks.append(leak.log())
        rows.append(
            {
                "k": k,
                "e^-k": float(np.exp(-k)),
                "leak": float(leak.max()),
                "predicted": float((predicted - path[1]).abs().max()),
                "measured": float(off.abs().max()),
                "apart": float((model.prediction(seen.tokens) - predicted[:, None]).abs().max()),
            }
        )
    line = [place for place, k in enumerate(DEPTHS) if _LINE[0] <= k <= _LINE[1]]
    slope = slopes([DEPTHS[place] for place in line], torch.stack([leaks[p] for p in line]))
    return {
        "rows": rows,
        "tasks": len(order),
        "rate": rate,
        "n": n,
        "largest_excess": largest,
        "fitted": list(_LINE),
        "slope": {"predicted": -1.0, **slope},
    }


def saturation(ranked: Contexts) -> Result:
    """Marks that feed-forwards set: of remaining responses, and of those to be excluded."""
    rate = stable_rate(ranked)
    n, d = ranked.y.shape[1:]
    known = limits(ranked, rate, 1)
    order = ranked.r.argsort(dim=1, descending=True)
    rows = []
    for name, model in (
        ("rank flags", rank_flags(n, d, known, rate=rate, steps=1)),
        ("select and eliminate", select_and_eliminate(n, d, known, rate=rate, steps=1)),
    ):
        with torch.no_grad():
            seen = model.trace(embed(ranked, model.layout))
        if name == "rank flags":
            marks = seen[len(model.prepare) - 1].tokens[..., model.layout["flag"]].mT
        else:
            marks = torch.stack([s.tokens[..., model.layout["done"].start] for s in seen[:-1]], 1)
        marks = marks.gather(2, order[:, None].expand_as(marks))
        out = _done(n)[1:].bool().expand_as(marks)
        rows.append(
            {
                "name": name,
                "stays": float(marks[~out].abs().max()),
                "excluded": float((marks[out] - 1).abs().max()),
            }
        )
    return {"rows": rows, "tasks": len(order), "gap": known.gap, "n": n}


def pieces(pairs: Contexts) -> Result:
    """Squares in K pieces: the mean error of a coordinate is ⅔(B/K)², that of f a power of K."""
    rate = stable_rate(pairs)
    exact, known = descend(pairs, rate, 1)[1], limits(pairs, rate, 1)
    reach, d = bound(pairs), pairs.x.shape[1]
    rows, errors, norms = [], [], []
    for count in PIECES:
        model = squares(pairs, known, count, rate=rate)
        with torch.no_grad():
            tokens = model(embed(pairs, model.layout))
        norm = tokens[..., model.layout["s"].start] - (pairs.y**2).sum(-1)
        off = (model.prediction(tokens) - exact[:, None]).norm(dim=-1).amax(1)
        errors.append(off)
        norms.append(norm.mean(1))
        units = [len(block.feed_forward.b_1) for block in model.blocks()[0] if block.feed_forward]
        rows.append(
            {
                "pieces": count,
                "units": units,
                "predicted": d * 2 / 3 * (reach / count) ** 2,
                "measured": mean(norm.mean(1)),
                "most_predicted": d * (reach / count) ** 2,
                "most": float(norm.max()),
                "error": mean(off),
            }
        )
    fitted = [place for place, count in enumerate(PIECES) if count >= _FINE]
    x = [float(np.log(PIECES[place])) for place in fitted]
    return {
        "rows": rows,
        "tasks": len(exact),
        "rate": rate,
        "bound": reach,
        "fitted_from": _FINE,
        "slope_squares": {"predicted": -2.0, **power(x, torch.stack(norms)[fitted])},
        "slope": {"predicted": -2.0, **power(x, torch.stack(errors)[fitted])},
    }


def mean(values: Tensor) -> Result:
    """The mean over tasks [B], its t interval at 95 %, and the number of tasks."""
    n, value = len(values), float(values.mean())
    if n < 2:
        return {"value": value, "low": None, "high": None, "n": n}
    half = float(stats.t.ppf(0.975, n - 1) * values.std() / n**0.5)
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def _slope(x: Sequence[float], y: Tensor) -> Tensor:
    """Least-squares slopes [B] of y [K, B] over x [K]."""
    away = torch.tensor(x, dtype=torch.float64)
    away = away - away.mean()
    return (away @ y) / (away @ away)


def power(x: Sequence[float], y: Tensor) -> Result:
    """The slope over x [K] of log mean y [K, B], with a jackknife t interval over tasks."""
    n = y.shape[1]
    value = float(_slope(x, y.mean(1).log()[:, None]))
    if n < 3:
        return {"value": value, "low": None, "high": None, "n": n}
    without = _slope(x, ((y.sum(1, keepdim=True) - y) / (n - 1)).log())
    spread = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    half = float(stats.t.ppf(0.975, n - 1) * spread**0.5)
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def slopes(x: Sequence[float], y: Tensor) -> Result:
    """The least-squares slope of y [K, B] over x [K] in each task, and its mean."""
    return mean(_slope(x, y))


def _after(model: Transformer, contexts: Contexts) -> Tensor:
    """f of each token after the model [B, N, d]."""
    with torch.no_grad():
        return model.prediction(model(embed(contexts, model.layout)))


def _done(n: int) -> Tensor:
    """1 where a term excludes a response: [N − 1 terms, N responses from the best]."""
    return torch.ones(n - 1, n, dtype=torch.float64).tril(-1)


def _closed(ordered: Contexts, rate: float, picks: Tensor, at: Limits) -> Tensor:
    """f after a step [B, d] with soft picks [B, N − 1, N] and masks of finite depth."""
    f, y = ordered.start, ordered.y
    n = y.shape[1]
    logits = -((f[:, None] - y) ** 2).sum(-1)[:, None] - at.depth * _done(n)
    terms = (picks - logits.softmax(-1)).sum(1)
    return f + 2 * rate * ordered.scale * (terms[:, None] @ y)[:, 0]
