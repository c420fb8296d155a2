"""What the engine costs and whether its answers are right, measured on this machine.

    python -m benchmarks.engine --data ../shared/data/bbq

Every figure that is a ratio is measured in one run: both sides are processes on one and the same
core, take turns, and the median of the turns' ratios is given. All of it is in the dtype that
``auto`` is on this processor. Writes ``benchmarks/latest.json``, which names both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import bbq_dialogues
from benchmarks.bbq_dialogues import Dialogues
from benchmarks.turns import CORE, Process, first, written
from rich.console import Console
from rich.table import Table

from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.machine import processor, resolve

ROOT = Path(__file__).resolve().parents[1]
MAX_NEW_TOKENS = 8
CHUNK = 64
PARTS = ("speed", "cost", "agreement", "memory")


def speed(dialogues: Dialogues, rounds: int, turns: int, loops: int, dtype: str) -> dict[str, Any]:
    """Dialogues per second against the loop's: in turns on one core, median ratio."""
    folder = str(locate(BUNDLED).folder)
    with written(dialogues) as many, written(first(dialogues, loops)) as few:
        ours = Process("benchmarks.ours", many, folder, rounds, MAX_NEW_TOKENS, dtype)
        loop = Process("benchmarks.loop", few, folder, rounds, MAX_NEW_TOKENS, dtype)
        try:
            pairs = [(ours.hold(CHUNK), loop.hold(1)) for _ in range(turns)]
        finally:
            ours.close()
            loop.close()
    mine = [a["cpu_seconds"] / a["dialogues"] for a, _ in pairs]
    theirs = [b["cpu_seconds"] / b["dialogues"] for _, b in pairs]
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "seconds_per_dialogue": statistics.median(mine),
        "loop_seconds_per_dialogue": statistics.median(theirs),
        "dialogues": len(dialogues["first"]),
        "loop_dialogues": loops,
    }


def _alone() -> None:
    """This process on the one core, with one thread."""
    import torch

    os.sched_setaffinity(0, {int(CORE)})
    torch.set_num_threads(1)


def matrix_rate(dtype: str) -> float:
    """Multiply-adds per second of a plain product of this torch, in 1e9."""
    import torch

    kind = getattr(torch, dtype)
    a = torch.randn(1024, 1536, dtype=kind)
    b = torch.randn(576, 1536, dtype=kind)
    times = []
    for _ in range(15):
        start = time.process_time()
        for _ in range(5):
            torch.nn.functional.linear(a, b)
        times.append((time.process_time() - start) / 5)
    return 2 * a.shape[0] * b.numel() / statistics.median(times) / 1e9


def _dialogue(
    model: Any,
    dialogues: Dialogues,
    rounds: int,
    chunk: int,
    after: Callable[[int, Sequence[Any]], None] = lambda *_: None,
    **request: Any,
) -> float:
    """Hold dialogues in this process; ``after`` sees each round's replies. CPU seconds."""
    from selfcorrect.models import Request, message

    asked = Request(dialogues["prefill"], MAX_NEW_TOKENS, **request)
    review = message("user", dialogues["review"])
    spent = 0.0
    for at in range(0, len(dialogues["first"]), chunk):
        part = dialogues["first"][at : at + chunk]
        start = time.process_time()
        conversation = model.open(len(part))
        conversation.say([message("user", text) for text in part])
        for number in range(1, rounds + 1):
            if number > 1:
                conversation.say([review] * len(part))
            replies = conversation.elicit([asked] * len(part))
            spent += time.process_time() - start
            after(number, replies)
            start = time.process_time()
        conversation.close(range(len(part)))
    return spent


