"""The products that a token is otherwise assumed to hold, computed by feed-forwards.

ReLU units make a function that is linear between knots. With K pieces on [−B, B] it equals u² at
the knots and is above it between them: by at most (B/K)², and by ⅔ of that on average. A product is
made of two squares, ab = ((a + b)² − (a − b)²)/4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfcorrect.theory.construction.blocks import (
    Block,
    Combination,
    Transformer,
    Unit,
    attention,
    feed_forward,
    layout,
)
from selfcorrect.theory.construction.tokens import Contexts, Limits
from selfcorrect.theory.construction.weights import pair


def squares(contexts: Contexts, limits: Limits, pieces: int, *, rate: float) -> Transformer:
    """One Bradley-Terry step from x, y and r alone, all products made by feed-forwards.

    Two preparatory blocks: the first computes ``s`` = ‖y‖² and ``q`` = ‖x‖², the second
    ``z`` = ‖x‖² y; then the block of
    :func:`~selfcorrect.theory.construction.weights.bradley_terry`.

    Args:
        contexts: their largest number B gives the range of the pieces.
        limits: ``sharpness`` is used.
        pieces: K.
        rate: η.
    """
    d = contexts.x.shape[1]
    places = layout(f=d, x=d, y=d, q=1, z=d, s=1, r=1, one=1)
    reach = bound(contexts)
    first = [
        unit
        for c in range(1, d + 1)
        for source, into in (("y", "s"), ("x", "q"))
        for unit in _square({f"{source} {c}": 1}, [(into, 1.0)], pieces, reach)
    ]
    # the errors of both squares are positive, so that most of them cancels
    far = 1.1 * float(contexts.scale.max()) + reach
    second = [
        unit
        for c in range(1, d + 1)
        for sign in (1, -1)
        for unit in _square({"q": 1, f"y {c}": sign}, [(f"z {c}", sign / 4)], pieces, far)
    ]
    return Transformer(
        places,
        [Block(None, feed_forward(places, first)), Block(None, feed_forward(places, second))],
        [[Block(attention(places, pair(limits, rate)))]],
    )


def bound(contexts: Contexts) -> float:
    """B: the largest number in x and y."""
    return float(torch.cat([contexts.x.flatten(), contexts.y.flatten()]).abs().max())


def _square(
    reads: Combination, writes: Sequence[tuple[str, float]], pieces: int, reach: float
) -> list[Unit]:
    """Units that add the square of what is read, in pieces on [−reach, reach]."""
    cell = 2 * reach / pieces

    def into(factor: float) -> Combination:
        return {name: factor * weight for name, weight in writes}

    return [
        Unit({"one": 1}, 0, into(reach**2)),
        Unit(reads, reach, into(cell - 2 * reach)),  # the slope of the first piece
        # each knot adds as much to the slope
        *(Unit(reads, reach - k * cell, into(2 * cell)) for k in range(1, pieces)),
    ]
