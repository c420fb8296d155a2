"""What a grid of doses costs, against encoding the prompts once.

    python -m benchmarks.steering

One process on one core. 100 questions in lettered options as ``intrinsic`` asks them in round 1, on
the bundled model; 9 doses of 40 random directions each at one layer, from the last token before the
reply on: 36,000 numbers a question's options get. Three sides take turns, and the median of the
turns' ratios of CPU time is given, with the smallest and the largest:

- *prompts*: every prompt is encoded once, its options read;
- *grid*: the same, and every dose of every question, as likelihoods of the options among each
  other; *with mass* beside all else that could be said, too;
- *row by row*, on a few doses: each of them a dialogue of its own that shares its prompt's keys and
  values, times as many as there are;
- *at every token*, on a few questions and doses: seconds a dose over those of encoding the same
  prompts once.

Layers: the first quarter, the middle and the third quarter. Writes ``benchmarks/steering.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from selfcorrect import models, strategies, tasks
from selfcorrect.converse.loop import beginning
from selfcorrect.models.base import Request, Steer
from selfcorrect.models.local import doses as room
from selfcorrect.models.local.machine import processor

ROOT = Path(__file__).resolve().parents[1]
ALPHAS = (-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
DIRECTIONS, QUESTIONS, SOME = 40, 100, 4
GOAL = 3.0


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def prompts(n: int) -> list[tuple[Any, Request]]:
    """Questions as ``intrinsic`` asks them, and what is asked for."""
    task, strategy = tasks.make("sample"), strategies.load("intrinsic")
    found = []
    for example in task.examples()[:n]:
        messages, prefill = beginning(task, example, strategy, None)
        found.append((messages, Request(prefill, 1, options=tuple(task.labels(example)))))
    return found


def opened(model: Any, asked: Sequence[tuple[Any, Request]]) -> Any:
    """Fresh dialogues in which the replies are due."""
    talk = model.open(len(asked))
    talk.restart([messages for messages, _ in asked])
    return talk


def steers(hidden: int, layer: int, size: float) -> list[Steer]:
    """Every dose of every direction; ``size`` is the median length of the layer's states."""
    drawn = torch.randn(DIRECTIONS, hidden, generator=torch.Generator().manual_seed(0))
    drawn = drawn / drawn.norm(dim=1, keepdim=True)
    return [Steer.of([layer], alpha * size * each[None], "reply") for each in drawn
            for alpha in ALPHAS]  # fmt: skip


def measure(model: Any, layer: int, asked: Sequence[tuple[Any, Request]], turns: int) -> Any:
    """The three sides at one layer."""
    requests = [request for _, request in asked]
    site = models.Site("residual", (layer,))
    read = opened(model, asked[:20]).elicit(
        [Request(r.prefill, 1, states=(site,)) for r in requests[:20]]
    )
    size = statistics.median(float(reply.states[site].norm()) for reply in read)
    every = steers(model.engine.network.config.hidden_size, layer, size)
    room.doses(opened(model, asked[:2]), requests[:2], every[:2])  # its way is tried here
    ratios, massed, alone, tokens = [], [], [], 0
    for _ in range(turns):
        once = _seconds(lambda: opened(model, asked).elicit(requests))
        found: list[Any] = []
        talk = opened(model, asked)
        grid = _seconds(lambda: found.extend(room.doses(talk, requests, every, mass=False)))  # noqa: B023
        talk = opened(model, asked)
        massed.append(_seconds(lambda: room.doses(talk, requests, every)) / once)  # noqa: B023
        assert all(each.finite.all() for each in found)
        few, slow = opened(model, asked[:SOME]), every[1 :: len(every) // SOME][:SOME]
        few.elicit(requests[:SOME])
        apart = _seconds(lambda: room._row_by_row(few, requests[:SOME], slow, mass=True))  # noqa: B023
        apart *= len(every) * len(asked) / (len(slow) * SOME)
        tokens = sum(each.encoded for each in found)
        ratios.append(grid / once)
        alone.append((once + apart) / once)
        print(f"layer {layer}: prompts {once:.1f} s, grid {grid:.1f} s, rows {apart:.0f} s")
    return {
        "layer": layer,
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "with_mass": round(statistics.median(massed), 2),
        "row_by_row": round(statistics.median(alone), 1),
        "tokens": tokens,
    }


def at_every_token(model: Any, layer: int, asked: Sequence[tuple[Any, Request]]) -> float:
    """Seconds a dose that is added at every token, over those of encoding the prompts once."""
    requests = [request for _, request in asked]
    site = models.Site("residual", (layer,))
    (read, *_) = opened(model, asked).elicit(
        [Request(r.prefill, 1, states=(site,)) for r in requests]
    )
    every = steers(model.engine.network.config.hidden_size, layer, float(read.states[site].norm()))
    some = [Steer.of([layer], each.vectors) for each in every[:: len(every) // 8][:8]]
    room.doses(opened(model, asked[:1]), requests[:1], some[:1])  # its way is tried here
    once = _seconds(lambda: opened(model, asked).elicit(requests))
    talk = opened(model, asked)
    grid = _seconds(lambda: room.doses(talk, requests, some, mass=False))
    assert model.engine.agrees["transcript"]
    return round((grid - once) / len(some) / once, 3)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--dtype", default="float32")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = models.load("smollm2", args.dtype)
    asked = prompts(args.questions)
    number = model.identity.layers
    lengths = [len(model.vocabulary.template.render(m, r.prefill).prompt) for m, r in asked]
    table = {
        "processor": processor("cpu"),
        "threads": 1,
        "dtype": args.dtype,
        "model": model.name,
        "questions": len(asked),
        "prompt_tokens": statistics.median(lengths),
        "doses": len(ALPHAS) * DIRECTIONS,
        "goal": GOAL,
        "turns": args.turns,
        "layers": [
            {
                **measure(model, layer, asked, args.turns),
                "at_every_token": at_every_token(model, layer, asked[:SOME]),
            }
            for layer in (number // 4, number // 2, 3 * number // 4)
        ],
    }
    place = ROOT / "benchmarks" / "steering.json"
    place.write_text(json.dumps(table, indent=2) + os.linesep, "utf-8")
    Console().print_json(json.dumps(table))


if __name__ == "__main__":
    main()
