"""What samples beside every answer cost, against the ways in which they are drawn otherwise.

    python -m benchmarks.samples

One process on one core; sides take turns and the median of the turns' ratios of CPU time is given.
Two comparisons, on the bundled concept sets (sentences of up to 48 tokens) and the bundled model:

- *draws*: answer and five samples in one elicitation, over the answer and five elicitations of
  their own, each of which encodes the prompt again. Tokens are counted on both sides.
- *run*: a measured run (two rounds, five samples, likelihoods, meanings by entailment) over the
  usual script: five calls of ``generate()`` and one for the answer, in every round, log p computed
  from its scores, and every ordered pair of samples judged by the classifier, a pair a call. The
  script is timed as it is mostly written, one prompt a call, and with its prompts in batches with
  left padding. The classifier is of the size of MiniLM with random weights: its verdicts mean
  nothing, and all sides use the same one.

Writes ``benchmarks/samples.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from selfcorrect import models, tasks
from selfcorrect.messages import message
from selfcorrect.models.base import Request
from selfcorrect.models.local.files import BUNDLED, locate
from selfcorrect.models.local.machine import processor, resolve

ROOT = Path(__file__).resolve().parents[1]
K, TOKENS, CHUNK, ROUNDS = 5, 48, 16, 2


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def _questions(n: int) -> list[str]:
    task = tasks.make("commongen")
    return [task.ask(example)["question"] for example in task.examples()[:n]]


def draws(model: Any, questions: Sequence[str], turns: int) -> dict[str, Any]:
    """Five samples in the passes of the answer, over five elicitations of their own."""

    def together() -> int:
        encoded = 0
        for at in range(0, len(questions), CHUNK):
            some = questions[at : at + CHUNK]
            talk = _opened(model, some)
            asked = Request(max_tokens=TOKENS, samples=tuple(range(K)))
            for reply in talk.elicit([asked] * len(some)):
                encoded += reply.encoded + sum(sample.encoded for sample in reply.samples)
            talk.close(range(len(some)))
        return encoded

    def apart() -> int:
        encoded = 0
        for at in range(0, len(questions), CHUNK):
            some = questions[at : at + CHUNK]
            talk = _opened(model, some)
            root = talk.branch()
            for reply in talk.elicit([Request(max_tokens=TOKENS)] * len(some)):
                encoded += reply.encoded
            for seed in range(K):
                alone = root.branch()
                asked = Request(max_tokens=TOKENS, temperature=1.0, seed=seed)
                encoded += sum(reply.encoded for reply in alone.elicit([asked] * len(some)))
                alone.close(range(len(some)))
            talk.close(range(len(some)))
        return encoded

    together(), apart()
    pairs = [(_seconds(together), _seconds(apart)) for _ in range(turns)]
    ratios = [a[0] / b[0] for a, b in pairs]
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "encoded_together": pairs[0][0][1],
        "encoded_apart": pairs[0][1][1],
        "dialogues": len(questions),
    }


def _opened(model: Any, questions: Sequence[str]) -> Any:
    talk = model.open(len(questions))
    talk.say([message("user", text) for text in questions])
    return talk


def classifier(folder: Path) -> Path:
    """A classifier for natural language inference of the size of MiniLM, with random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    source = locate(BUNDLED).folder
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    labels = {0: "contradiction", 1: "neutral", 2: "entailment"}
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
        intermediate_size=1536, num_labels=3, id2label=labels,
        label2id={name: k for k, name in labels.items()}, pad_token_id=0, initializer_range=0.2,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


def run(model: Any, nli: Path, limit: int, turns: int) -> dict[str, Any]:
    """A measured run over the usual script."""
    from benchmarks.samples_naive import Script

    import selfcorrect as sc

    script = Script(locate(BUNDLED).folder, nli, model.dtype)
    task = tasks.make("commongen")
    examples = task.examples()[:limit]
    first = [f"{task.ask(e)['question']}\n\n{task.ask(e)['goal']}" for e in examples]
    again = [task.ask(e)["review"] for e in examples]

    def ours() -> None:
        with tempfile.TemporaryDirectory() as out:
            sc.run(
                model, "commongen", samples=K, meanings=f"nli:{nli}", rounds=ROUNDS, limit=limit,
                chunk=CHUNK, controls=False, scorer="none", out=out, progress=False,
            )  # fmt: skip

    def theirs(batch: int) -> Callable[[], Any]:
        tokens = task.max_tokens["answer"]
        return lambda: script.through(first, again, k=K, tokens=tokens, batch=batch)

    sides = {"": ours, "script": theirs(1), "batched_script": theirs(CHUNK)}
    took = [{side: _seconds(work)[0] for side, work in sides.items()} for _ in range(turns)]
    found: dict[str, Any] = {"dialogues": limit, "seconds": statistics.median(t[""] for t in took)}
    for side in ("script", "batched_script"):
        ratios = [turn[side] / turn[""] for turn in took]
        found |= {
            f"{side}_ratio": statistics.median(ratios),
            f"{side}_ratios": ratios,
            f"{side}_seconds": statistics.median(turn[side] for turn in took),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialogues", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--limit", type=int, default=4, help="dialogues of the measured run")
    parser.add_argument("--only", choices=("draws", "run"), help="one of the comparisons")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "samples.json")
    given = parser.parse_args()
    import torch

    os.sched_setaffinity(0, {0})
    torch.set_num_threads(1)
    dtype, _ = resolve("auto", "cpu")
    model = models.load(BUNDLED, dtype=dtype)
    figures: dict[str, Any] = {"processor": processor("cpu"), "dtype": dtype}
    if given.only and given.out.exists():  # the other comparison stays, if it is of this machine
        known = json.loads(given.out.read_text("utf-8"))
        figures = known if figures.items() <= known.items() else figures
    if given.only != "run":
        figures["draws"] = draws(model, _questions(given.dialogues), given.turns)
        Console().print_json(json.dumps(figures))  # the other comparison takes far longer
    if given.only != "draws":
        with tempfile.TemporaryDirectory() as folder:
            nli = classifier(Path(folder))
            figures["run"] = run(model, nli, given.limit, given.turns)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    Console().print_json(json.dumps(figures))


if __name__ == "__main__":
    main()
