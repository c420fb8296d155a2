"""The runner against a bare loop, on the same vLLM server kept equally busy.

    python -m benchmarks.served

The bare loop holds the same dialogues with as many under way at a time, by the client library
alone: the same messages, the same fields, no reading, no grading, no files. A turn is one side
after the other, each on a server whose prefix cache was emptied; which goes first alternates. The
figure is bare seconds over the runner's, the median over the turns: 1 is as fast. The server has
one core, both sides have the other. Writes ``benchmarks/served.json``. Needs the environment that
``python -m benchmarks.peers`` makes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import openai

from selfcorrect import models, runs, strategies, tasks
from selfcorrect.converse import beginning
from selfcorrect.runs import read_spec
from selfcorrect.strategies import MAX_TOKENS, render
from selfcorrect.tasks.data.order import order

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from servers.vllm import NAME, python, served  # noqa: E402

ROUNDS, IN_FLIGHT = 5, 32


def bare(url: str, dialogues: int) -> float:
    """Seconds of a loop that only asks."""
    task = tasks.make("sample")
    strategy = strategies.load("intrinsic", {})
    [again, *_] = [step for step in strategy.steps(2) if step.say is not None]
    firsts = []
    for example in order(task.examples(), 0)[:dialogues]:
        messages, prefill = beginning(task, example, strategy, None)
        said = render(again.say or "", {**task.ask(example), "round": "2"})
        firsts.append(([{"role": m.role, "content": m.text} for m in messages], prefill, said))

    async def dialogue(client: Any, slots: asyncio.Semaphore, first: Any) -> None:
        messages, prefill, said = [*first[0]], first[1], first[2]
        async with slots:
            for number in range(ROUNDS):
                if number:
                    messages.append({"role": "user", "content": said})
                answer = await client.chat.completions.create(
                    model=NAME,
                    messages=[*messages, {"role": "assistant", "content": prefill}],
                    max_tokens=MAX_TOKENS["answer"],
                    temperature=0,
                    logprobs=True,
                    top_logprobs=20,
                    extra_body={"continue_final_message": True, "add_generation_prompt": False},
                )
                text = prefill + (answer.choices[0].message.content or "")
                messages.append({"role": "assistant", "content": text})

    async def every() -> None:
        slots = asyncio.Semaphore(IN_FLIGHT)
        async with openai.AsyncOpenAI(api_key="none", base_url=url) as client:
            await asyncio.gather(*(dialogue(client, slots, first) for first in firsts))

    began = time.perf_counter()
    asyncio.run(every())
    return time.perf_counter() - began


def ours(dialogues: int, model: Any) -> float:
    """Seconds of a run, all of it but finding out what the server can do."""
    folder = Path(tempfile.mkdtemp(prefix="served-"))
    spec = read_spec(values={"task": "sample", "rounds": ROUNDS, "limit": dialogues})
    began = time.perf_counter()
    runs.run(spec, out=folder, controls=False, model=model)
    seconds = time.perf_counter() - began
    shutil.rmtree(folder)
    return seconds


def emptied(url: str) -> None:
    """Empty the server's prefix cache."""
    root = url.removesuffix("/v1")
    urllib.request.urlopen(
        urllib.request.Request(f"{root}/reset_prefix_cache", method="POST"), timeout=30
    ).close()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dialogues", type=int, default=96)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--write", type=Path, default=HERE / "served.json", metavar="FILE")
    given = parser.parse_args(arguments)
    if python() is None:
        print("there is no vLLM here: python -m benchmarks.peers makes its environment")
        return 2
    cores = sorted(os.sched_getaffinity(0))
    turns: list[dict[str, float]] = []
    with served("bfloat16", Path(tempfile.gettempdir()) / "vllm.log", cores[0]) as url:
        os.sched_setaffinity(0, cores[1:] or cores)
        model = models.load(f"openai:{NAME}", base_url=url, in_flight=IN_FLIGHT)
        bare(url, 8)
        ours(8, model)
        for turn in range(given.turns):
            one: dict[str, float] = {}
            for side in ("bare", "ours") if turn % 2 == 0 else ("ours", "bare"):
                emptied(url)
                if side == "bare":
                    one["bare"] = bare(url, given.dialogues)
                else:
                    one["ours"] = ours(given.dialogues, model)
            turns.append(one)
            print(f"turn {turn + 1}: {one['bare'] / one['ours']:.3f}", file=sys.stderr)
    share = statistics.median(one["bare"] / one["ours"] for one in turns)
    found = {
        "share_of_bare_throughput": share,
        "dialogues": given.dialogues,
        "rounds": ROUNDS,
        "in_flight": IN_FLIGHT,
        "turns": turns,
    }
    given.write.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"throughput against a bare loop: {share:.3f} (median of {len(turns)} turns)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
