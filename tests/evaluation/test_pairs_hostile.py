"""Files of pairs and of three sentences as people have them, and as an enemy writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcorrect.errors import UserError
from selfcorrect.evaluation import stereoset
from selfcorrect.evaluation.pairs import read_pairs


def _item(**changed: Any) -> dict[str, Any]:
    labels = ("stereotype", "anti-stereotype", "unrelated")
    said = [{"gold_label": label, "sentence": f"about {label}"} for label in labels]
    item = {"id": "1", "target": "t", "bias_type": "race", "context": "Who?", "sentences": said}
    return {**item, **changed}


def _file(folder: Path, data: Any, begin: bytes = b"") -> Path:
    file = folder / "s.json"
    file.write_bytes(begin + json.dumps({"version": "1", "data": data}).encode())
    return file


@pytest.mark.parametrize(
    ("kinds", "begin"),
    [
        (("intrasentence",), b""),
        (("intersentence",), b""),
        (("intersentence", "intrasentence"), b""),  # the first beyond what is looked at
        (("intrasentence", "intersentence"), b"\xef\xbb\xbf"),
    ],
)
def test_it_is_known_whichever_kind_comes_first(
    tmp_path: Path, kinds: tuple[str, ...], begin: bytes
) -> None:
    file = _file(tmp_path, {kind: [_item()] * 400 for kind in kinds}, begin)
    assert file.stat().st_size > 1 << 16
    assert stereoset.is_stereoset(file)
    assert len(stereoset.read_items(file)) == 400 * len(kinds)


def _said(**changed: Any) -> list[dict[str, Any]]:
    first, *others = _item()["sentences"]
    return [{**first, **changed}, *others]


@pytest.mark.parametrize(
    "changed",
    [
        {"sentences": _said(sentence=None)},
        {"sentences": _said(sentence=" ")},
        {"sentences": _said(gold_label=None)},
        {"sentences": [*_said(), *_said()]},
        {"sentences": {"gold_label": [0], "sentence": ["a"]}},
        {"sentences": None},
        {"context": None},
        {"target": ["t"]},
        {"bias_type": None},
    ],
    ids=str,
)
def test_what_is_no_text_is_not_taken_for_one(tmp_path: Path, changed: dict[str, Any]) -> None:
    file = _file(tmp_path, {"intersentence": [_item(), _item(**changed)]})
    with pytest.raises(UserError, match="item 1 of intersentence is bad"):
        stereoset.read_items(file)
    skipped: list[str] = []
    assert len(stereoset.read_items(file, skipped)) == len(skipped) == 1
    assert stereoset.measured(stereoset.read_items(file, []), np.zeros((1, 3)), 1)["left_out"] == {
        "bad": 1,
        "unscored": 0,
    }


@pytest.mark.parametrize("items", [None, 5, {"a": 1}, "abc"], ids=str)
def test_items_that_are_no_list_are_a_sentence(tmp_path: Path, items: Any) -> None:
    with pytest.raises(UserError, match="it isn't in StereoSet's format"):
        stereoset.read_items(_file(tmp_path, {"intrasentence": items}))


def test_a_category_does_not_take_the_place_of_a_kind_or_of_all(tmp_path: Path) -> None:
    named = [_item(bias_type=name) for name in ("intrasentence", "all", "race")]
    items = stereoset.read_items(_file(tmp_path, {"intrasentence": named}))
    groups = stereoset.measured(items, np.zeros((3, 3)))["groups"]
    assert groups["intrasentence"]["lms"]["n"] == 6
    assert set(groups) == {"intrasentence", "category intrasentence", "category all", "race"}


def test_a_sentence_of_thousands_of_words_is_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    one, other = "a b " * 5_000, "b a a " * 3_000
    line = "sent_more,sent_less,stereo_antistereo,bias_type\na x,a y,stereo,race\n"
    file.write_text(f"{line}{one},{other},stereo,race\n")
    with pytest.raises(UserError, match=r"c\.csv:3: a sentence has 10,000 words"):
        read_pairs(file)
    assert len(read_pairs(file, skip_bad=True).items) == 1