def linearity(model: Any, dialogues: Dialogues) -> dict[str, Any]:
    """Seconds per round at rounds 6-10 over those at rounds 2-5, and the matrix rate reached."""
    stamps: dict[int, list[float]] = {}
    tokens = positions = 0
    clock = [time.process_time()]

    def after(number: int, replies: Sequence[Any]) -> None:
        nonlocal tokens, positions
        now = time.process_time()
        stamps.setdefault(number, []).append(now - clock[0])
        clock[0] = now
        tokens += sum(r.encoded for r in replies)
        positions += sum(r.generated for r in replies)

    total = _dialogue(model, dialogues, 10, CHUNK, after, options=("a", "b", "c"))
    per_round = {number: sum(times) for number, times in stamps.items()}
    late = statistics.mean(per_round[n] for n in range(6, 11))
    early = statistics.mean(per_round[n] for n in range(2, 6))
    network = model.engine.network
    head = network.get_output_embeddings().weight.numel()
    inputs = network.get_input_embeddings().weight.numel()
    tied = network.get_output_embeddings().weight is network.get_input_embeddings().weight
    body = sum(p.numel() for p in network.parameters()) - inputs - (0 if tied else head)
    operations = 2 * (body * tokens + head * positions)
    rate = matrix_rate(model.dtype)
    return {
        "seconds_per_round": [round(per_round[n], 3) for n in sorted(per_round)],
        "late_over_early_rounds": late / early,
        "matrix_rate_gflops": rate,
        "share_of_matrix_rate": operations / total / 1e9 / rate,
        "encoded_tokens_per_dialogue": tokens / len(dialogues["first"]),
    }


def extras(model: Any, dialogues: Dialogues, turns: int) -> dict[str, Any]:
    """What letters and hidden states cost beside plain answers: CPU time, passes, tokens."""
    from selfcorrect.models import Site

    layers = tuple(range(len(model.engine.decoder.layers)))
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "letters": {"options": ("a", "b", "c")},
        "states": {"states": (Site("residual", layers), Site("residual", layers, "first_answer"))},
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    counted: dict[str, tuple[int, int]] = {}
    _dialogue(model, first(dialogues, 16), 2, 16)
    for _ in range(turns):
        for name, request in kinds.items():
            encoded = 0
            passes = model.engine.passes

            def after(_: int, replies: Sequence[Any]) -> None:
                nonlocal encoded
                encoded += sum(r.encoded for r in replies)

            times[name].append(_dialogue(model, dialogues, 2, 32, after, **request))
            counted[name] = (model.engine.passes - passes, encoded)
    result: dict[str, Any] = {}
    for name in ("letters", "states"):
        pairs = zip(times[name], times["plain"], strict=True)
        result[f"{name}_time_ratio"] = statistics.median(a / b for a, b in pairs)
        result[f"{name}_extra_passes"] = counted[name][0] - counted["plain"][0]
        result[f"{name}_extra_tokens"] = counted[name][1] - counted["plain"][1]
    return result


def option_texts(model: Any, dialogues: Dialogues, turns: int) -> dict[str, Any]:
    """Time per token of option texts scored over time per token of messages encoded."""
    from selfcorrect.models import Request, message

    prompts = dialogues["first"][:32]
    texts = [
        [line[4:] for line in prompt.splitlines() if line[:3] in ("(a)", "(b)", "(c)")]
        for prompt in prompts
    ]
    ratios = []
    for turn in range(-2, turns):
        conversation = model.open(len(prompts))
        conversation.say([message("user", text) for text in prompts])
        conversation.elicit([Request("I say: ", 1)] * len(prompts))
        start = time.process_time()
        scores = conversation.likelihoods(texts)
        scoring = time.process_time() - start
        tokens = sum(score.tokens for each in scores if each for score in each)
        # The same dialogues hear a message of as many tokens each.
        per_row = tokens // len(prompts)
        other = model.open(len(prompts))
        other.say([message("user", text) for text in prompts])
        other.elicit([Request("I say: ", 1)] * len(prompts))
        other.say([message("user", " yes" * max(per_row - 10, 1))] * len(prompts))
        start = time.process_time()
        replies = other.elicit([Request("", 1)] * len(prompts))
        encoding = time.process_time() - start
        encoded = sum(r.encoded for r in replies if r)
        if turn >= 0:  # the first ones warm up: shapes seen again are compiled, memory grows
            ratios.append((scoring / tokens) / (encoding / encoded))
    return {"option_text_time_ratio": statistics.median(ratios), "option_text_ratios": ratios}


