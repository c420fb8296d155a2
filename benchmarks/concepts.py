"""What it costs to read concepts in a run: processor time with and without, in turns.

    python -m benchmarks.concepts [--data FOLDER] [--concepts 3] [--pairs 9]

Pairs of runs of the very same dialogues on one open model, one with concepts and one without, in
turns, as identical work varies from run to run. The records of both are compared: the same tokens
went through the model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from selfcorrect import models, strategies, tasks
from selfcorrect.concepts import Bound, Concept
from selfcorrect.concepts.recording import Recorder
from selfcorrect.converse import Arm, converse

RESULT = Path(__file__).with_name("concepts.json")


def made(layers: int, hidden: int, number: int) -> list[Concept]:
    """Concepts with random directions: what they say costs as much as what true ones do."""
    bound = Bound("any", "0" * 16, "0" * 16, "0" * 16, "", "", False, "text", "0" * 16, 0)
    rng = np.random.default_rng(0)
    ones = np.ones((layers, hidden), np.float32)
    one = Concept("c", "mean", "residual", 0, ones, 0 * ones, ones, ones[:, 0], ones[:, 0], bound)
    return [
        replace(
            one,
            name=f"c{k}",
            directions=rng.standard_normal((layers, hidden)).astype(np.float32),
        )
        for k in range(number)
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=None, help="a folder of BBQ; without, the sample task")
    parser.add_argument("--concepts", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--dialogues", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    model = models.load("smollm2")
    task = tasks.make("bbq" if given.data else "sample", data=given.data, seed=0)
    examples = list(task.examples()[: given.dialogues])
    arms = [Arm("intrinsic", strategies.load("intrinsic"), given.rounds)]
    identity: Any = model.identity  # type: ignore[attr-defined]
    recorder = Recorder(made(identity.layers, identity.hidden, given.concepts))

    def seconds(reads: Recorder | None) -> tuple[float, list[dict[str, Any]]]:
        began = time.process_time()
        rows = converse(model, task, examples, arms, seed=0, recorder=reads)["intrinsic"]
        return time.process_time() - began, [dict(row) for row in rows]

    seconds(None)  # the first run compiles kernels
    ratios, plain = [], []
    for pair in range(given.pairs):
        order = (None, recorder) if pair % 2 else (recorder, None)
        found = {reads: seconds(reads) for reads in order}
        (without, one), (with_, other) = found[None], found[recorder]
        for a, b in zip(one, other, strict=True):
            assert a["encoded"] == b["encoded"]
            assert a["text"] == b["text"]
        ratios.append(with_ / without)
        plain.append(without)
        print(f"{without:.2f} s without, {with_:.2f} s with: × {with_ / without:.3f}", flush=True)
    result = {
        "concepts": given.concepts,
        "layers": identity.layers,
        "dialogues": given.dialogues,
        "rounds": given.rounds,
        "task": task.name,
        "pairs": given.pairs,
        "ratio": round(statistics.median(ratios), 4),
        "ratios": [round(each, 4) for each in sorted(ratios)],
        "seconds": round(statistics.median(plain), 2),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"median × {result['ratio']:.3f}; written to {RESULT}")


if __name__ == "__main__":
    main(sys.argv[1:])
