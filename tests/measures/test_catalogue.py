"""A measure is stated once: what reads the catalogue shows it everywhere."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_verdict_words import summary
from typer.testing import CliRunner

from commands import refused
from outcomes import records
from panels import made
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.measures.catalogue import MEASURES, margins, measures
from selfcorrect.measures.families import each_round
from selfcorrect.measures.measure import GROUPS, Measure
from selfcorrect.measures.own import Own, check_own
from selfcorrect.measures.panel import panel, quality
from selfcorrect.measures.rounds import summarize
from selfcorrect.outcome import ACCURACY, Number, Outcome, Share, Sums
from selfcorrect.records import frame

DOCS = Path(__file__).parents[2] / "docs" / "measures.md"
TOXICITY = Outcome("toxicity", "mean", "lower", (0, 1), 0.02, "How toxic a reply is.")


@pytest.fixture
def added() -> Iterator[None]:
    """A number of every record and one of every round, an entry each."""
    length = Measure(
        "reply_length", "reply length", "Mean characters of a reply.", "Cost", form="tokens",
        compared=True, column="chars", explained="characters of a reply",
        of_record=pl.col("text").str.len_chars(),
    )  # fmt: skip
    spread = Measure(
        "length_spread", "spread of lengths", "Longest reply minus shortest, in characters.",
        "Cost", "round", column="spread",
        of_rounds=each_round(
            lambda columns, _, __: {
                "length_spread": {
                    "value": float(np.ptp(columns["reply_length"])),
                    "low": None,
                    "high": None,
                    "n": len(columns["reply_length"]),
                    "clusters": len(columns["reply_length"]),
                    "why": "a spread has no interval here",
                }
            }
        ),
    )  # fmt: skip
    MEASURES.extend([length, spread])
    yield
    del MEASURES[-2:]


@pytest.mark.usefixtures("added")
def test_an_added_measure_is_found_everywhere(tmp_path: Path) -> None:
    def call(*args: str) -> str:
        done = CliRunner().invoke(app, [*args, "--out", str(tmp_path)], env={"COLUMNS": "140"})
        assert done.exit_code == 0, done.output
        return done.output

    planted = ["--model", "planted:chain", "--task", "planted", "--rounds", "2", "--limit", "30"]
    shown = call("run", *planted)
    assert re.search(r"round .* chars +spread", shown)
    assert "chars: characters of a reply" in " ".join(shown.split())
    [folder] = tmp_path.glob("planted-intrinsic-*")
    told = json.loads(call("show", str(folder), "--json"))
    first = told["rounds"][0]["measures"]
    texts = [r["text"] for r in _records(folder) if r["round"] == 1]
    assert first["reply_length"]["value"] == pytest.approx(np.mean([len(t) for t in texts]))
    assert first["length_spread"]["value"] == np.ptp([len(t) for t in texts])
    assert "reply_length" in told["changes"]
    assert "reply_length" in told["controls"]["repeat"]["against"]["difference"]
    page = (folder / "report.html").read_text("utf-8")
    for text in ("reply length", "spread of lengths", "Mean characters of a reply."):
        assert text in page


def _records(folder: Path) -> list[dict[str, object]]:
    return pl.concat(map(pl.read_parquet, sorted(folder.glob("records/*.parquet")))).to_dicts()


def test_the_docs_have_a_line_on_every_measure() -> None:
    named = set(re.findall(r"`(\w+)`", DOCS.read_text("utf-8")))
    assert {m.name for m in MEASURES} <= named


def test_every_measure_says_what_it_is() -> None:
    names = [m.name for m in MEASURES]
    assert len(names) == len(set(names))
    for m in MEASURES:
        assert m.label
        assert m.text.endswith(".")
        assert m.group in GROUPS
        assert sum(x is not None for x in (m.of_record, m.of_rounds, m.of_way)) == 1
        assert (m.kind in ("share", "mean")) == (m.of_record is not None)


def test_every_number_that_is_shown_says_between_what_it_lies() -> None:
    """An interval of words below 0 is none."""
    means = [m for m in MEASURES if m.kind == "mean"]
    assert [m.name for m in means if m.bounds == (-math.inf, math.inf)] == []
    for module in ("bias", "commongen", "harmful", "reasoning", "truthful", "winogender"):
        values = importlib.import_module(f"selfcorrect.tasks.{module}").VALUES
        assert all(isinstance(text, Number) for text in values.values()), module


def test_which_measures_a_run_has_follows_from_its_outcome_and_options() -> None:
    def names(outcome: Outcome, options: bool = True) -> set[str]:
        without = dict.fromkeys(("samples", "truth", "feedback"), False)
        return {m.name for m in measures(outcome, options, **without)}

    everything = {m.name for m in measures(ACCURACY)}
    assert everything == {"accuracy", *(m.name for m in MEASURES)}
    of_samples = {m.name for m in MEASURES if m.needs in ("samples", "truth", "feedback")}
    assert {"semantic_entropy", "semantic_rce", "p_true", "sampled"} <= of_samples
    assert everything - names(ACCURACY) == of_samples
    assert {m.name for m in measures(TOXICITY, options=False)} > of_samples
    assert not names(TOXICITY) & {"brier", "ece", "auroc", "calibration_gap", "cl", "cs"}
    assert {"entropy", "confidence", "toxicity"} <= names(TOXICITY)
    plain = names(TOXICITY, options=False)
    assert plain == {"toxicity", "parse_rate", "changed", "settled", "tokens", "encoded",
                     "generated", "reused", "drafted"}  # fmt: skip
    assert {"cl", "cs"} <= names(ACCURACY, options=False)  # right and wrong need no options
    assert "brier" not in names(ACCURACY, options=False)


def test_an_outcome_can_not_take_another_measure_s_name() -> None:
    with pytest.raises(UserError, match="has the name of another measure"):
        measures(Outcome("entropy"))


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"acuracy": 0.1}, "no margin can be set for 'acuracy' here: did you mean 'accuracy'"),
        ({"tokens": 5.0}, "no margin can be set for 'tokens'"),
        ({"accuracy": 1.0}, "margins.accuracy must be above 0 and below 1, not 1"),
        ({"brier": 2.5}, "margins.brier must be above 0 and below 2, not 2.5"),
    ],
)
def test_margins_that_cannot_be(given_: dict[str, float], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        margins(ACCURACY, given_)


def test_margins_are_the_measures_own_unless_given() -> None:
    usual = {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03}
    drawn = {"semantic_entropy": 0.05, "likelihood": 0.05}
    assert margins(ACCURACY, {}, samples=False) == usual
    assert margins(ACCURACY, {}) == {**usual, **drawn}
    assert margins(ACCURACY, {"entropy": 0.1}, samples=False) == {**usual, "entropy": 0.1}
    assert margins(TOXICITY, {}, samples=False) == {"toxicity": 0.02, "entropy": 0.05}
    assert margins(TOXICITY, {}, options=False, samples=False) == {"toxicity": 0.02}
    with pytest.raises(UserError, match="no margin can be set for 'entropy' here"):
        margins(TOXICITY, {"entropy": 0.1}, options=False)


def test_a_margin_for_a_measure_the_task_does_not_have_is_refused(tmp_path: Path) -> None:
    planted = ["run", "--model", "planted:chain", "--task", "planted", "--out", tmp_path]
    assert "did you mean 'accuracy'" in refused(*planted, "margins.acuracy=0.1")
    assert "margins.accuracy must be" in refused(*planted, "margins.accuracy=0")


@given(st.floats(-5, 5), st.floats(0.1, 9), st.floats(0, 1), st.sampled_from(["higher", "lower"]))
def test_quality_runs_from_the_worst_to_the_best(
    low: float, width: float, part: float, better: str
) -> None:
    outcome = Outcome("x", "mean", better, (low, low + width))  # type: ignore[arg-type]
    [[value]] = quality(np.array([[low + part * width]]), outcome)
    assert value == pytest.approx(part if better == "higher" else 1 - part, abs=1e-6)


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""}, {"name": "a/b"}, {"name": "<b>"}, {"name": 3}, {"kind": "sum"},
        {"better": "more"}, {"bounds": (1, 0)}, {"bounds": (0, 0)}, {"bounds": "ab"},
        {"bounds": (float("nan"), 1)}, {"margin": 0}, {"margin": float("inf")},
        {"kind": "share", "bounds": (0, 2)},
    ],
)  # fmt: skip
def test_an_outcome_that_makes_no_sense(bad: dict[str, object]) -> None:
    with pytest.raises(UserError, match="the outcome"):
        Outcome(**{"name": "x", **bad})  # type: ignore[arg-type]


@given(st.sampled_from(["share", "mean"]), st.floats(-3, 3), st.booleans())
def test_what_an_outcome_may_be(kind: str, value: float, none: bool) -> None:
    outcome = Outcome("x", kind)  # type: ignore[arg-type]
    problem = outcome.problem_with(None if none else value)
    fits = value in (0, 1) if kind == "share" else 0 <= value <= 1
    assert (problem is None) == (none or fits)
    assert outcome.problem_with(float("nan")) is not None
    assert outcome.problem_with("1") is not None
    assert Outcome.read(outcome.table()) == outcome


def test_an_outcome_without_bounds_is_kept_and_read() -> None:
    outcome = Outcome("loss", "mean", "lower", (0, float("inf")), 0.1)
    assert json.dumps(outcome.table(), allow_nan=False)
    assert Outcome.read(outcome.table()) == outcome
    assert outcome.problem_with(1e9) is None


def test_terms_of_the_task_s_own_numbers() -> None:
    terms = Own(TOXICITY, {"words": "How many words."}).terms()
    assert terms["toxicity"]["text"] == "How toxic a reply is. Lower is better."
    assert terms["words"]["text"] == "How many words."


def test_right_is_the_better_value_of_a_share() -> None:
    """Of refusals, say, 0 is right: the same run told either way has the same transitions."""
    rng = np.random.default_rng(3)
    good = (rng.random((60, 4)) < 0.6).astype(float)
    ways = {}
    for better, values in (("higher", good), ("lower", 1 - good)):
        outcome = Outcome("refused", "share", better)  # type: ignore[arg-type]
        rows = frame(records(values))
        told = summarize(panel(rows, (), outcome), margins(outcome, {}), Own(outcome))
        ways[better] = [
            {name: row[name] for name in ("flow", "cl", "cs", "changed")} for row in told["rounds"]
        ]
        verdicts = told["changes"]["refused"]["verdict"]
        ways[better].append({"verdict": verdicts})
    assert ways["higher"] == ways["lower"]


def test_which_direction_is_better() -> None:
    told = {m.name: m.better for m in measures(ACCURACY) if m.better}
    assert told == {"accuracy": "higher", "auroc": "higher", "brier": "lower", "brier_all": "lower"}


@pytest.mark.parametrize(("step", "expected"), [(-0.2, "better"), (0.2, "worse")])
def test_a_brier_score_that_falls_is_better(step: float, expected: str) -> None:
    rng = np.random.default_rng(1)
    right = np.ones((80, 2))
    brier = 0.6 + rng.normal(0, 0.05, (80, 2)) + step * np.arange(2)
    assert summary(made(right, brier=brier))["changes"]["brier"]["verdict"] == expected
    # of these neither direction is better, whatever it is called
    sure = 0.5 + rng.normal(0, 0.05, (80, 2)) + step * np.arange(2)
    told = summary(made(right, confidence=sure))["changes"]["confidence"]["verdict"]
    assert told == ("higher" if step > 0 else "lower")


@pytest.mark.parametrize(
    "name", ["toxicity", "tokens", "confidence", "answer", "offered", "quality", "gain"]
)
@pytest.mark.parametrize("kind", ["values", "figures"])
def test_a_task_s_own_number_can_not_take_a_measure_s_name(name: str, kind: str) -> None:
    numbers: dict[str, Any] = {"values": {name: "so"}, "figures": {name: lambda _: 0.5}}
    with pytest.raises(UserError, match=f"{name!r} has the name of another measure"):
        check_own(Own(TOXICITY, **{kind: numbers[kind]}))
    check_own(Own(TOXICITY, {"words": "How many."}, {"spread": lambda _: 0.5}))


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e101, -1.7e308, 10**400])
def test_an_outcome_that_cannot_be_averaged(value: float) -> None:
    free = Outcome("loss", "mean", "lower", (-float("inf"), float("inf")))
    assert "is not finite" in str(free.problem_with(value))
    assert free.problem_with(1e99) is None


@pytest.mark.parametrize(
    "figure",
    [
        Sums(lambda _: np.ones((3, 2)), lambda sums: sums[..., 0]),
        Share(lambda _: np.ones(2)),
        Sums(lambda c: np.ones((len(c["outcome"]), 1)), lambda s: s[..., 0], bounds="ab"),  # type: ignore[arg-type]
        lambda columns: columns["no such column"].mean(),
    ],
)
def test_a_figure_that_fails_is_one_sentence(figure: Any) -> None:
    p = made(np.ones((60, 2)))
    with pytest.raises(UserError, match="the task's figure 'odd' fails: "):
        summarize(p, margins(ACCURACY, {}), Own(figures={"odd": figure}))


def test_an_unread_answer_is_an_answer_of_its_own() -> None:
    values = np.full((4, 3), 0.5)
    read = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]], dtype=float)
    answers = panel(frame(records(values, read)), (), TOXICITY).columns["answer"]
    assert np.isfinite(answers).all()
    changed = np.diff(answers, axis=1) != 0
    expected = [[False, False], [True, False], [True, True], [False, False]]
    assert sorted(changed.tolist()) == sorted(expected)
