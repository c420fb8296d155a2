"""Of the study debias: what it names where the truth is known, and how fast texts are chosen.

    python -m benchmarks.debias planted --runs 100     # an hour of one core; --law none by itself
    python -m benchmarks.debias choosing --texts 100   # against generate(), text by text
    python -m benchmarks.debias shared --runs 2000     # seeds that choose from the same texts
    python -m benchmarks.debias pairs --data crows-pairs.csv  # likelier sentences, by a plain loop

The result goes into benchmarks/debias.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import Counter
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

FILE = Path(__file__).with_suffix(".json")
_LAWS = ("none", "uncertain", "certain", "loss")


def planted(runs: int, laws: tuple[str, ...] = _LAWS) -> dict[str, Any]:
    """How often each difference is claimed, by law and direction, in so many studies."""
    from benchmarks.debias_world import claimed, study

    found: dict[str, Any] = {}
    for law in laws:
        names: Counter[str] = Counter()
        nothing = 0
        for seed in range(runs):
            shown = claimed(study(law, seed))  # type: ignore[arg-type]
            nothing += not shown
            names.update(f"{name} {'<' if value < 0 else '>'} 0" for name, value in shown.items())
        found[law] = {"studies": runs, "nothing": nothing, "claims": dict(sorted(names.items()))}
        print(law, found[law], flush=True)
    return found


def choosing(texts: int, k: int = 5) -> dict[str, Any]:
    """Seconds for so many texts, k samples each: as choose does, and by ``generate()`` of
    transformers, one reply at a time."""
    import torch

    from selfcorrect import models
    from selfcorrect.runs import RunSpec, run
    from selfcorrect.tuning.choose import spec_of
    from selfcorrect.tuning.made import stored

    model = models.load("smollm2", "float32")
    network = models.load("smollm2", "float32").engine.network  # type: ignore[attr-defined]
    network.set_attn_implementation("sdpa")
    file = stored(None, texts, 0, swap=True)
    spec = spec_of(RunSpec(), str(file.path), k, 0)
    n = len(file.texts)
    with tempfile.TemporaryDirectory() as out:
        warm = run(spec.model_copy(update={"limit": 4}), out=f"{out}/warm", controls=False,
                   model=model)  # fmt: skip
        assert warm.dialogues == 4
        begin, cpu = time.perf_counter(), time.process_time()
        done = run(spec, out=f"{out}/all", controls=False, model=model)
        ours = time.perf_counter() - begin, time.process_time() - cpu
        rows = done.read(["example", "steps", "samples"]).to_dicts()
    tokens = model.vocabulary.tokenizer  # type: ignore[attr-defined]
    prompts = [[row["steps"][0]["text"], row["steps"][-1]["prefill"]] for row in rows]
    begin, cpu = time.perf_counter(), time.process_time()
    for said, prefill in prompts:
        shown = tokens.apply_chat_template(
            [{"role": "user", "content": said}], tokenize=False, add_generation_prompt=True
        )
        ids = torch.tensor([tokens(shown + prefill, add_special_tokens=False)["input_ids"]])
        with torch.inference_mode():
            for _ in range(k + 1):  # an answer and its samples
                network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True,
                                 temperature=1.0, top_k=0, max_new_tokens=8)  # fmt: skip
    theirs = time.perf_counter() - begin, time.process_time() - cpu
    return {
        "texts": n, "samples": k,
        "choose": {"seconds": ours[0], "cpu": ours[1]},
        "generate": {"seconds": theirs[0], "cpu": theirs[1]},
        "times_as_fast": theirs[0] / ours[0], "by_cpu": theirs[1] / ours[1],
    }  # fmt: skip


def shared(runs: int) -> list[dict[str, Any]]:
    """How often a difference is claimed though choosing does nothing, where what a subset holds by
    chance moves the bias: for all seeds as much, as they choose from the same texts, or for each
    by itself.

    The analysis is written once more here, plainly, for many studies at once: variances over
    templates and over seeds, t with as many degrees of freedom as there are seeds but one, five
    differences by Bonferroni (a first claim is Holm's, too).
    """
    rng, templates, pairs = np.random.default_rng(0), 32, 5
    differences = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2)]
    found = []

    def by_template(scale: float, *shape: int) -> Any:
        size = (*shape, templates)
        return rng.normal(0, scale, size) + rng.normal(0, scale / pairs**0.5, size)

    def by_chance(scale: float, *shape: int) -> Any:
        return rng.normal(0, scale, (*shape, 1)) + by_template(scale, *shape)

    for same, seeds, scale in product((True, False), (3, 5, 8), (0.0, 0.05, 0.15, 0.5)):
        bias = by_template(0.05, runs, 5, seeds) + rng.normal(0, 0.05, (runs, 5, seeds, 1))
        bias = bias + by_chance(scale, runs, 5, 1 if same else seeds)
        each = np.stack([bias[:, a] - bias[:, b] for a, b in differences], 1)
        variance = sum(
            each.mean(axis).var(-1, ddof=1) / n for axis, n in ((2, templates), (3, seeds))
        )
        p = 2 * stats.t.sf(abs(each.mean((2, 3))) / variance**0.5, seeds - 1)
        share = float((p.min(1) * len(differences) < 0.05).mean())
        found.append({"same_texts": same, "seeds": seeds, "chance": scale, "claimed": share})
    return found


def pairs(data: Path) -> dict[str, Any]:
    """What ``bias`` says of CrowS-Pairs, against a loop over its lines as everyone would write it
    first: one sentence a pass, nothing shared, difflib for the tokens that both have."""
    import torch

    from selfcorrect import models
    from selfcorrect.evaluation.bias import bias
    from selfcorrect.evaluation.preference import TIE

    model = models.load("smollm2", "float32")
    ours = bias(model, data)["versions"]
    other = models.load("smollm2", "float32")
    network, tokenizer = other.engine.network, other.vocabulary.tokenizer  # type: ignore[attr-defined]
    network.set_attn_implementation("sdpa")

    def plainly(text: str) -> tuple[list[int], list[float]]:
        ids = tokenizer(" ".join(text.split()), add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = network(torch.tensor([[tokenizer.bos_token_id, *ids]])).logits[0].double()
        logps = torch.log_softmax(logits, -1)
        return ids, [float(logps[at, token]) for at, token in enumerate(ids)]

    gaps: dict[str, list[float]] = {"whole": [], "shared": []}
    with data.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["sent_more"].strip() == row["sent_less"].strip():
                continue
            a, b = plainly(row["sent_more"]), plainly(row["sent_less"])
            same = SequenceMatcher(None, a[0], b[0], autojunk=False).get_matching_blocks()
            gaps["whole"].append(sum(a[1]) - sum(b[1]))
            gaps["shared"].append(
                sum(sum(a[1][x.a : x.a + x.size]) - sum(b[1][x.b : x.b + x.size]) for x in same)
            )
    found = {}
    for version, each in gaps.items():
        share = float(np.mean([gap > 0 for gap in each if abs(gap) > TIE]))
        one = ours[version]["share"]["value"], ours[version]["gap"]["value"]
        found[version] = {
            "share": one[0], "share_plainly": share, "gap": one[1],
            "gap_plainly": float(np.mean(each)),
        }  # fmt: skip
    return {"pairs": len(gaps["whole"]), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("planted", "choosing", "shared", "pairs"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--law", choices=_LAWS)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    laws = (given.law,) if given.law else _LAWS
    found: Any
    if given.what == "planted":
        found = planted(given.runs, laws)
    elif given.what == "pairs":
        found = pairs(given.data)
    else:
        found = choosing(given.texts) if given.what == "choosing" else shared(given.runs)
    kept = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    kept[given.what] = {**kept.get("planted", {}), **found} if given.what == "planted" else found
    FILE.write_text(json.dumps(kept, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
