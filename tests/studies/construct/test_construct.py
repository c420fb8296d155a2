"""The study of the constructions: errors, laws and boundaries; its page."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
import torch

from selfcorrect.errors import UserError
from selfcorrect.report.sheet import Chart, Table
from selfcorrect.studies.construct.analysis import _example, construct
from selfcorrect.studies.construct.sheet import sheet
from selfcorrect.theory.construction.tokens import Contexts
from studied import studied

EXACT = 1e-12


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return studied(tmp_path_factory.mktemp("theory"), "construct", "--quick")


def test_construct_is_exact_and_json(quick: dict[str, Any]) -> None:
    assert json.loads(json.dumps(quick, allow_nan=False)) == quick
    assert all(row["max_error"] <= EXACT for row in quick["constructions"])
    assert [(r["blocks"], r["heads"], r["ffn"]) for r in quick["constructions"]] == [
        (1, 2, 0),
        (1, 8, 0),
        (7, 2, 3),
    ]


def test_laws_hold(quick: dict[str, Any]) -> None:
    laws = quick["laws"]
    assert max(row["apart"] for row in laws["sharpness"]["rows"]) < 1e-14
    for row in laws["sharpness_ranked"]["rows"]:
        if row["share"] == 1:
            assert row["measured"] == pytest.approx(row["predicted"], abs=EXACT)
    assert laws["sharpness_ranked"]["rows"][-1]["share"] == 1
    assert laws["sharpness_ranked"]["rows"][0]["share"] < 1  # marks are wrong, and that is seen
    for row in laws["mask"]["rows"]:
        assert row["measured"] == pytest.approx(row["predicted"], abs=1e-14)
        if row["k"] >= 4:  # between a lone rival's share and all of them
            assert row["e^-k"] / 8 < row["leak"] < row["e^-k"] * 8
    assert laws["mask"]["slope"]["value"] == pytest.approx(-1, abs=1e-3)
    assert [row["stays"] for row in laws["saturation"]["rows"]] == [0, 0]
    squares = laws["squares"]
    assert squares["slope_squares"]["value"] == pytest.approx(-2, abs=0.1)
    assert squares["slope"]["value"] == pytest.approx(-2, abs=0.25)
    assert all(row["most"] <= row["most_predicted"] for row in squares["rows"])


def test_boundaries(quick: dict[str, Any]) -> None:
    found = quick["boundaries"]
    pair, *others = found["ties"]
    assert pair["mean"]["max"] < EXACT  # a tie of two is the mean of both orders
    assert pair["either"]["median"] > 1e-4
    assert all(row["mean"]["max"] > 1e-5 for row in others)
    pair, *others = found["causal"]
    assert pair["last"]["max"] < EXACT
    assert pair["first"]["median"] > 1e-2
    assert all(row["last"]["median"] > 1e-2 for row in others)
    for row in found["fixed_mask"]:
        assert row["right_error"]["max"] < EXACT < row["error"]["max"]


def test_what_a_part_is_needed_for(quick: dict[str, Any]) -> None:
    found = quick["needed"]
    for each in found["softmax"]["differences"]:
        assert each["network"] < 1e-14 < 1e-3 < each["step"]
    errors = [each["error"] for each in found["softmax"]["polynomials"]]
    assert 0.1 > errors[1] > errors[2] > 1e-6
    heads, bare = found["heads"], found["feed_forward"]
    assert heads["least_error"] >= 0.49
    assert heads["least_ratio"] >= 1
    assert (heads["one_head"]["blocks"], heads["one_head"]["heads"]) == (14, 1)
    assert (bare["attention_only"]["blocks"], bare["attention_only"]["feed_forwards"]) == (7, 0)
    for each in (
        heads["one_head"],
        bare["attention_only"],
        bare["gated"],
        found["blocks"]["flags"],
    ):
        assert each["error"] < EXACT
    assert bare["blunt"]["error"] == pytest.approx(bare["blunt"]["predicted"], rel=1e-6)
    assert bare["gated"]["largest_weight"] < bare["gated"]["sharpness"]
    assert found["blocks"]["poles"]["step"] == pytest.approx(-1, abs=0.01)
    assert found["blocks"]["poles"]["heads"] < 0.05
    assert found["blocks"]["flags"]["blocks"] == 4 < found["blocks"]["flags"]["n"] - 1


def test_heads_attend_as_said(quick: dict[str, Any]) -> None:
    pair, flags, select = quick["attention"]["constructions"]
    assert pair["blocks"][0]["heads"][0]["map"] == [[1, pytest.approx(0)]] * 2
    *averages, total = flags["blocks"][-1]["heads"]
    assert total["map"][0] == pytest.approx([0.25] * 4 + [0])
    for k, (head, block) in enumerate(zip(averages, select["blocks"], strict=True)):
        assert head["map"][0] == pytest.approx(block["heads"][1]["map"][0])
        assert sum(head["map"][0][:k]) < EXACT
        assert block["heads"][0]["map"][0][k] == pytest.approx(1)


@pytest.mark.parametrize("how", [{}, {"tasks": 1, "steps": 1}])
def test_sheet(quick: dict[str, Any], how: dict[str, int]) -> None:
    result = construct(quick=True, **how) if how else quick
    if "n" in how:
        assert construct(quick=True, **how) == result
    page = sheet(result)
    charts = [part for s in page.sections for part in s.parts if isinstance(part, Chart)]
    json.dumps([[chart.data, chart.layout] for chart in charts], allow_nan=False)
    names = [chart.name for chart in charts]
    assert len(set(names)) == len(names) == 6
    for section in page.sections:
        for part in section.parts:
            if isinstance(part, Table):
                assert {len(row) for row in part.rows} == {len(part.columns)}
    assert page.findings[0].startswith("It can: after")
    assert "nan" not in str(page)


def test_findings_and_tables_follow_the_numbers(quick: dict[str, Any]) -> None:
    def of_masks(result: dict[str, Any]) -> str:
        (said,) = [each for each in sheet(result).findings if "ixed mask depth" in each]
        return said

    def sharpness(result: dict[str, Any]) -> list[list[Any]]:
        parts = [part for section in sheet(result).sections for part in section.parts]
        (table,) = [p for p in parts if isinstance(p, Table) and p.title.startswith("Sharpness")]
        return list(table.rows)

    other = deepcopy(quick)
    mask = other["boundaries"]["fixed_mask"][0]
    mask |= {"share_wrong": 0.25, "depth": 7}
    assert "With a fixed mask depth of 7 the error exceeds" in of_masks(other)
    assert "in 25 % of the tasks" in of_masks(other)
    mask["share_wrong"] = 0
    assert "A fixed mask depth of 7 is enough for these tasks" in of_masks(other)
    # up to the first sharpness whose error is below rounding, for both
    for place, (a, b) in enumerate(
        zip(
            *(other["laws"][name]["rows"] for name in ("sharpness", "sharpness_ranked")),
            strict=True,
        )
    ):
        a["predicted"], b["predicted"] = (1e-15, 1e-15) if place == 2 else (1e-3, 1e-15)
    assert len(sharpness(other)) == 3


def test_the_reversed_ranking_is_far_from_the_prediction(quick: dict[str, Any]) -> None:
    for row in quick["constructions"]:
        assert row["error_if_reversed"] > 1e6 * row["max_error"]


def test_the_example_shown_is_the_one_whose_weights_are_most_even() -> None:
    far = torch.tensor([[[0.0, 0.0], [9.0, 9.0]]])
    y = torch.cat([far, torch.eye(2)[None], far])
    contexts = Contexts(torch.ones(3, 2), y, torch.rand(3, 2), torch.zeros(3, 2, 2))
    assert _example(contexts).y.sum() == 2


def test_sizes_too_small() -> None:
    for how in ({"n": 1}, {"d": 0}, {"tasks": 0}, {"steps": 0}):
        with pytest.raises(UserError, match=f"{next(iter(how))} is . *|give at least 1"):
            construct(quick=True, **how)
