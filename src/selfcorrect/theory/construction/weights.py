"""Three transformers whose weights perform descent on the ranking loss of their own context.

All use one identity: −‖f − y‖² is 2⟨f, y⟩ − ‖y‖² up to a constant that all responses share, so that
b_i, the softmax of scores over the responses not yet ranked, is exactly one softmax head. They
differ in how a head knows which responses are not yet ranked:

- :func:`bradley_terry`: two responses, both of which are in the only term;
- :func:`rank_flags`: the rank of each is counted beforehand, and each term has a head;
- :func:`select_and_eliminate`: a block for each term selects the best remaining response and
  marks it as done.

The weights are made for :class:`~selfcorrect.theory.construction.tokens.Limits`. Source: arXiv
2405.18634, whose theorem is about the last kind; these weights are our own.
"""

from __future__ import annotations

import math

from selfcorrect.errors import UserError
from selfcorrect.theory.construction.blocks import (
    Block,
    Combination,
    Head,
    Transformer,
    Unit,
    attention,
    feed_forward,
    layout,
)
from selfcorrect.theory.construction.tokens import SURE, Limits


def bradley_terry(d: int, limits: Limits, *, rate: float, steps: int) -> Transformer:
    """Descent for two responses: one block for each step, 2 heads, no feed-forward.

    One head copies the better response, the other the average by score; what is added to f is
    2η‖x‖² times their difference.

    Args:
        d: of x and y.
        limits: ``sharpness`` is used.
        rate: η.
        steps: of descent.

    Raises:
        UserError: a sharpness at which logits overflow.
    """
    _finite(limits)
    places = layout(f=d, y=d, z=d, s=1, r=1, one=1)
    heads = pair(limits, rate)
    return Transformer(places, [], [[Block(attention(places, heads))] for _ in range(steps)])


def pair(limits: Limits, rate: float) -> list[Head]:
    """The two heads of :func:`bradley_terry`."""
    best = Head("the better response", [({"one": limits.sharpness}, {"r": 1})], [_copy(2 * rate)])
    average = Head("both, by score", [FIT, ({"one": -1}, {"s": 1})], [_copy(-2 * rate)])
    return [best, average]


def rank_flags(n: int, d: int, limits: Limits, *, rate: float, steps: int) -> Transformer:
    """Descent for N responses: 3 preparatory blocks, then one block of N heads for each step.

    Needs one-hot positions. Block 1 writes each reward into a channel of its position; block 2
    copies all of them to all tokens (one uniform head) and counts, for each token, those greater
    than its own; block 3 turns that rank into flags. In a step, head i averages by score over
    responses without flag i, and a last head sums all responses but the worst.

    Args:
        n: responses in a context.
        d: of x and y.
        limits: ``depth``, ``gap``, ``lowest`` and ``spread`` are used; no sharpness is needed.
        rate: η.
        steps: of descent.

    Raises:
        UserError: a depth at which logits overflow.
    """
    _finite(limits)
    # flag i (from 1) marks the responses that term i + 1 excludes; worst is the last one
    sizes = {"place": n, "own": n, "all": n, "rank": 1, "flag": n - 2, "worst": 1}
    places = layout(f=d, y=d, z=d, s=1, r=1, one=1, **sizes)
    above = 1 + limits.spread
    gate = [
        Unit({"r": 1, f"place {k}": above}, -limits.lowest - above, {f"own {k}": 1})
        for k in range(1, n + 1)
    ]
    gather = Head("all alike", [], [({f"own {k}": n}, {f"all {k}": 1}) for k in range(1, n + 1)])
    apart = 2 / limits.gap
    count = [
        unit
        for k in range(1, n + 1)
        for unit in at_least({f"all {k}": apart, "r": -apart}, apart * limits.lowest, "rank")
    ]
    # rank counts the better ones: 0 is the best
    flags = [unit for k in range(1, n - 1) for unit in at_least({"rank": -2}, 2 * k, f"flag {k}")]
    flags += at_least({"rank": 2}, 4 - 2 * n, "worst")
    prepare = [
        Block(None, feed_forward(places, gate)),
        Block(attention(places, [gather]), feed_forward(places, count)),
        Block(None, feed_forward(places, flags)),
    ]
    averages = [
        Head(
            f"rank {k + 1} and worse, by score" if k else "all, by score",
            [FIT, ({"one": -1}, {"s": 1, **({f"flag {k}": limits.depth} if k else {})})],
            [_copy(-2 * rate)],
        )
        for k in range(n - 1)
    ]
    total = Head(
        "all but the worst, alike",
        [({"one": -SURE - math.log(n)}, {"worst": 1})],
        [_copy(2 * rate * (n - 1))],
    )
    heads = [*averages, total]
    return Transformer(places, prepare, [[Block(attention(places, heads))] for _ in range(steps)])


