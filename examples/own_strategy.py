"""A strategy of your own is a TOML file: own_strategy.toml, beside this one.

    python examples/own_strategy.py
    python examples/own_strategy.py --model smollm2 --task sample

Its controls (the question repeated, and asked once without the goal) run with it on the same
examples, so the verdict says whether anything was gained over merely asking again.
"""

import argparse
from pathlib import Path

import polars as pl

import selfcorrect as sc

STRATEGY = Path(__file__).with_name("own_strategy.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run own_strategy.toml.")
    parser.add_argument("--model", default="planted:chain")
    parser.add_argument("--task", default="planted")
    parser.add_argument("--out", default="runs")
    given = parser.parse_args()

    run = sc.run(
        given.model,
        given.task,
        STRATEGY,
        strategy_parameters={"wording": "Is your last answer right? Say yes or no."},
        rounds=3,
        limit=64,
        out=given.out,
    )
    print(run.summary()["verdict"])

    # A record's steps are all that happened in that round: here, what the critique said.
    said = (
        run.records.explode("steps")
        .filter(pl.col("steps").struct.field("kind") == "critique")
        .group_by("round", pl.col("steps").struct.field("text").alias("critique"))
        .len("dialogues")
        .sort("round", "critique")
    )
    print(said)


if __name__ == "__main__":  # workers, if you ask for some, import this file
    main()