def agreement(dialogues: Dialogues, count: int, rounds: int, dtype: str) -> dict[str, Any]:
    """Answers against the loop's: float32 at several chunk sizes, and this machine's dtype if that
    is another, with its gaps."""
    from selfcorrect.models import load

    part = first(dialogues, count)
    result: dict[str, Any] = {"agreement_dialogues": count, "agreement_rounds": rounds}
    kinds = {dtype: (64,), "float32": (1, 8, 64)}
    for kind, chunks in kinds.items():
        model = load(BUNDLED, kind)
        reference = _loop_answers(part, rounds, kind)
        for chunk in chunks:
            answers: list[list[Any]] = []
            keep = answers.append
            _dialogue(model, part, rounds, chunk, lambda _, r, keep=keep: keep(list(r)))
            by_round: list[list[Any]] = [[] for _ in range(rounds)]
            for k, replies in enumerate(answers):
                by_round[k % rounds] += replies
            differing, gaps = 0, []
            for d in range(count):
                for number in range(rounds):
                    if by_round[number][d].text != reference[d][number]:
                        differing += 1
                        gaps.append(by_round[number][d].gap)
                        break  # what follows a different answer is another dialogue
            key = f"{kind}_chunk_{chunk}"
            result[f"{key}_dialogues_differing"] = differing
            result[f"{key}_gaps_where_differing"] = gaps
    return result


def _loop_answers(dialogues: Dialogues, rounds: int, dtype: str) -> list[list[str]]:
    from argparse import Namespace

    from benchmarks import loop

    hold, _ = loop.load(
        Namespace(
            model=str(locate(BUNDLED).folder),
            dtype=dtype,
            dialogues=dialogues,
            rounds=rounds,
            max_new_tokens=MAX_NEW_TOKENS,
        )
    )
    return [list(answers) for answers in hold(dialogues["first"], 1).answers]


def memory(data: Path, model: str, task: str, few: int, many: int) -> dict[str, Any]:
    """Peak memory of whole runs of ``many`` and ``few`` examples."""
    peaks = []
    for limit in (few, many):
        with tempfile.TemporaryDirectory() as out:
            source = str(data) if task == "bbq" else None
            code = (
                "import re, selfcorrect as sc;"
                f"sc.run(model={model!r}, task={task!r}, data={source!r},"
                f" rounds=3, limit={limit}, out={out!r}, controls=False,"
                f" task_options={{'n': {many}}} if {task!r} == 'planted' else {{}});"
                # ru_maxrss would be this process's own, which a child starts as
                "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
            )
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
            )
            peaks.append(int(done.stdout.split()[-1]) / 1024)
    name = f"memory_{task}_{many}_over_{few}"
    return {name: peaks[1] / peaks[0], f"{name}_mib": peaks}


def begun(file: Path, processor: str, dtype: str) -> dict[str, Any]:
    """The figures to which new ones are added: those of the file, if they are of this processor and
    dtype. Figures of another machine are not kept beside ours."""
    made = {"processor": processor, "dtype": dtype}
    old: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {**old, **made} if made.items() <= old.items() else made


def table(result: dict[str, Any]) -> Table:
    """The figures that are one number, and what they were measured on."""
    shown = Table("figure", "measured")
    for name, value in result.items():
        if isinstance(value, int | float | str):
            shown.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "bbq")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these")
    given = parser.parse_args()
    console = Console()
    dialogues = bbq_dialogues.make(given.data, CHUNK)
    file = ROOT / "benchmarks" / "latest.json"
    dtype, _ = resolve("auto", "cpu")
    result = begun(file, processor("cpu"), dtype)
    console.print(f"{result['processor']}, {dtype}", highlight=False)

    def keep(measured: dict[str, Any]) -> None:
        result.update(measured)
        file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

    for rounds, loops in ((5, 3), (10, 2)) if "speed" in given.parts else ():
        console.print(f"{rounds} rounds against the loop …")
        measured = speed(dialogues, rounds, given.turns, loops, dtype)
        ratio = measured.pop("ratio")
        keep({f"speedup_{rounds}_rounds": ratio, f"at_{rounds}_rounds": measured})
    if "memory" in given.parts:
        console.print("memory …")
        keep(memory(given.data, "planted:chain", "planted", 200, 20_000))
        keep(memory(given.data, BUNDLED, "bbq", 200, 1_000))
    _alone()
    if "cost" in given.parts:
        from selfcorrect.models import load

        model = load(BUNDLED, dtype)
        console.print("cost per round …")
        keep(linearity(model, dialogues))
        console.print("letters, hidden states, option texts …")
        keep(extras(model, first(dialogues, 32), 9))
        keep(option_texts(model, dialogues, 9))
    if "agreement" in given.parts:
        console.print("answers against the loop's …")
        keep(agreement(dialogues, 24, 5, dtype))
    console.print(table(result))
    console.print(f"written to {file}")


if __name__ == "__main__":
    main()
