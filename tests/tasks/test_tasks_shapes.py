"""Drawn pictures: what is right follows from their pixels, by another decoder and by counting."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest

from selfcorrect import check_task
from selfcorrect.errors import UserError
from selfcorrect.outcome import GOLD
from selfcorrect.scenes import COLOURS, MOST_PAIRS, SIDE, drawn, pairs, pointed, seen
from selfcorrect.tasks import make
from selfcorrect.tasks.base import Answer
from selfcorrect.tasks.boxes import Way

GROUNDING = {"kind": "grounding", "box_format": "per-mille", "n": 40}


@pytest.mark.parametrize(
    ("options", "examples"),
    [
        pytest.param({}, 240, marks=pytest.mark.slow),
        ({"n": 40, "scene_seed": 3}, 40),
        (GROUNDING, 80),
    ],
)
def test_the_task_has_no_problems(options: dict[str, object], examples: int) -> None:
    found = check_task("shapes", task_options=options)
    assert found.problems == ()
    assert found.examples == examples


def test_what_is_drawn_is_seen_again() -> None:
    for number in range(60):
        for shapes in pairs(number, 0).pictures:
            assert seen(drawn(shapes)) == sorted(shapes, key=lambda shape: shape.box)
    assert seen(b"\x89PNG\r\n\x1a\n") is None
    assert seen(drawn([])[:-40]) is None


def test_another_decoder_sees_the_same_pixels() -> None:
    images = pytest.importorskip("PIL.Image")
    for number in range(10):
        shapes = pointed(number, 1).shapes
        with images.open(io.BytesIO(drawn(shapes))) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        assert pixels.shape == (SIDE, SIDE, 3)
        for shape in shapes:
            left, top, right, bottom = shape.box
            mine = (pixels == COLOURS[shape.colour]).all(axis=2)
            inner = mine[top:bottom, left:right]
            # it touches all four of its edges
            assert inner[0].any()
            assert inner[-1].any()
            assert inner[:, 0].any()
            assert inner[:, -1].any()
        covered = sum(int((pixels == colour).all(axis=2).sum()) for colour in COLOURS.values())
        assert covered < sum(shape.size**2 for shape in shapes) + 1


def test_both_of_a_pair_are_asked_the_same_and_differ_in_one_thing() -> None:
    task = make("shapes")
    examples = task.examples()
    kinds = Counter(example.cluster.split("/")[0] for example in examples)
    assert kinds == {"count": 60, "side": 60, "height": 60, "size": 60}
    for one, other in zip(examples[::2], examples[1::2], strict=True):
        assert task.ask(one) == task.ask(other)
        assert one.cluster == other.cluster
        assert (one.others, other.others) == (other.images, one.images)
        targets = [task.grade([(each, Answer("", "a", 0))])[0].target for each in (one, other)]
        assert targets[0] != targets[1]
    assert len({example.fields["question"] for example in examples}) == 120
    # neither side of a pair has one answer more often
    rights = Counter(
        task.grade([(e, Answer("", "a", 0))])[0].target
        for e in examples[::2]
        if not e.cluster.startswith("count")
    )
    assert 30 <= rights[0] <= 60


def test_the_first_pictures_are_the_same_whatever_their_number() -> None:
    few, many = make("shapes", options={"n": 20}), make("shapes", options={"n": 60})
    assert list(few.examples()) == list(many.examples())[:20]
    other = make("shapes", options={"n": 20, "scene_seed": 1})
    images = [{example.images for example in task.examples()} for task in (few, other)]
    assert not images[0] & images[1]
    assert few.fingerprint != many.fingerprint != other.fingerprint


@pytest.mark.slow
def test_every_pair_can_be_drawn() -> None:
    questions = {pairs(number, 5).question for number in range(MOST_PAIRS)}
    assert len(questions) == MOST_PAIRS


def test_a_box_around_the_shape_has_an_iou_of_one_and_any_other_less() -> None:
    task = make("shapes", options=GROUNDING)
    way = Way("per-mille")
    for example in list(task.examples())[:40]:
        (grade,) = task.grade([(example, task.read(example, task.reference(example) or ""))])
        assert grade.outcome == pytest.approx(1, abs=1e-4)
        gold = [grade.values[name] or 0.0 for name in GOLD]
        pixels = [round(share * SIDE) for share in gold]
        shapes = seen(example.images[0].data()) or []
        assert pixels in [list(shape.box) for shape in shapes]
        for shape in shapes:
            box = tuple(edge / SIDE for edge in shape.box)
            said = way.written(box, (SIDE, SIDE))  # type: ignore[arg-type]
            (other,) = task.grade([(example, task.read(example, said))])
            assert other.outcome == pytest.approx(float(list(shape.box) == pixels), abs=1e-4)


def test_a_reply_without_a_box_has_an_iou_of_zero_and_is_unread() -> None:
    task = make("shapes", options=GROUNDING)
    example = task.examples()[0]
    for reply, problem in (
        ("I can't see it.", "no box"),
        ("[nan, 0, 1, 1]", "a box without numbers"),
    ):
        answer = task.read(example, reply)
        assert (answer.key, answer.problem) == (None, problem)
        (grade,) = task.grade([(example, answer)])
        assert (grade.outcome, grade.values["iou_50"]) == (0, 0)
        assert set(GOLD) <= set(grade.values)


def test_swapped_corners_outside_and_further_boxes_are_counted() -> None:
    task = make("shapes", options=GROUNDING)
    example = task.examples()[0]
    (grade,) = task.grade([(example, task.read(example, "[1200, 900, -50, 0], [0, 0, 1, 1]"))])
    values = grade.values
    assert (values["swapped_corners"], values["outside"], values["further_boxes"]) == (1, 1, 1)
    assert [values[name] for name in ("box_left", "box_top", "box_right", "box_bottom")] == [
        0, 0, 1, 0.9
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"kind": "grounding"}, "name one of pixels, unit, per-mille.* with --box-format"),
        ({"kind": "grounding", "box_format": "mille"}, "no box format 'mille'"),
        ({"kind": "pair"}, "did you mean 'pairs'"),
        ({"n": 1}, "'n' of task 'shapes' must be from 2 to 2208"),
        ({"n": 5000}, "'n' of task 'shapes' must be from 2 to 2208"),
        ({"seed": 1}, "no option 'seed'"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, object], wanted: str) -> None:
    with pytest.raises(UserError, match=wanted):
        make("shapes", options=options)
