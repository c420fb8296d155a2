"""The report, opened in a real browser."""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from browser import Chromium, opened
from selfcorrect.report.charts import charts
from selfcorrect.report.definitions import definer
from selfcorrect.report.numbers import written
from selfcorrect.report.page import page
from selfcorrect.report.table import table
from summaries import estimate, in_words, made_summary, no_dialogue, written_to

EMPTY: dict[str, Any] = {"embedded": 0, "total": 0, "flipped": 0, "chosen": 0, "data": ""}


def without(summary: dict[str, Any], *names: str, why: str = "no record has it") -> dict[str, Any]:
    for of in (summary, *summary["controls"].values()):
        for row in of["rounds"]:
            for name in names:
                row["measures"][name] = estimate(None, why=why)
    return summary


def no_control() -> dict[str, Any]:
    return made_summary() | {"controls": {}}


def no_common_example() -> dict[str, Any]:
    summary = made_summary()
    for control in summary["controls"].values():
        control |= {"rounds": [], "against": None}
    return summary


def no_option_probabilities() -> dict[str, Any]:
    calibration = ("brier", "ece", "ece_expected", "ece_excess", "ece_debiased", "auroc")
    summary = without(
        made_summary(), "confidence", "entropy", "option_mass", "calibration_gap", *calibration
    )
    for row in summary["rounds"]:
        row["reliability"] = []
    for name in ("confidence", "entropy"):
        nothing = {"p": None, "margin": None, "verdict": None}
        summary["changes"][name] = estimate(None, why="no record has it", **nothing)
    return summary


def no_right_answers() -> dict[str, Any]:
    summary = without(no_option_probabilities(), "accuracy", why="this task has no right answers")
    for row in summary["rounds"]:
        if row["flow"]:
            row |= {
                "flow": dict.fromkeys(row["flow"], 0),
                "cl": estimate(None),
                "cs": estimate(None),
            }
    summary["changes"]["accuracy"] = estimate(None, p=None, margin=0.03, verdict=None, why="none")
    return summary


def one_cluster() -> dict[str, Any]:
    summary = made_summary()
    for of in (summary, *summary["controls"].values()):
        for row in of["rounds"]:
            row |= {"n": 1, "clusters": 1}
            for name, e in row["measures"].items():
                nothing = {"low": None, "high": None, "n": 1, "clusters": 1}
                row["measures"][name] = e | nothing | {"why": "one record: no interval"}
                row["measures"][name].pop("band", None)
    return summary


def all_the_same(accuracy: float, unparsed: int) -> dict[str, Any]:
    summary = made_summary()
    for row in summary["rounds"]:
        row["measures"]["accuracy"] = estimate(accuracy, 0.0, band=[accuracy, accuracy])
        row["unparsed"] = unparsed
        row["cs" if accuracy else "cl"] = estimate(None, why="no such answers")
        if row["flow"]:
            kept = "kept_right" if accuracy else "kept_wrong"
            row["flow"] = dict.fromkeys(row["flow"], 0) | {kept: 200}
    return summary


BAD = {
    "no dialogue": (no_dialogue, "No dialogue is finished yet."),
    "one round": (lambda: made_summary(1), "One round only"),
    "many rounds": (lambda: made_summary(23), "Accuracy rose"),
    "one example": (one_cluster, "one record: no interval (accuracy, confidence)"),
    "all right": (lambda: all_the_same(1.0, 0), "1.000"),
    "all unread": (lambda: without(all_the_same(0.0, 200), "confidence"), "200 in round 1"),
    "no option probabilities": (no_option_probabilities, "no record has it"),
    "no right answers": (no_right_answers, "this task has no right answers"),
    "no control": (no_control, "no control on the same examples"),
    "no common example": (no_common_example, "Accuracy rose"),
}


#: Opened in the browser too whenever the tests run; the others take too long for that.
ALWAYS = ("no dialogue", "one example", "no right answers")


def complete(text: str) -> bool:
    return not re.search(r"\b(NaN|undefined|null|None|Infinity|inf)\b", text)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_said_in_words(name: str) -> None:
    make, said = BAD[name]
    summary = in_words(make())
    json.dumps(charts(summary) if summary["rounds"] else {}, allow_nan=False)
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page(summary, EMPTY), flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]*>", " ", shown))
    assert said in text
    assert complete(text)
    if "repeat" not in summary["controls"]:
        assert "dashed" not in text
    if not summary["controls"]:
        assert "dotted" not in text


@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in BAD]
)
def test_bad_input_is_drawn(tmp_path: Path, browser: Chromium, name: str) -> None:
    with opened(browser, written_to(tmp_path, in_words(BAD[name][0]()), EMPTY), width=380) as it:
        it.unfold()
        assert complete(it.words())
        assert it.fits()
        assert it.complaints == []


def test_numbers_as_they_are_written() -> None:
    assert written(0.5123) == ".512"
    assert written(-0.04, signed=True) == "−.040"
    assert written(0.04, signed=True) == "+.040"
    assert written(-0.0001, signed=True) == ".000"
    assert written(12.3456, "tokens") == "12.3"
    assert written(1204.4, "tokens") == "1,204"
    assert written(None, "count") == "–"


def test_a_measure_of_the_tasks_own_shows_by_its_name() -> None:
    summary = made_summary(2)
    define = definer(summary)
    assert define("toxicity").label == "toxicity"
    assert define("bias_ambiguous/Age").label == "bias, ambiguous: Age"
    summary["rounds"][1]["measures"]["toxicity"] = estimate(0.2)
    assert ">toxicity</a>" in page(summary)


def test_where_it_hangs_on_unread_answers_the_page_and_the_table_say_so() -> None:
    summary = made_summary()
    against = summary["controls"]["baseline"]["against"]
    against["difference"]["accuracy"] |= {"hangs": True, "unread": [-0.2, 0.3]}
    words = html.unescape(page(summary, EMPTY))
    # beside the verdict and in the table, each with its note
    assert words.count("it depends on unread or ungraded answers") == 4
    summary["controls"]["repeat"]["against"]["by_round"] = [None] * len(summary["rounds"])
    console = Console(width=400, file=io.StringIO())
    console.print(table(in_words(summary), 400))
    assert "(it depends on unread or ungraded answers)" in console.file.getvalue()  # type: ignore[attr-defined]
