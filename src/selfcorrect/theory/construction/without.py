"""Constructions that do without a part, and the step itself, for statements on what parts are for.

The statements and their proofs are in ``docs/theory.md``. These are the networks in them:

- :func:`one_head`: a head a block, with twice the blocks;
- :func:`attention_only`: no feed-forward, with one-hot positions;
- :func:`gated_pair`: two responses, exact in real arithmetic, which needs a feed-forward.
"""

from __future__ import annotations

import torch
from torch import Tensor

from selfcorrect.theory.construction.blocks import (
    Attention,
    Block,
    Head,
    Transformer,
    Unit,
    attention,
    feed_forward,
    layout,
)
from selfcorrect.theory.construction.tokens import Contexts, Limits
from selfcorrect.theory.construction.weights import FIT, at_least, select_and_eliminate


def one_head(n: int, d: int, limits: Limits, *, rate: float, steps: int) -> Transformer:
    """Select and eliminate with one head a block: 2(N − 1) blocks for each step.

    The two heads of a block read nothing that the other one writes, if both write to the second
    prediction ``g``; so they may follow each other. Only the head that ends a step writes to f.

    Args:
        n: responses in a context, at least 3.
        d: of x and y.
        limits: as of :func:`~selfcorrect.theory.construction.weights.select_and_eliminate`.
        rate: η.
        steps: of descent.
    """
    whole = select_and_eliminate(n, d, limits, rate=rate, steps=1)
    step = whole.blocks()[1]
    f, g = (whole.layout[name] for name in ("f", "g"))
    blocks = []
    for block in step:
        assert block.attention is not None
        best, average = (_single(block.attention, h) for h in (0, 1))
        if block is step[-1]:
            # the other head then carries g to f, so g must be complete before
            with torch.no_grad():
                average.w_o[:, g] = average.w_o[:, f]
                average.w_o[:, f] = 0
            blocks += [Block(average), Block(best, block.feed_forward)]
        else:
            blocks += [Block(best), Block(average, block.feed_forward)]
    return Transformer(whole.layout, [], [blocks for _ in range(steps)])


def _single(of: Attention, h: int) -> Attention:
    """One head of an attention."""
    made = Attention(of.w_q.shape[2], [of.does[h]], of.w_q.shape[1], of.w_v.shape[1])
    with torch.no_grad():
        for name in ("w_q", "w_k", "w_v", "w_o"):
            getattr(made, name).copy_(getattr(of, name)[h : h + 1])
    return made


def attention_only(n: int, d: int, limits: Limits, *, rate: float, steps: int) -> Transformer:
    """Descent for N responses without a feed-forward: N − 1 blocks of 2 heads for each step.

    Needs one-hot positions. The head that selects the best remaining response also copies its
    position, which every token adds to a channel ``taken``. Queries hold ``taken`` and keys their
    own position, so their inner product is 1 for the responses selected before: it takes the place
    of the mark that a feed-forward sets. At the end of a step each token subtracts ``taken``, which
    all hold alike.

    Args:
        n: responses in a context, at least 2.
        d: of x and y.
        limits: ``sharpness``, ``depth``, ``gap`` and ``spread`` are used.
        rate: η.
        steps: of descent.
    """
    places = layout(f=d, y=d, z=d, s=1, r=1, one=1, place=n, g=d, taken=n)
    below = limits.sharpness * (limits.spread + limits.gap)
    blocks = []
    for k in range(1, n):
        first, last = k == 1, k == n - 1
        into = "f" if last else "g"
        carried = {} if first == last else {"f": 1.0, "g": -1.0} if first else {"g": 1.0, "f": -1.0}
        best = Head(
            "the best remaining",
            [({"one": limits.sharpness}, {"r": 1}), ({"taken": -below}, {"place": 1})],
            [
                ({"z": 2 * rate, **(carried if first or last else {})}, {into: 1}),
                *([({"taken": -1}, {"taken": 1})] if last else [({"place": 1}, {"taken": 1})]),
            ],
        )
        average = Head(
            "the remaining, by score",
            [FIT, ({"one": -1}, {"s": 1}), ({"taken": -limits.depth}, {"place": 1})],
            [({"z": -2 * rate}, {into: 1})],
        )
        blocks.append(Block(attention(places, [best, average])))
    return Transformer(places, [], [blocks for _ in range(steps)])


def gated_pair(d: int, limits: Limits, largest: float, *, rate: float, steps: int) -> Transformer:
    """Descent for two responses that is exact in real arithmetic: no weight goes to infinity.

    A head without logits copies the mean reward; ReLU units set ``better`` to 1 where a token's
    reward is above it by half a gap or more, and to 0 where it is below, both exactly. Units that
    read ‖x‖² y − B (1 − better) and its negative then leave ‖x‖² y in the better token and 0 in the
    other, exactly if no coordinate exceeds B. Another head without logits sums those.

    Args:
        d: of x and y.
        limits: ``gap`` is used.
        largest: B, the largest coordinate of ‖x‖² y.
        rate: η.
        steps: of descent.
    """
    places = layout(f=d, y=d, z=d, s=1, r=1, one=1, middle=1, better=1, kept=d)
    middle = Head("all alike", [], [({"r": 1}, {"middle": 1})])
    apart = 4 / limits.gap  # a reward is at least half a gap from the mean: ±2 or more
    mark = at_least({"r": apart, "middle": -apart}, 1, "better")
    gate = [
        Unit({f"z {k}": sign, "better": largest}, -largest, {f"kept {k}": sign})
        for k in range(1, d + 1)
        for sign in (1.0, -1.0)
    ]
    total = Head("all alike", [], [({"kept": 4 * rate}, {"f": 1})])
    average = Head("both, by score", [FIT, ({"one": -1}, {"s": 1})], [({"z": -2 * rate}, {"f": 1})])
    prepare = [
        Block(attention(places, [middle]), feed_forward(places, mark)),
        Block(None, feed_forward(places, gate)),
    ]
    return Transformer(
        places, prepare, [[Block(attention(places, [total, average]))] for _ in range(steps)]
    )


def linear(heads: Attention, tokens: Tensor) -> Tensor:
    """The tokens [B, N, width] after attention without a softmax, divided by N."""
    x = tokens[:, None]
    logits = (x @ heads.w_q.mT) @ (x @ heads.w_k.mT).mT / tokens.shape[1]
    return tokens + ((logits @ (x @ heads.w_v.mT)) @ heads.w_o.mT).sum(1)


def pair_step(contexts: Contexts, rate: float) -> Tensor:
    """What one step adds to f for two responses [B, d], in closed form."""
    y = contexts.sorted().y
    f = contexts.start[:, None]
    worse = torch.softmax(-((f - y) ** 2).sum(-1), 1)[:, 1:]
    return 2 * rate * contexts.scale * worse * (y[:, 0] - y[:, 1])
