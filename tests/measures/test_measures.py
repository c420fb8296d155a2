"""Measures against plain re-implementations, stated coverage, and hypothesis."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from panels import made
from selfcorrect import records
from selfcorrect.measures.intervals import mean, share_ends
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import panel
from selfcorrect.measures.rounds import against, summarize
from selfcorrect.outcome import ACCURACY, Share
from selfcorrect.report.table import table
from selfcorrect.report.verdict import verdict

MARGINS = {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03}
STRANGE = [math.nan, math.inf, -math.inf]


def row(example: str, round: int, **values: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(records.SCHEMA)
    given = {
        "example": example,
        "cluster": example,
        "round": round,
        "choices": ["x", "y"],
        "choice": 0,
        "likeliest": 0,
        "outcome": 1.0,
        "confidence": 0.8,
        "entropy": 0.5,
        "option_mass": 0.9,
        "first_choice_p": 0.8,
        "prompt_tokens": 13,
        "encoded": 10,
        "reused": 5,
        "generated": 2,
        "values": [],
    }
    row = blank | given | values
    if row["key"] is None and row["choice"] is not None:
        row["key"] = "abc"[row["choice"]]
    return row


def whole(rows: list[dict[str, Any]], *, controls: bool = True) -> dict[str, Any]:
    """A run's summary as ``Run.summary`` makes it, its controls being runs with equal records."""
    records_ = panel(records.frame(rows))
    measured = summarize(records_, MARGINS)
    beside = {"dialogues": 1, **measured, "against": against(records_, records_, MARGINS)}
    summary = {
        **measured,
        "spec": {"strategy": {"name": "intrinsic"}, "margins": MARGINS},
        "outcome": {"name": "accuracy", "kind": "share", "better": "higher", "margin": 0.03},
        "controls": {"repeat": beside, "baseline": beside} if controls else {},
        "complete": True,
        "dialogues": 3,
        "wanted": 3,
        "examples": 3,
        "notes": [],
    }
    return summary | {"verdict": verdict(summary)}


def test_every_measure_against_a_plain_count() -> None:
    rng = np.random.default_rng(5)
    rows = []
    for i in range(30):
        for t in (1, 2):
            read = rng.random() < 0.8
            rows.append(
                row(
                    f"e{i}",
                    t,
                    cluster=f"c{i % 10}",
                    choice=int(rng.integers(2)) if read else None,
                    problem=None if read else "no option",
                    likeliest=int(rng.integers(2)),
                    outcome=float(read and rng.random() < 0.5),
                    confidence=float(rng.random()) if read else None,
                    entropy=float(rng.random()),
                    option_mass=float(rng.random() * 0.6),
                    prompt_tokens=int(rng.integers(5, 50)),
                    encoded=int(rng.integers(1, 50)),
                    drafted=3,
                    values=[{"name": "score", "value": float(rng.random())}],
                )
            )
    got = summarize(panel(records.frame(rows), ["score"]), MARGINS, Own(values={"score": ""}))[
        "rounds"
    ]
    assert [r["round"] for r in got] == [1, 2]
    for r in got:
        of = [x for x in rows if x["round"] == r["round"]]
        read = [x for x in of if x["problem"] is None]
        expected = {
            "accuracy": np.mean([x["outcome"] for x in of]),
            "parse_rate": len(read) / 30,
            "confidence": np.mean([x["confidence"] for x in read]),
            "entropy": np.mean([x["entropy"] for x in of]),
            "option_mass": np.mean([x["option_mass"] for x in of]),
            "first_choice_p": 0.8,
            "likeliest_differs": np.mean([x["choice"] != x["likeliest"] for x in read]),
            "encoded": np.mean([x["encoded"] for x in of]),
            "tokens": np.mean([x["encoded"] for x in of]),
            "drafted": 3,
            "generated": 2,
            "reused": 5,
            "score": np.mean([x["values"][0]["value"] for x in of]),
        }
        assert {k: r["measures"][k]["value"] for k in expected} == pytest.approx(expected)
        assert (r["n"], r["clusters"], r["unparsed"]) == (30, 10, 30 - len(read))
        assert r["measures"]["confidence"]["n"] == len(read)
        assert r["measures"]["option_mass"]["median"] == pytest.approx(
            np.median([x["option_mass"] for x in of])
        )
        assert r["low_mass"] is True


