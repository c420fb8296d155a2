"""The analysis: every arm trained on every seed, and evaluated on the same contexts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from multiprocessing import get_context
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.runs.executors.pool import Pool
from selfcorrect.studies.base import NO_PARTS, Parts
from selfcorrect.studies.train import tuning
from selfcorrect.studies.train.arms import Arm, chosen
from selfcorrect.studies.train.claims import margin
from selfcorrect.studies.train.references import curve, estimate, published, references
from selfcorrect.studies.train.shortcuts import shortcuts
from selfcorrect.studies.train.squared import QUICK_STEPS, STEPS, minima
from selfcorrect.studies.train.tuning import key as part
from selfcorrect.theory.training import judged, sizes_of, trained

#: Every model is evaluated on so many contexts.
CONTEXTS, QUICK_CONTEXTS = 1024, 256
#: Contexts on which it is decided whether the loss with squared scores has a minimum.
MINIMA, QUICK_MINIMA = 128, 16
#: Seeds of arms that are trained to budgets, of the others, and of all if quick.
SEEDS, FEWER, QUICK_SEEDS = 8, 4, 2
#: The result of one arm on one seed.
Found = dict[str, Any]
#: A part of the work: a function, and its arguments before the number of contexts and the device.
Task = tuple[Callable[..., Any], tuple[Any, ...]]


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
        seeds: their number; by default 8 for arms with budgets and 4 for the others, or 2 if
            ``quick``.
        quick: see :func:`selfcorrect.studies.train.arms.chosen`; and 256 contexts, not 1,024.
        released_size: the presets ``released…`` at the paper's own size.
        parts: each arm on each seed is one, and each learning rate that is tried.

    Returns:
        ``excess`` and ``cosine_with_optimum`` (by n) of the one-token format; ``arms``, each with
        its excess over the floor, the paired difference from the arm it is compared with, and
        curves over ``n``, all with intervals over seeds, and, if it has budgets, ``factor``,
        ``plateau`` and ``compared`` (:mod:`.tuning`); what
        :func:`selfcorrect.studies.train.references.references` returns; ``shortcuts``
        (:func:`selfcorrect.studies.train.shortcuts.shortcuts`); and ``minima``
        (:func:`selfcorrect.studies.train.squared.minima`). See ``docs/theory.md``.

    Raises:
        UserError: an unknown preset, or no seed.
    """
    if seeds is not None and seeds < 1:
        raise UserError(f"an arm needs at least one seed, not {seeds}.")
    arms = chosen(list(presets), quick=quick, released_size=released_size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    contexts = QUICK_CONTEXTS if quick else CONTEXTS
    of = {arm: range(seeds or _seeds(arm, quick)) for arm in arms}
    every = {part(arm, seed, contexts) for arm in arms for seed in of[arm]}
    work = _Work(parts, contexts, device)
    tried = {
        part(each, tuning.SEED, contexts): (tuning.tried, (each,))
        for arm in arms
        if arm.budgets
        for each in (tuning.scaled(arm, factor) for factor in tuning.FACTORS)
    }
    work.total = len(tried) + len(every)
    valid = work.done(tried)
    factors = {arm: _best(arm, valid, contexts) for arm in arms if arm.budgets}
    tuned = {arm: tuning.scaled(arm, factors[arm]) if arm.budgets else arm for arm in arms}
    found = work.done(
        {
            part(tuned[arm], seed, contexts): (
                tuning.once if arm.budgets else _once,
                (tuned[arm], seed),
            )
            # seed by seed, so that a stopped analysis has some seeds of all arms
            for seed in range(max(map(len, of.values())))
            for arm in arms
            if seed in of[arm]
        }
    )
    told = [
        _summary(tuned[arm], [found[part(tuned[arm], seed, contexts)] for seed in of[arm]])
        for arm in arms
    ]
    for each, arm in zip(told, arms, strict=True):
        if arm.budgets:
            each["factor"] = factors[arm]
            each["validation"] = {
                f"{factor:g}": valid[part(tuning.scaled(arm, factor), tuning.SEED, contexts)]
                for factor in tuning.FACTORS
            }
    known = references(contexts, device, quick=quick)
    margins = {kind: margin(known, kind) for kind in known["floor"]}
    _compare(told, margins)
    tuning.decide(told, margins)
    n = sizes_of(20).tolist()
    return {
        "settings": {
            "presets": list(presets) or "all",
            "seeds": max(map(len, of.values())),
            "contexts": contexts,
            "quick": quick,
            "released_size": released_size,
            "device": str(device),
            "torch": torch.__version__,
        },
        **_headline(told, n),
        "n": n,
        "arms": [{k: v for k, v in arm.items() if k != "each"} for arm in told],
        **known,
        "shortcuts": shortcuts(contexts, device),
        "minima": _minima(device, quick),
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


def _compare(told: Sequence[Found], margins: Mapping[str, float]) -> None:
    """Add the paired differences: seed k of an arm minus seed k of the arm it is compared with."""
    by_name = {(arm["preset"], arm["name"]): arm for arm in told}
    for arm in told:
        other = by_name.get((arm["preset"], arm["versus"]))
        if arm["budgets"]:
            columns = zip(*(one["excess_at"] for one in arm["each"]), strict=True)
            arm["excess_at"] = [estimate(column) for column in columns]
            arm["plateau"] = tuning.settled(arm["each"], margins[arm["kind"]])
        if other is None:
            continue
        pairs = zip(arm["each"], other["each"], strict=True)
        arm["excess_difference"] = estimate([a["excess"] - b["excess"] for a, b in pairs])
        if arm["budgets"]:
            arm["compared"] = tuning.compare(arm["each"], other["each"], margins[arm["kind"]])


def _minima(device: torch.device, quick: bool) -> Found:
    contexts, steps = (QUICK_MINIMA, QUICK_STEPS) if quick else (MINIMA, STEPS)
    return minima(device, contexts=contexts, steps=steps)


def _seeds(arm: Arm, quick: bool) -> int:
    return QUICK_SEEDS if quick else SEEDS if arm.budgets else FEWER


def _best(arm: Arm, valid: Mapping[str, float], contexts: int) -> float:
    """The factor of the learning rates with the smallest excess on validation contexts."""
    return min(
        tuning.FACTORS,
        key=lambda factor: valid[part(tuning.scaled(arm, factor), tuning.SEED, contexts)],
    )


class _Work:
    """Tasks done, as far as they aren't among the parts, and kept."""

    def __init__(self, parts: Parts, contexts: int, device: torch.device) -> None:
        self.parts, self.contexts, self.device = parts, contexts, device
        self.finished = self.total = 0

    def done(self, tasks: Mapping[str, Task]) -> dict[str, Any]:
        """The result of each task by key."""
        found = {key: self.parts.done[key] for key in tasks if key in self.parts.done}
        self.finished += len(found)
        self.parts.progress(self.finished, self.total)
        left = {key: task for key, task in tasks.items() if key not in found}
        for key, result in _run(left, self.contexts, self.device):
            found[key] = result
            self.finished += 1
            self.parts.keep(key, result)
            self.parts.progress(self.finished, self.total)
        return found


def _run(
    tasks: Mapping[str, Task], contexts: int, device: torch.device
) -> Iterator[tuple[str, Any]]:
    """The key and the result of each task, as they finish."""
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if device.type != "cpu" or workers < 2:
        yield from ((key, do(*given, contexts, device)) for key, (do, given) in tasks.items())
        return
    with Pool(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        waiting = {
            pool.submit(do, *given, contexts, device): key for key, (do, given) in tasks.items()
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()


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
