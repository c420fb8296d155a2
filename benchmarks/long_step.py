"""Where the time of a long reply's decode steps goes: what is left to gain beside the arithmetic.

    python -m benchmarks.long_step

48 replies are drawn, a token each a pass (nothing is drafted), under torch's profiler; the prompt
is one and the same, so that encoding it hardly counts. Adds ``step`` to ``benchmarks/long.json``:
of the time spent in torch's operators, the shares of the linear layers (the head's too), of
attention's products and copies, and of drawing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from benchmarks import long_dialogues
from benchmarks.turns import ROOT
from rich.console import Console
from torch.profiler import ProfilerActivity, profile

from selfcorrect import models
from selfcorrect.models import Request, message
from selfcorrect.models.local.files import BUNDLED

DIALOGUES = 48
#: operators by what they are for; index_select copies pages of keys and values
PARTS = {
    "linear": ("mkldnn::_linear_pointwise", "aten::linear", "aten::mm", "aten::addmm"),
    "attention": ("aten::bmm", "aten::index_select", "aten::index_copy_"),
    "drawing": ("aten::cumsum", "aten::log_softmax", "aten::_log_softmax", "aten::searchsorted"),
}


def shares(tokens: int) -> dict[str, float]:
    """Of the operators' own time, what each part has."""
    model = models.load(BUNDLED, dtype="float32")
    [first, *_] = long_dialogues.make(1)["first"]
    requests = [Request(max_tokens=tokens, temperature=1.0, seed=seed) for seed in range(DIALOGUES)]
    for timed in (False, True):
        talk = model.open(DIALOGUES)
        talk.say([message("user", first)] * DIALOGUES)
        if not timed:
            talk.elicit([Request(max_tokens=2)] * DIALOGUES)
            continue
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            talk.elicit(requests)
    times = {each.key: float(each.self_cpu_time_total) for each in seen.key_averages()}
    whole = sum(times.values())
    found = {
        part: sum(times.get(name, 0.0) for name in names) / whole for part, names in PARTS.items()
    }
    return {**found, "rest": 1 - sum(found.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--write", type=Path, default=ROOT / "benchmarks" / "long.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = shares(given.tokens)
    for part, share in found.items():
        Console().print(f"{part}: {share:.3f}", highlight=False)
    known = json.loads(given.write.read_text("utf-8")) if given.write.exists() else {}
    text = json.dumps({**known, "step": found}, indent=2)
    given.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
