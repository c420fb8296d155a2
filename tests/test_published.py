"""Tables of the docs that benchmarks write are what their data say."""

from __future__ import annotations

import json

import pytest
from benchmarks import advice, arms, published
from benchmarks.documented import filled

from selfcorrect import studies


def test_published_findings_stand_beside_what_was_measured() -> None:
    page = published.PAGE.read_text("utf-8")
    for model in published.MODELS:
        rows = published.table(model)
        assert filled(published.PAGE, f"published {model}", published.head(model), rows) == page
    assert len({each.source for each in published.FINDINGS}) == 8
    for each in published.FINDINGS:
        if (name := each.by.strip("`")) in studies.names():
            assert each.of == name


@pytest.mark.parametrize(
    "name", ["factorial", "checking", "anchoring", "transitions", "attribution"]
)
def test_what_the_model_cannot_answer_is_said_of_every_study(name: str) -> None:
    """The page's own sentence on the model, of the data of each study."""
    whole = published.data(name)
    assert whole is not None
    found = whole["preflight"]
    assert found["position"]["value"] >= 0.84
    assert found["position"]["letter"] == 2  # (c)
    assert found["outcome"]["low"] < found["chance"]
    assert found["flips"]["value"] <= 0.08 or name == "factorial"
    if name == "factorial":
        named = [e["value"] for e in whole["named"].values()]
        assert [min(named), max(named)] == [0.975, 1]


def test_advice_is_counted_and_hardly_ever_false() -> None:
    result = json.loads(advice.RESULTS.read_text("utf-8"))
    page = advice.PAGE.read_text("utf-8")
    assert filled(advice.PAGE, "advice", advice.HEAD, advice.rows(result)) == page
    assert [tuple(each[key] for key in ("truth", "examples", "clusters", "methods", "runs"))
            for each in result["cells"]] == advice.cells()  # fmt: skip
    for each in result["cells"]:
        of = advice.TRUTHS[each["truth"]]
        best = max(of.methods)
        if best <= max(0.0, of.repeat, of.majority):
            assert each["method"] + each["other"] <= 0.05 * each["runs"]
        if max(best, of.repeat, of.majority) <= 0:
            assert each["control"] <= 0.05 * each["runs"]


def test_arms_that_begin_alike_are_counted() -> None:
    result = json.loads(arms.RESULT.read_text("utf-8"))
    page = arms.PAGE.read_text("utf-8")
    assert filled(arms.PAGE, "arms", arms.HEAD, arms.table(result)) == page
    first = result["rounds"]["1"]
    assert first["together"] < first["alone"] / 2  # feedback changes nothing in round 1
    by_arm = first["by_arm"]
    for name, tokens in by_arm.items():
        without = name.replace("-feedback", "").replace("feedback-", "").replace(
            "feedback", "neutral"
        )  # fmt: skip
        assert tokens == by_arm[without]
