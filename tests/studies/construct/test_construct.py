"""The study of the constructions: errors, laws and boundaries; its page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from selfcorrect.errors import UserError
from selfcorrect.report.sheet import Chart, Table
from selfcorrect.studies.construct.analysis import construct
from selfcorrect.studies.construct.sheet import sheet
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
    assert construct(quick=True) == quick


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


def test_heads_attend_as_said(quick: dict[str, Any]) -> None:
    pair, flags, select = quick["attention"]["constructions"]
    assert pair["blocks"][0]["heads"][0]["map"] == [[1, pytest.approx(0)]] * 2
    *averages, total = flags["blocks"][-1]["heads"]
    assert total["map"][0] == pytest.approx([0.25] * 4 + [0])
    for k, (head, block) in enumerate(zip(averages, select["blocks"], strict=True)):
        assert head["map"][0] == pytest.approx(block["heads"][1]["map"][0])
        assert sum(head["map"][0][:k]) < EXACT
        assert block["heads"][0]["map"][0][k] == pytest.approx(1)


@pytest.mark.parametrize("how", [{}, {"tasks": 1, "steps": 1}, {"n": 2, "d": 1, "tasks": 2}])
def test_sheet(quick: dict[str, Any], how: dict[str, int]) -> None:
    page = sheet(construct(quick=True, **how) if how else quick)
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


def test_sizes_too_small() -> None:
    for how in ({"n": 1}, {"d": 0}, {"tasks": 0}, {"steps": 0}):
        with pytest.raises(UserError, match=f"{next(iter(how))} is . *|give at least 1"):
            construct(quick=True, **how)
