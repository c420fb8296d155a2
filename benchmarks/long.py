"""Long replies against batched ``generate()``: tokens per CPU second, on one core.

    python -m benchmarks.long
    python -m benchmarks.long --dtype bfloat16

48 word problems (the bundled ones, so that no data are needed) are worked out in up to 96 tokens
and reviewed once. The other side makes all 48 replies of a round in one batch, padded
on the left, and encodes the dialogues again in round 2. Sides take turns on one core; the figure
is the median of the turns' ratios. Replies of round 2 repeat those of round 1, so a third side is
ours without drafts. Tokens have to be equal, but after a decision whose two best logits are closer
than 1e-4 in float32 (.25 in bfloat16, whose rounding is that coarse). Writes
``benchmarks/long.json``, what is of bfloat16 under that name.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import long_dialogues
from benchmarks.bbq_dialogues import Dialogues
from benchmarks.turns import ROOT, Process, written
from rich.console import Console

from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.machine import processor

DIALOGUES, TOKENS, ROUNDS = 48, 96, 2
CHUNK = 48
TIES = {"float32": 1e-4, "bfloat16": 0.25}
SIDES = {
    "ours": "benchmarks.ours",
    "undrafted": "benchmarks.undrafted",
    "batched": "benchmarks.batched",
}


def measure(
    dialogues: Dialogues, names: Sequence[str], turns: int, dtype: str, console: Console
) -> Iterator[dict[str, Any]]:
    """Have the sides of these names hold the dialogues in turn; which is first changes with the
    turn. The figures after each."""
    folder = str(locate(BUNDLED).folder)
    held: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with written(dialogues) as file:
        sides = {
            name: Process(SIDES[name], file, folder, ROUNDS, TOKENS, dtype, "--warm-up", "4")
            for name in names
        }
        try:
            for turn in range(turns):
                for name in names[:: -1 if turn % 2 else 1]:
                    held[name].append(sides[name].hold(CHUNK))
                rates = {name: round(_rate(each[-1]), 1) for name, each in held.items()}
                console.print(f"turn {turn + 1} of {turns}: {rates} tokens per CPU second")
                yield _figures(dialogues, held, TIES[dtype])
        finally:
            for side in sides.values():
                side.close()


def _rate(once: dict[str, Any]) -> float:
    return float(once["generated"] / once["cpu_seconds"])


def _figures(
    dialogues: Dialogues, held: dict[str, list[dict[str, Any]]], tie: float
) -> dict[str, Any]:
    rates = {name: [_rate(once) for once in each] for name, each in held.items()}
    result: dict[str, Any] = {}
    mine = [name for name in held if name != "batched"]
    for name in mine:
        ratios = [a / b for a, b in zip(rates[name], rates["batched"], strict=True)]
        key = "tokens_ratio" if name == "ours" else "tokens_ratio_without_drafts"
        result |= {key: statistics.median(ratios), f"{key}_of_turns": ratios}
    for name, each in rates.items():
        result[f"{name}_tokens_per_cpu_second"] = statistics.median(each)
    ours, theirs = held["ours"][0], held["batched"][0]
    lengths = [len(reply) for mine in ours["tokens"] for reply in mine]
    result |= {
        "task": long_dialogues.TASK,
        "dialogues": len(dialogues["first"]),
        "rounds": ROUNDS,
        "max_new_tokens": TOKENS,
        "tokens_a_reply": statistics.mean(lengths),
        "replies_cut_off": sum(length == TOKENS for length in lengths),
        "drafted_per_token": ours["drafted"] / ours["generated"],
    }
    for name in mine:
        gaps = differing(dialogues, held[name][0]["tokens"], theirs["tokens"])
        result[f"{name}_dialogues_differing"] = len(gaps)
        result[f"{name}_gaps_where_differing"] = gaps
        result[f"{name}_unexplained"] = sum(gap >= tie for gap in gaps)
    return result


def differing(
    dialogues: Dialogues, mine: list[list[list[int]]], theirs: list[list[list[int]]]
) -> list[float]:
    """Of each dialogue whose tokens differ, the gap of the first decision that does: between the
    two best logits of a pass over the whole transcript by transformers alone."""
    import torch
    import transformers

    folder = str(locate(BUNDLED).folder)
    where = [
        (number, *found)
        for number, (a, b) in enumerate(zip(mine, theirs, strict=True))
        if (found := _first_difference(a, b))
    ]
    if not where:
        return []
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    network: Any = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False
    ).eval()
    gaps: list[float] = []
    for number, round_, place in where:
        messages = [{"role": "user", "content": dialogues["first"][number]}]
        for reply in mine[number][:round_]:
            said = dialogues["prefill"] + tokenizer.decode(reply, skip_special_tokens=True)
            messages.append({"role": "assistant", "content": said})
            messages.append({"role": "user", "content": dialogues["review"]})
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text + dialogues["prefill"], add_special_tokens=False)["input_ids"]
        ids += mine[number][round_][:place]
        with torch.inference_mode():
            best = network(torch.tensor([ids])).logits[0, -1].topk(2).values
        gaps.append(float(best[0] - best[1]))
    return gaps


def _first_difference(mine: list[list[int]], theirs: list[list[int]]) -> tuple[int, int] | None:
    """Round and place in the reply."""
    for number, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if a != b:
            same = (k for k, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1])
            return number, next(same, min(len(a), len(b)))
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--write", type=Path, default=ROOT / "benchmarks" / "long.json")
    parser.add_argument("--without-undrafted", action="store_true", help="leave the third side out")
    parser.add_argument("--dtype", choices=sorted(TIES), default="float32")
    given = parser.parse_args()
    names = [name for name in SIDES if name != "undrafted" or not given.without_undrafted]
    console = Console()
    name = processor("cpu")
    console.print(f"{name}, {given.dtype}", highlight=False)
    known = json.loads(given.write.read_text("utf-8")) if given.write.exists() else {}
    # of long_step.py, and of the other dtype
    kept = {key: known[key] for key in ("step", "bfloat16") if key in known}
    result: dict[str, Any] = {}
    dialogues = long_dialogues.make(DIALOGUES)
    for measured in measure(dialogues, names, given.turns, given.dtype, console):
        result = {
            "processor": name,
            "dtype": given.dtype,
            "turns": len(measured["tokens_ratio_of_turns"]),
        }
        result |= measured
        whole = known | {"bfloat16": result} if given.dtype == "bfloat16" else result | kept
        given.write.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    for key, value in result.items():
        if isinstance(value, int | float):
            console.print(f"{key}: {value:.3f}" if isinstance(value, float) else f"{key}: {value}")


if __name__ == "__main__":
    main()