def select_and_eliminate(n: int, d: int, limits: Limits, *, rate: float, steps: int) -> Transformer:
    """Descent for N responses: N − 1 blocks for each step, of 2 heads and 3 hidden units.

    Needs no positions. In each block one head attends to the best remaining response and copies
    its y and its reward; the other averages by score over the remaining ones; then the feed-forward
    marks as done every response whose reward is at least the copied one. The terms are summed in a
    second prediction ``g``, as all must be computed at the same f. The last block of a step writes
    to f, and its feed-forward of 1 unit removes the marks.

    Args:
        n: responses in a context.
        d: of x and y.
        limits: ``sharpness``, ``depth``, ``gap`` and ``spread`` are used.
        rate: η.
        steps: of descent.

    Raises:
        UserError: a sharpness or a depth at which logits overflow.
    """
    _finite(limits)
    places = layout(f=d, y=d, z=d, s=1, r=1, one=1, g=d, best=1, done=1)
    blocks = [(k == 1, k == n - 1) for k in range(1, n)]
    return Transformer(
        places,
        [],
        [[_term(places, limits, rate, *ends) for ends in blocks] for _ in range(steps)],
    )


def _term(places: dict[str, slice], limits: Limits, rate: float, first: bool, last: bool) -> Block:
    """The block of one term of the loss."""
    into = "f" if last else "g"
    # f and g are alike in all tokens, so copying g − f from any of them sets f to g
    carried: Combination = (
        {} if first == last else {"f": 1, "g": -1} if first else {"g": 1, "f": -1}
    )
    best = Head(
        "the best remaining",
        [({"one": limits.sharpness}, {"r": 1, "done": -limits.spread - limits.gap})],
        [
            ({"z": 2 * rate, **carried}, {into: 1}),
            *([] if last else [({"r": 1, "best": -1}, {"best": 1})]),
        ],
    )
    average = Head(
        "the remaining, by score",
        [FIT, ({"one": -1}, {"s": 1, "done": limits.depth})],
        [_copy(-2 * rate, into)],
    )
    if first and last:
        return Block(attention(places, [best, average]))
    apart = 2 / limits.gap
    unmark = Unit({"done": 1}, 0, {"done": -1})
    mark = [] if last else at_least({"r": apart, "best": -apart}, 2, "done")
    return Block(attention(places, [best, average]), feed_forward(places, [unmark, *mark]))


def at_least(reads: Combination, bias: float, into: str) -> list[Unit]:
    """Units that add a step of u = reads + bias to a channel: 0 for u ≤ ½, 1 for u ≥ 3/2.

    Between ½ and 3/2 the step is a ramp. No value here is between: rewards are read in units of
    half their smallest gap, ranks in halves.
    """
    return [Unit(reads, bias - 0.5, {into: 1}), Unit(reads, bias - 1.5, {into: -1})]


#: 2⟨f, y⟩, with f of the query and y of the key.
FIT: tuple[Combination, Combination] = ({"f": 2}, {"y": 1})


def _copy(factor: float, into: str = "f") -> tuple[Combination, Combination]:
    """Adds ‖x‖² y times a factor to a prediction."""
    return {"z": factor}, {into: 1}


def _finite(limits: Limits) -> None:
    for name, value in (
        ("sharpness", limits.sharpness * max(1.0, limits.spread + limits.gap)),
        ("mask depth", limits.depth),
        ("scale of the rewards", 2 / limits.gap),
    ):
        if not math.isfinite(value):
            raise UserError(f"the {name} overflows float64: give one at which logits are finite")
