"""Texts and pairs of the study debias at full size, out of published data sets.

    python -m benchmarks.debias_texts DATA texts.jsonl pairs.csv

Texts are sentences with a gendered word. DATA is a folder with ``realtoxicityprompts.jsonl``
(prompts), ``wiki-toxicity.jsonl`` (sentences of comments) and ``gsm8k-test-500.jsonl`` (those of
questions). Sentences of one comment or question are a cluster. Each has 5 to 40 words, of which
:mod:`selfcorrect.tuning.words` can swap at least one. Pairs are drawn from ``crows-pairs.csv``, as
scoring all of them after each tuning takes long.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from selfcorrect.evaluation.pairs import read_pairs
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.texts import digest_of, read_texts
from selfcorrect.tuning.swap import swapped

N, LEAST, MOST = 2000, 5, 40
PAIRS = 500
SOURCES = (
    ("realtoxicityprompts.jsonl", "prompt"),
    ("wiki-toxicity.jsonl", "text"),
    ("gsm8k-test-500.jsonl", "question"),
)
_END = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences(data: Path) -> Iterator[tuple[str, str]]:
    """Each sentence with a gendered word, after its cluster; once each."""
    seen = set()
    for name, column in SOURCES:
        for number, line in enumerate((data / name).read_text("utf-8").splitlines()):
            whole = json.loads(line)[column]
            for part in [whole] if column == "prompt" else _END.split(whole):
                text = " ".join(part.split())
                if LEAST <= len(text.split()) <= MOST and text not in seen and swapped(text)[1]:
                    seen.add(text)
                    yield f"{Path(name).stem}-{number}", text


def some_pairs(file: Path, out: Path) -> None:
    """Write so many pairs, drawn at random, in their order and with their columns."""
    with file.open(encoding="utf-8", newline="") as held:
        head, *lines = csv.reader(held)
    more = head.index("sent_more")
    kept = sorted(range(len(lines)), key=lambda at: draw(0, "pair", lines[at][more]))[:PAIRS]
    with out.open("w", encoding="utf-8", newline="") as held:
        csv.writer(held).writerows([head, *(lines[at] for at in sorted(kept))])
    print(f"{len(kept):,} of {len(lines):,} pairs, {read_pairs(out).digest}")


def main() -> None:
    data, out, pairs = map(Path, sys.argv[1:])
    some_pairs(data / "crows-pairs.csv", pairs)
    found = sorted(sentences(data), key=lambda each: draw(0, "text", each[1]))
    kept = found[:N]
    rows = [{"id": str(at), "text": t, "cluster": c} for at, (c, t) in enumerate(kept)]
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
    of = Counter(cluster.rpartition("-")[0] for cluster, _ in kept)
    print(f"{len(kept):,} of {len(found):,} sentences: {dict(of)}, {digest_of(read_texts(out))}")


if __name__ == "__main__":
    main()
