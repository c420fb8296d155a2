"""What every side of the peer comparison has in common: load once, then talk whenever asked.

A side is a process. It is started with the dialogues' file and the model's folder, loads, warms
up, prints ``{"ready": ...}`` and then, for every line ``{"concurrency": n}`` that it reads, holds
all dialogues from the beginning and prints one line of JSON. So the sides can be timed in turn
without loading again. This file runs in the peers' environments too and imports nothing of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: dialogues held before the first timing
WARM_UP = 16


@dataclass(frozen=True)
class Held:
    """What came of holding the dialogues.

    Attributes:
        answers: one list a dialogue with the generated text of every round, prefill left out.
        generated: tokens generated, or ``None`` where the side doesn't tell.
        tokens: of every answer, its end token included; empty where the side doesn't tell.
        drafted: tokens proposed ahead, right or wrong.
        pictures: how many went through a vision tower.
    """

    answers: Sequence[Sequence[str]]
    generated: int | None = None
    tokens: Sequence[Sequence[Sequence[int]]] = ()
    drafted: int = 0
    pictures: int = 0


#: first user messages, how many dialogues at a time → the answers
Hold = Callable[[Sequence[str], int], Held]


def arguments() -> argparse.Namespace:
    """The command line of a side: ``dialogues`` (what ``bbq_dialogues.make`` returned, read),
    ``model`` (a folder), ``rounds``, ``max_new_tokens``, ``dtype``, ``gguf`` (the file that the
    model came in, for a side that needs it) and ``warm_up`` (dialogues held before any timing)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dialogues", type=lambda file: json.loads(Path(file).read_text("utf-8")))
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--max-new-tokens", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    return parser.parse_args()


def serve(
    load: Callable[[], tuple[Hold, dict[str, Any]]], first: Sequence[str], warm_up: int = WARM_UP
) -> None:
    """Load, warm up, and hold the dialogues once for every line read.

    Args:
        load: returns the function that holds dialogues, and what to tell of the side (versions,
            settings).
        first: the first user message of each dialogue.
        warm_up: how many of them are held before the first timing.
    """
    # libraries write to standard output; the answers have a descriptor of their own
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    hold, about = load()
    hold(first[-warm_up:], warm_up)
    print(json.dumps({"ready": about}), file=out, flush=True)
    for line in sys.stdin:
        concurrency = json.loads(line)["concurrency"]
        wall, cpu = time.perf_counter(), time.process_time()
        held = hold(first, concurrency)
        result = {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
            "dialogues": len(first),
            "concurrency": concurrency,
            "generated": held.generated,
            "answers": held.answers,
            "tokens": held.tokens,
            "drafted": held.drafted,
            "pictures": held.pictures,
        }
        print(json.dumps(result), file=out, flush=True)
