"""Several arms in one call, over the same examples: the model is opened once.

    python examples/several_arms.py
    python examples/several_arms.py --model smollm2 --task sample

What the arms have in common at their beginning is encoded once, and so are the controls that they
share. Each arm has a folder of its own, as if it had been run alone; the same call again goes on
where it was stopped.
"""

import argparse

import polars as pl

import selfcorrect as sc

ARMS = ("intrinsic", "negation", "injection", "anchor")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run several strategies on the same examples.")
    parser.add_argument("--model", default="planted:two-concept")
    parser.add_argument("--task", default="planted")
    parser.add_argument("--out", default="runs")
    given = parser.parse_args()

    settings = [f"model={given.model}", f"task={given.task}", "rounds=3", "limit=64"]
    specs = [sc.read_spec(overrides=[*settings, f"strategy={name}"]) for name in ARMS]
    runs = sc.run_many(specs, out=given.out)

    for run in runs:
        print(f"{run.spec.strategy.name}: {run.summary()['verdict']}\n")

    # One table of all arms: the examples are the same, so differences are taken example by example.
    last = [
        run.records.filter(pl.col("round") == 3).select(
            "example", pl.col("outcome").alias(run.spec.strategy.name)
        )
        for run in runs
    ]
    table = last[0]
    for each in last[1:]:
        table = table.join(each, on="example", validate="1:1")
    print(table.select((pl.col(name) - pl.col(ARMS[0])).mean() for name in ARMS[1:]))


if __name__ == "__main__":
    main()
