"""Discrete semantic entropy against lm-polygraph's, on the same samples and the same entailments.

    python3 -m venv .bench/lm-polygraph
    .bench/lm-polygraph/bin/pip install lm-polygraph==0.7.0
    python -m benchmarks.lm_polygraph --python .bench/lm-polygraph/bin/python [RUN ...]

``RUN`` is a run with samples, such as those of ``benchmarks.reproductions``. Beside it, or without
one, there are made-up questions, whose samples repeat and whose entailments are drawn, so that "the
same" is neither symmetric nor transitive: there the order of assignment shows. Entailments of a
run's samples are those of ``--nli`` or, without it, of a classifier with random weights. Every
ordered pair is judged here, once, and both sides get those judgements: ours through the grouping of
``meanings:nli``, lm-polygraph's through its classes of samples and ``SemanticEntropy``, by share of
the samples.

Writes ``benchmarks/lm_polygraph.json``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.samples import classifier

from selfcorrect.measures import semantic
from selfcorrect.runs import open_run
from selfcorrect.scorers import nli
from selfcorrect.scorers.groups import Asked

ROOT = Path(__file__).resolve().parents[1]

#: Run by the other environment: entailments in, entropies out.
_THEIRS = """
import json, sys
from importlib.metadata import version
import numpy as np
from lm_polygraph.estimators.semantic_entropy import SemanticEntropy
from lm_polygraph.stat_calculators.semantic_classes import SemanticClassesCalculator

found = []
for row in json.load(sys.stdin):
    stats = {
        "sample_texts": [row["texts"]],
        "semantic_matrix_classes": np.array([row["entails"]]),
        "entailment_id": 1,
    }
    stats |= SemanticClassesCalculator()(stats, [""], None)
    entropy = SemanticEntropy(class_probability_estimation="frequency")
    found.append(float(entropy(stats)[0]))
json.dump({"version": version("lm-polygraph"), "entropy": found}, sys.stdout)
"""

Matrix = list[list[bool]]


class Given(nli.ByEntailment):
    """The grouping of ``meanings:nli`` over judgements that were made before."""

    def entail(self, pairs: Sequence[nli.Pair]) -> list[bool]:
        """See :class:`selfcorrect.scorers.nli.ByEntailment`."""
        known: dict[nli.Pair, bool] = self.network
        return [known[pair] for pair in pairs]


def made_up(n: int, k: int, seed: int = 0) -> list[tuple[Asked, Matrix]]:
    """Questions with k samples of few texts, and an entailment drawn for each ordered pair."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        likely, kinds = rng.random(), rng.randint(1, 2 * k)
        texts = tuple(f"text {rng.randrange(kinds)}" for _ in range(k))
        drawn = {(a, b): a == b or rng.random() < likely for a in texts for b in texts}
        rows.append((Asked("", texts, (None,) * k), [[drawn[a, b] for b in texts] for a in texts]))
    return rows


def of_run(folder: Path, judge: nli.ByEntailment) -> list[tuple[Asked, Matrix]]:
    """The samples of every record of a run, every ordered pair judged."""
    rows = []
    for record in open_run(folder).read(["samples"])["samples"].to_list():
        texts = tuple(sample["text"].strip() for sample in record or ())
        if len(texts) < 2 or not all(texts):
            continue
        pairs = [(a, b) for a in texts for b in texts]
        known = dict(zip(pairs, judge.entail(pairs), strict=True))
        entails = [[a == b or known[a, b] for b in texts] for a in texts]
        rows.append((Asked("", texts, (None,) * len(texts)), entails))
    return rows


def ours(rows: Sequence[tuple[Asked, Matrix]]) -> list[float]:
    """Discrete semantic entropy as a run has it."""
    found = []
    for asked, entails in rows:
        pairs = {
            (a, b): entails[i][j]
            for i, a in enumerate(asked.texts) for j, b in enumerate(asked.texts)
        }  # fmt: skip
        judge = Given("", "", pairs, None, 0, 0)
        [groups] = judge.group([asked])
        found.append(semantic.discrete(semantic.counts_of(groups)))
    return found


def theirs(rows: Sequence[tuple[Asked, Matrix]], python: Path) -> tuple[str, list[float]]:
    """lm-polygraph's version and entropies."""
    given = [{"texts": a.texts, "entails": [[int(x) for x in row] for row in m]} for a, m in rows]
    done = subprocess.run(
        [str(python), "-c", _THEIRS], input=json.dumps(given), text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    told = json.loads(done.stdout)
    return told["version"], told["entropy"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="of lm-polygraph's environment")
    parser.add_argument("--nli", help="a model of entailment")
    parser.add_argument("--made-up", type=int, default=2000)
    given = parser.parse_args()
    sources = {"made up, 5 samples": made_up(given.made_up, 5), "made up, 10 samples":
               made_up(given.made_up, 10)}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if given.runs:
            judge = nli.make(given.nli or str(classifier(Path(folder))), {})
        for run in given.runs:
            sources[open_run(run).spec.task.name] = of_run(run, judge)
    result: dict[str, Any] = {"sources": {}}
    for name, rows in sources.items():
        version, other = theirs(rows, given.python)
        mine = ours(rows)
        result["lm_polygraph"] = version
        result["sources"][name] = {
            "records": len(rows),
            "distinct_values": len({round(x, 9) for x in mine}),
            "largest_difference": max(abs(a - b) for a, b in zip(mine, other, strict=True)),
        }
    text = json.dumps(result, indent=1)
    (ROOT / "benchmarks" / "lm_polygraph.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
