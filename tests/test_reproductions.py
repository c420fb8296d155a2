"""The page of reproductions: its figures are the runs' own, computed by hand from the records."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections import Counter
from math import log
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from benchmarks import reproductions, reproductions_page
from benchmarks.reproductions import Setting

from selfcorrect.runs import open_run

ROOT = Path(__file__).parents[1]
PLANTED = Setting("planted-scores", 4, 40, options=(("n", 60), ("cluster_size", 3)))


def _given(runs: Path, **more: Any) -> Namespace:
    model = "planted:scores?start=0.3,limit=0.6"
    usual = {"model": model, "data": Path(), "runs": runs, "limit": None, "samples_limit": 0}
    return Namespace(**{**usual, "show": False, "runs_only": False, "quiet": True, **more})


def _means(frame: pl.DataFrame) -> list[float]:
    return frame.group_by("round").agg(pl.col("outcome").mean()).sort("round")["outcome"].to_list()


def test_figures_are_those_of_the_records(tmp_path: Path) -> None:
    table = reproductions.of_task(_given(tmp_path), PLANTED)
    assert table is not None
    runs = {run.spec.strategy.name: run for p in tmp_path.iterdir() if (run := open_run(p))}
    for arm, shown in table["arms"].items():
        means = [each["value"] for each in shown["outcome"]]
        assert means == pytest.approx(_means(runs[arm].records)), arm
    for control in ("repeat", "negation"):
        both = runs["intrinsic"].records.join(
            runs[control].records, on=["example", "round"], suffix="_other"
        )
        apart = both.with_columns(outcome=pl.col("outcome") - pl.col("outcome_other"))
        differences = table[f"minus_{control}"]
        for each, mean in zip(differences["by_round"], _means(apart), strict=True):
            assert each is None or each["value"] == pytest.approx(mean, abs=1e-12)
        assert differences["last"]["value"] == pytest.approx(_means(apart)[-1], abs=1e-12)
    assert table["change"]["verdict"] == "better"  # as planted


def test_entropies_of_the_part_with_samples(tmp_path: Path) -> None:
    """From the samples' keys alone: the numbers that were drawn."""
    table = reproductions.of_task(_given(tmp_path, samples_limit=20), PLANTED)
    assert table is not None
    runs = [run for path in tmp_path.iterdir() if (run := open_run(path)).spec.samples.k]
    for run in runs:
        if (arm := run.spec.strategy.name) == "baseline":
            continue
        of_rounds: dict[int, list[float]] = {}
        for row in run.records.iter_rows(named=True):
            keys = Counter(sample["key"] for sample in row["samples"])
            shares = [n / keys.total() for n in keys.values()]
            of_rounds.setdefault(row["round"], []).append(-sum(p * log(p) for p in shares))
        means = [sum(of_rounds[t]) / len(of_rounds[t]) for t in sorted(of_rounds)]
        shown = table["samples"]["arms"][arm]["semantic_entropy"]
        assert [each["value"] for each in shown] == pytest.approx(means), arm
    page, k = reproductions_page.tables({"m": {"toxicity": table}}), table["samples"]["k"]
    assert "Not measured yet: commongen, reasoning." in page
    del table["samples"]
    assert "reasoning, toxicity with samples." in reproductions_page.tables(
        {"m": {"toxicity": table}}
    )
    assert f"{k} samples beside every answer, 20 examples" in page


def test_a_part_of_a_run_is_shown_as_what_it_is(tmp_path: Path) -> None:
    """What is there after a stop: the arms in the same dialogues, and their number."""
    reproductions.of_task(_given(tmp_path), PLANTED)
    [repeat] = tmp_path.glob("*-repeat-*")
    for piece in (*repeat.glob("records/chunk-00001*"), *repeat.glob("timing/chunk-00001*")):
        piece.unlink()
    table = reproductions.of_task(_given(tmp_path, show=True), PLANTED)
    assert table is not None
    assert table["dialogues"] == reproductions.CHUNKS[0]
    assert not any(line.startswith("So far") for line in table["verdict"])
    assert reproductions.of_task(_given(tmp_path / "none", show=True), PLANTED) is None


def test_the_page_shows_what_was_measured() -> None:
    page = (ROOT / "docs" / "reproductions.md").read_text("utf-8")
    result = json.loads((ROOT / "benchmarks" / "reproductions.json").read_text("utf-8"))
    assert reproductions_page.filled(page, result) == page, "python -m benchmarks.reproductions"


def test_the_pages_numbers_read_back_are_the_measured_ones() -> None:
    """By reading the page, not by writing it again."""
    page = (ROOT / "docs" / "reproductions.md").read_text("utf-8")
    result = json.loads((ROOT / "benchmarks" / "reproductions.json").read_text("utf-8"))
    for model, tasks in result.items():
        _, _, rest = page.partition(f"## {model}\n")
        sections = re.split(r"^### .*$", rest, flags=re.MULTILINE)[1 : 1 + len(tasks)]
        for section, table in zip(sections, tasks.values(), strict=True):
            assert f"{table['dialogues']:,} examples in" in section
            rows = re.findall(r"^\| (\d+) \| (.*) \|$", section, flags=re.MULTILINE)
            for number, cells in rows[: table["rounds"]]:
                at = int(number) - 1
                wanted = [
                    table["arms"]["intrinsic"]["outcome"][at],
                    table["arms"]["repeat"]["outcome"][at],
                    table["minus_repeat"]["by_round"][at],
                    table["arms"]["negation"]["outcome"][at],
                    table["minus_negation"]["by_round"][at],
                ]
                for cell, estimate in zip(cells.split(" | "), wanted, strict=False):
                    _same(cell, estimate)
            for line in table["verdict"]:
                assert line in section


def _same(cell: str, estimate: dict[str, float] | None) -> None:
    if estimate is None or estimate["value"] is None:
        assert cell == "–"
        return
    numbers = [float(x.replace("−", "-")) for x in re.findall(r"[−]?\d*\.\d+", cell)]
    ends = [estimate[key] for key in ("value", "low", "high") if estimate[key] is not None]
    assert numbers == pytest.approx(ends, abs=5.1e-4)