def test_figures_see_columns_and_nan() -> None:
    rows = [row(f"e{i}", 1, values=[{"name": "target", "value": i % 2}]) for i in range(60)]
    rows[0]["values"] = []
    rows[1]["choice"] = None

    def bias(columns: Any) -> float:
        assert {"target", "other", "outcome", "choice"} <= set(columns)
        assert np.isnan(columns["other"]).all()
        return float(2 * np.nanmean(columns["target"]) - 1)

    def never(_: Any) -> float:
        return float(np.float64(0) / np.float64(0))

    own = {"target": "", "other": ""}
    figures = {"bias": bias, "never": never}
    got = summarize(panel(records.frame(rows), own), MARGINS, Own(ACCURACY, own, figures))
    measures = got["rounds"][0]["measures"]
    assert measures["bias"]["value"] == pytest.approx(2 * 30 / 59 - 1)
    assert measures["bias"]["low"] < measures["bias"]["value"] < measures["bias"]["high"]
    assert measures["never"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 60,
        "clusters": 60,
        "why": "undefined for these records",
    }
    assert measures["target"]["n"] == 59
    assert measures["other"]["value"] is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 1)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.floats(0, 1), st.sampled_from(STRANGE)),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_summary_is_json_and_the_table_is_narrow(answers: Any) -> None:
    rows = [
        row(
            f"e{i}",
            t,
            choice=c,
            outcome=None if ok is None else float(ok),
            confidence=x,
            entropy=x,
            option_mass=x,
            problem=None if c is not None else "empty",
        )
        for i, (c, ok, x) in enumerate(answers)
        for t in (1, 2)
    ]
    summary = whole(rows)
    json.dumps(summary, allow_nan=False)

    def lines(width: int) -> list[str]:
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(table(summary, width))
        return console.export_text().splitlines()

    everything = lines(200)[0].split()
    for width in (30, 50, 72, 80):
        shown = lines(width)
        assert "…" not in "".join(shown)
        assert all(len(line) <= width for line in shown)
        told = "Too narrow for all columns" in " ".join(shown)
        assert told == (shown[0].split() != everything)


def test_too_large_is_told_not_nan() -> None:
    for k in (3, 60):
        got = mean([1e308] * (k - 1) + [-1e308], range(k))
        assert got.low is None
        assert "too large" in (got.why or "")


def test_no_records_no_rounds() -> None:
    got = summarize(panel(pl.DataFrame(schema=records.SCHEMA)), MARGINS)
    assert got["rounds"] == []
    assert got["converged_at"] is None


def test_the_table_escapes_markup_and_tells_what_matters() -> None:
    rows = [row(f"e{i}", t, option_mass=0.2, problem="empty") for i in range(3) for t in (1, 2)]
    summary = whole(rows, controls=False) | {
        "complete": False,
        "dialogues": 3,
        "wanted": 9,
        "examples": 9,
        "notes": ["[bold]not markup[/bold]"],
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(summary))
    shown = console.export_text()
    for part in ("[bold]not markup", "3 of 9", "less than half", ".200*", "3 in round 1"):
        assert part in shown


def test_a_tasks_number_that_is_0_or_1_has_a_shares_interval() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random((30, 2)) < 0.05).astype(float)
    p = replace(made(np.ones((30, 2))), own={"flag": y, "length": 10 * y})
    rows = summarize(p, {}, Own(values={"flag": "A flag.", "length": "A length."}))["rounds"]
    for row in rows:
        assert 0 <= row["measures"]["flag"]["low"] <= row["measures"]["flag"]["high"] <= 1
    n = int(y[:, 0].sum())
    assert rows[0]["measures"]["flag"]["low"] == pytest.approx(share_ends(n, 30)[0])
    assert rows[0]["measures"]["length"]["value"] == pytest.approx(10 * n / 30)


def test_a_control_may_lack_a_number_that_only_later_rounds_have() -> None:
    """One round has nothing that was appended to an earlier answer, and one answer was unread."""
    run = replace(made(np.ones((30, 2))), own={"late": np.tile([np.nan, 1.0], (30, 1))})
    once = made(np.ones((30, 1)))
    once.columns["parse_rate"][0] = 0
    share = Share(lambda columns: columns["late"])
    found = against(run, once, {"accuracy": 0.03}, Own(figures={"late": share}))
    assert found["difference"]["late"]["value"] is None
