"""Boxes in replies: read by the declared way alone, and compared by their overlap."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.tasks.boxes import WAYS, Box, Way, inside, overlap, resized, way_of
from timing import grows_in_proportion

SIZE = (640.0, 480.0)
sides = st.integers(1, 4000)
share = st.integers(0, 1000)


@pytest.mark.parametrize(
    ("reply", "numbers"),
    [
        ("[1, 2, 30, 40]", (1, 2, 30, 40)),
        ("The box is (1,2),(30,40).", (1, 2, 30, 40)),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "cat"}', (1, 2, 30, 40)),
        ("<|box_start|>(1,2),(30,40)<|box_end|>", (1, 2, 30, 40)),
        ("<box>[[1, 2, 30, 40]]</box>", (1, 2, 30, 40)),
        ("It's at 1, 2, 30, 40.", (1, 2, 30, 40)),
        ("[.5 .25 .75 1.0]", (0.5, 0.25, 0.75, 1.0)),
        ("[-3; 2; 30; 40]", (-3, 2, 30, 40)),
    ],
)
def test_a_box_is_found_as_models_write_it(reply: str, numbers: Box) -> None:
    found = Way("pixels").read(reply)
    assert (found.box, found.further, found.swapped) == (numbers, 0, False)


@pytest.mark.parametrize(
    "reply",
    ["", "no box", "[1, 2, 3]", "1, 2, 3, 4, 5", "3 cats and 4 dogs in 5 of 6 rooms",
     "in 2024, 1, 2, 3, 4, 5 and 6", "<loc0001><loc0002><loc0003><loc0004>"],
)  # fmt: skip
def test_what_is_no_box_is_none(reply: str) -> None:
    found = Way("pixels").read(reply)
    assert found.box is None
    assert found.problem == ("no box" if reply else "empty")


def test_the_first_box_counts_and_the_others_are_counted() -> None:
    found = Way("unit").read("Either [0, 0, .5, .5], [.1, .1, .2, .2] or (0,0),(1,1).")
    assert found.box == (0, 0, 0.5, 0.5)
    assert found.further == 2


def test_corners_the_other_way_round_are_put_in_order() -> None:
    found = Way("pixels").read("[30, 40, 1, 2]")
    assert (found.box, found.swapped) == ((1, 2, 30, 40), True)


@pytest.mark.parametrize("number", ["nan", "NaN", "inf", "-Infinity"])
def test_a_box_without_numbers_is_none(number: str) -> None:
    found = Way("unit").read(f"[0, {number}, 1, 1] or [0, 0, 1, 1]")
    assert (found.box, found.problem, found.further) == (None, "a box without numbers", 1)


def test_numbers_are_never_taken_for_another_ways() -> None:
    # small pixels are no thousandths, and shares no pixels: what was declared holds
    assert Way("pixels").shares((64, 48, 128, 96), SIZE) == (0.1, 0.1, 0.2, 0.2)
    assert Way("per-mille").shares((64, 48, 128, 96), SIZE) == (0.064, 0.048, 0.128, 0.096)
    assert inside(Way("unit").shares((64, 48, 128, 96), SIZE)) == (1, 1, 1, 1)


def test_location_tokens() -> None:
    # top, left, bottom, right, of 1,024
    found = Way("paligemma").read("<loc0256><loc0512><loc0768><loc1023> cat")
    assert found.box == (512, 256, 1023, 768)
    assert Way("paligemma").shares(found.box, SIZE)[:2] == (0.5, 0.25)
    # the middle of each of a thousand bins
    found = Way("florence").read("<loc_0><loc_499><loc_999><loc_999>")
    assert found.box == (0, 499, 999, 999)
    assert Way("florence").shares(found.box, SIZE) == (0.0005, 0.4995, 0.9995, 0.9995)


@given(share, share, share, share, st.sampled_from(sorted(WAYS)))
def test_what_is_written_is_read_again(a: int, b: int, c: int, d: int, name: str) -> None:
    left, right = sorted((a / 1000, c / 1000))
    top, bottom = sorted((b / 1000, d / 1000))
    box, way = (left, top, right, bottom), Way(name)
    found = way.read(f"Here: {way.written(box, SIZE)} it is.")
    assert found.box is not None
    again = way.shares(found.box, SIZE)
    assert all(abs(one - other) <= 1 / 1000 for one, other in zip(box, again, strict=True))


@pytest.mark.slow  # the module imports much
@given(sides, sides)
def test_pictures_are_resized_as_the_published_processor_does(width: int, height: int) -> None:
    module = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    if max(width, height) > 200 * min(width, height):
        return  # which refuses those
    least, most = 56 * 56, 1280 * 28 * 28
    theirs = module.smart_resize(height, width, 28, least, most)
    assert resized((width, height), least, most) == (theirs[1], theirs[0])


def test_a_box_of_the_resized_picture_is_mapped_back() -> None:
    # 1000 × 500 with at most 100,000 pixels: 28 · 15 = 420 wide, 28 · 7 = 196 high
    way = Way("resized", 56 * 56, 100_000)
    across, down = resized((1000, 500), way.least, way.most)
    assert (across % 28, down % 28) == (0, 0)
    assert across * down <= 100_000
    assert (across, down) == (420, 196)
    assert way.shares((across / 2, 0, across, down), (1000, 500)) == (0.5, 0, 1, 1)


def _cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    return set(product(range(box[0], box[2]), range(box[1], box[3])))


edge = st.integers(0, 12)


@given(st.tuples(edge, edge, edge, edge), st.tuples(edge, edge, edge, edge))
def test_overlap_is_that_of_the_pixels(
    a: tuple[int, int, int, int], b: tuple[int, int, int, int]
) -> None:
    one, other = _cells(a), _cells(b)
    expected = Fraction(len(one & other), len(one | other)) if one & other else Fraction(0)
    boxes = [
        tuple(side / 12 for side in each) if _cells(each) else (0.0, 0.0, 0.0, 0.0)
        for each in (a, b)
    ]
    assert math.isclose(overlap(*boxes), expected, abs_tol=1e-12)  # type: ignore[arg-type]


def test_a_way_is_named() -> None:
    assert way_of("per-mille") == Way("per-mille")
    assert way_of("resized:3136:1003520") == Way("resized", 3136, 1_003_520)
    assert way_of("resized:64:1024:8") == Way("resized", 64, 1024, 8)
    with pytest.raises(UserError, match="no box format 'permille': did you mean 'per-mille'"):
        way_of("permille")
    for wrong in (
        "resized:1:2",
        "resized:9999",
        "unit:1:2",
        "resized:5000:4000",
        "resized:a:b",
        "resized:64:1024:0",
        "resized:64:1024:33",
        "resized:1:2:1:1",
    ):
        with pytest.raises(UserError, match="isn't understood"):
            way_of(wrong)


def test_reading_takes_no_time_on_hostile_replies() -> None:
    for part in ("[1,", "((((", "1, ", "[[1 2 3 ", "1 " * 9):
        assert Way("pixels").read(part * 10_000).box is None


@pytest.mark.parametrize(
    "reply",
    [
        "left: 10, top: 20, right: 30, bottom: 40",
        "- **Left:** 10\n- **Top:** 20\n- **Right**: 30\n- **Bottom:** 40",
        "bottom = 40; right = 30; top = 20; left = 10",
        '{"x1": 10, "y1": 20, "x2": 30, "y2": 40}',
        '{"bbox": {"xmin": "10", "ymin": "20", "xmax": "30", "ymax": "40"}}',
        "x: 10, y: 20, width: 20, height: 20",
        "- **left**: no\n- x_min: 10\n- y_min: 20\n- x_max: 30\n- y_max: 40",
        "X1=10px, Y1=20px, X2=30px and Y2=40px.",
        "[10px, 20px, 30px, 40px]",
        "['10', '20', '30', '40']",
        "from (10, 20) to (30, 40)",
        "top-left (10, 20), bottom-right (30, 40)",
        "The top-left corner is (10, 20) and the bottom-right corner is at (30, 40).",
        "<box>10 20 30 40</box>",
        "\uff3b10\uff0c20\uff0c30\uff0c40\uff3d",
        "[10\u300120\u300130\u300140]",
    ],
)
def test_a_box_is_read_however_it_is_said(reply: str) -> None:
    found = way_of("pixels").read(reply)
    assert (found.box, found.further, found.swapped) == ((10, 20, 30, 40), 0, False)


def test_a_minus_is_one_on_every_keyboard() -> None:
    assert way_of("pixels").read("[\u221210, 20, 30, 40]").box == (-10, 20, 30, 40)


def test_the_first_box_counts_whatever_it_is_said_like() -> None:
    mixed = "x1=1, y1=2, x2=3, y2=4, or [5, 6, 7, 8]"
    found = way_of("pixels").read(mixed)
    assert (found.box, found.further) == ((1, 2, 3, 4), 1)
    found = way_of("pixels").read("[5, 6, 7, 8], that is x1=1, y1=2, x2=3, y2=4")
    assert (found.box, found.further) == ((5, 6, 7, 8), 1)


@pytest.mark.parametrize(
    "reply",
    [
        "[10%, 20%, 30%, 40%]",
        "left: 10%, top: 20%, right: 30%, bottom: 40%",
        "x1=1, y1=2, x2=3",
        "x1=1, x2=2, x1=3, x2=4",
        "left: 1, top: 2, and then a dog that is right: 3, bottom: 4",
        "the cup at (10, 20). The picture is (640, 480)",
        "(1, 2, 3, 4, 5)",
    ],
)
def test_what_is_not_said_as_a_box_is_none(reply: str) -> None:
    assert way_of("pixels").read(reply).box is None


@pytest.mark.parametrize(
    "piece",
    ["x1=1, ", "[1 ", "(1, 2) to ", "(1, 2)" + " and" * 9, "1, ", "left: 1 ", "<box>1 ", "'1' "],
)
def test_a_long_reply_is_read_in_time(piece: str) -> None:
    grows_in_proportion(lambda times: way_of("pixels").read(piece * (40_000 * times // len(piece))))


def test_a_box_that_breaks_off_is_none() -> None:
    """Of 78 the reply has said 7: read so, the corners were even put in order."""
    for way in ("pixels", "unit", "per-mille", "resized"):
        for reply in ("Here: [12, 34, 56, 7", "[[12, 34, 56, 7", "( 12, 34, 56, 7 "):
            assert Way(way).read(reply).box is None
        for reply in ("[12, 34, 56, 78, 'a cup']", "12, 34, 56, 78", "[12, 34, 56, 78]"):
            assert Way(way).read(reply).box == (12, 34, 56, 78)
