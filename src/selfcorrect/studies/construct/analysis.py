"""The analysis: the constructions built, compared with descent, and their attention maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.studies.construct.boundaries import MAKERS, boundaries
from selfcorrect.studies.construct.laws import laws
from selfcorrect.studies.construct.needed import needed
from selfcorrect.theory.construction.blocks import Block, Transformer, width
from selfcorrect.theory.construction.tokens import (
    Contexts,
    descend,
    embed,
    limits,
    sample,
    stable_rate,
)

#: Responses of the large size, and of the example that is drawn.
LARGE, EXAMPLE = 20, 5
#: The example is chosen from so many contexts.
EXAMPLES = 50
#: Tasks of a quick run.
QUICK_TASKS = 20

Result = dict[str, Any]


def construct(
    *,
    n: int = 8,
    d: int = 5,
    steps: int = 20,
    tasks: int = 100,
    seed: int = 0,
    quick: bool = False,
    told: Callable[[int, int], object] = lambda *_: None,
) -> Result:
    """Build the three constructions and compare them with descent by autograd, in float64.

    Args:
        n: responses in a context, for Plackett-Luce; Bradley-Terry has 2.
        d: dimension of x and y.
        steps: number of descent steps, stacked.
        tasks: number of contexts that each construction is checked on.
        seed: of the contexts.
        quick: at most 20 tasks, and only N = n instead of N = n and N = 20.
        told: called with how many parts are finished, and of how many.

    Returns:
        What ``--json`` prints. ``constructions``: sizes and errors of each; ``laws``: see
        :func:`~selfcorrect.studies.construct.laws.laws`; ``boundaries``: see
        :func:`~selfcorrect.studies.construct.boundaries.boundaries`; ``needed``: see
        :func:`~selfcorrect.studies.construct.needed.needed`; ``attention``: all maps of
        the first step in one context of 5 responses (2 for Bradley-Terry), from the best to the
        worst: of 50 contexts the one in which weights are spread most; ``settings``.

    Raises:
        UserError: a size that is too small; contexts for which float64 isn't precise enough.
    """
    if steps < 1:
        raise UserError(f"steps is {steps}: give at least 1")
    tasks = min(tasks, QUICK_TASKS) if quick else tasks
    pairs, ranked = sample(tasks, 2, d, seed=seed), sample(tasks, n, d, seed=seed)
    sizes = [ranked] if quick or n == LARGE else [ranked, sample(tasks, LARGE, d, seed=seed)]
    every = [("Bradley-Terry", pairs)]
    every += [(name, contexts) for contexts in sizes for name in list(MAKERS)[1:]]
    parts = len(every) + 4
    found: list[Result] = []
    more: Result = {}
    for name, contexts in every:
        found.append(_checked(name, contexts, steps))
        told(len(found), parts)
    # with two responses none is excluded, so there are no masks to measure
    some = ranked if n > 2 else sample(tasks, EXAMPLE, d, seed=seed)
    wide = sample(tasks, some.r.shape[1], d, seed=seed, size=1.0)
    beyond: dict[str, Callable[[], Any]] = {
        "laws": lambda: laws(pairs, some),
        "boundaries": lambda: boundaries(pairs, some, wide, steps),
        "needed": lambda: needed(pairs, some, steps, seed=seed, quick=quick),
        "attention": lambda: _attention(d, seed),
    }
    for done, (name, measure) in enumerate(beyond.items(), start=1):
        more[name] = measure()
        told(len(found) + done, parts)
    return {
        "constructions": found,
        **more,
        "settings": {
            "n": n,
            "d": d,
            "steps": steps,
            "tasks": tasks,
            "seed": seed,
            "quick": quick,
            "dtype": "float64",
            "laws_n": some.r.shape[1],
        },
    }


def _checked(name: str, contexts: Contexts, steps: int) -> Result:
    """The sizes of a construction, and its largest errors over tasks, tokens and coordinates."""
    rate = stable_rate(contexts)
    at, path = limits(contexts, rate, steps), descend(contexts, rate, steps)
    model = MAKERS[name](contexts, at, rate, steps)
    backwards = descend(contexts._replace(r=-contexts.r), rate, steps)[-1]
    with torch.no_grad():
        seen = model.trace(embed(contexts, model.layout))
    first = model.prediction([each.tokens for each in seen if each.step == 1][-1])
    last = model.prediction(seen[-1].tokens)
    away = (path[-1] - path[0]).norm(dim=-1)
    return {
        "name": name,
        **_sizes(model),
        "max_error": float((last - path[-1][:, None]).abs().max()),
        "max_error_first_step": float((first - path[1][:, None]).abs().max()),
        "moved": {"median": float(away.median()), "max": float(away.max())},
        "error_if_reversed": float((last - backwards[:, None]).abs().amax((1, 2)).median()),
        "rate": rate,
        "sharpness": None if "flags" in name else at.sharpness,
        "depth": None if name == "Bradley-Terry" else at.depth,
        "gap": at.gap,
        "steps": steps,
        "tasks": len(contexts.r),
        "n": contexts.r.shape[1],
        "d": contexts.x.shape[1],
    }


def _sizes(model: Transformer) -> Result:
    """Blocks of a step, and the largest numbers of heads and hidden units in a block."""
    prepare, step = model.blocks()[:2]
    return {
        "blocks": len(step),
        "heads": max(len(block.attention.does) for block in step if block.attention),
        "ffn": max(_hidden(block) for block in step),
        "width": width(model.layout),
        "preparatory_blocks": len(prepare),
        "preparatory_heads": [len(b.attention.does) if b.attention else 0 for b in prepare],
        "preparatory_ffn": [_hidden(block) for block in prepare],
        "blocks_in_all": sum(map(len, model.blocks())),
        "parameters": sum(p.numel() for p in model.parameters()),
        "parameters_not_zero": sum(int(p.count_nonzero()) for p in model.parameters()),
    }


def _hidden(block: Block) -> int:
    return len(block.feed_forward.b_1) if block.feed_forward else 0


def _example(contexts: Contexts) -> Contexts:
    """The context in which the softmax of the scores has the largest entropy, sorted by reward."""
    p = (-((contexts.start[:, None] - contexts.y) ** 2).sum(-1)).softmax(1)
    most = int(torch.special.entr(p).sum(1).argmax())
    return Contexts(*(each[most : most + 1] for each in contexts)).sorted()


def _attention(d: int, seed: int) -> Result:
    """All attention maps of the first descent step in one context."""
    found = []
    for name, make in MAKERS.items():
        n = 2 if name == "Bradley-Terry" else EXAMPLE
        contexts = _example(sample(EXAMPLES, n, d, seed=seed))
        rate = stable_rate(contexts)
        model = make(contexts, limits(contexts, rate, 1), rate, 1)
        with torch.no_grad():
            seen = model.trace(embed(contexts, model.layout))
        blocks = [
            {
                "step": each.step,
                "block": each.block,
                "heads": [
                    {"does": does, "map": each.maps[0, h].tolist()}
                    for h, does in enumerate(each.heads)
                ],
            }
            for each in seen
        ]
        found.append({"name": name, "n": n, "rewards": contexts.r[0].tolist(), "blocks": blocks})
    return {"constructions": found, "chosen_from": EXAMPLES}
