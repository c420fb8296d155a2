"""A stub of a scorer of your own: a number for every answer of a run, given afterwards.

    python examples/own_scorer.py runs/planted-intrinsic-…

It shows the shape: texts in, numbers out, and nothing about the run but its records. Put a
classifier, or a model that judges, in place of the count of words.
"""

import sys
from collections.abc import Mapping, Sequence

import polars as pl

import selfcorrect as sc
from selfcorrect.runs import Run


class Words:
    """Scores an answer by how many words it has.

    Attributes:
        name: what the scores are called by.
        fingerprint: changes when the same text could get another score.
        values: the numbers that each text gets, with a sentence on each.
    """

    name = "words"
    fingerprint = "words-1"
    values: Mapping[str, str] = {"words": "How many words the answer has."}

    def score(self, texts: Sequence[str]) -> Sequence[Mapping[str, float | None]]:
        """One mapping a text; ``None`` where there is nothing to score."""
        return [{"words": float(len(text.split())) if text.strip() else None} for text in texts]


def scored(run: Run, scorer: Words) -> pl.DataFrame:
    """A run's records with the scorer's numbers beside them."""
    records = run.records.select("example", "cluster", "round", "text", "outcome")
    scores = pl.DataFrame(list(scorer.score(records["text"].to_list())))
    return pl.concat([records, scores], how="horizontal")


def main() -> None:
    table = scored(sc.open_run(sys.argv[1]), Words())
    # Every round has the same examples: compare them example by example, never as two groups.
    first = table.filter(pl.col("round") == 1).select("example", pl.col("words").alias("first"))
    print(
        table.join(first, on="example")
        .group_by("round")
        .agg(
            pl.len().alias("answers"),
            pl.col("words").mean(),
            (pl.col("words") - pl.col("first")).mean().alias("since round 1"),
        )
        .sort("round")
    )


if __name__ == "__main__":
    main()
