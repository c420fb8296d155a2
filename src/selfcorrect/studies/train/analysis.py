"""The analysis: every arm trained on every seed, and evaluated on the same contexts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.studies.base import NO_PARTS, Parts
from selfcorrect.studies.train.arms import Arm, chosen
from selfcorrect.studies.train.references import curve, estimate, published, references
from selfcorrect.theory.training import judged, sizes_of, trained

#: Every model is evaluated on so many contexts.
CONTEXTS, QUICK_CONTEXTS = 1024, 256
#: The result of one arm on one seed.
Found = dict[str, Any]


def train(
    presets: Sequence[str] = (),
    *,
    seeds: int | None = None,
    quick: bool = False,
    released_size: bool = False,
    parts: Parts = NO_PARTS,
) -> dict[str, Any]:
    """Train arms on several seeds, and compare them with curves that need no training.

    A GPU is used when there is one; otherwise there are as many processes as cores, of one thread
    each, so that seconds are those of one core.

    Args:
        presets: of :func:`selfcorrect.studies.train.arms.presets`; none for all.
        seeds: their number; by default 4, or 2 if ``quick``.
        quick: see :func:`selfcorrect.studies.train.arms.chosen`; and 256 contexts, not 1,024.
        released_size: the presets ``released…`` at the paper's own size.
        parts: each arm on each seed is one.

    Returns:
        ``excess`` and ``cosine_with_optimum`` (by n) of the one-token format; ``arms``, each with
        its excess over the floor, the paired difference from the arm it is compared with, and
        curves over ``n``, all with intervals over seeds; and what
        :func:`selfcorrect.studies.train.references.references` returns. See ``docs/theory.md``.

    Raises:
        UserError: an unknown preset, or no seed.
    """
    seeds = (2 if quick else 4) if seeds is None else seeds
    if seeds < 1:
        raise UserError(f"an arm needs at least one seed, not {seeds}.")
    arms = chosen(list(presets), quick=quick, released_size=released_size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    contexts = QUICK_CONTEXTS if quick else CONTEXTS
    found: dict[str, Found] = {}
    tasks = {_key(arm, seed, contexts): (arm, seed) for arm in arms for seed in range(seeds)}
    known = {key: parts.done[key] for key in tasks if key in parts.done}
    parts.progress(len(known), len(tasks))
    found.update(known)
    left = {key: task for key, task in tasks.items() if key not in known}
    for key, result in _run(left, contexts, device):
        found[key] = result
        parts.keep(key, result)
        parts.progress(len(found), len(tasks))
    told = [
        _summary(arm, [found[_key(arm, seed, contexts)] for seed in range(seeds)]) for arm in arms
    ]
    _compare(told)
    n = sizes_of(20).tolist()
    return {
        "settings": {
            "presets": list(presets) or "all",
            "seeds": seeds,
            "contexts": contexts,
            "quick": quick,
            "released_size": released_size,
            "device": str(device),
            "torch": torch.__version__,
        },
        **_headline(told, n),
        "n": n,
        "arms": [{k: v for k, v in arm.items() if k != "each"} for arm in told],
        **references(contexts, device, quick=quick),
        "published": published(),
    }


def _headline(told: Sequence[Found], n: Sequence[int]) -> dict[str, Any]:
    """The figures of the one-token format, if it was trained."""
    for arm in told:
        if (arm["preset"], arm["name"]) == ("formats", "one-token"):
            cosine = arm["curves"]["cosine_with_optimum"]["mean"]
            return {
                "excess": arm["excess"]["mean"],
                "cosine_with_optimum": {str(k): c for k, c in zip(n, cosine, strict=True)},
            }
    return {"excess": None, "cosine_with_optimum": None}


def _summary(arm: Arm, each: Sequence[Found]) -> Found:
    """One arm, over its seeds."""
    told = arm.as_dict()
    names = {"excess": "excess_by_n", "distance": "distance"}
    names["cosine_with_optimum"] = "cosine_with_optimum"
    return {
        **told,
        "kind": arm.recipe.kind,
        "parameters": each[0]["parameters"],
        "seconds": sum(one["seconds"] for one in each) / len(each),
        "excess": estimate([one["excess"] for one in each]),
        "excess_difference": None,
        "norm": estimate([one["norm"] for one in each]),
        "curves": {name: curve([one[of] for one in each]) for name, of in names.items()},
        "noise": {p: curve([one["noise"][p] for one in each]) for p in each[0]["noise"]},
        "each": each,
    }


def _compare(told: Sequence[Found]) -> None:
    """Add the paired differences: seed k of an arm minus seed k of the arm it is compared with."""
    by_name = {(arm["preset"], arm["name"]): arm for arm in told}
    for arm in told:
        other = by_name.get((arm["preset"], arm["versus"]))
        if other is not None:
            pairs = zip(arm["each"], other["each"], strict=True)
            arm["excess_difference"] = estimate([a["excess"] - b["excess"] for a, b in pairs])


def _run(
    tasks: Mapping[str, tuple[Arm, int]], contexts: int, device: torch.device
) -> Iterator[tuple[str, Found]]:
    """The key and the result of each task, as they finish."""
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if device.type != "cpu" or workers < 2:
        yield from ((key, _once(arm, seed, contexts, device)) for key, (arm, seed) in tasks.items())
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))
    try:
        waiting = {
            pool.submit(_once, arm, seed, contexts, device): key
            for key, (arm, seed) in tasks.items()
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _once(arm: Arm, seed: int, contexts: int, device: torch.device) -> Found:
    """Train one arm on one seed, and evaluate it."""
    start = time.process_time()
    model = trained(arm.shape, arm.recipe, seed, device)
    seconds = time.process_time() - start
    return {
        "seconds": seconds,
        "parameters": sum(p.numel() for p in model.parameters()),
        **judged(model, arm.recipe.kind, contexts=contexts),
    }


def _key(arm: Arm, seed: int, contexts: int) -> str:
    told = arm.as_dict()
    of = {key: told[key] for key in ("shape", "recipe")}
    return json.dumps({**of, "seed": seed, "contexts": contexts}, sort_keys=True)
